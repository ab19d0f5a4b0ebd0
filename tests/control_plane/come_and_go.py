"""Manifests come to an API server, get ready, and go again: what tests of rendered manifests share."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
from pathlib import Path
from typing import Any

import yaml

from control_plane.api import ApiError
from control_plane.control_plane import ControlPlane

# What becomes a job only when mx fills it in.
TEMPLATES = ("train_job.yaml", "distributed_job.yaml", "restore_database.yaml")
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
# The condition of what is done, or of what has all its pods.
DONE = {"Job": "Complete", "TrainJob": "Complete", "PyTorchJob": "Running"}
# Kept by intent: volumes outlive what used them.
KEPT = "persistentvolumeclaims"


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
