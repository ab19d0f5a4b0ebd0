"""What Experiment renders: its own tests with each way of tracking, the tools that read it, and a pipeline of training beside it."""

from __future__ import annotations

import json
import sys
import tomllib
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator
from mxdev.testing import interpreter, mx, once, render, run, write
from sagemaker_schema import schema

BIN = Path(sys.executable).parent
TRACKING = ["sagemaker", "mlflow"]
SAVER = Path(__file__).parents[2] / "saver/src"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The repository with each way of tracking."""
    from mxdev_sagemaker.experiment.generator import Experiment

    made = {}
    for tracking in TRACKING:
        made[tracking] = tmp_path_factory.mktemp(tracking)
        write(
            render(Experiment, name="detector", squad="vision", tracking=tracking, skip_git=True),
            made[tracking],
        )
    return made


def python(folder: Path, tracking: str) -> Path:
    """An interpreter with what pyproject.toml names; the saver is that of this repository."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    wanted = [one for one in named if not one.startswith("mxdev-saver")]
    assert len(wanted) == len(named) - 1
    return interpreter(f"sagemaker-experiment-{tracking}", *wanted)


@pytest.mark.parametrize("tracking", TRACKING)
def test_its_own_tests_run(both: dict[str, Path], tracking: str) -> None:
    """Once for the same files and packages."""
    folder = both[tracking]
    program = python(folder, tracking)
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    env = {"PYTHONPATH": str(SAVER)}
    said = once([folder, str(program), SAVER], lambda: run(program, *command, cwd=folder, env=env).stdout)
    assert "29 passed" in said


@pytest.mark.parametrize("tracking", TRACKING)
def test_the_tools_that_read_it(both: dict[str, Path], tracking: str) -> None:
    folder = both[tracking]
    run(BIN / "ruff", "check", "--no-cache", ".", cwd=folder)
    run(BIN / "ruff", "format", "--no-cache", "--check", ".", cwd=folder)
    config = "{extends: default, rules: {line-length: {max: 160}}}"
    run(BIN / "yamllint", "--strict", "-d", config, ".gitlab-ci.yml", cwd=folder)
    run(BIN / "hadolint", "kernel/Dockerfile", cwd=folder)


def answer(said: str) -> str:
    """The line of JSON among what a server logs."""
    (line,) = [line for line in said.splitlines() if line.startswith('{"answer"')]
    return line


def test_studio_is_told_when_nothing_runs(both: dict[str, Path], tmp_path: Path) -> None:
    """By a real Jupyter server, with the extension that the base image must have; once for the same configuration."""
    wanted = ("jupyter-server>=2.14,<3", "jupyter-activity-monitor-extension==0.3.2")
    program, kernel = interpreter("sagemaker-idle", *wanted), both["sagemaker"] / "kernel"
    ask = Path(__file__).parents[1] / "inside/idle.py"
    command = (program, ask, kernel / "jupyter_server_config.py", tmp_path)

    def asked() -> str:
        done = run(*command, cwd=tmp_path)
        return answer(done.stdout + done.stderr)

    said = json.loads(once([kernel, str(program), ask], asked))
    assert datetime.fromisoformat(said["answer"]["lastActiveTimestamp"].upper()).tzinfo is not None
    told = said["configured"]
    assert told["MappingKernelManager"]["cull_idle_timeout"] == 90 * 60
    # Ours comes after that of the base image, and leaves the rest of it alone.
    assert told["ServerApp"]["shutdown_no_activity_timeout"] == 90 * 60
    assert told["FileContentsManager"]["delete_to_trash"] is False
    lines = (kernel / "Dockerfile").read_text()
    assert 'RUN python -c "import jupyter_activity_monitor_extension"' in lines
    assert "/usr/local/etc/jupyter/jupyter_server_config.py" in lines


def test_the_pipeline_is_one_for_gitlab(both: dict[str, Path]) -> None:
    pipeline = yaml.safe_load((both["sagemaker"] / ".gitlab-ci.yml").read_text())
    errors = Draft7Validator(schema("gitlab-ci.schema.json")).iter_errors(pipeline)
    assert [error.message for error in errors] == []
    assert pipeline["kernel"]["rules"][0]["changes"] == ["pyproject.toml", "kernel/**/*"]
    assert pipeline["release"]["rules"] == [{"if": '$CI_COMMIT_BRANCH == "master"'}]
    # The rules of the branches hold for every pipeline.
    assert "rules" not in pipeline["branches"]
    assert pipeline["stages"][0] == pipeline["branches"]["stage"]


def test_names_are_those_of_the_squads_module(both: dict[str, Path]) -> None:
    settings = (both["sagemaker"] / "src/experiment/settings.py").read_text()
    assert "sagemaker-vision-detector-123456789012" in settings
    kernel = (both["sagemaker"] / "kernel/variables.env").read_text()
    assert "BASE_IMAGE=123456789012.dkr.ecr.eu-central-1.amazonaws.com/sagemaker/base:1.0.0" in kernel


@pytest.mark.parametrize(
    ("source", "requirement"),
    [
        ("index", "mxdev-saver[pandas]>=0.1,<1"),
        (
            "git+https://git.acme.example/ml/mx.git@v0.1.0",
            "mxdev-saver[pandas] @ git+https://git.acme.example/ml/mx.git@v0.1.0#subdirectory=plugins/mxdev-sagemaker/saver",
        ),
    ],
)
def test_where_the_saver_is_from(tmp_path: Path, source: str, requirement: str) -> None:
    from mxdev_sagemaker.experiment.generator import Experiment

    write(render(Experiment, name="detector", saver_source=source, skip_git=True), tmp_path)
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())
    assert requirement in project["project"]["dependencies"]
    # hatchling takes such a line only where it is allowed.
    allowed = project["tool"]["hatch"].get("metadata", {}).get("allow-direct-references", False)
    assert allowed is (source != "index")


def test_the_notebook_is_one(both: dict[str, Path]) -> None:
    notebook = json.loads((both["sagemaker"] / "notebooks/experiment.ipynb").read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])


def test_a_training_pipeline_in_it(tmp_path: Path) -> None:
    made = mx("generate", "Experiment", "detector", "--no-input", "--skip-git", cwd=tmp_path)
    assert made.code == 0, made.stderr
    folder = tmp_path / "detector"
    done = mx("generate", "TrainingPipeline", "faces", "--no-input", "--branch", "master", cwd=folder)
    assert done.code == 0, done.stdout + done.stderr
    pipeline = yaml.safe_load((folder / ".gitlab-ci.yml").read_text())
    assert pipeline["include"] == [{"local": "pipelines/faces/gitlab-ci.yml"}]
    run(BIN / "ruff", "check", "--no-cache", ".", cwd=folder)
    run(BIN / "ruff", "format", "--no-cache", "--check", ".", cwd=folder)
    jobs = yaml.safe_load((folder / "pipelines/faces/gitlab-ci.yml").read_text())
    assert {job["stage"] for name, job in jobs.items() if not name.startswith(".")} <= set(pipeline["stages"])
    assert mx("update", cwd=folder).code == 0
