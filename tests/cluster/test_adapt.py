"""What one run changes of its job's template: the number of GPUs, and the queue."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from mxdev.cluster import adapt
from mxdev.errors import MxError
from mxdev.testing import render, text

JOB = "infrastructure/kubernetes/distributed_job.yaml"
KINDS = ("pytorchjob", "trainjob")


def template(runtime: str = "pytorchjob", **options: Any) -> dict[str, Any]:
    """What DistributedTraining renders, or with the runtime "job" the skeleton."""
    given = {"name": "churn-model", "accelerator": "nvidia-l4", **options}
    if runtime == "job":
        tree, path = render("MLProjectSkeleton", **given), "infrastructure/kubernetes/train_job.yaml"
    else:
        tree, path = render("DistributedTraining", runtime=runtime, **given), JOB
    found: dict[str, Any] = yaml.safe_load(text(tree, path))
    return found


def shape(job: dict[str, Any]) -> tuple[int, str, set[str]]:
    """Pods, processes in each, and GPUs of each."""
    spec = job["spec"]
    if "trainer" in spec:
        trainer = spec["trainer"]
        limits = trainer["resourcesPerNode"]["limits"]
        return trainer["numNodes"], str(trainer["numProcPerNode"]), {limits[adapt.GPU]}
    replicas = spec["pytorchReplicaSpecs"].values()
    containers = [one["template"]["spec"]["containers"][0] for one in replicas]
    gpus = {one["resources"]["limits"][adapt.GPU] for one in containers}
    return sum(one["replicas"] for one in replicas), spec["nprocPerNode"], gpus


@pytest.mark.parametrize("runtime", KINDS)
@pytest.mark.parametrize(
    ("per_pod", "gpus", "expected"),
    [
        (1, 1, (1, "1", {"1"})),
        (1, 3, (3, "1", {"1"})),
        (1, 9, (9, "1", {"1"})),
        (4, 8, (2, "4", {"4"})),
        (4, 4, (1, "4", {"4"})),
        (4, 3, (1, "3", {"3"})),
    ],
)
def test_the_pods_follow_from_the_gpus(
    runtime: str, per_pod: int, gpus: int, expected: tuple[int, str, set[str]]
) -> None:
    before = template(runtime, gpus_per_worker=per_pod)
    kept = copy.deepcopy(before)
    now = adapt.adapted(before, gpus=gpus, queue=None)
    assert shape(now) == expected
    assert adapt.pods(now) == expected[0]
    assert before == kept
    if runtime == "pytorchjob":
        assert now["spec"]["runPolicy"]["backoffLimit"] == 10 * expected[0]
        assert list(now["spec"]["pytorchReplicaSpecs"]) == ["Master", "Worker"][: expected[0]]


@pytest.mark.parametrize(("gpus", "least"), [(1, 1), (2, 2), (9, 2)])
def test_pods_that_come_and_go_are_as_many_at_most(gpus: int, least: int) -> None:
    now = adapt.adapted(template("pytorchjob", elastic=2), gpus=gpus, queue=None)
    assert adapt.pods(now) == gpus
    policy = now["spec"]["elasticPolicy"]
    assert (policy["minReplicas"], policy["maxReplicas"]) == (least, gpus)
    assert now["spec"]["runPolicy"]["backoffLimit"] == 10 * gpus


@pytest.mark.parametrize("runtime", KINDS)
def test_what_no_number_of_pods_has_is_refused(runtime: str) -> None:
    with pytest.raises(MxError, match="no number of pods has 6") as refused:
        adapt.adapted(template(runtime, gpus_per_worker=4), gpus=6, queue=None)
    assert "Take 4 or 8" in str(refused.value.hint)
    with pytest.raises(MxError, match="no GPU in every pod"):
        adapt.adapted(template(runtime, accelerator="none"), gpus=2, queue=None)


def test_a_job_has_one_pod() -> None:
    with pytest.raises(MxError, match="a Job has one pod"):
        adapt.adapted(template("job"), gpus=2, queue=None)
    one = adapt.adapted(template("job"), gpus=1, queue=None)
    assert one == template("job")


@pytest.mark.parametrize("runtime", [*KINDS, "job"])
def test_a_queue_is_a_label_of_the_job_alone(runtime: str) -> None:
    before = template(runtime)
    now = adapt.adapted(before, gpus=None, queue="team-a")
    assert now["metadata"]["labels"].pop(adapt.QUEUE_LABEL) == "team-a"
    assert now == before
    for name in ("Team", "a b", "-a", ""):
        with pytest.raises(MxError, match="cannot be the name of a queue"):
            adapt.adapted(before, gpus=None, queue=name)


@pytest.mark.parametrize(
    "containers", [{}, ["a"], [{"resources": ["a"]}], [{"resources": {"limits": "a"}}], None]
)
def test_a_template_with_something_else_in_the_place_of_a_container_is_refused(containers: Any) -> None:
    job = template("job")
    job["spec"]["template"]["spec"]["containers"] = containers
    with pytest.raises(MxError, match=r"the job's template|The job's template has no spec\.containers"):
        adapt.adapted(job, gpus=1, queue=None)
    with pytest.raises(MxError, match="he job's template"):
        adapt.has_gpu(job)
