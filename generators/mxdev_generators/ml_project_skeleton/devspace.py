"""The sections of `devspace.yaml` that the skeleton owns (format: DevSpace 6, `version: v2beta1`).

What `devspace deploy` does with them is written for the person who runs it in `infrastructure/kubernetes/README.md`.

Order among deployments: DevSpace starts all deployments of one `create_deployments` at the same time and has no word for "after".
A deployment that needs another one waits for it in a hook of its own (`events: ["before:deploy:NAME"]`), as the database's password
is made here: a hook runs however the deployment is started, alone or with all others, and no pipeline has to know of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FOLDER = "infrastructure/kubernetes"
_KUBECTL = 'kubectl --context "$DEVSPACE_HOOK_KUBE_CONTEXT"'

_DEPLOY = """\
# devspace deploy NAME...: these deployments and nothing else; without a name all of them{but}.
if [ $# -gt 0 ]; then
  create_deployments "$@"
else
  run_dependencies --all
  ensure_pull_secrets --all
  create_deployments --all{options}
fi"""

_PURGE = """\
# devspace purge NAME...: these deployments; without a name all of them. Volumes and passwords stay.
if [ $# -gt 0 ]; then
  purge_deployments "$@"
else
  stop_dev --all
  purge_deployments --all
  run_dependencies --all --pipeline purge
fi"""

# POSIX shell, run by DevSpace itself; `$` without braces, which DevSpace would take for a variable of its own.
_BEFORE_DATABASE = """\
# Makes the database's password once. It is printed nowhere and is on no command line.
set -o pipefail
kube() {{ {kubectl} --namespace {name} "$@"; }}
secret=$(kube get secret mlflow-database --ignore-not-found --output name)
if [ -n "$secret" ]; then
  exit 0
fi
volume=$(kube get persistentvolumeclaim data-postgresql-0 --ignore-not-found --output name)
if [ -n "$volume" ]; then
  echo "The volume data-postgresql-0 holds a database, but its password, the Secret mlflow-database in" >&2
  echo "the namespace {name}, is gone. {folder}/README.md says how to set a new one." >&2
  exit 1
fi
password=$(head -c 30 /dev/urandom | base64 | tr '+/' '-_')
# Whoever deploys at the same moment may be first: then theirs is the password.
printf '%s' "$password" | kube create secret generic mlflow-database --from-file=password=/dev/stdin ||
  kube get secret mlflow-database --output name"""

_SMOKE_TEST = """\
kube() {{ {kubectl} "$@"; }}
namespace=$(kube get namespace {name} --ignore-not-found --output name)
if [ -z "$namespace" ]; then
  kube create namespace {name}
fi
# Does nothing when this very test ran already.
kube apply --force --filename {folder}/cuda-drivers/smoke_test.yaml
echo "It starts when a node has a GPU to give: kubectl --namespace {name} get job cuda-smoke-test\""""

_NO_SMOKE_TEST = """\
# With its pods, which DevSpace would leave behind.
{kubectl} delete --ignore-not-found --filename {folder}/cuda-drivers/smoke_test.yaml"""

_RUN_SMOKE_TEST = """\
file={folder}/cuda-drivers/smoke_test.yaml
kubectl --context "${{DEVSPACE_CONTEXT}}" delete --ignore-not-found --filename "$file"
kubectl --context "${{DEVSPACE_CONTEXT}}" apply --filename "$file"
kubectl --context "${{DEVSPACE_CONTEXT}}" --namespace {name} logs --follow --pod-running-timeout=30m job/cuda-smoke-test
kubectl --context "${{DEVSPACE_CONTEXT}}" --namespace {name} wait --for=condition=complete --timeout=60s job/cuda-smoke-test"""


def sections(options: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Addresses and values of the sections, in the order in which they stand in `devspace.yaml`.

    Args:
        options: the template variables of `MLProjectSkeleton`; `name`, `cloud` and `accelerator` are read.
    """
    name = str(options["name"])
    fill = {"name": name, "folder": _FOLDER, "kubectl": _KUBECTL}
    without_gpu = options["accelerator"] == "none"
    deploy = _DEPLOY.format(
        but=" but cuda-drivers, as there is no accelerator" if without_gpu else "",
        options=" --except cuda-drivers" if without_gpu else "",
    )
    return [
        ("version", "v2beta1"),
        ("name", name),
        ("pipelines.deploy", deploy),
        ("pipelines.purge", _PURGE),
        ("deployments.train-infrastructure", _train_infrastructure(name)),
        ("deployments.cuda-drivers", _cuda_drivers(name, str(options["cloud"]))),
        (
            "hooks[name=database-password]",
            _hook("database-password", "before:deploy:train-infrastructure", _BEFORE_DATABASE.format(**fill)),
        ),
        (
            "hooks[name=cuda-smoke-test]",
            _hook("cuda-smoke-test", "after:deploy:cuda-drivers", _SMOKE_TEST.format(**fill)),
        ),
        (
            "hooks[name=cuda-smoke-test-removal]",
            _hook("cuda-smoke-test-removal", "before:purge:cuda-drivers", _NO_SMOKE_TEST.format(**fill)),
        ),
        (
            "commands.cuda-smoke-test",
            {
                "description": "Run the GPU smoke test again and show what it says",
                "command": _RUN_SMOKE_TEST.format(**fill),
            },
        ),
    ]


def _train_infrastructure(name: str) -> dict[str, object]:
    return {
        "namespace": name,
        "updateImageTags": False,
        "kubectl": {"manifests": [f"{_FOLDER}/train-infrastructure/"]},
    }


def _cuda_drivers(name: str, cloud: str) -> dict[str, object]:
    if cloud == "gcp":
        manifest = f"{_FOLDER}/cuda-drivers/driver_installer.yaml"
        return {"namespace": name, "updateImageTags": False, "kubectl": {"manifests": [manifest]}}
    return {
        "namespace": "gpu-operator",
        "helm": {
            "releaseName": "gpu-operator",
            "chart": {
                "name": "gpu-operator",
                "repo": "https://helm.ngc.nvidia.com/nvidia",
                "version": "v26.7.0",
            },
            "valuesFiles": [f"{_FOLDER}/cuda-drivers/gpu_operator_values.yaml"],
            "upgradeArgs": ["--wait", "--timeout", "10m"],
        },
    }


def _hook(name: str, event: str, command: str) -> dict[str, object]:
    return {"name": name, "events": [event], "command": command}
