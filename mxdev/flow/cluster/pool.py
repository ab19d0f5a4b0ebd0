"""How many nodes with GPUs the project's own cluster can have, as its Terraform values say."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mxdev.cluster import adapt
from mxdev.errors import MxError
from mxdev.project import environments
from mxdev.system.files import plain

_FOLDER = "infrastructure/terraform"
# All pods of a job run at the same time, each on a node of its own: so many the pool has for them at least.
_DISTRIBUTED = re.compile(r"^distributed_gpu_nodes\s*=\s*(\d+)", re.MULTILINE)
# gpu_nodes = { ..., max = 4 }
_MAX = re.compile(r"^gpu_nodes\s*=\s*\{[^}]*?\bmax\s*=\s*(\d+)", re.MULTILINE)


def largest(root: Path, environment: str | None = None) -> int | None:
    """To how many nodes the pool can grow, of an environment's where it says that itself; None: the project has no Terraform that says it."""
    paths = sorted((root / _FOLDER).glob("*.tfvars"))
    if environment is not None:  # the last one counts
        paths.append(root / environments.TFVARS / f"{environment}.tfvars")
    found: dict[re.Pattern[str], int] = {}
    for path in paths:
        with contextlib.suppress(OSError, ValueError):
            text = plain.text(path)
            found |= {
                one: max(map(int, numbers)) for one in (_DISTRIBUTED, _MAX) if (numbers := one.findall(text))
            }
    return max(found.values(), default=None)


def check(root: Path, template: Mapping[str, Any], gpus: int, environment: str | None = None) -> None:
    """Refuse a number of GPUs for which the pool has too few nodes: those pods that found one would wait, and be paid for.

    Raises:
        MxError: there are too few; or the template cannot have that number.
    """
    wanted, most = adapt.pods(adapt.adapted(template, gpus=gpus, queue=None)), largest(root, environment)
    if most is not None and wanted > most:
        raise MxError(
            f"--gpus {gpus}: that makes {wanted} pods, each on a node of its own, and the pool of GPU nodes grows to {most} "
            f"({_FOLDER}).",
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
            f"--jobs {jobs}: each has a node with a GPU of its own, and the pool of GPU nodes grows to {most} ({_FOLDER}).",
            hint=f"Take at most {most}; or a larger `max` in `gpu_nodes` and `mx infra apply` let it grow, where the quota of the "
            "cloud project has as many GPUs.",
        )
