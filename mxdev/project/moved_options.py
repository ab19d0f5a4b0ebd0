"""Options of instances that have become options of the project since: their values, from the records.

Each instance would find its own value in its record; but what is rendered before it would take the default for the project's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from mxdev.generator.generator import Generator
from mxdev.generator.options import Option
from mxdev.plugins.defaults import shown
from mxdev.project.project import Project
from mxdev.project.records import Record


def find(
    project: Project, shared: Iterable[Option], load: Callable[[Record], type[Generator] | None]
) -> tuple[dict[str, Any], list[str]]:
    """The values of project options that mx.yaml does not have, and a record does.

    Args:
        project: the project as it is.
        shared: the project options of a run.
        load: the class of a recorded instance; None where it cannot be had.

    Returns:
        Values by name, and in words what moved. Where instances differ, the first one's value counts, which is said.
    """
    values: dict[str, Any] = {}
    said: list[str] = []
    for option in shared:
        if any(name in project.options for name in option.names):
            continue
        found = [
            (record.name, record.options[name])
            for record in project.instances.values()
            for name in option.names
            if name in record.options and _is_shared(load(record), name)
        ]
        if not found:
            continue
        (first, value), *rest = found
        values[option.name] = value
        others = [f"{instance} had {shown(own)}" for instance, own in rest if own != value]
        said.append(
            f"{option.name} is an option of the whole project now: {shown(value)}, as {first} had it"
            + (f"; {', '.join(others)}. `mx set {option.name}=VALUE` sets another one." if others else ".")
        )
    return values, said


def _is_shared(cls: type[Generator] | None, name: str) -> bool:
    return cls is not None and any(option.shared and name in option.names for option in cls.declared())
