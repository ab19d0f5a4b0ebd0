"""The options of a project, with their values and where each one stands."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mxdev.errors import MxError
from mxdev.generator.options import REQUIRED
from mxdev.plugins import defaults
from mxdev.project.records import PROJECT_FILE, RECORDS
from mxdev.workflow import render
from mxdev.workflow.values import Sources

if TYPE_CHECKING:
    from mxdev.generator.options import Option
    from mxdev.project.project import Project
    from mxdev.workflow.render import ToRender


@dataclass(frozen=True)
class Listed:
    """An option as `mx set` takes it.

    Attributes:
        key: `region`, or `GitHubActions.repository-id`.
        value: as it is recorded; of an option that is recorded nowhere its default. None if there is none.
        source: `mx.yaml` with the line, the folder of the records, whose default it is, or `unset`.
        declared: a generator of the project reads it; False for a line of `mx.yaml` that none does.
    """

    key: str
    value: Any
    source: str
    declared: bool = True


def options(project: Project) -> tuple[list[Listed], dict[str, MxError]]:
    """All options that `mx set` changes here, those of the project first, and why those of some instances cannot be told.

    Secret options are left out, and the argument that names an instance, which cannot be changed.

    Raises:
        MxError: a company's defaults cannot be read.
    """
    sources = Sources(environment={}, defaults=defaults.company(), reading=True)
    found, failed = render.loadable(project, list(project.instances), sources)
    ones = render.as_recorded(project, sources, found)
    shared: dict[str, Listed] = {}
    own: list[Listed] = []
    known = {name.replace("-", "_"): value for name, value in project.options.items()}
    places = _lines(project)
    for one in ones:
        seen = dict(known)
        naming = (one.generator.instance_argument or "").lower()
        for option in sorted(one.generator.declared(), key=lambda option: not option.shared):
            if option.secret or option.name == naming or (option.shared and option.name in shared):
                continue
            value, source = _value(project, one, option, seen, places)
            if option.shared:
                seen.setdefault(option.key, value)
            else:  # it stands before one of the project that has its name
                seen[option.key] = value
            key = option.name if option.shared else f"{one.name}.{option.name}"
            listed = Listed(key, value, source)
            if option.shared:
                shared[option.name] = listed
            else:
                own.append(listed)
    read = {name for one in ones for option in one.generator.declared() for name in option.names}
    order = list(project.options)
    more = [
        Listed(name, value, _place(places, name), declared=bool(failed))
        for name, value in project.options.items()
        if name not in read
    ]
    first = [*shared.values(), *more]
    first.sort(key=lambda one: order.index(one.key) if one.key in order else len(order))
    return [*first, *own], failed


def _value(
    project: Project, one: ToRender, option: Option, seen: Mapping[str, Any], places: Mapping[str, int]
) -> tuple[Any, str]:
    """The value of an option, and its source."""
    recorded = one.record.options if one.record is not None else {}
    # An option may have changed from the one place to the other since it was recorded.
    both = ((project.options, True), (recorded, False))
    for values, shared in both if option.shared else both[::-1]:
        for name in option.names:
            if name in values:
                return values[name], _place(places, name) if shared else RECORDS
    company = defaults.of(one.generator.__name__, one.sources.defaults)
    for name in option.names:
        if name in company:
            return company[name].value, company[name].source
    value: Any = REQUIRED
    with contextlib.suppress(LookupError):
        value = option.default_for(seen)
    return (None, "unset") if value is REQUIRED else (value, "default")


def _place(places: Mapping[str, int], name: str) -> str:
    return f"{PROJECT_FILE}:{places[name]}" if name in places else PROJECT_FILE


def _lines(project: Project) -> dict[str, int]:
    """The line of each option in `mx.yaml`, from 1."""
    import yaml

    root = yaml.compose((project.source or b"").decode("utf-8-sig"), Loader=yaml.SafeLoader)
    there = [value for key, value in _entries(root) if key.value == "options"]
    return {key.value: key.start_mark.line + 1 for node in there for key, _ in _entries(node)}


def _entries(node: Any) -> list[tuple[Any, Any]]:
    """The keys and values of a mapping; none of anything else."""
    import yaml

    return node.value if isinstance(node, yaml.MappingNode) else []
