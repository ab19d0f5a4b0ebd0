"""How long one test of a standard may take, so that one that hangs keeps nobody waiting."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

# Seconds until the alarm goes off again, at least: alarms that come faster than Python handles them keep it busy for ever.
_AGAIN = 1.0


class HangsError(BaseException):
    """It took longer than its limit. No `Exception`, so that a test which swallows those is ended too."""


@contextlib.contextmanager
def limited(seconds: float, what: str) -> Iterator[None]:
    """End what is done inside when it takes longer.

    The alarm goes off again and again, so that what swallows it once, or cleans up slowly, is ended all the same. It needs the main
    thread, and code that lets Python look at signals, as waiting for files, programs, locks and other machines does.

    Args:
        seconds: 0: no limit.
        what: the beginning of the sentence.

    Raises:
        HangsError: it took longer.
    """
    if not seconds or threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(signum: int, frame: FrameType | None) -> None:
        raise HangsError(
            f"{what} took longer than {seconds:g} seconds, and was ended. "
            "If it needs longer: `mx check --timeout SECONDS`, or MX_CHECK_TIMEOUT."
        )

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds, max(seconds, _AGAIN))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
