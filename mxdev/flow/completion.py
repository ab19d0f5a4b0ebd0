"""What a shell completes for `mx flow`: entry points, their parameters, ids of runs. No code of the project runs."""

from __future__ import annotations

import contextlib
from typing import Any

import click


def entry_points(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """The entry points of MLproject."""
    from mxdev.errors import MxError
    from mxdev.flow.declared import mlproject
    from mxdev.project.project import project_root

    with contextlib.suppress(MxError):
        points = mlproject.read(project_root(recovers=True)).entry_points.values()
        return _items({point.name: mlproject.describe(point) for point in points}, incomplete)
    return []


def parameters(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """The parameters of the entry point that was named, each with `=`; for one that names a run, ids of runs."""
    from mxdev.errors import MxError
    from mxdev.flow.cluster.options import default_entry
    from mxdev.flow.declared import mlproject
    from mxdev.flow.local import runs as local_runs
    from mxdev.flow.words import RUN_ID
    from mxdev.project.project import project_root

    with contextlib.suppress(MxError):
        root = project_root(recovers=True)
        project = mlproject.read(root)
        entry = ctx.params.get("entry") or default_entry(project, ctx.params.get("backend") or "local")
        point = mlproject.entry_point(project, entry)
        name, equals, beginning = incomplete.partition("=")
        if equals and name == RUN_ID and name in point.parameters:
            return _items(
                {f"{name}={run.run_id}": _told(run) for run in local_runs.find(root, beginning)}, incomplete
            )
        helps = {
            f"{p.name}=": p.type + ("" if p.default is None else f", by default {p.default}")
            for p in point.parameters.values()
        }
        return _items(helps, incomplete)
    return []


def runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """The ids of the latest runs in the project's own store."""
    from mxdev.errors import MxError
    from mxdev.flow.local import runs as local_runs
    from mxdev.flow.words import SHORT
    from mxdev.project.project import project_root

    with contextlib.suppress(MxError):
        found = local_runs.find(project_root(recovers=True), incomplete)
        return _items({run.run_id[: max(SHORT, len(incomplete))]: _told(run) for run in found}, incomplete)
    return []


def _told(run: Any) -> str:
    return f"{run.name} {run.status}"


def _items(helps: dict[str, str], incomplete: str) -> list[Any]:
    from click.shell_completion import CompletionItem

    from mxdev.system.output.visible import harmless, one_line

    return [
        CompletionItem(name, help=one_line(text)) for name, text in helps.items()
        if name.startswith(incomplete) and harmless(name)
    ]  # fmt: skip
