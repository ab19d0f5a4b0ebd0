"""What TrainingPipeline renders: the definition by the published schema, a whole run by the project's own double, and the tools that read it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator
from mxdev.testing import mx, once, run
from sagemaker_schema import schema
from sagemaker_training import rendered, training

BIN = Path(sys.executable).parent
RULES = ["--select", "E,F,W,I,B,UP,C4,SIM,PTH,RUF,N,PT,S", "--ignore", "E501,S603,S607"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered(tmp_path_factory.mktemp("training"), timezone="Europe/Prague")


@pytest.fixture(scope="module")
def built(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pipeline.py build` writes, by an interpreter without any package and without a login."""
    out = tmp_path_factory.mktemp("built")
    run(
        sys.executable,
        "-I",
        "-c",
        f"import sys; sys.path.insert(0, {str(folder)!r}); import pipeline; "
        f"sys.exit(pipeline.main(['build', '--tag', 'abc', '--out', {str(out)!r}]))",
        cwd=folder,
        env={"AWS_ACCESS_KEY_ID": "", "AWS_PROFILE": "there-is-none"},
    )
    return out


def without_joins(part: Any) -> Any:
    """The published schema is older than `Std:Join` as a value, which the service takes: it stands for a string."""
    if isinstance(part, dict):
        if set(part) == {"Std:Join"}:
            return "s3://joined"
        return {key: without_joins(value) for key, value in part.items()}
    return [without_joins(one) for one in part] if isinstance(part, list) else part


def test_the_definition_fits_the_published_schema(built: Path) -> None:
    against = Draft7Validator(schema("sagemaker-pipeline-definition.schema.json"))
    made = json.loads((built / "definition.json").read_text())
    assert [f"{error.json_path}: {error.message}" for error in against.iter_errors(without_joins(made))] == []
    made["Steps"][1]["Arguments"]["Nonsense"] = 1
    assert list(against.iter_errors(without_joins(made)))


def test_a_search_fits_the_published_schema(tmp_path: Path) -> None:
    folder = rendered(tmp_path, trials=12)
    run(sys.executable, "pipeline.py", "build", "--tag", "abc", cwd=folder)
    against = Draft7Validator(schema("sagemaker-pipeline-definition.schema.json"))
    made = json.loads((folder / "build/definition.json").read_text())
    assert [f"{error.json_path}: {error.message}" for error in against.iter_errors(without_joins(made))] == []
    search = made["Steps"][1]
    assert (search["Name"], search["Type"]) == ("Search", "Tuning")
    limits = search["Arguments"]["HyperParameterTuningJobConfig"]["ResourceLimits"]
    assert limits == {"MaxNumberOfTrainingJobs": 12, "MaxParallelTrainingJobs": 3}
    # The model that goes on is that of its best training, in the place where that one has written it.
    (written,) = [search["Arguments"]["TrainingJobDefinition"]["OutputDataConfig"]["S3OutputPath"]]
    (model,) = [
        one for one in made["Steps"][2]["Arguments"]["ProcessingInputs"] if one["InputName"] == "model"
    ]
    best = {"Get": "Steps.Search.BestTrainingJob.TrainingJobName"}
    assert model["S3Input"]["S3Uri"]["Std:Join"]["Values"] == [
        *written["Std:Join"]["Values"], best, "output/model.tar.gz",
    ]  # fmt: skip
    made["Steps"][1]["Arguments"]["HyperParameterTuningJobConfig"]["Strategy"] = "Nonsense"
    assert list(against.iter_errors(without_joins(made)))


def test_a_range_that_cannot_be_is_told(tmp_path: Path) -> None:
    folder = rendered(tmp_path, trials=2)
    settings = json.loads((folder / "settings.json").read_text())
    settings["search"]["ranges"] = {"depth": {"kind": "integer", "from": 1, "to": 9}}
    (folder / "settings.json").write_text(json.dumps(settings))
    said = run(sys.executable, "pipeline.py", "build", cwd=folder, code=1).stderr
    assert "search of settings.json: depth: the schema of the configuration has no such key" in said


def test_the_schedule_and_the_schema_of_the_configuration(built: Path) -> None:
    assert json.loads((built / "schedule.json").read_text()) == {
        "expression": "cron(0 3 * * ? *)",
        "timezone": "Europe/Prague",
        "role": None,
        "state": "ENABLED",
        "quiet_minutes": None,
    }
    keys = json.loads((built / "configuration.schema.json").read_text())
    Draft202012Validator.check_schema(keys)
    owners = {keys["properties"][key]["x-owner"] for key in keys["required"]}
    assert owners == {"data engineer", "applied scientist", "ML engineer"}


