"""Code that is not mx's own ends no process of mx and writes nothing into its answer."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mxdev.system.output.foreign import contained


def test_leaving_the_process_is_an_exception() -> None:
    before = os._exit
    with pytest.raises(SystemExit) as raised, contained():
        os._exit(0)
    assert raised.value.code == 0
    assert os._exit is before


def test_a_forked_process_ends_as_it_wants_to() -> None:
    # In a process of its own: this one has threads of pytest's plugins.
    script = (
        "import os\n"
        "from mxdev.system.output.foreign import contained\n"
        "with contained():\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        os._exit(7)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "print('answer')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("answer\n", "7\n")


def test_what_is_printed_past_python_is_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    with contained():
        print("by Python")
        os.write(1, b"by a library\n")
        subprocess.run([sys.executable, "-c", "print('by a program')"], check=True)
    print("answer")
    out, err = capfd.readouterr()
    assert out == "answer\n"
    assert sorted(err.splitlines()) == ["by Python", "by a library", "by a program"]


def test_closed_streams_are_left_alone() -> None:
    script = (
        "import os\n"
        "from mxdev.system.output.foreign import contained\n"
        "os.close(1)\n"
        "with contained():\n"
        "    print('talk')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "talk" in done.stderr
    assert "Traceback" not in done.stderr
