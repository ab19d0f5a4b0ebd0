"""Standard 1: a release names its weights by the time of their training."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

from mxdev_shipyard.standards.model import Repository, Standard, unmet

STANDARD = Standard(
    1,
    "The pipeline names the weights by the time of their training.",
    "That is how a release is tied to weights: whoever looks at one finds the other, and rolling back brings both.",
    "Write WEIGHTS: s3://BUCKET/PROJECT/models/TIME into the variables of .gitlab-ci.yml, with TIME as in 2026-01-31T12:00:00Z.",
    __file__,
)
FILE = ".gitlab-ci.yml"
_WEIGHTS = re.compile(r"s3://([a-z0-9][a-z0-9.-]+)/([^/]+)/models/([^/]+)/?")


def _variables(pipeline: Any) -> Iterator[tuple[str, str]]:
    jobs = pipeline.values() if isinstance(pipeline, dict) else ()
    for holder in (pipeline, *(job for job in jobs if isinstance(job, dict))):
        variables = holder.get("variables") if isinstance(holder, dict) else None
        for name, value in variables.items() if isinstance(variables, dict) else ():
            yield str(name), str(value.get("value", "") if isinstance(value, dict) else value)


def test_weights_path_has_the_training_time(repository: Repository) -> None:
    """One of the pipeline's variables is such a path."""
    near = [
        (name, value)
        for name, value in _variables(repository.yaml(FILE))
        if re.match(r"s3://.+/models(/|$)", value)
    ]
    if not near:
        unmet("no variable names the weights, s3://BUCKET/PROJECT/models/TIME", FILE)
    for name, value in near:
        found = _WEIGHTS.fullmatch(value)
        if found is None:
            unmet(f"{name} is {value}, and not s3://BUCKET/PROJECT/models/TIME", FILE)
        if repository.model is not None and found[2] != repository.name:
            unmet(f"{name} names weights of {found[2]}, and this is {repository.name}", FILE)
        if not _is_time(found[3]):
            unmet(
                f"{name} ends in {found[3]}, which is no time as ISO 8601 has it, such as 2026-01-31T12:00:00Z",
                FILE,
            )


def _is_time(text: str) -> bool:
    try:
        return datetime.datetime.fromisoformat(text).tzinfo is not None and "T" in text
    except ValueError:
        return False
