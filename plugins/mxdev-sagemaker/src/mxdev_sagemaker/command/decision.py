"""The quality gate: a draft is accepted or refused, by a person or by its automatic test, and the registry says why."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Any

from mxdev import State, Step
from mxdev.errors import Refused

from mxdev_sagemaker.command.aws import client, told
from mxdev_sagemaker.command.packages import WORDS, Package, version
from mxdev_sagemaker.command.place import Place

ACCEPTED, REFUSED = "Approved", "Rejected"
# SageMaker takes no longer description.
_LONGEST = 1024


@dataclass(frozen=True)
class Verdict:
    """What the automatic test says of a version.

    Attributes:
        good: all metrics reach what they must, and none is worse than that of the accepted version.
        reason: each metric beside what it must reach, and after that of the accepted version.
    """

    good: bool
    reason: str


def verdict(package: Package, accepted: Package | None) -> Verdict:
    """Compare the metrics of a version with what its configuration demanded, and with those of the accepted version on the same rows.

    Args:
        package: the version.
        accepted: the version that is accepted today; None if there is none.

    Raises:
        Refused: there is no automatic test: its run demanded nothing, or it reaches what it must, and was measured beside another version
            than the one that is accepted today.
    """
    if not package.minimums:
        raise Refused(
            f"Version {package.version} has no automatic test: its run told the registry no minimum of a metric.",
            hint="A person decides: accept it without --by-tests, or refuse it.",
        )
    # A metric that is no number is below every minimum.
    good = all(package.metrics.get(name, nan) >= minimum for name, minimum in package.minimums.items())
    of_today = _of_today(package, accepted)
    if good and not of_today:
        raise _of_another_day(package, accepted)
    lines = []
    for name, minimum in sorted(package.minimums.items()):
        reached = package.metrics.get(name)
        said = "is not there" if reached is None else f"is {reached:g}"
        lines.append(f"{name} {said}, and must be {minimum:g} or more")
        if of_today and reached is not None and name in package.before:
            word = "worse" if package.worse(name) else "good enough"
            good &= not package.worse(name)
            lines.append(f"{name} is {word}: {reached:.4f} after {package.before[name]:.4f}")
    if of_today and package.not_measured:
        good = False
        lines.append(
            f"version {package.measured_against}, which is accepted, could not be measured: {package.not_measured}"
        )
    return Verdict(good, "; ".join(lines))


def _of_today(package: Package, accepted: Package | None) -> bool:
    """Whether it was measured beside the version that is accepted today, or is that version itself."""
    if accepted is not None and accepted.version == package.version:
        return True
    return (package.measured_against or "none") == (str(accepted.version) if accepted else "none")


def _of_another_day(package: Package, accepted: Package | None) -> Refused:
    against = package.measured_against or "none"
    beside = "none" if against == "none" else f"version {against}"
    today = f"version {accepted.version}" if accepted else "none"
    return Refused(
        f"Version {package.version} was measured beside {beside}, and {today} is accepted today.",
        hint="Start the pipeline again: its run measures what is accepted then on the same rows. Or a person decides, without --by-tests.",
    )


@dataclass(frozen=True, kw_only=True)
class Decide(Step):
    """A version has this status, and the registry says why.

    Attributes:
        place: the pipeline.
        number: the version.
        status: "Approved" or "Rejected".
        reason: why, in words.
    """

    place: Place
    number: int
    status: str
    reason: str
    permissions: tuple[str, ...] = ("sagemaker:DescribeModelPackage", "sagemaker:UpdateModelPackage")

    def look(self) -> State:
        """What the registry says of the version."""
        package = version(self.place, self.number)
        if package.status == self.status:
            return State.done(package.reason)
        why = f"it is {package.word}" + (f": {package.reason}" if package.reason else "")
        bills = ("what serves it, once it is deployed",) if self.status == ACCEPTED else ()
        return State.change(why, bills=bills, details=(f"{WORDS[self.status]}: {self.reason}",))

    def do(self, say: Any) -> None:
        """Tell the registry. Acceptance is the event on which the platform deploys."""
        package = version(self.place, self.number)
        with told():
            who = client("sts", self.place.region).get_caller_identity()["Arn"]
            client("sagemaker", self.place.region).update_model_package(
                ModelPackageArn=package.arn,
                ModelApprovalStatus=self.status,
                ApprovalDescription=f"{self.reason} ({who})"[:_LONGEST],
                # What is given replaces these keys, and leaves others as they are; all are given, so that none is lost.
                CustomerMetadataProperties={**package.properties, "decided_by": who},
            )
