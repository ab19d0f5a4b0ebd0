"""What one run changes of its job's template: how many GPUs it has, and in which queue it waits."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from mxdev.cluster.manifest import Manifest, check, kind_of
from mxdev.errors import MxError

GPU = "nvidia.com/gpu"
# What Kueue knows by it (https://kueue.sigs.k8s.io/docs/tasks/run/jobs/); it resumes the job when its turn has come.
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
_QUEUE = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
# How often a PyTorchJob may fail for each of its pods, as the rendered template has it.
_FAILURES = 10


def adapted(template: Mapping[str, Any], *, gpus: int | None, queue: str | None) -> Manifest:
    """The template of a job with another number of GPUs, and with the label of a queue; `template` stays as it is.

    Args:
        template: what `manifest.read` returned.
        gpus: how many GPUs all pods together have; None: as the template says.
        queue: the name of a LocalQueue of Kueue; None: as the template says.

    Raises:
        MxError: no number of its pods has so many GPUs, or the name cannot be a queue's.
    """
    manifest: Manifest = copy.deepcopy(dict(template))
    if queue is not None:
        if not _QUEUE.fullmatch(queue):
            raise MxError(
                f"--queue {queue} cannot be the name of a queue: lower-case letters, digits and dashes, 63 at most."
            )
        metadata = manifest.get("metadata") or {}
        manifest["metadata"] = {**metadata, "labels": {**(metadata.get("labels") or {}), QUEUE_LABEL: queue}}
    if gpus is not None:
        _size(manifest, gpus)
    return manifest


def pods(manifest: Mapping[str, Any]) -> int:
    """How many pods a job has."""
    spec = manifest.get("spec") or {}
    if replicas := spec.get("pytorchReplicaSpecs"):
        return sum(int(one.get("replicas", 1)) for one in replicas.values())
    return int((spec.get("trainer") or {}).get("numNodes", 1))


def has_gpu(manifest: Mapping[str, Any]) -> bool:
    """Whether each pod of a job has a GPU."""
    return all(int(place.get("limits", {}).get(GPU, 0)) for place in _resources(manifest))


def _size(manifest: Manifest, gpus: int) -> None:
    """Set the pods, and GPUs and processes in each."""
    places = _resources(manifest)
    each = {int(place.get("limits", {}).get(GPU, 0)) for place in places}
    if len(each) != 1 or 0 in each:
        raise MxError(
            f"--gpus {gpus}: the job's template has no GPU in every pod.",
            hint="`mx set accelerator=nvidia-l4` gives the project one; the template is then rendered with it.",
        )
    (per_pod,) = each
    one_pod = kind_of(manifest).name == "Job"
    if one_pod and gpus > per_pod:
        raise MxError(
            f"--gpus {gpus}: a Job has one pod, and its template gives that {per_pod}.",
            hint="`--backend distributed` trains in several pods.",
        )
    count = 1 if gpus < per_pod else gpus // per_pod
    if gpus > per_pod and gpus % per_pod:
        near = sorted({gpus - gpus % per_pod, gpus - gpus % per_pod + per_pod})
        raise MxError(
            f"--gpus {gpus}: a pod has {per_pod} GPUs, and no number of pods has {gpus}.",
            hint=f"Take {' or '.join(map(str, near))}; or `mx set DistributedTraining.gpus_per_worker=NUMBER`, "
            "where machines have another number.",
        )
    share = min(gpus, per_pod)
    for place in places:
        for kind in ("limits", "requests"):
            if GPU in place.get(kind, {}):
                place[kind][GPU] = str(share)
    if one_pod:
        return
    spec = manifest["spec"]
    if "pytorchReplicaSpecs" not in spec:
        spec["trainer"] |= {"numNodes": count, "numProcPerNode": share}
        return
    spec["nprocPerNode"] = str(share)
    replicas = spec["pytorchReplicaSpecs"]
    if (elastic := spec.get("elasticPolicy")) is not None and "Worker" in replicas:
        # No pod is the master.
        replicas["Worker"]["replicas"] = elastic["maxReplicas"] = count
        elastic["minReplicas"] = min(elastic.get("minReplicas", 1), count)
    elif count == 1:
        replicas.pop("Worker", None)
    elif "Worker" in replicas:
        replicas["Worker"]["replicas"] = count - 1
    else:
        raise MxError(f"--gpus {gpus}: the job's template has no spec.pytorchReplicaSpecs.Worker.")
    if "backoffLimit" in spec.get("runPolicy", {}):
        spec["runPolicy"]["backoffLimit"] = _FAILURES * count


def _resources(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The resources of the containers that train, one for each kind of pod.

    Raises:
        MxError: a container is lacking, or something else is in the place of one.
    """
    check(manifest)
    found = _found(manifest)
    if not all(
        isinstance(one, dict) and all(isinstance(part, dict) for part in one.values()) for one in found
    ):
        raise MxError("In the job's template a container's resources are no mapping of limits and requests.")
    return found


def _found(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    kind = kind_of(manifest)
    spec = manifest.get("spec") or {}
    if kind.name == "TrainJob":
        return [(spec.get("trainer") or {}).get("resourcesPerNode") or {}]
    templates = (
        [one["template"] for one in spec["pytorchReplicaSpecs"].values()]
        if "pytorchReplicaSpecs" in spec
        else [spec["template"]]
    )
    return [
        container.get("resources") or {}
        for template in templates
        for container in template["spec"]["containers"][: None if kind.container else 1]
        if kind.container in ("", container.get("name"))
    ]
