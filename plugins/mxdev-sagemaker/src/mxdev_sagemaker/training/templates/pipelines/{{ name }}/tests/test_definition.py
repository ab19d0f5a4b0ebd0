"""The definition: what it has, and what it refuses. No account is needed."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import definition
import pipeline


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
