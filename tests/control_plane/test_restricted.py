"""Pods that the generators render are such that a namespace of the strictest standard for pods (`restricted`) takes them.

The one exception is what installs NVIDIA's driver on nodes, in kube-system.
"""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from control_plane.control_plane import ControlPlane
from mxdev.testing import render_all

EVERYTHING = Path(__file__).parents[2] / "examples" / "everything" / "infrastructure" / "kubernetes"

# What KServe has beside the pod's own fields in a predictor.
PREDICTOR = {"annotations", "labels", "minReplicas", "maxReplicas", "scaleMetric", "scaleTarget"}
# What renders pods that the example does not have.
OWN = {"cloud": "existing", "domain": "ml.example.com", "issuer": "https://login.example.com"}


def pods(found: object) -> Iterator[dict[str, Any]]:
    """The specs of pods anywhere in an object, with a volume for each claim that is made for them."""
    if isinstance(found, list):
        for one in found:
            yield from pods(one)
    elif isinstance(found, dict):
        if isinstance(found.get("containers"), list):
            yield {key: copy.deepcopy(value) for key, value in found.items() if key not in PREDICTOR}
        made = [
            {"name": one["metadata"]["name"], "emptyDir": {}}
            for one in found.get("volumeClaimTemplates") or ()
        ]
        for one in found.values():
            for spec in pods(one):
                yield spec | {"volumes": [*(spec.get("volumes") or ()), *made]}


def manifests(generator: str, **options: str) -> dict[str, str]:
    """What a generator and those that it requires render for Kubernetes, by path."""
    return {
        path: file.data.decode()
        for rendering in render_all(generator, name="churn", **options).renderings
        if rendering.tree is not None
        for path, file in rendering.tree.files.items()
        if path.startswith("infrastructure/kubernetes/") and path.endswith(".yaml")
    }


def tried(
    control_plane: ControlPlane, files: Mapping[str, str]
) -> tuple[list[str], subprocess.CompletedProcess[str]]:
    """Ask for all pods in these files, in a restricted namespace: their names, and what kubectl says."""
    namespace = control_plane.namespace()
    control_plane.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    made: list[dict[str, Any]] = []
    for path, text in sorted(files.items()):
        for document in yaml.safe_load_all(text):
            for spec in pods(document):
                spec["serviceAccountName"] = "default"  # nobody has made the pod's own
                spec.pop("priorityClassName", None)
                name = f"{len(made)}-{Path(path).parent.name}-{Path(path).stem}".replace("_", "-")
                made.append({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
    everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    done = control_plane.kubectl(
        "create", "-n", namespace, "--dry-run=server", "-o", "name", "-f", "-", input=everything, check=False
    )
    return [one["metadata"]["name"] for one in made], done


def test_a_restricted_namespace_takes_every_pod(control_plane: ControlPlane) -> None:
    """Those of the example on Google Cloud, and of a cluster of one's own with a login of one's own."""
    files = {str(path): path.read_text() for path in EVERYTHING.rglob("*.yaml")}
    files |= manifests("DeploymentInfrastructure", **OWN)
    names, done = tried(control_plane, files)
    assert len(names) > 20
    assert [name for name in names if name.endswith("edge-oauth2-proxy")]
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == len(names)


def test_it_refuses_what_installs_a_driver(control_plane: ControlPlane) -> None:
    """The control, and the exception."""
    files = manifests("MLProjectSkeleton", accelerator="nvidia-l4", gpu_driver="daemonset")
    names, done = tried(control_plane, files)
    [driver] = [name for name in names if name.endswith("driver-installer")]
    [refused] = done.stderr.splitlines()
    assert f'pods "{driver}" is forbidden: violates PodSecurity "restricted:latest": ' in refused
    assert "privileged" in refused
    assert len(done.stdout.splitlines()) == len(names) - 1
