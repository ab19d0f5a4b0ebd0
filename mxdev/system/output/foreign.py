"""Around code that is not mx's own: what it prints is talk and goes to stderr, and the end of the process is mx's alone."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import NoReturn


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """Nothing below writes to mx's answer, not even past Python, and `os._exit` is a `SystemExit` like that of `sys.exit`.

    A command whose code ends the process without a word would say nothing and be green. Processes that are forked below end as
    they want to. Of two threads one has to be in here for both.
    """
    own, leave = os.getpid(), os._exit

    def stay(status: int) -> NoReturn:
        if os.getpid() != own:
            leave(status)
        raise SystemExit(status)

    with _stdout_is_stderr(), contextlib.redirect_stdout(sys.stderr):
        os._exit = stay
        try:
            yield
        finally:
            os._exit = leave


@contextlib.contextmanager
def _stdout_is_stderr() -> Iterator[None]:
    """For programs and libraries that write to the file descriptor; nothing where one of the two is closed."""
    try:
        os.fstat(2)
        kept = os.dup(1)
    except OSError:
        yield
        return
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
