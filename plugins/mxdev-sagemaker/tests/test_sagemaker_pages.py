"""The console blocks of the pages, run in order in one folder each."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REFUSED = re.compile(r"^error: |^deployments/.*: ", re.MULTILINE)
DOCS = Path(__file__).parents[1] / "docs"


def _pattern(expected: str) -> str:
    return re.escape(expected.strip()).replace(r"\.\.\.", ".*")


@pytest.mark.parametrize(
    ("page", "commands"), [("training.md", 4), ("experiment.md", 5), ("platform.md", 11)]
)
def test_the_page_is_true(tmp_path: Path, page: str, commands: int) -> None:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
    }
    folder, ran = tmp_path, 0
    for block in re.findall(r"```console\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL):
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            ran += 1
            if command.startswith("cd "):
                folder = (folder / command[3:]).resolve()
                continue
            done = subprocess.run(
                command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            # What is shown to be refused says so, and nothing else is.
            assert done.returncode == bool(REFUSED.search(expected)), (command, done.stdout + done.stderr)
            said = (done.stdout + done.stderr).strip()
            assert re.fullmatch(_pattern(expected), said, re.DOTALL), (command, said)
    assert ran == commands
