"""A run on a cluster is repeated: the same image and template, whatever the project is like by now."""

from __future__ import annotations

import re

import pytest
from cluster_projects import committed
from flow_projects import mx
from ml_environment import ml_python
from test_flow_cluster import World, root, run_id, tracking_uri, world

pytestmark = pytest.mark.noted()

__all__ = ["ml_python", "root", "tracking_uri", "world"]


def test_a_run_in_a_pod(world: World) -> None:
    first = world.mx("flow", "run", "--backend", "kubernetes", "-P", "epochs=1", "-P", "batch_size=256")
    assert first.returncode == 0, first.stdout + first.stderr
    before = world.run(run_id(first.stderr))

    # The next commit has no image, and a template that fits nowhere.
    template = world.root / "infrastructure" / "kubernetes" / "train_job.yaml"
    template.write_text(
        template.read_text().replace("      restartPolicy", "      nodeName: nowhere\n      restartPolicy")
    )
    committed(world.root)
    shown = mx("flow", "rerun", before.id[:10], "--dry-run", cwd=world.root, **world.environ)
    assert shown.returncode == 0, shown.stderr
    assert f"image: {before.tags['mx.image']}" in shown.stdout
    assert "nowhere" not in shown.stdout

    again = mx("flow", "rerun", before.id[:10], cwd=world.root, **world.environ)
    assert again.returncode == 0, again.stdout + again.stderr
    assert re.search(r"^metrics     5, all the same$", again.stdout, re.MULTILINE)
    assert "code        the same" in again.stdout
    now = world.run(run_id(again.stderr))
    assert now.tags["mx.rerun_of"] == before.id
    assert now.tags["mx.image"] == before.tags["mx.image"]
    assert now.tags["mx.job"].rpartition("/")[0] == f"Job/{world.node.namespace}"
    assert len(world.objects("jobs")) == 2


def test_a_run_in_several_pods(world: World) -> None:
    """In two pods again, in the queue that it was in; no Kueue is there to let it wait."""
    command = (
        "flow",
        "run",
        "--backend",
        "distributed",
        "--queue",
        "team-a",
        "-P",
        "epochs=1",
        "-P",
        "batch_size=256",
    )
    first = world.mx(*command)
    assert first.returncode == 0, first.stdout + first.stderr
    before = world.run(run_id(first.stderr))
    again = mx("flow", "rerun", before.id[:10], cwd=world.root, **world.environ)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "code        the same" in again.stdout
    now = world.run(run_id(again.stderr))
    assert now.tags["mx.rerun_of"] == before.id
    jobs = world.objects("pytorchjobs.kubeflow.org")
    assert [job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] for job in jobs] == ["team-a", "team-a"]
    assert {len(job["spec"]["pytorchReplicaSpecs"]) for job in jobs} == {2}
