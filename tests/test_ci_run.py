"""What continuous integration runs: a test that is red once runs again by itself, and nothing else is forgiven."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RED_ONCE = """
from pathlib import Path
def test_good(): pass
def test_unsteady():
    seen = Path("seen")
    if not seen.exists():
        seen.touch()
        raise AssertionError("a limit of time")
"""


@pytest.mark.parametrize(
    ("tests", "also", "passes", "again"),
    [
        (RED_ONCE, "", True, True),
        ("def test_good(): pass", "", True, False),
        ("def test_bad(): assert False", "", False, True),
        ("\n".join(f"def test_{at}(): assert False" for at in range(4)), "", False, False),
        (RED_ONCE, "@echo 'skipped, and must not be (MX_TEST_STRICT)'", False, False),
        ("def test_good(): pass", "@false", False, False),
    ],
    ids=["red-once", "green", "red-twice", "many", "skipped", "style"],
)
def test_what_is_forgiven(tmp_path: Path, tests: str, also: str, passes: bool, again: bool) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "test_it.py").write_text(tests)
    (tmp_path / "Makefile").write_text(f"test:\n\t{also or '@true'}\n\t.venv/bin/python -m pytest -q\n")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "MAKE", "MX_"))}
    done = subprocess.run(
        ["bash", ".ci/run"], cwd=tmp_path, env=kept, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) is passes, done.stdout + done.stderr
    assert ("run again by themselves" in done.stdout) is again
