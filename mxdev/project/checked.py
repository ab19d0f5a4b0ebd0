"""Checks what a record says before anything is done with it: it came with the project, and so from anybody.

A path in a record is a place that mx may write to and remove. None is Git's, mx's own or outside of the project, and no
name has characters that would not show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mxdev.disk.paths import problem_of, unseen
from mxdev.errors import MxError
from mxdev.project.records import PROJECT_FILE, Record, record_path
from mxdev.system.output.visible import one_line

_FLAGS = ("executable", "adopted", "declined")
_DEEPEST = 50


def check(record: Record, data: bytes, where: str) -> None:
    """Refuse a record that names what it must not.

    Args:
        record: what was read.
        data: its file's bytes, in which the line is looked for.
        where: that file, relative to the project.

    Raises:
        MxError: with file, line, what is wrong, and what to do.
    """
    for value, problem in _problems(record, where):
        line = _line_of(data, value)
        raise MxError(
            f"{where}{f':{line}' if line else ''}: {one_line(value)!r} {problem}",
            hint=f"mx did not write that. Take the record back from version control, if it is right there: "
            f"`git checkout -- {where}`; if not, do not run mx in this project.",
        )


def _problems(record: Record, where: str) -> Iterator[tuple[str, str]]:
    """Each text of the record that is not usable, and why."""
    for name in (record.name, record.generator, record.plugin, record.version, *record.requires):
        if not name or one_line(name) != name:
            yield name, "is not a name: it is empty, or has characters that do not show."
        if "/" in name or "\\" in name:
            yield name, "is not a name: it has a slash."
    if record_path(record.name) != where:
        yield record.name, f"is the name of another record: {record_path(record.name)}."
    for path, file in record.files.items():
        for place in (path, *filter(None, [file.moved])):
            if problem := problem_of_target(place):
                yield place, f"cannot be a file of a generator: {problem}."
        yield from _flags(path, file)
    for section in record.sections:
        if problem := problem_of_target(section.path):
            yield section.path, f"cannot be a shared file: {problem}."
        if "\0" in section.address:
            yield section.address, "is not an address of a section: it contains a NUL character."
        yield from _flags(section.path, section)
    for path in record.templates:
        if problem := unseen(path) or problem_of(path):
            yield path, f"cannot be a template: {problem}."
    for name, value in record.options.items():
        if not isinstance(name, str) or not name or one_line(name) != name:
            yield str(name), "is not a name of an option."
        elif problem := _no_value(value):
            yield name, f"is an option whose value {problem}."


def problem_of_target(path: str) -> str | None:
    """Why a generator may not have a file at `path`, in words; None if it may. Nothing is looked at."""
    problem = unseen(path) or problem_of(path)
    if problem is None and (path.split("/")[0].casefold() == ".mx" or path.casefold() == PROJECT_FILE):
        return "it is mx's own"
    return problem


def _flags(path: str, item: object) -> Iterator[tuple[str, str]]:
    for flag in _FLAGS:
        if not isinstance(getattr(item, flag, False), bool):
            yield path, f"has something else than true or false for `{flag}`."


def _no_value(value: Any, depth: int = 0) -> str | None:
    """What is wrong with the value of an option, if anything."""
    if depth > _DEEPEST:
        return "is nested too deep"
    if value is None or isinstance(value, str | bool | int | float):
        return None
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            return "has keys that are no text"
        return next(filter(None, (_no_value(item, depth + 1) for item in value.values())), None)
    if isinstance(value, list):
        return next(filter(None, (_no_value(item, depth + 1) for item in value)), None)
    return f"is a {type(value).__name__}; put it in quotes"


def _line_of(data: bytes, value: str) -> int | None:
    """The line, from 1, in which a text stands in a file of YAML; None if it cannot be told."""
    import yaml

    try:
        root = yaml.compose(data.decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except (ValueError, RecursionError, yaml.YAMLError):
        return None
    todo = [root]
    while todo:
        node = todo.pop()
        if isinstance(node, yaml.ScalarNode) and node.value == value:
            return int(node.start_mark.line) + 1
        if isinstance(node, yaml.SequenceNode):
            todo.extend(reversed(node.value))
        elif isinstance(node, yaml.MappingNode):
            todo.extend(item for pair in reversed(node.value) for item in reversed(pair))
    return None
