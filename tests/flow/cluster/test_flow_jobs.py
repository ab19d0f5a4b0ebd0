"""`mx flow status`, `logs` and `cancel`, on a cluster made of a dictionary and a tracking server made of nothing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cluster_projects import Tracking, tracking_server, with_templates
from flow_projects import project

from mxdev.cluster.refusals import ClusterError
from mxdev.cluster.state import State
from mxdev.errors import Refused, UsageProblem
from mxdev.flow.cluster import commands, jobs, mlflow_rest
from mxdev.flow.cluster.jobs import Jobs

A, B, C, D = (letter * 32 for letter in "abcd")
MX = {"app.kubernetes.io/managed-by": "mx"}
KINDS = {"Job": "jobs.batch", "PyTorchJob": "pytorchjobs.kubeflow.org"}
DONE = {"Job": "Complete", "PyTorchJob": "Succeeded"}


class Cluster:
    """What kubectl says, by namespace and resource. It has no TrainJobs."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.deleted: list[tuple[str, str]] = []

    def add(
        self, run: str, kind: str = "Job", *, ended: str | None = None, name: str | None = None, age: int = 0
    ) -> None:
        """A job of a run, in the namespace `team`; `ended` is Failed or done."""
        name = name or f"tiny-{run[:10]}"
        labels = {**MX, "mlflow-run-id": run}
        created = (datetime.now(UTC) - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
        kind_of_end = DONE[kind] if ended == "done" else ended
        conditions = [{"type": kind_of_end, "status": "True", "message": "so it is"}] if ended else []
        metadata = {"name": name, "namespace": "team", "labels": labels, "creationTimestamp": created}
        job = {"metadata": metadata, "spec": {}, "status": {"conditions": conditions, "startTime": created}}
        self.objects.setdefault(("team", KINDS[kind]), []).append(job)

    def add_pod(self, run: str, number: int, phase: str, message: str = "") -> None:
        """A worker of a PyTorchJob."""
        name = f"tiny-{run[:10]}"
        labels = {
            **MX,
            "training.kubeflow.org/job-name": name,
            "training.kubeflow.org/replica-type": "worker",
            "training.kubeflow.org/replica-index": str(number),
        }
        status: dict[str, Any] = {"phase": phase}
        if message:
            status["conditions"] = [{"type": "PodScheduled", "status": "False", "message": message}]
        pod = {
            "metadata": {"name": f"{name}-worker-{number}", "labels": labels},
            "spec": {"containers": [{"name": "pytorch"}], **({} if message else {"nodeName": "n"})},
            "status": status,
        }
        self.objects.setdefault(("team", "pods"), []).append(pod)

    def kubectl(self, context: str | None, namespace: str | None, **_: Any) -> Kubectl:
        return Kubectl(self, context or "here", namespace or "default")


class Kubectl:
    """The part of `mxdev.cluster.kubectl.Kubectl` that is used here."""

    def __init__(self, cluster: Cluster, context: str, namespace: str) -> None:
        self.cluster, self.context, self.namespace = cluster, context, namespace

    def json(self, verb: str, resource: str, *options: str) -> Any:
        if resource.startswith("trainjobs"):
            raise ClusterError("no such kind", reason="NoKind")
        if resource not in ("events",):
            assert options == ("--selector", "app.kubernetes.io/managed-by=mx")
        return {"items": self.cluster.objects.get((self.namespace, resource), [])}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(jobs, "Kubectl", made.kubectl)
    return made


@pytest.fixture
def server() -> Iterator[Tracking]:
    with tracking_server() as made:
        yield made


Look = Callable[..., Jobs]


@pytest.fixture
def look(tmp_path: Path, cluster: Cluster, server: Tracking) -> Look:
    """The jobs of the project `tiny`."""
    root = with_templates(project(tmp_path / "p"))

    def make(context: str | None = None, namespace: str | None = None, **environ: str) -> Jobs:
        return Jobs(root, "tiny", context, namespace, {"MLFLOW_TRACKING_URI": server.uri, **environ})

    return make


def tags(run: str, kind: str = "Job", **changes: str) -> dict[str, str]:
    """What the backend puts on a run."""
    return {"mx_job": f"{kind}/team/tiny-{run[:10]}", "mx_context": "here", **changes}


def test_a_list(look: Look, cluster: Cluster, server: Tracking, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.add(A, age=7200)
    cluster.add(B, "PyTorchJob", age=300)
    cluster.add_pod(B, 0, "Running")
    cluster.add_pod(B, 1, "Pending", "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.")
    cluster.add(C, name="another-projects")
    server.add(B, **tags(B, "PyTorchJob"), **{"mlflow.project.entryPoint": "distributed"})
    assert commands.status(look(), None, as_json=False) == 0
    assert capsys.readouterr().out.splitlines() == [
        "RUN         NAME     ENTRY POINT  JOB                         PHASE    AGE",
        "bbbbbbbbbb  name-bb  distributed  PyTorchJob tiny-bbbbbbbbbb  running  5m",
        "  worker-1: no node has a free GPU (0/2 nodes are available: 2 Insufficient nvidia.com/gpu)",
        "aaaaaaaaaa  -        -            Job tiny-aaaaaaaaaa         pending  2h",
    ]


def test_nothing(look: Look, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.status(look(), None, as_json=False) == 0
    assert "no job of this project is in team" in capsys.readouterr().err
    assert commands.status(look(), None, as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"version": 1, "jobs": []}


def test_without_a_cluster_kubectl_is_asked_for_nothing(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(_: Kubectl) -> str:
        raise ClusterError("kubectl has no current context", reason="NoContext")

    made = look()
    monkeypatch.setattr(Kubectl, "context", property(nowhere, lambda self, value: None), raising=False)
    monkeypatch.setattr(Kubectl, "json", lambda *_: pytest.fail("asked"))
    with pytest.raises(ClusterError, match="no current context"):
        commands.status(made, None, as_json=False)


def test_as_json(look: Look, cluster: Cluster, server: Tracking, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.add(B, "PyTorchJob")
    cluster.add_pod(B, 0, "Running")
    server.add(B, **tags(B), mx_image="r/run:1")
    commands.status(look(), None, as_json=True)
    (job,) = json.loads(capsys.readouterr().out)["jobs"]
    created = datetime.fromisoformat(job.pop("created"))
    assert datetime.now(UTC) - created < timedelta(minutes=5)
    replica = {"name": "worker-0", "pod": "tiny-bbbbbbbbbb-worker-0", "phase": "running", "restarts": 0}
    assert job == {
        "run_id": B,
        "name": "name-bb",
        "entry_point": "",
        "status": "RUNNING",
        "image": "r/run:1",
        "kind": "PyTorchJob",
        "job": "tiny-bbbbbbbbbb",
        "namespace": "team",
        "phase": "running",
        "reason": "",
        "replicas": [{**replica, "waiting_for": "", "ended": ""}],
    }
    commands.status(look(), "b", as_json=True)
    assert json.loads(capsys.readouterr().out)["run_id"] == B


@pytest.mark.parametrize(
    ("ended", "before", "after"),
    [
        ("Failed", "RUNNING", "FAILED"),
        ("done", "RUNNING", "FINISHED"),
        ("done", "FAILED", "FAILED"),
        ("Failed", "KILLED", "KILLED"),
        (None, "RUNNING", "RUNNING"),
    ],
)
def test_a_run_that_nobody_closed_is_closed(
    look: Look,
    cluster: Cluster,
    server: Tracking,
    capsys: pytest.CaptureFixture[str],
    ended: str | None,
    before: str,
    after: str,
) -> None:
    cluster.add(A, ended=ended)
    server.add(A, before, **tags(A))
    commands.status(look(), None, as_json=False)
    assert server.status(A) == after
    assert ("it is " + after in capsys.readouterr().err) == (before != after)
    server.calls.clear()
    commands.status(look(), None, as_json=False)
    assert "runs/update" not in server.calls


def test_runs_whose_job_is_gone(look: Look, server: Tracking, capsys: pytest.CaptureFixture[str]) -> None:
    """But not those that look elsewhere, or have just begun."""
    server.add(A, **tags(A))
    server.add(B, **tags(B, mx_context="there"))
    server.add(C, **tags(C, mx_job=f"Job/elsewhere/tiny-{C[:10]}"))
    server.add(D, started=time.time(), **tags(D))
    server.add("e" * 32)
    server.add("f" * 32, **tags("f" * 32))
    commands.status(look(), None, as_json=False)
    assert {run[:1]: server.status(run) for run in server.runs} == {
        **dict.fromkeys("af", "KILLED"),
        **dict.fromkeys("bcde", "RUNNING"),
    }
    assert "its job is not on the cluster any more: it is KILLED now" in capsys.readouterr().err
    assert commands.status(look(), A, as_json=False) == 0
    out = capsys.readouterr().out
    assert f"run       {A} (name-aa): KILLED" in out
    assert "job       not on the cluster any more" in out


def test_one(look: Look, cluster: Cluster, server: Tracking, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.add(B, "PyTorchJob", age=300)
    cluster.add_pod(B, 1, "Running")
    cluster.add_pod(B, 0, "Pending", "0/1 nodes are available: 1 Insufficient memory.")
    server.add(B, **tags(B), mx_image="r/run:1")
    assert commands.status(look(), "bb", as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"run       {B} (name-bb): RUNNING",
        "entry     -",
        "image     r/run:1",
        "job       PyTorchJob tiny-bbbbbbbbbb in the namespace team, 5m old",
        "phase     running",
        "replicas  worker-0  waiting: no node has that much free memory (0/1 nodes are available: 1 Insufficient memory)",
        "          worker-1  running",
    ]


def test_which_run(look: Look, cluster: Cluster) -> None:
    cluster.add(A)
    cluster.add("ab" * 16)
    with pytest.raises(UsageProblem, match=r"beginning of several runs: a{32}, (ab){16}"):
        commands.status(look(), "a", as_json=False)
    with pytest.raises(UsageProblem, match="is not an id"):
        commands.status(look(), "tiny-aaaaaaaaaa", as_json=False)
    for command in (
        lambda: commands.status(look(), "c", as_json=False),
        lambda: commands.logs(look(), "c", follow=False),
        lambda: commands.cancel(look(), "c"),
    ):
        with pytest.raises(Refused, match="no job of this project in team belongs to a run c"):
            command()


def search(**other: str) -> str:
    """What a search of the project notes of its cluster."""
    noted = {"image": "r/run:1", "namespace": "team", "tracking_uri": "http://t", "queue": None}
    return json.dumps({**noted, "context": None, "name": "tiny", **other})


def test_a_search_whose_trials_are_jobs_has_none_itself(
    look: Look, cluster: Cluster, server: Tracking
) -> None:
    cluster.add(A)
    server.add(C, mx_trials=search())
    server.add("cd" * 16, mx_trials=search(name="another"))
    server.add("ce" * 16, mx_trials=search(context="elsewhere"))
    server.add("cf" * 16, mx_trials=search(namespace="elsewhere"))
    server.add("c0" * 16, mx_trials="{}")
    with pytest.raises(Refused, match="no job of this project"):
        commands.status(look(), "cd", as_json=False)
    for command in (
        lambda: commands.status(look(), C, as_json=False),
        lambda: commands.logs(look(), "cc", follow=False),
        lambda: commands.cancel(look(), C),
    ):
        with pytest.raises(Refused, match=r"c{10} is a search that runs on a machine[^`]*`mx flow status`"):
            command()
    with pytest.raises(Refused, match=r"c{10} is a search") as found:  # of the others none is the project's
        commands.status(look(), "c", as_json=False)
    assert "`mx flow resume cccccccccc`" in str(found.value.hint)


def test_a_search_that_has_finished_is_not_said_to_run(look: Look, server: Tracking) -> None:
    server.add(C, "FINISHED", mx_trials=search())
    with pytest.raises(Refused, match=r"c{10} is a search that ran on a machine, and has finished") as found:
        commands.status(look(), C, as_json=False)
    assert "`mx flow rerun cccccccccc`" in str(found.value.hint)
    assert "resume" not in str(found.value.hint)
    server.add("cd" * 16, mx_trials=search())
    with pytest.raises(UsageProblem, match=r"c is the beginning of several runs: c{32}, (cd){16}"):
        commands.status(look(), "c", as_json=False)


def test_without_a_tracking_server(look: Look, cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.add(A)
    for uri, says in (("", "`mx flow connect`"), ("http://127.0.0.1:1", "does not answer")):
        assert commands.status(look(MLFLOW_TRACKING_URI=uri), None, as_json=False) == 0
        seen = capsys.readouterr()
        assert "tiny-aaaaaaaaaa" in seen.out
        assert seen.err.count("warning") == 1
        assert says in seen.err


def test_cancel(
    look: Look,
    cluster: Cluster,
    server: Tracking,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cancelled: list[str] = []

    def cancel(kubectl: Any, ref: Any) -> bool:
        cancelled.append(str(ref))
        # Training that a signal ends may say that it failed.
        server.runs[A]["info"]["status"] = "FAILED"
        return True

    monkeypatch.setattr("mxdev.cluster.submit.cancel", cancel)
    cluster.add(A)
    server.add(A, **tags(A))
    assert commands.cancel(look(), "a") == 0
    assert cancelled == ["Job tiny-aaaaaaaaaa"]
    assert server.status(A) == "KILLED"
    assert "Job tiny-aaaaaaaaaa is cancelled; its run is KILLED" in capsys.readouterr().err

    # Training is over, and the job is not, yet.
    cluster.add(D)
    server.add(D, "FINISHED", **tags(D))
    assert commands.cancel(look(), "d") == 0
    assert cancelled.pop() == "Job tiny-dddddddddd"
    assert server.status(D) == "FINISHED"

    cluster.add(B, ended="done")
    server.add(B, "FINISHED", **tags(B))
    assert commands.cancel(look(), "b") == 0
    assert "has ended already: it succeeded" in capsys.readouterr().err
    server.add(C, "FINISHED", **tags(C))
    assert commands.cancel(look(), "c") == 0
    assert "has no job on the cluster any more; it is FINISHED" in capsys.readouterr().err
    assert len(cancelled) == 1
    assert (server.status(B), server.status(C)) == ("FINISHED", "FINISHED")


def test_the_logs_of_a_job_that_is_gone(look: Look, server: Tracking) -> None:
    server.add(A, "FINISHED", **tags(A))
    with pytest.raises(Refused, match="its logs went with it"):
        commands.logs(look(), A, follow=True)


def test_how_following_the_logs_ends(
    look: Look,
    cluster: Cluster,
    server: Tracking,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A run that failed is one thing, a cluster that went away another; also when it goes away after the end."""
    cluster.add(A)
    server.add(A, **tags(A))
    lost = ClusterError("the API server is away", reason="Lost")

    def away(*_: Any, **__: Any) -> Any:
        raise lost

    monkeypatch.setattr(commands.submit, "watch", away)
    with pytest.raises(ClusterError) as problem:
        commands.logs(look(), A, follow=True)
    assert problem.value.code == 4
    assert "tiny-aaaaaaaaaa may go on; `mx flow status aaaaaaaaaa`" in capsys.readouterr().err

    for phase, code in (("failed", 1), ("gone", 1), ("succeeded", 0)):
        there = look()

        def watch(*_: Any, phase: Any = phase, there: Jobs = there, **__: Any) -> State:
            monkeypatch.setattr(there, "look", away)
            return State(phase)

        monkeypatch.setattr(commands.submit, "watch", watch)
        assert commands.logs(there, A, follow=True) == code


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [(0, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (200000, "2d")],
)
def test_ages(seconds: int, wanted: str) -> None:
    assert commands.age(datetime.now(UTC) - timedelta(seconds=seconds)) == wanted


@pytest.mark.parametrize(
    ("credentials", "environ", "wanted"),
    [
        ("", {}, None),
        ("me:se%40cret@", {}, "Basic bWU6c2VAY3JldA=="),
        (
            "",
            {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": "se@cret"},
            "Basic bWU6c2VAY3JldA==",
        ),
        ("", {"MLFLOW_TRACKING_TOKEN": "abc"}, "Bearer abc"),
    ],
)
def test_credentials(
    server: Tracking, tmp_path: Path, credentials: str, environ: Mapping[str, str], wanted: str | None
) -> None:
    uri = server.uri.replace("://", f"://{credentials}")
    assert mlflow_rest.Server(uri, {"HOME": str(tmp_path), **environ}).run(A) is None
    assert server.headers.get("Authorization") == wanted
    if wanted is None:
        (tmp_path / ".mlflow").mkdir()
        text = "[mlflow]\nmlflow_tracking_username = me\nmlflow_tracking_password = se@cret\n"
        (tmp_path / ".mlflow/credentials").write_text(text)
        mlflow_rest.Server(uri, {"HOME": str(tmp_path)}).run(A)
        assert server.headers["Authorization"] == "Basic bWU6c2VAY3JldA=="


def test_what_the_server_says_is_said(server: Tracking) -> None:
    with pytest.raises(mlflow_rest.NoAnswer, match="says 404 Not Found: no such path"):
        mlflow_rest.Server(f"{server.uri}/api/2.0/mlflow/elsewhere", os.environ).set_status(A, "KILLED")
