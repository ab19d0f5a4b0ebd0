"""From names and values to renderings: which instances a run touches, with which values, in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mxdev import catalog
from mxdev.errors import MxError, UsageProblem
from mxdev.freetext import reveal
from mxdev.generator import Generator, Option, Values
from mxdev.plan import Rendering
from mxdev.project import Project
from mxdev.tree import Tree
from mxdev.values import Resolved, Sources, resolve

Approve = Callable[[str, list[str]], bool]


@dataclass
class Run:
    """What one command renders.

    Attributes:
        project: as on disk, or a new one.
        options: the project options as they will be, by name.
        renderings: of the instances in the run, in order.
        order: all instances of the project after the run, in the order of their sections.
        origin: where each value comes from, by instance and option name.
    """

    project: Project
    options: dict[str, Any]
    renderings: list[Rendering] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    origin: dict[str, dict[str, str]] = field(default_factory=dict)


def with_requirements(cls: type[Generator], project: Project) -> list[type[Generator]]:
    """The generators that `cls` requires and the project does not have, then `cls` itself."""
    have = {record.generator for record in project.instances.values()}
    wanted: dict[str, type[Generator]] = {}

    def visit(generator: type[Generator], chain: tuple[str, ...]) -> None:
        name = generator.__name__
        if name in chain:
            raise MxError(f"generators require each other in a circle: {' → '.join([*chain, name])}")
        for need in generator.requires:
            if need not in have and need not in wanted:
                visit(catalog.load(catalog.find(need)), (*chain, name))
        wanted[name] = generator

    visit(cls, ())
    return list(wanted.values())


def run(
    project: Project, generators: Sequence[type[Generator]], sources: Sources, *, downgrade: bool = False
) -> Run:
    """Resolve values and render.

    Args:
        project: the project as it is; a new one is empty.
        generators: what is asked for, after what it requires and is missing. The command line's values are the last one's.
        sources: where values come from.
        downgrade: render even with an older version of a plugin than the one that rendered last.

    Raises:
        UsageProblem, MxError: a value is wrong or missing, a generator is not installed, a template is broken.
    """
    result = Run(project, dict(project.options))
    known_values: dict[str, Values] = {}
    for cls in generators:
        mine = sources if cls is generators[-1] else replace(sources, command_line={})
        _render_one(result, cls, mine, known_values, downgrade)
    if project.instances and any(result.options[name] != value for name, value in project.options.items()):
        _render_others(result, sources, known_values, downgrade)
    _set_order(result)
    return result


def _render_others(result: Run, sources: Sources, known: dict[str, Values], downgrade: bool) -> None:
    """A changed project option reaches every instance, in the same plan."""
    running = {rendering.instance for rendering in result.renderings}
    rest = {name: record for name, record in result.project.instances.items() if name not in running}
    for name in catalog.by_requirements(rest, lambda name: rest[name].requires):
        cls = catalog.load(catalog.find(rest[name].generator))
        _render_one(result, cls, replace(sources, command_line={}, file={}, ask=None), known, downgrade, name)


def _render_one(
    result: Run,
    cls: type[Generator],
    sources: Sources,
    known: dict[str, Values],
    downgrade: bool,
    instance: str = "",
) -> None:
    shared = [option for option in cls.declared() if option.shared]
    own = [option for option in cls.declared() if not option.shared]
    earlier = _inherited(result, cls, known)
    first = resolve(shared, replace(sources, project=result.options), earlier)
    name = instance or _instance_name(cls, own, sources, {**earlier, **first.typed})
    record = result.project.instances.get(name)
    if record is not None and not downgrade:
        _refuse_older(cls, name, record.version)
    recorded = cls.migrate(dict(record.options), record.version) if record else {}
    second = resolve(own, replace(sources, project=recorded), {**earlier, **first.typed})
    typed = {**earlier, **first.typed, **second.typed}
    secrets = {option.key for option in cls.declared() if option.secret}
    values = Values({key: value for key, value in typed.items() if key not in secrets})
    tree = Tree(cls(values, name))
    tree.generator.generate(tree)
    known[cls.__name__] = values
    result.options.update(first.stored)
    result.origin[name] = {**first.origin, **second.origin}
    stored = {key: value for key, value in second.stored.items() if not _is_secret(key, own)}
    needs = tuple(_instances_of(need, result) or (need,) for need in cls.requires)
    result.renderings.append(
        Rendering(
            name,
            cls.__name__,
            cls.plugin,
            cls.plugin_version,
            stored,
            tuple(n for group in needs for n in group),
            tree,
        )
    )


def _inherited(result: Run, cls: type[Generator], known: dict[str, Values]) -> dict[str, Any]:
    """The values of what `cls` requires: resolved in this run, or as recorded."""
    values: dict[str, Any] = {}
    for need in cls.requires:
        if need not in known:
            known[need] = _recorded_values(result, need)
        values.update(known[need])
    return values


def _recorded_values(result: Run, generator: str) -> Values:
    cls = catalog.load(catalog.find(generator))
    record = next(
        (record for record in result.project.instances.values() if record.generator == generator), None
    )
    stored = {**result.options, **(record.options if record else {})}
    quiet = Sources(project=stored, environment={})
    return Values(resolve([option for option in cls.declared() if not option.secret], quiet).typed)


def _instances_of(generator: str, result: Run) -> tuple[str, ...]:
    names = [record.name for record in result.project.instances.values() if record.generator == generator]
    names += [rendering.instance for rendering in result.renderings if rendering.generator == generator]
    return tuple(dict.fromkeys(names))


def _instance_name(
    cls: type[Generator], own: list[Option], sources: Sources, earlier: Mapping[str, Any]
) -> str:
    if cls.instance_argument is None:
        return cls.__name__
    wanted = cls.instance_argument.lower()
    naming = [option for option in own if option.name == wanted]
    resolved: Resolved = resolve(naming, sources, earlier)
    part = str(reveal(resolved.typed[wanted.replace("-", "_")]))
    if not part or not all(character.isalnum() or character in "-_" for character in part):
        raise UsageProblem(
            f"{naming[0].spelling} names the instance: letters, digits, - and _ only, not {part!r}."
        )
    return f"{cls.__name__}:{part}"


def _refuse_older(cls: type[Generator], name: str, rendered: str) -> None:
    def numbers(version: str) -> list[int]:
        return [int(part) for part in version.split(".") if part.isdigit()]

    if numbers(cls.plugin_version) < numbers(rendered):
        raise MxError(
            f"{name} was rendered by {cls.plugin} {rendered}, and {cls.plugin_version} is installed.",
            hint="Update the plugin, or say `--allow-downgrade` to render with the older one.",
        )


def _is_secret(name: str, options: Sequence[Option]) -> bool:
    return any(option.name == name and option.secret for option in options)


def _set_order(result: Run) -> None:
    requires = {name: record.requires for name, record in result.project.instances.items()}
    requires |= {rendering.instance: rendering.requires for rendering in result.renderings}
    gone = {rendering.instance for rendering in result.renderings if rendering.tree is None}
    result.order = catalog.by_requirements(
        [n for n in requires if n not in gone], lambda name: requires[name]
    )
