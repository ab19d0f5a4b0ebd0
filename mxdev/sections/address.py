"""Addresses of sections: `deployments.mlflow`, `deployments['a.b']`, `imports[path=deploy/x.yaml]`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mxdev.errors import MxError


@dataclass(frozen=True)
class Key:
    """A key of a mapping."""

    name: str


@dataclass(frozen=True)
class Item:
    """The item of a list that is a mapping in which `key` has the text `value`."""

    key: str
    value: str


Step = Key | Item
Steps = tuple[Step, ...]

_PLAIN = re.compile(r"[A-Za-z0-9_/@+:*~^$-]+")
_ITEM = re.compile(r"\[([A-Za-z0-9_-]+)=(?:'((?:[^']|'')*)'|([^\]']*))\]")
_QUOTED = re.compile(r"\['((?:[^']|'')*)'\]")


@lru_cache(maxsize=4096)
def parse(address: str) -> Steps:
    """The steps of an address, outermost first.

    Grammar: keys joined by dots; a key with dots or odd characters is written `['a.b']` (a quote in it is doubled);
    `[name=x]` is the item of a list whose key `name` has the value `x` (`[name='x]y']` if it holds a bracket).

    Raises:
        MxError: the text is not an address.
    """
    steps: list[Step] = []
    at = 0
    while at < len(address):
        if match := _QUOTED.match(address, at):
            steps.append(Key(match[1].replace("''", "'")))
        elif match := _ITEM.match(address, at):
            value = match[3] if match[2] is None else match[2].replace("''", "'")
            steps.append(Item(match[1], value))
        else:
            dot = 1 if steps and address[at] == "." else 0
            match = _PLAIN.match(address, at + dot)
            quoted = _QUOTED.match(address, at + dot) if dot else None
            if quoted:
                at += dot
                continue
            if match is None or (steps and not dot):
                break
            steps.append(Key(match[0]))
        at = match.end()
    if at < len(address) or not steps:
        raise MxError(
            f"{address!r} is not the address of a section (stopped at character {at + 1}).",
            hint="Write keys joined by dots, a['odd.key'], or a list item as imports[path=deploy/x.yaml].",
        )
    return tuple(steps)


def unparse(steps: Sequence[Step]) -> str:
    """The address of these steps; `parse(unparse(steps)) == steps`."""
    text = ""
    for step in steps:
        if isinstance(step, Item):
            plain = not re.search(r"[\]']", step.value)
            value = step.value if plain else "'" + step.value.replace("'", "''") + "'"
            text += f"[{step.key}={value}]"
        elif _PLAIN.fullmatch(step.name):
            text += ("." if text else "") + step.name
        else:
            text += "['" + step.name.replace("'", "''") + "']"
    return text


class Order:
    """The wanted order of the sections of a file.

    Args:
        addresses: of any depth; what they say about a container is the order of its children.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._below: dict[Steps, dict[Step, int]] | None = None

    def around(self, parent: Steps, step: Step) -> Iterator[tuple[Step, bool]]:
        """The other children of a container: those wanted before `step` (True), nearest first, then those behind it."""
        if self._below is None:
            self._below = {}
            for address in self._addresses:
                steps = parse(address)
                for depth, child in enumerate(steps):
                    children = self._below.setdefault(steps[:depth], {})
                    children.setdefault(child, len(children))
        numbers = self._below.get(parent, {})
        if step in numbers:
            wanted, mine = list(numbers), numbers[step]
            for number in range(mine - 1, -1, -1):
                yield wanted[number], True
            for number in range(mine + 1, len(wanted)):
                yield wanted[number], False
