"""`mx data run` where no Beam is needed: what is refused, and what the Job on the cluster is told."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from labelling import interpreter

from mxdev.cluster import session
from mxdev.data import worker
from mxdev.data.pipeline_steps import Made
from mxdev.data.pipelines import chosen
from mxdev.errors import MxError
from mxdev.testing import mx

TABLE = """\
pipelines:
  visits:
    title: raw/visits becomes a version of visits
    module: pets.visits
    image: visits
    requires: {no_such_module: "no-such-package==1"}
    job: job.yaml
"""
JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: replaced-by-mx, namespace: pets}
spec:
  template:
    spec:
      containers:
        - {name: replaced-by-mx, image: replaced, command: [replaced]}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with a pipeline that its interpreter cannot run."""
    (tmp_path / "mx.yaml").write_text("version: 1\noptions:\n  name: pets\n  cloud: existing\n")
    (tmp_path / "infrastructure").mkdir()
    (tmp_path / "infrastructure/pipelines.yaml").write_text(TABLE)
    (tmp_path / "job.yaml").write_text(JOB)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("other",), 2, "no pipeline called other"),
        (("visits", "--on", "dataflow"), 2, "visits runs on local, cluster"),
        (("visits", "--on", "cluster"), 2, "cluster does not reach the folder"),
        (("visits", "--set", "shards"), 2, "is not NAME=VALUE"),
    ],
)
def test_what_cannot_be(root: Path, words: tuple[str, ...], code: int, says: str) -> None:
    done = mx("data", "run", *words, "--bucket", "bucket", cwd=root)
    assert done.code == code, done.stderr
    assert says in done.stderr


def test_an_interpreter_without_beam_is_told(root: Path) -> None:
    python = str(interpreter())
    done = mx("data", "run", "visits", "--bucket", "bucket", "--python", python, cwd=root)
    assert done.code == 4
    assert "visits needs no_such_module" in done.stderr
    assert "no-such-package==1" in done.stderr


def test_a_project_without_one(root: Path) -> None:
    (root / "infrastructure/pipelines.yaml").unlink()
    done = mx("data", "run", "visits", "--bucket", "bucket", cwd=root)
    assert done.code == 2
    assert "mx generate BeamPipeline NAME" in done.stderr


class SessionDouble:
    """Stands for `Session`: it notes the job, and says how it ended."""

    jobs: list[dict[str, Any]] = []
    outcome = "succeeded"

    def __init__(self, job: dict[str, Any]) -> None:
        self.jobs.append(job)

    def run(self) -> int:
        told = {"outcome": self.outcome, "reason": "it had no memory left"}
        Path(self.jobs[-1]["report"]).write_text(json.dumps(told))
        return 0


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The jobs that were submitted; afterwards the version is there."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(SessionDouble, "jobs", found)
    monkeypatch.setattr(session, "Session", SessionDouble)

    def answer(*_: Any) -> dict[str, Any]:
        counts = {"records": 3, "rejected": 0}
        told = {"version": "1bb21fb7ea777ebb", "folder": "s3://a b/visits/1bb2", "source": "s3://a b/raw"}
        return {**told, "complete": bool(found), "counts": counts if found else None}

    monkeypatch.setattr(worker, "call_module", answer)
    return found


def made(root: Path) -> Made:
    return Made(
        name="run", title="", root=root, pipeline=chosen(root, "visits"), on="cluster", uri="s3://a b",
        values=("shards=3",), image="registry/visits:abc", python=None, context="kind",
    )  # fmt: skip


def test_the_job_makes_the_version_that_was_shown(root: Path, jobs: list[dict[str, Any]]) -> None:
    step = made(root)
    assert step.look().verb == "create"
    said: list[str] = []
    step.do(said.append)
    assert said == ["s3://a b/visits/1bb2: 3 records, 0 rejected"]
    assert step.look().verb == "done"
    (job,) = jobs
    assert job["manifest"]["metadata"]["name"].startswith("visits-1bb21fb7ea777ebb-")
    (container,) = job["manifest"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry/visits:abc"
    assert container["command"][:2] == ["bash", "-c"]
    assert shlex.split(container["command"][2]) == [
        "python", "-m", "pets.visits", "shards=3", "bucket='s3://a b'", "version='1bb21fb7ea777ebb'",
    ]  # fmt: skip


def test_a_bucket_is_named_to_hydra_as_it_is(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`call_module` is a double that notes the words; how Hydra reads them is seen in tests/environment."""
    words: list[str] = []
    told = {"complete": True, "folder": "f", "counts": {"records": 1, "rejected": 0}}
    monkeypatch.setattr(
        worker, "call_module", lambda _root, _module, given, _python: words.extend(given) or told
    )
    assert replace(made(root), on="local", uri="/home/josé/it's").look().verb == "done"
    assert words == ["shards=3", r"bucket='/home/josé/it\'s'", "look=true"]


def test_the_help_says_that_code_of_the_project_runs(root: Path) -> None:
    """With --dry-run too, as the page on security says of all that does."""
    said = " ".join(mx("data", "run", "--help", cwd=root).stdout.split())
    assert "It runs the project's code in the project's interpreter, with --dry-run too" in said


def test_a_job_that_fails_is_told(
    root: Path, jobs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SessionDouble, "outcome", "failed")
    with pytest.raises(MxError, match="failed: it had no memory left"):
        made(root).do(lambda _: None)
