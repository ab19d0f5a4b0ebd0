"""`mx doctor`: look at everything, and say what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from mxdev.steps.options import ENVIRONMENT

if TYPE_CHECKING:
    from pathlib import Path

    from mxdev.doctor.finding import Finding

JSON_VERSION = 1


@click.command("doctor")
@ENVIRONMENT
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(environment: str | None, as_json: bool) -> int:
    """Look at tools, logins, plugins, the project's state, the clock, the disk and what runs; exit 1 if something is wrong.

    Nothing is changed. Outside of a project it looks at the machine alone. With -E it looks at what runs of that environment.
    """
    import json
    from pathlib import Path

    from mxdev.errors import DONE, SAYS_NO
    from mxdev.project.project import find_root, project_root
    from mxdev.system import console

    # An environment is a project's; who names one means that there is a project.
    root = find_root(Path.cwd()) if environment is None else project_root()
    found = []
    for finding in (one.of(environment) for one in _all(root, environment)):
        found.append(finding)
        if not as_json:
            _show(finding)
    problems = [one for one in found if one.state == "problem"]
    if as_json:
        rows = [one.__dict__ | {"remedy": one.remedy or None} for one in found]
        outcome = "problems" if problems else "healthy"
        console.out(
            json.dumps({"version": JSON_VERSION, "outcome": outcome, "findings": rows, "error": None})
        )
    elif problems:
        console.out(f"{len(problems)} problem{'s' * (len(problems) != 1)}.")
    else:
        console.out("Nothing is wrong.")
    return SAYS_NO if problems else DONE


def _show(finding: Finding) -> None:
    from mxdev.system import console

    colour = {"ok": "green", "problem": "red", "unknown": "magenta"}[finding.state]
    console.out(
        f"{console.paint(f'{finding.state:>8}', colour)}  {finding.title}: {finding.text}".rstrip(": ")
    )
    if finding.remedy:
        console.out(f"{'':>10}{finding.remedy}")


def _all(root: Path | None, environment: str | None) -> Iterator[Finding]:
    from mxdev.connect import target as targets
    from mxdev.deploy import config, rewritten
    from mxdev.doctor import edge, machine, project, running
    from mxdev.doctor.finding import Finding, guarded
    from mxdev.errors import MxError
    from mxdev.project.project import Project

    loaded, rendered, target, deployments, unclear = None, None, None, [], None
    if root is not None:
        try:
            loaded = Project.load(root)
            target = targets.of(loaded, environment)
            rendered = rewritten.project(loaded, environment)
            deployments = config.read(rendered)
        except MxError as error:
            if environment is not None and rendered is None:
                raise  # there is none of the name, or its files contradict each other
            # What is wrong with mx's records is found below, where its own look says so.
            unclear = error if loaded is not None and target is None else None
    gcp = target is not None and target.cloud == "gcp"
    charts = any(one.helm is not None and one.by_default for one in deployments)
    yield from machine.tools(cluster=bool(deployments), gcp=gcp, charts=charts)
    yield from guarded("plugins", "plugins", machine.plugins)
    yield from guarded("disk", "disk", lambda: machine.disk(root))
    if root is not None:
        yield from guarded("state", "mx's records", lambda: project.state(root))
    if unclear is not None and loaded is not None and loaded.options.get("cloud") == "gcp":
        yield Finding("place", "where the project runs", "problem", unclear.message, unclear.hint or "")
    if target is None or rendered is None:
        yield from machine.clock(None)
        return
    yield from guarded("owed", "left for a person", lambda: edge.by_hand(rendered))
    google = "https://www.googleapis.com" if gcp else None
    yield from guarded("clock", "clock", lambda: machine.clock(project.address(target) or google))
    yield from guarded("login", "login to Google Cloud", lambda: project.logins(target))
    connected = False
    for finding in guarded("cluster", "cluster", lambda: project.cluster(target)):
        connected = finding.state == "ok"
        yield finding
    if connected:
        yield from guarded("kubectl-version", "kubectl's version", lambda: project.kubectl_version(target))
        yield from guarded("records", "records in DNS", lambda: edge.records(rendered))
        yield from guarded("names", "names of the apps", lambda: edge.names(rendered))
        yield from guarded("deployments", "deployments", lambda: project.deployments(rendered, target))
        yield from guarded("gpus", "GPUs", lambda: running.gpus(rendered.root, target.own, paid=gcp))
