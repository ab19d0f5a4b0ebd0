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
