"""What a user reads, word for word: helps, plans, JSON, messages and exit codes of one long session, beside how it was.

With `MX_UPDATE_SNAPSHOTS=1` the transcript is written anew; look at the difference before you commit it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mxdev.testing import UPDATE_SNAPSHOTS, mx

TRANSCRIPT = Path(__file__).with_suffix(".txt")
COMMANDS = ("generate", "update", "set", "destroy", "undo", "status", "diff", "adopt", "resolve", "lint", "build",
            "flow", "plugins", "recover", "completion")  # fmt: skip
HELPS = [
    *([name] for name in COMMANDS),
    *(["flow", name] for name in ("run", "ui", "connect", "rerun", "status", "logs", "cancel")),
    *(["build", name] for name in ("image", "docs", "package")),
    *(["generate", name] for name in ("MLProjectSkeleton", "DistributedTraining", "GitLabCI", "Plugin")),
]
SKELETON = (
    "generate", "MLProjectSkeleton", "churn-model", "--project-id", "acme-ml-1", "--domain", "example.com",
    "--region", "europe-west4", "--no-input",
)  # fmt: skip


class Session:
    """Runs `mx`, and writes down what was typed and what came."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.at = folder
        self.lines: list[str] = []

    def mx(self, *arguments: str) -> None:
        done = mx(
            *arguments, cwd=self.at, env={"TZ": "UTC", "COLUMNS": "80", "GIT_CONFIG_GLOBAL": os.devnull}
        )
        where = self.at.relative_to(self.folder).as_posix()
        self.lines += [f"{where}$ mx {' '.join(arguments)}", *self._plain(done.stdout).splitlines()]
        self.lines += [f"2> {line}" for line in self._plain(done.stderr).splitlines()]
        self.lines.append(f"[{done.code}]\n")

    def _plain(self, text: str) -> str:
        text = text.replace(str(self.folder), "FOLDER")
        text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "TIME", text)
        text = re.sub(r"\b[0-9a-f]{40}\b", "HASH", text)
        return re.sub(r'"seconds": [\d.]+', '"seconds": S', text)


def _helps(session: Session) -> None:
    session.mx("--version")
    session.mx("--help")
    for words in HELPS:
        session.mx(*words, "--help")
    session.mx("generate")
    session.mx("lint", "--list-rules")


def _wrong(session: Session) -> None:
    for words in (
        ["generat"], ["generate", "MLProjectSkeletn"], ["generate", "DistributedTraining"], ["status"], ["undo"], ["recover"],
        ["update", "--json"], ["generate", "--dry-run"], ["generate", "MLProjectSkeleton", "Churn Model", "--no-input"],
        ["generate", "MLProjectSkeleton", "--no-input"], ["lint", "--rule", "rufff"], ["flow", "run"],
    ):  # fmt: skip
        session.mx(*words)


def _project(session: Session) -> None:
    session.mx(*SKELETON, "--dry-run")
    session.mx(*SKELETON)
    session.at = root = session.folder / "churn-model"
    session.mx("status")
    session.mx("generate", "distributed-training", "--workers", "3", "--json")
    session.mx("generate")
    session.mx("set", "region=us-central1", "--dry-run", "--diff")
    session.mx("set", "regio=us-central1")
    session.mx("set", "region")
    session.mx("set", "workers=0")
    (root / "README.md").write_text((root / "README.md").read_text() + "\nOurs.\n")
    devspace = (root / "devspace.yaml").read_text()
    (root / "devspace.yaml").write_text(devspace.replace("serverSideApply", "serverSide", 1) + "# ours\n")
    (root / "LICENSE").write_text("All rights reserved.\n")
    session.mx("status")
    session.mx("status", "--json", "--exit-code")
    session.mx("diff")
    session.mx("set", "workers=4", "--dry-run")
    session.mx("set", "workers=4")
    session.mx("undo", "--dry-run", "--json")
    session.mx("undo")
    session.mx("undo")
    session.mx("adopt")
    session.mx("adopt", "README.md")
    session.mx("resolve")
    session.mx("update")
    session.mx("update", "Nobody")
    session.mx("update", "--retry", "nothing.txt")
    session.mx("generate", "GitLabCI", "--no-input", "--on-conflict", "keep")
    session.mx("destroy", "MLProjectSkeleton")
    session.mx("destroy", "DistributedTraining", "--dry-run")
    session.mx("destroy", "DistributedTraining", "GitLabCI")
    session.mx("destroy", "MLProjectSkeleton", "--json")
    session.mx("plugins")


def test_what_a_user_reads_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of a word is a change that a person sees: it is made on purpose, or not at all."""
    session = Session(tmp_path)
    _helps(session)
    _wrong(session)
    _project(session)
    found = "\n".join(session.lines)
    if os.environ.get(UPDATE_SNAPSHOTS):
        TRANSCRIPT.write_text(found, encoding="utf-8")
    if found != TRANSCRIPT.read_text(encoding="utf-8"):
        other = tmp_path / "transcript.txt"
        other.write_text(found, encoding="utf-8")
        diff = subprocess.run(
            [shutil.which("diff") or "diff", "-u", TRANSCRIPT, other],
            capture_output=True,
            text=True,
            check=False,
        )
        pytest.fail(diff.stdout, pytrace=False)
