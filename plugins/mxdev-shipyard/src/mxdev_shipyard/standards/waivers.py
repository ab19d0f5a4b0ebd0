"""Waivers: standards that a project need not meet, for a reason and until a day. They stand in its `standards.yaml`."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mxdev.errors import UsageProblem

from mxdev_shipyard.standards.model import read_regular
from mxdev_shipyard.yaml_text import parse

FILE = "standards.yaml"
_EXAMPLE = "A waiver is {standard: NUMBER, reason: TEXT, until: YYYY-MM-DD}, in the list `waivers`."


@dataclass(frozen=True)
class Waiver:
    """One waiver."""

    standard: int
    reason: str
    until: datetime.date

    @property
    def sentence(self) -> str:
        """What is said of a test that it covers."""
        return f"waived until {self.until}: {self.reason}"


def read(root: Path, known: frozenset[int]) -> Mapping[int, Waiver]:
    """The project's waivers, by standard; ended ones too.

    Raises:
        UsageProblem: the file is not as it should be.
    """
    path = root / FILE
    try:
        data = parse(read_regular(path).decode("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageProblem(f"{path} cannot be read: {why}", hint=_EXAMPLE) from error
    rows = data.get("waivers", []) if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise UsageProblem(f"{path} has no list of waivers.", hint=_EXAMPLE)
    found: dict[int, Waiver] = {}
    for row in rows:
        waiver = _waiver(row, path)
        if waiver.standard not in known:
            raise UsageProblem(
                f"{path}: there is no standard {waiver.standard}.", hint="`mx check --list` has all."
            )
        if waiver.standard in found:
            raise UsageProblem(f"{path}: standard {waiver.standard} has two waivers.", hint="Keep one.")
        found[waiver.standard] = waiver
    return found


def _waiver(row: object, path: Path) -> Waiver:
    fields = row if isinstance(row, dict) else {}
    number, reason, until = fields.get("standard"), fields.get("reason"), fields.get("until")
    right = (
        fields.keys() == {"standard", "reason", "until"}
        and type(number) is int
        and isinstance(reason, str)
        and bool(reason.strip())
        and type(until) is datetime.date
    )
    if not right:
        raise UsageProblem(f"{path}: {row!r} is no waiver.", hint=_EXAMPLE)
    assert isinstance(number, int)
    assert isinstance(reason, str)
    assert isinstance(until, datetime.date)
    return Waiver(number, reason.strip(), until)
