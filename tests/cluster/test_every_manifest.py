"""Every manifest that the generators render, applied to a real API server, made ready, and taken back.

The unit is the folder, as it is a deployment in devspace.yaml. What several rows render alike is applied once.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from covering import label, rows
from filelock import FileLock

from cluster.control_plane import ControlPlane
from cluster.nodes import GPUS
from mxdev.cluster import manifest
from mxdev.testing import render_all, write

ROWS = rows()
KUBERNETES = Path("infrastructure/kubernetes")
# What becomes a job only when mx fills it in.
TEMPLATES = ("train_job.yaml", "distributed_job.yaml")
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
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


def first_time(plane: ControlPlane, *paths: Path) -> bool:
    """Whether nothing like these files was applied yet in this run."""
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()
    known = plane.folder / f"applied-{digest}"
    try:
        known.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def prepare(plane: ControlPlane, wanted: list[str]) -> None:
    """Create the namespaces that are not there. They stay: to take one away takes seconds."""
    there = {item["metadata"]["name"] for item in plane.api.get("/api/v1/namespaces")["items"]}
    for name in wanted:
        if name not in there:
            plane.made.remove(plane.namespace(name=name))


def collections(plane: ControlPlane, *, namespaced: bool) -> list[str]:
    """The path of each kind of object that can be listed; `NAMESPACE` stands in it for the namespace's name."""
    groups = [
        version["groupVersion"] for group in plane.api.get("/apis")["groups"] for version in group["versions"]
    ]
    roots = {"v1": "/api/v1", **{name: f"/apis/{name}" for name in groups}}
    return [
        f"{root}/namespaces/NAMESPACE/{kind['name']}" if namespaced else f"{root}/{kind['name']}"
        for root in roots.values()
        for kind in plane.api.get(root)["resources"]
        if "list" in kind["verbs"] and kind["namespaced"] is namespaced
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
    """Wait until deployments and the like are ready, and Jobs complete."""
    for namespace in namespaces(items):
        here = [item for item in items if item["metadata"]["namespace"] == namespace]
        names = {
            kind: [f"{kind}/{item['metadata']['name']}" for item in here if item["kind"] == kind]
            for kind in (*WORKLOADS, "Job")
        }
        jobs = names.pop("Job")
        workloads = list(itertools.chain(*names.values()))
        try:
            if workloads:
                plane.kubectl("rollout", "status", "-n", namespace, *workloads, "--timeout=180s")
            if jobs:
                plane.kubectl("wait", "-n", namespace, *jobs, "--for=condition=complete", "--timeout=180s")
        except AssertionError as error:
            error.add_note(plane.kubectl("events", "-n", namespace, "--types=Warning").stdout)
            raise


def test_it_is_applied_gets_ready_and_is_taken_back(folder: Path, alone: ControlPlane) -> None:
    paths = collections(alone, namespaced=True)
    found = [unit for unit in units(folder) if first_time(alone, *unit)]
    for unit in found:
        items = objects(*unit)
        arguments = [f"--filename={path}" for path in unit]
        prepare(alone, namespaces(items))
        before = {name: everything(alone, name, paths) for name in namespaces(items)}
        try:
            alone.kubectl("apply", *arguments)
            ready(alone, items)
        finally:
            alone.kubectl("delete", *arguments, "--ignore-not-found", "--timeout=180s")
        for name, those in before.items():
            alone.wait(
                f"{name} to be as before",
                functools.partial(same, alone, name, paths, those),
            )


def same(plane: ControlPlane, namespace: str, paths: list[str], before: set[str]) -> bool:
    """Whether a namespace holds what it held."""
    return everything(plane, namespace, paths) == before


def test_the_driver_comes_to_every_node_with_a_gpu(alone: ControlPlane, tmp_path: Path) -> None:
    write(render_all("MLProjectSkeleton", name="churn-model", accelerator="nvidia-l4"), tmp_path)
    path = tmp_path / KUBERNETES / "cuda-drivers" / "driver_installer.yaml"
    alone.kubectl("apply", "-f", path)
    ready(alone, objects(path))
    [item] = objects(path)
    status = alone.get("-n", "kube-system", f"daemonset/{item['metadata']['name']}")["status"]
    alone.kubectl("delete", "-f", path, "--timeout=180s")
    assert (status["desiredNumberScheduled"], status["numberAvailable"]) == (len(GPUS), len(GPUS))


def test_its_templates_become_jobs(folder: Path, alone: ControlPlane) -> None:
    for path in folder.glob("*.yaml"):
        if path.name in TEMPLATES and first_time(alone, path):
            job = manifest.fill(
                manifest.read(path),
                name="churn-0123456789",
                image="registry/run:abc",
                command="python -m churn.trainer",
                environment={"MLFLOW_RUN_ID": "0123456789"},
                labels={"mlflow-run-id": "0123456789"},
            )
            accounts = folder / "train-infrastructure" / "service_accounts.yaml"
            items = [*objects(accounts), job]
            prepare(alone, namespaces(items))
            text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
            try:
                alone.kubectl("apply", "-f", "-", input=text)
                ready(alone, items)
            finally:
                alone.kubectl("delete", "-f", "-", "--ignore-not-found", "--timeout=180s", input=text)
