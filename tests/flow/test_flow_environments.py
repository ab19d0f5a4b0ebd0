"""`mx flow -E NAME`: the cluster, the namespace, the job and the tracking server of that environment, and of no other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster_projects import JOB, committed, tracking_server, with_templates
from flow_projects import clean, mx, project, seen, with_environment
from test_flow_connect import Cluster, Connect, cluster, nothing_stays, port
from test_flow_jobs import Cluster as Objects
from test_flow_light import POINTS, SEARCH

from mxdev.connect import target
from mxdev.errors import MxError, Refused
from mxdev.flow import connection, runner, tracking
from mxdev.flow.cluster import jobs, pool, submitter
from mxdev.flow.cluster import options as cluster_run
from mxdev.flow.cluster.jobs import Jobs
from mxdev.flow.cluster.options import Options

__all__ = ["cluster", "nothing_stays", "port"]

OWN = "namespace: tiny-production\nreplace:\n  tiny-trainer: tiny-production-trainer\n"
CONTEXTS = ("mx-tiny", "mx-tiny-production")
SERVER = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project `tiny` with the environment `production`, each with a context; somebody else's is the current one."""
    root = with_templates(with_environment(project(tmp_path / "p")))
    job = root / "infrastructure/kubernetes/train_job.yaml"
    job.write_text(
        JOB.replace("namespace: team", "namespace: tiny").replace(
            "    spec:\n      restart", "    spec:\n      serviceAccountName: tiny-trainer\n      restart"
        )
    )
    (root / "infrastructure/environments").mkdir()
    (root / "infrastructure/environments/production.yaml").write_text(OWN)
    entries = [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in (*CONTEXTS, "other")]
    config = {"apiVersion": "v1", "kind": "Config", "contexts": entries, "current-context": "other"}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    return root


def test_the_job_is_the_environments(root: Path) -> None:
    committed(root)
    options = Options(
        "kubernetes", environment="production", namespace="tiny-production", context="mx-tiny-production"
    )
    store = tracking.store(root, SERVER, "production")
    config = cluster_run.configuration(root, "tiny", options, store, SERVER)
    assert (config["context"], config["namespace"]) == ("mx-tiny-production", "tiny-production")
    assert config["tracking_uri"] == "http://mlflow.tiny-production.svc.cluster.local:5000"
    job = submitter.filled({**config, "command": "c", "environment": {}, "run_id": "r"})
    assert job["metadata"]["namespace"] == "tiny-production"
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == "tiny-production-trainer"
    first = cluster_run.configuration(root, "tiny", Options("kubernetes"), store, SERVER)
    assert (
        submitter.filled({**first, "command": "c", "environment": {}, "run_id": "r"})["metadata"]["namespace"]
        == "tiny"
    )


