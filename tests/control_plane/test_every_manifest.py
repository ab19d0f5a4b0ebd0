"""Every manifest that the generators render, applied to a real API server, made ready, and taken back.

The unit is the folder, as it is a deployment in devspace.yaml. What several rows render alike is applied once.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from covering import DISTRIBUTED, PLATFORM, Row, label, rows
from filelock import FileLock

from control_plane import build
from control_plane.build import GO_MODULES
from control_plane.come_and_go import (
    come_and_go,
    everything,
    namespaces,
    objects,
    prepare,
    ready,
    same,
    units,
)
from control_plane.control_plane import ControlPlane, running
from control_plane.nodes import GPUS
from mxdev.cluster import manifest
from mxdev.testing import render_all, write

pytestmark = pytest.mark.noted()

ROWS = [row for row in (*rows(), *rows(PLATFORM)) if row["cloud"] != "none"]  # "none" renders no manifests
DISTRIBUTED_ROWS = rows(DISTRIBUTED)
KUBERNETES = Path("infrastructure/kubernetes")
ACCOUNTS = Path("train-infrastructure/service_accounts.yaml")


@pytest.fixture(
    scope="module", params=ROWS, ids=[f"{number}-{label(row)}" for number, row in enumerate(ROWS)]
)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifests of one row of the covering set."""
    project = tmp_path_factory.mktemp("project")
    write(render_all("MLProjectSkeleton", **request.param), project)
    return project / KUBERNETES


@pytest.fixture
def alone(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane, to one test at a time: many rows have the same namespace, and all have "kube-system"."""
    with FileLock(control_plane.folder / "manifests.lock"):
        yield control_plane


def filled(template: Path, folder: Path) -> Path:
    """A job's template, filled in as mx does, as a file in `folder`."""
    job = manifest.fill(
        manifest.read(template),
        name="churn-0123456789",
        image="registry/run:abc",
        command="python -m churn.trainer",
        environment={"MLFLOW_RUN_ID": "0123456789"},
        labels={"mlflow-run-id": "0123456789"},
    )
    path = folder / "job.json"
    path.write_text(json.dumps(job))
    return path


def test_it_is_applied_gets_ready_and_is_taken_back(folder: Path, alone: ControlPlane) -> None:
    for unit in units(folder):
        come_and_go(alone, *unit)


def test_its_template_becomes_a_job(folder: Path, alone: ControlPlane, tmp_path: Path) -> None:
    come_and_go(alone, folder / ACCOUNTS, filled(folder / "train_job.yaml", tmp_path))


@pytest.mark.parametrize("row", DISTRIBUTED_ROWS, ids=label)
def test_a_distributed_job_gets_its_pods(row: Row, alone: ControlPlane, tmp_path: Path) -> None:
    """With the operators' own webhooks. kwok's pods of a PyTorchJob run for ever, those of a TrainJob complete."""
    write(render_all("DistributedTraining", **row), tmp_path)
    folder = tmp_path / KUBERNETES
    job = filled(folder / "distributed_job.yaml", tmp_path)
    others = [folder / ACCOUNTS, *folder.glob("training_runtime.yaml")]
    if row["runtime"] == "trainjob":
        alone.operators("jobset", "trainer")
    if row["workers"] < 100:
        come_and_go(alone, *others, job)
        return
    # That many pods would only keep the machine busy.
    arguments = [f"--filename={path}" for path in others]
    prepare(alone, namespaces(objects(job)))
    alone.kubectl("apply", *arguments)
    alone.kubectl("apply", "--dry-run=server", "-f", job)
    alone.kubectl("delete", *arguments, "--timeout=180s")


def test_the_driver_comes_to_every_node_with_a_gpu(alone: ControlPlane, tmp_path: Path) -> None:
    options = {"accelerator": "nvidia-l4", "gpu_driver": "daemonset"}
    write(render_all("MLProjectSkeleton", name="churn-model", **options), tmp_path)
    path = tmp_path / KUBERNETES / "cuda-drivers" / "driver_installer.yaml"
    alone.kubectl("apply", "-f", path)
    ready(alone, objects(path))
    [item] = objects(path)
    status = alone.get("-n", "kube-system", f"daemonset/{item['metadata']['name']}")["status"]
    alone.kubectl("delete", "-f", path, "--timeout=180s")
    # The spot nodes too.
    assert (status["desiredNumberScheduled"], status["numberAvailable"]) == (2 * len(GPUS), 2 * len(GPUS))


def test_the_training_operator_comes_and_goes(control_plane: ControlPlane, tmp_path: Path) -> None:
    """On a control plane of its own, because there is one for a whole cluster; from its module's files, not from GitHub."""
    write(render_all("DistributedTraining", name="churn-model"), tmp_path)
    [kustomization] = (tmp_path / KUBERNETES / "training-operator").glob("*")
    text = kustomization.read_text("utf-8")
    [remote] = re.findall(r"https://github.com/kubeflow/training-operator.git/(\S+)[?]ref=v([0-9.]+)", text)
    assert f"training-operator v{remote[1]} " in (GO_MODULES / "training-operator" / "go.mod").read_text()
    shutil.copytree(build.files("training-operator"), tmp_path / "module")
    base = os.path.relpath(tmp_path / "module" / remote[0], kustomization.parent)
    kustomization.write_text(re.sub(r"https://\S+", base, text))
    with running(tmp_path / "own", operators=()) as own:
        paths = ["/api/v1/namespaces", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                 "/apis/rbac.authorization.k8s.io/v1/clusterroles", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
                 "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"]  # fmt: skip
        before = everything(own, "", paths)
        own.kubectl("apply", "--server-side", "-k", kustomization.parent)
        own.kubectl("rollout", "status", "-n", "kubeflow", "deployment/training-operator", "--timeout=180s")
        assert len(everything(own, "", paths) - before) > 5
        own.kubectl("delete", "-k", kustomization.parent, "--timeout=180s")
        own.wait("all of it to be gone", lambda: same(own, "", paths, before))
