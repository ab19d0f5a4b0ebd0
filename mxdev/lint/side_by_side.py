"""Does pieces of work in threads: ^C ends them, and one that hangs is left behind, so that the others have a result."""

from __future__ import annotations

import contextlib
import faulthandler
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mxdev.system import signals

T = TypeVar("T")
WORKERS = 8
_TICK = 0.2
_LAST_WORDS = 0.5
_HOLDING = 2.0  # seconds more, after which something keeps all of Python waiting
_STOPPED = 1.0  # a tick that takes so many seconds without work is no tick: the process was stopped


@dataclass(eq=False)
class Task(Generic[T]):
    """One piece of work.

    Attributes:
        item: what it is about.
        left: nobody waits for it any more.
    """

    item: T
    left: bool = False
    _heard: float | None = None
    _done: bool = False
    _error: BaseException | None = None
    _thread: threading.Thread | None = field(default=None, repr=False)

    def alive(self) -> None:
        """It is known to be at work: from here on it has all its time again.

        Raises:
            SystemExit: nobody waits for it any more.
        """
        if self.left:
            raise SystemExit
        self._heard = time.monotonic()

    def stopped(self, seconds: float) -> None:
        """The whole process was stopped for so long, which is nobody's silence."""
        if self._heard is not None:
            self._heard = min(self._heard + seconds, time.monotonic())

    def silent(self, seconds: float) -> bool:
        """Whether it is at work and was not heard of for so long."""
        return self._heard is not None and not self._done and time.monotonic() - self._heard > seconds


@signals.as_control_c()  # a cancelled job in CI gets SIGTERM: what runs in the threads ends with mx then, too
def each(work: Callable[[Task[T]], None], items: Sequence[T], limit: float | None = None) -> list[T]:
    """Do `work` on all items side by side; threads do, since other programs have the work.

    Args:
        work: what is done; it says by `Task.alive` that it goes on.
        items: on what.
        limit: seconds without a sign of life after which it counts as hanging; None: wait for ever. What keeps all of
            Python waiting for itself (a regular expression can) ends the process after that time with a traceback on
            stderr and exit code 1, since nothing else can run then.

    Returns:
        Those that hang and were left behind.
    """
    from mxdev.system import programs

    tasks = [Task(item) for item in items]
    waiting = deque(tasks)
    changed = threading.Condition()

    def serve() -> None:
        while waiting:
            try:
                task = waiting.popleft()
            except IndexError:
                return
            task._thread = threading.current_thread()
            task._heard = time.monotonic()
            try:
                work(task)
            except BaseException as error:
                task._error = error
            with changed:
                task._done = True
                changed.notify()
            if task.left:  # another one took its place
                return

    patience = None if limit is None else limit * 1.1 + _LAST_WORDS  # a program's own limit comes first

    def arm() -> None:
        if patience is not None:
            faulthandler.dump_traceback_later(patience + _HOLDING, exit=True, file=2)

    watching = contextlib.ExitStack()
    try:
        if patience is not None:
            watching.enter_context(signals.around_stop(faulthandler.cancel_dump_traceback_later, arm))
        began, worked = time.monotonic(), time.process_time()
        arm()  # before there is a thread that could keep all of Python
        for _ in range(min(WORKERS, len(tasks))):
            _start(serve)
        while any(not task._done and not task.left for task in tasks):
            arm()
            with changed:
                changed.wait(_TICK)
            _raise_first(tasks)
            now, work_now = time.monotonic(), time.process_time()
            # Not the time in which a rule kept all of Python for itself: that it worked.
            gap = now - began - (work_now - worked) - _TICK
            began, worked = now, work_now
            for task in tasks:
                if gap > _STOPPED:
                    task.stopped(gap)
                if patience is not None and not task.left and task.silent(patience):
                    task.left = True
                    _start(serve)
        _raise_first(tasks)  # the last one ends the loop before its error is looked at
    except BaseException:
        waiting.clear()
        end = time.monotonic() + 2
        # A rule may start its next program still.
        while any(task._heard and not task._done for task in tasks) and time.monotonic() < end:
            programs.stop_captured()
            time.sleep(0.02)
        raise
    finally:
        watching.close()
        if patience is not None:
            faulthandler.cancel_dump_traceback_later()
    left = [task for task in tasks if task.left]
    if left:
        programs.stop_captured()
        _end(left)
    return [task.item for task in left]


def _raise_first(tasks: Sequence[Task[T]]) -> None:
    """The error of the first task that has one and that is waited for."""
    for task in tasks:
        if task._error is not None and not task.left:
            raise task._error


def _start(serve: Callable[[], None]) -> None:
    threading.Thread(target=serve, name="mx-lint", daemon=True).start()


def _end(tasks: Sequence[Task[T]]) -> None:
    """Have the threads that are left behind stop, where they still run Python: what they print would get into mx's answer."""
    import ctypes

    for task in tasks:
        if task._thread is not None and task._thread.ident is not None and not task._done:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(task._thread.ident), ctypes.py_object(SystemExit)
            )
    end = time.monotonic() + _LAST_WORDS
    while not all(task._done for task in tasks) and time.monotonic() < end:
        time.sleep(0.01)
