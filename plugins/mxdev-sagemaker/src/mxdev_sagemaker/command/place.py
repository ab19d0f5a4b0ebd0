"""Where a pipeline lives: its region and the platform's bucket, from the folder of the pipeline or from options."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mxdev.errors import MxError, UsageProblem
from mxdev.project import find_root


@dataclass(frozen=True)
class Place:
    """A pipeline on AWS.

    Attributes:
        name: the pipeline, and the group of its models.
        region: of AWS; None: what the environment or the profile says.
        bucket: the platform's bucket; None: nobody has said it.
    """

    name: str
    region: str | None
    bucket: str | None

    @property
    def parameter(self) -> str:
        """The parameter that has the configuration."""
        return f"/sagemaker/{self.name}/configuration"

    def needed_bucket(self) -> str:
        """The platform's bucket.

        Raises:
            UsageProblem: nobody has said it.
        """
        if self.bucket is None:
            raise UsageProblem(
                f"The platform's bucket is not known: there is no pipelines/{self.name}/settings.json here.",
                hint="Run it in the repository of the pipeline, or give --bucket.",
            )
        return self.bucket


def find(name: str, bucket: str | None, region: str | None, here: Path | None = None) -> Place:
    """The place of a pipeline; options come before what its settings.json says.

    Raises:
        MxError: its settings.json cannot be read.
    """
    said: dict[str, str] = {}
    here = here or Path.cwd()
    roots = dict.fromkeys([here, find_root(here) or here])
    path = next(
        (path for root in roots if (path := root / f"pipelines/{name}/settings.json").is_file()), None
    )
    if path is not None:
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise MxError(
                f"{path} cannot be read: {error}", hint="Correct it, or take it from Git."
            ) from error
    return Place(name, region or said.get("region"), bucket or said.get("bucket"))
