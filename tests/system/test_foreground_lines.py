"""A program in the foreground whose output goes line by line to a function."""

from __future__ import annotations

import os
import subprocess
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


def test_the_copy_of_two_streams_has_whole_lines(tmp_path: Path) -> None:
    """An unbuffered program writes the end of a line by itself, and the other stream comes between."""
    code = (
        "import os, time\nfor piece, stream in ((b'one', 1), (b'two', 2), (b'\\n', 1), (b'\\n', 2), (b'last', 1)):\n"
        "    os.write(stream, piece)\n    time.sleep(0.1)\n"
    )
    copy = tmp_path / "copy.log"
    runner = f"import os, pathlib\nfrom mxdev.system import foreground\nforeground.run([{sys.executable!r}, '-c', {code!r}], cwd=pathlib.Path('.'), environ=os.environ, copy=pathlib.Path({str(copy)!r}))"
    done = subprocess.run([sys.executable, "-c", runner], cwd=tmp_path, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"one\nlast", b"two\n")
    assert copy.read_bytes() == b"one\ntwo\nlast"
