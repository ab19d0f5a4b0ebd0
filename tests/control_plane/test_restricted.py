"""Every pod that the generators render is one that a namespace of the strictest standard for pods (`restricted`) takes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from control_plane.control_plane import ControlPlane

EVERYTHING = Path(__file__).parents[2] / "examples" / "everything" / "infrastructure" / "kubernetes"

# What KServe has beside the pod's own fields in a predictor.
PREDICTOR = {"annotations", "labels", "minReplicas", "maxReplicas", "scaleMetric", "scaleTarget"}


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


def test_a_restricted_namespace_takes_every_pod(control_plane: ControlPlane) -> None:
    namespace = control_plane.namespace()
    control_plane.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    made = []
    for path in sorted(EVERYTHING.rglob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            for spec in pods(document):
                spec["serviceAccountName"] = "default"  # nobody has made the pod's own
                spec.pop("priorityClassName", None)
                name = f"{len(made)}-{path.parent.name}-{path.stem}".replace("_", "-")
                made.append({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
    assert len(made) > 15
    everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    done = control_plane.kubectl(
        "create", "-n", namespace, "--dry-run=server", "-o", "name", "-f", "-", input=everything, check=False
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == len(made)
