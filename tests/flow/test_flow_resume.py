"""Which runs can go on, and which not; MLflow and the cluster are stand-ins here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cluster_projects import committed, with_templates
from flow_projects import clean, project, seen, with_environment

from mxdev.cluster.manifest import KINDS, JobRef
from mxdev.errors import Refused, UsageProblem
from mxdev.flow import resume
from mxdev.flow.rerun import reading
from mxdev.flow.rerun.reading import LoggedRun
from mxdev.flow.resume import ResumeRequest
from mxdev.flow.words import ENTRY_POINT

RUN = LoggedRun(
    id="0123456789abcdef0123456789abcdef",
    name="bold-fox",
    status="KILLED",
    deleted=False,
    experiment_id="7",
    params={"epochs": "30", "note": "it's; $HOME", "training.epochs": "30"},
    tags={ENTRY_POINT: "trainer", "git.commit": "a" * 40},
    metrics={},
)
CLUSTER = {
    "mx.backend": "kubernetes",
    "mx.image": "registry/run:abc",
    "mx.job": "Job/team/tiny-0123456789",
    "mx.context": "prod",
    "mx.command": "python -m tiny.trainer 30 it",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = with_environment(with_templates(project(tmp_path / "p")))
    (root / ".gitignore").write_text(".venv/\n.mlflow/\nseen.json\n")
    committed(root)
    (root / ".mlflow").mkdir()
    (root / ".mlflow" / "mlflow.db").touch()
    return root


def go_on(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: LoggedRun,
    environ: dict[str, str] | None = None,
    **asked: Any,
) -> int:
    monkeypatch.setattr(reading, "read", lambda *_: run)
    return resume.resume(root, "tiny", ResumeRequest(run.id[:10], **asked), clean(**(environ or {})))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "FINISHED"}, "it is finished.\n`mx flow rerun 0123456789` repeats it."),
        ({"deleted": True}, "it is deleted.\n`mlflow runs restore"),
        ({"status": "RUNNING"}, "its status is RUNNING.\nIf its process is gone"),
        (
            {"tags": {"mlflow.source.name": "/a/train.py"}},
            "it was made by /a/train.py and not by an entry point",
        ),
        (
            {"tags": {ENTRY_POINT: "trainer", "mx.backend": "kubernetes"}},
            "nobody knows in which image it ran.",
        ),
    ],
)
def test_what_cannot_go_on(
    root: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Refused) as problem:
        go_on(root, monkeypatch, replace(RUN, **changes))
    assert f"the run {RUN.id} (bold-fox) cannot be resumed: {reason}" in str(problem.value)
    assert not (root / "seen.json").exists()


def test_a_project_without_runs(root: Path) -> None:
    (root / ".mlflow" / "mlflow.db").unlink()
    with pytest.raises(UsageProblem, match="has no runs"):
        resume.resume(root, "tiny", ResumeRequest("abc"), clean())


@pytest.mark.parametrize(("status", "force"), [("KILLED", False), ("FAILED", False), ("RUNNING", True)])
def test_a_run_of_this_machine_keeps_its_id(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    status: str,
    force: bool,
) -> None:
    assert go_on(root, monkeypatch, replace(RUN, status=status), force=force) == 0
    call: Any = seen(root)
    assert call["arguments"] == [
        *["run", ".", "-e", "trainer", "--env-manager", "local"],
        *["-P", "epochs=30", "-P", "note=it's; $HOME"],
        *["--experiment-id", "7", "--run-id", RUN.id],
    ]
    err = capfd.readouterr().err
    assert "ran at commit aaaaaaaaaaaa, and goes on at " in err
    assert f"run      {RUN.id} (bold-fox)" in err, "the report is about the run that goes on"


def test_a_run_goes_on_with_the_values_it_was_given_for_hydra(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = {**RUN.tags, "mx.overrides": '["training.weight_decay=0.01"]'}
    plans: list[Any] = []
    plan = resume.runner.plan
    monkeypatch.setattr(resume.runner, "plan", lambda *given: plans.append(plan(*given)) or plans[-1])
    assert go_on(root, monkeypatch, replace(RUN, status="KILLED", tags=noted), dry_run=True) == 0
    assert [launch.overrides for launch in plans] == [("training.weight_decay=0.01",)]


def test_what_is_about_a_cluster_is_not_for_a_run_of_this_machine(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageProblem, match=r"--context, --detach: the run .* did not run on a cluster"):
        go_on(root, monkeypatch, RUN, context="prod", detach=True)


class Jobs:
    """The jobs of a project: none, or one in a phase."""

    phase = ""
    asked: tuple[Any, ...] = ()

    def __init__(
        self,
        root: Path,
        name: str,
        context: str | None,
        namespace: str | None,
        _: Any,
        environment: str | None,
    ) -> None:
        Jobs.asked = (context, namespace)

    def look(self, run: str) -> tuple[list[Any], list[Any]]:
        assert run == RUN.id
        if not Jobs.phase:
            return [], []
        over = Jobs.phase in ("failed", "succeeded")
        state = SimpleNamespace(phase=Jobs.phase, over=over)
        return [SimpleNamespace(ref=JobRef(KINDS[0], "tiny-0123456789"), state=state, kubectl="k")], []


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is launched, and before it what is removed."""
    found: list[Any] = []
    monkeypatch.setattr(resume, "Jobs", Jobs)
    monkeypatch.setattr(resume.submit, "cancel", lambda kubectl, ref: found.append(ref.name))
    monkeypatch.setattr(resume.tracking, "prepare", lambda *_: None)
    monkeypatch.setattr(resume.cluster_run, "prepare", lambda root, options, config: config)

    def execute(launch: Any, environ: Any) -> Any:
        found.append(launch)
        return SimpleNamespace(code=0), None

    monkeypatch.setattr(resume.runner, "execute", execute)
    return found


