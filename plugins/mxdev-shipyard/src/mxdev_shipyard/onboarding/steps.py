"""Which steps onboard a model, and which of them retire it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mxdev import Check, State, Step

from mxdev_shipyard.onboarding.aws import Prefix, Registry
from mxdev_shipyard.onboarding.manifest import Manifest
from mxdev_shipyard.onboarding.project import Project, Seed
from mxdev_shipyard.onboarding.services import Entry
from mxdev_shipyard.onboarding.settings import Settings
from mxdev_shipyard.onboarding.values import Boarding


@dataclass(frozen=True, kw_only=True)
class Allowed(Check):
    """The policy lets this person bring this model."""

    settings: Settings
    boarding: Boarding

    def look(self) -> State:
        """What the policy says."""
        who, what = self.boarding.author_email, self.boarding.project_slug
        if self.settings.allows(who, what):
            return State.done(f"{who} may onboard {what}")
        return State.blocked(
            f"the policy does not let {who} onboard {what}",
            "Ask the platform team to add it to `policy` in shipyard.yaml.",
        )


def onboarding(settings: Settings, boarding: Boarding, *, trust: bool) -> list[Step]:
    """All steps, in order; with `trust`, commands of the settings are run and tokens sent to their webhooks."""
    name = boarding.repository
    steps: list[Step] = [
        Allowed(name="policy", title="Leave of the policy", settings=settings, boarding=boarding),
        Registry(name="registry", title=f"Registry for images of {boarding.project_slug}", needs=("policy",),
                 repository=name, region=settings.region, author=boarding.author_email,
                 lost=(f"all images of {name}",)),
    ]  # fmt: skip
    steps += [
        Prefix(name=part, title=f"Place for {what} in the bucket", needs=("registry",), early=True, bucket=settings.bucket,
               prefix=f"{name}/{part}/", region=settings.region, lost=(f"all {what} of {name}",))
        for part, what in (("models", "weights"), ("data", "data"))
    ]  # fmt: skip
    steps += [
        Project(
            name="project", title="Project in GitLab", needs=("policy",), settings=settings, boarding=boarding
        ),
        Seed(name="seed", title="First commit", needs=("project",), settings=settings, boarding=boarding),
    ]
    steps += [
        Manifest(name=f"manifest-{environment}", title=f"Manifest in {environment}", needs=("project",), early=True,
                 settings=settings, boarding=boarding, environment=environment)
        for environment in settings.environments
    ]  # fmt: skip
    steps += [
        Entry(name=service.name, title=service.title, needs=("project",), early=True, service=service, boarding=boarding, trusted=trust,
              project=f"{settings.gitlab}/{settings.group}/{name}", lost=(service.lost,) if service.lost else ())
        for service in settings.services
    ]  # fmt: skip
    return steps


def retiring(
    settings: Settings, boarding: Boarding, *, images: bool, weights: bool, trust: bool
) -> list[Step]:
    """The steps whose taking back retires a model: what is to be kept is left out."""
    kept = {
        name
        for name, deleted in (("registry", images), ("models", weights), ("data", weights))
        if not deleted
    }
    steps = onboarding(settings, boarding, trust=trust)
    left = [step for step in steps if step.has_way_back and step.name not in kept]
    names = {step.name for step in left}
    return [replace(step, needs=tuple(need for need in step.needs if need in names)) for step in left]
