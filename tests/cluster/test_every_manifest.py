"""Every manifest that the generators render, applied to a real API server, made ready, and taken back."""

from __future__ import annotations

import functools
import hashlib
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
# Kept by intent: volumes outlive what used them. They go with the namespace.
KEPT = "persistentvolumeclaim/"


@pytest.fixture(
    scope="module", params=ROWS, ids=[f"{number}-{label(row)}" for number, row in enumerate(ROWS)]
)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifests of one row of the covering set."""
    project = tmp_path_factory.mktemp("project")
    write(render_all("MLProjectSkeleton", **request.param), project)
    return project / KUBERNETES


@pytest.fixture
def namespace(folder: Path, control_plane: ControlPlane) -> Iterator[str]:
    """The project's own namespace, as somebody creates it before the first deployment.

    One test at a time goes on from here: many rows have the same namespace, and all have "kube-system".
    """
    found = {item["metadata"]["namespace"] for item in objects(folder / "train_job.yaml")}
    name = str(found.pop())
    with FileLock(control_plane.folder / "manifests.lock"):
        control_plane.namespace(name=name)
        yield name
        control_plane.remove_namespaces([name])
        control_plane.wait(
            f"the end of {name}",
            lambda: not control_plane.kubectl("get", "namespace", name, check=False).stdout,
        )


def objects(*paths: Path) -> list[dict[str, Any]]:
    """The objects in files."""
    return [item for path in paths for item in yaml.safe_load_all(path.read_text("utf-8")) if item]


def plain(folder: Path) -> list[Path]:
    """The files that are applied as they are: no templates, no values of Helm charts, no kustomizations."""
    return [
        path
        for path in sorted(folder.rglob("*.yaml"))
        if path.name not in TEMPLATES
        and not path.name.endswith("_values.yaml")
        and not (path.parent / "kustomization.yaml").exists()
    ]


def everything(plane: ControlPlane, namespace: str) -> set[str]:
    """The names of all objects in a namespace, but events."""
    kinds = plane.kubectl("api-resources", "--verbs=list", "--namespaced", "-o", "name").stdout.split()
    wanted = ",".join(kind for kind in kinds if not kind.startswith("events"))
    return set(plane.kubectl("get", wanted, "-n", namespace, "-o", "name").stdout.split())


def unchanged(plane: ControlPlane, namespace: str, before: set[str]) -> bool:
    """Whether a namespace holds what it held, and volumes."""
    return {name for name in everything(plane, namespace) if not name.startswith(KEPT)} == before


def test_it_is_applied_gets_ready_and_is_taken_back(
    folder: Path, namespace: str, control_plane: ControlPlane
) -> None:
    files = plain(folder)
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()
    known = control_plane.folder / f"applied-{digest}"
    if known.exists():
        return  # Another row renders the very same.
    arguments = [f"--filename={path}" for path in files]
    before = {name: everything(control_plane, name) for name in (namespace, "kube-system")}
    control_plane.kubectl("apply", *arguments)
    try:
        for item in objects(*files):
            ready(control_plane, item)
    finally:
        control_plane.kubectl("delete", *arguments, "--timeout=180s")
    for name, those in before.items():
        control_plane.wait(
            f"{name} to be as before",
            functools.partial(unchanged, control_plane, name, those),
        )
    known.touch()


def ready(plane: ControlPlane, item: dict[str, Any]) -> None:
    """Wait until an object does what it is for."""
    name = f"{item['kind'].lower()}/{item['metadata']['name']}"
    where = ["-n", item["metadata"].get("namespace", "default"), name, "--timeout=180s"]
    if item["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
        plane.kubectl("rollout", "status", *where)
    if item["kind"] == "DaemonSet":
        # The only one is NVIDIA's driver, for every node with a GPU and for no other.
        assert plane.get(*where[:-1])["status"]["numberAvailable"] == len(GPUS)
    if item["kind"] == "Job":
        plane.kubectl("wait", "--for=condition=complete", *where)


def test_its_templates_become_jobs(folder: Path, namespace: str, control_plane: ControlPlane) -> None:
    for name in TEMPLATES:
        if (folder / name).exists():
            job = manifest.fill(
                manifest.read(folder / name),
                name="churn-0123456789",
                image="registry/run:abc",
                command="python -m churn.trainer",
                environment={"MLFLOW_RUN_ID": "0123456789"},
                labels={},
            )
            control_plane.kubectl("apply", "-f", folder / "train-infrastructure" / "service_accounts.yaml")
            control_plane.kubectl("apply", "-f", "-", input=json.dumps(job))
            ready(control_plane, job)
            control_plane.kubectl("delete", "-f", "-", "--timeout=180s", input=json.dumps(job))
