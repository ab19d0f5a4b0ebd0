"""The steps of a deploy and of a purge: the cluster, and each deployment in its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mxdev.cluster.kubectl import Kubectl
from mxdev.cluster.refusals import ClusterError
from mxdev.deploy import objects, readiness, tools
from mxdev.deploy.config import Deployment
from mxdev.steps.model import Check, Say, State, Step
from mxdev.system import programs


@dataclass(frozen=True)
class Place:
    """Where a project is deployed, and how.

    Attributes:
        root: the project.
        context: the context of the kubeconfig.
        namespace: the project's own namespace, where DevSpace keeps its notes.
        devspace: DevSpace does it; else kubectl and Helm.
        timeout: how many seconds one deployment may take.
        connect: the command that makes the context.
    """

    root: Path
    context: str
    namespace: str
    devspace: bool
    timeout: float
    connect: str = "mx connect"

    def kubectl(self, deployment: Deployment) -> Kubectl:
        """kubectl, with the namespace of a deployment."""
        return Kubectl(self.context, deployment.namespace)


def deploy_steps(deployments: Sequence[Deployment], place: Place, needs: tuple[str, ...] = ()) -> list[Step]:
    """The steps that deploy what is given.

    Args:
        deployments: in order.
        place: where to.
        needs: steps that come before all of them.
    """
    names = {one.name for one in deployments}
    return [
        Deployed(
            name=f"deploy-{one.name}", title=f"{one.name} in the namespace {one.namespace}",
            needs=(*needs, *(f"deploy-{need}" for need in one.needs if need in names)),
            deployment=one, place=place, early=True,
        )
        for one in deployments
    ]  # fmt: skip


def purge_steps(
    deployments: Sequence[Deployment], place: Place, *, volumes: bool, needs: tuple[str, ...] = ()
) -> list[Step]:
    """The steps that remove what is given, in the reverse order; with `volumes` also what holds its data."""
    found: list[Step] = []
    for one in reversed(deployments):
        users = tuple(f"purge-{other.name}" for other in deployments if one.name in other.needs)
        purged = Purged(
            name=f"purge-{one.name}", title=f"{one.name} in the namespace {one.namespace}",
            needs=(*needs, *users), deployment=one, place=place, early=True,
        )  # fmt: skip
        found.append(purged)
        if volumes:
            found.append(
                DataGone(
                    name=f"data-{one.name}", title=f"Volumes and passwords of {one.name}",
                    needs=(purged.name,), deployment=one, place=place, early=True,
                )
            )  # fmt: skip
    return found


@dataclass(frozen=True, kw_only=True)
class _OfDeployment(Step):
    deployment: Deployment
    place: Place

    @property
    def kubectl(self) -> Kubectl:
        return self.place.kubectl(self.deployment)


@dataclass(frozen=True, kw_only=True)
class Deployed(_OfDeployment):
    """A deployment is in the cluster as devspace.yaml says it, and its pods are ready."""

    def look(self) -> State:
        """Compare the manifests with the cluster (`kubectl diff`), or the chart with Helm's record of it."""
        root, kubectl, one = self.place.root, self.kubectl, self.deployment
        if missing := tools.lacking(one, devspace=self.place.devspace):
            return State.blocked(missing, f"Install DevSpace: {tools.DEVSPACE.install}")
        if not objects.namespace_exists(root, kubectl, one.namespace):
            return State.create()
        found = objects.there(root, kubectl, one)
        if one.helm is not None:
            release = objects.release(root, kubectl, one)
            if release is None:
                return State.create()
            if wrong := _chart_differs(one, release):
                return State.change(wrong)
        elif not found:
            return State.create()
        elif changed := objects.differs(root, kubectl, one):
            return State.change(changed)
        late = readiness.not_ready(found)
        return State.change(f"not ready: {'; '.join(late)}") if late else State.done()

    def do(self, say: Say) -> None:
        """Apply it, if it is not what devspace.yaml says already, and wait until it is ready."""
        place, one = self.place, self.deployment
        if self._holds():
            say("it is applied already")
        elif place.devspace:
            tools.by_devspace(place.root, "deploy", one, place.context, place.namespace, place.timeout)
        else:
            tools.apply(place.root, self.kubectl, one, say, place.timeout)
        readiness.wait(place.root, self.kubectl, one, say, place.timeout)

    def _holds(self) -> bool:
        """Whether a run that was stopped came so far that only its end has to be waited for."""
        root, kubectl, one = self.place.root, self.kubectl, self.deployment
        if one.helm is not None or not objects.namespace_exists(root, kubectl, one.namespace):
            return False
        return bool(objects.there(root, kubectl, one)) and not objects.differs(root, kubectl, one)

    def take_back(self, say: Say) -> None:
        """Purge it; volumes and passwords stay."""
        self._purged().do(say)

    def look_back(self) -> State:
        """Whether anything of it is there."""
        return self._purged().look()

    def _purged(self) -> Purged:
        return Purged(name=self.name, title=self.title, deployment=self.deployment, place=self.place)


