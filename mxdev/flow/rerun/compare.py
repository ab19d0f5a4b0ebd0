"""Where a repeated run differs from the run that it repeats. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mxdev.flow.rerun.reading import GIT_PROBLEM, LEFT_OUT, LoggedRun

DATA = "data.sha256"
MISSING = "-"
_MOST = 12
_SHORT = 44


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same: its name, what it was, what it is now, and a note, such as by how much."""

    name: str
    before: str
    now: str
    note: str = ""


@dataclass(frozen=True)
class Part:
    """A part of what a run logged.

    Attributes:
        name: what it is called in the table.
        count: how many things were compared.
        differences: those that are not the same.
        matters: whether a difference means that the run was not repeated.
        note: what else there is to say of the differences.
        unsure: why nobody can say that it is the same; empty: it is known.
    """

    name: str
    count: int
    differences: tuple[Difference, ...]
    matters: bool = True
    note: str = ""
    unsure: str = ""


def compare(before: LoggedRun, now: LoggedRun) -> list[Part]:
    """Compare two runs, part by part."""
    exact = all(_exact(run) for run in (before, now))
    return [
        _mapping("status", {"status": before.status}, {"status": now.status}),
        _code(before, now),
        _mapping("parameters", _params(before), _params(now)),
        _mapping("data", _data(before), _data(now)),
        _versions(before.requirements, now.requirements),
        _metrics(before, now, exact),
    ]


def repeated(parts: list[Part]) -> bool:
    """Whether nothing differs that should be the same."""
    return not any(part.differences for part in parts if part.matters)


def table(parts: list[Part]) -> list[str]:
    """The comparison as lines for a person."""
    lines = []
    for part in parts:
        if not part.count:
            said = "none logged"
        elif not part.differences and part.unsure:
            said = "unsure"
        elif not part.differences:
            said = "the same" if part.count == 1 else f"{part.count}, all the same"
        else:
            said = "differs" if part.count == 1 else f"{len(part.differences)} of {part.count} differ"
        lines.append(f"{part.name:<11} {said}" + (f"; {part.note}" if part.note and part.differences else ""))
        lines += [f"  {part.unsure}"] if part.unsure else []
        shown = part.differences[:_MOST]
        width = max((len(one.name) for one in shown), default=0)
        before = max((len(_cut(one.before)) for one in shown), default=0)
        for one in shown:
            line = f"  {one.name:<{width}}  {_cut(one.before):<{before}}  ->  {_cut(one.now)}"
            lines.append(line + (f"  ({one.note})" if one.note else ""))
        if len(part.differences) > _MOST:
            lines.append(f"  and {len(part.differences) - _MOST} more")
    return lines


def versions(requirements: str | None) -> dict[str, str]:
    """Versions by distribution, from lines such as `torch==2.9`; the first line may tell of Python and the system."""
    found: dict[str, str] = {}
    for line in (requirements or "").splitlines():
        if line.startswith("# Python "):
            python, _, system = line.removeprefix("# Python ").partition(" on ")
            found |= {"Python": python, "system": system}
        elif "==" in line and not line.startswith("#"):
            name, _, version = line.partition("==")
            found[name.strip()] = version.strip()
    return found


def _params(run: LoggedRun) -> dict[str, str]:
    return {name: value for name, value in run.params.items() if name != DATA}


def _data(run: LoggedRun) -> dict[str, str]:
    return {"hash": run.params[DATA]} if DATA in run.params else {}


def _code(before: LoggedRun, now: LoggedRun) -> Part:
    """The commit and what was not committed, as both runs logged it."""
    facts = [
        {"commit": run.tags["git.commit"], "uncommitted changes": _changes(run)}
        if "git.commit" in run.tags
        else {}
        for run in (before, now)
    ]
    part = _mapping("code", *facts)
    unsure = "; ".join(_unsure("the old run", before) + _unsure("the new run", now))
    return Part(part.name, min(part.count, 1), part.differences, unsure=unsure)


def _unsure(which: str, run: LoggedRun) -> list[str]:
    """What is not known of a run's code."""
    problem, missing = run.tags.get(GIT_PROBLEM), run.tags.get(LEFT_OUT)
    said = [f"{which}: Git could not tell what was not committed: {problem}"] if problem else []
    return said + ([f"{which} did not log these changes: {missing}"] if missing else [])


def _changes(run: LoggedRun) -> str:
    import hashlib

    return f"a diff, sha256 {hashlib.sha256(run.diff).hexdigest()[:12]}" if run.diff else "none"


def _versions(before: str | None, now: str | None) -> Part:
    """The packages. Where one run did not log them there is nothing to compare; other versions are no other run."""
    if before is None or now is None:
        return Part("versions", 0, (), matters=False)
    return _mapping("versions", versions(before), versions(now), matters=False)


def _mapping(name: str, before: Mapping[str, str], now: Mapping[str, str], *, matters: bool = True) -> Part:
    """What is not the same in two mappings."""
    names = list(dict.fromkeys([*before, *now]))
    different = tuple(
        Difference(key, before.get(key, MISSING), now.get(key, MISSING))
        for key in names
        if before.get(key) != now.get(key)
    )
    return Part(name, len(names), different, matters)


def _exact(run: LoggedRun) -> bool:
    """Whether the same run gives the same numbers to the last digit: on the CPU, in one process, as far as it says."""
    return run.tags.get("device", "cpu").startswith("cpu") and run.tags.get("processes", "1") == "1"


def _metrics(before: LoggedRun, now: LoggedRun, exact: bool) -> Part:
    """The last values. What MLflow measures of the machine is not a result."""
    names = [
        name for name in dict.fromkeys([*before.metrics, *now.metrics]) if not name.startswith("system/")
    ]
    different = tuple(
        _numbers(name, before.metrics.get(name), now.metrics.get(name))
        for name in names
        if not _equal(before.metrics.get(name), now.metrics.get(name))
    )
    # A number that is missing is never a matter of rounding.
    missing = any(MISSING in (one.before, one.now) for one in different)
    note = "" if exact else "GPUs and several processes add up in another order each time"
    return Part("metrics", len(names), different, exact or missing, note)


def _equal(before: float | None, now: float | None) -> bool:
    if before is None or now is None:
        return False
    return before == now or (math.isnan(before) and math.isnan(now))


def _numbers(name: str, before: float | None, now: float | None) -> Difference:
    if before is None or now is None:
        return Difference(name, *(MISSING if value is None else f"{value:.6g}" for value in (before, now)))
    by = now - before
    share = 100 * by / abs(before) if before and math.isfinite(by) else None
    relative = "" if share is None else f", {share:{'+.0f' if abs(share) >= 10 else '+.2g'}} %"
    digits = next((n for n in range(6, 18) if f"{before:.{n}g}" != f"{now:.{n}g}"), 17)
    return Difference(name, f"{before:.{digits}g}", f"{now:.{digits}g}", f"{by:+.3g}{relative}")


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"
