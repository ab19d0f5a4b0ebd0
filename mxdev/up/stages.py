"""The stages of the way up, each a list of steps of its own command, and the way down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from mxdev.connect import kubeconfig
from mxdev.connect import steps as connecting
from mxdev.connect.target import Target
from mxdev.deploy import steps as deploying
from mxdev.deploy.config import Deployment
from mxdev.deploy.steps import Place
from mxdev.doctor import machine, project
from mxdev.doctor.finding import Finding, guarded
from mxdev.infra import applying, ready
from mxdev.infra.applying import Infrastructure
from mxdev.infra.place import Place as Terraform
from mxdev.infra.plans import saved
from mxdev.steps.model import Check, State, Step, TakeBack
from mxdev.steps.runner import taken_back
from mxdev.system import programs
from mxdev.up import STAGES, plugged


@dataclass(frozen=True)
class Way:
    """All that the way up goes through.

    Attributes:
        target: where the project runs.
        terraform: its Terraform; None: a cluster of one's own.
        deployments: what goes to the cluster, in order.
        place: where to, and how.
        account, context: as for `mx connect`.
        plugged: the steps that plugins add.
        shared: deployments that other environments on this cluster have, too, and that stay.
    """

    target: Target
    terraform: Terraform | None
    deployments: Sequence[Deployment]
    place: Place
    account: str | None = None
    context: str | None = None
    shared: Sequence[Deployment] = ()
    plugged: Sequence[Step] = ()


def steps_up(way: Way, to: str) -> list[Step]:
    """The steps up to and with the stage `to`; each stage needs the ones before it."""
    found: list[Step] = []
    for stage in STAGES[: STAGES.index(to) + 1]:
        if stage == "plugins":
            found += plugged.after(found, way.plugged)
            continue
        before = tuple(step.name for step in found)
        for step in _stage(way, stage):
            # What may be looked at early within its stage still waits for what stands before the stage.
            found.append(replace(step, needs=(*before, *step.needs)))
    return found


def alone(way: Way, *, dry_run: bool) -> AbstractContextManager[None]:
    """Inside the `with` block no other mx plans or applies the Terraform of the way; nothing where it has none.

    Raises:
        Refused: another one is at it.
    """
    return nullcontext() if way.terraform is None else saved.alone(way.terraform, dry_run=dry_run)


def _stage(way: Way, stage: str) -> list[Step]:
    if stage == "preflight":
        return [Preflight(name="preflight", title="Tools, room and logins", way=way)]
    if stage == "infra":
        if way.terraform is None:
            return []
        first = ready.steps(way.terraform)
        needs = tuple(step.name for step in first)
        whole = Infrastructure(
            name="infrastructure", title="What the .tf files say", needs=needs, place=way.terraform
        )
        return [*first, whole]
    if stage == "connect":
        return connecting.steps_of(way.target, account=way.account, context=way.context, use=False)
    if stage == "deploy":
        return deploying.deploy_steps(way.deployments, way.place)
    return [Works(name="check", title="All of it is ready", way=way)]


def steps_down(way: Way, *, with_data: bool) -> list[Step]:
    """The steps of the way down: plugins' own, deployments, infrastructure, the context; data stays unless `with_data`.

    Without a context or a cluster nothing is deployed that could be purged.
    """
    found: list[Step] = [*taken_back(way.plugged)]
    if connected(way):
        found += deploying.purge_steps(way.deployments, way.place, volumes=with_data)
    if way.terraform is not None:
        before = tuple(step.name for step in found)
        for step in applying.destroying(way.terraform, with_data=with_data):
            # Early, so that all that is lost is shown and agreed to before the first of it goes.
            found.append(replace(step, needs=(*before, *step.needs), early=True))
    names = tuple(step.name for step in found)
    for step in reversed(connecting.steps_of(way.target, account=way.account, context=None, use=False)):
        if step.has_way_back:
            found.append(TakeBack.of(step, names))
    return found


def connected(way: Way) -> bool:
    """Whether the kubeconfig has the project's own context, and the cluster is still there."""
    if kubeconfig.context(way.place.context) is None:
        return False
    return way.target.cloud != "gcp" or connecting.described(way.target) is not None


def survivors(way: Way, *, with_data: bool) -> Iterator[tuple[str, str]]:
    """What is left after the way down, and the command that removes it.

    The project's own context is gone by then: on a cluster of one's own, CONTEXT stands for one of the person's.
    """
    name = way.target.name
    purge = way.target.command("mx purge") + ("" if way.target.cloud == "gcp" else " --context CONTEXT")
    for one in way.shared:
        yield (
            f"{one.name} in the namespace {one.namespace}, which other environments may use",
            f"{purge} {one.name}",
        )
    if not with_data and way.deployments:
        if way.target.cloud != "gcp":
            yield (
                f"volumes and passwords in the namespace {name}",
                f"{purge} --volumes",
            )
        else:
            yield "the disk of the database", "gcloud compute disks list --project " + way.target.project_id
    if way.target.cloud != "gcp":
        yield f"the namespace {name}", f"kubectl --context CONTEXT delete namespace {name}"
        return
    if not with_data:
        yield "buckets with data", f"gcloud storage ls --project={way.target.project_id}"
    yield "the bucket of Terraform's state", f"gcloud storage ls --project={way.target.project_id}"
    yield (
        f"the Google Cloud project {way.target.project_id}",
        f"gcloud projects delete {way.target.project_id}",
    )


@dataclass(frozen=True, kw_only=True)
class Preflight(Check):
    """The tools and the room that the way needs are there; only a person can change that."""

    way: Way

    def look(self) -> State:
        """As `mx doctor` does."""
        problems = [one for one in self._findings() if one.state == "problem"]
        if not problems:
            return State.done()
        # Some are a sentence with their title, such as "kubectl" and "is missing".
        text = "; ".join(
            f"{one.title}{' ' if one.text.startswith('is ') else ': '}{one.text}" for one in problems
        )
        return State.blocked(text, "\n".join(one.remedy for one in problems), code=4)

    def _findings(self) -> Iterator[Finding]:
        charts = any(one.helm is not None for one in self.way.deployments)
        yield from machine.tools(
            cluster=bool(self.way.deployments), gcp=self.way.target.cloud == "gcp", charts=charts
        )
        yield from machine.disk(self.way.place.root)
        if programs.locate("gcloud") is not None:
            yield from guarded("login", "login", lambda: project.logins(self.way.target))


@dataclass(frozen=True, kw_only=True)
class Works(Check):
    """Every deployment is as it should be, looked at once more at the end."""

    way: Way

    def look(self) -> State:
        """Look at each."""
        states = {
            step.title: state
            for step in deploying.deploy_steps(self.way.deployments, self.way.place)
            if (state := step.look()).verb != "done"
        }
        if not states:
            count = len(self.way.deployments)
            return State.done(f"{count} deployment{'s' * (count != 1)}")
        text = "; ".join(f"{title}: {state.why or state.verb}" for title, state in states.items())
        command = self.way.target.command
        return State.blocked(
            text, f"`{command('mx doctor')}` says more; `{command('mx up')}` again deploys what is missing."
        )
