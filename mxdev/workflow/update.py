"""Plans for a project that is there: update, set, destroy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from mxdev.errors import MxError, Refused, UsageProblem
from mxdev.generator.generator import Freshness
from mxdev.generator.options import Option
from mxdev.plan import template_records
from mxdev.plan.build import build
from mxdev.plan.model import Plan, Rendering, Wishes
from mxdev.plugins import catalog, defaults
from mxdev.project import missing
from mxdev.project.project import Project
from mxdev.project.records import PROJECT_FILE
from mxdev.workflow.render import Run, ToRender, as_recorded, finish, loadable, rerun
from mxdev.workflow.values import Sources


def unasked_lines(result: Run) -> list[str]:
    """What nobody gave for this run: values that moved into mx.yaml and a company's defaults, a line for each option."""
    return [*result.moved, *(f"{name} is {value}." for name, value in result.defaulted.items())]


def _unanswered(result: Run) -> list[str]:
    """The project options that mx.yaml does not have, lost or not yet asked for, of which the default is taken."""
    by_default = {
        name for origins in result.origin.values() for name, origin in origins.items() if origin == "default"
    }
    known = result.project.options
    new = [name for name in result.options if name in by_default and name not in known] if known else []
    if not new:
        return []
    taken = ", ".join(f"{name} ({defaults.shown(result.options[name]) or 'empty'})" for name in new)
    return [
        f"mx.yaml has no answer for what follows, and the defaults are taken: {taken}.",
        "If it had one, take mx.yaml back from version control, and run mx again.",
    ]


def installed_instances(
    project: Project, names: Sequence[str] | None, sources: Sources
) -> tuple[list[str], dict[str, MxError]]:
    """The instances to render, and the others with the reason: one that cannot be had is left when nobody named it.

    Raises:
        MxError: an instance was named and its plugin is gone.
    """
    found, failed = loadable(project, list(project.instances) if names is None else names, sources)
    if names is not None and failed:
        raise next(iter(failed.values()))
    return found, failed


def update(
    project: Project,
    names: Sequence[str] | None,
    wishes: Wishes,
    *,
    downgrade: bool,
    freshness: Freshness = "known",
    reading: bool = True,
) -> Plan:
    """Render instances again (all of them, if `names` is None) with what is recorded; `reading`: nothing will be written."""
    sources = Sources(environment={}, defaults=defaults.company(), freshness=freshness, reading=reading)
    found, failed = installed_instances(project, names, sources)
    ones = as_recorded(project, sources, found)
    result = rerun(project, ones, downgrade=downgrade)
    if names is not None and result.failed:
        raise next(iter(result.failed.values()))
    notes = [*_drop_undeclared(result, ones), *unasked_lines(result), *_unanswered(result)]
    _check_wishes(project, wishes)
    plan = build(project, result.renderings, result.options, result.order, wishes)
    plan.notes = [*notes, *template_records.check_accepted(plan)]
    plan.failed = failed | result.failed
    return plan


def change_options(
    project: Project, changes: Mapping[str, Any], *, downgrade: bool, reading: bool = False
) -> Plan:
    """Change options and render again, in one plan.

    Args:
        project: the project.
        changes: `region`, or `Instance.option` for one instance; a value, or a list of them.
        downgrade: an older version than the one that rendered last may render.
        reading: nothing will be written.

    Raises:
        UsageProblem: nobody declares such an option.
    """
    sources = Sources(environment={}, defaults=defaults.company(), reading=reading)
    found, failed = installed_instances(project, None, sources)
    ones = as_recorded(project, sources, found)
    given: dict[str, dict[str, Any]] = {one.name: {} for one in ones}
    for key, value in changes.items():
        owners = _owners(key, ones)
        for one, option in owners:
            given[one.name][option.name] = [] if option.multiple and value == "" else value
    ones = [replace(one, sources=replace(one.sources, command_line=given[one.name])) for one in ones]
    result = rerun(project, ones, downgrade=downgrade)
    for name in result.failed:
        if given[name]:  # what the option was to change is what cannot be rendered
            raise result.failed[name]
    unsaid = _now_asked_for(result, ones, given) or _unanswered(result)
    notes = [*_drop_undeclared(result, ones), *unasked_lines(result), *unsaid]
    plan = build(project, result.renderings, result.options, result.order, notes=notes)
    plan.failed = failed | result.failed
    return plan


