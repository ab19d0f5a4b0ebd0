"""The step that starts the debug pod."""

from __future__ import annotations

from dataclasses import dataclass

from mxdev.deploy import objects, readiness
from mxdev.deploy.config import Deployment
from mxdev.deploy.steps import Place
from mxdev.errors import MxError
from mxdev.steps.model import Say, State, Step

# What the generator DebugPod calls its deployment and its StatefulSet.
NAME = "debug"
# The tag of the generator's that stands for no image.
_UNBUILT = ":none"


@dataclass(frozen=True, kw_only=True)
class Started(Step):
    """The StatefulSet of the debug pod has its one pod, and that is ready.

    Attributes:
        deployment: the deployment that it belongs to.
        place: where it is deployed.
    """

    deployment: Deployment
    place: Place

    def look(self) -> State:
        """Ask the cluster for the number of its pods."""
        found = self._set()
        if not found["spec"].get("replicas"):
            if any(
                one["image"].endswith(_UNBUILT) for one in found["spec"]["template"]["spec"]["containers"]
            ):
                return State.blocked(
                    "no image was named", "`mx build image dev --push`, then `mx set DebugPod.tag=COMMIT`."
                )
            return State.create("it is stopped")
        late = readiness.lacking(found)
        return State.change(late) if late else State.done()

    def do(self, say: Say) -> None:
        """Scale it to one pod, and wait for that."""
        place, kubectl = self.place, self.place.kubectl(self.deployment)
        objects.call(place.root, kubectl, "scale", f"statefulset/{NAME}", "--replicas=1")
        readiness.wait(place.root, kubectl, self.deployment, say, place.timeout)

    def _set(self) -> objects.Object:
        there = objects.there(self.place.root, self.place.kubectl(self.deployment), self.deployment)
        for one in objects.workloads(there):
            if one["metadata"]["name"] == NAME:
                return one
        raise MxError(
            f"the deployment {NAME} has no StatefulSet {NAME} on the cluster.",
            hint=f"`mx deploy {NAME}` makes it.",
        )
