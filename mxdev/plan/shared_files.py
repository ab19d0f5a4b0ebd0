"""The plan for shared files: every section is compared on its own, the file is one row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mxdev.errors import MxError, Refused
from mxdev.generator.tree import Section
from mxdev.merge.by_lines import refuse_markers
from mxdev.plan.model import Change, Plan, Rendering, Resolution, Status
from mxdev.project.files import in_git
from mxdev.project.files.content import Content, as_stored, disk_content, recorded_content
from mxdev.project.records import SectionRecord
from mxdev.sections import sections
from mxdev.sections.sections import File, Fragment, Traces

Verdict = Literal["put", "identical", "keep", "merge", "conflict", "take", "orphan", "gone"]


@dataclass
class _Case:
    """One section of one instance: what was rendered last, what is rendered now, what becomes of it."""

    instance: str
    address: str
    record: SectionRecord | None
    new: str | None
    base: str | None
    verdict: Verdict = "keep"
    text: str = ""
    reason: str = ""
    offered: bool = False
    absent: bool = False


def plan_shared_files(plan: Plan, order: Sequence[str], whole: Mapping[str, Change]) -> Iterator[Change]:
    """A change for every shared file that an instance of the run has, or had, a section of.

    Args:
        plan: so far.
        order: all instances, in the order in which their sections stand.
        whole: what becomes of files that an instance of the run renders whole: sections go into that.
    """
    paths: set[str] = set()
    for rendering in plan.renderings:
        paths.update(section.path for section in rendering.sections)
        paths.update(section.path for section in _records(plan, rendering.known_as))
    for path in sorted(paths):
        change = _plan_shared(plan, path, order, whole.get(path))
        if change is not None:
            yield change


def _plan_shared(plan: Plan, path: str, order: Sequence[str], host: Change | None) -> Change | None:
    known = any(s.path == path for record in plan.project.instances.values() for s in record.sections)
    before = recorded_content(plan.project, path) if known else disk_content(plan.project, path)
    before = as_stored(plan.project, path, before)
    if before is not None and before.foreign:
        out = _out_of_reach(plan, path, before)
        return out if host is None else host
    if before is not None:
        refuse_markers(
            {path: before.data}, "After a Git merge `mx resolve` puts them right; else resolve them by hand"
        )
    records = (s for record in plan.project.instances.values() for s in record.sections if s.path == path)
    traces = Traces({section.address: dict(section.trace) for section in records})
    start = before if host is None or host.status == "conflict" else host.after
    file = File(path, start.data if start else None, order=_addresses(plan, path, order), traces=traces)
    cases = [case for rendering in plan.renderings for case in _cases(plan, rendering, path)]
    _hand_over(cases)
    away = known and before is None and in_git.absence(plan.root, path) == "away"
    if away and any(case.record is None and case.new is not None for case in cases):
        raise Refused(
            f"{path} is not here, and Git has it: a section is to be added to it.",
            hint=f"Bring it back first: `git checkout -- {path}`; where the checkout is sparse, `git sparse-checkout add`.",
        )
    declined = {case.address for case in cases if case.record and case.record.declined}
    for case in cases:
        found = file.read(case.address)
        _judge(case, path, found)
        if path in plan.wishes.restore and case.record and case.new and case.verdict == "keep":
            _restore(case, found)
        if path in plan.wishes.retry and (case.address in declined or not declined):
            _offer(case, found)
    _edit(file, path, cases, start)
    _remember(plan, path, cases, file, away=away)
    change = _row(plan, path, before, cases, file, executable=bool(start and start.executable))
    if host is not None:
        return _in_host(host, change, path, cases, file.order)
    if change is not None and change.before is None and change.after is None:
        change.reason = in_git.ABSENT[in_git.absence(plan.root, path)]
    return change


def _edit(file: File, path: str, cases: Sequence[_Case], start: Content | None) -> None:
    """Put and take the sections as was decided."""
    for case in cases:
        if case.verdict == "take":
            file.take(case.address)
        elif case.verdict in ("put", "merge"):
            try:
                file.put(case.address, case.text)
            except MxError:
                # The person's own file has other lines than mx's draft: the error is told with those, if it is one there too.
                File(path, start.data if start else None, order=file.order).put(case.address, case.text)
                raise


def _in_host(
    host: Change, row: Change | None, path: str, cases: Sequence[_Case], order: Sequence[str]
) -> Change:
    """One row for a file that an instance renders whole, and for the sections of others in it."""
    if row is None:
        return host
    generators = tuple(dict.fromkeys([*host.generators, *row.generators]))
    reason = "; ".join(filter(None, [host.reason, row.reason]))
    if host.status != "conflict":
        quiet = host.status in ("identical", "keep", "orphan", "remove")
        status = (
            row.status if row.status == "conflict" or (quiet and row.before != row.after) else host.status
        )
        return replace(
            host, status=status, after=row.after, choices=row.choices, generators=generators, reason=reason,
        )  # fmt: skip
    choices: dict[Resolution, Content | None] = {}
    for name, content in host.choices.items():
        traces = Traces({case.address: dict(case.record.trace) for case in cases if case.record})
        file = File(path, content.data if content else None, order=order, traces=traces)
        _edit(file, path, cases, content)
        choices[name] = (
            None if file.data is None else Content(file.data, bool(content and content.executable))
        )
    return replace(host, choices=choices, generators=generators, reason=reason)


def _out_of_reach(plan: Plan, path: str, before: Content) -> Change:
    """A person made a link of a shared file: it stays, whatever is rendered.

    Raises:
        Refused, MxError: a section that was never there has no place.
    """
    cases = [case for rendering in plan.renderings for case in _cases(plan, rendering, path)]
    if any(case.record is None for case in cases):
        disk_content(plan.project, path)
    for case in cases:
        plan.section_flags[case.instance, path, case.address] = frozenset(_kept_flags(case))
        plan.section_traces[case.instance, path, case.address] = (
            dict(case.record.trace) if case.record else {}
        )
        _stays(plan, path, case)
    going = all(case.new is None for case in cases)
    generators = tuple(dict.fromkeys(case.instance for case in cases))
    reason = f"it is {before.foreign} now"
    return Change(path, "orphan" if going else "keep", generators, before, before, reason=reason)


def _restore(case: _Case, found: Fragment | None) -> None:
    """Bring back a section that the person deleted."""
    if found is None and case.new is not None:
        case.verdict, case.text, case.reason = "put", case.new, f"{case.address} is restored"


def _offer(case: _Case, found: Fragment | None) -> None:
    """Offer again what the person did not want."""
    if case.record is not None and case.new is not None and found is not None and found.text != case.new:
        declined = case.record.declined
        case.verdict, case.offered = "conflict", True
        case.reason = (
            f"you declined {case.address} before" if declined else f"{case.address} is to be offered"
        )


def _kept_flags(case: _Case) -> set[str]:
    record = case.record
    return {name for name in ("adopted", "declined") if record is not None and getattr(record, name)}


def _cases(plan: Plan, rendering: Rendering, path: str) -> Iterator[_Case]:
    old = {section.address: section for section in _records(plan, rendering.known_as) if section.path == path}
    base = plan.project.pristine_sections(rendering.known_as, path) if old else {}
    new = {section.address: section for section in rendering.sections if section.path == path}
    for address in [*(a for a in old if a not in new), *new]:
        text = sections.render(address, new[address].value, path=path) if address in new else None
        yield _Case(rendering.instance, address, old.get(address), text, base.get(address))


def _hand_over(cases: list[_Case]) -> None:
    """A section may pass from one instance to another in one plan: it stays where it is, with its record."""
    arriving = {case.address: case for case in cases if case.new is not None and case.record is None}
    for case in [case for case in cases if case.new is None and case.address in arriving]:
        heir = arriving[case.address]
        heir.record, heir.base = case.record, case.base
        cases.remove(case)


def _judge(case: _Case, path: str, found: Fragment | None) -> None:
    """Decide what becomes of one section; the same table as for files."""
    here = found.text if found else None
    case.absent = here is None
    if case.new is None:
        pristine = here == case.base and not (case.record and case.record.adopted)
        case.verdict = "gone" if here is None else "take" if pristine else "orphan"
    elif here is None:
        case.verdict, case.text = ("put", case.new) if case.record is None else ("keep", "")
    elif here == case.new:
        case.verdict = "identical"
    elif case.record is None:
        case.verdict, case.reason = "conflict", f"{case.address} is there already, and mx did not write it"
    elif case.base is None:
        case.verdict, case.reason = "conflict", f"mx's record of {case.address} is missing or damaged"
    elif here == case.base:
        case.verdict, case.text = "put", case.new
    elif case.new == case.base:
        case.verdict = "keep"
    else:
        _merge(case, path, here)


def _merge(case: _Case, path: str, here: str) -> None:
    from mxdev.merge.merge import merge_file

    assert case.base is not None  # the caller looked
    assert case.new is not None
    merged = merge_file(path, case.base.encode(), here.encode(), case.new.encode())
    if merged.clean:
        case.verdict, case.text = "merge", merged.data.decode()
    else:
        case.verdict, case.reason = (
            "conflict",
            f"you and the generator changed the same place in {case.address}",
        )


def _stays(plan: Plan, path: str, case: _Case) -> None:
    """Keep what is recorded of a section that is not there: when it is back, it is updated from what it was."""
    if case.record is not None:
        plan.away[case.instance, path, case.address] = (case.record, case.base)


def _remember(plan: Plan, path: str, cases: Sequence[_Case], file: File, *, away: bool) -> None:
    """Note in the plan what the records of the sections will say; `away`: the file is not there, and Git has it."""
    staying = {rendering.instance for rendering in plan.renderings if rendering.tree is not None}
    for case in cases:
        if case.new is None:
            if away and case.instance in staying:
                _stays(plan, path, case)
            continue
        if case.absent and case.verdict == "keep":
            _stays(plan, path, case)
        key = (case.instance, path, case.address)
        plan.section_traces[key] = file.traces.get(case.address)
        flags = set()
        if (case.record and case.record.adopted) or (
            case.record is None and case.verdict in ("identical", "conflict")
        ):
            flags.add("adopted")
        if case.record and case.record.declined and case.verdict in ("keep", "merge"):
            flags.add("declined")
        plan.section_flags[key] = frozenset(flags)


def _row(
    plan: Plan, path: str, before: Content | None, cases: Sequence[_Case], file: File, *, executable: bool
) -> Change | None:
    verdicts = {case.verdict for case in cases}
    after = None if file.data is None else Content(file.data, executable)
    generators = tuple(dict.fromkeys(case.instance for case in cases))
    change = Change(path, "identical", generators, before, after)
    reasons = [case.reason for case in cases if case.reason]
    if path in plan.overridden:
        reasons.append(f"with your overrides of {', '.join(plan.overridden[path])}")
    change.reason = "; ".join(reasons)
    if "conflict" in verdicts:
        change.status = "conflict"
        change.choices = _choices(cases, file, executable)
        plan.contested[path] = [
            (case.instance, path, case.address) for case in cases if case.verdict == "conflict"
        ]
        change.after = before
    elif before == after:
        change.status = (
            "identical" if verdicts == {"identical"} else "orphan" if "orphan" in verdicts else "keep"
        )
        if before is None and verdicts <= {"gone"}:
            return None
    else:
        change.status = _changed(before, after, verdicts)
    return change


def _changed(before: Content | None, after: Content | None, verdicts: set[Verdict]) -> Status:
    if before is None:
        return "create"
    if after is None:
        return "remove"
    return "merge" if "merge" in verdicts else "update"


def _choices(cases: Sequence[_Case], file: File, executable: bool) -> dict[Resolution, Content | None]:
    """What the file becomes by each resolution. All sections without a conflict are in all of them."""
    from mxdev.merge.by_lines import merge_lines

    overwritten, base, based = file.copy(), file.copy(), True
    for case in cases:
        if case.verdict != "conflict":
            continue
        assert case.new is not None
        overwritten.put(case.address, case.new)
        if case.base is None or case.offered:
            based = False
        else:
            base.put(case.address, case.base)
    assert file.data is not None  # a conflict needs something there
    assert overwritten.data is not None
    # The two differ in the sections in conflict only, so without a base the markers stand around those.
    merged = merge_lines(base.data if based else None, file.data, overwritten.data)
    choices: dict[Resolution, Content | None] = {
        "keep": Content(file.data, executable),
        "overwrite": Content(overwritten.data, executable),
    }
    if merged.mergeable and not merged.clean:
        choices["merge"] = Content(merged.data, executable)
    return choices


def _addresses(plan: Plan, path: str, order: Sequence[str]) -> list[str]:
    """Every section's address in this file, in the order of the instances, then as each instance gives them."""
    renderings = {rendering.instance: rendering for rendering in plan.renderings}
    found: list[str] = []
    for name in order:
        rows: Sequence[Section | SectionRecord]
        rows = renderings[name].sections if name in renderings else _records(plan, name)
        found += [section.address for section in rows if section.path == path]
    return found


def _records(plan: Plan, instance: str) -> Sequence[SectionRecord]:
    record = plan.project.instances.get(instance)
    return record.sections if record else ()