SERVER = {"MLFLOW_TRACKING_URI": "https://mlflow.example.com"}


@pytest.mark.parametrize("phase", ["", "failed"])
def test_a_job_is_submitted_again_as_it_was(
    root: Path, monkeypatch: pytest.MonkeyPatch, launched: list[Any], phase: str
) -> None:
    Jobs.phase = phase
    run = replace(RUN, tags={**RUN.tags, **CLUSTER})
    assert go_on(root, monkeypatch, run, SERVER, detach=True) == 0
    assert Jobs.asked == ("prod", "team")
    *removed, launch = launched
    assert removed == (["tiny-0123456789"] if phase else [])
    config = launch.config
    assert {key: config[key] for key in ("run_id", "image", "context", "namespace", "command", "detach")} == {
        "run_id": RUN.id,
        "image": "registry/run:abc",
        "context": "prod",
        "namespace": "team",
        "command": "python -m tiny.trainer 30 it",
        "detach": True,
    }
    assert launch.run_id == RUN.id
    told = json.loads(launch.arguments[launch.arguments.index("--backend-config") + 1])
    assert told["run_id"] == RUN.id


@pytest.mark.parametrize(
    ("phase", "says"),
    [
        ("running", "is running.\n`mx flow logs"),
        ("pending", "is pending.\n"),
        ("succeeded", "has succeeded."),
    ],
)
def test_a_job_that_is_there_still(
    root: Path, monkeypatch: pytest.MonkeyPatch, launched: list[Any], phase: str, says: str
) -> None:
    Jobs.phase = phase
    with pytest.raises(Refused) as problem:
        go_on(root, monkeypatch, replace(RUN, tags={**RUN.tags, **CLUSTER}), SERVER)
    assert f"cannot be resumed: Job tiny-0123456789 {says}" in str(problem.value)
    assert launched == []


def test_another_context_and_an_older_run(
    root: Path, monkeypatch: pytest.MonkeyPatch, launched: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """One that did not log its command runs what MLproject says now."""
    Jobs.phase = ""
    tags = {key: value for key, value in CLUSTER.items() if key != "mx.command"}
    assert go_on(root, monkeypatch, replace(RUN, tags={**RUN.tags, **tags}), SERVER, context="other") == 0
    assert Jobs.asked == ("other", "team")
    assert launched[0].config["context"] == "other"
    assert launched[0].config["command"] is None
    assert "did not log its command" in capsys.readouterr().err
