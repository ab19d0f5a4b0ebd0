"""A run that was interrupted goes on as the same run: on a cluster by a new job, on this machine by a new process."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from control_plane.node import Place
from flow_projects import mx
from ml_environment import ml_python
from test_flow_cluster import World, root, run_id, tracking_uri, until, world

pytestmark = pytest.mark.noted()

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


IMAGE = "registry/run:abc"
# A double of Python in the image, in which a training is three metrics: it notes when it begins and ends, and from the fourth on it
# waits for a file that says that it may.
TRAINER = """\
#!{python}
import json, os, pathlib, time, urllib.request
here, run = pathlib.Path(__file__).parents[1], os.environ["MLFLOW_RUN_ID"]
def note(what):
    with (here / "noted").open("a") as file:
        file.write(f"{{what}} {{run}}\\n")
def tell(path, **body):
    uri = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/" + path
    request = urllib.request.Request(uri, json.dumps({{"run_id": run, **body}}).encode(), {{"Content-Type": "application/json"}})
    urllib.request.urlopen(request, timeout=60).read()
note("begin")
place = (here / "noted").read_text().count("begin")
for step in (1, 2, 3):
    now = int(time.time() * 1000)
    tell("log-metric", key="validation_loss", value=1 / (place + step), timestamp=now, step=step)
while place in (4, 5) and not (here / f"on-{{place}}").exists():
    time.sleep(0.1)
tell("update", status="FINISHED", end_time=int(time.time() * 1000))
note("end")
"""


def noted(place: Path) -> list[tuple[str, str]]:
    """What trainings have noted, in order: `begin` or `end`, and the run."""
    path = place / "noted"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(what, run) for what, _, run in (line.partition(" ") for line in lines)]


def below(pid: int) -> dict[int, str]:
    """The processes that a process has started, and those have, with their commands."""
    done = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    known = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    found, parents = {}, {pid}
    while parents:
        new = {int(one): args for one, parent, args in known if int(parent) in parents}
        found |= new
        parents = set(new)
    return found


def test_a_search_with_a_job_for_each_trial(world: World, tmp_path: Path) -> None:
    """Eight trials, two at a time; the search is killed while two are under way, of which one ends before it goes on."""
    done = mx("generate", "Sweep", "search", "--no-input", cwd=world.root)
    assert done.returncode == 0, done.stderr
    space = world.root / "src/churn/conf/search.yaml"
    space.write_text(space.read_text().replace("prune_after: 3", "prune_after: 0"))
    place = tmp_path / "image"
    (place / "bin").mkdir(parents=True)
    (place / "bin/python").write_text(TRAINER.format(python=sys.executable))
    (place / "bin/python").chmod(0o755)
    world.node.images[IMAGE] = Place(place, {"PATH": f"{place}/bin:/usr/bin:/bin"})
    search = world.popen(
        "flow", "sweep", "--backend", "kubernetes", "--jobs=2", "--trials=8", f"--image={IMAGE}"
    )
    until(lambda: len(noted(place)) == 8, "three trials that ended and two under way")
    started = below(search.pid)
    submitting = {pid for pid, args in started.items() if "mxdev.flow.cluster.trial" in args}
    assert len(submitting) == 2, started
    for pid in (search.pid, *(started.keys() - submitting)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    text = search.rest()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in submitting), "the end of what submits")
    first = noted(place)
    assert [what for what, _ in first].count("begin") == 5
    (parent,) = {world.run(run).tags["mlflow.parentRunId"] for _, run in first}
    (place / "on-4").touch()
    until(lambda: len(noted(place)) == 9, "the trial that ends without the search")

    again = world.popen_here("flow", "resume", parent, "--force")
    again.until("it had been submitted before")
    (place / "on-5").touch()
    text = again.rest()
    assert again.returncode == 0, text
    assert "3 trials are done, 2 go on" in text
    assert world.run(parent).status == "FINISHED"
    runs = [run for what, run in noted(place) if what == "begin"]
    assert len(runs) == len(set(runs)) == 8, "each trial once"
    under_way, most = 0, 0
    for what, _ in noted(place):
        under_way += 1 if what == "begin" else -1
        most = max(most, under_way)
    assert most == 2, "two at a time, never more"
    assert {world.run(run).tags["search.state"] for run in runs} == {"complete"}
    assert {job["metadata"]["labels"]["mlflow-run-id"] for job in world.objects("jobs")} == set(runs)
