"""A person's values laid over the sections of a shared file: `.mx/overrides/devspace.yaml`.

The file has the form of the shared one and only the keys that differ. Mappings are laid over key by key, everything else
replaces what was rendered, and `null` takes a key away (as in Helm's values).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mxdev.errors import MxError
from mxdev.generator.tree import Section
from mxdev.project.files.content import Content
from mxdev.project.project import Project
from mxdev.sections import sections
from mxdev.sections.address import Key, parse
from mxdev.sections.yaml.values import equal, load

FOLDER = ".mx/overrides"
_HEAD = b"# Your values, laid over what mx renders into {path}; `null` takes a key away. You may edit this file.\n"


def place(path: str) -> str:
    """Where the overrides of the shared file `path` are."""
    return f"{FOLDER}/{path}"


def read(project: Project, path: str, extra: Mapping[str, Content] | None = None) -> dict[str, Any]:
    """The overrides of the shared file `path`; empty if there are none.

    Args:
        project: the project.
        path: the shared file.
        extra: files that are going to be written, by path.

    Raises:
        MxError: the file is not YAML mapping.
    """
    where = place(path)
    data = extra[where].data if extra and where in extra else project.read(where)
    if data is None or not sections.is_yaml(path):
        return {}
    loaded = load(data, where, hint="Correct it, then run the command again.", texts=False)
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise MxError(
            f"{where} is not a mapping.",
            hint=f"Write it in the form of {path}: the keys that differ, and no others.",
        )
    return loaded


def lay_over(
    rendered: Sequence[Section], overrides: Mapping[str, Mapping[str, Any]]
) -> tuple[list[Section], list[str]]:
    """Sections with overrides laid over them, and the addresses that were changed.

    Args:
        rendered: what a generator renders.
        overrides: by shared file.
    """
    result, changed = [], []
    for section in rendered:
        found = _at(overrides.get(section.path, {}), section.address)
        if found is None:  # the whole section is taken away
            changed.append(section.address)
            continue
        if found is not _NOTHING and not equal(value := overlay(section.value, found), section.value):
            changed.append(section.address)
            section = section._replace(value=value)
        result.append(section)
    return result, changed


_NOTHING: Any = object()


def _at(overrides: Mapping[str, Any], address: str) -> Any:
    if not overrides:  # as of files that are no YAML, in which an address is any name
        return _NOTHING
    value: Any = overrides
    for step in parse(address):
        if not isinstance(step, Key) or not isinstance(value, Mapping) or step.name not in value:
            return _NOTHING
        value = value[step.name]
    return value


def overlay(rendered: Any, over: Any) -> Any:
    """`over` laid over `rendered`."""
    if not isinstance(rendered, Mapping) or not isinstance(over, Mapping):
        return over
    result = {key: value for key, value in rendered.items() if not (key in over and over[key] is None)}
    for key, value in over.items():
        if value is not None:
            result[key] = overlay(rendered[key], value) if key in rendered else value
    return result


def derive(rendered: Any, wanted: Any) -> Any:
    """What must be laid over `rendered` to give `wanted`; both mappings, and different."""
    over: dict[Any, Any] = {key: None for key in rendered if key not in wanted}
    for key, value in wanted.items():
        if key not in rendered:
            over[key] = value
        elif not equal(rendered[key], value):
            both = isinstance(rendered[key], Mapping) and isinstance(value, Mapping)
            over[key] = derive(rendered[key], value) if both else value
    return over


def adopt(project: Project, path: str, edits: Mapping[str, tuple[Any, Any]]) -> Content:
    """The overrides file with a person's edits in it.

    Args:
        project: the project.
        path: the shared file.
        edits: by section address: what the generator renders without overrides, and what stands in the file.

    Raises:
        MxError: an edit cannot be said as an override.
    """
    where = place(path)
    file = sections.File(where, project.read(where) or _HEAD.replace(b"{path}", path.encode()))
    for address, (rendered, wanted) in edits.items():
        if not all(isinstance(step, Key) for step in parse(address)):
            raise MxError(f"{path}: {address} is an item of a list, and overrides have keys only.",
                          hint="Leave the edit where it is: mx keeps it and merges it.")  # fmt: skip
        both = isinstance(rendered, Mapping) and isinstance(wanted, Mapping)
        over = derive(rendered, wanted) if both else wanted
        if not equal(overlay(rendered, over), wanted):
            raise MxError(f"{path}: the edit of {address} sets a key to null, which an override cannot say.",
                          hint="Leave the edit where it is: mx keeps it and merges it.")  # fmt: skip
        file.put(address, sections.render(address, over))
    return Content(file.data or b"")
