"""The code by which a plugin looks at a value fails: that is its error, and `mx status` still tells the rest."""

from __future__ import annotations

import acme_world
import pytest
from changing import World

from mxdev import argument
from mxdev.generator.options import Pattern


@pytest.fixture
def failing(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A project of two generators; the check of the second one's name fails from now on."""
    world.base.files = {"a.txt": "region @region@\n"}
    world.app.files = {"apps/@short@.txt": "port @port@\n"}
    world.start()
    world.ok("generate", "WorldApp", "demo", "--no-input")

    def check(text: str) -> str | None:
        raise KeyError("no table of names")

    name = argument("NAME", type=Pattern("[a-z]+", "letters", check=check), help="The app's name.")
    monkeypatch.setattr(acme_world.WorldApp, "arguments", (name,))
    return world


SAID = "NAME: whether the value is right cannot be told: KeyError: 'no table of names'"


def test_status_tells_it_beside_the_rest(failing: World) -> None:
    (failing.root / "apps/demo.txt").write_text("mine\n")
    answer = failing.mx("status")
    assert answer.code == 0, answer.err
    assert f"  old name  {SAID}. Report it to the authors" in answer.out
    assert "edited  apps/demo.txt" in answer.out
    assert failing.ok("update").code == 0


def test_a_new_one_is_refused_with_the_reason(failing: World) -> None:
    answer = failing.mx("generate", "WorldApp", "other", "--no-input")
    assert answer.code == 4
    assert SAID in answer.err
    assert "Traceback" not in answer.err
