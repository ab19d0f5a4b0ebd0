"""Ansible with the collections that user data installs on the instance; made once, in the user's cache folder."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from filelock import FileLock
from mxdev.testing import cache_folder

from mxdev_ec2.server.generator import ANSIBLE

CORE = "2.19.14"
LINT = "26.10.1"
WANTED = ("community/docker/", "community/library_inventory_filtering_v1/")


def home() -> Path:
    """A folder with `bin/ansible-playbook`, `bin/ansible-lint`, and `collections/`. Skips the test where it cannot be had.

    Of the distribution `ansible`, which is half a gigabyte unpacked, only the collections that the playbook uses are unpacked.
    """
    folder = cache_folder() / f"ansible-{ANSIBLE}-{CORE}-{LINT}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "ready").exists():
            uv = [sys.executable, "-m", "uv"]
            _run(*uv, "venv", "--quiet", "--allow-existing", folder)
            wanted = [f"ansible-core=={CORE}", f"ansible-lint=={LINT}"]
            _run(*uv, "pip", "install", "--quiet", "--python", folder / "bin/python", *wanted)
            wheels = folder / "wheels"
            _run(*uv, "pip", "install", "--quiet", "--python", folder / "bin/python", "pip")
            _run(folder / "bin/python", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
                 "--dest", wheels, f"ansible=={ANSIBLE}")  # fmt: skip
            [wheel] = wheels.glob("ansible-*.whl")
            with zipfile.ZipFile(wheel) as archive:
                prefixes = tuple(f"ansible_collections/{name}" for name in WANTED)
                names = [name for name in archive.namelist() if name.startswith(prefixes)]
                archive.extractall(folder / "collections", names)
            wheel.unlink()
            (folder / "ready").touch()
    return folder


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        pytest.skip(f"Ansible cannot be installed: {done.stderr.strip()}")
