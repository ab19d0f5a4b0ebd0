"""A person's edits as a patch that `git apply` takes, against what was rendered."""

from __future__ import annotations

import base64
import difflib
import hashlib
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from mxdev.commands.planning import below, complete_instances, named, owners
from mxdev.errors import MxError
from mxdev.merge.diff import unified
from mxdev.plugins import catalog
from mxdev.project.files import in_git
from mxdev.project.files.content import Content, stored_content
from mxdev.project.project import Project
from mxdev.project.records import Record
from mxdev.sections import sections
from mxdev.workflow.drift import Edit, file_edits

if TYPE_CHECKING:
    from mxdev.merge.stat import Counted
    from mxdev.project.project import Project

_LEFT_OUT = "S"  # by a sparse checkout
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def patch(project: Project, records: list[Record], paths: Sequence[str] = (".",)) -> Iterator[str]:
    """The patch, one piece a file. Applied to a project as it was rendered, it gives the project as it is."""
    return map(_piece, edited(project, records, paths))


def edited(project: Project, records: list[Record], paths: Sequence[str] = (".",)) -> Iterator[Edit]:
    """What a person changed, by path.

    Args:
        project: the project.
        records: the instances whose files are looked at.
        paths: the files and folders that count.
    """
    edits = [
        edit for record in records for _, edit in file_edits(project, record) if edit.rendered is not None
    ]
    edits += list(_shared(project, records))
    for edit in sorted(edits, key=lambda edit: edit.place):
        if not any(below(known, path) for known in (edit.path, edit.place) for path in paths):
            continue
        if edit.disk is None and in_git.tracked(project.root).get(edit.place) == _LEFT_OUT:
            continue  # as for `git diff`: nobody deleted it
        if edit.rendered != edit.disk or edit.path != edit.place:
            yield edit


def _shared(project: Project, records: list[Record]) -> Iterator[Edit]:
    """Shared files with every section of these instances as it was rendered, against what is there."""
    for path in dict.fromkeys(section.path for record in records for section in record.sections):
        disk = stored_content(project, path)
        theirs = [r for r in project.instances.values() if any(s.path == path for s in r.sections)]
        made = any(s.trace.get("file") for record in theirs for s in record.sections if s.path == path)
        # A file that mx made is put together anew; in one that was there before, a person's own lines are no edit.
        whole = made and all(record in records for record in theirs)
        file = sections.File(path, disk.data if disk and not whole else None, order=_order(project, path))
        try:
            for record in records:
                for address, text in project.pristine_sections(record.name, path).items():
                    file.put(address, text)
            data = file.data
        except MxError:  # it is not what it should be, and its instances cannot be told apart in it
            continue
        if data is not None:
            yield Edit(path, path, Content(data, bool(disk and disk.executable)), disk)


def _order(project: Project, path: str) -> list[str]:
    records = project.instances
    names = catalog.by_requirements(records, lambda name: records[name].requires)
    return [section.address for name in names for section in records[name].sections if section.path == path]


def _mode(content: Content) -> str:
    return "120000" if content.foreign else "100755" if content.executable else "100644"


def _piece(edit: Edit) -> str:
    """One file in Git's extended form (git-diff, "Generating patch text with -p")."""
    before, after = edit.rendered, edit.disk
    assert before is not None  # the caller looked
    if after is not None and after.foreign:
        # Another kind of thing is two steps for Git. What is neither file nor link, it does not know.
        gone = _piece(Edit(edit.path, edit.path, before, None))
        return gone + (_created(edit.place, after) if after.foreign == "a symbolic link" else "")
    old, new = _name("a/", edit.path), _name("b/", edit.place)
    head = [f"diff --git {old} {new}"]
    if after is None:
        head.append(f"deleted file mode {_mode(before)}")
    elif before.executable != after.executable:
        head += [f"old mode {_mode(before)}", f"new mode {_mode(after)}"]
    if edit.path != edit.place and after is not None:
        head += [
            f"similarity index {_alike(before.data, after.data)}%",
            f"rename from {_name('', edit.path)}",
            f"rename to {_name('', edit.place)}",
        ]
    if after is None or before.data != after.data:
        head.append(f"index {_blob(before.data)}..{_blob(after.data) if after else '0' * 40}")
    text = "\n".join(head) + "\n"
    if after is not None and before.data == after.data:
        return text
    return text + _body(old, new, before.data, after.data if after else None)


def _created(path: str, link: Content) -> str:
    old, new = _name("a/", path), _name("b/", path)
    head = f"diff --git {old} {new}\nnew file mode {_mode(link)}\nindex {'0' * 40}..{_blob(link.data)}\n"
    return head + _body("/dev/null", new, b"", link.data)


def _alike(before: bytes, after: bytes) -> int:
    if max(len(before), len(after)) > 4096:
        return 50  # only told to a reader; the exact share of large files takes long
    return int(difflib.SequenceMatcher(None, before, after, autojunk=False).ratio() * 100)


