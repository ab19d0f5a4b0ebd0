"""Pods that the cluster takes away, three times in a row: the run goes on, with the real controllers and operators."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cluster_fixtures import NodeRunner
from control_plane.control_plane import ControlPlane
from control_plane.node import Node, Place

from mxdev.cluster import manifest, state
from mxdev.cluster.kubectl import Kubectl
from mxdev.flow import words
from mxdev.testing import render_all, write

pytestmark = pytest.mark.noted()

IMAGE = "registry/run:abc"
RUN = "0123456789abcdef0123456789abcdef"
EVICTIONS = 3
KINDS = ("job", "pytorchjob", "trainjob")

# A double of the trainer: an epoch is a line in a file that is named after its run, and a checkpoint after each. Every
# process is connected to the first one, as in real training, and fails when that connection breaks.
TRAINER = """
import os, pathlib, signal, socket, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
rank, size = int(os.environ.get("RANK", os.environ.get("PET_NODE_RANK", 0))), int(os.environ.get("PET_NNODES", 1))
where = (os.environ.get("MASTER_ADDR") or os.environ.get("PET_MASTER_ADDR"),
         int(os.environ.get("MASTER_PORT") or os.environ.get("PET_MASTER_PORT") or 0))
log = pathlib.Path(f"epochs-{os.environ['MLFLOW_RUN_ID']}")
peers = []
if size > 1 and rank == 0:
    listening = socket.create_server(where, reuse_port=False)
    peers = [listening.accept()[0] for _ in range(size - 1)]
elif size > 1:
    until = time.monotonic() + 60
    while not peers:
        try:
            peers = [socket.create_connection(where)]
        except OSError:
            assert time.monotonic() < until, "the first process is not there"
            time.sleep(0.2)
done = len(log.read_text().split()) if log.exists() else 0
print("begins after epoch", done, flush=True)
while not pathlib.Path("enough").exists():
    time.sleep(0.3)
    done += 1
    for peer in peers:
        peer.sendall(b".")
        assert peer.recv(1), "a peer is gone"
    if rank == 0:
        with log.open("a") as file:
            file.write(f"{done}\\n")
if rank == 0:
    pathlib.Path("trained").touch()
"""


class Training:
    """A job of the rendered template, submitted on a node that runs its pods.

    Args:
        kind: one of `KINDS`.
        node: where it runs.
        place: the folder that stands for its image, and keeps what it wrote.
    """

    def __init__(self, kind: str, node: Node, place: Path, project: Path) -> None:
        self.node, self.place = node, place
        self.kubectl = Kubectl("mx-tests", node.namespace)
        template = project / words.TEMPLATES["kubernetes" if kind == "job" else "distributed"]
        made = manifest.fill(
            manifest.read(template), name="churn-0123456789", image=IMAGE,
            command=f"{sys.executable} trainer.py", environment={"MLFLOW_RUN_ID": RUN},
            labels={**manifest.MANAGED_BY, manifest.RUN_LABEL: RUN},
        )  # fmt: skip
        self.ref = manifest.ref(made)
        self._apply(project)
        node.plane.kubectl("create", "-f", "-", input=manifest.dump(made))

    def _apply(self, project: Path) -> None:
        folder = project / "infrastructure/kubernetes"
        for path in (
            folder / "train-infrastructure/service_accounts.yaml",
            *folder.glob("training_runtime.yaml"),
        ):
            self.node.plane.kubectl("apply", "--server-side", "-f", path)

    def epochs(self) -> list[int]:
        """The epochs that were trained, in order."""
        path = self.place / f"epochs-{RUN}"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def state(self) -> state.State:
        return state.look(self.kubectl, self.ref)

    def pods(self) -> list[dict[str, Any]]:
        """The pods that are not about to end."""
        items = self.node.plane.get("pods", "-n", self.node.namespace)["items"]
        return [
            item
            for item in items
            if "deletionTimestamp" not in item["metadata"]
            and item["status"]["phase"] in ("Pending", "Running")
        ]

    def advance(self, more: int = 2) -> None:
        """Wait until it has trained so many epochs more."""
        target = len(self.epochs()) + more
        deadline = time.monotonic() + 240
        while len(self.epochs()) < target:
            found = self.state()
            assert not found.over, found
            assert time.monotonic() < deadline, (found, self.epochs())
            time.sleep(0.3)

    def evict(self, number: int) -> None:
        """What a drain of its node does to one of its pods."""
        found = sorted(self.pods(), key=lambda pod: str(pod["metadata"]["name"]))
        name = found[number % len(found)]["metadata"]["name"]
        path = f"/api/v1/namespaces/{self.node.namespace}/pods/{name}/eviction"
        metadata = {"name": name, "namespace": self.node.namespace}
        self.node.plane.api.create(
            path, {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
        )


@pytest.fixture
def training(
    control_plane: ControlPlane, node_runner: NodeRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Training]:
    """Submits the job of a rendered project."""
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))

    def start(kind: str, edit: Callable[[Path, Path], Any] = lambda _folder, _place: None) -> Training:
        if kind == "trainjob":
            control_plane.operators("jobset", "trainer")
        place = tmp_path / "place"
        place.mkdir()
        (place / "trainer.py").write_text(TRAINER)
        node = node_runner(images={IMAGE: Place(place)})
        given = (
            {"name": node.namespace}
            if kind == "job"
            else {"name": node.namespace, "runtime": kind, "workers": 1}
        )
        project = tmp_path / "project"
        write(render_all("MLProjectSkeleton" if kind == "job" else "DistributedTraining", **given), project)
        edit(project / "infrastructure/kubernetes", place)
        return Training(kind, node, place, project)

    return start


@pytest.mark.parametrize("kind", KINDS)
def test_three_evictions_in_a_row_do_not_end_the_run(kind: str, training: Callable[..., Training]) -> None:
    started = training(kind)
    for number in range(EVICTIONS):
        started.advance()
        started.evict(number)
    started.advance()
    # None is lost or trained twice: each pod went on after the last checkpoint of the same run.
    epochs = started.epochs()
    assert epochs == list(range(1, len(epochs) + 1))
    if kind == "trainjob":
        (jobset,) = started.node.plane.get("jobsets", "-n", started.node.namespace)["items"]
        assert jobset["status"]["restarts"] == EVICTIONS
        assert jobset["status"].get("restartsCountTowardsMax", 0) == 0
    (started.place / "enough").touch()
    started.node.plane.wait("its end", lambda: started.state().over, seconds=120)
    assert started.state().phase == "succeeded"


def test_what_fails_by_itself_is_not_repeated(training: Callable[..., Training]) -> None:
    started = training(
        "job", edit=lambda _folder, place: (place / "trainer.py").write_text("import no_such_module")
    )
    started.node.plane.wait("its end", lambda: started.state().over, seconds=120)
    assert started.state().phase == "failed"
    assert len(started.node.plane.get("pods", "-n", started.node.namespace)["items"]) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_training_that_hangs_is_stopped(kind: str, training: Callable[..., Training]) -> None:
    def sooner(folder: Path, _place: Path) -> None:
        path = folder / ("train_job.yaml" if kind == "job" else "distributed_job.yaml")
        text = path.read_text()
        assert f"activeDeadlineSeconds: {72 * 3600}\n" in text
        path.write_text(text.replace(str(72 * 3600), "12"))

    started = training(kind, edit=sooner)
    started.node.plane.wait("its end", lambda: started.state().over, seconds=180)
    found = started.state()
    assert found.phase == "failed"
    assert "deadline" in found.reason
    started.node.plane.wait("the end of its pods", lambda: not started.pods(), seconds=120)
