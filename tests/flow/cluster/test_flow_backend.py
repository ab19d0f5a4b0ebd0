"""MLflow's project backend `mx` in the real MLflow, with stand-ins for the process that talks to the cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster_projects import committed, with_templates
from flow_projects import clean, environment, install, mx, project
from ml_environment import ml_python

__all__ = ["ml_python"]

REPOSITORY = Path(__file__).parents[3]

# Notes what it gets and does what a container's command would: `note` decides how the job ends.
SUBMITTER = """\
import json, pathlib, sqlite3, sys
job = json.load(sys.stdin)
how = job["command"].split()[-1]
pathlib.Path(f"job-{how}.json").write_text(json.dumps(job))
if how.startswith("closed-"):
    # As training does it, but without the seconds that importing MLflow takes.
    _, status, how = how.split("-")
    with sqlite3.connect("runs.db", timeout=60) as store:
        store.execute("UPDATE runs SET status = ? WHERE run_uuid = ?", (status, job["run_id"]))
if how != "nothing":
    pathlib.Path(job["report"]).write_text(json.dumps({"outcome": how, "reason": "so it is"}))
"""
# Runs the entry point once for each ending, in one process: importing MLflow takes seconds.
DRIVER = """\
import importlib.metadata, json, sys
import mlflow
from mlflow.projects.submitted_run import SubmittedRun
results = {}
for how in sys.argv[2:]:
    config = {**json.loads(sys.argv[1]), "detach": how == "submitted"}
    if how == "lacks":
        del config["image"]
    try:
        run = mlflow.projects.run(".", "trainer", parameters={"note": how}, experiment_name="e", backend="mx",
                                  backend_config=config, synchronous=False, env_manager="local")
        assert isinstance(run, SubmittedRun)
        error = None
    except mlflow.exceptions.ExecutionException as problem:
        error = str(problem)
    client = mlflow.MlflowClient()
    newest = client.search_runs(["1"], order_by=["attributes.start_time DESC"])[0]
    results[how] = [newest.info.status, error, newest.data.tags, newest.info.run_id, newest.data.params]
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def root(ml_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose environment has MLflow, and mx as an installed plugin of it."""
    root = with_templates(project(tmp_path_factory.mktemp("backend") / "p"))
    (root / ".gitignore").write_text(".venv/\n")
    packages = environment(root / ".venv", ml_python)
    install(packages, "tiny", root)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    real = subprocess.run([ml_python, "-c", where], capture_output=True, text=True, check=True).stdout
    (packages / "ml.pth").write_text(real)
    (root / "submitter.py").write_text(SUBMITTER)
    return root


@pytest.fixture(scope="module")
def plugin(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH in which mx is installed, as its wheel would be."""
    import tomllib

    folder = tmp_path_factory.mktemp("plugin")
    (folder / "mxdev").symlink_to(REPOSITORY / "mxdev")
    groups = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["entry-points"]
    points = groups["mlflow.project_backend"]
    info = folder / "mx_devtool-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mx-devtool\nVersion: 1.0\n")
    lines = [f"{name} = {value}" for name, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[mlflow.project_backend]", *lines, ""]))
    return folder


ENDINGS = {
    "succeeded": ("FINISHED", None),
    "failed": ("FAILED", "failed: so it is"),
    "refused": ("FAILED", "refused: so it is"),
    "killed": ("KILLED", "killed: so it is"),
    "submitted": ("RUNNING", None),
    "nothing": ("RUNNING", "may go on: its submitter came to no end of its own; `mx flow status` shows it"),
    "closed-FINISHED-failed": ("FAILED", "failed: so it is"),
    "closed-FAILED-succeeded": ("FAILED", None),
    "closed-FAILED-killed": ("KILLED", "killed: so it is"),
}


@pytest.fixture(scope="module")
def results(root: Path, plugin: Path) -> dict[str, Any]:
    """A run for each ending, by MLflow's own function and the installed plugin."""
    config = {
        "template": "t.yaml",
        "name": "tiny",
        "image": "r/run:1",
        "kind": "Job",
        "context": "c",
        "namespace": "n",
        "tracking_uri": "http://there:5000",
        "backend": "kubernetes",
        "run_name": "bold",
        "submitter": [sys.executable, "submitter.py"],
    }
    python = root / ".venv/bin/python"
    done = subprocess.run(
        [python, "-c", DRIVER, json.dumps(config), *ENDINGS, "lacks"],
        cwd=root,
        env=clean(PYTHONPATH=str(plugin), MLFLOW_TRACKING_URI=f"sqlite:///{root}/runs.db"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.parametrize("how", ENDINGS)
def test_the_run_ends_as_its_job_does(results: dict[str, Any], how: str) -> None:
    status, error, _, run_id, _ = results[how]
    wanted, says = ENDINGS[how]
    assert status == wanted
    assert error == (says and f"Run (ID '{run_id}'){'' if 'may go on' in says else ':'} {says}")


def test_what_the_submitter_gets(root: Path, results: dict[str, Any]) -> None:
    job = json.loads((root / "job-succeeded.json").read_text())
    run_id = results["succeeded"][3]
    assert job.pop("report")
    assert job == {
        "template": "t.yaml",
        "image": "r/run:1",
        "context": "c",
        "namespace": "n",
        "detach": False,
        "gpus": None,
        "queue": None,
        "name": f"tiny-{run_id[:10]}",
        "run_id": run_id,
        "command": "python -m tiny.trainer 2 succeeded",
        "environment": {
            "MLFLOW_RUN_ID": run_id,
            "MLFLOW_TRACKING_URI": "http://there:5000",
            "MLFLOW_EXPERIMENT_ID": "1",
        },
    }
    assert json.loads((root / "job-submitted.json").read_text())["detach"] is True


def test_what_the_run_knows(results: dict[str, Any]) -> None:
    _, _, tags, run_id, params = results["succeeded"]
    assert params == {"epochs": "2", "note": "succeeded"}
    assert tags["mlflow.project.backend"] == "mx"
    assert tags["mlflow.project.entryPoint"] == "trainer"
    assert tags["mlflow.runName"] == "bold"
    assert tags["mx.backend"] == "kubernetes"
    assert tags["mx.image"] == "r/run:1"
    assert tags["mx.context"] == "c"
    assert tags["mx.job"] == f"Job/n/tiny-{run_id[:10]}"
    assert tags["mx.command"] == "python -m tiny.trainer 2 succeeded"


def test_a_configuration_that_lacks_something(results: dict[str, Any]) -> None:
    assert results["lacks"][1] == "The configuration of the backend mx lacks image; `mx flow run` makes one."
    assert results["lacks"][3] == results["closed-FAILED-killed"][3], "no run was made"


def test_by_mlflows_command_line(root: Path, plugin: Path) -> None:
    """The plugin where it is installed: `mlflow run` waits, and fails as the job does."""
    config = {"template": "t", "name": "n", "image": "i", "submitter": [sys.executable, "submitter.py"]}
    words = ["-m", "mlflow", "run", ".", "-e", "trainer", "--env-manager", "local", "-b", "mx"]
    done = subprocess.run(
        [root / ".venv/bin/python", *words, "-P", "note=failed", "-c", json.dumps(config)],
        cwd=root,
        env=clean(PYTHONPATH=str(plugin), MLFLOW_TRACKING_URI=f"sqlite:///{root}/runs.db"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "failed: so it is ===" in done.stderr


def test_a_run_that_goes_on(root: Path, plugin: Path, results: dict[str, Any]) -> None:
    """It keeps its id, runs the command that it had, and is what it was where nothing was submitted."""
    run_id = results["killed"][3]
    words = ["-m", "mlflow", "run", ".", "-e", "trainer", "--env-manager", "local", "-b", "mx"]
    known = {
        "template": "t",
        "name": "n",
        "image": "i",
        "submitter": [sys.executable, "submitter.py"],
        "run_id": run_id,
    }
    script = "import mlflow, sys; c = mlflow.MlflowClient(); print(c.get_run(sys.argv[1]).info.status, len(c.search_runs(['0', '1'])))"
    env = clean(PYTHONPATH=str(plugin), MLFLOW_TRACKING_URI=f"sqlite:///{root}/runs.db")

    def go_on(how: str) -> list[str]:
        config = json.dumps({**known, "command": f"as it was {how}"})
        python = root / ".venv/bin/python"
        subprocess.run(
            [python, *words, "-P", "note=other", "--experiment-id", "1", "-c", config],
            cwd=root, env=env, capture_output=True, check=False,
        )  # fmt: skip
        asked = subprocess.run(
            [python, "-c", script, run_id], env=env, capture_output=True, text=True, check=True
        )
        return asked.stdout.split()

    before = go_on("refused")
    assert before[0] == "KILLED"
    job = json.loads((root / "job-refused.json").read_text())
    assert (job["run_id"], job["command"]) == (run_id, "as it was refused")
    assert go_on("closed-FINISHED-succeeded") == ["FINISHED", before[1]], "no other run was made"


def test_a_dry_run_shows_what_would_be_submitted(root: Path) -> None:
    """By the real MLflow, without a tracking server, a cluster, or mx in the project's environment."""
    commit = committed(root)
    note = 'it\'s $HOME $(KEPT) $$ "q" ü; * %'
    done = mx(
        *[
            "flow",
            "run",
            "--backend",
            "kubernetes",
            "--dry-run",
            "-P",
            f"note={note}",
            "--namespace",
            "other",
            "--queue",
            "team-a",
        ],
        cwd=root,
        MLFLOW_TRACKING_URI="http://127.0.0.1:1",
        KUBECONFIG=str(root / "none"),
    )
    assert done.returncode == 0, done.stderr
    manifest = yaml.safe_load(done.stdout)
    labels = {"app.kubernetes.io/managed-by": "mx", "mlflow-run-id": "run-id"}
    assert manifest["metadata"] == {
        "name": "tiny-run-id",
        "namespace": "other",
        "labels": {"app.kubernetes.io/part-of": "tiny", "kueue.x-k8s.io/queue-name": "team-a", **labels},
    }
    pod = manifest["spec"]["template"]
    assert pod["metadata"]["labels"] == labels
    container = pod["spec"]["containers"][0]
    assert container["image"] == f"localhost/tiny/run:{commit}"
    assert container["env"] == [
        {"name": "KEPT", "value": "1"},
        {"name": "MLFLOW_RUN_ID", "value": "run-id"},
        {"name": "MLFLOW_TRACKING_URI", "value": "http://mlflow.other.svc.cluster.local:5000"},
        {"name": "MLFLOW_EXPERIMENT_ID", "value": "experiment-id"},
    ]
    # What Kubernetes and then bash make of it is what was asked for.
    assert container["command"][:2] == ["bash", "-c"]
    line = container["command"][2].replace("python -m tiny.trainer", "printf '%s\\n'").replace("$$", "$")
    said = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True).stdout
    assert said == f"2\n{note}\n"
    assert not (root / ".mlflow").exists()