def _now_asked_for(
    result: Run, ones: Sequence[ToRender], given: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """What a person is asked for now that other options have changed, and was not before: nobody has ever said a value.

    Args:
        given: what was changed, by instance and option name.
    """
    before, after = (
        {name.replace("-", "_"): value for name, value in options.items()}
        for options in (result.project.options, result.options)
    )
    found = {}
    for one in ones:
        for option in one.generator.declared():
            known = option.shared and not option.secret and option.name not in given[one.name]
            if known and option.asked_for(after) and not option.asked_for(before):
                found[option.name] = result.options.get(option.name)
    if not found:
        return []
    listed = ", ".join(f"{name} ({defaults.shown(value)})" for name, value in found.items())
    return [f"Nobody was asked for {listed}. Set another with `mx set {next(iter(found))}=VALUE`."]


def _known_as(one: ToRender) -> list[str]:
    """The names of an instance: those that its generator had before, too."""
    part = one.name.partition(":")[1:]
    return [one.name, *("".join((name, *part)) for name in (one.generator.__name__, *one.generator.formerly))]


def _owners(key: str, ones: Sequence[ToRender]) -> list[tuple[ToRender, Option]]:
    """Who declares the option: all that share it, or the one instance it belongs to."""
    instance, dot, name = key.rpartition(".")
    name = name.removeprefix("--").replace("_", "-")
    found = []
    for one in ones:
        option = next((option for option in one.generator.declared() if name in option.names), None)
        if option is not None and (
            not dot or catalog.folded(instance) in map(catalog.folded, _known_as(one))
        ):
            found.append((one, option))
    if not found:
        _refuse_key(key, ones)
    if not all(option.shared for _, option in found) and len(found) > 1:
        names = ", ".join(f"{one.name}.{name}" for one, _ in found)
        raise UsageProblem(f"More than one instance has the option {name}: name one of {names}.")
    for one, option in found:
        if one.generator.instance_argument and option.name == one.generator.instance_argument.lower():
            raise UsageProblem(f"{option.name} names the instance {one.name} and cannot be changed.")
    return found


def _refuse_key(key: str, ones: Sequence[ToRender]) -> NoReturn:
    """Raise that nobody declares the option; with the instance and the name that were meant, where they can be guessed."""
    import difflib

    instance, dot, name = key.rpartition(".")
    theirs = [one for one in ones if catalog.folded(instance) in map(catalog.folded, _known_as(one))]
    if dot and not theirs:
        folded = {catalog.folded(one.name): one.name for one in ones}
        near = difflib.get_close_matches(catalog.folded(instance), folded, n=1)
        meant = f"Did you mean {folded[near[0]]}.{name}? " if near else ""
        raise UsageProblem(
            f"This project has no {instance}, of which {name} could be an option.",
            hint=f"{meant}It has: {', '.join(folded.values())}.",
        )
    known = sorted({option.name for one in theirs or ones for option in one.generator.declared()})
    near = difflib.get_close_matches(name, known, n=1)
    meant = f"Did you mean {f'{instance}.' if dot else ''}{near[0]}? " if near else ""
    raise UsageProblem(f"No option here is called {key}.", hint=f"{meant}There are: {', '.join(known)}.")


def destroy(project: Project, names: Sequence[str], *, with_dependents: bool) -> Plan:
    """Take instances away, and nothing else.

    Raises:
        Refused: something that stays requires one of them.
    """
    going = list(dict.fromkeys(names))
    while dependents := _dependents(project, going):
        if not with_dependents:
            wanted = ", ".join(f"{name} (requires {need})" for name, need in dependents)
            raise Refused(
                f"{', '.join(names)} cannot be destroyed: {wanted}.",
                hint="Destroy that first, or say --with-dependents to destroy both.",
            )
        going += [name for name, _ in dependents]
    result = Run(project, dict(project.options))
    for name in going:
        record = project.instances[name]
        result.renderings.append(
            Rendering(name, record.generator, record.plugin, record.version, {}, (), None)
        )
    stays, notes = _those_that_load(project, going), []
    if len(stays) == len(project.instances) - len(going):
        notes = _drop_undeclared(finish(result), stays, going)
    return build(project, result.renderings, result.options, finish(result).order, notes=notes)


def _dependents(project: Project, going: Iterable[str]) -> list[tuple[str, str]]:
    gone = set(going)
    return [
        (record.name, need)
        for record in project.instances.values()
        if record.name not in gone
        for need in record.requires
        if need in gone
    ]


def _those_that_load(project: Project, going: Sequence[str]) -> list[ToRender]:
    """What to render of each instance that stays and whose plugin is installed."""
    staying = [name for name in project.instances if name not in going]
    sources = Sources(environment={})
    return as_recorded(project, sources, loadable(project, staying, sources)[0])


def drop_retired(result: Run) -> list[str]:
    """After `mx generate`: project options of earlier versions that no generator of the project declares any more go; says which.

    A line that a person misspelt stays, unsaid: `mx update` stops at it.

    Raises:
        MxError: Git has records that are not in this checkout.
    """
    known, sources = result.project.instances, Sources(environment={})
    if not _of_other_versions(result) and not any(record.retired for record in known.values()):
        return []
    retired = _retire(
        result, as_recorded(result.project, sources, loadable(result.project, list(known), sources)[0])
    )
    for name in retired:
        del result.options[name]
    return [_is_dropped(name) for name in retired]


def _is_dropped(name: str) -> str:
    return f"Nothing declares the project option {name} any more; it is dropped."


def _of_other_versions(result: Run) -> list[Rendering]:
    """What was rendered by another version than the last time."""
    known = result.project.instances
    return [
        r for r in result.renderings
        if r.tree is not None and r.known_as in known and known[r.known_as].version != r.version
    ]  # fmt: skip


def _retire(result: Run, ones: Sequence[ToRender]) -> list[str]:
    """The project options that an earlier version of a generator declared, and none declares now.

    While a plugin is missing nobody can tell: they are noted in the records of what was rendered by another version, for the day when
    it is there.

    Args:
        result: what was rendered; its renderings are given their `retired`.
        ones: the instances whose generator is at hand.

    Raises:
        MxError: Git has records that are not in this checkout.
    """
    rendered = [r for r in result.renderings if r.tree is not None]
    done = {r.instance for r in result.renderings} | {r.known_as for r in result.renderings}
    # An instance that is not rendered takes a value over from mx.yaml by any name that it knows, when it is.
    declared = {o.name for r in rendered for o in result.class_of(r).declared() if o.shared}
    for one in ones:
        shared = (o.name for o in one.generator.declared() if o.shared)
        declared |= {*shared} if one.name in done else {n for o in one.generator.declared() for n in o.names}
    left = [name for name in result.project.options if name in result.options and name not in declared]
    known = result.project.instances
    earlier = {name for record in known.values() for name in record.retired}
    changed = _of_other_versions(result)
    retired = left if changed else [name for name in left if name in earlier]
    if not set(known) - done - {one.name for one in ones}:
        missing.check_before_dropping(result.project, retired)
        return retired
    for r in rendered:
        before = known[r.known_as].retired if r.known_as in known else ()
        r.retired = tuple(left) if r in changed else tuple(name for name in before if name in left)
    return []


def _drop_undeclared(result: Run, ones: Sequence[ToRender], going: Sequence[str] = ()) -> list[str]:
    """Project options that nothing declares any more go; says which. Unknown while a plugin is missing.

    They were of instances that go, or of another version of a generator. Where neither is so, a person wrote the line: it stays.

    Raises:
        MxError: a person wrote a line into `mx.yaml` that nothing declares; with what was meant, and nothing goes.
    """
    notes = [
        f"{instance} has no option {', '.join(names)} any more; the recorded value is dropped."
        for instance, names in result.dropped.items()
    ]
    covered = (
        {one.name for one in ones}
        | {r.instance for r in result.renderings}
        | {r.known_as for r in result.renderings}
    )
    retired = _retire(result, ones)
    if set(result.project.instances) - covered:
        return notes
    declared = {
        option.name for cls in {one.generator for one in ones} for option in cls.declared() if option.shared
    }
    undeclared = [name for name in result.options if name not in declared]
    missing.check_before_dropping(result.project, undeclared)
    gone = {*retired, *_declared_by(result.project, going)}
    if not going and ones:
        strange = [name for name in undeclared if name in result.project.options and name not in gone]
        _refuse_undeclared(result.project, strange, declared)
    for name in undeclared:
        theirs = name not in gone
        if not theirs:
            del result.options[name]
        if name in result.project.options and ones:
            stays = f"Nothing declares the project option {name}; it stays in mx.yaml; delete the line if it is not yours."
            notes.append(stays if theirs else _is_dropped(name))
    return notes


def _refuse_undeclared(project: Project, names: Sequence[str], declared: Iterable[str]) -> None:
    """Refuse lines of `mx.yaml` that no generator reads: they are most often misspelt.

    Raises:
        MxError: there are some; each with its line and what was meant.
    """
    import difflib

    problems, known = [], sorted(declared)
    for name in names:
        source = (project.source or b"").decode("utf-8", "replace").splitlines()
        line = next((at for at, text in enumerate(source, 1) if text.strip().startswith(f"{name}:")), 1)
        near = difflib.get_close_matches(name, known, n=1)
        meant = f"; did you mean {near[0]}?" if near else "."
        problems.append(f"{PROJECT_FILE}:{line}: no generator here has an option {name}{meant}")
    if problems:
        raise MxError(
            "\n".join(problems),
            hint=f"Correct or delete the line. The options are: {', '.join(known)}.",
        )


def _declared_by(project: Project, names: Sequence[str]) -> set[str]:
    """The project options that these instances declare, as far as their plugins are installed."""
    sources = Sources(environment={})
    ones = as_recorded(project, sources, loadable(project, names, sources)[0])
    options = (option for one in ones for option in one.generator.declared() if option.shared)
    return {name for option in options for name in option.names}


def _check_wishes(project: Project, wishes: Wishes) -> None:
    known = {path for record in project.instances.values() for path in record.files}
    for record in project.instances.values():
        known |= {file.moved for file in record.files.values() if file.moved}
        known |= {section.path for section in record.sections}
    unknown = sorted((wishes.retry | wishes.restore) - known)
    if unknown:
        import difflib

        near = difflib.get_close_matches(unknown[0], sorted(known), n=1)
        raise UsageProblem(
            f"No generator here renders {', '.join(unknown)}.",
            hint=f"Did you mean {near[0]}?"
            if near
            else "Paths are from where you stand, or from the project's root.",
        )
