"""The sections of `devspace.yaml` that the skeleton owns (format: DevSpace 6, `version: v2beta1`).

What `devspace deploy` does with them is written for the person who runs it in `infrastructure/kubernetes/README.md`.

Order among deployments: DevSpace starts all deployments of one `create_deployments` at the same time and has no word for "after".
A deployment that needs another one waits for it in a hook of its own (`events: ["before:deploy:NAME"]`), as the database's password
is made here: a hook runs however the deployment is started, alone or with all others, and no pipeline has to know of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev_generators.ml_project_skeleton import devspace_database as database
from mxdev_generators.ml_project_skeleton.devspace_database import FOLDER, KUBECTL, hook

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
_IMAGE = """\
commit=$(git rev-parse --verify HEAD) || {{
  echo "The smoke test runs in the project's own image, which is named after a commit, and there is none yet." >&2
  exit {without}
}}
image={registry}/run:$commit"""

_FILLED = """kubectl set image --local --filename {folder}/cuda-drivers/smoke_test.yaml "smoke-test=$image" --output yaml"""

_SMOKE_TEST = """\
kube() {{ {kubectl} "$@"; }}
{image}
namespace=$(kube get namespace {name} --ignore-not-found --output name)
if [ -z "$namespace" ]; then
  kube create namespace {name}
fi
{policy}# Does nothing when this very test ran already.
{filled} | kube apply --force --filename -
echo "It starts when $image is there (mx build image run --push) and a node has a GPU to give:"
echo "kubectl --namespace {name} get job cuda-smoke-test\""""

_POLICY = "kube apply --filename {folder}/cuda-drivers/smoke_test_policy.yaml\n"

_NO_SMOKE_TEST = """\
# With its pods, which DevSpace would leave behind.
{kubectl} delete --ignore-not-found --filename {folder}/cuda-drivers/smoke_test.yaml{policy}"""

_RUN_SMOKE_TEST = """\
# devspace run cuda-smoke-test [IMAGE]: in the run image of this commit, or in the one that is named.
kube() {{ kubectl --context "${{DEVSPACE_CONTEXT}}" "$@"; }}
image=$1
if [ -z "$image" ]; then
{image}
fi
kube delete --ignore-not-found --filename {folder}/cuda-drivers/smoke_test.yaml
{filled} | kube apply --filename -
kube --namespace {name} logs --follow --pod-running-timeout=30m job/cuda-smoke-test
kube --namespace {name} wait --for=condition=complete --timeout=60s job/cuda-smoke-test"""


def sections(options: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Addresses and values of the sections, in the order in which they stand in `devspace.yaml`.

    Args:
        options: the template variables of `MLProjectSkeleton`; those of the platform too.
    """
    name = str(options["name"])
    fill = {"name": name, "folder": FOLDER, "kubectl": KUBECTL, "registry": str(options["image_registry"])}
    fill["filled"] = _FILLED.format(**fill)
    # On Google Cloud the policy is a part of the deployment; a Helm chart has no place for it.
    helm = options["cloud"] != "gcp"
    policy = _POLICY.format(**fill) if helm else ""
    test = _SMOKE_TEST.format(**fill, policy=policy, image=_IMAGE.format(**fill, without=0))
    removal = _NO_SMOKE_TEST.format(
        **fill, policy=f" --filename {FOLDER}/cuda-drivers/smoke_test_policy.yaml" if helm else ""
    )
    again = _RUN_SMOKE_TEST.format(**fill, image=_indented(_IMAGE.format(**fill, without=1)))
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
        ("deployments.cuda-drivers", _cuda_drivers(name, options)),
        *database.sections(options),
        (
            "hooks[name=cuda-smoke-test]",
            hook("cuda-smoke-test", "after:deploy:cuda-drivers", test),
        ),
        (
            "hooks[name=cuda-smoke-test-removal]",
            hook("cuda-smoke-test-removal", "before:purge:cuda-drivers", removal),
        ),
        (
            "commands.cuda-smoke-test",
            {
                "description": "Run the GPU smoke test again and show what it says",
                "command": again,
                "appendArgs": False,
            },
        ),
    ]


def _train_infrastructure(name: str) -> dict[str, object]:
    return {
        "namespace": name,
        "updateImageTags": False,
        "kubectl": {"manifests": [f"{FOLDER}/train-infrastructure/"]},
    }


def _cuda_drivers(name: str, options: Mapping[str, Any]) -> dict[str, object]:
    if options["cloud"] == "gcp":
        manifests = [f"{FOLDER}/cuda-drivers/smoke_test_policy.yaml"]
        if options["gpu_driver"] == "daemonset":
            manifests.insert(0, f"{FOLDER}/cuda-drivers/driver_installer.yaml")
        return {"namespace": name, "updateImageTags": False, "kubectl": {"manifests": manifests}}
    return {
        "namespace": "gpu-operator",
        "helm": {
            "releaseName": "gpu-operator",
            "chart": {
                "name": "gpu-operator",
                "repo": "https://helm.ngc.nvidia.com/nvidia",
                "version": "v26.7.0",
            },
            "valuesFiles": [f"{FOLDER}/cuda-drivers/gpu_operator_values.yaml"],
            "upgradeArgs": ["--wait", "--timeout", "10m"],
        },
    }


def _indented(script: str) -> str:
    return "".join(f"  {line}\n" for line in script.splitlines()).rstrip("\n")
