"""Compares versions as the packaging standard orders them (PEP 440)."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"\d+(?:\.\d+)*")
_BOUND = re.compile(r"(?:>=|<(?!=))\s*\d+(?:\.\d+)*")


def older(one: str, other: str) -> bool:
    """Whether the version `one` comes before `other`. Where one of them is not a version of the standard: False."""
    if one == other:
        return False
    if _PLAIN.fullmatch(one) and _PLAIN.fullmatch(other):
        return _numbers(one) < _numbers(other)
    from packaging.version import (  # only here: importing it costs more than most comparisons
        InvalidVersion,
        Version,
    )

    try:
        return Version(one) < Version(other)
    except InvalidVersion:
        return False


def satisfies(version: str, specifier: str) -> bool:
    """Whether a version lies in a range such as ">=0.2,<0.3"; an empty one takes any. A pre-release counts as it is ordered.

    Raises:
        ValueError: it is not a range.
    """
    bounds = [part.strip() for part in specifier.split(",")]
    if not specifier.strip():
        return True
    if _PLAIN.fullmatch(version) and all(_BOUND.fullmatch(bound) for bound in bounds):
        mine = _numbers(version)
        return all(
            mine >= _numbers(bound[2:].strip())
            if bound.startswith(">=")
            else mine < _numbers(bound[1:].strip())
            for bound in bounds
        )
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except InvalidSpecifier as error:
        raise ValueError(f"{specifier!r} is not a range of versions") from error


def _numbers(version: str) -> list[int]:
    """The numbers of a release; zeros at its end say nothing (1.0 is 1.0.0)."""
    numbers = [int(part) for part in version.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers
