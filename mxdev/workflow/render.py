"""From names and values to renderings: which instances a run touches, with which values, in which order."""

from __future__ import annotations

import contextlib
import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import click

from mxdev.errors import MxError, Refused, UsageProblem
from mxdev.generator.freetext import reveal
from mxdev.generator.generator import Generator, Occasion
from mxdev.generator.options import Option, Values
from mxdev.generator.tree import Tree
from mxdev.plan.model import Rendering
from mxdev.plugins import catalog, filters, registry
from mxdev.plugins import defaults as company
from mxdev.plugins.defaults import Default
from mxdev.project import moved_options
from mxdev.project.project import Project
from mxdev.project.records import Record
from mxdev.system.output.foreign import contained
from mxdev.system.versions import older
from mxdev.workflow import roles, template_overrides
from mxdev.workflow.values import Resolved, Sources, resolve

_INSTANCE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")  # it becomes the name of a file


@dataclass(frozen=True)
class ToRender:
    """One instance that a run renders.

    Attributes:
        generator: its class.
        sources: where its values come from, beside the project.
        record: what is recorded of it; None for one that is new, or that its argument names.
        name: its name; "" where its argument says.
    """

    generator: type[Generator]
    sources: Sources
    record: Record | None = None
    name: str = ""


@dataclass
class Run:
    """What one command renders.

    Attributes:
        project: as on disk, or a new one.
        options: the project options as they will be, by name.
        renderings: of the instances in the run, in order.
        order: all instances of the project after the run, in the order of their sections.
        origin: where each value comes from, by instance and option name.
        defaulted: values that are a company's defaults, with their source, in words and by option name.
        moved: options of instances that have become project options, in words.
        dropped: options that were recorded and that nobody declares any more, by instance ("" for project options).
        failed: the instances that are left as they are because they cannot be rendered, with the reason.
    """

    project: Project
    options: dict[str, Any]
    renderings: list[Rendering] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    origin: dict[str, dict[str, str]] = field(default_factory=dict)
    defaulted: dict[str, str] = field(default_factory=dict)
    moved: list[str] = field(default_factory=list)
    dropped: dict[str, list[str]] = field(default_factory=dict)
    failed: dict[str, MxError] = field(default_factory=dict)
    _values: dict[str, Values] = field(default_factory=dict)
    _classes: dict[str, type[Generator]] = field(default_factory=dict)

    def instances_of(self, generator: str) -> tuple[str, ...]:
        """The instances of a generator, recorded or rendered in this run."""
        replaced = {rendering.previous for rendering in self.renderings if rendering.previous}
        names = [
            r.name
            for r in self.project.instances.values()
            if r.generator == generator and r.name not in replaced
        ]
        names += [rendering.instance for rendering in self.renderings if rendering.generator == generator]
        return tuple(dict.fromkeys(names))

    def class_of(self, rendering: Rendering) -> type[Generator]:
        """The generator that rendered it."""
        return self._classes[rendering.generator]


def with_requirements(cls: type[Generator], project: Project) -> list[type[Generator]]:
    """The generators that `cls` requires and the project does not have, then `cls` itself."""
    have = {record.generator for record in project.instances.values()}
    wanted: dict[str, type[Generator]] = {}

    def visit(generator: type[Generator], chain: tuple[str, ...]) -> None:
        name = generator.__name__
        if name in chain:
            raise MxError(f"generators require each other in a circle: {' → '.join([*chain, name])}")
        for need in generator.requires:
            if need in have or need in wanted:
                continue
            needed = roles.player(need, project, [*wanted.values(), cls])
            if not have.intersection((needed.__name__, *needed.formerly)):
                visit(needed, (*chain, name))
        wanted[name] = generator

    visit(cls, ())
    return list(wanted.values())


def quiet(sources: Sources) -> Sources:
    """The same sources without the command line, a file and a person: for instances that nobody asked for."""
    return replace(
        sources, command_line={}, file={}, environment={}, ask=None, freshness="recorded", found=None
    )


