"""`python -m mxdev.cluster.session` as a process: outcomes, signals, lost answers. kubectl is a script of the test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.objects import RUNNING, condition, pod, terminated

MANIFEST = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "churn", "namespace": "ml", "labels": {"mlflow-run-id": "abc"}},
    "spec": {},
}
FAKE = Path(__file__).with_name("fake_kubectl.py")


class Cluster:
    """The files in which the fake kubectl keeps its cluster, and submitters that use it."""

    def __init__(self, here: Path, environ: dict[str, str]) -> None:
        self.here = here
        self.environ = environ
        self.started: list[subprocess.Popen[str]] = []

    def job(self, *conditions: Any, run: str = "abc", **metadata: Any) -> None:
        there = {"metadata": {"name": "churn", "labels": {"mlflow-run-id": run}, **metadata}}
        self.write("job", {**there, "status": {"conditions": conditions}})

    def pods(self, *pods: Any) -> None:
        self.write("pods", pods)

    def write(self, name: str, value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        # In one go: it is read at any moment.
        (self.here / "new").write_text(text)
        (self.here / "new").rename(self.here / name)

    def behave(self, *words: str) -> None:
        self.write("behaviour", " ".join(words))

    @property
    def calls(self) -> list[str]:
        path = self.here / "calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def made(self) -> int:
        path = self.here / "made"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def start(self, *program: str, **job: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *(program or ("-m", "mxdev.cluster.session"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environ,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        assert process.stdin is not None
        with process.stdin:
            process.stdin.write(
                json.dumps({"manifest": MANIFEST, "report": str(self.here / "report"), **job})
            )
        process.stdin = None
        return process

    def end(self, process: subprocess.Popen[str], code: int) -> tuple[str, str]:
        """Its output, after it ended with this exit code."""
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, err
        return out, err

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.here / "report").read_text())
        return found

    def until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not done():
            assert time.monotonic() < deadline, self.calls
            time.sleep(0.02)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{FAKE}' \"$@\"\n")
    program.chmod(0o755)
    environ = {
        **os.environ,
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "FAKE_CLUSTER": str(tmp_path),
    }
    found = Cluster(tmp_path, environ)
    yield found
    for process in found.started:
        if process.poll() is None:
            process.kill()
            process.communicate()


RUNS = pod(phase="Running", state=RUNNING)
STAMP = "2026-11-21T15:00:00.5Z"


def test_a_job_that_succeeds(cluster: Cluster) -> None:
    process = cluster.start()
    cluster.until(lambda: cluster.made == 1)
    cluster.write("log", f"{STAMP} epoch 1\n")
    cluster.pods(RUNS)
    cluster.until(lambda: any("--follow" in call for call in cluster.calls))
    cluster.pods(pod(phase="Succeeded", state=terminated(0, "Completed")))
    cluster.job(condition("Complete"))
    out, err = cluster.end(process, 0)
    assert out == "job-0 | epoch 1\n"
    assert "submitting Job churn to namespace ml of ml-cluster\n" in err
    assert "job-0: running\n" in err
    assert "Job churn: succeeded\n" in err
    assert cluster.report == {
        "outcome": "succeeded",
        "reason": "",
        "kind": "Job",
        "name": "churn",
        "namespace": "ml",
        "context": "ml-cluster",
    }


def test_a_job_that_fails(cluster: Cluster) -> None:
    cluster.job(condition("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"))
    cluster.pods(
        pod(phase="Failed", state=terminated(3)), pod(name="churn-1", phase="Running", state=RUNNING)
    )
    cluster.write("log", f"{STAMP} Traceback\n")
    process = cluster.start()
    out, err = cluster.end(process, 1)
    assert "job-0 | Traceback\n" in out
    reason = "job-0 ended with exit code 3; Job has reached the specified backoff limit"
    assert f"Job churn: failed: {reason}\n" in err
    assert (cluster.report["outcome"], cluster.report["reason"]) == ("failed", reason)
    assert "still running, although the job is over: job-1" in err
    assert "kubectl --namespace ml delete jobs.batch churn" in err


def test_what_pods_died_of_that_are_gone_when_the_job_is_given_up(cluster: Cluster) -> None:
    cluster.pods(pod(phase="Running", state=RUNNING, last=terminated(3), restarts=1))
    process = cluster.start()
    cluster.until(lambda: any("--previous" in call for call in cluster.calls))
    cluster.pods()
    cluster.job(condition("Failed", "BackoffLimitExceeded", "no more tries"))
    cluster.end(process, 1)
    assert cluster.report["reason"] == "job-0 ended with exit code 3; no more tries"


def test_context_and_namespace_that_were_asked_for(cluster: Cluster) -> None:
    process = cluster.start(context="prod", namespace="team", detach=True)
    _, err = cluster.end(process, 0)
    assert "to namespace team of prod\n" in err
    assert (cluster.report["context"], cluster.report["namespace"]) == ("prod", "team")
    assert json.loads((cluster.here / "job").read_text())["metadata"]["namespace"] == "team"


def test_detached(cluster: Cluster) -> None:
    cluster.end(cluster.start(detach=True), 0)
    assert (cluster.report["outcome"], cluster.made) == ("submitted", 1)
    _, err = cluster.end(cluster.start(detach=True), 0)
    assert "it had been submitted before" in err
    assert (cluster.report["outcome"], cluster.made) == ("submitted", 1)


@pytest.mark.parametrize("loss", ["lose-request", "lose-answer"])
def test_an_answer_that_is_lost_does_not_make_two_jobs(cluster: Cluster, loss: str) -> None:
    cluster.behave(loss)
    cluster.end(cluster.start(detach=True), 0)
    assert (cluster.report["outcome"], cluster.made) == ("submitted", 1)
    creations = [call for call in cluster.calls if call.startswith("create")]
    assert len(creations) == (2 if loss == "lose-request" else 1)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("refuse", "`kubectl create` failed: Error from server (Forbidden)"),
        ("full", "The quota of the namespace is used up"),
        ("no-namespace", "`kubectl create namespace ml` makes it"),
        ("no-context", "kubectl has no current context"),
    ],
)
def test_a_refusal(cluster: Cluster, word: str, said: str) -> None:
    cluster.behave(word)
    _, err = cluster.end(cluster.start(), 1)
    assert said in err
    assert cluster.report["outcome"] == "refused"
    assert cluster.report["reason"]


REFUSED_FOR_ROOM = (
    "trial 3 The quota of the namespace is used up: `kubectl describe quota` shows of what. Jobs count until they are "
    "deleted, those that have ended too.\n"
)


@pytest.mark.parametrize("interrupted", [False, True])
def test_one_that_is_patient_waits_for_room_in_the_quota(cluster: Cluster, interrupted: bool) -> None:
    """It is in the queue of no one, so that ^C leaves nothing behind."""
    cluster.behave("full")
    process = cluster.start(label="trial 3", patient=True, detach=True)
    assert process.stderr is not None
    err = "".join(iter(process.stderr.readline, REFUSED_FOR_ROOM))
    if interrupted:
        process.send_signal(signal.SIGINT)
    else:
        cluster.behave()
    err += cluster.end(process, 130 if interrupted else 0)[1]
    assert err.count("trial 3 Job churn waits for room: Error from server (Forbidden)") == 1
    assert REFUSED_FOR_ROOM not in err
    assert cluster.report["outcome"] == ("killed" if interrupted else "submitted")
    assert cluster.made == (0 if interrupted else 1)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({"run": "other"}, "it belongs to another run"),
        ({"deletionTimestamp": "2026-11-21T15:00:00Z"}, "is being deleted"),
    ],
)
def test_another_job_of_the_same_name(cluster: Cluster, there: dict[str, str], said: str) -> None:
    cluster.job(**there)
    _, err = cluster.end(cluster.start(), 1)
    assert said in err
    assert (cluster.report["outcome"], cluster.made) == ("refused", 0)
    assert (cluster.here / "job").exists()


def running(cluster: Cluster) -> subprocess.Popen[str]:
    """A submitter whose job runs."""
    cluster.pods(RUNS)
    process = cluster.start()
    cluster.until(lambda: any("--follow" in call for call in cluster.calls))
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels(cluster: Cluster, number: int) -> None:
    process = running(cluster)
    process.send_signal(number)
    # As a terminal and a parent do who both pass it on.
    process.send_signal(signal.SIGINT)
    _, err = cluster.end(process, 130)
    assert not (cluster.here / "job").exists()
    assert (cluster.report["outcome"], cluster.report["reason"]) == ("killed", "interrupted")
    assert "cancelling Job churn" in err
    assert "Job churn: cancelled" in err
    assert "Traceback" not in err


def test_a_second_signal_leaves_at_once(cluster: Cluster) -> None:
    cluster.behave("pods-stay")
    process = running(cluster)
    process.send_signal(signal.SIGINT)
    cluster.until(lambda: any(call.startswith("delete") for call in cluster.calls))
    time.sleep(1.1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = cluster.end(process, 130)
    assert "waiting for its pods to end; they have 0 s" in err
    assert "Job churn goes on. This cancels it: kubectl --namespace ml delete jobs.batch churn" in err
    assert cluster.report["outcome"] == "submitted"
    assert "Traceback" not in err


def test_cancelling_ends_when_the_job_itself_is_gone(cluster: Cluster) -> None:
    """A controller may replace a pod until then."""
    cluster.behave("job-stays")
    process = running(cluster)
    process.send_signal(signal.SIGINT)
    cluster.until(lambda: len([call for call in cluster.calls if call.endswith("--output name")]) >= 3)
    assert process.poll() is None
    cluster.pods(RUNS)
    (cluster.here / "job").unlink()
    time.sleep(2)
    assert process.poll() is None
    cluster.pods()
    cluster.end(process, 130)


def test_a_signal_while_the_job_is_made_finds_it_made(cluster: Cluster) -> None:
    cluster.behave("slow-create")
    process = cluster.start()
    cluster.until(lambda: (cluster.here / "creating").exists())
    process.send_signal(signal.SIGINT)
    cluster.end(process, 130)
    assert cluster.made == 1
    assert not (cluster.here / "job").exists()
    assert cluster.report["outcome"] == "killed"


def test_a_signal_after_the_end_changes_nothing(cluster: Cluster) -> None:
    """The job is over, and only its last lines are waited for."""
    process = running(cluster)
    cluster.write("events", "[]")
    cluster.job(condition("Complete"))
    cluster.until(lambda: len([call for call in cluster.calls[-6:] if call.startswith("get pods")]) > 3)
    process.send_signal(signal.SIGINT)
    cluster.end(process, 0)
    assert cluster.report["outcome"] == "succeeded"
    assert (cluster.here / "job").exists()


def test_a_server_that_is_lost_after_the_end_changes_nothing(cluster: Cluster) -> None:
    process = running(cluster)
    cluster.job(condition("Complete"))
    cluster.until(lambda: len([call for call in cluster.calls[-6:] if call.startswith("get pods")]) > 3)
    cluster.behave("away")
    cluster.end(process, 0)
    assert cluster.report["outcome"] == "succeeded"


def test_who_may_not_read_events_does_without(cluster: Cluster) -> None:
    cluster.behave("no-events")
    process = cluster.start()
    cluster.until(lambda: len([call for call in cluster.calls if call.startswith("get events")]) >= 4)
    cluster.job(condition("Complete"))
    cluster.end(process, 0)
    assert cluster.report["outcome"] == "succeeded"


def test_a_job_that_somebody_else_deletes(cluster: Cluster) -> None:
    process = running(cluster)
    cluster.pods()
    (cluster.here / "job").unlink()
    _, err = cluster.end(process, 1)
    assert (cluster.report["outcome"], cluster.report["reason"]) == (
        "killed",
        "it is not in the cluster any more",
    )
    assert "Job churn: killed: it is not in the cluster any more" in err


def test_a_server_that_is_away_in_the_middle(cluster: Cluster) -> None:
    process = running(cluster)
    cluster.behave("away")
    cluster.until(lambda: sum(call.startswith("get jobs") for call in cluster.calls[-4:]) >= 2)
    cluster.behave()
    cluster.pods(pod(phase="Succeeded", state=terminated(0, "Completed")))
    cluster.job(condition("Complete"))
    _, err = cluster.end(process, 0)
    assert err.count("the API server does not answer, trying again") == 1
    assert err.count("the API server answers again") == 1
    assert cluster.report["outcome"] == "succeeded"


def test_cancelling_waits_for_a_server_that_is_away(cluster: Cluster) -> None:
    process = running(cluster)
    cluster.behave("away")
    cluster.until(
        lambda: cluster.calls[-1].startswith("get jobs") and cluster.calls[-2].startswith("get jobs")
    )
    process.send_signal(signal.SIGINT)
    time.sleep(1.5)
    cluster.behave()
    cluster.end(process, 130)
    assert not (cluster.here / "job").exists()
    assert cluster.report["outcome"] == "killed"


# The same with less patience: a lost server is given up after so many seconds.
IMPATIENT = """
import sys
from mxdev.cluster import kubectl, session
kubectl.FIRST_PATIENCE = 2
kubectl.Kubectl.__init__.__kwdefaults__["patience"] = 2
sys.exit(session.main())
"""


def test_a_server_that_never_answers(cluster: Cluster) -> None:
    cluster.behave("away")
    _, err = cluster.end(cluster.start("-c", IMPATIENT), 1)
    assert "The API server does not answer: The connection to the server h:1 was refused" in err
    assert cluster.report["outcome"] == "refused"
    assert "may go on" not in err


def test_a_server_that_is_lost_for_good_while_the_job_is_made(cluster: Cluster) -> None:
    cluster.behave("vanish")
    _, err = cluster.end(cluster.start("-c", IMPATIENT), 1)
    assert cluster.made == 1
    assert cluster.report["outcome"] == "submitted"
    assert "Job churn may go on." in err


def test_a_signal_before_the_server_has_answered(cluster: Cluster) -> None:
    cluster.behave("away")
    process = cluster.start()
    cluster.until(lambda: len(cluster.calls) >= 2)
    process.send_signal(signal.SIGINT)
    cluster.end(process, 130)
    assert cluster.report["outcome"] == "killed"
    assert all(call.startswith("get") for call in cluster.calls)


def test_a_login_that_runs_out(cluster: Cluster) -> None:
    process = running(cluster)
    cluster.behave("expired")
    _, err = cluster.end(process, 1)
    assert cluster.report["outcome"] == "submitted"
    assert "Log in to the cluster again" in err
    assert "Job churn may go on. This cancels it: kubectl --namespace ml delete jobs.batch churn" in err


def test_a_server_that_is_lost_for_good(cluster: Cluster) -> None:
    cluster.pods(RUNS)
    process = cluster.start("-c", IMPATIENT)
    cluster.until(lambda: any("--follow" in call for call in cluster.calls))
    cluster.behave("away")
    _, err = cluster.end(process, 1)
    assert cluster.report["outcome"] == "submitted"
    assert "does not answer" in cluster.report["reason"]
    assert "Job churn may go on. This cancels it: kubectl --namespace ml delete jobs.batch churn" in err
