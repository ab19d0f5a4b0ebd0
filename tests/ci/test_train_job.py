"""The job that trains on the cluster: its commands, really run against an API server and a node that runs its pods."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import training_world
import yaml
from cluster_fixtures import NodeRunner
from control_plane.control_plane import ControlPlane
from ml_environment import ml_python
from test_flow_cluster import tracking_uri
from training_world import World

from mxdev.cluster import manifest
from mxdev.testing import render, text

pytestmark = pytest.mark.noted()

__all__ = ["ml_python", "tracking_uri"]

TRAINED = "import time\nprint('training', flush=True)\ntime.sleep(1)\nprint('trained', flush=True)\n"
# Trains until the test says that it is enough.
TRAINS = "import pathlib, time\nprint('training', flush=True)\nwhile not pathlib.Path('enough').exists(): time.sleep(0.1)\n"
SOON = ("timeout 30m mx", "timeout 3 mx")


@pytest.fixture
def made(
    control_plane: ControlPlane, node_runner: NodeRunner, tracking_uri: str, ml_python: Path, tmp_path: Path
) -> Iterator[Callable[[str], tuple[World, dict[str, dict[str, Any]]]]]:
    """Make the world of a cloud's pipeline."""
    worlds: list[World] = []

    def make(cloud: str = "gcp") -> tuple[World, dict[str, dict[str, Any]]]:
        world, jobs = training_world.make(
            control_plane, node_runner, tracking_uri, ml_python, tmp_path, cloud
        )
        worlds.append(world)
        return world, jobs

    yield make
    for world in worlds:
        world.stop()


def script(world: World, job: dict[str, Any], *edits: tuple[str, str]) -> str:
    """What GitLab runs of a job, but for the exchange of its token."""
    before = [] if "id_tokens" in job else job["before_script"]
    return world.script([*before, *job["script"]], *edits)


def run_of(world: World) -> str:
    """The run that the job has started, as it remembers it."""
    return (world.project / "build/training").read_text().strip()


@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_it_starts_a_training_and_shows_its_log(made: Callable[..., Any], cloud: str) -> None:
    world, jobs = made(cloud)
    world.trainer(f"import os\nprint('run', os.environ['MLFLOW_RUN_ID'], flush=True)\n{TRAINED}")
    job = jobs["mx-train"]
    # For a cluster of one's own GitLab's registry is taken; the test has the image in another.
    done = world.run(script(world, job))
    assert done.returncode == 0, done.stdout
    assert "The same on your machine: mx flow run --backend kubernetes --detach\n" in done.stdout
    run = run_of(world)
    # The run was there before the Job, which goes on with it whatever becomes of its pods.
    assert f"job-0 | run {run}\n" in done.stdout
    assert "job-0 | trained\n" in done.stdout
    assert f"Run {run} has trained its model." in done.stdout
    (job,) = world.jobs()
    assert {**manifest.MANAGED_BY, manifest.RUN_LABEL: run}.items() <= job["metadata"]["labels"].items()
    found = world.server.run(run)
    assert found is not None
    assert found.status == "FINISHED"
    assert found.tags["mx.image"].endswith(f"/run:{training_world.COMMIT}")
    assert not (world.project / "build/training-goes-on").exists()


def test_a_training_that_fails_fails_the_job(made: Callable[..., Any]) -> None:
    world, jobs = made()
    world.trainer("import sys\nsys.exit('no data')\n")
    done = world.run(script(world, jobs["mx-train"]))
    assert done.returncode == 1, done.stdout
    assert "job-0 | no data\n" in done.stdout
    assert f"Run {run_of(world)} has failed: failed" in done.stdout


def test_a_lost_log_is_no_failure(made: Callable[..., Any]) -> None:
    world, jobs = made()
    world.trainer(TRAINED)
    # The stream breaks while training goes on: what ends the job is what the cluster says of it.
    done = world.run(
        script(world, jobs["mx-train"], ("timeout 30m mx flow logs", "sleep 8; timeout 30m false"))
    )
    assert done.returncode == 0, done.stdout
    assert f"Run {run_of(world)} has trained its model." in done.stdout


def test_a_training_that_goes_on_is_left_and_looked_at_later(made: Callable[..., Any]) -> None:
    world, jobs = made()
    world.trainer(TRAINS)
    done = world.run(script(world, jobs["mx-train"], SOON))
    assert done.returncode == 0, done.stdout
    run = run_of(world)
    assert f"Run {run} goes on (running): mx flow status {run}" in done.stdout
    assert (world.project / "build/training-goes-on").exists()
    # Its job has ended, and it has not.
    look = script(world, jobs["mx-train-result-1h"])
    allowed = jobs["mx-train-result-1h"]["allow_failure"]["exit_codes"]
    assert world.run(look).returncode == allowed
    (world.image / "enough").touch()
    world.until("the end of the training", lambda: world.jobs()[0]["status"].get("succeeded"))
    later = world.run(look)
    assert later.returncode == 0, later.stdout
    assert f"Run {run} has trained its model." in later.stdout
    found = world.server.run(run)
    assert found is not None
    assert found.status == "FINISHED"


@pytest.mark.parametrize("how", ["GitLab", "GitHub", "by hand"])
def test_a_cancelled_job_cancels_the_training(made: Callable[..., Any], how: str) -> None:
    world, jobs = made()
    world.trainer(TRAINS)
    shell = world.start(script(world, jobs["mx-train"], *([SOON] if how == "by hand" else [])))
    world.until("the training", lambda: [job for job in world.jobs() if job["status"].get("ready")])
    if how == "by hand":
        assert shell.wait(300) == 0
        after = script(world, jobs["mx-train-cancel"])
    else:
        # What a runner does to the job, and what it runs then.
        world.until("the run's id", (world.project / "build/training").exists)
        os.killpg(shell.pid, signal.SIGTERM)
        shell.wait(60)
        after = world.script(jobs["mx-train"]["after_script"] if how == "GitLab" else [_cancel_on_github()])
    done = world.run(after, CI_JOB_STATUS="canceled")
    assert done.returncode == 0, done.stdout
    assert world.jobs() == []
    found = world.server.run(run_of(world))
    assert found is not None
    assert found.status == "KILLED"


def test_a_job_that_ends_well_cancels_nothing(made: Callable[..., Any]) -> None:
    world, jobs = made()
    world.trainer(TRAINS)
    assert world.run(script(world, jobs["mx-train"], SOON)).returncode == 0
    done = world.run(world.script(jobs["mx-train"]["after_script"]), CI_JOB_STATUS="success")
    assert done.returncode == 0, done.stdout
    assert len(world.jobs()) == 1


def _cancel_on_github() -> str:
    workflow = yaml.safe_load(text(render("GitHubActions", name="churn"), ".github/workflows/mx-jobs.yaml"))
    (step,) = [step for step in workflow["jobs"]["train"]["steps"] if step.get("if") == "${{ cancelled() }}"]
    return str(step["run"])


def test_without_a_tracking_server_nothing_is_trained(made: Callable[..., Any]) -> None:
    world, jobs = made()
    world.trainer(TRAINED)
    world.node.plane.kubectl("delete", "service/mlflow", "-n", world.node.namespace)
    done = world.run(script(world, jobs["mx-train"]))
    assert done.returncode != 0
    assert re.search(r"`mx deploy train-infrastructure` deploys it", done.stdout), done.stdout
    assert world.jobs() == []
