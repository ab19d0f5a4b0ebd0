"""Holds ^C back for the short time in which stopping would cost more than finishing, and lets other signals be as ^C."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Signals:
    """What arrived inside a block: the number of a signal, or None."""

    arrived: int | None = None


@contextlib.contextmanager
def deferred() -> Iterator[Signals]:
    """Signals that arrive inside the block, however many, take effect once, at its end.

    One that was ignored before stays ignored. In another thread than the main one this does nothing, since Python
    delivers signals to the main thread only.
    """
    signals = Signals()

    def remember(number: int, frame: FrameType | None) -> None:
        signals.arrived = number

    with _handled_by(remember):
        yield signals
    # Not when an error is on its way: what it says about the project must reach the person, and it stops mx too.
    if signals.arrived is not None:
        signal.raise_signal(signals.arrived)


@contextlib.contextmanager
def as_control_c() -> Iterator[Signals]:
    """Inside the block every signal that ends a process raises KeyboardInterrupt, so that what has to be is cleaned up.

    Only the first one does: a further one would cut the cleaning short. One that was ignored before stays ignored.
    """
    signals = Signals()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if signals.arrived is None:
            signals.arrived = number
            raise KeyboardInterrupt

    with _handled_by(interrupt):
        yield signals


@contextlib.contextmanager
def first(work: Callable[[], None]) -> Iterator[None]:
    """Inside the block a signal that ends a process without an exception does `work` before it has its effect."""

    def do(number: int, frame: FrameType | None) -> None:
        work()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    with _handled_by(do, only=(signal.SIG_DFL,)):
        yield


@contextlib.contextmanager
def around_stop(before: Callable[[], None], after: Callable[[], None]) -> Iterator[None]:
    """Inside the block ^Z calls `before`, stops this process as it does anywhere, and calls `after` when the process goes on.

    Where ^Z is handled already, is ignored or is unknown, and in another thread than the main one, this does nothing.
    """
    number = getattr(signal, "SIGTSTP", None)
    here = threading.current_thread() is threading.main_thread()
    if number is None or not here or signal.getsignal(number) is not signal.SIG_DFL:
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        before()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
        signal.signal(number, stop)
        after()

    signal.signal(number, stop)
    try:
        yield
    finally:
        signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def _handled_by(
    handler: Callable[[int, FrameType | None], None], only: tuple[signal.Handlers, ...] | None = None
) -> Iterator[None]:
    """`handler` gets the signals that end a process, but for those that are ignored; none in another thread.

    Args:
        handler: what is called.
        only: just the signals that this handled before; None: all of them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    changed = [
        number
        for number, found in before.items()
        if found not in (signal.SIG_IGN, None) and (only is None or found in only)
    ]
    try:
        for number in changed:
            signal.signal(number, handler)
        yield
    finally:
        for number in changed:
            signal.signal(number, before[number])
