"""The nodes that kwok plays: pods bound to them are running, and Jobs done, at once; nothing is executed.

Of each GPU that our generators know a node and a spot node, labelled and tainted as GKE does, and two nodes without.
"""

from __future__ import annotations

from control_plane.api import Api, Object

GPUS = {"nvidia-tesla-t4": 8, "nvidia-l4": 8, "nvidia-tesla-a100": 8}


def create_nodes(api: Api) -> None:
    """Create them all."""
    for number in (1, 2):
        api.create("/api/v1/nodes", node(f"cpu-{number}"))
    for accelerator, number in GPUS.items():
        name = accelerator.removeprefix("nvidia-")
        api.create("/api/v1/nodes", node(name, accelerator, number))
        api.create("/api/v1/nodes", node(f"{name}-spot", accelerator, number, spot=True))


def node(name: str, accelerator: str = "", gpus: int = 0, *, spot: bool = False) -> Object:
    """A node with 64 cores, 512 GiB, and `gpus` of a kind; `spot`: one that may be taken away."""
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "node.kubernetes.io/instance-type": "kwok",
    }
    size = {"cpu": "64", "memory": "512Gi", "pods": "200", "ephemeral-storage": "500Gi"}
    taints = []
    if accelerator:
        labels["cloud.google.com/gke-accelerator"] = accelerator
        size["nvidia.com/gpu"] = str(gpus)
        taints.append({"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"})
    if spot:
        labels["cloud.google.com/gke-spot"] = "true"
        taints.append({"key": "cloud.google.com/gke-spot", "value": "true", "effect": "NoSchedule"})
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "spec": {"taints": taints},
        "status": {"allocatable": size, "capacity": size},
    }
