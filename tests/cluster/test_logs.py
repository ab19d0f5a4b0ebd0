"""Followed logs: several replicas, containers that are started again, streams that break."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from cluster.objects import RUNNING, pod, terminated, waiting
from mxdev.cluster import logs
from mxdev.cluster.kubectl import Kubectl
from mxdev.cluster.manifest import JobRef, kind_named

JOB = kind_named("Job")
LOST = "Unable to connect to the server: read: connection reset by peer"


class Process:
    """A `kubectl logs` that has printed and ends when it is let."""

    def __init__(self, out: str, err: str, code: int, *, ends: bool) -> None:
        self.stdout: Any = io.BytesIO(out.encode())
        self.stderr: Any = io.BytesIO(err.encode())
        self.returncode = code
        self._end = threading.Event()
        if ends:
            self._end.set()
        else:
            self.stdout = self._held(out)

    def _held(self, out: str) -> Any:
        yield from (line.encode() for line in out.splitlines(keepends=True))
        self._end.wait(20)

    def kill(self) -> None:
        self.returncode = -9
        self._end.set()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._end.wait(20)


class FakeKubectl(Kubectl):
    """Gives prepared answers to `kubectl logs`, in order."""

    def __init__(self, *answers: Process) -> None:
        super().__init__("test", "ml")
        self.answers = list(answers)
        self.calls: list[list[str]] = []
        self.pods: list[Any] = []

    def popen(self, *arguments: str) -> Any:
        self.calls.append(list(arguments))
        return self.answers.pop(0)

    def json(self, *arguments: str, retry: bool = True) -> Any:
        return {"items": self.pods}


def line(second: int, text: str) -> str:
    return f"2026-11-21T15:00:{second:02}.5Z {text}\n"


def whole(*lines: str) -> Process:
    return Process("".join(lines), "", 0, ends=True)


def broken(*lines: str, words: str = LOST) -> Process:
    return Process("".join(lines), words, 1, ends=True)


def open_stream(*lines: str) -> Process:
    return Process("".join(lines), "", 0, ends=False)


class Run:
    """A follower, and what it delivered."""

    def __init__(self, *answers: Process) -> None:
        self.kubectl = FakeKubectl(*answers)
        self.seen: list[tuple[str, str]] = []
        self.said: list[str] = []
        self.follower = logs.Follower(
            self.kubectl, JOB, lambda name, text: self.seen.append((name, text)), self.said.append
        )

    def update(self, *pods: Any, until: Callable[[], bool]) -> None:
        """Tell of the pods, and wait for what comes of it."""
        self.follower.update(pods)
        deadline = time.monotonic() + 10
        while not until():
            assert time.monotonic() < deadline, (self.seen, self.said, self.kubectl.calls)
            time.sleep(0.005)

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.seen]


def running(**more: Any) -> Any:
    return pod(phase="Running", state=RUNNING, **more)


def over(**more: Any) -> Any:
    return pod(phase="Succeeded", state=terminated(0, "Completed"), **more)


def test_nothing_is_read_before_the_container_starts() -> None:
    run = Run(whole(line(1, "a")))
    run.update(pod(state=waiting("ContainerCreating")), until=lambda: True)
    run.update(pod(state=waiting("ImagePullBackOff")), until=lambda: True)
    assert run.kubectl.calls == []
    run.update(over(), until=lambda: not run.follower.owes())
    assert run.seen == [("job-0", "a")]
    assert run.kubectl.calls == [["logs", "churn-0", "--container", "trainer", "--timestamps"]]


def test_a_stream_that_ends_while_the_container_ran_is_read_again_after_its_end() -> None:
    run = Run(whole(line(1, "a")), whole(line(1, "a"), line(2, "b")))
    run.update(running(), until=lambda: run.texts == ["a"])
    assert run.follower.owes()
    run.update(over(), until=lambda: not run.follower.owes())
    assert run.texts == ["a", "b"]
    assert run.kubectl.calls[0][-1] == "--follow"
    assert run.kubectl.calls[1][-1] == "--since-time=2026-11-21T15:00:01Z"


def test_a_broken_stream_is_taken_up_again_silently() -> None:
    run = Run(broken(line(1, "a"), line(2, "b")), broken(), whole(line(2, "b"), line(3, "c")))
    run.update(running(), until=lambda: run.texts == ["a", "b"])
    run.update(running(), until=lambda: len(run.kubectl.calls) == 2)
    run.update(over(), until=lambda: not run.follower.owes())
    assert run.texts == ["a", "b", "c"]
    assert run.said == []


def test_after_a_restart_the_rest_of_the_previous_log_comes_first() -> None:
    run = Run(
        broken(line(1, "a")), whole(line(1, "a"), line(2, "b")), whole(line(4, "c")), whole(line(4, "c"))
    )
    run.update(running(), until=lambda: run.texts == ["a"])
    run.update(running(last=terminated(1), restarts=1), until=lambda: run.texts == ["a", "b", "c"])
    assert run.kubectl.calls[1][-2:] == ["--since-time=2026-11-21T15:00:01Z", "--previous"]
    assert run.kubectl.calls[2][-1] == "--follow"
    run.update(over(last=terminated(1), restarts=1), until=lambda: not run.follower.owes())
    assert run.texts == ["a", "b", "c"]


def test_lines_that_come_before_the_restart_is_known_come_once() -> None:
    run = Run(
        whole(line(1, "a")), whole(line(3, "b")), whole(line(1, "a")), whole(line(3, "b"), line(4, "c"))
    )
    run.update(running(), until=lambda: run.texts == ["a"])
    run.update(running(), until=lambda: run.texts == ["a", "b"])
    run.update(running(last=terminated(1), restarts=1), until=lambda: run.texts == ["a", "b", "c"])


def test_a_log_that_was_read_to_its_end_is_not_asked_for_again_after_a_restart() -> None:
    run = Run(whole(line(1, "a")), whole(line(2, "b")))
    crashed = pod(phase="Running", state=waiting("CrashLoopBackOff"), last=terminated(1))
    run.update(crashed, until=lambda: run.texts == ["a"])
    run.update(crashed, until=lambda: True)
    run.update(over(last=terminated(1), restarts=1), until=lambda: not run.follower.owes())
    assert run.texts == ["a", "b"]
    assert all("--previous" not in call for call in run.kubectl.calls)


def test_a_job_that_is_followed_late_begins_with_the_previous_log() -> None:
    run = Run(whole(line(1, "a")), whole(line(2, "b")))
    run.update(over(last=terminated(1), restarts=4), until=lambda: not run.follower.owes())
    assert run.texts == ["a", "b"]
    assert run.kubectl.calls[0][-1] == "--previous"


def test_a_log_that_breaks_after_the_end_is_read_on() -> None:
    run = Run(broken(line(1, "a")), whole(line(1, "a"), line(2, "b")))
    run.update(over(), until=lambda: run.texts == ["a"])
    run.update(over(), until=lambda: not run.follower.owes())
    assert run.texts == ["a", "b"]


def test_a_previous_log_that_breaks_is_read_to_its_end_before_the_next() -> None:
    run = Run(broken(line(1, "a")), whole(line(1, "a"), line(2, "b")), whole(line(3, "c")))
    again = over(last=terminated(1), restarts=1)
    run.update(again, until=lambda: run.texts == ["a"])
    run.update(again, until=lambda: not run.follower.owes())
    assert run.texts == ["a", "b", "c"]


def test_a_pod_that_failed_with_its_node_has_no_more_to_say() -> None:
    """Nobody is left there to report that the container has ended."""
    run = Run(whole(line(1, "a")))
    run.update(pod(phase="Failed", reason="NodeLost", state=RUNNING), until=lambda: not run.follower.owes())
    assert run.texts == ["a"]


def test_an_earlier_log_that_is_gone_is_said_and_does_not_stop_the_next() -> None:
    words = (
        'Error from server (BadRequest): previous terminated container "trainer" in pod "churn-0" not found'
    )
    run = Run(broken(words=words), whole(line(2, "b")))
    run.update(over(last=terminated(1), restarts=1), until=lambda: not run.follower.owes())
    assert run.texts == ["b"]
    assert run.said == [f"an earlier log of job-0 cannot be read: {words}"]


def test_a_log_that_cannot_be_read_is_said_once() -> None:
    words = 'Error from server (Forbidden): pods "churn-0" is forbidden: cannot get resource "pods/log"'
    run = Run(broken(words=words), broken(words=words), whole(line(1, "a")))
    run.update(running(), until=lambda: len(run.said) == 1)
    run.update(running(), until=lambda: len(run.kubectl.calls) == 2)
    run.update(over(), until=lambda: not run.follower.owes())
    assert run.said == [f"the log of job-0 cannot be read: {words}"]
    assert run.texts == ["a"]


def test_containers_are_told_apart_by_their_id() -> None:
    """A container may be made anew without being counted as started again."""

    def with_id(made: Any, name: str) -> Any:
        made["status"]["containerStatuses"][0]["containerID"] = name
        return made

    run = Run(whole(line(1, "a")), whole(line(1, "a")), whole(line(9, "b")))
    run.update(with_id(running(), "one"), until=lambda: run.texts == ["a"])
    last = terminated(1)
    last["terminated"]["containerID"] = "one"
    again = with_id(over(last=last), "two")
    run.update(again, until=lambda: not run.follower.owes())
    assert run.texts == ["a", "b"]
    assert "--previous" in run.kubectl.calls[1]


def test_several_replicas() -> None:
    run = Run(whole(line(1, "a")), whole(line(1, "a")))
    first, second = over(), over(name="churn-1", created="2026-11-21T15:00:01Z")
    run.update(first, second, until=lambda: not run.follower.owes())
    assert sorted(run.seen) == [("job-0", "a"), ("job-1", "a")]


def test_replicas_beyond_the_most_wait_for_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST", 1)
    stream = open_stream(line(1, "a"))
    run = Run(stream, whole(line(1, "a")), whole(line(1, "b")))
    second = over(name="churn-1", created="2026-11-21T15:00:01Z")
    run.update(second, running(), until=lambda: run.seen == [("job-0", "a")])
    assert len(run.kubectl.calls) == 1
    assert len(run.said) == 1
    stream._end.set()
    run.update(second, over(), until=lambda: not run.follower.owes())
    run.update(second, over(), until=lambda: not run.follower.owes())
    assert run.seen == [("job-0", "a"), ("job-1", "b")]
    assert len(run.said) == 1


def test_a_pod_of_the_same_name_that_was_made_anew_is_another() -> None:
    run = Run(whole(line(1, "a")), whole(line(1, "b")))
    run.update(over(), until=lambda: not run.follower.owes())
    anew = over()
    anew["metadata"]["uid"] = "another"
    run.update(anew, until=lambda: run.texts == ["a", "b"])


def test_a_pod_that_is_gone_is_given_up() -> None:
    run = Run(broken(line(1, "a")))
    run.update(running(), until=lambda: run.texts == ["a"])
    run.update(until=lambda: not run.follower.owes())


def test_a_pod_that_is_just_gone_is_no_news() -> None:
    run = Run(broken(words='error: error from server (NotFound): pods "churn-0" not found in namespace "ml"'))
    run.update(running(), until=lambda: len(run.kubectl.calls) == 1)
    run.update(until=lambda: not run.follower.owes())
    assert run.said == []


def test_a_pod_that_never_started_is_given_up_when_it_is_over() -> None:
    run = Run()
    run.update(pod(phase="Failed", reason="Evicted"), until=lambda: not run.follower.owes())


def test_what_is_owed() -> None:
    stream = open_stream(line(1, "a"))
    run = Run(stream)
    run.update(running(), until=lambda: run.texts == ["a"])
    assert run.follower.owes()
    assert not run.follower.owes(ended=True)
    run.follower.close()
    assert stream.returncode == -9
    assert not run.follower.owes()
    assert run.said == []


def test_close_waits_for_what_is_still_to_come() -> None:
    stream = open_stream(line(1, "a"))
    run = Run(stream, whole(line(1, "a"), line(2, "b")))
    run.update(running(), until=lambda: run.texts == ["a"])
    run.follower.update([over()])
    threading.Timer(0.2, stream._end.set).start()
    run.follower.close(10)
    assert run.texts == ["a", "b"]


@pytest.mark.parametrize("restarts", [0, 1])
def test_show(restarts: int) -> None:
    kubectl = FakeKubectl(
        *([whole("earlier\n")] if restarts else []), whole("a\n", "1%\r2%\n"), broken(words="no")
    )
    kubectl.pods = [
        over(restarts=restarts, **({"last": terminated(1)} if restarts else {})),
        over(name="churn-1", created="2026-11-21T15:00:01Z"),
        pod("churn-2", created="2026-11-21T15:00:02Z"),
    ]
    seen: list[tuple[str, str]] = []
    said: list[str] = []
    logs.show(kubectl, JobRef(JOB, "churn"), lambda name, text: seen.append((name, text)), said.append)
    assert seen == [*([("job-0", "earlier")] * restarts), ("job-0", "a"), ("job-0", "2%")]
    assert said == ["the log of job-1 cannot be read: no"]
