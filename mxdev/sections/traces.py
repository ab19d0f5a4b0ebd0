"""What a file's sections brought with them (containers, a line break, the file), so that whoever leaves last takes it back."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

Trace = dict[str, Any]
"""Of one section, JSON-able: `file` (mx made it), `containers` (their addresses), `newline` (hashes of lines that got a line break)."""


class LaterError(Exception):
    """An edit cannot be described on the text as it was read: the edits before it must be made first."""


class Traces:
    """The traces of all sections of a file, counted: what one takes over from the others is known without looking at all.

    Args:
        known: by the section's address.
        others: more, of sections without an address.
    """

    def __init__(self, known: Mapping[str, Trace] | None = None, others: Iterable[Trace] = ()) -> None:
        self._known: dict[str, Trace] = {}
        self._files = 0
        self._containers: Counter[str] = Counter()
        self._newlines: Counter[str] = Counter()
        for address, trace in (known or {}).items():
            self.set(address, trace)
        for trace in others:
            self._count(trace, 1)

    def get(self, address: str) -> Trace:
        """The trace of one section; empty if it has none."""
        return self._known.get(address, {})

    def all(self) -> dict[str, Trace]:
        """The traces by address."""
        return dict(self._known)

    def set(self, address: str, trace: Trace) -> None:
        """The section is there, with this trace."""
        self.pop(address)
        self._known[address] = trace
        self._count(trace, 1)

    def pop(self, address: str) -> Trace:
        """The section goes; its trace."""
        trace = self._known.pop(address, {})
        self._count(trace, -1)
        return trace

    def inherited(self, parents: Iterable[str] = ()) -> Trace:
        """What a section below the containers `parents` (outermost first) takes over from the others."""
        result: Trace = {"file": True} if self._files else {}
        if containers := [parent for parent in parents if self._containers[parent]]:
            result["containers"] = containers
        if newline := sorted(+self._newlines):
            result["newline"] = newline
        return result

    def _count(self, trace: Trace, number: int) -> None:
        self._files += number * bool(trace.get("file"))
        for name, counter in (("containers", self._containers), ("newline", self._newlines)):
            for value in trace.get(name, ()):
                counter[value] += number


def hash_of(line: str) -> str:
    """How a line is remembered that got a line break."""
    return hashlib.sha256(line.encode()).hexdigest()[:16]
