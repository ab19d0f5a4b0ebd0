"""What the tests share: a rendered project, and a Python with what such a project requires, made once and kept."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from mxdev.testing import mx
from platformdirs import user_cache_path

import mxdev_shipyard

NAME = "deploy-iris-model"
TEMPLATES = Path(mxdev_shipyard.__file__).parent / "model_project/templates"


def project(folder: Path, *options: str) -> Path:
    """A rendered project in `folder`."""
    made = mx("generate", "ModelProject", NAME, "--no-input", "--skip-git", *options, cwd=folder)
    assert made.code == 0, made.stderr
    return folder / NAME


@functools.cache
def python() -> Path:
    """An interpreter with the pinned packages of a model project, by their hashes; in the user's cache folder."""
    files = [TEMPLATES / "requirements.txt", TEMPLATES / "requirements-dev.txt"]
    text = b"".join(file.read_bytes() for file in files)
    key = hashlib.sha256(sys.version.encode() + text).hexdigest()[:16]
    folder = user_cache_path("mx-devtool-tests") / f"shipyard-{key}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = folder / "bin/python"
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    with FileLock(f"{folder}.lock"):
        if not (folder / "complete").exists():
            if uv is None:
                pytest.skip("uv is not installed: `pip install uv`")
            subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, folder], check=True)
            wanted = [word for file in files for word in ("-r", str(file))]
            subprocess.run(
                [uv, "pip", "install", "-q", "--require-hashes", "--python", made, *wanted], check=True
            )
            (folder / "complete").touch()
    return made


def own_tests(folder: Path, *arguments: str, code: int = 0) -> str:
    """What the project's own tests print when they end with `code`.

    They run once for the same files and packages, and what they printed is kept in the user's cache folder; `MX_TEST_ALL` runs them in
    any case.
    """
    made = python()
    digest = hashlib.sha256(repr((made, arguments, code)).encode())
    for path in sorted(folder.rglob("*")):
        own = path.relative_to(folder).parts
        if path.is_file() and ".mx" not in own and "__pycache__" not in own and path.suffix != ".npz":
            digest.update(repr(own).encode() + path.read_bytes())
    note = user_cache_path("mx-devtool-tests") / "noted" / f"shipyard-{digest.hexdigest()}"
    if note.exists() and not os.environ.get("MX_TEST_ALL"):
        return note.read_text("utf-8")
    command = [made, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(done.stdout, "utf-8")
    return done.stdout
