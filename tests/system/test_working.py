"""One line for a program that works: it counts on a terminal, and is said once elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

CODE = """
import time
from mxdev.system.output.working import working
with working("installing") as state:
    state.add(b"one of them\\x1b[2J\\n")
    time.sleep(1.2)
print("after", flush=True)
"""


def test_on_a_terminal() -> None:
    mine, its = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", CODE], stdin=its, stdout=its, stderr=its) as child:
        os.close(its)
        seen = b""
        while True:
            try:
                data = os.read(mine, 65536)
            except OSError:
                break
            if not data:
                break
            seen += data
        assert child.wait() == 0
    os.close(mine)
    shown = seen.decode().split("\r\x1b[K")
    assert any(line.startswith("installing: 0 s") for line in shown)
    assert any(line.startswith("installing: 1 s  one of them") for line in shown)
    assert "\x1b[2J" not in seen.decode(), "a program's words steer no terminal through it"
    assert shown[-1] == "after\r\n", "the line is gone"
    assert "\n" not in "".join(shown[:-1])


def test_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    from mxdev.system.output.working import working

    with working("installing") as state:
        state.add(b"one of them\n")
    assert capsys.readouterr().err == "installing\n"
    assert state.said == [b"one of them\n"]
