"""The sections of `devspace.yaml` that install Kubeflow's operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FOLDER = "infrastructure/kubernetes"
# The definitions are too large for the note that a client-side apply keeps of them. DevSpace says `--force`, which goes
# with that one only; the later word wins.
_SERVER_SIDE = ["--server-side", "--force=false", "--force-conflicts"]

# POSIX shell, run by DevSpace itself; `$` without braces, which DevSpace would take for a variable of its own.
_AFTER_OPERATOR = """\
# The operator must know its own definitions, and answer, before it takes a runtime.
kube() { kubectl --context "$DEVSPACE_HOOK_KUBE_CONTEXT" "$@"; }
kube wait --for=create --timeout=10m crd/trainingruntimes.trainer.kubeflow.org
kube wait --for=condition=established --timeout=1m crd/trainingruntimes.trainer.kubeflow.org
kube --namespace kubeflow-system wait --for=create --timeout=10m deployment/kubeflow-trainer-controller-manager
kube --namespace kubeflow-system rollout status --timeout=10m deployment/kubeflow-trainer-controller-manager"""


def sections(options: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Addresses and values of the sections.

    Args:
        options: the template variables of `DistributedTraining`; `name` and `runtime` are read.
    """
    if options["runtime"] == "pytorchjob":
        return [("deployments.training-operator", _training_operator())]
    return [
        ("deployments.training-operator", _trainer()),
        ("deployments.training-runtime", _runtime(str(options["name"]))),
        (
            "hooks[name=training-runtime-waits]",
            {
                "name": "training-runtime-waits",
                "events": ["before:deploy:training-runtime"],
                "command": _AFTER_OPERATOR,
            },
        ),
    ]


def _training_operator() -> dict[str, object]:
    return {
        "namespace": "kubeflow",
        "updateImageTags": False,
        "kubectl": {
            "kustomize": True,
            "manifests": [f"{_FOLDER}/training-operator/"],
            "applyArgs": _SERVER_SIDE,
        },
    }


def _trainer() -> dict[str, object]:
    # Without the runtimes that the chart brings: a Job would install them that downloads kubectl, which a closed network
    # does not let it. The project has a runtime of its own, with a pod that is made for it.
    return {
        "namespace": "kubeflow-system",
        "helm": {
            "releaseName": "kubeflow-trainer",
            "chart": {"name": "oci://ghcr.io/kubeflow/charts/kubeflow-trainer", "version": "2.3.0"},
            "values": {"jobset": {"install": True}},
            "upgradeArgs": ["--wait", "--timeout", "10m"],
        },
    }


def _runtime(name: str) -> dict[str, object]:
    return {
        "namespace": name,
        "updateImageTags": False,
        "kubectl": {"manifests": [f"{_FOLDER}/training_runtime.yaml"], "applyArgs": _SERVER_SIDE},
    }
