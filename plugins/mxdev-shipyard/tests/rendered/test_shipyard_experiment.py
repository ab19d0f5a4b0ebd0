"""`mx experiment`: the rendered model really trains, against moto's server; what is stored, compared and told of it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import shipyard_aws as cloud
import shipyard_environment
from shipyard_aws import REGION, REPOSITORY, mx

from mxdev_shipyard.onboarding import aws


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A model of flowers, in an account with a data set of its own in S3."""
    root = shipyard_environment.project(tmp_path_factory.mktemp("experiment"), "--architecture", "tabular")
    with cloud.account():
        cloud.settings(root)
        for name, shift in (("training", 0.0), ("evaluation", 0.05)):
            cloud.put(f"data/2026-01-01T00:00:00Z/{name}.csv", cloud.flowers(shift))
        yield root


DATA = f"s3://shipyard-models/{REPOSITORY}/data/2026-01-01T00:00:00Z"


def train(project: Path, *more: str) -> str:
    """Train; the time of the training."""
    python = str(shipyard_environment.python())
    told = mx(
        "experiment", "train", "iris", "--training", f"{DATA}/training.csv", "--evaluation", f"{DATA}/evaluation.csv",
        "--architecture", "tabular", "--author", "bob@acme.example", "--python", python, *more, cwd=project,
    )  # fmt: skip
    assert told.code == 0, told.stdout + told.stderr
    record = json.loads((project / "experiment/experiment.json").read_text())
    assert record["training"] == f"{DATA}/training.csv"
    return str(record["trained"])


def compare(project: Path, *more: str) -> tuple[int, str]:
    told = mx(
        "experiment", "compare", "iris", "--python", str(shipyard_environment.python()), *more, cwd=project
    )
    return told.code, told.stdout + told.stderr


def test_from_data_to_weights_under_their_time_and_a_comparison(project: Path) -> None:
    """One story: each training takes seconds of scikit-learn's imports."""
    first = train(project)
    shown = mx("experiment", "store", "--dry-run", "--json", cwd=project)
    assert {step["name"]: step["state"] for step in json.loads(shown.stdout)["steps"]} == {
        "weights": "create",
        "registry": "change",
    }
    assert cloud.keys("models/") == []
    stored = mx("experiment", "store", cwd=project)
    assert stored.code == 0, stored.stderr
    folder = f"models/{first}"
    assert cloud.keys("models/") == [
        f"{folder}/{name}" for name in ("experiment.json", "metrics.json", "model.npz")
    ]
    assert json.loads(cloud.get(f"{folder}/metrics.json"))["instances"] == 30
    ecr = aws.client("ecr", REGION)
    [repository] = ecr.describe_repositories()["repositories"]
    tags = {
        one["Key"]: one["Value"]
        for one in ecr.list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]
    }
    assert tags == {
        "shipyard:author": "ada@acme.example",  # who onboarded it stays
        "shipyard:architecture": "tabular",
        "shipyard:trained": first,
    }
    again = mx("experiment", "store", "--json", cwd=project)
    assert json.loads(again.stdout)["outcome"] == "nothing"

    code, told = compare(project)
    assert (code, "| nothing runs |" in told.replace("| metric ", "")) == (0, True), told
    cloud.settings(project, f"s3://shipyard-models/{REPOSITORY}/{folder}")
    second = train(project, "--weights", f"s3://shipyard-models/{REPOSITORY}/{folder}")
    assert second > first
    record = json.loads((project / "experiment/experiment.json").read_text())
    assert set(record["digests"]) == {"training", "evaluation", "start"}
    code, told = compare(project, "--metric", "f1")
    assert code == 0, told
    assert f"s3://shipyard-models/{REPOSITORY}/{folder}" in told
    assert re.search(r"\| accuracy \| [\d.]+ \| 1 \| \+0\.\d{4} \|", told), told
    assert (project / "experiment/metrics.txt").read_text().endswith("# EOF\n")
    assert (project / "experiment/comparison.md").read_text() in told


