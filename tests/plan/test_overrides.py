"""`.mx/overrides/`: a person's values laid over the sections of a shared file."""

from __future__ import annotations

import pytest
import yaml
from changing import World
from hypothesis import given
from hypothesis import strategies as st

from mxdev.generator.tree import Section
from mxdev.plan.overrides import derive, lay_over, overlay

DEVSPACE = "devspace.yaml"
OVER = f".mx/overrides/{DEVSPACE}"


def start(world: World) -> None:
    world.base.sections = [
        (DEVSPACE, "version", "v2"),
        (
            DEVSPACE,
            "deployments.base",
            {"namespace": "default", "helm": {"chart": "c", "values": {"a": 1, "b": [1]}}},
        ),
    ]
    world.app.sections = [(DEVSPACE, "deployments.@short@", {"port": "@port@"})]
    world.start()


def deployments(world: World) -> dict[str, object]:
    return yaml.safe_load(world.read(DEVSPACE))["deployments"]


def test_they_are_laid_over_and_seen_in_the_plan(world: World) -> None:
    start(world)
    world.write(
        OVER,
        "deployments:\n  base:\n    namespace: mine\n    helm:\n      values:\n        b: [2]\n        chart: null\n        c: 3\n",
    )
    assert world.status()["update"] == [DEVSPACE]
    out = world.ok("update").out
    assert "with your overrides of deployments.base" in out
    assert deployments(world)["base"] == {
        "namespace": "mine",
        "helm": {"chart": "c", "values": {"a": 1, "b": [2], "c": 3}},
    }
    assert world.status()["edited"] == []
    assert world.mx("status", "--exit-code").code == 0
    world.delete(OVER)
    world.ok("update")
    assert deployments(world)["base"]["namespace"] == "default"


def test_null_takes_a_key_or_a_whole_section_away(world: World) -> None:
    start(world)
    world.ok("generate", "WorldApp", "one")
    world.write(OVER, "deployments:\n  base:\n    helm: null\n  one: null\n")
    world.ok("update")
    assert deployments(world) == {"base": {"namespace": "default"}}
    world.write(OVER, "deployments:\n  base:\n    helm: null\n")
    world.ok("update")
    assert deployments(world) == {"base": {"namespace": "default"}, "one": {"port": 80}}
    assert world.mx("status", "--exit-code").code == 0


def test_they_reach_what_is_generated_later(world: World) -> None:
    start(world)
    world.write(OVER, "deployments:\n  one:\n    port: 99\n")
    world.ok("generate", "WorldApp", "one")
    assert deployments(world)["one"] == {"port": 99}
    world.ok("destroy", "WorldApp:one")
    assert "one" not in deployments(world)
    assert world.has(OVER)  # a person's


@pytest.mark.parametrize("wrong", ["deployments: [\n", "- a\n", "text\n"])
def test_what_is_no_mapping_is_said(world: World, wrong: str) -> None:
    start(world)
    world.write(OVER, wrong)
    before = world.tree()
    answer = world.mx("update")
    assert answer.code == 4
    assert OVER in answer.err
    assert world.tree() == before
    assert OVER in world.status()["problem"]


def test_an_empty_file_is_none(world: World) -> None:
    start(world)
    world.write(OVER, "# nothing yet\n")
    assert world.ok("update", "--json").json["outcome"] == "nothing"


VALUES = st.recursive(
    st.integers(0, 3) | st.sampled_from(["a", "b", True]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
MAPPINGS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@given(MAPPINGS, MAPPINGS)
def test_what_is_derived_gives_what_is_wanted(rendered: dict[str, object], wanted: dict[str, object]) -> None:
    assert overlay(rendered, derive(rendered, wanted)) == wanted
    assert derive(wanted, wanted) == {}


@pytest.mark.parametrize(("rendered", "over"), [(1, True), (0, False), (1, 1.0)])
def test_an_override_that_only_python_takes_for_the_same_is_laid_over(rendered: object, over: object) -> None:
    section = Section("devspace.yaml", "a", {"x": rendered})
    laid, changed = lay_over([section], {"devspace.yaml": {"a": {"x": over}}})
    assert changed == ["a"]
    assert repr(laid[0].value) == repr({"x": over})
