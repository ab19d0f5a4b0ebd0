"""Every manifest that the generators render, applied to a real API server, made ready, and taken back.

The unit is the folder, as it is a deployment in devspace.yaml. What several rows render alike is applied once.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from covering import DISTRIBUTED, PLATFORM, Row, label, rows
from filelock import FileLock

from control_plane import build
from control_plane.api import ApiError
from control_plane.build import GO_MODULES
from control_plane.control_plane import ControlPlane, running
from control_plane.nodes import GPUS
from mxdev.cluster import manifest
from mxdev.testing import render_all, write

ROWS = [row for row in (*rows(), *rows(PLATFORM)) if row["cloud"] != "none"]  # "none" renders no manifests
DISTRIBUTED_ROWS = rows(DISTRIBUTED)
KUBERNETES = Path("infrastructure/kubernetes")
# What becomes a job only when mx fills it in.
TEMPLATES = ("train_job.yaml", "distributed_job.yaml", "restore_database.yaml")
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
# The condition of what is done, or of what has all its pods.
DONE = {"Job": "Complete", "TrainJob": "Complete", "PyTorchJob": "Running"}
ACCOUNTS = Path("train-infrastructure/service_accounts.yaml")
# Kept by intent: volumes outlive what used them.
KEPT = "persistentvolumeclaims"


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


def objects(*paths: Path) -> list[dict[str, Any]]:
    """The objects in files."""
    return [item for path in paths for item in yaml.safe_load_all(path.read_text("utf-8")) if item]


def namespaces(items: list[dict[str, Any]]) -> list[str]:
    """The namespaces that objects are in."""
    return sorted({item["metadata"]["namespace"] for item in items if "namespace" in item["metadata"]})


def units(folder: Path) -> list[list[Path]]:
    """The files that are applied as they are, by folder; no templates, no values of Helm charts, no kustomizations."""
    files = [
        path
        for path in sorted(folder.rglob("*.yaml"))
        if path.name not in TEMPLATES
        and not path.name.endswith("_values.yaml")
        and not (path.parent / "kustomization.yaml").exists()
    ]
    return [list(group) for _, group in itertools.groupby(files, key=lambda path: path.parent)]


def prepare(plane: ControlPlane, wanted: list[str]) -> None:
    """Create the namespaces that are not there. They stay: to take one away takes seconds."""
    there = {item["metadata"]["name"] for item in plane.api.get("/api/v1/namespaces")["items"]}
    for name in wanted:
        if name not in there:
            plane.made.remove(plane.namespace(name=name))


def provide(plane: ControlPlane, items: list[dict[str, Any]]) -> None:
    """Disks for the claims of a class that nobody provisions here: kwok knows the default one only."""
    for item in items:
        for claim in item.get("spec", {}).get("volumeClaimTemplates", []):
            spec, namespace = claim["spec"], item["metadata"]["namespace"]
            name = f"{claim['metadata']['name']}-{item['metadata']['name']}-0"
            if "storageClassName" not in spec:
                continue
            disk = {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": f"{namespace}-{name}"},
                "spec": {
                    "storageClassName": spec["storageClassName"],
                    "accessModes": spec["accessModes"],
                    "capacity": spec["resources"]["requests"],
                    "persistentVolumeReclaimPolicy": "Retain",
                    "hostPath": {"path": "/nowhere"},
                    "claimRef": {"namespace": namespace, "name": name},
                },
            }
            with contextlib.suppress(ApiError):  # It is there already.
                plane.api.create("/api/v1/persistentvolumes", disk)


def collections(plane: ControlPlane) -> list[str]:
    """The path of each kind of object that can be listed in a namespace; `NAMESPACE` stands in it for its name."""
    groups = [
        version["groupVersion"] for group in plane.api.get("/apis")["groups"] for version in group["versions"]
    ]
    roots = {"v1": "/api/v1", **{name: f"/apis/{name}" for name in groups}}
    return [
        f"{root}/namespaces/NAMESPACE/{kind['name']}"
        for root in roots.values()
        for kind in plane.api.get(root)["resources"]
        if "list" in kind["verbs"] and kind["namespaced"]
    ]


def everything(plane: ControlPlane, namespace: str, paths: list[str]) -> set[str]:
    """The names of all objects in a namespace, but events and volumes."""
    return {
        f"{path.rpartition('/')[2]}/{item['metadata']['name']}"
        for path in paths
        if path.rpartition("/")[2] not in ("events", KEPT)
        for item in plane.api.get(path.replace("NAMESPACE", namespace))["items"]
    }


def ready(plane: ControlPlane, items: list[dict[str, Any]]) -> None:
    """Wait until everything does what it is for."""
    for namespace in namespaces(items):
        here = [item for item in items if item["metadata"].get("namespace") == namespace]
        names = {name: kind for item in here for name, kind in [_name_and_kind(item)]}
        workloads = [name for name, kind in names.items() if kind in WORKLOADS]
        try:
            if workloads:
                plane.kubectl("rollout", "status", "-n", namespace, *workloads, "--timeout=180s")
            for name, kind in names.items():
                if kind in DONE:
                    condition = f"--for=condition={DONE[kind]}"
                    plane.kubectl("wait", "-n", namespace, name, condition, "--timeout=180s")
        except AssertionError as error:
            error.add_note(plane.kubectl("events", "-n", namespace, "--types=Warning").stdout)
            raise


def _name_and_kind(item: dict[str, Any]) -> tuple[str, str]:
    return f"{item['kind']}/{item['metadata']['name']}", str(item["kind"])


def come_and_go(plane: ControlPlane, *files: Path) -> None:
    """Apply files, wait until they do what they are for, take them back, and see that nothing is left."""
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()
    known = plane.folder / f"applied-{digest}"
    if known.exists():
        return
    items = objects(*files)
    paths = collections(plane)
    prepare(plane, namespaces(items))
    provide(plane, items)
    before = {name: everything(plane, name, paths) for name in namespaces(items)}
    arguments = [f"--filename={file}" for file in files]
    try:
        plane.kubectl("apply", *arguments)
        ready(plane, items)
    finally:
        plane.kubectl("delete", *arguments, "--ignore-not-found", "--timeout=180s")
    for name, those in before.items():
        try:
            plane.wait(f"{name} to be as before", functools.partial(same, plane, name, paths, those))
        except AssertionError as error:
            error.add_note(f"the difference: {everything(plane, name, paths) ^ those}")
            raise
    known.touch()


def same(plane: ControlPlane, namespace: str, paths: list[str], before: set[str]) -> bool:
    """Whether a namespace holds what it held."""
    return everything(plane, namespace, paths) == before


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
    assert (status["desiredNumberScheduled"], status["numberAvailable"]) == (len(GPUS), len(GPUS))


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
