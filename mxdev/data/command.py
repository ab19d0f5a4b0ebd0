"""`mx data`: files between this machine and the project's data bucket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mxdev.steps.options import step_options

if TYPE_CHECKING:
    from mxdev.steps.runner import Mode

_BUCKET = click.option(
    "--bucket",
    metavar="URI",
    help="gs://…, s3://… or a folder. Default: `data` in mx.yaml, or the bucket of Terraform.",
)
_PYTHON = click.option("--python", metavar="PYTHON", help="The interpreter that has fsspec. Default: .venv.")
_REPLACE = click.option("--replace", is_flag=True, help="Overwrite files that have another content.")


def where(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which bucket, and which interpreter."""
    return _BUCKET(_PYTHON(function))


@click.group("data")
def data() -> None:
    """Files that models learn from, in the project's data bucket.

    The project's interpreter talks to the store: Google Cloud's, any that speaks S3, or a folder.
    """


@data.command("upload")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--as", "name", metavar="NAME", help="The folder of the bucket. Default: PATH's own name.")
@_REPLACE
@where
@step_options()
def upload(
    path: Path, name: str | None, replace: bool, bucket: str | None, python: str | None, mode: Mode
) -> int:
    """Upload the files below PATH to a folder of the bucket.

    What is there already is left alone, so an upload that was stopped goes on. Last it writes SHA256SUMS, with which the folder is
    complete, and which tells the version of the data. Hidden files are not uploaded.

    \b
    Examples:
      mx data upload data/images --as images/2026-11
      mx data upload data/images --dry-run
    """
    return _move("upload", path.absolute(), name or path.absolute().name, replace, bucket, python, mode)


@data.command("list")
@click.argument("name", required=False)
@where
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def listed(name: str | None, bucket: str | None, python: str | None, as_json: bool) -> int:
    """List the folders of the bucket, or the files of NAME."""
    import json

    from mxdev.data import place, worker
    from mxdev.project.project import Project, project_root
    from mxdev.system import console

    project = Project.load(project_root())
    inside = place.folder(name) if name else ""
    job = {"action": "list", "uri": place.bucket(project, bucket), "folder": inside}
    told = worker.call(project.root, "bucket", job, python)
    if as_json:
        console.out(json.dumps({"version": 1, **told}), data=True)
    elif inside:
        console.table([[row["name"], str(row["size"])] for row in told["files"]])
    else:
        words = {True: "complete", False: "without SHA256SUMS"}
        rows = [
            [row["name"], f"{row['files']} files", f"{row['size']} bytes", words[row["complete"]]]
            for row in told["folders"]
        ]
        console.table(rows)
    return 0


@data.command("download")
@click.argument("name")
@click.option(
    "--to", type=click.Path(path_type=Path), help="The folder here. Default: data/NAME in the project."
)
@_REPLACE
@where
@step_options()
def download(
    name: str, to: Path | None, replace: bool, bucket: str | None, python: str | None, mode: Mode
) -> int:
    """Download the folder NAME of the bucket.

    Each file is checked against SHA256SUMS, where the folder has one, and appears whole or not at all. A download that was
    stopped goes on.

    \b
    Examples:
      mx data download images/2026-11
      mx data download images/2026-11 --to /tmp/images
    """
    return _move("download", to.absolute() if to else None, name, replace, bucket, python, mode)


@data.command("run", short_help="Run a pipeline: raw files become checked data.")
@click.argument("name")
@click.option(
    "--on",
    type=click.Choice(["local", "dataflow", "cluster"]),
    default="local",
    show_default=True,
    help="Who runs it: this machine, Google's Dataflow, or a Job on your own cluster.",
)
@click.option(
    "--set",
    "values",
    multiple=True,
    metavar="NAME=VALUE",
    help="Another value of its configuration, such as shards=64; may be given more than once.",
)
@click.option(
    "--image",
    metavar="IMAGE",
    help="What runs it elsewhere. Default: its image of the commit that is checked out.",
)
@click.option(
    "--context", metavar="NAME", help="The cluster, as kubectl knows it. Default: that of `mx connect`."
)
@where
@step_options()
def run(
    name: str, on: str, values: tuple[str, ...], image: str | None, context: str | None, bucket: str | None,
    python: str | None, mode: Mode,
) -> int:  # fmt: skip
    """Run the pipeline NAME: raw files of the bucket become a version of the data.

    The version is named after what is read, the pipeline's code and its configuration; one that is there is not made again. What
    the pipeline rejects lies in rejected/NAME/VERSION, with the reasons.

    It runs the project's code in the project's interpreter, with --dry-run too: the pipeline itself says which version it would be.

    \b
    Examples:
      mx data run visits
      mx data run visits --dry-run
      mx data run visits --on dataflow --set shards=256
    """
    from mxdev.artifacts.image import run_image
    from mxdev.data import pipelines, place, worker
    from mxdev.data.pipeline_steps import Made
    from mxdev.environment.installed import check
    from mxdev.project.project import Project, project_root
    from mxdev.steps.runner import run_steps

    project = Project.load(project_root())
    pipeline = pipelines.chosen(project.root, name)
    uri = place.bucket(project, bucket)
    for value in values:
        if "=" not in value:
            raise click.BadParameter(f"{value!r} is not NAME=VALUE.", param_hint="--set")
    if on != "local":
        if on not in pipeline.elsewhere:
            known = ", ".join(["local", *pipeline.elsewhere])
            raise click.BadParameter(f"{name} runs on {known}, and not on {on}.", param_hint="--on")
        if "://" not in uri:
            raise click.BadParameter(f"{on} does not reach the folder {uri}.", param_hint="--bucket")
        image = image or run_image(project.root, project.options, target=pipeline.image)
    check(worker.interpreter(project.root, python), name, pipeline.requires)
    step = Made(
        name="run", title=pipeline.title, root=project.root, pipeline=pipeline, on=on, uri=uri, values=values,
        image=image or "", python=python, context=context,
    )  # fmt: skip
    return run_steps("mx data run", [step], mode)


def _move(
    action: str,
    path: Path | None,
    name: str,
    replace: bool,
    bucket: str | None,
    python: str | None,
    mode: Mode,
) -> int:
    from mxdev.data import place
    from mxdev.data.steps import Moved
    from mxdev.project.project import Project, project_root
    from mxdev.steps.runner import run_steps

    project = Project.load(project_root())
    folder, uri = place.folder(name), place.bucket(project, bucket)
    here = path or project.root / "data" / folder
    step = Moved(
        name=action, title=f"{uri}/{folder}" if action == "upload" else str(here), root=project.root, action=action,
        uri=uri, folder=folder, path=here, replace=replace, python=python,
    )  # fmt: skip
    return run_steps(f"mx data {action}", [step], mode)
