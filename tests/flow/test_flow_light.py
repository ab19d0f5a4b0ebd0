"""`mx flow accept` and `mx flow sweep`: what they make of their arguments for the entry points that are rendered."""

from __future__ import annotations

import itertools
import json
import shlex
from pathlib import Path

import pytest
from cluster_projects import committed, with_templates
from flow_projects import mx, project, with_environment

from mxdev.errors import MxError
from mxdev.flow.cluster import trials
from mxdev.flow.cluster.options import Options

POINTS = """\
name: tiny
entry_points:
  accept:
    parameters:
      decide: {type: string, default: rule}
      train: {type: string, default: never}
    command: "python -m tiny.acceptance decide={decide} train={train}"
"""
SEARCH = """\
  NAME:
    parameters:
      trials: {type: int, default: 20}
      at_once: {type: int, default: 1}
    command: "python -m tiny.NAME trials={trials} at_once={at_once}"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = with_environment(project(tmp_path / "p"))
    (found / "MLproject").write_text(POINTS)
    return found


def called(root: Path, *arguments: str) -> tuple[list[str], list[str]]:
    """The `-P` values that MLflow would be called with, and what would be appended to the command for Hydra."""
    done = mx("flow", *arguments, "--dry-run", cwd=root)
    assert done.returncode == 0, done.stderr
    command, _, appended = done.stdout.partition("# mx appends to the entry point's command: ")
    words = shlex.split(command)
    return [value for flag, value in itertools.pairwise(words) if flag == "-P"], shlex.split(appended)


def test_the_candidate_is_accepted_or_refused(root: Path) -> None:
    assert called(root, "accept") == (["decide=yes"], [])
    assert called(root, "accept", "7") == (["decide=yes"], ["version='7'"])
    refused = called(root, "accept", "7", "--refuse", "--reason", "it's {too} slow, 3=2")
    assert refused == (["decide=no"], ["version='7'", r"reason='it\'s {too} slow, 3=2'"])
    assert called(root, "accept", "--back") == (["decide=back"], [])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["7", "--back"], "--back goes from the accepted version"),
        (["abcdef12"], "has no run abcdef12"),
        (["best-one"], "neither the number of a version nor the id of a run"),
        (["7", "--reason", "a\nb"], "--reason is one line"),
        (["7", "--reason", "${oc.env:HOME}"], "--reason is one line"),
        (["7", "--detach"], "--detach: only for a run on a cluster"),
    ],
)
def test_what_cannot_be_accepted_is_refused(root: Path, arguments: list[str], says: str) -> None:
    done = mx("flow", "accept", *arguments, cwd=root)
    assert done.returncode == 2
    assert says in done.stderr
    assert not (root / "seen.json").exists()


def test_a_project_without_the_gate_is_told_how_to_get_it(tmp_path: Path) -> None:
    root = project(tmp_path / "p")
    done = mx("flow", "accept", cwd=root)
    assert done.returncode == 2
    assert "`mx generate Acceptance` adds it" in done.stderr


def test_the_only_search_needs_no_name(root: Path) -> None:
    points = root / "MLproject"
    done = mx("flow", "sweep", cwd=root)
    assert done.returncode == 2
    assert "`mx generate Sweep search` adds one" in done.stderr
    points.write_text(POINTS + SEARCH.replace("NAME", "search"))
    assert called(root, "sweep") == ([], [])
    assert called(root, "sweep", "search", "--trials=5", "--at-once=2") == (["trials=5", "at_once=2"], [])
    points.write_text(points.read_text() + SEARCH.replace("NAME", "deep"))
    done = mx("flow", "sweep", cwd=root)
    assert done.returncode == 2
    assert "several searches: search, deep" in done.stderr
    done = mx("flow", "sweep", "accept", cwd=root)
    assert done.returncode == 2
    assert "no search `accept`" in done.stderr


def with_a_cluster(root: Path) -> Path:
    (root / "MLproject").write_text(POINTS + SEARCH.replace("NAME", "search"))
    with_templates(root)
    (root / ".gitignore").write_text(".venv/\n")
    committed(root)
    return root


JOBS = ("sweep", "--backend=kubernetes", "--jobs=3", "--image=i:1")


def test_trials_become_jobs_of_a_search_that_runs_here(root: Path) -> None:
    done = mx(
        "flow", *JOBS, "--context=c", "--queue=q", "--trials=8", "--dry-run",
        cwd=with_a_cluster(root), MLFLOW_TRACKING_URI="http://tracking:5000",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    words = shlex.split(done.stdout)
    assert "--backend" not in words
    assert [value for flag, value in itertools.pairwise(words) if flag == "-P"] == ["trials=8", "at_once=3"]
    (told,) = [json.loads(word.partition("=")[2]) for word in words if word.startswith("MX_TRIALS=")]
    expected = {"image": "i:1", "context": "c", "namespace": "team", "queue": "q", "kind": "Job"}
    assert {key: told[key] for key in expected} == expected
    assert told["tracking_uri"] == "http://tracking:5000"
    options = trials.recorded(trials.tags({trials.VARIABLE: json.dumps(told)}))
    assert options == Options("kubernetes", image="i:1", context="c", namespace="team", queue="q", tracking_uri="http://tracking:5000")  # fmt: skip
    elsewhere = mx(
        "flow",
        *JOBS,
        "--context=c",
        "--namespace=other",
        "--dry-run",
        cwd=root,
        MLFLOW_TRACKING_URI="http://t:5000",
    )
    assert '"namespace": "other"' in elsewhere.stdout, elsewhere.stderr
    assert trials.recorded({}) is None
    assert trials.recorded({trials.TAG: "[]"}) is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sweep", "--jobs=3"], "Add `--backend kubernetes`"),
        ([*JOBS, "--at-once=2"], "leave out --at-once"),
        ([*JOBS, "--detach"], "this machine says what is tried next"),
        ([*JOBS], "which no pod of a cluster can reach"),
    ],
)
def test_trials_cannot_be_jobs(root: Path, arguments: list[str], says: str) -> None:
    done = mx("flow", *arguments, cwd=with_a_cluster(root))
    assert done.returncode in (2, 4)
    assert says in done.stderr
    assert not (root / "seen.json").exists()


def test_there_are_not_more_jobs_than_gpus(root: Path) -> None:
    template = root / "infrastructure/kubernetes/train_job.yaml"
    with_a_cluster(root)
    folder = root / "infrastructure/terraform"
    folder.mkdir()
    (folder / "terraform.tfvars").write_text("gpu_nodes = { max = 2 }\n")
    trials.check_pool(root, 3)
    gpu = "          resources: {limits: {nvidia.com/gpu: '1'}}\n"
    template.write_text(template.read_text() + gpu)
    trials.check_pool(root, 2)
    with pytest.raises(MxError, match="grows to 2"):
        trials.check_pool(root, 3)
