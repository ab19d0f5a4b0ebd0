"""How much of a machine a training pod can have.

GKE keeps a part of every node for itself (https://cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes), and
pods of the cluster's own run beside the training: the network, logs, metrics, the GPU's device plugin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# GiB and cores that the cluster's own pods on a GPU node may use, rounded up.
_PODS_MEMORY = 2.0
_PODS_CORES = 0.6
# Of the memory up to so many GiB, GKE keeps this part; and 100 MiB as the threshold of evictions.
_MEMORY_PARTS = ((4, 0.25), (4, 0.20), (8, 0.10), (112, 0.06), (math.inf, 0.02))
_EVICTION = 0.1
# Of the first core, the second, the next two and all others.
_CORE_PARTS = ((1, 0.06), (1, 0.01), (2, 0.005), (math.inf, 0.0025))


@dataclass(frozen=True)
class Size:
    """What a pod asks for.

    Attributes:
        cores: whole ones, that it has for itself.
        memory: in GiB.
        most: cores that it may use while nobody else does.
    """

    cores: int
    memory: int
    most: int


@dataclass(frozen=True)
class Machine:
    """A machine with one GPU.

    Attributes:
        name: Google's name of it.
        cores: virtual ones.
        memory: in GiB.
        gpu: Google's name of its GPU, which the label `cloud.google.com/gke-accelerator` of a node has.
    """

    name: str
    cores: int
    memory: int
    gpu: str

    @property
    def pod(self) -> Size:
        """The largest pod that it has room for."""
        memory = self.memory - _kept(self.memory, _MEMORY_PARTS) - _EVICTION - _PODS_MEMORY
        cores = self.cores - _kept(self.cores, _CORE_PARTS) - _PODS_CORES
        return Size(math.floor(cores), math.floor(memory), self.cores)


# By accelerator: the machine of the GPU nodes, as infrastructure/terraform makes them unless told otherwise.
MACHINES = {
    "nvidia-t4": Machine("n1-standard-8", 8, 30, "nvidia-tesla-t4"),
    "nvidia-l4": Machine("g2-standard-8", 8, 32, "nvidia-l4"),
    "nvidia-a100": Machine("a2-highgpu-1g", 12, 85, "nvidia-tesla-a100"),
}
# On machines of one's own, which may be smaller: what every machine with such a GPU has room for.
_ANYWHERE = {"nvidia-t4": Size(3, 10, 4), "nvidia-l4": Size(3, 10, 4), "nvidia-a100": Size(8, 64, 12)}
# Without a GPU, several pods share a node.
_WITHOUT_GPU = Size(2, 6, 4)


def pod_size(cloud: str, accelerator: str) -> Size:
    """What a pod with one GPU of this kind asks for, or one without a GPU.

    Args:
        cloud: "gcp" or "existing".
        accelerator: "none", or a key of `MACHINES`.
    """
    if accelerator == "none":
        return _WITHOUT_GPU
    return MACHINES[accelerator].pod if cloud == "gcp" else _ANYWHERE[accelerator]


def node_label(cloud: str, accelerator: str) -> str | None:
    """What the label `cloud.google.com/gke-accelerator` of the nodes says on which a pod with this kind of GPU is to run.

    Args:
        cloud: "none", "gcp" or "existing".
        accelerator: "none", or a key of `MACHINES`.

    Returns:
        None where nodes have no such label: they have no GPU, or are not Google's.
    """
    return MACHINES[accelerator].gpu if cloud == "gcp" and accelerator != "none" else None


def _kept(whole: float, parts: tuple[tuple[float, float], ...]) -> float:
    """How much GKE keeps of `whole`: a part of each of its slices."""
    kept, left = 0.0, whole
    for size, part in parts:
        kept += min(left, size) * part
        left = max(0.0, left - size)
    return kept
