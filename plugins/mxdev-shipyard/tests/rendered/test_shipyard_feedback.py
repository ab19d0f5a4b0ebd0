"""`mx feedback`: from what was served to a version of the data set, against moto's server."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import shipyard_aws as cloud
import yaml
from shipyard_aws import mx

from mxdev_shipyard.feedback import table
from mxdev_shipyard.feedback.store import Store
from mxdev_shipyard.feedback.table import Table, parse, parse_labels, served, to_label
from mxdev_shipyard.onboarding import settings
from mxdev_shipyard.onboarding.manifest import manifest
from mxdev_shipyard.onboarding.values import Boarding

BASE = "2026-01-01T00:00:00Z"
TRAINING = "a,b,label\n1,2,x\n3,4,y\n5,6,z\n3,4,y\n1,2,x\n"
EVALUATION = "a,b,label\n7,8,x\n"


@pytest.fixture(scope="module")
def account() -> Iterator[None]:
    with cloud.account():
        yield


def line(instance: object, label: str, score: float) -> str:
    return json.dumps(
        {"time": "2026-02-01T00:00:00+00:00", "instance": instance, "label": label, "score": score}
    )


def test_what_was_served_becomes_a_version_of_the_data_set(account: None, tmp_path: Path) -> None:
    cloud.settings(tmp_path)
    for name, text in (("training", TRAINING), ("evaluation", EVALUATION)):
        cloud.put(f"data/{BASE}/{name}.csv", text)
    cloud.put(
        "data/2026-09-09T00:00:00Z/evaluation.csv", EVALUATION
    )  # a version that was killed in the making
    sampled = [
        line([9.0, 9.0], "x", 0.9),
        line([3.0, 4.0], "x", 0.4),
        line([7.0, 8.0], "y", 0.5),
        line([9.0, 9.0], "x", 0.9),
    ]
    cloud.put("feedback/predictions/2026-02-01T10-pod-1.jsonl", "\n".join(sampled) + '\n{"torn')

    collected = mx("feedback", "collect", "iris", "to-label.csv", cwd=tmp_path)
    assert collected.code == 0, collected.stderr
    rows = list(csv.reader((tmp_path / "to-label.csv").read_text().splitlines()))
    assert rows == [
        ["score", "predicted", "x1", "x2", "label"],
        ["0.4000", "x", "3.0", "4.0", ""],  # the least certain first
        ["0.5000", "y", "7.0", "8.0", ""],
        ["0.9000", "x", "9.0", "9.0", ""],
    ]
    again = mx("feedback", "collect", "iris", "to-label.csv", cwd=tmp_path)
    assert again.code == 1
    assert "Somebody may have labelled in it" in again.stderr
    unlabelled = mx("feedback", "add", "iris", "to-label.csv", cwd=tmp_path)
    assert unlabelled.code == 2

    labels = [rows[0], [*rows[1][:-1], "z"], [*rows[2][:-1], "z"], [*rows[3][:-1], ""]]
    (tmp_path / "to-label.csv").write_text("".join(",".join(row) + "\n" for row in labels))
    added = mx("feedback", "add", "iris", "to-label.csv", cwd=tmp_path)
    assert added.code == 0, added.stderr
    assert (
        json.loads(mx("feedback", "add", "iris", "to-label.csv", "--json", cwd=tmp_path).stdout)["outcome"]
        == "nothing"
    )
    assert len(cloud.keys("feedback/labels/")) == 1
    left = mx("feedback", "collect", "iris", "left.csv", cwd=tmp_path)
    assert "1 to label" in left.stdout

    shown = mx("feedback", "dataset", "iris", "--dry-run", cwd=tmp_path)
    assert f"{BASE} with 0 more, 2 corrected" in shown.stdout, shown.stdout + shown.stderr
    made = mx("feedback", "dataset", "iris", cwd=tmp_path)
    assert made.code == 0, made.stderr
    latest = mx("feedback", "latest", "iris", cwd=tmp_path).stdout.splitlines()
    training, evaluation = (one.partition("=")[2].partition("-model/")[2] for one in latest)
    assert training > f"data/{BASE}/training.csv"
    # What is evaluated by is not learnt from, and a correction is no second row.
    assert cloud.get(training).decode() == "a,b,label\n1,2,x\n3,4,z\n5,6,z\n3,4,z\n1,2,x\n"
    assert cloud.get(evaluation).decode() == EVALUATION
    record = json.loads(cloud.get(training.replace("training.csv", "dataset.json")))
    assert (record["base"], len(record["labels"])) == (BASE, 1)
    nothing = mx("feedback", "dataset", "iris", "--json", cwd=tmp_path)
    assert json.loads(nothing.stdout)["outcome"] == "nothing", nothing.stdout
    assert cloud.get(f"data/{BASE}/training.csv").decode() == TRAINING


def test_a_correction_back_to_an_earlier_label_counts(account: None, tmp_path: Path) -> None:
    cloud.settings(tmp_path)

    def add(label: str) -> str:
        (tmp_path / "labels.csv").write_text(f"text,label\nback and forth,{label}\n")
        told = mx("feedback", "add", "tulip", "labels.csv", "--json", cwd=tmp_path)
        assert told.code == 0, told.stdout + told.stderr
        return str(json.loads(told.stdout)["outcome"])

    # At once: whatever their names are, the times of some are the same.
    told = [add(label) for label in ("good", "bad", "good", "good", "bad")]
    assert told == ["applied", "applied", "applied", "nothing", "applied"]
    store = Store(settings.read(tmp_path / "shipyard.yaml"), "deploy-tulip-model")
    assert len(store.labels()) == 2
    assert [label for _, label in table.latest(store.labels().values()).values()] == ["bad"]


def test_a_model_without_data_is_told_what_to_do(account: None, tmp_path: Path) -> None:
    cloud.settings(tmp_path)
    told = mx("feedback", "dataset", "rose", cwd=tmp_path)
    assert told.code == 1
    assert (
        "there is no data set at s3://shipyard-models/deploy-rose-model/data/TIME/training.csv" in told.stderr
    )
    assert mx("feedback", "latest", "rose", cwd=tmp_path).code == 4


def test_the_later_label_counts() -> None:
    base = parse(TRAINING, "t")
    first, second = Table(("a", "b"), ((("1.0", "2"), "q"),)), Table(("a", "b"), ((("1", "2.00"), "r"),))
    assert dict(base.corrected([first, second], without=[]).rows)[("1", "2")] == "r"
    assert base.corrected([], without=[]).text() == TRAINING


def test_a_data_set_loses_nothing() -> None:
    """Repeated rows, two labels of an instance, none, and features with the names of the columns that help whoever labels."""
    text = "score,predicted,label\n1,2,x\n1,2,x\n3,4,y\n3,4,z\n5,6,\nnan,7,x\n8,9,x\n"
    base = parse(text, "t")
    assert base.corrected([], without=[]).text() == text
    labels = parse_labels(
        "score,predicted,x1,x2,label\n,,1.0,2,q\n,,nan,7,r\n,,0,0,q\n,,0,0.0,s\n,,4,4,\n,,8,9,z\n", "t"
    )
    assert labels.text() == "x1,x2,label\n1.0,2,q\nnan,7,r\n0,0,s\n8,9,z\n"
    wanted = base.corrected([labels], without=[("8.0", "9")])
    assert wanted.text() == (
        "score,predicted,label\n1,2,q\n1,2,q\n3,4,y\n3,4,z\n5,6,\nnan,7,r\n8,9,x\n0,0,s\n"
    )
    assert wanted.corrected([labels], without=[("8", "9")]) == wanted


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no last column"),
        ("score,predicted,label\n1,x,y\n", "no column of an instance"),
        ("a,b\n", "no last column"),
        ("a,label\n1\n", "t:2: it has 1 cells"),
    ],
)
def test_what_is_no_table_is_told(text: str, told: str) -> None:
    with pytest.raises(table.UsageProblem, match=told):
        parse_labels(text, "t")


def test_texts_keep_their_commas_and_lines() -> None:
    sampled = served([line('a "text",\nwith all', "x", 0.5), "torn", line("b", "x", 0.2), "[]"])
    text = to_label(sampled, [], 10)
    assert parse_labels(text, "t").rows == ()  # nobody has labelled yet
    filled = [[*row[:-1], "y"] for row in list(csv.reader(text.splitlines(keepends=True)))[1:]]
    found = Table(("text",), tuple((tuple(row[2:-1]), row[-1]) for row in filled))
    assert parse(found.text(), "t").rows == ((("b",), "y"), (('a "text",\nwith all',), "y"))
    assert to_label(sampled, [instance for instance, _ in found.rows], 10).count("\n") == 1


@pytest.fixture(scope="module")
def sampling() -> Any:
    """The sampler of the rendered project, loaded from its template, which is the file itself."""
    import importlib.util

    from shipyard_environment import TEMPLATES

    spec = importlib.util.spec_from_file_location("rendered_sampling", TEMPLATES / "sampling.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_service_writes_what_is_read_here(sampling: Any, tmp_path: Path) -> None:
    sampling.Sampler(tmp_path, 1.0).keep([[5.1, 3.5]], [{"label": "setosa", "score": 0.75}])
    [file] = tmp_path.glob("*.jsonl")
    assert served(file.read_text().splitlines()) == [table.Served(("5.1", "3.5"), "setosa", 0.75)]


def test_what_was_taken_to_s3_is_removed(sampling: Any, tmp_path: Path) -> None:
    """The container's own script, once; `aws` is a double that notes how it was called."""
    platform = settings.read(cloud.settings(tmp_path))
    fields = ("Iris", "iris", "Which?", "https://w.example.com", "https://j.example.com", "ada@acme.example")
    pod = yaml.safe_load(manifest(platform, Boarding(*fields), "production"))["spec"]["predictor"]
    [volume] = pod["volumes"]
    assert volume["emptyDir"]["sizeLimit"] == "256Mi"
    assert sampling.MOST < 250 * 2**20
    shipper = pod["containers"][1]
    [mount] = shipper["volumeMounts"]
    assert not mount.get("readOnly")
    samples = tmp_path / "samples"
    samples.mkdir()
    old = samples / "2026-01-01T00-pod-1.jsonl"
    old.write_text("old\n")
    sampling.Sampler(samples, 1.0).keep([[1.0]], [{"label": "x", "score": 0.5}])
    (tmp_path / "bin").mkdir()
    aws = tmp_path / "bin/aws"
    aws.write_text('#!/bin/sh\necho "$@" >> "$CALLS"\nexit "$CODE"\n')
    aws.chmod(0o755)
    once = shipper["command"][2].partition("trap")[0].replace("/samples", str(samples)) + "ship"

    def ship(code: str) -> int:
        path = f"{aws.parent}{os.pathsep}{os.environ['PATH']}"
        environment = {"PATH": path, "TARGET": "s3://b/p/", "CALLS": str(tmp_path / "calls"), "CODE": code}
        return subprocess.run(["/bin/sh", "-c", once], env=environment, check=False).returncode

    assert ship("1") == 1
    assert len(list(samples.iterdir())) == 2  # nothing is removed that is not in S3
    assert ship("0") == 0
    assert (tmp_path / "calls").read_text() == f"s3 sync --only-show-errors {samples} s3://b/p/\n" * 2
    [left] = samples.iterdir()
    assert left != old
