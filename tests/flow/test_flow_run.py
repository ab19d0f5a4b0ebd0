"""`mx flow run` from the command line to MLflow and back, with a stand-in for MLflow."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from flow_projects import MX, clean, environment, fake_mlflow, install, mx, project, seen, with_environment


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return with_environment(project(tmp_path / "my proj"))


def test_a_run(root: Path) -> None:
    (root / "src" / "deeper").mkdir()
    done = mx("flow", "run", "-P", 'note=it\'s $HOME "q"  ;*', cwd=root / "src" / "deeper")
    assert done.returncode == 0, done.stderr
    call: Any = seen(root)
    assert call["arguments"] == [
        *["run", ".", "-e", "trainer", "--env-manager", "local", "--experiment-name", "tiny"],
        *["-P", 'note=it\'s $HOME "q"  ;*'],
    ]
    assert call["cwd"] == str(root)
    assert call["python"] == str(root / ".venv/bin/python")
    assert call["environment"]["MLFLOW_TRACKING_URI"] == f"sqlite:///{root}/.mlflow/mlflow.db"
    assert call["environment"]["VIRTUAL_ENV"] == str(root / ".venv")
    assert "MX_FLOW_JOB" not in call["environment"]
    assert not [place for place in call["path"] if place.endswith("mxdev/flow")]
    assert (root / "experiment.json").read_text() == f'["tiny", "{(root / ".mlflow/artifacts").as_uri()}"]'


def test_what_is_said_afterwards(root: Path) -> None:
    done = mx("flow", "run", cwd=root)
    assert done.stdout == "training\n", "only MLflow's own output goes to stdout"
    lines = done.stderr.splitlines()
    assert "run      abc123 (bold-fox): FINISHED" in lines
    assert "metrics  test_accuracy = 0.975" in lines
    assert "system/cpu" not in done.stderr
    assert "         and 10 more" in lines
    assert "open     `mx flow ui`, then http://127.0.0.1:5000/#/experiments/1/runs/abc123" in lines


def test_one_json_object_is_all_of_stdout(root: Path) -> None:
    done = mx("flow", "run", "--json", cwd=root)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert (told["version"], told["run_id"], told["status"], told["exit_code"]) == (
        1,
        "abc123",
        "FINISHED",
        0,
    )
    assert told["metrics"]["test_accuracy"] == 0.975
    assert "training\n" in done.stderr
    failed = mx("flow", "run", "--json", "-e", "evaluate", "-P", "run_id=none", cwd=root)
    assert failed.returncode == 1
    assert json.loads(failed.stdout) == {"version": 1, "run_id": None, "exit_code": 1}
    assert mx("flow", "run", "--json", "--dry-run", cwd=root).returncode == 2


def test_the_exit_code_is_mlflows(root: Path) -> None:
    assert mx("flow", "run", "-e", "fail", cwd=root).returncode == 3


def test_a_failure_before_the_run(root: Path) -> None:
    done = mx("flow", "run", "-e", "evaluate", "-P", "run_id=none", cwd=root)
    assert done.returncode == 1
    assert "ValueError: no run was made" in done.stderr
    assert "open " not in done.stderr


def test_everything_after_two_dashes_is_passed_on(root: Path) -> None:
    done = mx(
        "flow", "run", "--", "--experiment-id", "7", "-P", "odd=1", "--env-manager=uv", "--", "-e", cwd=root
    )
    assert done.returncode == 0, done.stderr
    assert seen(root)["arguments"] == [
        *["run", ".", "-e", "trainer"],
        *["--experiment-id", "7", "-P", "odd=1", "--env-manager=uv", "--", "-e"],
    ]
    for words, way in (
        (("extra",), "An entry point is named by `-e NAME`"),
        (("extra", "lr=1"), "An entry point is named by `-e NAME`"),
        (("lr=[1, 2]", "-e", "train", "a=b"), "put `-- 'lr=[1, 2]' a=b` at the end."),
    ):
        refused = mx("flow", "run", *words, cwd=root)
        assert (refused.returncode, way in refused.stderr) == (2, True), refused.stderr


def test_experiment_and_run_name(root: Path) -> None:
    mx("flow", "run", "--experiment", "a b", "--run-name", "r", cwd=root, MLFLOW_EXPERIMENT_ID="3")
    call: Any = seen(root)
    assert call["arguments"][6:] == ["--experiment-name", "a b", "--run-name", "r"]
    assert "MLFLOW_EXPERIMENT_ID" not in call["environment"]
    mx("flow", "run", cwd=root, MLFLOW_EXPERIMENT_ID="3", MLFLOW_RUN_ID="stale")
    call = seen(root)
    assert "--experiment-name" not in call["arguments"]
    assert call["environment"]["MLFLOW_EXPERIMENT_ID"] == "3"
    assert "MLFLOW_RUN_ID" not in call["environment"]


def test_a_configured_store(root: Path, tmp_path: Path) -> None:
    done = mx("flow", "run", cwd=root, MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path}/own.db")
    assert done.returncode == 0
    call: Any = seen(root)
    assert call["environment"]["MLFLOW_TRACKING_URI"] == f"sqlite:///{tmp_path}/own.db"
    assert not (root / "experiment.json").exists(), "MLflow makes the experiment there as that store wants it"
    assert not (root / ".mlflow").exists()


@pytest.mark.parametrize("extra", [[], ["-P", "note=it's $HOME"], ["--run-name", "a\tb"]])
def test_the_dry_run_is_the_run(root: Path, extra: list[str]) -> None:
    shown = mx("flow", "run", "--dry-run", *extra, cwd=root, MLFLOW_RUN_ID="stale")
    assert shown.returncode == 0, shown.stderr
    assert not (root / "seen.json").exists()
    assert not (root / ".mlflow").exists()
    subprocess.run(["sh", "-c", shown.stdout], cwd="/", env=clean(MLFLOW_RUN_ID="stale"), check=True)
    by_hand: Any = seen(root)
    mx("flow", "run", *extra, cwd=root, MLFLOW_RUN_ID="stale")
    by_mx: Any = seen(root)
    assert by_hand["arguments"] == by_mx["arguments"]
    assert by_hand["cwd"] == by_mx["cwd"]
    assert by_hand["python"] == by_mx["python"]
    # Set by shells, or by mx for what it cleans up itself.
    ignored = {"_", "PWD", "OLDPWD", "SHLVL", "MLFLOW_TMP_DIR"}
    assert {k: v for k, v in by_hand["environment"].items() if k not in ignored} == {
        k: v for k, v in by_mx["environment"].items() if k not in ignored
    }


def test_the_entry_points_python_is_the_interpreter(root: Path, tmp_path: Path) -> None:
    """Also where its folder has no `python`, or that is another one."""
    other = tmp_path / "other"
    packages = environment(other)
    install(packages, "tiny", root)
    fake_mlflow(packages)
    (other / "bin" / "python").rename(other / "bin" / "python3.99")
    shutil.copy("/bin/true", other / "bin" / "python")
    done = mx("flow", "run", "--python", str(other / "bin/python3.99"), cwd=root)
    assert done.returncode == 0, done.stderr
    assert seen(root)["python"] == str(other / "bin/python3.99")


def test_closed_standard_streams(root: Path) -> None:
    script = 'exec "$@" <&- >out.txt 2>err.txt'
    done = subprocess.run(["sh", "-c", script, "sh", *MX, "flow", "run"], cwd=root, env=clean(), check=False)
    assert done.returncode == 0, (root / "err.txt").read_text()
    assert (root / "out.txt").read_text() == "training\n"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["-e", "trainr"], 2, "did you mean `trainer`?"),
        (["-P", "epochs"], 2, "-P name=value"),
        (["-P", "epoch=1"], 2, "did you mean `epochs`?"),
        (["-e", "evaluate"], 2, "needs a value for `run_id`"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(
    root: Path, arguments: list[str], code: int, says: str
) -> None:
    done = mx("flow", "run", *arguments, cwd=root)
    assert done.returncode == code
    assert says in done.stderr
    assert not (root / "seen.json").exists()


def test_outside_a_project(tmp_path: Path) -> None:
    done = mx("flow", "run", cwd=tmp_path)
    assert done.returncode == 4
    assert "is not inside an mx project" in done.stderr


def test_help_names_what_mlflow_gets() -> None:
    done = mx("flow", "run", "--help", cwd=Path("/"))
    assert "[-- MLFLOW-OPTIONS]" in done.stdout
