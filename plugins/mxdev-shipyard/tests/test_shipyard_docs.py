"""The console blocks of docs/index.md, run in order in one folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from mxdev.testing import follow

PAGE = Path(__file__).parents[1] / "docs/index.md"


def test_the_page_is_true(tmp_path: Path) -> None:
    assert len(follow(PAGE, tmp_path)) == 8


def test_the_hook_of_pre_commit_is_one(tmp_path: Path) -> None:
    """As the page has it, but for where its program comes from: here it is a double that runs this checkout."""
    [hook] = re.findall(r"```yaml\n(repos:\n.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert "additional_dependencies: [mxdev-shipyard]" in hook
    here = hook.replace("language: python", "language: system").replace(
        "        additional_dependencies: [mxdev-shipyard]\n", ""
    )
    root, programs = tmp_path / "deploy-iris-model", tmp_path / "bin"
    for folder in (root, programs):
        folder.mkdir()
    (root / ".pre-commit-config.yaml").write_text(here)
    (root / "README.md").write_text("# iris\n")
    snitch = programs / "snitch"
    snitch.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -c "from mxdev_shipyard.standards.command import main; main()" "$@"\n'
    )
    snitch.chmod(0o755)
    path = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = {**os.environ, "PATH": os.pathsep.join(path), "PRE_COMMIT_HOME": str(tmp_path / "home")}
    for command in (["git", "init", "-q"], ["git", "add", "."]):
        subprocess.run(command, cwd=root, check=True)
    done = subprocess.run(
        ["pre-commit", "run", "snitch"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "serve.py: it is missing" in done.stdout
