"""gitlab-ci-local (npm), which runs GitLab's jobs without GitLab; installed once, into the user's cache folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from terraform_mirror import cache_folder

# The newest that runs on Node 20.
VERSION = "4.61.1"
STAND_IN = Path(__file__).with_name("rsync_stand_in.py")


def program() -> Path:
    """The program. Skips the test, with the reason, where it cannot be had."""
    folder = cache_folder() / f"gitlab-ci-local-{VERSION}"
    found = folder / "node_modules" / ".bin" / "gitlab-ci-local"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "ready").exists():
            if shutil.which("npm") is None:
                pytest.skip("npm is not installed, which installs gitlab-ci-local")
            folder.mkdir(exist_ok=True)
            command = ["npm", "install", "--no-audit", "--no-fund", f"gitlab-ci-local@{VERSION}"]
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, check=False, timeout=300
            )
            if done.returncode:
                pytest.skip(f"gitlab-ci-local {VERSION} cannot be installed: {done.stderr.strip()}")
            (folder / "ready").touch()
    return found


def path_for(folder: Path) -> list[str]:
    """What goes to the front of PATH: a stand-in for rsync, below `folder`, where there is none."""
    if shutil.which("rsync"):
        return []
    script = folder / "rsync"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$@"\n')
    script.chmod(0o755)
    return [str(folder)]
