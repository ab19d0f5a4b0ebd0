"""What `mx flow run` decides before a run goes to a cluster: template, image, tracking server, changes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from cluster_projects import committed, git, with_templates
from flow_projects import mx, project, with_environment

from mxdev.errors import MxError, UsageProblem
from mxdev.flow import tracking, words
from mxdev.flow.cluster import options as cluster_run
from mxdev.flow.cluster import submitter
from mxdev.flow.cluster.options import Options
from mxdev.flow.connection import Connection
from mxdev.flow.declared import mlproject

SERVER = tracking.Store("https://mlflow.example.com")
CLUSTER = Options(backend="kubernetes")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return with_templates(project(tmp_path / "p"))


@pytest.mark.parametrize(
    ("options", "passed_on", "says"),
    [
        (Options(image="i"), [], "--image: only for a run on a cluster"),
        (Options(detach=True, tracking_uri="u"), [], "--cluster-tracking-uri, --detach"),
        (Options("kubernetes", image="i", build=True), [], "--build is about"),
        (Options("distributed", image="i", registry="r"), [], "--registry is about"),
        (CLUSTER, ["-b", "local"], "-- -b"),
        (CLUSTER, ["--backend-config=x.json"], "--backend-config"),
    ],
)
def test_options_that_make_no_sense(options: Options, passed_on: list[str], says: str) -> None:
    with pytest.raises(UsageProblem, match=says):
        cluster_run.check(options, passed_on)
    cluster_run.check(CLUSTER, ["-P", "x=1"])
    cluster_run.check(Options(), ["-b", "databricks"])


def test_the_entry_point_by_default(root: Path) -> None:
    read = mlproject.read(root)
    assert cluster_run.default_entry(read, "distributed") == "trainer"
    path = root / "MLproject"
    path.write_text(path.read_text() + '  distributed:\n    command: "torchrun"\n')
    read = mlproject.read(root)
    assert cluster_run.default_entry(read, "distributed") == "distributed"
    assert cluster_run.default_entry(read, "kubernetes") == "trainer"
    assert cluster_run.default_entry(read, "local") == "trainer"


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("tiny", "tiny"),
        ("My_Model v2", "my-model-v2"),
        ("x" * 28 + "-y", "x" * 28),
        ("ünï", "n"),
        ("日本", "run"),
    ],
)
def test_the_name_of_a_job_is_a_dns_label(name: str, prefix: str) -> None:
    assert cluster_run.name_prefix(name) == prefix
    assert len(prefix) + 1 + words.SHORT <= 40


def test_the_configuration(root: Path) -> None:
    commit = committed(root)
    config = cluster_run.configuration(root, "tiny", CLUSTER, SERVER, {})
    assert config == {
        "backend": "kubernetes",
        "template": str(root / "infrastructure/kubernetes/train_job.yaml"),
        "kind": "Job",
        "name": "tiny",
        "image": f"localhost/tiny/run:{commit}",
        "context": None,
        "namespace": "team",
        "tracking_uri": "https://mlflow.example.com",
        "detach": False,
        "gpus": None,
        "queue": None,
        "submitter": [sys.executable, "-P", "-m", "mxdev.flow.cluster.submitter"],
    }
    options = Options("distributed", registry="r.example.com/a", namespace="other", context="c", detach=True)
    config = cluster_run.configuration(root, "tiny", options, SERVER, {})
    assert config["image"] == f"r.example.com/a/run:{commit}"
    assert (config["kind"], config["namespace"], config["context"]) == ("PyTorchJob", "other", "c")
    assert config["detach"]


def test_without_a_template_or_a_commit(root: Path) -> None:
    with pytest.raises(MxError, match=r"has no Git commit") as problem:
        cluster_run.configuration(root, "tiny", CLUSTER, SERVER, {})
    assert "--image" in str(problem.value)
    assert (
        cluster_run.configuration(root, "tiny", Options("kubernetes", image="i"), SERVER, {})["image"] == "i"
    )
    (root / "infrastructure/kubernetes/train_job.yaml").unlink()
    with pytest.raises(MxError, match=r"train_job\.yaml is missing"):
        cluster_run.configuration(root, "tiny", CLUSTER, SERVER, {})


class Cluster:
    namespace = "team"
    context = "here"


@pytest.mark.parametrize(
    ("uri", "options", "environ", "wanted"),
    [
        ("https://mlflow.example.com/x", CLUSTER, {}, "https://mlflow.example.com/x"),
        ("http://127.0.0.1:5000", CLUSTER, {}, "http://mlflow.team.svc.cluster.local:5000"),
        ("http://localhost:1", CLUSTER, {}, "http://mlflow.team.svc.cluster.local:5000"),
        ("http://[::1]:1", CLUSTER, {}, "http://mlflow.team.svc.cluster.local:5000"),
        ("http://localhost:1", CLUSTER, {"KUBE_MLFLOW_TRACKING_URI": "http://in:1"}, "http://in:1"),
        (
            "http://localhost:1",
            Options("kubernetes", tracking_uri="http://said:1"),
            {"KUBE_MLFLOW_TRACKING_URI": "http://in:1"},
            "http://said:1",
        ),
    ],
)
def test_where_pods_find_the_tracking_server(
    uri: str, options: Options, environ: dict[str, str], wanted: str
) -> None:
    cluster: Any = Cluster()
    assert cluster_run.pod_tracking(options, tracking.Store(uri), cluster, environ) == wanted


def test_no_password_goes_into_a_job(capsys: pytest.CaptureFixture[str]) -> None:
    cluster: Any = Cluster()
    store = tracking.Store("https://me:secret@mlflow.example.com:8/x")
    assert cluster_run.pod_tracking(CLUSTER, store, cluster, {}) == "https://mlflow.example.com:8/x"
    assert "Secret" in capsys.readouterr().err


def test_by_a_connection(tmp_path: Path) -> None:
    cluster: Any = Cluster()
    store = tracking.Store(
        "http://127.0.0.1:5000", connection=Connection(1, "http://127.0.0.1:5000", "here", "ml")
    )
    assert cluster_run.pod_tracking(CLUSTER, store, cluster, {}) == "http://mlflow.ml.svc.cluster.local:5000"
    cluster.context = "there"
    with pytest.raises(MxError, match="leads to the context here, and the job would go to there"):
        cluster_run.pod_tracking(CLUSTER, store, cluster, {})


@pytest.mark.parametrize("uri", ["", "sqlite:////abs/x.db", "runs"])
def test_a_store_that_no_pod_reaches(root: Path, uri: str) -> None:
    cluster: Any = Cluster()
    options = Options("kubernetes", tracking_uri="http://there:1")
    with pytest.raises(MxError, match="no pod of a cluster can reach") as problem:
        cluster_run.pod_tracking(options, tracking.store(root, {"MLFLOW_TRACKING_URI": uri}), cluster, {})
    assert "mx flow connect" in str(problem.value)


def test_what_is_not_committed_is_said(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cluster_run.uncommitted(root) == [], "outside of a repository"
    committed(root)
    cluster_run.say_changes(root, CLUSTER)
    assert capsys.readouterr().err == ""
    for number in range(5):
        (root / f"new {number}.py").write_text("")
    (root / "src/tiny/__init__.py").write_text("changed")
    git(root, "mv", "MLproject", "mlproject.new")
    files = cluster_run.uncommitted(root)
    assert sorted(files) == [
        "mlproject.new",
        *(f"new {number}.py" for number in range(5)),
        "src/tiny/__init__.py",
    ]
    cluster_run.say_changes(root, CLUSTER)
    said = capsys.readouterr().err
    assert "not in the image of this commit: mlproject.new, new 0.py, new 1.py" in said
    assert "and 2 more" in said
    cluster_run.say_changes(root, Options("kubernetes", image="own:1"))
    assert "only if own:1 was built with them" in capsys.readouterr().err
    with pytest.raises(MxError, match="not committed"):
        cluster_run.say_changes(root, Options("kubernetes", build=True))


def test_a_template_that_cannot_be_filled_in_is_said_before_a_run_is_made(root: Path) -> None:
    path = root / "infrastructure/kubernetes/train_job.yaml"
    path.write_text("apiVersion: batch/v1\nkind: Job\nmetadata: {name: x}\nspec: {}\n")
    committed(root)
    config = cluster_run.configuration(root, "tiny", Options("kubernetes", namespace="n"), SERVER, {})
    with pytest.raises(MxError, match=r"train_job\.yaml: .*spec\.template"):
        cluster_run.prepare(root, CLUSTER, config)


def test_the_submitter_reports_what_it_cannot_fill_in(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import io

    job = {"template": str(root / "none.yaml"), "namespace": "n", "report": str(root / "report.json")}
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(job)))
    assert submitter.main() == 4
    report = json.loads((root / "report.json").read_text())
    assert report["outcome"] == "refused"
    assert "none.yaml is missing" in report["reason"]
    assert "none.yaml is missing" in capsys.readouterr().err


def test_from_the_command_line(root: Path) -> None:
    """Everything that can be said before MLflow is started is said before."""
    with_environment(root)
    server = {"MLFLOW_TRACKING_URI": "https://mlflow.example.com"}
    done = mx("flow", "run", "--detach", cwd=root, **server)
    assert (done.returncode, "--backend" in done.stderr) == (2, True)
    committed(root)
    done = mx("flow", "run", "--backend", "kubernetes", cwd=root)
    assert done.returncode == 4
    assert "no pod of a cluster can reach" in done.stderr
    (root / "extra.py").write_text("")
    done = mx("flow", "run", "--backend", "kubernetes", "--build", "--dry-run", cwd=root, **server)
    assert done.returncode == 4
    assert "not committed (extra.py)" in done.stderr
    assert not (root / "seen.json").exists()
