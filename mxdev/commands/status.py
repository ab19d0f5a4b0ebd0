"""`mx status`: what a person changed, and whether an update is waiting."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from mxdev.commands.planning import below, complete_instances, instance_names, named, owners
from mxdev.errors import COULD_NOT, DONE, SAYS_NO, MxError
from mxdev.steps.options import ENVIRONMENT
from mxdev.system import console

if TYPE_CHECKING:
    from pathlib import Path

    from mxdev.plan.model import Plan
    from mxdev.project.project import Project
    from mxdev.project.records import Record
    from mxdev.up.live import Part
    from mxdev.workflow.status_memo import Memo

JSON_VERSION = 1
_TOLD = ("edited", "missing", "renamed", "conflicted", "declined", "damaged")


@click.command()
@click.argument("instances", nargs=-1, shell_complete=complete_instances)
@click.option(
    "--exit-code", is_flag=True, help="Exit with 1 if an update is waiting or something needs a person."
)
@click.option(
    "--live",
    is_flag=True,
    help="Also compare with what runs: Terraform, the cluster, the images of its pods.",
)
@ENVIRONMENT
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(
    instances: tuple[str, ...], exit_code: bool, live: bool, environment: str | None, as_json: bool
) -> int:
    """Show what INSTANCES (default: all) rendered, what you changed, and whether an update is waiting.

    A file or folder, from where you stand, shows what concerns it only.

    With --exit-code: 1 if an update is waiting, a file has conflict markers, mx's records are damaged, or a run was interrupted; your edits do not count.

    --live is a table of what is rendered, edited and deployed, for the whole project: `terraform plan -detailed-exitcode`, `kubectl diff`,
    and the commit of the images that run; with -E of that environment. What cannot be reached is said. With --exit-code then also 1 if what runs differs, else 4 if something could not be reached.
    Terraform runs the providers and data sources that the .tf files name: look at a project that you trust.
    """
    if live and instances:
        raise click.UsageError("--live looks at the whole project, so it takes no INSTANCES.")
    if environment is not None and not live:
        raise click.UsageError(
            "-E says which environment --live looks at; without --live there is none to look at."
        )
    try:
        return _status(instances, exit_code, as_json, live=live, environment=environment)
    except MxError as error:
        if not as_json:
            raise
        console.out(_json(False, [], str(error)))
        return error.code


def _json(
    clean: bool,
    rows: list[dict[str, Any]],
    error: str | None = None,
    strays: Sequence[str] = (),
    interrupted: str | None = None,
    live: list[dict[str, Any]] | None = None,
) -> str:
    answer = {"version": JSON_VERSION, "clean": clean, "instances": rows, "stray_overrides": list(strays)}
    if interrupted:
        answer["interrupted"] = interrupted
    if live is not None:
        answer["live"] = live
    return json.dumps({**answer, "error": error})


def _status(
    instances: tuple[str, ...], exit_code: bool, as_json: bool, *, live: bool, environment: str | None
) -> int:
    from mxdev.disk.session import interruption
    from mxdev.project.project import project_root
    from mxdev.workflow.status_memo import Memo

    root = project_root()
    interrupted = interruption(root)
    memo = Memo(root)
    rows, strays = memo.rows() if not instances else None, memo.strays
    if rows is None:
        rows, strays = _looked_at(memo, instances)
    elif rows:
        _warn_of_plugins()
    faults = ("update", "problem", "conflicted", "damaged")
    needed = bool(interrupted) or any(
        any(row[name] for name in faults) or any(one["outdated"] for one in row["overrides"]) for row in rows
    )
    parts = _live(root, rows, environment) if live else []
    needed = needed or any(part.fault for part in parts)
    if as_json:
        table = [asdict(part) for part in parts] if live else None
        console.out(_json(not needed, rows, strays=strays, interrupted=interrupted, live=table))
    else:
        if live:
            _show_live(parts)
        for row in [] if live else rows:
            _print(row)
        _warn_of_strayed(root, rows)
        for path in strays:
            console.warn(f"{path} overrides nothing: no generator here is called so, and no shared file.")
        if not rows:
            console.out("Nothing has been generated here.")
    if exit_code and needed:
        return SAYS_NO
    return COULD_NOT if exit_code and any(part.deployed == "unknown" for part in parts) else DONE


def _live(root: Path, rows: Sequence[dict[str, Any]], environment: str | None) -> list[Part]:
    from mxdev.project.project import Project
    from mxdev.up import live

    return live.look(Project.load(root), rows, environment)


def _show_live(parts: Sequence[Part]) -> None:
    from mxdev.up import live

    live.show(parts)


def _warn_of_strayed(root: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Say which answers of mx.yaml were changed elsewhere only."""
    from mxdev.project import tfvars

    rendered = any(path.endswith(".tfvars") for row in rows for path in row["edited"])
    own = any((root / path).exists() for path in tfvars.files(root)[1:])  # the first is rendered
    if not rendered and not own:
        return
    from mxdev.project.answers import strayed
    from mxdev.project.project import Project

    try:
        for one in strayed(Project.load(root)):
            console.warn(f"{one.path}:{one.line}: {one.message}.")
    except MxError as problem:  # Terraform says it, too; what else there is to know is still told
        console.warn(problem.message)


