"""The definition: what it has, and what it refuses. No account is needed."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import definition
import pipeline
import pytest
import search


def test_the_same_settings_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert pipeline.main(["build", "--tag", "abc", "--out", str(tmp_path / name)]) == 0
    one, two = ((tmp_path / name / "definition.json").read_bytes() for name in ("one", "two"))
    assert one == two


def test_each_step_has_its_own_image_and_security_group(given: dict[str, Any]) -> None:
    made = definition.build(given, "abc")
    text = [json.dumps(step) for step in made["Steps"]]
    for step, own in zip(text, given["steps"], strict=True):
        assert f"-{own}-abc" in step
        assert given["network"]["security_groups"][own] in step
    assert len(set(given["network"]["security_groups"].values())) == len(given["steps"])


def test_a_reference_to_nothing_is_found(given: dict[str, Any]) -> None:
    made = definition.build(given, "abc")
    assert definition.problems(made) == []
    broken = copy.deepcopy(made)
    del broken["Steps"][0]
    assert any(
        "no step before it is called Processing" in one for one in definition.problems(broken)
    )
    broken = copy.deepcopy(made)
    broken["Steps"][0]["Arguments"]["ProcessingOutputConfig"]["Outputs"].pop()
    assert any("has no output configuration" in one for one in definition.problems(broken))


def test_the_example_is_not_uploaded(given: dict[str, Any]) -> None:
    network = {**given["network"], "subnets": ["subnet-00000000000000000"]}
    example = {**given, "account": "123456789012", "network": network}
    assert len(definition.placeholders(example)) >= 2


def test_the_network_is_the_platforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("settings.json", "network.json"):
        shutil.copy(pipeline.HERE / name, tmp_path)
    monkeypatch.setattr(pipeline, "HERE", tmp_path)
    groups = {
        step: f"sg-{step}" for step in ("evaluation", "processing", "registration", "training")
    }
    outputs = {
        "private_subnets": {"value": ["subnet-b", "subnet-a"]},
        "step_groups": {"value": groups},
    }
    pipeline.network(json.dumps(outputs))
    written = json.loads((tmp_path / "network.json").read_text(encoding="utf-8"))
    assert written == {"subnets": ["subnet-a", "subnet-b"], "security_groups": groups}
    with pytest.raises(pipeline.PipelineError, match="step_groups"):
        pipeline.network(json.dumps({"private_subnets": {"value": []}}))


SEARCH = {
    "trials": 3,
    "parallel": 2,
    "strategy": "Bayesian",
    "metric": "validation:accuracy",
    "goal": "Maximize",
    "ranges": {"regularization": {"kind": "continuous", "from": 0.01, "to": 10.0}},
}


def test_a_search_stands_in_place_of_the_training(given: dict[str, Any]) -> None:
    made = definition.build({**given, "search": SEARCH}, "abc")
    assert [step["Name"] for step in made["Steps"]][1] == "Search"
    assert definition.problems(made) == []
    assert "Steps.Training" not in json.dumps(made)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"metric": "loss"}, "the training prints no loss"),
        ({"parallel": 4}, "parallel is 4"),
        ({"ranges": {}}, "there is no range"),
        ({"ranges": {"depth": {"kind": "integer", "from": 1, "to": 9}}}, "has no such key"),
        ({"ranges": {"target": {"kind": "integer", "from": 1, "to": 9}}}, "it is a string"),
        ({"ranges": {"regularization": {"kind": "continuous", "from": 2, "to": 1}}}, "from 2 to 1"),
        ({"ranges": {"regularization": {"kind": "continuous", "from": 0, "to": 1}}}, "more than"),
        ({"ranges": {"target": {"kind": "categorical", "values": []}}}, "no values"),
    ],
)
def test_a_search_that_cannot_be_is_found(change: dict[str, Any], told: str) -> None:
    schema = (pipeline.HERE / "configuration.schema.json").read_text(encoding="utf-8")
    keys = json.loads(schema)["properties"]
    assert search.problems(SEARCH, set(definition.METRICS), keys) == []
    (found,) = search.problems({**SEARCH, **change}, set(definition.METRICS), keys)
    assert told in found