def test_the_command_line_takes_it_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `run`, `accept` and `sweep` ask of the backend; `runner.run` is a double that notes it."""
    asked: list[runner.RunRequest] = []

    def noted(root: Path, name: str, request: runner.RunRequest, environ: Any) -> int:
        asked.append(request)
        return 0

    from click.testing import CliRunner

    from mxdev.flow.command import flow

    monkeypatch.setattr(runner, "run", noted)
    monkeypatch.chdir(root)
    (root / "MLproject").write_text(POINTS + SEARCH.replace("NAME", "search"))
    for words in (["run"], ["accept"], ["sweep"]):
        done = CliRunner().invoke(flow, [*words, "-E", "production", "--backend", "kubernetes"])
        assert done.exception is None, done.output
    assert {(one.cluster.environment, one.cluster.context, one.cluster.namespace) for one in asked} == {
        ("production", "mx-tiny-production", "tiny-production")
    }
    assert len(asked) == 3
    CliRunner().invoke(flow, ["run", "--backend", "kubernetes"])
    assert (asked[-1].cluster.context, asked[-1].cluster.namespace) == ("mx-tiny", None)


def test_the_context_is_never_somebody_elses(root: Path) -> None:
    assert target.context(root, None, "production") == "mx-tiny-production"
    assert target.context(root, "mine", "production") == "mine"
    path = Path(os.environ["KUBECONFIG"])
    path.write_text(path.read_text().replace("mx-tiny-production", "mx-tiny-staging"))
    with pytest.raises(MxError, match="no context mx-tiny-production") as problem:
        target.context(root, None, "production")
    assert "`mx connect -E production`" in str(problem.value)
    with pytest.raises(Refused, match="no environment called stagnig"):
        target.context(root, "mine", "stagnig")


def test_a_run_is_recorded_there_or_refused(root: Path) -> None:
    for command in (
        ["run"],
        ["run", "--backend", "kubernetes"],
        ["list"],
        ["ui"],
        ["rerun", "abc"],
        ["resume", "abc"],
    ):
        done = mx("flow", *command, "-E", "production", cwd=root)
        assert done.returncode == 4, (command, done.stdout, done.stderr)
        assert "nothing leads to the tracking server of the environment production" in done.stderr
        assert "`mx flow connect -E production`" in done.stderr
    assert not (root / "seen.json").exists()
    done = mx("flow", "run", "-E", "production", cwd=root, MLFLOW_TRACKING_URI="sqlite:////x.db")
    assert "recording in sqlite:////x.db" in done.stderr
    page = mx("flow", "ui", "-E", "production", cwd=root, MLFLOW_TRACKING_URI="https://mlflow.example.com")
    assert page.stdout == "https://mlflow.example.com\n"


def test_two_environments_are_connected_at_once(root: Path, cluster: Cluster, port: int) -> None:
    own = Connect(root, cluster, port, "-E", "production")
    address = f"http://127.0.0.1:{port}"
    own.says(f"{address}\n")
    assert "connected to mlflow in the namespace tiny-production of mx-tiny-production" in own.said
    arguments = (cluster.folder / "arguments").read_text().splitlines()
    assert arguments[:4] == ["--context", "mx-tiny-production", "--namespace", "tiny-production"]
    # Another environment's server is not where runs without -E go.
    assert connection.live(root) is None
    assert tracking.store(root, {}).folder is not None
    first = Connect(root, cluster, port + 1)
    first.says(f"http://127.0.0.1:{port + 1}\n")
    found = connection.live(root), connection.live(root, "production")
    assert [one and one.namespace for one in found] == ["tiny", "tiny-production"]

    (root / "infrastructure/environments/staging.yaml").write_text("namespace: tiny-staging\n")
    for url in (address, f"http://127.0.0.1:{port + 1}/"):
        with pytest.raises(MxError, match="and not that of the environment staging"):
            tracking.store(root, {"MLFLOW_TRACKING_URI": url}, "staging")

    ran = mx("flow", "run", "-E", "production", cwd=root, MLFLOW_TRACKING_URI="http://127.0.0.1:1")
    assert f"recording in {address} (the namespace tiny-production, by" in ran.stderr
    environment = seen(root)["environment"]
    assert isinstance(environment, dict)
    assert environment["MLFLOW_TRACKING_URI"] == address
    store = tracking.store(root, {}, "production")
    with pytest.raises(
        MxError, match="leads to the context mx-tiny-production, and the job would go to mx-tiny"
    ):
        cluster_run.configuration(
            root, "tiny", Options("kubernetes", image="i", context="mx-tiny"), store, {}
        )
    assert own.end() == 0
    assert not (root / connection.file_of("production")).exists()
    assert (root / connection.FILE).exists()


def test_jobs_are_looked_for_there(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    objects = Objects()
    monkeypatch.setattr(jobs, "Kubectl", objects.kubectl)
    run = "a" * 32
    objects.add(run)
    objects.objects["tiny-production", "jobs.batch"] = objects.objects.pop(("team", "jobs.batch"))
    where = target.context(root, None, "production"), target.namespace(root, None, "production")
    with tracking_server() as server:
        server.add(run, mx_job=f"Job/tiny-production/tiny-{run[:10]}", mx_context="mx-tiny-production")
        found, _ = Jobs(root, "tiny", *where, {"MLFLOW_TRACKING_URI": server.uri}, "production").look()
    assert [(one.run_id, one.kubectl.context, one.run and one.run.status) for one in found] == [
        (run, "mx-tiny-production", "RUNNING")
    ]
    # Without its tracking server the jobs are shown, and what is missing is said.
    found, _ = Jobs(root, "tiny", *where, {}, "production").look()
    assert [one.run for one in found] == [None]
    assert "`mx flow connect -E production`" in capsys.readouterr().err


def test_what_comes_next_names_the_environment(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = runner.RunRequest(cluster=Options("kubernetes", environment="production"))
    launch = runner.plan(
        root, "tiny", request, {}, root / ".venv/bin/python", {**clean(), **SERVER}, {"name": "tiny"}
    )
    result = {"run_id": "a" * 32, "name": "fox", "status": "RUNNING", "experiment_id": "1", "metrics": {}}
    runner._tell(launch, result)
    said = capsys.readouterr().err
    for command in (
        "status -E production aaaaaaaaaa",
        "logs -E production aaaaaaaaaa --follow",
        "cancel -E production aaaaaaaaaa",
    ):
        assert f"`mx flow {command}`" in said


def test_a_pool_of_its_own_size(root: Path) -> None:
    folder = root / "infrastructure/terraform"
    (folder / "environments").mkdir(parents=True)
    (folder / "terraform.tfvars").write_text('gpu_nodes = { machine_type = "g", max = 8 }\n')
    assert pool.largest(root, "production") == 8
    (folder / "environments/production.tfvars").write_text(
        'name = "tiny-production"\ngpu_nodes = { max = 2 }\n'
    )
    assert (pool.largest(root), pool.largest(root, "production")) == (8, 2)
