"""How many nodes with GPUs the project's own cluster can have, as its Terraform values say."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mxdev.cluster import adapt
from mxdev.errors import MxError

_FOLDER = "infrastructure/terraform"
# All pods of a job run at the same time, each on a node of its own: so many the pool has for them at least.
_DISTRIBUTED = re.compile(r"^distributed_gpu_nodes\s*=\s*(\d+)", re.MULTILINE)
# gpu_nodes = { ..., max = 4 }
_MAX = re.compile(r"^gpu_nodes\s*=\s*\{[^}]*?\bmax\s*=\s*(\d+)", re.MULTILINE)


def largest(root: Path) -> int | None:
    """To how many nodes the pool can grow; None: the project has no Terraform that says it."""
    found = []
    for path in sorted((root / _FOLDER).glob("*.tfvars")):
        with contextlib.suppress(OSError, ValueError):
            text = path.read_text(encoding="utf-8")
            found += [int(match) for pattern in (_DISTRIBUTED, _MAX) for match in pattern.findall(text)]
    return max(found, default=None)


def check(root: Path, template: Mapping[str, Any], gpus: int) -> None:
    """Refuse a number of GPUs for which the pool has too few nodes: those pods that found one would wait, and be paid for.

    Raises:
        MxError: there are too few; or the template cannot have that number.
    """
    wanted, most = adapt.pods(adapt.adapted(template, gpus=gpus, queue=None)), largest(root)
    if most is not None and wanted > most:
        raise MxError(
            f"--gpus {gpus}: that makes {wanted} pods, each on a node of its own, and the pool of GPU nodes grows to {most} "
            f"({_FOLDER}).",
            hint=f"`mx set DistributedTraining.workers={wanted - 1}` and `mx infra apply` let it grow; the quota of the cloud "
            "project has to have as many GPUs.",
        )


def check_jobs(root: Path, template: Mapping[str, Any], jobs: int) -> None:
    """Refuse more Jobs at the same time than the pool has nodes for, if they have GPUs.

    Raises:
        MxError: says how many it has.
    """
    most = largest(root)
    if most is not None and adapt.has_gpu(template) and jobs > most:
        raise MxError(
            f"--jobs {jobs}: each has a node with a GPU of its own, and the pool of GPU nodes grows to {most} ({_FOLDER}).",
            hint=f"Take at most {most}; or a larger `max` in `gpu_nodes` and `mx infra apply` let it grow, where the quota of the "
            "cloud project has as many GPUs.",
        )
