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
