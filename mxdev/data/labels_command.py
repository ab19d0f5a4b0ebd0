"""`mx labels`: images of the data bucket, labelled by people in CVAT, and back."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from mxdev.data.command import where
from mxdev.steps.options import step_options

if TYPE_CHECKING:
    from mxdev.steps.runner import Mode

_URL = click.option(
    "--url", metavar="URL", help="CVAT's address. Default: the one in the cluster, through kubectl."
)
_CONTEXT = click.option(
    "--context", metavar="NAME", help="The cluster, as kubectl knows it. Default: that of `mx connect`."
)


def _reached(function: Callable[..., Any]) -> Callable[..., Any]:
    return _URL(_CONTEXT(where(function)))


@click.group("labels")
def labels() -> None:
    """Have images of the data bucket labelled in CVAT, and train on what comes back.

    CVAT is the project's own (`mx generate CVATLabelingTool`), or the one that --url names. CVAT_ACCESS_TOKEN, or CVAT_USERNAME and
    CVAT_PASSWORD, log in; without them the first user, whose password the cluster has. `cvat-sdk` in the project's interpreter
    talks to it.
    """


@labels.command("create", short_help="Make a project in CVAT, with tasks of images.")
@click.argument("name")
@click.option(
    "--from", "folder", required=True, metavar="FOLDER", help="The folder of the bucket with the images."
)
@click.option("--label", "names", multiple=True, required=True, help="A label; given once for each.")
@click.option(
    "--kind", type=click.Choice(["tag", "rectangle", "polygon"]), default="tag", show_default=True,
    help="What is labelled: whole images, or parts of them.",
)  # fmt: skip
@click.option(
    "--per-task", type=click.IntRange(1, 10000), default=200, show_default=True, help="Images of one task."
)
@_reached
@step_options()
def create(
    name: str, folder: str, names: tuple[str, ...], kind: str, per_task: int, url: str | None, context: str | None,
    bucket: str | None, python: str | None, mode: Mode,
) -> int:  # fmt: skip
    """Make the project NAME in CVAT, with tasks of the images in a folder of the bucket.

    Images that are in a task already are left alone: a run that was stopped goes on, and images that came later get new tasks.

    \b
    Example:
      mx labels create pets --from images/2026-11 --label cat --label dog
    """
    from mxdev.data import place
    from mxdev.data.label_steps import Created

    for label in names:
        if not re.fullmatch(r"[^\s/\\.,][^/\\,\x00-\x1f]{0,62}", label):
            raise click.BadParameter(f"{label!r} cannot name a folder, and labels do.", param_hint="--label")
    job = {
        "folder": place.folder(folder), "labels": list(dict.fromkeys(names)), "kind": kind, "size": per_task,
    }  # fmt: skip
    return _run(Created, "create", f"{name} in CVAT", name, job, url, context, bucket, python, mode)


@labels.command("status")
@click.argument("name")
@_reached
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(
    name: str, url: str | None, context: str | None, bucket: str | None, python: str | None, as_json: bool
) -> int:
    """Show how far the labelling of NAME is, task by task."""
    import json

    from mxdev.data import reach, worker
    from mxdev.project.project import Project, project_root
    from mxdev.system import console

    project = Project.load(project_root())
    with reach.cvat(project, url, context) as cvat:
        job = {"action": "status", "name": _name(name), "uri": bucket or "", **cvat}
        told = worker.call(project.root, "cvat", job, python)
    if as_json:
        console.out(json.dumps({"version": 1, **told}), data=True)
        return 0
    for row in told["tasks"]:
        jobs = ", ".join(f"{count} {state}" for state, count in sorted(row["jobs"].items()))
        console.out(f"{row['name']}: {row['images']} images, jobs: {jobs or 'none'}{_people(row['people'])}")
    console.out("All is labelled." if told["complete"] else "It is not labelled completely.")
    return 0


@labels.command("export", short_help="Write labels to the bucket, as a data set.")
@click.argument("name")
@click.option("--partial", is_flag=True, help="Also of tasks that are not completed.")
@_reached
@step_options()
def export(
    name: str,
    partial: bool,
    url: str | None,
    context: str | None,
    bucket: str | None,
    python: str | None,
    mode: Mode,
) -> int:
    """Write the labels of NAME to the bucket, as the data set labels/NAME/VERSION.

    Images lie in folders that are named for their labels, as the project's `ImageFolder` reads them; annotations.json has
    all that was labelled. The version is the hash of images and labels: the same labels are the same version, which is written
    once. Labels that `mx labels create` was not given are refused.

    \b
    Examples:
      mx labels export pets
      mx labels export pets --partial --dry-run
    """
    from mxdev.data.label_steps import Exported

    job = {"partial": partial}
    return _run(Exported, "export", f"Labels of {name}", name, job, url, context, bucket, python, mode)


def _run(
    step: type[Any], action: str, title: str, name: str, job: dict[str, Any], url: str | None, context: str | None,
    bucket: str | None, python: str | None, mode: Mode,
) -> int:  # fmt: skip
    from mxdev.data import place, reach
    from mxdev.project.project import Project, project_root
    from mxdev.steps.runner import run_steps

    project = Project.load(project_root())
    whole = {"action": action, "name": _name(name), "uri": place.bucket(project, bucket), **job}
    with reach.cvat(project, url, context) as cvat:
        made = step(name=action, title=title, root=project.root, job={**whole, **cvat}, python=python)
        return run_steps(f"mx labels {action}", [made], mode)


def _name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", name):
        raise click.BadParameter(f"{name!r} is not made of letters, digits, `-` and `_`.", param_hint="NAME")
    return name


def _people(names: list[str]) -> str:
    return f", by {', '.join(names)}" if names else ""