def _blob(data: bytes) -> str:
    """The name that Git gives to these bytes; a binary patch is only taken with it."""
    return hashlib.sha1(b"blob %d\0%b" % (len(data), data), usedforsecurity=False).hexdigest()


def _name(side: str, path: str) -> str:
    """`a/path`, quoted as Git quotes names with odd characters."""
    name = f"{side}{path}"
    if name.isprintable() and not set('"\\') & set(name):
        return name
    quoted = "".join(
        f"\\{byte:03o}" if byte < 32 or byte > 126 else f"\\{chr(byte)}" if chr(byte) in '"\\' else chr(byte)
        for byte in name.encode("utf-8")
    )
    return f'"{quoted}"'


def _body(old: str, new: str, before: bytes, after: bytes | None) -> str:
    # A tab ends a name with blanks (as Git writes it), so that `git apply` finds where it ends.
    names = (old, "/dev/null" if after is None else new)
    one, other = (f"{name}\t" if " " in name else name for name in names)
    text = unified((one, other), before, after or b"")
    return _binary(before, after or b"") if text is None else text


def _binary(before: bytes, after: bytes) -> str:
    """Git's binary patch: both sides whole, deflated, base 85 (git's diff.c, `emit_binary_diff_body`)."""
    return f"GIT binary patch\n{_literal(after)}\n{_literal(before)}\n"


def _literal(data: bytes) -> str:
    packed = zlib.compress(data)
    rows = [packed[start : start + 52] for start in range(0, len(packed), 52)]
    lines = [f"{_ALPHABET[len(row) - 1]}{base64.b85encode(row, pad=True).decode()}\n" for row in rows]
    return f"literal {len(data)}\n" + "".join(lines)


@click.command()
@click.argument("instances", nargs=-1, shell_complete=complete_instances)
@click.option("--stat", is_flag=True, help="Print instead how many lines of each file changed, as Git does.")
@click.option(
    "--template",
    is_flag=True,
    help="Print instead how the templates that you or a plugin override have changed since.",
)
def diff(instances: tuple[str, ...], stat: bool, template: bool) -> None:
    """Print your edits of what was rendered, as a patch that `git apply` takes.

    INSTANCES may also be files and folders, from where you stand; by default it is all that was rendered.
    """
    from mxdev.project.project import project_root
    from mxdev.system import console
    from mxdev.workflow.door import whole_project

    if stat and template:
        raise click.UsageError("--stat is about your edits and --template about templates: name one of them.")
    project = whole_project(project_root())
    names, paths = named(project, instances)
    whole = [project.instances[name] for name in names or ([] if paths else project.instances)]
    touched = [name for name in project.instances if any(name in owners(project, path) for path in paths)]
    if template:
        _templates(project, [*dict.fromkeys([*(record.name for record in whole), *touched])])
        return
    parts = [project.instances[name] for name in touched if name not in names]
    if stat:
        _show_stat((*edited(project, whole), *edited(project, parts, paths)))
        return
    for piece in (*patch(project, whole), *patch(project, parts, paths)):
        if console.coloured(sys.stdout):
            console.diff(piece)
        else:
            # Bytes, not lines: a patch carries its own line ends.
            sys.stdout.buffer.write(piece.encode("utf-8"))


def _counted(edit: Edit) -> Counted:
    from mxdev.merge import stat

    before, after = edit.rendered, edit.disk
    assert before is not None  # the caller looked
    old, new = _name("", edit.path), _name("", edit.place)
    name = old if after is None or old == new else stat.renamed(old, new)
    here = after.data if after is not None else b""
    if before.data == here:
        return stat.Counted(name, 0, 0)
    text = unified((old, new), before.data, here)
    if text is None:
        return stat.Counted(name, len(here), len(before.data), binary=True)
    return stat.Counted(name, *stat.of_hunks(text))


def _show_stat(edits: Iterable[Edit]) -> None:
    """What changed in how many lines, as `git diff --stat` shows it."""
    from mxdev.merge import stat
    from mxdev.system import console

    # Off a terminal 80 columns, as Git: what a script reads is the same everywhere.
    width = console.width() if console.is_terminal(sys.stdout) else 80
    found = [_counted(edit) for edit in sorted(edits, key=lambda edit: edit.place)]
    for line in stat.lines(found, width, console.paint):
        console.out(line)


def _templates(project: Project, names: list[str]) -> None:
    """How overridden templates have changed since their overrides were written."""
    from mxdev.plan import template_records
    from mxdev.plan.model import Wishes
    from mxdev.system import console
    from mxdev.workflow import update

    for name in names:
        plan = update.update(project, [name], Wishes(), downgrade=False)
        for text in template_records.differences(plan, name):
            console.diff(text)
