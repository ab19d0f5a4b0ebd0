"""Templates that stand for one of a generator's own: a project's below `.mx/overrides/<Generator>/`, or a plugin's.

An override has the path of the template that it stands for, relative to the generator's `templates/` (of a generator
that renders another folder, that folder's name stands before). Without the ending `.jinja` of the template it stands for
it too, and is copied byte for byte. A project's comes before a plugin's.

The record of the instance remembers which template was replaced, and what it was when the override was written, last
changed or accepted: `mx status` tells when the generator's own has changed since, `mx diff --template` shows by what, and
`mx update --accept` says that the override is right all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mxdev.errors import MxError
from mxdev.generator.tree import Override
from mxdev.plugins import registry
from mxdev.system.files import plain

if TYPE_CHECKING:
    from mxdev.project.project import Project

FOLDER = ".mx/overrides"


def of(project: Project, generator: str) -> dict[str, Override]:
    """The overrides of a generator's templates, by the template's path.

    Raises:
        MxError: two plugins replace the same template, or a file cannot be read.
    """
    from mxdev.plugins.catalog import folded

    found: dict[str, tuple[Path, str]] = {}
    own = dict(_of_project(project, generator))
    for plugin, folders in registry.data("mx_template_overrides"):
        for name, folder in folders.items():
            if folded(name) != folded(generator):
                continue
            for path in _files(Path(folder)):
                key = path.relative_to(folder).as_posix()
                if key in found and key not in own:
                    raise MxError(
                        f"{found[key][1]} and {plugin} both replace the template {key} of {generator}.",
                        hint=f"Uninstall one of them, or put your own into {FOLDER}/{generator}/{key}.",
                    )
                found[key] = path, str(plugin)
    theirs = {key: Override(_read(path), home) for key, (path, home) in found.items() if key not in own}
    return theirs | own


def _of_project(project: Project, generator: str) -> Iterator[tuple[str, Override]]:
    from mxdev.plugins.catalog import folded

    base = project.root / FOLDER
    for path in _files(base):
        folder, _, key = path.relative_to(base).as_posix().partition("/")
        where = path.relative_to(project.root).as_posix()
        if key and folded(folder) == folded(generator) and (data := project.read(where)) is not None:
            yield key, Override(data, where)


def strays(project: Project) -> list[str]:
    """The files below `.mx/overrides/` that stand for nothing: no generator here is called so, and no shared file."""
    from mxdev.plugins.catalog import folded

    records = project.instances.values()
    generators = {folded(record.generator) for record in records}
    shared = {section.path for record in records for section in record.sections}
    base = project.root / FOLDER
    names = [path.relative_to(base).as_posix() for path in _files(base)]
    return [
        f"{FOLDER}/{name}"
        for name in names
        if name not in shared and ("/" not in name or folded(name.partition("/")[0]) not in generators)
    ]


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else ()
    return sorted(path for path in found if "__pycache__" not in path.relative_to(folder).parts)


def _read(path: Path) -> bytes:
    try:
        return plain.read(path)
    except OSError as error:
        raise MxError(f"{path} cannot be read: {error.strerror}") from error
