"""Fresh environments: this checkout's mx as a wheel, and commands that find nothing but what is installed beside it."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ml_environment import uv

ROOT = Path(__file__).resolve().parent.parent


@functools.cache
def wheels() -> Path:
    """A folder with the wheel of this checkout; made once in a run of the tests."""
    folder = Path(tempfile.mkdtemp(prefix="mx-wheels-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run([uv(), "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT)], cwd=folder)
    return folder


def environment() -> dict[str, str]:
    """The variables of a person who has uv and none of the tests' packages; mx is found beside the index."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MX_", "PYTHON", "VIRTUAL_ENV"))
    }
    kept["PATH"] = os.pathsep.join([str(Path(uv()).parent), kept["PATH"]])
    return kept | {
        "UV_FIND_LINKS": str(wheels()),
        "MX_CACHE_DIR": os.environ["MX_CACHE_DIR"],
        "MX_CONFIG_DIR": os.environ["MX_CONFIG_DIR"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "NO_COLOR": "1",
    }


def run(
    command: list[str] | str, cwd: Path, env: dict[str, str] | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a program, or a line of bash, in `cwd`; it fails the test with what it said, unless `check` is off."""
    arguments = ["bash", "-euo", "pipefail", "-c", command] if isinstance(command, str) else command
    done = subprocess.run(
        arguments, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300
    )
    assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done
