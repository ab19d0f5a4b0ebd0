"""One line that says what is going on while a program works whose own words nobody needs, unless it fails."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mxdev.system import console

# How often the line is written anew, in seconds.
_TICK = 0.5
_LONGEST = 60


class Working:
    """What a program said, and the line that is shown for it.

    Attributes:
        said: all lines so far.
    """

    def __init__(self, what: str) -> None:
        self._what, self._since = what, time.monotonic()
        self.said: list[bytes] = []

    def add(self, line: bytes) -> None:
        """Take a line; it may come from another thread."""
        self.said.append(line)

    @property
    def text(self) -> str:
        """What goes on, for how long, and the program's last words."""
        last = self.said[-1].decode("utf-8", "replace").strip() if self.said else ""
        return f"{self._what}: {self.seconds} s" + (f"  {last[:_LONGEST]}" if last else "")

    @property
    def seconds(self) -> int:
        """Since it began."""
        return int(time.monotonic() - self._since)


@contextmanager
def working(what: str) -> Iterator[Working]:
    """Show one line as long as the block lasts: on a terminal it counts the seconds, and is gone at the end; elsewhere it is said once.

    Args:
        what: what is being done, such as "installing churn-model".
    """
    state = Working(what)
    if not console.is_terminal(sys.stderr):
        console.status(what)
        yield state
        return
    over = threading.Event()

    def tick() -> None:
        while True:
            console.over(state.text)
            if over.wait(_TICK):
                return

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        over.set()
        thread.join()
        console.over("")