def run(
    project: Project, generators: Sequence[type[Generator]], sources: Sources, *, downgrade: bool = False
) -> Run:
    """Resolve values and render what `mx generate` asks for.

    Args:
        project: the project as it is; a new one is empty.
        generators: what is asked for, after what it requires and is missing. The command line's values are the last one's.
        sources: where values come from.
        downgrade: render even with an older version of a plugin than the one that rendered last.

    Raises:
        UsageProblem, MxError: a value is wrong or missing, a generator is not installed, a template is broken.
    """
    ones = [
        ToRender(cls, sources if cls is generators[-1] else replace(sources, command_line={}))
        for cls in generators
    ]
    result = _begun(project, ones)
    for one in ones:
        _render(result, one, downgrade)
    reached, result.failed = loadable(project, _reached(result), quiet(sources))
    _render_each(result, as_recorded(project, quiet(sources), reached), downgrade)
    return finish(result)


def _reached(result: Run) -> list[str]:
    """The other instances that see a changed value: all, if it is a project option; else those that require its owner."""
    instances = result.project.instances
    rest = {
        name: record
        for name, record in instances.items()
        if name not in {r.known_as for r in result.renderings}
    }
    if any(result.options.get(name) != value for name, value in result.project.options.items()):
        return list(rest)
    changed = {
        r.instance for r in result.renderings
        if r.known_as in instances and r.options != instances[r.known_as].options
    }  # fmt: skip
    found: list[str] = []
    for name in catalog.by_requirements(rest, lambda name: rest[name].requires):
        if changed.intersection(rest[name].requires):
            changed.add(name)
            found.append(name)
    return found


def rerun(project: Project, ones: Sequence[ToRender], *, downgrade: bool = False) -> Run:
    """Render recorded instances again: what `mx update` and `mx set` do. Parameters and errors as those of `run`.

    An instance whose generator fails stops only itself: it stands in `Run.failed`.
    """
    result = _begun(project, ones)
    _render_each(result, ones, downgrade)
    return finish(result)


def _begun(project: Project, ones: Sequence[ToRender]) -> Run:
    """A run that knows the project's options, also those that were an instance's own once."""
    at_hand = {one.record.name: one.generator for one in ones if one.record is not None}

    def load(record: Record) -> type[Generator] | None:
        with contextlib.suppress(MxError):  # its plugin is gone: nobody knows what its options are
            return at_hand.get(record.name) or recorded_class(record, Sources(environment={}))
        return None

    shared = {o.name: o for one in ones for o in one.generator.declared() if o.shared}
    values, said = moved_options.find(project, shared.values(), load)
    return Run(project, {**project.options, **values}, moved=said)


def _render_each(result: Run, ones: Sequence[ToRender], downgrade: bool) -> None:
    for one in ones:
        try:
            _render(result, one, downgrade)
        except GeneratorFailed as error:
            result.failed[one.name] = error


def loadable(
    project: Project, names: Sequence[str], sources: Sources
) -> tuple[list[str], dict[str, MxError]]:
    """Those of `names` whose generators can be had, and why the others cannot."""
    found, failed = [], {}
    for name in names:
        try:
            recorded_class(project.instances[name], sources)
        except MxError as error:
            failed[name] = error
        else:
            found.append(name)
    return found, failed


def as_recorded(project: Project, sources: Sources, names: Sequence[str] | None = None) -> list[ToRender]:
    """What to render of each recorded instance (or for those called `names`), in order of what they require.

    Raises:
        MxError: a plugin is not installed any more.
    """
    wanted = list(project.instances) if names is None else list(names)
    records = {name: project.instances[name] for name in wanted}
    ordered = catalog.by_requirements(records, lambda name: records[name].requires)
    return [
        ToRender(recorded_class(records[name], sources), sources, records[name], name) for name in ordered
    ]


def recorded_class(record: Record, sources: Sources) -> type[Generator]:
    """The class of a recorded instance, with all its options.

    Raises:
        MxError: its plugin is not installed any more, or what it is made of cannot be had.
    """
    cls = catalog.load_recorded(record.generator, record.plugin)
    with _code_of(cls, record.name):
        return cls.specialise(record.options, sources.freshness, record.options)


