"""`mx set`: change options, and update in the same plan; without any, list them."""

from __future__ import annotations

import contextlib
from typing import Any

import click

from mxdev.commands.planning import DOWNGRADE, PLAN_OPTIONS, policy_of, with_options
from mxdev.errors import UsageProblem


def complete_keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """The options of the project and of its instances, for a shell, each with `=`; nothing where there is no project."""
    from click.shell_completion import CompletionItem

    from mxdev.errors import MxError
    from mxdev.plugins import catalog
    from mxdev.project.project import Project, project_root
    from mxdev.system.output.visible import harmless

    found: dict[str, str] = {}
    with contextlib.suppress(MxError):
        for record in Project.load(project_root(recovers=True)).instances.values():
            with contextlib.suppress(MxError):
                for option in catalog.load_recorded(record.generator, record.plugin).declared():
                    key = option.name if option.shared else f"{record.name}.{option.name}"
                    if not option.secret and harmless(key):
                        found[f"{key}="] = option.help
    return [CompletionItem(key, help=text) for key, text in found.items() if key.startswith(incomplete)]


@with_options(*PLAN_OPTIONS, DOWNGRADE)
@click.command("set")
@click.argument("assignments", nargs=-1, metavar="[KEY=VALUE]...", shell_complete=complete_keys)
def set_options(assignments: tuple[str, ...], **parameters: Any) -> int:
    """Change options and update what they reach, in one plan.

    KEY is a project option (`region`) or an option of one instance (`GitHubActions.repository-id`). An option that takes several values is
    given several times; `KEY=` without a value empties it.

    Without KEY=VALUE it lists the options of the project with their values, and where each one stands: a line of mx.yaml, the record of an
    instance, or a default.
    """
    if not assignments:
        return _list(as_json=parameters["json"])
    from mxdev.workflow import update
    from mxdev.workflow.door import change_project

    downgrade = parameters.pop("allow_downgrade")
    changes = _parse(assignments)
    policy = policy_of(parameters)
    return change_project(
        "mx set",
        policy,
        lambda project: update.change_options(project, changes, downgrade=downgrade, reading=policy.dry_run),
    )


def _parse(assignments: tuple[str, ...]) -> dict[str, Any]:
    """One value, or the list of all that were given, by key."""
    given: dict[str, list[str]] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise UsageProblem(
                f"expected KEY=VALUE, got {assignment!r}.",
                hint="Write `mx set region=europe-west4`; `mx set` alone lists all options.",
            )
        given.setdefault(key, []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in given.items()}


def _list(*, as_json: bool) -> int:
    """Print the options; the exit code says whether all of them could be told."""
    import json

    from mxdev.errors import DONE, MxError
    from mxdev.plugins import defaults
    from mxdev.project.project import project_root
    from mxdev.system import console
    from mxdev.workflow import listing
    from mxdev.workflow.door import whole_project

    try:
        found, failed = listing.options(whole_project(project_root()))
    except MxError as error:
        if not as_json:
            raise
        console.out(json.dumps({"version": 1, "options": [], "error": str(error)}))
        return error.code
    problems = [f"{name}: {error.message}" for name, error in failed.items()]
    if as_json:
        rows = [
            {"key": one.key, "value": one.value, "source": one.source, "declared": one.declared}
            for one in found
        ]
        console.out(
            json.dumps({"version": 1, "options": rows, "error": "\n".join(problems) or None}, default=str)
        )
    elif found:
        said = [
            (one.key, one.source, defaults.shown(one.value) if one.value is not None else "") for one in found
        ]
        console.table([("KEY", "FROM", "VALUE"), *said])
    else:
        console.out("Nothing here has options.")
    for one in found:
        if not one.declared and not as_json:
            console.warn(f"{one.source}: no generator here has an option {one.key}.")
    for problem in () if as_json else problems:
        console.warn(f"not listed: {problem}")
    return max((error.code for error in failed.values()), default=DONE)
