"""A program in the foreground whose output goes line by line to a function."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from mxdev.system import foreground

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def test_every_line_has_come_when_it_returns(tmp_path: Path) -> None:
    code = (
        "import sys\nfor at in range(200):\n    print(at, file=(sys.stdout, sys.stderr)[at % 2], flush=True)"
    )
    seen: list[bytes] = []

    def slow(line: bytes) -> None:
        time.sleep(0.002)
        seen.append(line)

    ended = foreground.run([sys.executable, "-c", code], cwd=tmp_path, environ=os.environ, lines=slow)
    assert ended.code == 0
    assert seen == [f"{at}\n".encode() for at in range(200)]


def test_one_that_leaves_the_pipe_to_its_child_is_not_waited_for(tmp_path: Path) -> None:
    began = time.monotonic()
    code = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)'])\nprint('left')"
    seen: list[bytes] = []
    ended = foreground.run([sys.executable, "-c", code], cwd=tmp_path, environ=os.environ, lines=seen.append)
    assert (ended.code, seen) == (0, [b"left\n"])
    assert time.monotonic() - began < 15