def finish(result: Run) -> Run:
    """Put the instances of the run and those that stay into the order of their sections."""
    requires = {name: record.requires for name, record in result.project.instances.items()}
    renamed = {r.previous: r.instance for r in result.renderings if r.previous}
    for name, needs in requires.items():
        requires[name] = tuple(renamed.get(need, need) for need in needs)
    for rendering in result.renderings:
        requires.pop(rendering.previous or "", None)
        requires[rendering.instance] = rendering.requires
        if rendering.tree is None:
            del requires[rendering.instance]
    result.order = catalog.by_requirements(requires, lambda name: requires[name])
    return result


class GeneratorFailed(MxError):
    """The code of a generator failed, whatever it raised; the message names the instance and the plugin."""


@contextlib.contextmanager
def _code_of(cls: type[Generator], name: str) -> Iterator[None]:
    """Around the code of a generator: whatever it raises is its plugin's error, not one of mx.

    Raises:
        GeneratorFailed: it raised, or wanted to leave the process.
    """
    home = f"{name} of the plugin {cls.plugin} {cls.plugin_version} cannot be rendered"
    try:
        with contained():  # what a generator prints is not part of mx's answer
            yield
    except (KeyboardInterrupt, click.Abort, UsageProblem, Refused):
        raise
    except MxError as error:
        raise GeneratorFailed(f"{home}: {error.message}", hint=error.hint, code=error.code) from error
    except BaseException as error:  # SystemExit, and the panics of extension modules, too
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise GeneratorFailed(
            f"{home}: {type(error).__name__}: {error} ({last.filename}:{last.lineno})",
            hint=f"Report it to the authors of {cls.plugin}.",
        ) from error


def _render(result: Run, one: ToRender, downgrade: bool) -> None:
    """Render one instance: find its record, migrate, resolve, generate, note what will be recorded."""
    cls, given = one.generator, one.sources.defaults
    one = replace(one, sources=replace(one.sources, defaults=company.of(cls.__name__, given)))
    earlier = _inherited(result, cls, given)
    name, record = _which(result, one, earlier)
    if record is not None and not downgrade:
        _refuse_older(cls, name, record.version)
    recorded = _migrated(cls, record, name)
    if cls.instance_argument is not None:  # it may have been asked for: once is enough
        recorded.setdefault(cls.instance_argument.lower(), name.partition(":")[2])
    cls, resolved = _resolved(result, one, name, earlier, recorded)
    secrets = {option.key for option in cls.declared() if option.secret}
    shared = {option.name: option for option in cls.declared() if option.shared}
    above = {**earlier, **{o.key: resolved.typed[o.key] for o in shared.values() if o.key in resolved.typed}}
    above = {key: value for key, value in above.items() if key not in secrets}
    values = Values({k: v for k, v in {**above, **resolved.typed}.items() if k not in secrets}, Values(above))
    own_origin = {
        o.name: resolved.origin[o.name] for o in cls.declared() if not o.shared and o.name in resolved.origin
    }
    hidden = {key: value for key, value in resolved.typed.items() if key in secrets}
    tree = _generate(result.project, cls, values, name, Occasion(
        result.project, record, recorded, own_origin, hidden, one.sources.ask is not None, one.sources.freshness,
        one.sources.reading,
    ))  # fmt: skip
    result._values[cls.__name__] = values
    result._classes[cls.__name__] = cls
    stored = {key: value for key, value in resolved.stored.items() if key.replace("-", "_") not in secrets}
    for option in shared.values():
        for old in option.names[1:]:
            result.options.pop(old, None)
    result.options.update({key: value for key, value in stored.items() if key in shared})
    result.origin[name] = dict(resolved.origin)
    result.defaulted |= _defaulted(one, cls, resolved)
    own = {key: value for key, value in stored.items() if key not in shared} | tree.remembered
    own = {key: value for key, value in own.items() if value is not None or key not in tree.remembered}
    understood = {old for option in cls.declared() for old in option.names} | set(tree.remembered)
    if gone := [key for key in recorded if key not in understood]:
        result.dropped[name] = gone
    needs = [instance for need in cls.requires for instance in _needed(result, need)]
    previous = record.name if record is not None and record.name != name else None
    result.renderings.append(
        Rendering(name, cls.__name__, cls.plugin, cls.plugin_version, own, tuple(needs), tree, previous)
    )


