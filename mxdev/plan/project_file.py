"""The plan for mx's own files that a person sees: `mx.yaml`, and what goes with the last instance."""

from __future__ import annotations

from mxdev.disk.paths import UNDO_IGNORED
from mxdev.plan.model import Change, Plan
from mxdev.project import records
from mxdev.project.files.content import Content, as_stored, disk_content
from mxdev.project.records import PROJECT_FILE, new_project_file
from mxdev.sections.yaml.values import load
from mxdev.version import compatible

GIT_FILES = {
    ".mx/.gitignore": "# Written by mx: what only matters on this machine.\n/journal/\n/lock\n/undo/\n/private/\n!pristine/**\n",
    ".mx/.gitattributes": (
        "# Written by mx: its records are compared byte for byte.\n* -text\npristine/** -diff linguist-generated\n"
    ),
}


def plan_project_file(plan: Plan) -> Change:
    """The row of `mx.yaml`: the options as they will be, with a person's comments and order kept."""
    before = as_stored(plan.project, PROJECT_FILE, disk_content(plan.project, PROJECT_FILE))
    change = Change(PROJECT_FILE, "identical", (), before, before)
    # Options that are left when nothing declares any are a person's own.
    if nothing_left(plan) and before is not None and not plan.options and _is_ours(plan, before.data):
        change.status, change.after = "remove", None
        return change
    source = plan.project.source
    if before is not None and source == before.raw:
        source = before.data
    change.after = Content(_options(plan, source), bool(before and before.executable))
    if before is None:
        change.status = "create"
    elif change.after != before:
        change.status = "update"
    return change


def _is_ours(plan: Plan, data: bytes) -> bool:
    """Whether nobody wrote anything of their own into `mx.yaml`: its first line is mx's, and there is no other comment."""
    ours = new_project_file(plan.project.options, plan.project.requires_mx)
    head, _, rest = data.partition(b"\n")
    keys = {line.split(b":")[0] for line in rest.splitlines() if line[:1].strip()}
    bare = head == ours.partition(b"\n")[0] and b"#" not in rest
    return data == ours or (bare and keys <= {b"version", b"requires-mx", b"options"})


def nothing_left(plan: Plan) -> bool:
    """Whether the plan takes the last instance away; what mx wrote for itself then goes too."""
    gone = {rendering.known_as for rendering in plan.renderings if rendering.tree is None}
    return bool(gone) and gone >= set(plan.project.instances)


def git_files(plan: Plan) -> dict[str, Content | None]:
    """What Git is told about `.mx/`; with the last instance it goes, unless a person changed it."""
    files: dict[str, Content | None] = {path: Content(text.encode()) for path, text in GIT_FILES.items()}
    if nothing_left(plan):
        for path, text in GIT_FILES.items():
            now = plan.project.read(path)
            files[path] = None if now in (None, text.encode()) else Content(now)
        # What only matters on this machine stays, and Git does not see it.
        files[UNDO_IGNORED] = Content(b"*\n")
    return files


def _written(data: bytes) -> dict[str, object]:
    """The options as they stand in the file, which may be of an older format than the one that was loaded from it."""
    found: dict[str, object] | None = load(data, PROJECT_FILE).get("options")
    return dict(found or {})


def _options(plan: Plan, data: bytes | None) -> bytes:
    if data is None:
        return new_project_file(plan.options, compatible())
    from mxdev.sections import sections

    known = _written(data)
    order = [sections.address("options", name) for name in plan.options]
    file = sections.File(PROJECT_FILE, data, order=order)
    if plan.project.format < records.FORMAT:
        file.put("version", sections.render("version", records.FORMAT))
    for name, value in plan.options.items():
        if name not in known or known[name] != value:
            address = sections.address("options", name)
            file.put(address, sections.render(address, value))
    for name in known:
        if name not in plan.options:
            file.take(sections.address("options", name), {})
    return file.data or b""
