"""For tests of update, destroy and undo: a project whose generators render what a test says, and real Git beside it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from disks import snapshot
from sites import SAMPLES, make_distribution

from mxdev import cli
from mxdev.plugins import index, model
from mxdev.project.files import renames

sys.path.append(str(SAMPLES))
import acme_world
from acme_world import Spec

HIDDEN = (".mx/undo", ".mx/lock", ".git/")
_GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b", "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What a run of mx gave."""

    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        return self.raw.decode("utf-8")

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def rows(self) -> dict[str, str]:
        """Status by path, from `--json`, without those that need nothing."""
        return {row["path"]: row["status"] for row in self.json["changes"] if row["status"] != "identical"}


def call(*arguments: str, cwd: Path, stdin: str = "") -> Answer:
    """Run mx in this process, in the folder `cwd`, off a terminal."""
    renames.forget()
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    kept = sys.stdin
    sys.stdin = io.StringIO(stdin)
    try:
        with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.run(list(arguments))
            out.flush()
            err.flush()
    finally:
        sys.stdin = kept
    seen, said = (stream.buffer.getvalue() for stream in (out, err))  # type: ignore[attr-defined]
    return Answer(code, seen, said.decode("utf-8"))


class World:
    """A project in `root`, and what its generators render."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.base, self.app, self.extra, self.top = (
            acme_world.SPECS.setdefault(name, Spec())
            for name in ("WorldBase", "WorldApp", "WorldExtra", "WorldTop")
        )

    def mx(self, *arguments: str, stdin: str = "") -> Answer:
        return call(*arguments, cwd=self.root, stdin=stdin)

    def ok(self, *arguments: str) -> Answer:
        """Run mx and expect it to say that all is well."""
        answer = self.mx(*arguments)
        assert answer.code == 0, f"mx {' '.join(arguments)}: {answer.code}\n{answer.out}\n{answer.err}"
        return answer

    def start(self, *options: str) -> None:
        """Generate WorldBase as the project, in `root`."""
        self.root.parent.mkdir(parents=True, exist_ok=True)
        made = call("generate", "WorldBase", self.root.name, "--no-input", *options, cwd=self.root.parent)
        assert made.code == 0, made.out + made.err

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def text(self, path: str) -> str:
        return self.read(path).decode()

    def write(self, path: str, data: str | bytes) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data.encode() if isinstance(data, str) else data)

    def edit(self, path: str, old: str, new: str) -> None:
        text = self.text(path)
        assert old in text, f"{old!r} is not in {text!r}"
        self.write(path, text.replace(old, new))

    def delete(self, path: str) -> None:
        (self.root / path).unlink()

    def has(self, path: str) -> bool:
        return os.path.lexists(self.root / path)

    def status(self, instance: str = "WorldBase") -> Any:
        rows = self.mx("status", "--json").json["instances"]
        return next(row for row in rows if row["instance"] == instance)

    def record(self, instance: str = "WorldBase") -> str:
        return self.text(f".mx/generators/{instance.replace(':', '.')}.yaml")

    def tree(self) -> dict[str, Any]:
        """Everything in the project but Git's, the lock and the undo."""
        found = snapshot(self.root).items()
        return {path: what for path, what in found if path != ".git" and not path.startswith(HIDDEN)}

    def mine(self) -> dict[str, Any]:
        """Everything outside `.mx/`."""
        return {path: what for path, what in self.tree().items() if path.split("/")[0] != ".mx"}

    def git(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, capture_output=True, text=True, check=False,
            env={**os.environ, **_GIT},
        )  # fmt: skip
        assert not check or done.returncode == 0, f"git {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def commit(self, message: str = "x") -> None:
        """Commit everything, in a repository that is made where there is none."""
        if not (self.root / ".git").exists():
            self.git("init", "-q", "-b", "main")
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)


@pytest.fixture(scope="session")
def world_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for `sys.path` in which the plugin of `World` is installed."""
    site = tmp_path_factory.mktemp("world-site")
    make_distribution(site, "acme-world", module="acme_world", version="1.0.0")
    (site / "acme_world").symlink_to(SAMPLES / "acme_world")
    return site


@pytest.fixture
def specs(world_site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plugin of `World`, installed, with nothing to render yet."""
    monkeypatch.syspath_prepend(world_site)
    monkeypatch.setenv("PYTHONPATH", str(world_site))
    for name, value in _GIT.items():
        monkeypatch.setenv(name, value)
    acme_world.SPECS.clear()
    index.forget()
    model._warned.clear()
    yield
    acme_world.SPECS.clear()
    index.forget()


@pytest.fixture
def world(tmp_path: Path, specs: None) -> World:
    """A project that is yet to be generated: say what is rendered, then `world.start()`."""
    return World(tmp_path / "demo")