def _resolved(
    result: Run, one: ToRender, name: str, earlier: Mapping[str, Any], recorded: Mapping[str, Any]
) -> tuple[type[Generator], Resolved]:
    """The values of all options, project options first, and the class that declares them.

    What the project knows of an option is what `mx.yaml` says of a project option and the record of any other. An option
    may have changed from the one to the other since: then the other place has the value still.
    """
    cls = one.generator
    known: dict[str, Any] = {}
    for option in cls.declared():
        first, second = (result.options, recorded) if option.shared else (recorded, result.project.options)
        place = next((at for at in (first, second) if any(n in at for n in option.names)), {})
        known |= {n: place[n] for n in option.names if n in place}
    sources = replace(one.sources, project=known)
    wanted = _wanted(one, cls)
    resolved = resolve(wanted, sources, earlier)
    own = {o.name: resolved.stored[o.name] for o in wanted if not o.shared}
    with _code_of(cls, name):
        special = cls.specialise({**recorded, **own}, sources.freshness, recorded)
    if special is cls:
        return cls, resolved
    more = [option for option in _wanted(one, special) if option not in wanted]
    sources = replace(sources, project={**recorded, **known})
    rest = resolve(more, sources, {**earlier, **resolved.typed})
    _refuse_unknown(one, special)
    declared = {option.name: option.key for option in special.declared()}
    both = Resolved(
        {**resolved.typed, **rest.typed},
        {**resolved.stored, **rest.stored},
        {**resolved.origin, **rest.origin},
    )
    return special, Resolved(
        {key: value for key, value in both.typed.items() if key in declared.values()},
        {name: value for name, value in both.stored.items() if name in declared},
        {name: value for name, value in both.origin.items() if name in declared},
    )


def _defaulted(one: ToRender, cls: type[Generator], resolved: Resolved) -> dict[str, str]:
    """The values that are a company's defaults, with their source, in words and by option name."""
    found = {}
    for option in cls.declared():
        default = next((one.sources.defaults[n] for n in option.names if n in one.sources.defaults), None)
        if default is None and option.found and one.sources.found is not None:
            default = one.sources.found(option.found)
        if default and resolved.origin.get(option.name) == default.source:
            found[option.name] = str(Default(reveal(resolved.stored[option.name]), default.source))
    return found


def _migrated(cls: type[Generator], record: Record | None, name: str) -> dict[str, Any]:
    """The recorded options as this version of the generator wants them."""
    if record is None:
        return {}
    with _code_of(cls, name):
        return dict(cls.migrate(dict(record.options), record.version))


def _needed(result: Run, need: str) -> tuple[str, ...]:
    """The instances of a generator that is required; one that was renamed may still be recorded by its old name."""
    if found := result.instances_of(need):
        return found
    cls = roles.player(need, result.project, result._classes.values())
    former = [name for known in (cls.__name__, *cls.formerly) for name in result.instances_of(known)]
    return tuple(former) or (need,)


def _wanted(one: ToRender, cls: type[Generator]) -> list[Option]:
    """The options to resolve, project options first: no secret one where nobody can give it."""
    nobody = one.sources.ask is None and not one.sources.command_line and not one.sources.environment
    return sorted(
        (o for o in cls.declared() if not (nobody and o.secret)), key=lambda option: not option.shared
    )


def _refuse_unknown(one: ToRender, cls: type[Generator]) -> None:
    known = {name for option in cls.declared() for name in option.names}
    if unknown := sorted(set(one.sources.command_line) - known):
        raise UsageProblem(f"{cls.__name__} has no option {', '.join(unknown)}.")


