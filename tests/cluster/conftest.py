"""Submitters against the real control plane."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from control_plane.control_plane import ControlPlane

from cluster.proxy import Proxy
from mxdev.cluster import manifest

IMAGE = "registry/run:abc"
RUN = "0123456789abcdef"


class Submitter:
    """A submitter of one job, as a process.

    Args:
        process: the process.
        folder: where it writes its report, and everything it prints.
    """

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self._folder = folder

    @property
    def out(self) -> str:
        """What it has printed of the logs so far."""
        return (self._folder / "out").read_text()

    @property
    def err(self) -> str:
        """What it has said so far."""
        return (self._folder / "err").read_text()

    def end(self, code: int) -> dict[str, Any]:
        """The report, after it ended with this exit code."""
        assert self.process.wait(120) == code, self.err
        report: dict[str, Any] = json.loads((self._folder / "report").read_text())
        return report


Submit = Callable[..., Submitter]


@pytest.fixture
def kubeconfig(control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The kubeconfig of the control plane, for kubectl in this process and those that it starts."""
    path = tmp_path / "kubeconfig"
    path.write_text(control_plane.kubeconfig.read_text())
    monkeypatch.setenv("KUBECONFIG", str(path))
    # Never the user's, which may know another server on the same port.
    monkeypatch.setenv("KUBECACHEDIR", str(tmp_path / "kube-cache"))
    return path


@pytest.fixture
def proxy(kubeconfig: Path) -> Iterator[Proxy]:
    """The way to the API server, which can be shut."""
    config = json.loads(kubeconfig.read_text())
    (cluster,) = config["clusters"]
    server = urllib.parse.urlsplit(cluster["cluster"]["server"])
    assert server.port is not None
    found = Proxy(server.port)
    cluster["cluster"]["server"] = f"https://{server.hostname}:{found.port}"
    kubeconfig.write_text(json.dumps(config))
    yield found
    found.shut()


@pytest.fixture
def submit(kubeconfig: Path, tmp_path: Path) -> Iterator[Submit]:
    """Start submitters: `submit(manifest, namespace)`."""
    started: list[subprocess.Popen[bytes]] = []

    def start(made: manifest.Manifest, namespace: str, **job: Any) -> Submitter:
        folder = tmp_path / f"submitter-{len(started)}"
        folder.mkdir()
        given = {
            "manifest": made,
            "namespace": namespace,
            "context": "mx-tests",
            "report": str(folder / "report"),
            **job,
        }
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "mxdev.cluster.session"],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                env=dict(os.environ),
                start_new_session=True,
            )
        started.append(process)
        assert process.stdin is not None
        with process.stdin:
            process.stdin.write(json.dumps(given).encode())
        return Submitter(process, folder)

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def job(
    command: str, *, policy: str = "Never", image: str = IMAGE, run: str = RUN, **pod: Any
) -> manifest.Manifest:
    """A filled-in Job."""
    container = {"name": "x", "image": "x", **pod.pop("container", {})}
    spec = {"restartPolicy": policy, "terminationGracePeriodSeconds": 5, "containers": [container], **pod}
    template = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "x"},
        "spec": {"backoffLimit": 3 if policy == "OnFailure" else 0, "template": {"spec": spec}},
    }
    return filled(template, command, image, run)


def pytorch_job(
    command: str, workers: int, *, policy: str = "Never", image: str = IMAGE, clean: str = "None"
) -> manifest.Manifest:
    """A filled-in PyTorchJob with a master and workers."""

    def replicas(number: int) -> Any:
        spec = {"terminationGracePeriodSeconds": 5, "containers": [{"name": "pytorch", "image": "x"}]}
        return {"replicas": number, "restartPolicy": policy, "template": {"spec": spec}}

    template = {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {"name": "x"},
        "spec": {
            "runPolicy": {"cleanPodPolicy": clean, "backoffLimit": 3},
            "pytorchReplicaSpecs": {"Master": replicas(1), "Worker": replicas(workers)},
        },
    }
    return filled(template, command, image, RUN)


def filled(template: manifest.Manifest, command: str, image: str, run: str) -> manifest.Manifest:
    """A manifest as a run would fill it in."""
    return manifest.fill(
        template,
        name=f"churn-{run[:10]}",
        image=image,
        command=command,
        environment={"MLFLOW_RUN_ID": run},
        labels={**manifest.MANAGED_BY, manifest.RUN_LABEL: run},
    )
