"""The sections of `devspace.yaml` for the debug pod: its deployment, and what `devspace dev` does."""

from __future__ import annotations

FOLDER = "infrastructure/kubernetes/debug"
HOME = "/work"
PORT = 8888

# POSIX shell, run by DevSpace itself or by mx; `$` without braces, which DevSpace would take for a variable of its own.
_FIRST = """\
# The first time, the StatefulSet is made without a pod: `devspace dev` starts one. The manifest says nothing about how many there
# are, so that a deploy neither starts the pod nor takes it from whoever works in it.
kube() {{ kubectl --context "$DEVSPACE_HOOK_KUBE_CONTEXT" --namespace {name} "$@"; }}
found=$(kube get statefulset debug --ignore-not-found --output name)
if [ -n "$found" ]; then
  exit 0
fi
kubectl patch --local --filename {folder}/statefulset.yaml --type merge --patch '{{"spec": {{"replicas": 0}}}}' --output yaml |
  kube create --filename -"""

_DEV = """\
# devspace dev: starts the debug pod, keeps this folder and the pod's in step, and opens JupyterLab. The pod stops by itself.
create_deployments debug
kubectl --context ${{DEVSPACE_CONTEXT}} --namespace {name} scale statefulset debug --replicas=1
kubectl --context ${{DEVSPACE_CONTEXT}} --namespace {name} rollout status statefulset debug --timeout=15m
start_dev debug"""

# What is large, or of this machine alone, or of Git.
NOT_IN_STEP = (
    ".git/", ".venv/", ".mx/", ".mlflow/", "mlruns/", "outputs/", "dist/", "docs/_build/",
    "__pycache__/", ".ipynb_checkpoints/", ".mypy_cache/", ".pytest_cache/", ".ruff_cache/", ".terraform/",
    "*.pt", "*.ckpt", "*.tfstate*",
)  # fmt: skip


def sections(name: str) -> list[tuple[str, object]]:
    """Addresses and values of the sections.

    Args:
        name: the project's, which is its namespace too.
    """
    labels = {"app.kubernetes.io/name": "debug", "app.kubernetes.io/part-of": name}
    return [
        ("pipelines.dev", _DEV.format(name=name)),
        (
            "deployments.debug",
            {"namespace": name, "updateImageTags": False, "kubectl": {"manifests": [f"{FOLDER}/"]}},
        ),
        (
            "hooks[name=debug-without-a-pod]",
            {
                "name": "debug-without-a-pod",
                "events": ["before:deploy:debug"],
                "command": _FIRST.format(name=name, folder=FOLDER),
            },
        ),
        (
            "dev.debug",
            {
                "namespace": name,
                "labelSelector": labels,
                "container": "jupyter",
                "sync": [
                    {
                        "path": f"./:{HOME}/{name}",
                        # Of two versions the newer one; nothing is deleted at the start.
                        "initialSync": "preferNewest",
                        "excludePaths": list(NOT_IN_STEP),
                    }
                ],
                "ports": [{"port": str(PORT)}],
                "open": [{"url": f"http://localhost:{PORT}/lab"}],
            },
        ),
    ]
