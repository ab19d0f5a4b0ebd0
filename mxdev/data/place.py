"""Where the data of a project lies."""

from __future__ import annotations

from pathlib import Path

from mxdev.errors import MxError, UsageProblem
from mxdev.project import tfvars
from mxdev.project.project import Project


def bucket(project: Project, given: str | None) -> str:
    """The URI of a project's data: `--bucket`, else the option `data` of mx.yaml, else its bucket on Google Cloud.

    Raises:
        MxError: nothing says it, or only Terraform knows it.
    """
    if given and "://" not in given:
        return str(Path(given).absolute())
    if uri := given or str(project.options.get("data") or ""):
        return uri.rstrip("/") if "://" in uri else str(project.root / uri)
    told = tfvars.told(project.root) if project.options.get("cloud") == "gcp" else {}
    if prefix := tfvars.text(told, "bucket_prefix"):
        return f"gs://{prefix}-data"
    raise MxError(
        "Nothing says where the project's data is.",
        hint="Name it with `--bucket gs://…`, `s3://…` or a folder; with CVATLabelingTool `mx set data=URI` keeps it.",
    )


def folder(text: str) -> str:
    """A folder of the bucket, as a person names it.

    Raises:
        UsageProblem: it leads out of the bucket.
    """
    parts = [part for part in text.strip("/").split("/") if part not in ("", ".")]
    if not parts or ".." in parts or any(part.startswith(".") for part in parts):
        raise UsageProblem(f"{text!r} is no folder of the bucket; a name such as images/2026-11 is.")
    return "/".join(parts)
