"""What a person is told while a job runs."""

from __future__ import annotations

import pytest

from mxdev.cluster.manifest import JobRef, kind_named
from mxdev.cluster.progress import Lines, Progress, described
from mxdev.cluster.state import Phase, Replica, State

NO_GPU = "no node has a free GPU (0/3 nodes are available: 3 Insufficient nvidia.com/gpu)"


class Told:
    """A Progress with a clock of its own."""

    def __init__(self) -> None:
        self.now = 100.0
        self.said: list[str] = []
        self.progress = Progress(JobRef(kind_named("Job"), "churn"), self.said.append, lambda: self.now)

    def after(
        self, seconds: float, *replicas: Replica, reason: str = "", phase: Phase = "pending"
    ) -> list[str]:
        """What is said when the job looks like this so many seconds later."""
        self.now += seconds
        self.said.clear()
        self.progress(State(phase, reason, replicas))
        return list(self.said)


def waits(name: str = "job-0", what: str = NO_GPU) -> Replica:
    return Replica(name, name, "pending", waiting_for=what)


def runs(name: str = "job-0") -> Replica:
    return Replica(name, name, "running")


def test_a_wait_is_said_when_it_lasts_and_again_after_a_minute() -> None:
    told = Told()
    assert told.after(0, waits()) == []
    assert told.after(2, waits()) == []
    assert told.after(2, waits()) == [f"job-0: waiting: {NO_GPU}"]
    assert told.after(30, waits()) == []
    assert told.after(31, waits()) == [f"job-0: waiting: {NO_GPU} (1 min)"]
    assert told.after(60, waits()) == [f"job-0: waiting: {NO_GPU} (2 min)"]


def test_a_wait_that_passes_is_not_said() -> None:
    told = Told()
    told.after(0, waits(what="its container is being made"))
    assert told.after(2, runs()) == ["job-0: running"]
    assert told.after(100, runs()) == []


def test_the_scheduler_counting_anew_is_no_news() -> None:
    told = Told()
    told.after(0, waits())
    told.after(5, waits())
    assert told.after(5, waits(what=NO_GPU.replace("3", "4"))) == []
    assert told.after(5, waits(what=NO_GPU.replace("3", "4"))) == []
    assert told.after(5, waits(what="no node has that much free memory (x)")) == []
    assert len(told.after(5, waits(what="no node has that much free memory (x)"))) == 1


def test_replicas_that_do_the_same_are_said_together() -> None:
    told = Told()
    replicas = [waits(f"worker-{number}") for number in range(33)]
    told.after(0, waits("master-0"), *replicas)
    assert told.after(5, waits("master-0"), *replicas) == [
        f"master-0, worker-0, worker-1, worker-2 and 30 more: waiting: {NO_GPU}"
    ]
    assert told.after(5, runs("master-0"), runs("worker-0"), *replicas[1:]) == ["master-0, worker-0: running"]


def test_what_the_whole_job_waits_for() -> None:
    told = Told()
    assert told.after(0, reason="the quota gpus is used up") == []
    assert told.after(5, reason="the quota gpus is used up") == [
        "Job churn: waiting: the quota gpus is used up"
    ]
    assert told.after(5, reason="the end", phase="failed") == []
    assert told.after(5, reason="the end", phase="failed") == []


@pytest.mark.parametrize(
    ("replica", "said"),
    [
        (runs(), "running"),
        (Replica("a", "a", "succeeded"), "finished"),
        (
            Replica("a", "a", "succeeded", 1, ended="was ended by signal 9"),
            "finished, started again after it was ended by signal 9 (restart 1)",
        ),
        (Replica("a", "a", "failed", ended="ended with exit code 1"), "failed: it ended with exit code 1"),
        (Replica("a", "a", "failed"), "failed"),
        (
            Replica("a", "a", "running", 2, ended="was ended by signal 9"),
            "running, started again after it was ended by signal 9 (restart 2)",
        ),
        (Replica("a", "a", "running", 1), "running, started again (restart 1)"),
        (Replica("a", "a", "running", 1, "it is started again"), "waiting: it is started again"),
    ],
)
def test_described(replica: Replica, said: str) -> None:
    assert described(replica) == said


def test_each_restart_is_news() -> None:
    told = Told()
    told.after(0, runs())
    assert len(told.after(2, Replica("job-0", "job-0", "running", 1))) == 1
    assert len(told.after(2, Replica("job-0", "job-0", "running", 2))) == 1
    assert told.after(2, Replica("job-0", "job-0", "running", 2)) == []


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines("job-0", "a")
    lines("worker-10", "b")
    lines("job-0", "")
    assert capsys.readouterr().out == "job-0 | a\nworker-10 | b\njob-0     | \n"
