"""The registry of a pipeline's models: its versions, their metrics, and who decided what."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from mxdev.errors import MxError

from mxdev_sagemaker.command.aws import client, code_of, told
from mxdev_sagemaker.command.place import Place

WORDS = {"PendingManualApproval": "draft", "Approved": "accepted", "Rejected": "refused"}
# How the last step of a pipeline names what it tells the registry.
METRIC, MINIMUM, BEFORE = "metric.", "minimum.", "accepted.metric."


@dataclass(frozen=True)
class Package:
    """A version of a model.

    Attributes:
        version: its number in the group.
        arn: its name on AWS.
        status: of SageMaker, such as "PendingManualApproval".
        created: when it was registered.
        reason: what the decision says; "" where nothing was decided.
        properties: what the run told the registry.
        report: where the evaluation is in S3; None if the run named none.
    """

    version: int
    arn: str
    status: str
    created: str
    reason: str
    properties: Mapping[str, str]
    report: str | None

    @property
    def word(self) -> str:
        """draft, accepted or refused."""
        return WORDS.get(self.status, self.status)

    @property
    def metrics(self) -> dict[str, float]:
        """What the run told of its metrics."""
        return _numbers(self.properties, METRIC)

    @property
    def measured_against(self) -> str | None:
        """The number of the version that was accepted when its run measured it, or "none"; None if its run did not look."""
        return self.properties.get("accepted.version")

    @property
    def before(self) -> dict[str, float]:
        """What that version makes of the same rows."""
        return _numbers(self.properties, BEFORE)

    @property
    def not_measured(self) -> str:
        """Why its run could not measure that version; "" if it did."""
        return self.properties.get("accepted.error", "")

    @property
    def tolerance(self) -> float:
        """How much worse than that version it may be."""
        return _numbers(self.properties, "tolerance").get("", 0.0)

    def worse(self, metric: str) -> bool:
        """Whether it is worse than that version, by more than is tolerated."""
        old, new = self.before.get(metric), self.metrics.get(metric)
        # Rounded, because 0.95 - 0.94 is a little more than 0.01.
        return old is not None and new is not None and round(old - new - self.tolerance, 6) > 0

    @property
    def minimums(self) -> dict[str, float]:
        """What the metrics must reach: the automatic test."""
        return _numbers(self.properties, MINIMUM)


def _numbers(properties: Mapping[str, str], prefix: str) -> dict[str, float]:
    found = {}
    for name, text in properties.items():
        if name.startswith(prefix):
            try:
                found[name.removeprefix(prefix)] = float(text)
            except ValueError as error:
                raise MxError(f"The registry says {name}={text!r}, which is no number.") from error
    return found


def arns(place: Place) -> dict[int, str]:
    """The names of all versions on AWS by their numbers, the newest first.

    Raises:
        MxError: AWS refuses, or there is no such group.
    """
    from botocore.exceptions import ClientError

    sagemaker = client("sagemaker", place.region)
    with told():
        try:
            sagemaker.describe_model_package_group(ModelPackageGroupName=place.name)
        except ClientError as error:
            if code_of(error) in ("ValidationException", "ResourceNotFound"):
                raise MxError(
                    f"There is no group of models {place.name}: no run of the pipeline has registered one.",
                    hint=f"`mx sagemaker start {place.name}` starts a run.",
                ) from error
            raise
        pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=place.name)
        found = [one for page in pages for one in page["ModelPackageSummaryList"]]
    return {
        int(one["ModelPackageVersion"]): one["ModelPackageArn"]
        for one in sorted(found, key=lambda one: -int(one["ModelPackageVersion"]))
    }


def describe(place: Place, arn: str) -> Package:
    """A version of a model. MxError if AWS refuses."""
    with told():
        found = client("sagemaker", place.region).describe_model_package(ModelPackageName=arn)
    quality = found.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {})
    return Package(
        int(found["ModelPackageVersion"]),
        found["ModelPackageArn"],
        found["ModelApprovalStatus"],
        f"{found['CreationTime']:%Y-%m-%d %H:%M}",
        found.get("ApprovalDescription", ""),
        found.get("CustomerMetadataProperties", {}),
        quality.get("S3Uri"),
    )


def accepted(place: Place) -> Package | None:
    """The newest version that is accepted; None before the first acceptance. MxError if AWS refuses, or there is no such group."""
    found = (describe(place, arn) for arn in arns(place).values())
    return next((one for one in found if one.word == "accepted"), None)


def beside(chosen: Sequence[Package]) -> Package | None:
    """The one of two versions that was measured beside the other, on the same rows; None if none was, or they are more."""
    if len(chosen) != 2:
        return None
    for newer, older in (chosen, chosen[::-1]):
        if newer.measured_against == str(older.version) and newer.before:
            return newer
    return None


def version(place: Place, number: int) -> Package:
    """A version of a model by its number.

    Raises:
        MxError: AWS refuses, or there is no such group or version.
    """
    found = arns(place)
    if number not in found:
        there = ", ".join(str(one) for one in sorted(found)) or "none"
        raise MxError(f"{place.name} has no version {number}.", hint=f"It has: {there}.")
    return describe(place, found[number])


def metrics(place: Place, package: Package) -> dict[str, float]:
    """The metrics of a version: as the registry has them, else of the evaluation in S3.

    Raises:
        MxError: AWS refuses, or the evaluation is not as SageMaker's registry wants it.
    """
    if package.metrics or package.report is None:
        return package.metrics
    where = urlsplit(package.report)
    with told():
        body = (
            client("s3", place.region)
            .get_object(Bucket=where.netloc, Key=where.path.lstrip("/"))["Body"]
            .read()
        )
    try:
        groups = json.loads(body)
        return {
            name: float(it["value"])
            for group in groups.values()
            for name, it in group.items()
            if isinstance(it["value"], int | float)
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise MxError(
            f"{package.report} is no evaluation as SageMaker's registry shows it: {error!r}"
        ) from error
