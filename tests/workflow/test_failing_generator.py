"""A generator that fails stops only itself, and the exit code says so."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from changing import World

import mxdev
from mxdev.generator.tree import Tree


def divide() -> None:
    raise ZeroDivisionError("inside the generator")


def undefined(tree: Tree) -> None:
    tree.file("extra.txt", tree.text("{{ nope }}", "extra.txt.jinja"))


FAILURES: dict[str, tuple[Callable[[Tree], Any], str]] = {
    "leaves": (lambda tree: sys.exit(0), "SystemExit: 0"),
    "raises": (lambda tree: divide(), "ZeroDivisionError: inside the generator"),
    "undefined": (undefined, "extra.txt.jinja:1: 'nope' is undefined"),
    "path": (lambda tree: tree.file("../x", ""), "'../x'"),
}


@pytest.fixture(params=FAILURES)
def broken(request: pytest.FixtureRequest, world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project of three generators, of which WorldExtra fails from now on; what it says."""
    world.base.files = {"a.txt": "region @region@\n"}
    world.extra.files = {"extra.txt": "level @level@\n"}
    world.app.files = {"apps/@short@.txt": "port @port@\n"}
    world.start()
    world.ok("generate", "WorldExtra", "--no-input")
    world.ok("generate", "WorldApp", "demo", "--no-input")
    import acme_world

    fail, said = FAILURES[request.param]
    monkeypatch.setattr(acme_world.WorldExtra, "generate", lambda self, tree: fail(tree))
    return said


HOME = "WorldExtra of the plugin acme-world 1.0.0 cannot be rendered: "


def test_update_renders_the_others(world: World, broken: str) -> None:
    record = world.record("WorldExtra")
    world.base.files["a.txt"] = "new @region@\n"
    answer = world.mx("update")
    assert answer.code == 4
    assert f"WorldExtra is left as it is: {HOME}" in answer.err
    assert broken in answer.err
    assert world.text("a.txt") == "new west\n"
    assert world.text("extra.txt") == "level 1\n"
    assert world.record("WorldExtra") == record
    again = world.mx("update", "--json")
    assert (again.code, again.json["outcome"]) == (4, "nothing")
    assert broken in again.json["error"]


def test_one_that_is_named_is_an_error(world: World, broken: str) -> None:
    answer = world.mx("update", "WorldExtra")
    assert answer.code == 4
    assert HOME in answer.err
    assert broken in answer.err
    assert world.ok("update", "WorldApp").code == 0


def test_set_changes_what_can_be_rendered(world: World, broken: str) -> None:
    answer = world.mx("set", "region=east")
    assert answer.code == 4
    assert broken in answer.err
    assert world.text("a.txt") == "region east\n"
    assert "region: east" in world.text("mx.yaml")
    before = world.tree()
    answer = world.mx("set", "WorldExtra.level=2")
    assert answer.code == 4
    assert world.tree() == before


def test_generate_renders_what_was_asked_for(world: World, broken: str) -> None:
    answer = world.mx("generate", "WorldBase", "--region", "east", "--no-input")
    assert answer.code == 4
    assert broken in answer.err
    assert world.text("a.txt") == "region east\n"
    assert world.ok("generate", "WorldApp", "other", "--no-input").code == 0


def test_status_tells_it_of_that_one(world: World, broken: str) -> None:
    rows = {row["instance"]: row for row in world.mx("status", "--json").json["instances"]}
    assert broken in rows["WorldExtra"]["problem"]
    assert rows["WorldBase"]["problem"] is None
    assert rows["WorldApp:demo"]["update"] == []
    assert world.mx("status", "--exit-code").code == 1


@pytest.mark.parametrize("hook", ["migrate", "problems", "specialise"])
def test_all_of_its_code_is_its_own(world: World, monkeypatch: pytest.MonkeyPatch, hook: str) -> None:
    world.extra.files = {"extra.txt": "x\n"}
    world.start()
    world.ok("generate", "WorldExtra", "--no-input")
    import acme_world

    monkeypatch.setattr(acme_world.WorldExtra, hook, classmethod(lambda cls, *a: sys.exit(0)))
    answer = world.mx("update")
    assert answer.code == 4
    assert f"{HOME}SystemExit: 0" in answer.err


def test_a_default_that_fails_is_no_bug_of_mx(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.start()
    import acme_world

    monkeypatch.setattr(
        acme_world.WorldExtra, "options", (mxdev.option("--odd", default=lambda values: divide()),)
    )
    answer = world.mx("generate", "WorldExtra", "--no-input")
    assert answer.code == 4
    assert "--odd: its default cannot be computed: ZeroDivisionError" in answer.err