def _warn_of_plugins() -> None:
    """Say which plugins are broken, as planning does."""
    from mxdev.plugins import registry

    for _ in registry.working():
        pass


def _looked_at(memo: Memo, instances: tuple[str, ...]) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows, and the overrides that stand for nothing; what is certain is remembered."""
    from mxdev.workflow import template_overrides
    from mxdev.workflow.door import whole_project

    project = whole_project(memo.root)
    strays = template_overrides.strays(project) if not instances else memo.strays
    chosen, paths = named(project, instances)
    chosen += [name for path in paths for name in owners(project, path)]
    names = list(dict.fromkeys(chosen)) or list(project.instances)
    if names:
        _warn_of_plugins()
    known = {name: memo.row(name) for name in names}
    memo.load(project, [name for name in names if known[name] is None and memo.overrides(name) is None])
    rows = [known[name] or _row(project, name, memo) for name in names]
    if paths:
        whole = set(instance_names(project, [one for one in instances if one in project.instances]))
        rows = [row if row["instance"] in whole else _within(row, paths) for row in rows]
    if not instances or memo.names is not None:
        memo.keep(project, strays)
    return rows, strays if not instances else []


def _within(row: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """A row with what concerns some files and folders only. A section is told as `path: address`."""

    def wanted(place: str) -> bool:
        return any(below(place.partition(": ")[0], path) for path in paths)

    found = dict(row)
    for what in (*_TOLD, "adopted", "update"):
        told = row[what]
        if isinstance(told, dict):
            found[what] = {old: new for old, new in told.items() if wanted(old) or wanted(new)}
        elif told is not None:
            found[what] = [place for place in told if wanted(place)]
    return found


def _row(project: Project, name: str, memo: Memo) -> dict[str, Any]:
    from mxdev.plugins import registry
    from mxdev.workflow import drift, old_names

    record = project.instances[name]
    seen = memo.seen(record)
    installed = next((p.version for p in registry.installed() if p.dist == record.plugin), None)
    drifted = drift.of(project, record).as_dict()
    overrides, refused, plan, now = memo.overrides(name), memo.refused(name), None, None
    waiting: list[str] | None = []
    problem: str | None = None
    # What renders as recorded needs no rendering, unless mx's own copies or a person's edit could stop an update.
    if overrides is None or drifted["damaged"] or drifted["conflicted"] or _unreadable(record, drifted):
        with memo.watching() as now:
            plan, problem = _planned(project, name)
            refused = list(old_names.refused(project, record))
        waiting, overrides = _waiting(plan, name)
    row = {
        "instance": name,
        "generator": record.generator,
        "plugin": record.plugin,
        "rendered_version": record.version,
        "installed_version": installed,
        "update": waiting,
        "problem": problem,
        "overrides": overrides,
        "refused": refused,
        **drifted,
    }
    memo.learn(row, record, seen, plan, now)
    return row


def _unreadable(record: Record, drifted: dict[str, Any]) -> bool:
    """Whether a shared file is edited as a whole: its sections cannot be told apart."""
    return not {section.path for section in record.sections}.isdisjoint(drifted["edited"])


def _planned(project: Project, name: str) -> tuple[Plan | None, str | None]:
    """The plan of `mx update`, or why there can be none."""
    from mxdev.plan.model import Wishes
    from mxdev.workflow import update

    try:
        return update.update(project, [name], Wishes(), downgrade=False), None
    except MxError as error:
        return None, str(error)


def _waiting(plan: Plan | None, name: str) -> tuple[list[str] | None, list[dict[str, Any]]]:
    """The paths that a plan would change, and the templates that are overridden."""
    from mxdev.plan import template_records

    if plan is None:
        return None, []
    waiting = [c.path for c in plan.changes if c.status not in ("identical", "keep", "orphan")]
    return waiting, template_records.as_rows(template_records.report(plan, name))


def _print(row: dict[str, Any]) -> None:
    versions = f"{row['plugin']} {row['rendered_version']}"
    if row["installed_version"] != row["rendered_version"]:
        versions += f", installed: {row['installed_version'] or 'none'}"
    console.out(f"{row['instance']} ({versions})")
    for what in _TOLD:
        for path in row[what]:
            target = f" -> {row[what][path]}" if isinstance(row[what], dict) else ""
            console.out(f"  {what:>10}  {path}{target}")
    if row["conflicted"]:
        console.out("  resolve the conflicts first: `mx resolve` does it in files that generators share")
    for one in row["overrides"]:
        note = ""
        if one["outdated"]:
            note = (
                ": outdated, the template it replaces has changed; `mx diff --template` shows by what, "
                "`mx update --accept PATH` says that yours is right"
            )
        elif one["unused"]:
            note = ": it replaces nothing, the generator has no such template"
        console.out(f"  {'override':>10}  {one['template']} ({one['by']}){note}")
    for text in row["refused"]:
        console.out(f"  {'old name':>10}  {text}")
    if row["problem"]:
        console.out(f"  {console.paint('cannot update', 'red')}: {row['problem']}")
    elif row["update"]:
        count = f"{len(row['update'])} file{'s' * (len(row['update']) != 1)}"
        console.out(f"  an update is waiting for {count}: `mx update --dry-run` shows it")
    elif not row["conflicted"]:
        console.out("  up to date")