def test_its_own_tests_walk_a_whole_run(folder: Path) -> None:
    """Each script as a process, with the data of the step before, in S3 and a registry that moto plays."""
    python = training()
    command = (python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    said = once([folder, str(python)], lambda: run(*command, cwd=folder).stdout)
    assert "60 passed" in said


def test_the_tools_that_read_it(folder: Path) -> None:
    root = folder.parents[1]
    run(BIN / "ruff", "check", "--isolated", "--line-length", "100", *RULES,
        "--per-file-ignores", "**/tests/**:S", ".", cwd=root)  # fmt: skip
    run(BIN / "ruff", "format", "--isolated", "--line-length", "100", "--check", ".", cwd=root)
    config = "{extends: default, rules: {line-length: {max: 160}}}"
    run(BIN / "yamllint", "--strict", "-d", config, "pipelines/churn/gitlab-ci.yml", cwd=root)
    run(BIN / "hadolint", *sorted(folder.glob("steps/*/Dockerfile")), cwd=root)


def test_the_jobs_are_gitlabs(folder: Path) -> None:
    pipeline = yaml.safe_load((folder / "gitlab-ci.yml").read_text())
    against = Draft7Validator(schema("gitlab-ci.schema.json"))
    assert [error.message for error in against.iter_errors(pipeline)] == []
    upload = pipeline["churn-upload"]
    assert upload["resource_group"] == "churn"
    assert upload["interruptible"] is False
    steps = json.loads((folder / "settings.json").read_text())["steps"]
    assert pipeline["churn-images"]["parallel"]["matrix"] == [{"STEP": list(steps)}]


def test_an_image_has_what_its_script_imports(folder: Path) -> None:
    """The files that a Dockerfile copies, and no others, are enough to start the step; its packages are the tests'."""
    import re

    steps = json.loads((folder / "settings.json").read_text())["steps"]
    for step in steps:
        lines = (folder / f"steps/{step}/Dockerfile").read_text()
        copied = [
            name for line in re.findall(r"^COPY (.+) \S+$", lines, re.MULTILINE) for name in line.split()
        ]
        script = re.search(r'"/opt/program/(\w+)\.py"', lines)
        assert script
        assert all((folder / name).exists() for name in copied)
        own = {Path(name).name for name in copied}
        code = (folder / f"steps/{step}/{script[1]}.py").read_text()
        shared = {path.name for path in folder.glob("steps/*.py") if f"\nimport {path.stem}\n" in code}
        assert {f"{script[1]}.py", "configuration.py", "configuration.schema.json"} | shared <= own


def test_several_in_any_folder(tmp_path: Path) -> None:
    (tmp_path / ".gitlab-ci.yml").write_text("# mine\nstages: [test, build, deploy]\n")
    for name in ("churn", "fraud"):
        done = mx("generate", "TrainingPipeline", name, "--no-input", cwd=tmp_path)
        assert done.code == 0, done.stdout + done.stderr
    pipeline = (tmp_path / ".gitlab-ci.yml").read_text()
    assert pipeline.startswith("# mine\n")
    assert yaml.safe_load(pipeline)["include"] == [
        {"local": "pipelines/churn/gitlab-ci.yml"},
        {"local": "pipelines/fraud/gitlab-ci.yml"},
    ]
    assert os.access(tmp_path / "pipelines/fraud/pipeline.py", os.X_OK)
    assert mx("destroy", "TrainingPipeline:fraud", cwd=tmp_path).code == 0
    assert not (tmp_path / "pipelines/fraud").exists()


@pytest.mark.parametrize(
    ("start", "expression", "minutes"), [("data", None, 15), ("both", "cron(0 3 * * ? *)", 15)]
)
def test_what_starts_it(tmp_path: Path, start: str, expression: str | None, minutes: int) -> None:
    schedule = json.loads((rendered(tmp_path, start=start) / "settings.json").read_text())["schedule"]
    assert (schedule["expression"], schedule["quiet_minutes"]) == (expression, minutes)


@pytest.mark.parametrize(
    ("schedule", "good"),
    [
        ("rate(1 day)", True),
        ("rate(2 days)", True),
        ("rate(1 days)", False),
        ("rate(2 day)", False),
        ("0 3 * * *", False),
        ("cron(0 3 * * ? *)", True),
    ],
)
def test_a_schedule_that_eventbridge_takes(tmp_path: Path, schedule: str, good: bool) -> None:
    from mxdev.errors import MxError

    if good:
        made = json.loads((rendered(tmp_path, schedule=schedule) / "settings.json").read_text())
        assert made["schedule"]["expression"] == schedule
    else:
        with pytest.raises(MxError):
            rendered(tmp_path, schedule=schedule)
    shutil.rmtree(tmp_path)
