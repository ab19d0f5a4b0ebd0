"""Runs one generator: finds the project, takes the lock, resolves values, plans, applies, says what is next."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NoReturn

import click

from mxdev.dialogue.found import finder
from mxdev.dialogue.questions import ask, confirm
from mxdev.dialogue.show import next_steps
from mxdev.disk.session import writing
from mxdev.errors import MxError, Refused, UsageProblem
from mxdev.generator.generator import Generator
from mxdev.generator.options import REQUIRED, Option, Pattern
from mxdev.plan.build import OwnersClash, build
from mxdev.plan.model import Plan
from mxdev.plan.operations import operations
from mxdev.plan.project_file import GIT_FILES
from mxdev.plugins import catalog, defaults
from mxdev.project import missing
from mxdev.project.files import in_git
from mxdev.project.project import Project, find_root
from mxdev.project.records import PROJECT_FILE, RECORDS, record_path
from mxdev.system import console, directory
from mxdev.workflow import apply, roles, top_of_repository
from mxdev.workflow.apply import Policy
from mxdev.workflow.door import answer, answering, said
from mxdev.workflow.render import Run, run, with_requirements
from mxdev.workflow.update import drop_retired, unasked_lines
from mxdev.workflow.values import Sources, environment_name, read_values_file


def run_generator(
    generator: type[Generator] | str,
    given: Mapping[str, Any] | None = None,
    *,
    dry_run: bool = False,
    diff: bool = False,
    json: bool = False,
    no_input: bool = False,
    on_conflict: Literal["keep", "overwrite", "merge"] | None = None,
    values_file: Path | None = None,
    allow_downgrade: bool = False,
    verbose: bool = False,
    silent: bool = False,
) -> int:
    """Run a generator in the current folder, as `mx generate` does: it asks, shows its plan and carries it out.

    Args:
        generator: the class, or its name.
        given: values of its arguments and options, by name, as they would be typed.
        dry_run: show the plan; write nothing, ask nothing.
        diff: show the changes of each file; write nothing, ask nothing.
        json: print one JSON object, and ask nothing.
        no_input: ask nothing; take defaults.
        on_conflict: what becomes of files that the person and the generator both changed; None: it is asked, or refused.
        values_file: YAML or JSON with more values.
        allow_downgrade: render with an older version than the one that rendered last.
        verbose: show also the files that stay as they are.
        silent: print problems and questions only.

    Returns:
        The exit code that `mx generate` would have.

    Raises:
        MxError: as `mx generate` reports it; a command lets it pass, so that mx prints it.
    """
    cls = catalog.load(catalog.find(generator)) if isinstance(generator, str) else generator
    policy = Policy(on_conflict, dry_run or diff, diff, json, no_input, verbose, silent)
    values = {name.removeprefix("--").replace("_", "-"): value for name, value in (given or {}).items()}
    return answering(policy, lambda: _run(cls, values, policy, values_file, allow_downgrade))


def _run(
    generator: type[Generator],
    given: dict[str, Any],
    policy: Policy,
    values_file: Path | None,
    downgrade: bool,
) -> int:
    title = f"mx generate {generator.__name__}"
    _refuse_unknown(generator, given)
    root, new = _root(generator, given, values_file, policy)
    with (
        writing(root, title, dry_run=policy.dry_run)
        if root.is_dir() and not new
        else contextlib.nullcontext()
    ):
        project = _project(root)
        wanted = with_requirements(generator, project)
        for line in defaults.misspelt(wanted):
            console.warn(line)
        _offer(generator, wanted[:-1], policy)
        sources = replace(_sources(given, values_file, wanted, policy), found=finder(root))
        result = run(project, wanted, sources, downgrade=downgrade)
        notes = [*drop_retired(result), *unasked_lines(result)]
        try:
            plan = build(project, result.renderings, result.options, result.order)
        except OwnersClash as clash:
            raise _clash(generator, wanted[:-1], clash) from clash
        plan.notes += notes
        plan.failed = result.failed
        _confirm(result)
        outcome = apply.carry_out(plan, operations, policy, title=title, new=new)
        code = said(outcome, lambda: answer(outcome, plan, policy))
        _afterwards(result, plan, policy, outcome.name)
    return code


def _refuse_unknown(generator: type[Generator], given: Mapping[str, Any]) -> None:
    if generator.specialise.__func__ is not Generator.specialise.__func__:  # type: ignore[attr-defined]
        return  # it has more options once they are known
    known = {name for option in generator.declared() for name in option.names}
    if unknown := sorted(set(given) - known):
        raise UsageProblem(
            f"{generator.__name__} has no option {', '.join(unknown)}.",
            hint=f"It has: {', '.join(sorted(known))}.",
        )


def _project(root: Path) -> Project:
    """The project that is there; one that is new has nothing in it.

    Raises:
        MxError: it cannot be read, or Git has records of it that are not here.
    """
    if not (root / PROJECT_FILE).is_file() and not (root / RECORDS).is_dir():
        return Project(root)
    project = Project.load(root)
    missing.check_before_adding(project)
    return project


def _clash(generator: type[Generator], missing: list[type[Generator]], clash: OwnersClash) -> MxError:
    """Where what a generator requires is in the way of what the project has: nobody asked for that one."""
    added = [
        cls.__name__ for cls in missing if cls.__name__ in {name.partition(":")[0] for name in clash.owners}
    ]
    if not added:
        return clash
    return MxError(
        f"{generator.__name__} requires {', '.join(map(roles.spelled, generator.requires))}, which this project does not have, "
        f"and {', '.join(added)} cannot be added to it: {clash.message}",
        hint="A generator of yours meets a requirement of a role by `provides`; ask the authors of its plugin.",
    )


def _root(
    generator: type[Generator], given: dict[str, Any], values_file: Path | None, policy: Policy
) -> tuple[Path, bool]:
    """The folder that the generator works in, and whether it is yet to appear."""
    here = Path.cwd()
    found = find_root(here)
    if generator.scope == "project":
        if found is None:
            refuse_here(generator, "no mx.yaml here or above")
        return found, False
    if generator.scope == "anywhere":
        return found or here, False
    return _new_root(generator, given, values_file, policy, here, found)


def _new_root(
    generator: type[Generator],
    given: dict[str, Any],
    values_file: Path | None,
    policy: Policy,
    here: Path,
    found: Path | None,
) -> tuple[Path, bool]:
    naming = generator.arguments[0]
    name = given.get(naming.name)
    if name and os.path.normpath(str(name)) == os.curdir:
        del given[naming.name]
        if found != here:
            given[naming.name] = _name_here(naming, here, generator, values_file, policy)
        # Never by one rename: a shell that stands in the folder would be left in one that is gone.
        return here, False
    if name is None and found is not None:
        return found, False
    if name is None:
        given[naming.name] = name = _resolved_name(naming, generator, values_file, policy)
    if found is not None and Project.load(found).options.get(naming.name) == name:
        return found, False
    _check(naming, name, recorded=True)
    target = here / str(name)
    _check(naming, name, recorded=_is_called(target, naming, name))
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise Refused(
            f"{target} is there already, and it is not a folder.",
            hint="Choose another name, or move it away.",
        )
    empty = not target.exists() or not any(target.iterdir())
    return target, empty


def _resolved_name(
    naming: Option, generator: type[Generator], values_file: Path | None, policy: Policy
) -> Any:
    from mxdev.workflow.values import resolve

    options = Sources(file=_values(values_file, [generator]), ask=_asker(policy))
    return resolve([naming], options).stored[naming.name]


def _name_here(
    naming: Option, folder: Path, generator: type[Generator], values_file: Path | None, policy: Policy
) -> Any:
    """The name of a project that is to stand in this folder."""
    named = _named_after(naming, folder)
    given = environment_name(naming.name) in os.environ or naming.name in _values(values_file, [generator])
    if named.default is REQUIRED and not given and not policy.may_ask:
        variable = environment_name(naming.name)
        try:
            naming.convert(folder.name)
        except click.BadParameter as error:
            raise UsageProblem(
                f"The folder's name cannot be the project's: {error.message}",
                hint=f"Give the project another: `{variable}=NAME mx generate {generator.__name__} .`",
            ) from error
    return _resolved_name(named, generator, values_file, policy)


def _named_after(naming: Option, folder: Path) -> Option:
    """The argument that names a project, by default as the folder is called, in the form that it wants."""
    try:
        naming.convert(folder.name)
    except click.BadParameter:
        near = naming.type.nearest(folder.name) if isinstance(naming.type, Pattern) else None
        return replace(naming, default=near or REQUIRED)
    return replace(naming, default=folder.name)


def _is_called(folder: Path, naming: Option, name: Any) -> bool:
    """Whether a project of this name is in the folder already."""
    is_one = (folder / PROJECT_FILE).is_file()
    return is_one and Project.load(folder).options.get(naming.name) == name


def _check(option: Option, value: Any, *, recorded: bool) -> None:
    try:
        option.convert(value, recorded=recorded)
    except click.BadParameter as error:
        raise UsageProblem(f"{option.spelling}: {error.message}") from error


def _asker(policy: Policy) -> Any:
    return ask if policy.may_ask else None


def _values(path: Path | None, generators: list[type[Generator]]) -> dict[str, Any]:
    if path is None:
        return {}
    return read_values_file(path, [option for generator in generators for option in generator.declared()])


def _sources(
    given: dict[str, Any], values_file: Path | None, wanted: list[type[Generator]], policy: Policy
) -> Sources:
    return Sources(
        command_line=given,
        file=_values(values_file, wanted),
        file_name=os.fspath(values_file) if values_file else "--values",
        ask=_asker(policy),
        defaults=defaults.company(),
        freshness="newest",
        reading=policy.dry_run,
    )


def _offer(generator: type[Generator], missing: list[type[Generator]], policy: Policy) -> None:
    """Offer what is required and missing; off a terminal the answer is yes.

    Raises:
        Refused: the person said no.
    """
    if not missing:
        return
    names = ", ".join(cls.__name__ for cls in missing)
    if policy.may_ask and not console.agreed(
        f"{generator.__name__} requires {names}: generate it too?", default=True
    ):
        raise Refused(f"{generator.__name__} requires {names}; nothing was written.")


def _afterwards(result: Run, plan: Plan, policy: Policy, outcome: str) -> None:
    """Make the repository and say what is next."""
    trees = [rendering.tree for rendering in result.renderings if rendering.tree is not None]
    if outcome == "applied" and any(tree.wants_repository for tree in trees):
        _init_repository(plan.project.root, policy)
    if outcome in ("applied", "markers"):
        _warn_of_ignored(plan)
        written = [change.rendered or change.path for change in plan.effective if change.after is not None]
        for line in top_of_repository.warnings(plan.project.root, written):
            console.warn(line)
    # Only of what is new: who renders again has seen them.
    arrived = [
        r.tree for r in result.renderings if r.tree is not None and r.known_as not in plan.project.instances
    ]
    steps = [step for tree in arrived for step in tree.next_steps]
    if policy.json or policy.silent or outcome not in ("applied", "markers") or not steps:
        return
    root = plan.project.root
    here = directory.of_person()
    there = [] if root == here else [(f"cd {shlex.quote(os.path.relpath(root, here))}", "")]
    commit = _first_commit(plan.project)
    next_steps([*there, *commit, *((step.command, step.why) for step in steps)])


def _first_commit(project: Project) -> list[tuple[str, str]]:
    """The step that commits a new project, where its repository has no commit yet."""
    from mxdev.system import git

    if project.instances:
        return []
    try:
        repository = git.find(project.root)
        if repository is None or repository.commit() is not None:
            return []
    except git.GitError:  # said already, or by whoever needs Git
        return []
    command = 'git add --all && git commit --message "Generate the project"'
    return [(command, "the first commit: a run can be repeated only from one")]


def _warn_of_ignored(plan: Plan) -> None:
    """Say which of the files that a checkout needs are ignored by Git, and so never committed."""
    state = [record_path(r.instance) for r in plan.renderings if r.tree is not None]
    state += GIT_FILES
    files = [change.path for change in plan.changes if change.after is not None]
    root = plan.project.root
    try:
        found = in_git.ignored(root, [*state, *files])
    except MxError as error:
        console.warn(str(error))
        return
    lost, rest = [path for path in found if path in state], [path for path in found if path not in state]
    if lost:
        console.warn(
            f"Git ignores {lost[0]}{f' and {len(lost) - 1} more below .mx/' if len(lost) > 1 else ''}: without mx's records "
            f"a clone cannot be updated. `git check-ignore -v {shlex.quote(lost[0])}` says by which line; add `!.mx/` below it."
        )
    if rest:
        console.warn(
            f"Git ignores {', '.join(rest[:5])}{f' and {len(rest) - 5} more' if len(rest) > 5 else ''}: what was generated "
            f"there is in no commit. `git check-ignore -v {shlex.quote(rest[0])}` says by which line."
        )


def _init_repository(root: Path, policy: Policy) -> None:
    """`git init` where the project is in no repository. Without Git the project is whole all the same."""
    from mxdev.system import git

    if git.top(root) is not None:
        return
    try:
        branch = git.initialize(root)
    except git.NoGit:
        console.warn(
            "Git is not installed, so the project is in no repository; install it and run `git init`."
        )
    except git.GitError as error:
        console.warn(error.message)
    else:
        if not policy.json and not policy.silent:
            console.out(f"{console.verb('run')}  git init -b {branch}")


def _confirm(result: Run) -> None:
    confirm(
        {
            name: result.options.get(name, rendering.options.get(name))
            for rendering in result.renderings
            for name, origin in result.origin.get(rendering.instance, {}).items()
            if origin == "prompt"
        }
    )


def refuse_here(generator: type[Generator], need: str) -> NoReturn:
    """The generator needs a project and there is none here."""
    start = (
        f"`mx generate {roles.player(generator.requires[0], Project(Path.cwd())).__name__} NAME`"
        if generator.requires
        else "`mx generate` lists what can"
    )
    raise UsageProblem(
        f"{generator.__name__} adds to a project, and {os.fspath(Path.cwd())} is in none ({need}).",
        hint=f"Run it inside a project, or start one: {start}.",
    )
