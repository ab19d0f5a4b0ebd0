"""Runs one generator: finds the project, takes the lock, resolves values, plans, applies, says what is next."""

from __future__ import annotations

import contextlib
import os
import shlex
from pathlib import Path
from typing import Any, NoReturn

import click

from mxdev.disk.session import writing
from mxdev.errors import Refused, UsageProblem
from mxdev.generator.freetext import reveal
from mxdev.generator.generator import Generator
from mxdev.generator.options import REQUIRED, Option
from mxdev.plan.build import build
from mxdev.plan.model import Plan
from mxdev.plan.operations import operations
from mxdev.plugins import defaults
from mxdev.project.project import Project, find_root
from mxdev.system import console
from mxdev.workflow import apply
from mxdev.workflow.apply import Policy
from mxdev.workflow.door import answer, answering
from mxdev.workflow.render import Run, run, with_requirements
from mxdev.workflow.update import default_lines
from mxdev.workflow.values import Sources, read_values_file


def run_generator(
    generator: type[Generator],
    given: dict[str, Any],
    *,
    dry_run: bool,
    diff: bool,
    json: bool,
    no_input: bool,
    on_conflict: Any,
    values_file: Path | None,
    allow_downgrade: bool,
) -> int:
    """Run `generator` with the values `given` on the command line; the exit code."""
    policy = Policy(on_conflict, dry_run, diff, json, no_input)
    return answering(policy, lambda: _run(generator, given, policy, values_file, allow_downgrade))


def _run(
    generator: type[Generator],
    given: dict[str, Any],
    policy: Policy,
    values_file: Path | None,
    downgrade: bool,
) -> int:
    title = f"mx generate {generator.__name__}"
    root, new = _root(generator, given, values_file, policy)
    with (
        writing(root, title, dry_run=policy.dry_run)
        if root.is_dir() and not new
        else contextlib.nullcontext()
    ):
        project = Project.load(root) if (root / "mx.yaml").is_file() else Project(root)
        wanted = with_requirements(generator, project)
        for line in defaults.misspelt(wanted):
            console.warn(line)
        _offer(generator, wanted[:-1], policy)
        result = run(project, wanted, _sources(given, values_file, wanted, policy), downgrade=downgrade)
        plan = build(project, result.renderings, result.options, result.order)
        plan.notes += default_lines(result)
        outcome = apply.carry_out(plan, operations, policy, title=title, new=new)
        code = answer(outcome, plan, policy)
        _afterwards(result, plan, policy, outcome.name)
    return code


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
    if name is None and found is not None:
        return found, False
    if name is None:
        options = Sources(file=_values(values_file, [generator]), ask=_asker(policy))
        from mxdev.workflow.values import resolve

        given[naming.name] = name = resolve([naming], options).stored[naming.name]
    _check(naming, name)
    if found is not None and Project.load(found).options.get(naming.name) == name:
        return found, False
    target = here / str(name)
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise Refused(
            f"{target} is there already, and it is no folder.", hint="Choose another name, or move it away."
        )
    empty = not target.exists() or not any(target.iterdir())
    return target, empty


def _check(option: Option, value: Any) -> None:
    import click

    try:
        option.convert(value)
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
    if (
        policy.may_ask
        and console.ask(f"{generator.__name__} requires {names}: generate it too? [Y/n]", "y")[:1].lower()
        != "y"
    ):
        raise Refused(f"{generator.__name__} requires {names}; nothing was written.")


def _afterwards(result: Run, plan: Plan, policy: Policy, outcome: str) -> None:
    """Make the repository and say what is next."""
    trees = [rendering.tree for rendering in result.renderings if rendering.tree is not None]
    if outcome == "applied" and any(tree.wants_repository for tree in trees):
        _init_repository(plan.project.root, policy)
    # Only of what is new: who renders again has seen them.
    arrived = [
        r.tree for r in result.renderings if r.tree is not None and r.known_as not in plan.project.instances
    ]
    steps = [step for tree in arrived for step in tree.next_steps]
    if policy.json or outcome not in ("applied", "planned", "markers") or not steps:
        return
    root = plan.project.root
    console.out("\nNext steps:")
    if root != Path.cwd():
        console.out(f"  cd {shlex.quote(os.path.relpath(root))}")
    width = max(len(step.command) for step in steps)
    for step in steps:
        console.out(f"  {step.command:<{width}}  {'# ' + step.why if step.why else ''}".rstrip())


def _init_repository(root: Path, policy: Policy) -> None:
    """`git init` where the project is in no repository. Without Git the project is whole all the same."""
    from mxdev.system import git

    if git.top(root) is not None:
        return
    try:
        git.initialize(root)
    except git.NoGit:
        console.warn(
            "Git is not installed, so the project is in no repository; install it and run `git init`."
        )
    except git.GitError as error:
        console.warn(error.message)
    else:
        if not policy.json:
            console.out(f"{console.verb('run')}  git init")


def ask(option: Option, default: Any) -> Any:
    """Ask a person for an option until the answer is right; the answer as typed.

    Raises:
        click.Abort: ^C or the end of input.
    """
    listed = (
        default if isinstance(default, tuple | list) else () if default in (REQUIRED, None) else (default,)
    )
    shown = None if default is REQUIRED else ", ".join(str(reveal(item)) for item in listed)
    choices = (
        f" ({', '.join(map(str, option.type.choices))})" if isinstance(option.type, click.Choice) else ""
    )
    while True:
        answer: Any = console.ask(f"{option.help.rstrip('.')}{choices}", shown, hide=option.secret)
        if not answer and default is REQUIRED:
            continue
        if not answer and default is None:
            return None
        if option.multiple:
            answer = [item for part in str(answer).split(",") if (item := part.strip())]
        try:
            option.convert(answer)
        except click.BadParameter as error:
            console.err(f"  {error.message}")
            continue
        return answer


def refuse_here(generator: type[Generator], need: str) -> NoReturn:
    """The generator needs a project and there is none here."""
    start = (
        f"`mx generate {generator.requires[0]} NAME`"
        if generator.requires
        else "`mx generate` lists what can"
    )
    raise UsageProblem(
        f"{generator.__name__} adds to a project, and {os.fspath(Path.cwd())} is in none ({need}).",
        hint=f"Run it inside a project, or start one: {start}.",
    )
