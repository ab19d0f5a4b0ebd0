"""How many nodes with GPUs the project's own cluster can have, as its Terraform values say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mxdev.cluster import adapt
from mxdev.errors import MxError
from mxdev.project import tfvars

_MAX = re.compile(r'\bmax"?\s*[=:]\s*(\d+)')  # gpu_nodes = { ..., max = 4 }


def largest(root: Path, environment: str | None = None) -> int | None:
    """To how many nodes the pool can grow, of an environment's where it says that itself; None: the project has no Terraform that says it.

    Raises:
        MxError: a file of values cannot be read.
    """
    told = tfvars.told(root, environment)
    found = []
    # All pods of a job run at the same time, each on a node of its own: so many the pool has for them at least.
    if (nodes := told.get("distributed_gpu_nodes")) and nodes.text and nodes.text.isdecimal():
        found.append(int(nodes.text))
    if (pool := told.get("gpu_nodes")) and (numbers := _MAX.findall(pool.source)):
        found.append(max(map(int, numbers)))
    return max(found, default=None)


def check(root: Path, template: Mapping[str, Any], gpus: int, environment: str | None = None) -> None:
    """Refuse a number of GPUs for which the pool has too few nodes: those pods that found one would wait, and be paid for.

    Raises:
        MxError: there are too few; or the template cannot have that number.
    """
    wanted, most = adapt.pods(adapt.adapted(template, gpus=gpus, queue=None)), largest(root, environment)
    if most is not None and wanted > most:
        raise MxError(
            f"--gpus {gpus}: that makes {wanted} pods, each on a node of its own, and the pool of GPU nodes grows to {most} "
            f"({tfvars.FOLDER}).",
            hint=f"`mx set DistributedTraining.workers={wanted - 1}` and `mx infra apply` let it grow; the quota of the cloud "
            "project has to have as many GPUs.",
        )


def check_jobs(root: Path, template: Mapping[str, Any], jobs: int, environment: str | None = None) -> None:
    """Refuse more Jobs at the same time than the pool has nodes for, if they have GPUs.

    Raises:
        MxError: says how many it has.
    """
    most = largest(root, environment)
    if most is not None and adapt.has_gpu(template) and jobs > most:
        raise MxError(
            f"--jobs {jobs}: each has a node with a GPU of its own, and the pool of GPU nodes grows to {most} ({tfvars.FOLDER}).",
            hint=f"Take at most {most}; or a larger `max` in `gpu_nodes` and `mx infra apply` let it grow, where the quota of the "
            "cloud project has as many GPUs.",
        )
