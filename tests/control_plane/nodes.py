"""The nodes that kwok plays: pods bound to them are running, and Jobs done, at once; nothing is executed.

One node of each GPU that our generators know, labelled and tainted as GKE does, and two without.
"""

from __future__ import annotations

from control_plane.api import Api, Object

GPUS = {"nvidia-tesla-t4": 8, "nvidia-l4": 8, "nvidia-tesla-a100": 8}


def create_nodes(api: Api) -> None:
    """Create them all."""
    for number in (1, 2):
        api.create("/api/v1/nodes", node(f"cpu-{number}"))
    for accelerator, number in GPUS.items():
        api.create("/api/v1/nodes", node(accelerator.removeprefix("nvidia-"), accelerator, number))


def node(name: str, accelerator: str = "", gpus: int = 0) -> Object:
    """A node with 64 cores, 512 GiB, and `gpus` of a kind."""
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
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "spec": {"taints": taints},
        "status": {"allocatable": size, "capacity": size},
    }
