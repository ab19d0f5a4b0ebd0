"""`DistributedTraining --elastic`: a worker is taken away, the others go on, it comes back; by the real operator and torchrun."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cluster_fixtures import NodeRunner
from control_plane.control_plane import ControlPlane
from control_plane.node import Place
from ml_environment import ml_python

from mxdev.cluster import manifest, state
from mxdev.cluster.kubectl import Kubectl
from mxdev.flow import words
from mxdev.testing import render, render_all, write

__all__ = ["ml_python"]
IMAGE = "registry/run:abc"
# A double of the trainer: it notes how many they are, and fails when a connection would break, which is when the file says so.
TRAINER = """
import os, pathlib, sys, time
here = pathlib.Path(__file__).parent
broken = (here / "broken").exists
before = broken()
with (here / "noted").open("a") as file:
    file.write(os.environ["WORLD_SIZE"] + "\\n")
while not (here / "enough").exists():
    if broken() and not before:
        sys.exit("a peer is gone")
    time.sleep(0.2)
"""


def until(condition: Callable[[], Any], what: str, seconds: float = 240) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.3)
    return found


def rendered() -> Any:
    """What the test depends on, for its note."""
    return render("DistributedTraining", name="m1", workers=1, elastic=1)


@pytest.mark.noted.with_args(rendered)
def test_training_goes_on_with_who_is_there(
    control_plane: ControlPlane,
    node_runner: NodeRunner,
    ml_python: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    place = tmp_path / "place"
    place.mkdir()
    (place / "trainer.py").write_text(TRAINER)
    node = node_runner(images={IMAGE: Place(place, {"PATH": f"{ml_python.parent}:/usr/bin:/bin"})})
    project = tmp_path / "project"
    write(render_all("DistributedTraining", name=node.namespace, workers=1, elastic=1), project)
    folder = project / "infrastructure/kubernetes"
    control_plane.kubectl(
        "apply", "--server-side", "-f", folder / "train-infrastructure/service_accounts.yaml"
    )
    job = manifest.fill(
        manifest.read(project / words.TEMPLATES["distributed"]), name="churn-0123456789", image=IMAGE,
        command="torchrun --nproc-per-node 1 trainer.py", environment={}, labels=manifest.MANAGED_BY,
    )  # fmt: skip
    # Sooner than after half a minute.
    job["spec"]["elasticPolicy"]["rdzvConf"] = [{"key": "last_call_timeout", "value": "3"}]
    control_plane.kubectl("create", "-n", node.namespace, "-f", "-", input=manifest.dump(job))

    def noted() -> list[str]:
        return (place / "noted").read_text().split() if (place / "noted").exists() else []

    until(lambda: noted().count("2") == 2, "both")
    name = "churn-0123456789-worker-1"

    def identity() -> Any:
        found = control_plane.get("pods", "-n", node.namespace)["items"]
        return [pod["metadata"]["uid"] for pod in found if pod["metadata"]["name"] == name]

    before = identity()
    # The new one has to wait for its image.
    image = node.images.pop(IMAGE)
    path = f"/api/v1/namespaces/{node.namespace}/pods/{name}/eviction"
    metadata = {"name": name, "namespace": node.namespace}
    control_plane.api.create(path, {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata})
    until(lambda: identity() not in ([], before), "another pod in its place")
    (place / "broken").touch()
    until(lambda: noted()[-1] == "1", "the one that is left")
    node.images[IMAGE] = image
    # The tests' node asks for an image once.
    control_plane.kubectl("delete", "pod", name, "-n", node.namespace, "--wait=false")
    until(lambda: noted()[-2:] == ["2", "2"], "both again")
    (place / "enough").touch()
    kubectl, ref = Kubectl("mx-tests", node.namespace), manifest.ref(job)
    until(lambda: state.look(kubectl, ref).over, "its end")
    assert state.look(kubectl, ref).phase == "succeeded"
