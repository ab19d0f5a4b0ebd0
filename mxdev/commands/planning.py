"""What all commands that plan have in common: their options, and the names of instances."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from mxdev.errors import MxError, UsageProblem

if TYPE_CHECKING:
    from mxdev.project.project import Project
    from mxdev.project.records import Record
    from mxdev.workflow.apply import Policy

PLAN_OPTIONS = (
    click.Option(
        ["--dry-run", "--pretend", "dry_run"], is_flag=True, help="Show the plan; write nothing, ask nothing."
    ),
    click.Option(
        ["--diff"], is_flag=True, help="Show the plan with the changes of each file; write nothing."
    ),
    click.Option(["--json", "json"], is_flag=True, help="Print one JSON object, and ask nothing."),
    click.Option(["--no-input"], is_flag=True, help="Ask nothing; take defaults."),
    click.Option(
        ["--on-conflict"],
        type=click.Choice(["keep", "overwrite", "merge"]),
        help="What to do with files that you and the generator both changed; merge writes conflict markers.",
    ),
    click.Option(
        ["-v", "--verbose", "verbose"], is_flag=True, help="Show also the files that stay as they are."
    ),
    # Without a long name: a generator may have an option `--quiet` of its own.
    click.Option(["-q", "silent"], is_flag=True, help="Print problems and questions only, no plan."),
)
_POLICY = ("on_conflict", "dry_run", "diff", "json", "no_input", "verbose", "silent")
DOWNGRADE = click.Option(
    ["--allow-downgrade"], is_flag=True, help="Render with an older version than the one that rendered last."
)


def with_options(*options: click.Option) -> Callable[[click.Command], click.Command]:
    """Add options to a command that is already made."""

    def add(command: click.Command) -> click.Command:
        command.params.extend(options)
        return command

    return add


def policy_of(parameters: dict[str, Any]) -> Policy:
    """Take the plan's options out of a command's parameters."""
    from mxdev.workflow.apply import Policy

    given = {name: parameters.pop(name, None) for name in _POLICY}
    return Policy(**{**given, "dry_run": given["dry_run"] or given["diff"]})


class _Ambiguous(UsageProblem):
    """A name stands for more than one instance."""


def instance_names(project: Project, wanted: Iterable[str]) -> list[str]:
    """The instances that a person named, in either spelling of the generator's name.

    Raises:
        UsageProblem: there is none of that name.
    """
    from mxdev.plugins.catalog import folded

    found = []
    for name in wanted:
        head, colon, part = name.partition(":")
        matches = [
            known for known in project.instances
            if folded(known.partition(":")[0]) == folded(head) and (not colon or known.partition(":")[2] == part)
        ]  # fmt: skip
        matches = matches or _renamed(project, head, part)
        if len(matches) > 1:
            raise _Ambiguous(f"{name} is used more than once here: name one of {', '.join(matches)}.")
        if not matches:
            have = ", ".join(project.instances) or "none"
            raise UsageProblem(f"This project has no {name}.", hint=f"It has: {have}.")
        found.append(matches[0])
    return found


def named(project: Project, wanted: Iterable[str]) -> tuple[list[str], list[str]]:
    """The instances and the paths that a person named.

    A path is meant from where one stands, or else from the project's root; it may be a folder.

    Returns:
        Instances, and paths from the project's root.

    Raises:
        UsageProblem: a word is neither.
    """
    instances: list[str] = []
    paths: list[str] = []
    for word in wanted:
        try:
            instances += instance_names(project, [word])
        except _Ambiguous:
            raise
        except UsageProblem as problem:
            path = place(project, word)
            if not owners(project, path):
                near = _near(project, path)
                meant = f"Did you mean {near}?" if near else problem.hint
                raise UsageProblem(
                    f"{word} is neither a generator of this project nor a file that one rendered.", hint=meant
                ) from problem
            paths.append(path)
    return instances, paths


def place(project: Project, word: str) -> str:
    """A path as a person gave it, from the project's root: meant from where one stands, if something of mx is there."""
    import os
    from pathlib import Path

    root = project.root.absolute()
    here = os.path.relpath(os.path.normpath(Path.cwd() / word), root).replace(os.sep, "/")
    plain = os.path.normpath(word).replace(os.sep, "/")
    return here if owners(project, here) or not owners(project, plain) else plain


def shared_paths(project: Project) -> list[str]:
    """The files that generators share here."""
    return sorted({section.path for record in project.instances.values() for section in record.sections})


def shared_file(project: Project, word: str) -> str:
    """The file that generators share and that a person named, from the project's root: meant from where one stands, or from the root.

    Raises:
        UsageProblem: it is none; with what was meant, or which there are.
    """
    import difflib

    path = place(project, word)
    shared = shared_paths(project)
    if path in shared:
        return path
    near = difflib.get_close_matches(path, shared, n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    raise UsageProblem(
        f"{word} is not a file that generators share.",
        hint=f"{meant}They share: {', '.join(shared) or 'none'}. In any other file your edits stay where they are.",
    )


def owners(project: Project, path: str) -> list[str]:
    """The instances that rendered a file at `path`, a section of it, or something below it."""
    return [
        record.name for record in project.instances.values()
        if any(below(known, path) for known in _rendered(record))
    ]  # fmt: skip


def below(path: str, folder: str) -> bool:
    """Whether a path is `folder` or in it."""
    return folder == "." or path == folder or path.startswith(f"{folder}/")


def _rendered(record: Record) -> Iterator[str]:
    yield from record.files
    yield from (file.moved for file in record.files.values() if file.moved)
    yield from (section.path for section in record.sections)


def _near(project: Project, path: str) -> str | None:
    """The rendered path that was meant: of the same file name, or spelt nearly so."""
    import difflib

    known = sorted({path for record in project.instances.values() for path in _rendered(record)})
    name = path.rpartition("/")[2]
    same = [one for one in known if one.rpartition("/")[2] == name]
    return next(iter(same or difflib.get_close_matches(path, known, n=1)), None)


def _renamed(project: Project, generator: str, part: str) -> list[str]:
    """The instances of a generator whose name changed: a record may still have the old one."""
    from mxdev.plugins import catalog

    try:
        cls = catalog.load(catalog.find(generator))
    except MxError:
        return []
    records = [r for r in project.instances.values() if r.generator in (cls.__name__, *cls.formerly)]
    return [r.name for r in records if not part or r.name.partition(":")[2] == part]


def complete_instances(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The project's instances, for a shell; nothing where there is no project.

    A shell puts what is offered into the line that the next Return runs, so only names without any meaning to it are.
    """
    from mxdev.project.project import Project, project_root
    from mxdev.system.output.visible import harmless

    with contextlib.suppress(MxError):  # and not a word, whatever waits there
        names = Project.load(project_root(recovers=True)).instances
        return [name for name in names if name.startswith(incomplete) and harmless(name)]
    return []