def _generate(project: Project, cls: type[Generator], values: Values, name: str, occasion: Occasion) -> Tree:
    """Let the generator fill a tree."""
    overrides = template_overrides.of(project, cls.__name__)
    with _code_of(cls, name):
        if problems := cls.problems(values):
            raise UsageProblem("\n".join(problems))
        generator = cls(values, name)
        tree = Tree(generator, filters.known_to(cls.plugin), overrides)
        generator.generate_on(tree, occasion)
    return tree


def _which(result: Run, one: ToRender, earlier: Mapping[str, Any]) -> tuple[str, Record | None]:
    """The instance's name, and its record. A generator that was renamed takes its old instances over."""
    cls = one.generator
    if one.record is not None:
        part = one.name.partition(":")[2]
        return (f"{cls.__name__}:{part}" if part else cls.__name__), one.record
    name = cls.__name__
    if cls.instance_argument is not None:
        wanted = cls.instance_argument.lower()
        options = _wanted(one, cls)
        naming = next(option for option in options if option.name == wanted)
        computed = callable(naming.default)  # from the options before it
        needed = options[: options.index(naming) + 1] if computed else [naming]
        shared = {n: result.options[n] for o in needed if o.shared for n in o.names if n in result.options}
        names = (n for known in (cls.__name__, *cls.formerly) for n in result.instances_of(known))
        there, ask = [n.partition(":")[2] for n in names], None if computed else one.sources.ask
        sources = replace(one.sources, project=shared, accepted={wanted: there}, ask=ask)
        part = str(reveal(resolve(needed, sources, earlier).typed[naming.key]))
        if not _INSTANCE.fullmatch(part):
            raise UsageProblem(
                f"{naming.spelling} names the instance: letters, digits, - and _ only, not {part!r}."
            )
        name = f"{cls.__name__}:{part}"
    formerly = [name.replace(cls.__name__, old, 1) for old in cls.formerly]
    found = next(
        (result.project.instances[n] for n in (name, *formerly) if n in result.project.instances), None
    )
    twin = next((n for n in result.project.instances if n.casefold() == name.casefold() and n != name), None)
    if twin is not None and found is None:
        raise UsageProblem(
            f"This project has {twin} already, and {name} differs from it in capitals only: their records would be one file on "
            "macOS and Windows."
        )
    others = [plugin.dist for plugin in registry.installed() if plugin.dist != cls.plugin]
    if found is not None and found.plugin in others:
        raise MxError(
            f"This project has {name} of the plugin {found.plugin}; {cls.plugin} has another of that name.",
            hint=f"Run `mx destroy {name}` first, if you want the other one.",
        )
    return name, found


def _inherited(result: Run, cls: type[Generator], defaults: Mapping[str, Default]) -> dict[str, Any]:
    """The values of what `cls` requires, and of what that requires: resolved in this run, or as recorded."""
    values: dict[str, Any] = {}
    for need in cls.requires:
        if need not in result._values:
            needed = roles.player(need, result.project, result._classes.values())
            if needed.__name__ not in result._values:
                result._values[needed.__name__] = _recorded_values(result, needed, defaults)
            result._values[need] = result._values[needed.__name__]
        values.update(result._values[need])
    return values


def _recorded_values(result: Run, cls: type[Generator], defaults: Mapping[str, Default]) -> Values:
    names = (cls.__name__, *cls.formerly)
    record = next((r for r in result.project.instances.values() if r.generator in names), None)
    recorded = _migrated(cls, record, cls.__name__)
    shared = {name for option in cls.declared() if option.shared for name in option.names}
    ours = {name: value for name, value in result.options.items() if name in shared}
    sources = Sources(
        project={**result.options, **recorded, **ours},
        environment={},
        defaults=company.of(cls.__name__, defaults),
    )
    above = _inherited(result, cls, defaults)
    return Values({**above, **resolve([o for o in cls.declared() if not o.secret], sources, above).typed})


def _refuse_older(cls: type[Generator], name: str, rendered: str) -> None:
    if older(cls.plugin_version, rendered):
        raise MxError(
            f"{name} was rendered by {cls.plugin} {rendered}, and {cls.plugin_version} is installed.",
            hint="Update the plugin, or say `--allow-downgrade` to render with the older one.",
        )
