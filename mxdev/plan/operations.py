"""A settled plan as operations of the journal: the files, and the state that remembers them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mxdev.disk.journal_format import Operation
from mxdev.errors import Refused
from mxdev.generator.tree import Section
from mxdev.plan import template_records
from mxdev.plan.model import Change, Plan, Rendering
from mxdev.plan.project_file import git_files
from mxdev.project.files import in_git
from mxdev.project.files.content import Content, disk_content, encoded, operation
from mxdev.project.project import digest, write_pristine_sections
from mxdev.project.records import (
    FileRecord,
    Record,
    SectionRecord,
    pristine_path,
    pristine_sections_path,
    record_path,
    write_record,
)


def operations(plan: Plan) -> list[Operation]:
    """Everything the plan does to the disk, state included; what would change nothing is left out."""
    done = [
        operation(row.path, row.before, encoded(plan.project, row.path, row.before, row.after))
        for row in plan.effective
    ]
    for path, content in _state_files(plan).items():
        before = disk_content(plan.project, path)
        read = plan.project.digests.get(path)
        if read is not None and (before is None or digest(before.data) != read):
            raise Refused(
                f"{path} changed after the plan was made; nothing was written.",
                hint="Run the command again: it plans from what is there now.",
            )
        if before != content:
            done.append(operation(path, before, content))
    return done


def _state_files(plan: Plan) -> dict[str, Content | None]:
    """What `.mx/` will hold, for all that this plan may change."""
    files = git_files(plan)
    changes = {change.rendered or change.path: change for change in plan.changes}
    files.update(_renamed(plan))
    private = _private(plan)
    for rendering in plan.renderings:
        replaced = rendering.tree.replaced if rendering.tree else {}
        templates, kept = template_records.records(
            plan.project, rendering.known_as, replaced, plan.wishes.accept
        )
        record = replace(_record(plan, rendering, changes, private), templates=templates)
        files.update(template_records.state_files(plan, rendering.instance, rendering.known_as, kept))
        files[record_path(rendering.instance)] = Content(write_record(record)) if rendering.tree else None
        files.update(_pristine(plan, rendering, changes, private))
    return files


def _private(plan: Plan) -> set[str]:
    """The rendered files that Git ignores, by what `.gitignore` will say: they may be secret, and are in no commit."""
    recorded = {
        path: file for record in plan.project.instances.values() for path, file in record.files.items()
    }
    rules = {
        c.path: c for c in plan.changes if c.path.rpartition("/")[2] == ".gitignore" and c.after is not None
    }
    rendered = {path for rendering in plan.renderings if rendering.tree for path in rendering.tree.files}
    if rendered <= recorded.keys() and not any(change.before != change.after for change in rules.values()):
        return {path for path in rendered if recorded[path].private}
    texts = {path: change.after.on_disk for path, change in rules.items() if change.after is not None}
    known = in_git.tracked(plan.root) if plan.root.is_dir() else {}
    return {path for path in in_git.would_ignore(plan.root, texts, rendered) if path not in known}


def _renamed(plan: Plan) -> dict[str, Content]:
    """Records of instances that are not rendered, but require one that has another name from now on."""
    renamed = {r.previous: r.instance for r in plan.renderings if r.previous}
    running = {rendering.known_as for rendering in plan.renderings}
    found = {}
    for name, record in plan.project.instances.items():
        if name not in running and renamed.keys() & set(record.requires):
            requires = tuple(renamed.get(need, need) for need in record.requires)
            found[record_path(name)] = Content(write_record(replace(record, requires=requires)))
    return found


def _record(plan: Plan, rendering: Rendering, changes: dict[str, Change], private: set[str]) -> Record:
    tree = rendering.tree
    files = {}
    for path, file in (tree.files if tree else {}).items():
        change = changes[path]
        if not change.away:
            files[path] = FileRecord(
                digest(file.data),
                file.executable,
                change.adopted,
                change.declined,
                _moved(change),
                path in private,
            )
    for path, last in _away(plan, rendering, changes):
        files[path] = replace(last, moved=_moved(changes[path]))
    return Record(
        rendering.instance,
        rendering.generator,
        rendering.plugin,
        rendering.version,
        rendering.options,
        rendering.requires,
        files,
        tuple(_section_records(plan, rendering)),
        retired=rendering.retired,
    )


def _away(plan: Plan, rendering: Rendering, changes: dict[str, Change]) -> Iterator[tuple[str, FileRecord]]:
    """The files that are not there, as they are recorded: they may come back, and are then updated from what they were."""
    former = plan.project.instances.get(rendering.known_as)
    for path, last in (former.files if former and rendering.tree is not None else {}).items():
        change = changes.get(path)
        if change is not None and change.away and rendering.instance in change.generators:
            yield path, last


def _moved(change: Change) -> str:
    return change.path if change.path != change.rendered else ""


def _section_records(plan: Plan, rendering: Rendering) -> Iterator[SectionRecord]:
    changes = {change.path: change for change in plan.changes}
    kept = {
        key for path, keys in plan.contested.items() for key in keys if changes[path].resolution == "keep"
    }
    for section in rendering.sections:
        key = (rendering.instance, section.path, section.address)
        rendered = _text(section)
        flags = plan.section_flags.get(key, frozenset()) | ({"declined"} if key in kept else frozenset())
        if key in plan.away:
            yield plan.away[key][0]
            continue
        yield SectionRecord(
            section.path,
            section.address,
            digest(rendered.encode("utf-8")),
            plan.section_traces.get(key, {}),
            "adopted" in flags,
            "declined" in flags,
        )
    here = {(section.path, section.address) for section in rendering.sections}
    yield from (
        record
        for (instance, *place), (record, _) in plan.away.items()
        if instance == rendering.instance and tuple(place) not in here
    )


def _pristine(
    plan: Plan, rendering: Rendering, changes: dict[str, Change], private: set[str]
) -> dict[str, Content | None]:
    """What the instance renders now; what it rendered last and does not any more goes."""
    files: dict[str, Content | None] = {}
    record = plan.project.instances.get(rendering.known_as)
    if record:
        if rendering.known_as != rendering.instance:
            files[record_path(rendering.known_as)] = None
        for path, last in record.files.items():
            files[pristine_path(rendering.known_as, path, private=last.private)] = None
        files.update(
            {pristine_sections_path(rendering.known_as, section.path): None for section in record.sections}
        )
    if rendering.tree is None:
        return files
    for file in rendering.tree.files.values():
        hidden = file.path in private
        files[pristine_path(rendering.instance, file.path, private=hidden)] = Content(file.data)
    for path, last in _away(plan, rendering, changes):
        files.pop(pristine_path(rendering.instance, path, private=path in private), None)
        kept = pristine_path(rendering.known_as, path, private=last.private)
        files[pristine_path(rendering.instance, path, private=last.private)] = disk_content(
            plan.project, kept
        )
    fragments: dict[str, dict[str, str]] = {}
    for section in rendering.tree.sections:
        fragments.setdefault(section.path, {})[section.address] = _text(section)
    for (instance, path, address), (_, text) in plan.away.items():
        if instance == rendering.instance:
            fragments.setdefault(path, {}).pop(address, None)
            if text is not None:
                fragments[path][address] = text
    for path, texts in fragments.items():
        files[pristine_sections_path(rendering.instance, path)] = Content(write_pristine_sections(texts))
    return files


def _text(section: Section) -> str:
    from mxdev.sections import sections  # most of what is rendered has none

    return sections.render(section.address, section.value, path=section.path)