def test_worse_weights_are_told_as_that(project: Path, tmp_path: Path) -> None:
    """Weights that were taught the wrong names, beside good ones that run."""
    root = tmp_path / REPOSITORY
    shutil.copytree(project, root)
    [model] = [key for key in cloud.keys("models/") if key.endswith("model.npz")][:1]
    cloud.settings(root, f"s3://shipyard-models/{REPOSITORY}/{model.removesuffix('/model.npz')}")
    wrong = cloud.flowers(0.0).replace("setosa", "x").replace("virginica", "setosa").replace("x", "virginica")
    (root / "wrong.csv").write_text(wrong)
    python = str(shipyard_environment.python())
    told = mx("experiment", "train", "iris", "--training", "wrong.csv", "--evaluation", f"{DATA}/evaluation.csv", "--python", python,
              cwd=root)  # fmt: skip
    assert told.code == 0, told.stderr
    code, said = compare(root, "--metric", "f1")
    assert code == 1, said
    assert "The new weights are worse by f1." in said
    code, said = compare(root, "--metric", "beauty")
    assert code == 4
    assert "evaluate.py gives no beauty" in said


def test_weights_are_never_replaced(project: Path) -> None:
    record = json.loads((project / "experiment/experiment.json").read_text())
    cloud.put(f"models/{record['trained']}/model.npz", b"of somebody else")
    told = mx("experiment", "store", cwd=project)
    assert told.code == 1
    assert "model.npz is there already, of another training" in told.stderr
    assert cloud.get(f"models/{record['trained']}/model.npz") == b"of somebody else"


def test_data_that_changed_since_is_no_comparison(project: Path) -> None:
    before = cloud.get("data/2026-01-01T00:00:00Z/evaluation.csv")
    cloud.put("data/2026-01-01T00:00:00Z/evaluation.csv", before + b"5,5,5,5,setosa\n")
    try:
        code, told = compare(project)
    finally:
        cloud.put("data/2026-01-01T00:00:00Z/evaluation.csv", before)
    assert code == 4
    assert "is another file than the training saw" in told


def test_a_typing_error_loses_no_training(project: Path, tmp_path: Path) -> None:
    cloud.settings(tmp_path)
    last = tmp_path / "experiment"
    last.mkdir()
    for name in ("model.npz", "metrics.json", "experiment.json"):
        (last / name).write_text(name)
    good = f"{DATA}/training.csv"
    for training, evaluation, *more in [
        ("trainnig.csv", good),
        (good, f"{DATA}/evalution.csv"),
        (good, good, "--weights", "no.npz"),
        (good, good, "--python", "pyhton"),
    ]:
        words = ["--training", training, "--evaluation", evaluation, *more]
        told = mx("experiment", "train", "iris", *words, cwd=tmp_path)
        assert told.code in (2, 4)
        assert {file.name: file.read_text() for file in last.iterdir()} == {
            name: name for name in ("model.npz", "metrics.json", "experiment.json")
        }, words


def test_a_training_goes_on_from_the_last_one(project: Path, tmp_path: Path) -> None:
    """Which it replaces. The programs are doubles: they only copy what they are given."""
    import sys

    cloud.settings(tmp_path)
    given = "given = dict(word[2:].split('=', 1) for word in sys.argv[1:])\n"
    for name, body in (("train", "open(given['weights']).read() + '+'"), ("evaluate", "'{}'")):
        text = f"import sys\n{given}open(given['output'], 'w').write({body})\n"
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/model.npz").write_text("last")
    data = f"{DATA}/training.csv"
    told = mx("experiment", "train", "iris", "--training", data, "--evaluation", data, "--weights", "experiment/model.npz",
              "--python", sys.executable, cwd=tmp_path)  # fmt: skip
    assert told.code == 0, told.stderr
    assert (tmp_path / "experiment/model.npz").read_text() == "last+"


def test_what_is_not_there_is_told(project: Path, tmp_path: Path) -> None:
    cloud.settings(tmp_path)
    nothing = mx(
        "experiment", "train", "iris", "--training", "no.csv", "--evaluation", "no.csv", cwd=tmp_path
    )
    assert nothing.code == 2
    assert "There is no file no.csv" in nothing.stderr
    missing = mx(
        "experiment", "train", "iris", "--training", f"{DATA}/no.csv", "--evaluation", "x", cwd=tmp_path
    )
    assert missing.code == 4
    assert f"There is nothing at {DATA}/no.csv" in missing.stderr
    assert mx("experiment", "store", cwd=tmp_path).code == 4
