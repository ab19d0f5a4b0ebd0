"""The quality gate: which model is accepted today, and whether a candidate is worse on the same rows, or below what it must reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Accepted:
    """The model that is accepted today.

    Attributes:
        version: its number in the registry.
        archive: where its model.tar.gz is in S3; "" where the registry does not say.
    """

    version: int
    archive: str


@dataclass(frozen=True)
class Row:
    """A metric that the automatic test looks at.

    Attributes:
        metric: its name.
        minimum: what it must reach.
        accepted: of the accepted model; None: there is none, or it lacks the metric.
        candidate: of the candidate; None: the evaluation lacks it.
        worse: whether the candidate is worse than the accepted model, by more than is tolerated.
    """

    metric: str
    minimum: float
    accepted: float | None
    candidate: float | None
    worse: bool

    @property
    def good(self) -> bool:
        """Whether that is good enough. A value that is not there, or is no number, is below every minimum."""
        return self.candidate is not None and self.candidate >= self.minimum and not self.worse


def accepted(client: Any, group: str) -> Accepted | None:
    """The newest version that the registry has accepted; None before the first acceptance."""
    from botocore.exceptions import ClientError

    try:
        client.describe_model_package_group(ModelPackageGroupName=group)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ValidationException", "ResourceNotFound"):
            raise
        return None  # the first run: nothing has been registered
    pages = client.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, ModelApprovalStatus="Approved"
    )
    every = [one for page in pages for one in page["ModelPackageSummaryList"]]
    if not every:
        return None
    newest = max(every, key=lambda one: int(one["ModelPackageVersion"]))
    found = client.describe_model_package(ModelPackageName=newest["ModelPackageArn"])
    containers = found.get("InferenceSpecification", {}).get("Containers", [])
    archive = containers[0].get("ModelDataUrl", "") if containers else ""
    return Accepted(int(newest["ModelPackageVersion"]), archive)


def minimums(values: Mapping[str, Any]) -> dict[str, float]:
    """What each metric must reach for the automatic test to accept the model."""
    return {"accuracy": values["minimum_accuracy"], **values["minimums"]}


def compare(
    wanted: Mapping[str, float],
    tolerance: float,
    candidate: Mapping[str, float],
    before: Mapping[str, float],
) -> list[Row]:
    """The table that the automatic test looks at; `before` is empty before the first acceptance."""
    rows = []
    for metric, minimum in sorted(wanted.items()):
        old, new = before.get(metric), candidate.get(metric)
        # Rounded, because 0.95 - 0.94 is a little more than 0.01.
        worse = old is not None and new is not None and round(old - new - tolerance, 6) > 0
        rows.append(Row(metric, minimum, old, new, worse))
    return rows


def explain(rows: Sequence[Row]) -> str:
    """Why a candidate is accepted or refused, in one line."""
    lines = []
    for row in rows:
        said = "is not there" if row.candidate is None else f"is {row.candidate:g}"
        lines.append(f"{row.metric} {said}, and must be {row.minimum:g} or more")
        if row.accepted is not None and row.candidate is not None:
            word = "worse" if row.worse else "good enough"
            lines.append(f"{row.metric} is {word}: {row.candidate:.4f} after {row.accepted:.4f}")
    return "; ".join(lines)


def table(rows: Sequence[Row]) -> str:
    """The rows for a person."""
    width = max(len("metric"), *(len(row.metric) for row in rows))
    lines = [f"{'metric':{width}}  {'accepted':>10}  {'candidate':>10}"]
    for row in rows:
        verdict = "  worse" if row.worse else "" if row.good else "  below its minimum"
        old, new = _shown(row.accepted), _shown(row.candidate)
        lines.append(f"{row.metric:{width}}  {old:>10}  {new:>10}{verdict}")
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
