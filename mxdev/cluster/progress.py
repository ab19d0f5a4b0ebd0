"""What a person is told while a job runs: what is new about its replicas, and their logs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from mxdev.cluster.manifest import JobRef
from mxdev.cluster.state import Replica, State
from mxdev.system import console

# A wait is news when it has lasted this long, and again after each of these times; in seconds.
_HOLD_BACK = 3.0
_REMIND = 60.0
_MOST_NAMES = 4
_COLOURS = ("cyan", "yellow", "green", "magenta", "blue")


@dataclass
class _Known:
    what: str
    since: float
    said: float | None = None


class Progress:
    """Says what has changed since the last look; to be called with every state.

    Args:
        ref: the job.
        say: gets each sentence.
        clock: the time, in seconds.
    """

    def __init__(
        self,
        ref: JobRef,
        say: Callable[[str], None] = console.status,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._job = str(ref)
        self._say = say
        self._clock = clock
        self._known: dict[str, _Known] = {}

    def __call__(self, state: State) -> None:
        """Say what is new."""
        now = self._clock()
        news: dict[str, list[str]] = {}
        if state.reason and not state.over:
            self._note(self._job, f"waiting: {state.reason}", True, now, news)
        for replica in state.replicas:
            waits = replica.phase == "pending"
            self._note(replica.name, described(replica), waits, now, news)
        for what, names in news.items():
            self._say(f"{_listed(names)}: {what}")

    def _note(self, name: str, what: str, waits: bool, now: float, news: dict[str, list[str]]) -> None:
        # What stands in brackets is the scheduler's own count of nodes, which changes all the time.
        gist = what.partition(" (")[0] if waits else what
        known = self._known.get(name)
        if known is None or known.what != gist:
            known = self._known[name] = _Known(gist, now)
        if known.said is None:
            due = not waits or now - known.since >= _HOLD_BACK
        else:
            due = waits and now - known.said >= _REMIND
        if not due:
            return
        minutes = int(now - known.since) // 60
        known.said = now
        news.setdefault(f"{what} ({minutes} min)" if minutes and waits else what, []).append(name)


def described(replica: Replica) -> str:
    """What a replica does, in a few words."""
    if replica.phase == "pending":
        return f"waiting: {replica.waiting_for}"
    if replica.phase == "failed":
        return f"failed: it {replica.ended}" if replica.ended else "failed"
    what = "finished" if replica.phase == "succeeded" else "running"
    if replica.waiting_for:
        return f"waiting: {replica.waiting_for}"
    if replica.restarts:
        because = f" after it {replica.ended}" if replica.ended else ""
        return f"{what}, started again{because} (restart {replica.restarts})"
    return what


def _listed(names: list[str]) -> str:
    if len(names) <= _MOST_NAMES + 1:
        return ", ".join(names)
    return f"{', '.join(names[:_MOST_NAMES])} and {len(names) - _MOST_NAMES} more"


class Lines:
    """Prints the lines of the logs on stdout, each with its replica's name in front.

    Args:
        label: stands before each name.
    """

    def __init__(self, label: str = "") -> None:
        self._label = label
        self._colours: dict[str, str] = {}
        self._width = 0

    def __call__(self, name: str, text: str) -> None:
        """Print a line."""
        name = self._label + name
        colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
        self._width = max(self._width, len(name))
        console.out(f"{console.paint(f'{name:<{self._width}} |', colour)} {text}", data=True)
