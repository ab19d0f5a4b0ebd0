"""Training through a real control plane: MLflow, manifest, API server, operator, pods, torchrun, metrics in MLflow.

The trainer is the one that the generators render; what stands for its image is a clone of the project's commit.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cluster_projects import committed, git
from control_plane.control_plane import ControlPlane
from control_plane.node import Node, Place
from control_plane.programs import free_port
from flow_projects import MX, clean, environment, install, mx
from ml_environment import ml_python

from mxdev.artifacts import image as images
from mxdev.flow.cluster.mlflow_rest import Server, TrackedRun
from mxdev.project.project import Project

pytestmark = pytest.mark.noted()

__all__ = ["ml_python"]

# Two busy cores are slow, and importing PyTorch and MLflow takes seconds even on idle ones.
PATIENCE = 900.0
NAME = "churn"


@dataclass(frozen=True)
class World:
    """A project, a cluster whose node runs it, and a tracking server."""

    root: Path
    plane: ControlPlane
    node: Node
    environ: dict[str, str]
    server: Server

    def mx(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run mx in the project."""
        process = self.popen(*arguments, stderr=subprocess.PIPE)
        out, err = process.communicate()
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def popen(self, *arguments: str, stderr: int = subprocess.STDOUT) -> Mx:
        """Start mx in the project, for the cluster. It is ended when it takes too long."""
        return self.popen_here(*arguments, "--namespace", self.node.namespace, stderr=stderr)

    def popen_here(self, *arguments: str, stderr: int = subprocess.STDOUT) -> Mx:
        """The same for this machine."""
        process = Mx(
            [*MX, *arguments],
            cwd=self.root,
            env=clean(**self.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        watch = threading.Timer(PATIENCE, process.terminate)
        watch.daemon = True
        watch.start()
        return process

    def objects(self, what: str) -> list[Any]:
        """What the cluster has in the test's namespace."""
        found: list[Any] = self.plane.get(what, "--namespace", self.node.namespace)["items"]
        return found

    def run(self, run_id: str) -> TrackedRun:
        """A run, as the tracking server has it."""
        found = self.server.run(run_id)
        assert found is not None
        return found

    def metrics(self, run_id: str) -> dict[str, float]:
        """A run's metrics."""
        with urllib.request.urlopen(
            f"{self.server.address}/api/2.0/mlflow/runs/get?run_id={run_id}", timeout=30
        ) as answer:
            metrics = json.load(answer)["run"]["data"].get("metrics", [])
        return {metric["key"]: metric["value"] for metric in metrics}


class Mx(subprocess.Popen[str]):
    """mx in a process of its own, whose output is read line by line."""

    text = ""

    def until(self, pattern: str) -> str:
        """Read up to a line in which `pattern` is found."""
        assert self.stdout is not None
        for line in self.stdout:
            self.text += line
            if re.search(pattern, line):
                return line
        raise AssertionError(f"there is no {pattern} in:\n{self.text}")

    def rest(self) -> str:
        """All that it says to its end."""
        assert self.stdout is not None
        self.text += self.stdout.read()
        self.wait()
        return self.text


def run_id(text: str) -> str:
    """The run that mx names at its end."""
    found = re.search(r"^run      ([0-9a-f]{32}) ", text, re.MULTILINE)
    assert found, text
    return found[1]


def until(condition: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def tracking_uri(ml_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real tracking server."""
    folder = tmp_path_factory.mktemp("tracking")
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    words = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    stores = [
        "--backend-store-uri",
        f"sqlite:///{folder}/runs.db",
        "--artifacts-destination",
        f"{folder}/artifacts",
    ]
    with (folder / "log.txt").open("w") as log:
        server = subprocess.Popen(
            [ml_python, "-m", "mlflow", "server", *words, *stores],
            # No runners of background jobs: six more processes that nobody here needs.
            env=clean(MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false"),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            until(lambda: answers(uri) or server.poll() is not None, "the tracking server")
            assert server.poll() is None, (folder / "log.txt").read_text()
            yield uri
        finally:
            # Nothing of it is needed any more.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def answers(uri: str) -> bool:
    try:
        return bool(urllib.request.urlopen(f"{uri}/health", timeout=5).status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def root(ml_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the generators render, in a commit; its environment has MLflow and no mx."""
    folder = tmp_path_factory.mktemp("project")
    for arguments, cwd in (
        (["MLProjectSkeleton", NAME], folder),
        (["DistributedTraining", "--workers", "1"], folder / NAME),
    ):
        done = mx("generate", *arguments, "--no-input", cwd=cwd)
        assert done.returncode == 0, done.stderr
    root = folder / NAME
    committed(root)
    packages = environment(root / ".venv", ml_python)
    install(packages, NAME, root)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    real = subprocess.run([ml_python, "-c", where], capture_output=True, text=True, check=True).stdout
    (packages / "ml.pth").write_text(real)
    git(root, "clone", "--quiet", ".", "../image")
    return root


@pytest.fixture
def world(
    control_plane: ControlPlane,
    node_runner: Callable[..., Node],
    tracking_uri: str,
    root: Path,
    ml_python: Path,
    tmp_path: Path,
) -> World:
    """All of it. The image has what is committed."""
    image = root.parent / "image"
    place = Place(
        image,
        {
            "PYTHONPATH": str(image / "src"),
            "PATH": f"{ml_python.parent}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "GIT_COMMIT": git(root, "rev-parse", "HEAD"),
            "OMP_NUM_THREADS": "1",
        },
    )
    name = images.run_image(root, Project.load(root).options)
    assert name.endswith(f"-docker.pkg.dev/{NAME}-project/{NAME}/run:{git(root, 'rev-parse', 'HEAD')}")
    node = node_runner(images={name: place})
    # `devspace deploy` makes it in a project.
    control_plane.kubectl("create", "serviceaccount", "trainer", "--namespace", node.namespace)
    environ = {
        "KUBECONFIG": str(control_plane.kubeconfig),
        "MLFLOW_TRACKING_URI": tracking_uri,
        "KUBE_MLFLOW_TRACKING_URI": tracking_uri,
    }
    return World(root, control_plane, node, environ, Server(tracking_uri, {}))


def test_in_one_pod(world: World) -> None:
    """MLflow -> Job -> pod -> trainer -> MLflow; what is not committed is said, and not there."""
    extra = world.root / "src" / NAME / "extra.py"
    extra.write_text("")
    try:
        done = world.mx("flow", "run", "--backend", "kubernetes", "-P", "epochs=2", "--run-name", "bold-fox")
    finally:
        extra.unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"not committed, and so not in the image of this commit: src/{NAME}/extra.py" in done.stderr
    assert re.search(r"^job-0 \| .*epoch +2/2", done.stdout, re.MULTILINE), done.stdout
    assert "metrics  test_accuracy" in done.stderr
    run = world.run(run_id(done.stderr))
    assert (run.status, run.name, run.entry_point) == ("FINISHED", "bold-fox", "trainer")
    assert world.metrics(run.id)["test_accuracy"] > 0.5
    (job,) = world.objects("jobs")
    assert run.tags["mx.job"] == f"Job/{world.node.namespace}/{job['metadata']['name']}"
    assert run.tags["mx.backend"] == "kubernetes"
    assert run.tags["mx.context"] == "mx-tests"
    assert run.tags["git.commit"] == git(world.root, "rev-parse", "HEAD")
    (pod,) = world.objects("pods")
    for labels in (job["metadata"]["labels"], pod["metadata"]["labels"]):
        assert labels["mlflow-run-id"] == run.id
        assert labels["app.kubernetes.io/managed-by"] == "mx"


def test_in_two_pods(world: World) -> None:
    """MLflow -> PyTorchJob -> training operator -> two pods -> torchrun -> two ranks -> one run in MLflow."""
    done = world.mx("flow", "run", "--backend", "distributed", "-P", "epochs=2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^master-0 \| .*process 0 of 2", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^master-0 \| .*epoch +2/2", done.stdout, re.MULTILINE)
    run = world.run(run_id(done.stderr))
    assert (run.status, run.entry_point, run.tags["processes"]) == ("FINISHED", "distributed", "2")
    assert world.metrics(run.id)["test_accuracy"] > 0.5
    assert run.tags["mx.job"] == f"PyTorchJob/{world.node.namespace}/{NAME}-{run.id[:10]}"
    roles = {
        pod["metadata"]["labels"]["training.kubeflow.org/replica-type"]: pod for pod in world.objects("pods")
    }
    # A worker that ends a moment after the master is taken away with what still runs; both were there.
    assert "master" in roles
    placed = {
        event["involvedObject"]["name"]
        for event in world.objects("events")
        if event.get("reason") == "Scheduled"
    }
    assert placed >= {f"{NAME}-{run.id[:10]}-{role}-0" for role in ("master", "worker")}
    assert {pod["metadata"]["labels"]["mlflow-run-id"] for pod in roles.values()} == {run.id}


@pytest.fixture
def with_trainjob(root: Path) -> Iterator[None]:
    """The project with a TrainJob; its code, and so its image, is the same."""
    done = mx(
        "generate", "DistributedTraining", "--runtime", "trainjob", "--workers", "1", "--no-input", cwd=root
    )
    assert done.returncode == 0, done.stderr
    yield
    git(root, "checkout", "--quiet", ".")
    git(root, "clean", "--quiet", "--force", "-d")


@pytest.mark.usefixtures("with_trainjob")
def test_by_kubeflows_trainer(world: World) -> None:
    """MLflow -> TrainJob -> Kubeflow's trainer -> JobSet -> two pods -> torchrun -> two ranks -> one run in MLflow."""
    world.plane.operators("jobset", "trainer")
    runtime = world.root / "infrastructure/kubernetes/training_runtime.yaml"
    text = runtime.read_text().replace(f"namespace: {NAME}", f"namespace: {world.node.namespace}")
    # Its webhook may take a moment.
    until(
        lambda: world.plane.kubectl("apply", "-f", "-", input=text, check=False).returncode == 0,
        "the runtime",
    )
    done = world.mx("flow", "run", "--backend", "distributed", "-P", "epochs=2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^node-0 \| .*process 0 of 2", done.stdout, re.MULTILINE), done.stdout
    run = world.run(run_id(done.stderr))
    assert (run.status, run.tags["processes"]) == ("FINISHED", "2")
    assert run.tags["mx.job"] == f"TrainJob/{world.node.namespace}/{NAME}-{run.id[:10]}"
    pods = world.objects("pods")
    assert [pod["metadata"]["labels"]["mlflow-run-id"] for pod in pods] == [run.id, run.id]


def test_a_killed_worker(world: World) -> None:
    """Its pod is started again, the others follow, and the run goes on from its last checkpoint to its end."""
    running = world.popen("flow", "run", "--backend", "distributed", "-P", "epochs=16")
    running.until(r"master-0 \| .*epoch +6/16")
    (worker,) = [pod for pod in world.node.pods.values() if "worker" in pod.name]
    world.node.kill(worker.name)
    text = running.rest()
    assert running.returncode == 0, text
    assert re.search(r"worker-0: running, started again after it was ended by signal 9", text), text
    epochs = [int(found) for found in re.findall(r"epoch +(\d+)/16", text)]
    assert epochs[-1] == 16
    again = [number for number, before in zip(epochs[1:], epochs, strict=False) if number <= before]
    assert again, "training was interrupted"
    assert min(again) > 1, "training went on from a checkpoint"
    run = world.run(run_id(text))
    assert run.status == "FINISHED"
    assert world.metrics(run.id)["test_accuracy"] > 0.5


def test_control_c(world: World) -> None:
    """The job is deleted, its pods end, and the run is KILLED."""
    running = world.popen("flow", "run", "--backend", "kubernetes", "-P", "epochs=5000")
    running.until(r"job-0 \| .*epoch +1/5000")
    running.send_signal(signal.SIGINT)
    text = running.rest()
    assert running.returncode == 130, text
    assert world.objects("jobs") == []
    assert world.objects("pods") == []
    assert world.run(run_id(text)).status == "KILLED"
    assert "KILLED" in text


def test_a_job_that_outlives_the_terminal(world: World) -> None:
    """Submitted, looked at, read; killed where nobody sees it: `mx flow status` closes the run."""
    done = world.mx("flow", "run", "--backend", "kubernetes", "-P", "epochs=5000", "--detach")
    assert done.returncode == 0, done.stderr
    run = run_id(done.stderr)
    assert f"look     `mx flow status {run[:10]}`, `mx flow logs {run[:10]} --follow`" in done.stderr
    until(lambda: "epoch" in world.mx("flow", "logs", run[:8]).stdout, "the log")
    (job,) = json.loads(world.mx("flow", "status", "--json").stdout)["jobs"]
    assert (job["run_id"], job["phase"], job["status"]) == (run, "running", "RUNNING")
    (pod,) = world.node.pods.values()
    world.node.kill(pod.name)
    followed = world.mx("flow", "logs", run, "--follow")
    assert followed.returncode == 1
    assert re.search(r"^job-0 \| .*epoch", followed.stdout, re.MULTILINE)
    assert "failed: job-0 was ended by signal 9" in followed.stderr
    assert f"run {run[:10]} was RUNNING, but its job has failed: it is FAILED now" in followed.stderr
    assert world.run(run).status == "FAILED"
    done = world.mx("flow", "cancel", run)
    assert (done.returncode, "has ended already: it failed" in done.stderr) == (0, True)
    assert world.run(run).status == "FAILED"


def test_a_job_that_waits_is_cancelled(world: World) -> None:
    """It says what it waits for."""
    done = world.mx("flow", "run", "--backend", "distributed", "--image", "nowhere.example/run:1", "--detach")
    assert done.returncode == 0, done.stderr
    run = run_id(done.stderr)
    shown = until(
        lambda: (text := world.mx("flow", "status").stdout) and "cannot be pulled" in text and text,
        "the reason",
    )
    assert re.search(
        rf"^{run[:10]}  .*  distributed  PyTorchJob {NAME}-{run[:10]} +pending", shown, re.MULTILINE
    )
    assert "master-0: the image nowhere.example/run:1 cannot be pulled" in shown
    done = world.mx("flow", "cancel", run[:6])
    assert done.returncode == 0, done.stderr
    assert "its run is KILLED" in done.stderr
    assert world.objects("pytorchjobs") == []
    assert world.objects("pods") == []
    assert world.run(run).status == "KILLED"
