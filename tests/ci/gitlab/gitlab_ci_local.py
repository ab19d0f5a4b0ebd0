"""gitlab-ci-local (npm), which runs GitLab's jobs without GitLab; installed once, into the user's cache folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
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


def run(
    project: Path,
    *jobs: str,
    variables: Mapping[str, str],
    tools: Mapping[str, str],
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run jobs of `project` in a shell, each in a copy of what Git has of it.

    Args:
        variables: of the pipeline, over its own.
        tools: stand-ins for programs by their names, each the text of a shell script; they lie beside the project.
        options: more of gitlab-ci-local's.
        environment: instead of this process's; the jobs see it.
        timeout: in seconds.
    """
    folder = project.parent / "tools"
    for name, text in tools.items():
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    given = [word for name, value in variables.items() for word in ("--variable", f"{name}={value}")]
    mine = os.environ if environment is None else environment
    path = [str(folder), *path_for(project.parent / "bin"), mine["PATH"]]
    return subprocess.run(
        [program(), "--force-shell-executor", "--shell-isolation", *given, *options, *jobs],
        cwd=project, env={**mine, "PATH": os.pathsep.join(path), "NO_COLOR": "1"},
        capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip


def path_for(folder: Path) -> list[str]:
    """What goes to the front of PATH: a stand-in for rsync, below `folder`, where there is none."""
    if shutil.which("rsync"):
        return []
    script = folder / "rsync"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$@"\n')
    script.chmod(0o755)
    return [str(folder)]
