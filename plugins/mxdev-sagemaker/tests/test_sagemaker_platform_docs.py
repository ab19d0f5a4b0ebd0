"""The console blocks of docs/platform.md, run in order in one folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs/platform.md"


def test_the_page_is_true(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "LC_ALL": "C",
    }
    folder, ran = tmp_path, 0
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            ran += 1
            if command.startswith("cd "):
                folder = (folder / command[3:]).resolve()
                continue
            done = subprocess.run(
                command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            pattern = re.escape(expected.strip()).replace(r"\.\.\.", ".*")
            assert done.returncode == (1 if "check.py" in command else 0), done.stderr
            assert re.fullmatch(pattern, done.stdout.strip(), re.DOTALL), (
                command,
                done.stdout,
                done.stderr,
            )
    assert ran == 11
