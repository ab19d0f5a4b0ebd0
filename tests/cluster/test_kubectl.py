"""kubectl as a process: a server that is lost and comes back, refusals, contexts. kubectl is a script of the test."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mxdev.cluster import kubectl as module
from mxdev.cluster.kubectl import Kubectl
from mxdev.cluster.refusals import ClusterError
from mxdev.system.programs import MissingTool, TooLong

# Answers call after call what `answers` holds: [code, stdout, stderr]; the last one again and again.
SCRIPT = """\
#!{python}
import json, os, sys
from pathlib import Path
here = Path({here!r})
arguments = sys.argv[1:]
if arguments == ["version", "--client"]:
    sys.exit(print("Client Version: v1.36.3"))
with (here / "calls").open("a") as file:
    print(json.dumps([arguments, "" if "-" not in arguments else sys.stdin.read()]), file=file)
answers = json.loads((here / "answers").read_text())
code, out, err = answers[0]
if len(answers) > 1:
    (here / "answers").write_text(json.dumps(answers[1:]))
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""
AWAY = [1, "", "The connection to the server h:1 was refused - did you specify the right host or port?"]
FORBIDDEN = [1, "", "Error from server (Forbidden): no"]


class Fake:
    def __init__(self, here: Path) -> None:
        self.here = here
        self.answer([0, "", ""])

    def answer(self, *answers: list[Any]) -> None:
        (self.here / "answers").write_text(json.dumps(answers))

    @property
    def calls(self) -> list[tuple[list[str], str]]:
        path = self.here / "calls"
        return [tuple(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(SCRIPT.format(python=sys.executable, here=str(tmp_path)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return Fake(tmp_path)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[], float]:
    """Time that passes in pauses only, without waiting for it."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    # In this module only: subprocess sleeps too.
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now[0]))
    return lambda: now[0]


def test_context_and_namespace_are_passed_on(fake: Fake) -> None:
    fake.answer([0, '{"items": []}', ""])
    kubectl = Kubectl("prod", "ml")
    assert kubectl.json("get", "pods") == {"items": []}
    (call,) = fake.calls
    assert call[0][:4] == ["--context", "prod", "--namespace", "ml"]
    assert call[0][-4:] == ["get", "pods", "-o", "json"]
    assert (kubectl.context, kubectl.namespace) == ("prod", "ml")
    assert kubectl.command("get", "pods") == [
        "kubectl",
        "--context",
        "prod",
        "--namespace",
        "ml",
        "get",
        "pods",
    ]
    assert len(fake.calls) == 1


def test_input_is_passed_on(fake: Fake) -> None:
    Kubectl(None, None).run("create", "-f", "-", input="kind: Jöb\n")
    assert fake.calls[0][1] == "kind: Jöb\n"


def test_context_and_namespace_in_effect(fake: Fake) -> None:
    fake.answer([0, "gke_ml\n", ""], [0, "ml", ""])
    kubectl = Kubectl(None, None)
    assert (kubectl.context, kubectl.namespace) == ("gke_ml", "ml")
    fake.answer([0, "", ""])
    assert Kubectl(None, None).namespace == "default"


def test_no_context(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.answer([1, "", "error: current-context is not set"])
    with pytest.raises(ClusterError, match="no current context") as caught:
        Kubectl(None, None).context  # noqa: B018
    assert "kubectl config use-context" in str(caught.value)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert Kubectl(None, None).context == ""


def test_a_lost_server_is_said_once_and_when_it_is_back(fake: Fake, clock: Callable[[], float]) -> None:
    said: list[str] = []
    kubectl = Kubectl("prod", None, say=said.append)
    fake.answer(AWAY, AWAY, AWAY, [0, "pods", ""])
    assert kubectl.run("get", "pods") == "pods"
    assert said == [
        "the API server does not answer, trying again: The connection to the server h:1 was refused - did you "
        "specify the right host or port?",
        "the API server answers again, after 7 s",
    ]
    assert len(fake.calls) == 4
    assert clock() == 1 + 2 + 4


def test_a_server_that_never_answered_is_given_up_soon(fake: Fake, clock: Callable[[], float]) -> None:
    fake.answer(AWAY)
    kubectl = Kubectl("prod", None, say=lambda text: None)
    with pytest.raises(ClusterError, match="API server of context prod does not answer") as caught:
        kubectl.run("get", "pods")
    assert caught.value.lost
    assert not kubectl.reached
    assert clock() == 20


def test_the_proxy_on_the_way_is_named_without_its_login(
    fake: Fake, clock: Callable[[], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://of-the-environment:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    server = "https://cluster.example.com"
    fake.answer(AWAY, [0, f"{server}\nhttps://ada:secret@proxy.example.com:3128", ""])
    with pytest.raises(ClusterError) as caught:
        Kubectl("prod", None).run("get", "pods", retry=False)
    assert caught.value.hint is not None
    assert "the proxy https://proxy.example.com:3128: look" in caught.value.hint
    assert "`kubectl cluster-info`" in caught.value.hint
    fake.answer(AWAY, [0, f"{server}\n", ""])
    with pytest.raises(ClusterError, match="does not answer") as caught:
        Kubectl("prod", None).run("get", "pods", retry=False)
    assert "the proxy http://of-the-environment:3128: look" in str(caught.value.hint)
    fake.answer(
        AWAY, [0, "https://127.0.0.1:6443\n", ""]
    )  # no program in Go asks a proxy for its own machine
    with pytest.raises(ClusterError, match="does not answer") as caught:
        Kubectl("prod", None).run("get", "pods", retry=False)
    assert "proxy" not in str(caught.value.hint)


def test_a_program_for_the_login_that_is_missing_is_named(fake: Fake) -> None:
    words = "Unable to connect to the server: getting credentials: exec: executable gke-login not found"
    fake.answer([1, "", f"{words}\n\nIt looks like you are trying to use a client-go credential plugin"])
    with pytest.raises(ClusterError, match="not found") as caught:
        Kubectl("prod", None).run("get", "pods")
    assert "Install gke-login" in str(caught.value.hint)
    assert caught.value.reason == "Unauthorized"


def test_a_login_that_hangs_has_an_end_and_is_told_how_to_look(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WHOLE", 1.0)
    program = fake.here / "bin" / "kubectl"
    program.write_text('#!/bin/sh\ncase "$*" in *--client*) echo v1.36.3 ;; *) exec sleep 60 ;; esac\n')
    with pytest.raises(TooLong, match="did not finish in 1 seconds") as caught:
        Kubectl("prod", "ml").run("get", "pods")
    assert "`kubectl --context prod --namespace ml get pods` in a terminal" in str(caught.value.hint)


def test_a_server_that_answered_before_is_waited_for(fake: Fake, clock: Callable[[], float]) -> None:
    kubectl = Kubectl(None, None, say=lambda text: None, patience=300)
    kubectl.run("get", "pods")
    fake.answer(AWAY)
    with pytest.raises(ClusterError):
        kubectl.run("get", "pods")
    assert kubectl.reached
    assert clock() == 300


@pytest.mark.parametrize(
    ("words", "reached"),
    [
        (FORBIDDEN[2], True),
        ('error: the server doesn\'t have a resource type "pytorchjobs"', True),
        ('error: context "x" does not exist', False),
        ("Unable to connect to the server: getting credentials: exec: not found", False),
        ("error: unknown flag: --x", False),
    ],
)
def test_a_refusal_of_the_server_is_an_answer(fake: Fake, words: str, reached: bool) -> None:
    fake.answer([1, "", words])
    kubectl = Kubectl(None, None)
    with pytest.raises(ClusterError):
        kubectl.run("get", "pods")
    assert kubectl.reached is reached


def test_without_retry(fake: Fake) -> None:
    fake.answer(AWAY)
    with pytest.raises(ClusterError) as caught:
        Kubectl(None, None).run("create", retry=False)
    assert caught.value.lost
    assert sum("create" in arguments for arguments, _ in fake.calls) == 1


def test_a_refusal_is_not_tried_again_and_shows_that_the_server_is_back(
    fake: Fake, clock: Callable[[], float]
) -> None:
    said: list[str] = []
    fake.answer(AWAY, FORBIDDEN)
    with pytest.raises(ClusterError, match="`kubectl get` failed: Error from server") as caught:
        Kubectl(None, None, say=said.append).run("get", "pods")
    assert (caught.value.reason, caught.value.words) == ("Forbidden", FORBIDDEN[2])
    assert len(fake.calls) == 2
    assert [text.split(",")[0] for text in said] == [
        "the API server does not answer",
        "the API server answers again",
    ]


def test_no_kubectl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match=r"kubectl is missing") as caught:
        Kubectl(None, None).run("get", "pods")
    assert "https://kubernetes.io/docs/tasks/tools/" in str(caught.value)


def test_what_is_started_is_not_reached_by_the_keyboard(fake: Fake) -> None:
    fake.answer([0, "line\n", "words"])
    process = Kubectl("prod", "ml").popen("logs", "pod")
    assert os.getsid(process.pid) != os.getsid(0)
    assert process.communicate() == (b"line\n", b"words")
    assert fake.calls[0][0] == ["--context", "prod", "--namespace", "ml", "logs", "pod"]
