"""Records that ought to be there and are not: a checkout without `.mx/`, or with half of it, is no project without generators."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mxdev.errors import MxError
from mxdev.project.files import in_git
from mxdev.project.project import Project
from mxdev.project.records import (
    PRISTINE,
    RECORDS,
    Record,
    pristine_path,
    pristine_sections_path,
    pristine_template_path,
    record_path,
)

_SPARSE = "Git leaves it out of this checkout"


def check(project: Project) -> None:
    """Refuse to conclude anything from records of which some are missing.

    Raises:
        MxError: with what shows that they are missing, and how they come back.
    """
    lost, left_out = _missing(project), _left_out(project)
    if lost or left_out or (project.options and not project.instances):
        raise _problem(project, {**dict.fromkeys(left_out, _SPARSE), **lost})


def check_before_adding(project: Project) -> None:
    """As `check`, for a command that makes records: those that are lost for good may be made anew.

    Raises:
        MxError: Git has the records that are missing.
    """
    known = in_git.tracked(project.root)
    lost = {path: why for path, why in _missing(project).items() if path in known}
    if not project.instances:
        lost |= {path: "Git has it" for path in known if _is_record(path)}
    lost = {**dict.fromkeys(_left_out(project), _SPARSE), **lost}
    if lost:
        raise _problem(project, lost)


def check_before_dropping(project: Project, options: list[str]) -> None:
    """Refuse to take options away that nobody declares, while Git has records that are not here: one of those may declare them.

    Raises:
        MxError: naming both.
    """
    here = {record_path(name) for name in project.instances}
    known = in_git.tracked(project.root)
    lost = [path for path in known if _is_record(path) and path not in here]
    if options and lost:
        raise MxError(
            f"Nothing declares {', '.join(options)} here, but Git has records that are not in this checkout: {', '.join(lost)}.",
            hint=_hint(project.root, lost),
        )


def _is_record(path: str) -> bool:
    return path.startswith(f"{RECORDS}/") and path.endswith(".yaml")


def _left_out(project: Project) -> list[str]:
    """Records that Git leaves out of a sparse checkout."""
    return [path for path, tag in in_git.tracked(project.root).items() if tag == "S" and _is_record(path)]


def _missing(project: Project) -> dict[str, str]:
    """The records that something else speaks of, each with what does."""
    found: dict[str, str] = {}
    for record in project.instances.values():
        for need in record.requires:
            if need not in project.instances:
                found.setdefault(record_path(need), f"{record.name} requires {need}")
    here = {Path(record_path(name)).stem for name in project.instances}
    folder = project.root / PRISTINE
    try:
        kept = sorted(path.name for path in folder.iterdir() if path.is_dir())
    except OSError:
        kept = []
    for name in kept:
        if name not in here and any((folder / name).rglob("*.pristine")):
            found.setdefault(f"{RECORDS}/{name}.yaml", f"{PRISTINE}/{name}/ has what it rendered")
    for record in project.instances.values():
        if unlisted := _unlisted(project.root, record):
            found.setdefault(record_path(record.name), f"{unlisted[0]} is none of the files that it lists")
    return found


def _unlisted(root: Path, record: Record) -> list[str]:
    """What is kept of a record's files and it does not list: its end was cut off.

    What Git does not know there may be left of an update that was taken back by Git, and says nothing.
    """
    listed = {pristine_path(record.name, path) for path in record.files}
    listed |= {pristine_sections_path(record.name, section.path) for section in record.sections}
    listed |= {pristine_template_path(record.name, path) for path in record.templates}
    folder = root / PRISTINE / Path(record_path(record.name)).stem
    kept = {path.relative_to(root).as_posix() for path in folder.rglob("*.pristine")}
    unlisted = kept - listed
    if unlisted and (known := in_git.tracked(root)):
        unlisted &= known.keys()
    return sorted(unlisted)


def _problem(project: Project, lost: Mapping[str, str]) -> MxError:
    if not project.instances:
        return MxError(
            f"{project.root} has an mx.yaml and no records of generators: {RECORDS}/ is not in this checkout.",
            hint=_hint(project.root, sorted(lost)),
        )
    why = [f"  {path}: {lost[path]}" for path in sorted(lost)]
    return MxError(
        "\n".join(
            ["Records of generators are missing or cut off, so mx cannot tell what was rendered:", *why]
        ),
        hint=_hint(project.root, sorted(lost)),
    )


def _hint(root: Path, paths: list[str]) -> str:
    tags = in_git.tracked(root)
    if any(tags.get(path) == "S" for path in paths):
        return "This checkout is sparse: `git sparse-checkout add .mx` brings them here."
    known = [path for path in paths if path in tags]
    if known or any(_is_record(path) for path in tags):
        return f"Take them back from version control: `git checkout -- {' '.join(known) or '.mx'}`."
    if in_git.ignored(root, [f"{RECORDS}/x.yaml"]):
        return (
            "Git ignores .mx/ here, so it was never committed: take that line out of the .gitignore "
            "(`git check-ignore -v .mx/generators` says which), then commit .mx/ from the checkout that has it. "
            "What is lost for good is made anew by `mx generate NAME`."
        )
    return (
        "Take .mx/ back from where the project comes from. A generator whose record is lost for good: generate it again "
        "(`mx generate NAME`), or delete what is left of it in .mx/pristine/."
    )
