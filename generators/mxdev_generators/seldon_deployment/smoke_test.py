"""The Job that asks a deployed endpoint one question: whether what it says it takes is answered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from mxdev_generators.edge.apps import MESHED
from mxdev_generators.edge.text import documents

_SKIPPED = {
    "checkov.io/skip1": "CKV_K8S_15=The image's tag is the commit that it holds, and is pushed once",
    "checkov.io/skip2": "CKV_K8S_40=The user is the one that the image was built for",
    "checkov.io/skip3": "CKV_K8S_43=The image's tag is the commit that it holds, and is pushed once",
}
_HEAD = """\
Asks the endpoint {label} one question once it is deployed, from inside of the mesh: whether it answers what it says it takes.
`kubectl --namespace {namespace} logs job/{name}` has the answer. A Job cannot change: for another image or model it is another one.
"""


def manifest(values: Mapping[str, Any], project: Mapping[str, Any]) -> str:
    """The Job as a file.

    Args:
        values: the generator's variables.
        project: the options of the project.
    """
    label, namespace = values["label"], str(project["name"])
    app = {"app.kubernetes.io/name": f"{label}-smoke", "app.kubernetes.io/part-of": namespace}
    pod = _pod(values, project)
    served = json.dumps([pod, values["parts"], values["model"], values["run"]], sort_keys=True)
    name = f"{label}-smoke-{hashlib.sha256(served.encode()).hexdigest()[:8]}"
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace, "labels": app, "annotations": _SKIPPED},
        "spec": {
            "backoffLimit": 3,
            "activeDeadlineSeconds": 1800,
            "template": {"metadata": {"labels": {**app, **MESHED}}, "spec": pod},
        },
    }
    return documents(_HEAD.format(label=label, namespace=namespace, name=name), [job])


def _pod(values: Mapping[str, Any], project: Mapping[str, Any]) -> dict[str, Any]:
    label = values["label"]
    return {
        "restartPolicy": "Never",
        "serviceAccountName": label,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "runAsGroup": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "smoke",
                "image": f"{values['image_registry']}/{label}:{values['tag']}",
                "imagePullPolicy": "IfNotPresent",
                "command": [
                    "python",
                    "-m",
                    f"{values['package']}.{values['name']}.smoke",
                    f"http://{label}",
                    label,
                ],
                "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108  (the volume below)
                "resources": {
                    "requests": {"cpu": "50m", "memory": "256Mi"},
                    "limits": {"cpu": "1", "memory": "512Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