def _chart_differs(deployment: Deployment, release: objects.Object) -> str:
    """What of a release is other than devspace.yaml says; empty: nothing."""
    helm = deployment.helm or {}
    if (status := release.get("info", {}).get("status")) != "deployed":
        return f"the release is {status}"
    metadata = release.get("chart", {}).get("metadata", {})
    wanted = (helm.get("chart") or {}).get("version")
    if wanted and metadata.get("version") != str(wanted):
        return f"version {metadata.get('version')}, and not {wanted}"
    # Values from files are laid below these by Helm: then only these can be compared.
    values, has = helm.get("values") or {}, release.get("config") or {}
    return "" if _within(values, has) else "other values"


def _within(wanted: object, has: object) -> bool:
    if isinstance(wanted, dict) and isinstance(has, dict):
        return all(key in has and _within(value, has[key]) for key, value in wanted.items())
    return wanted == has


@dataclass(frozen=True, kw_only=True)
class Purged(_OfDeployment):
    """Nothing of a deployment is in the cluster but what holds data."""

    def look(self) -> State:
        """Ask the cluster for its objects."""
        root, kubectl, one = self.place.root, self.kubectl, self.deployment
        if not self.place.devspace and one.helm is not None and programs.locate(tools.HELM) is None:
            if objects.release(root, kubectl, one) is None:
                return State.done("not there")
            return State.of_error(programs.MissingTool(tools.HELM, "is missing, and this is a chart"))
        if one.helm is not None:
            return State.remove() if objects.release(root, kubectl, one) else State.done("not there")
        found = [item for item in objects.there(root, kubectl, one) if item["kind"] not in tools.KEPT]
        gone = all(item["metadata"].get("deletionTimestamp") for item in found)
        if not found or gone:
            return State.done("not there")
        return State.remove(f"{len(found)} object{'s' * (len(found) != 1)}")

    def do(self, say: Say) -> None:
        """Remove it. DevSpace would delete volume claims that are in manifests: then kubectl does it."""
        place, one = self.place, self.deployment
        holds = any(kind["kind"] in tools.KEPT for kind in objects.rendered(place.root, self.kubectl, one))
        if place.devspace and not holds:
            tools.by_devspace(place.root, "purge", one, place.context, place.namespace, place.timeout)
            if self.look().verb == "done":
                return
            say("DevSpace left something: it was deployed by other means; kubectl removes it")
        tools.remove(place.root, self.kubectl, one, say, place.timeout)


@dataclass(frozen=True, kw_only=True)
class DataGone(_OfDeployment):
    """The volumes and the passwords of a deployment are deleted, for good."""

    def look(self) -> State:
        """Ask the cluster for them."""
        found = self._found()
        if not found:
            return State.done("none there")
        where = self.deployment.namespace
        return State.remove(destroys=tuple(f"{kind} {name} in the namespace {where}" for kind, name in found))

    def _found(self) -> list[tuple[str, str]]:
        root, kubectl = self.place.root, self.kubectl
        wanted = list(objects.data_of(self.deployment, objects.rendered(root, kubectl, self.deployment)))
        found = []
        for kind in ("PersistentVolumeClaim", "Secret"):
            names = [name for other, name in wanted if other == kind]
            if not names:
                continue
            done = objects.call(root, kubectl, "get", kind, "--output=name")
            for line in done.stdout.decode("utf-8", "replace").split():
                there = line.rpartition("/")[2]
                if any(_means(name, there) for name in names):
                    found.append((kind, there))
        return found

    def do(self, say: Say) -> None:
        """Delete them, and wait until they are gone."""
        for kind, name in self._found():
            words = [kind, name, "--ignore-not-found", f"--timeout={self.place.timeout:.0f}s"]
            objects.call(self.place.root, self.kubectl, "delete", *words)
            say(f"deleted {kind} {name}")


def _means(name: str, there: str) -> bool:
    """Whether `there` is what `name` says; after a `-` at its end the number of a pod follows."""
    return there == name or (name.endswith("-") and there.startswith(name) and there[len(name) :].isdigit())


@dataclass(frozen=True, kw_only=True)
class Reached(Check):
    """The project's cluster answers under the context that is used."""

    place: Place

    def look(self) -> State:
        """Ask it for anything."""
        try:
            Kubectl(self.place.context, None).run("get", "--raw", "/version", retry=False)
        except ClusterError as error:
            if error.reason == "NoContext":
                remedy = f"`{self.place.connect}` makes it; or name another one with --context."
                return State.blocked(f"the kubeconfig has no context {self.place.context}", remedy)
            return State.of_error(error)
        return State.done(self.place.context)
