"""Pieces of work in threads: none of their errors is lost, and what is at work is not taken for something that hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from mxdev.lint import side_by_side
from mxdev.lint.side_by_side import Task, each


def test_the_error_of_the_one_that_ends_last_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end is what ends the wait: all of its thread is over here before anybody looks."""

    def start(serve: object) -> None:
        thread = threading.Thread(target=serve)  # type: ignore[arg-type]
        thread.start()
        thread.join()

    def work(task: Task[int]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(side_by_side, "_start", start)
    with pytest.raises(KeyboardInterrupt):
        each(work, [1])


STOPPED = """
import faulthandler, time
from mxdev.lint import side_by_side

def work(task):
    print("works", flush=True)
    for _ in range(30):  # no sign of life in it, and more than half a second in which it runs
        time.sleep(0.02)

def disarm():
    print("disarmed", flush=True)
    real()

real, faulthandler.cancel_dump_traceback_later = faulthandler.cancel_dump_traceback_later, disarm
side_by_side._HOLDING = 0.2
print(side_by_side.each(work, ["one"], 1.0), flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGTSTP"), reason="^Z of POSIX")
def test_the_time_in_which_mx_is_stopped_is_no_silence() -> None:
    """^Z, and fg after longer than a rule may be silent."""
    child = subprocess.Popen(
        [sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "works\n"
    child.send_signal(signal.SIGTSTP)
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    time.sleep(2.2)
    child.send_signal(signal.SIGCONT)
    out, err = child.communicate(timeout=20)
    # Before it stopped, and at the end: what is armed while it is stopped may go off before anybody can disarm it.
    assert (child.returncode, out, err) == (0, "disarmed\ndisarmed\n[]\n", "")
