"""A run that was interrupted goes on as the same run: on a cluster by a new job, on this machine by a new process."""

from __future__ import annotations

import re
import signal

import yaml
from flow_projects import mx
from ml_environment import ml_python
from test_flow_cluster import World, root, run_id, tracking_uri, until, world

__all__ = ["ml_python", "root", "tracking_uri", "world"]


def epochs(text: str, of: int) -> list[int]:
    return [int(found) for found in re.findall(rf"epoch +(\d+)/{of}", text)]


def test_a_cancelled_job(world: World) -> None:
    running = world.popen("flow", "run", "--backend", "kubernetes", "-P", "epochs=60")
    running.until(r"job-0 \| .*epoch +7/60")
    (name,) = [job["metadata"]["labels"]["mlflow-run-id"] for job in world.objects("jobs")]
    refused = mx("flow", "resume", name[:10], cwd=world.root, **world.environ)
    assert refused.returncode == 1
    assert f"cannot be resumed: Job churn-{name[:10]} is running" in refused.stderr
    running.send_signal(signal.SIGINT)
    before = epochs(running.rest(), 60)
    assert world.run(name).status == "KILLED"

    shown = mx("flow", "resume", name[:10], "--dry-run", cwd=world.root, **world.environ)
    assert shown.returncode == 0, shown.stderr
    container = yaml.safe_load(shown.stdout)["spec"]["template"]["spec"]["containers"][0]
    given = {variable["name"]: variable["value"] for variable in container["env"]}
    assert given["MLFLOW_RUN_ID"] == name
    assert given["MLFLOW_EXPERIMENT_ID"].isdigit()
    assert "training.epochs=60" in shown.stdout
    assert world.objects("jobs") == []

    again = mx("flow", "resume", name[:10], cwd=world.root, **world.environ)
    assert again.returncode == 0, again.stdout + again.stderr
    assert run_id(again.stderr) == name
    after = epochs(again.stdout, 60)
    assert after[-1] == 60
    assert 5 < after[0] <= max(before) + 1, "it went on from its checkpoint"
    run = world.run(name)
    assert run.status == "FINISHED"
    (job,) = world.objects("jobs")
    assert run.tags["mx.job"] == f"Job/{world.node.namespace}/{job['metadata']['name']}"

    finished = mx("flow", "resume", name[:10], cwd=world.root, **world.environ)
    assert finished.returncode == 1
    assert "it is finished" in finished.stderr


def test_a_job_that_failed_is_replaced(world: World) -> None:
    """It is there still, under the name that the new one needs."""
    running = world.popen("flow", "run", "--backend", "kubernetes", "-P", "epochs=60")
    running.until(r"job-0 \| .*epoch +7/60")
    (pod,) = until(lambda: list(world.node.pods.values()), "the pod")
    world.node.kill(pod.name)
    text = running.rest()
    assert running.returncode == 1, text
    name = run_id(text)
    (failed,) = world.objects("jobs")
    again = mx("flow", "resume", name[:10], "--detach", cwd=world.root, **world.environ)
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"removing Job churn-{name[:10]}, which failed" in again.stderr
    followed = world.mx("flow", "logs", name[:10], "--follow")
    assert followed.returncode == 0, followed.stdout + followed.stderr
    assert 5 < epochs(followed.stdout, 60)[0] <= max(epochs(text, 60)) + 1
    (job,) = world.objects("jobs")
    assert job["metadata"]["uid"] != failed["metadata"]["uid"]
    assert world.run(name).status == "FINISHED"


def test_a_run_of_this_machine(world: World) -> None:
    running = world.popen_here("flow", "run", "-P", "epochs=60")
    running.until(r"epoch +7/60")
    running.send_signal(signal.SIGINT)
    text = running.rest()
    name = run_id(text)
    assert world.run(name).status in ("KILLED", "FAILED")
    again = mx("flow", "resume", name, cwd=world.root, **world.environ)
    assert again.returncode == 0, again.stdout + again.stderr
    after = epochs(again.stdout + again.stderr, 60)
    assert after[-1] == 60
    assert 5 < after[0] <= max(epochs(text, 60)) + 1, "it went on from its checkpoint"
    assert run_id(again.stderr) == name
    assert world.run(name).status == "FINISHED"
