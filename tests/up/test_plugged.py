"""Where the steps of plugins stand on the way up, and on the way down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from mxdev.connect.target import Target
from mxdev.deploy.steps import Place
from mxdev.errors import MxError
from mxdev.steps import Say, State, Step
from mxdev.steps.model import in_order
from mxdev.up import stages


@dataclass(frozen=True, kw_only=True)
class Added(Step):
    def look(self) -> State:
        return State.create()

    def do(self, say: Say) -> None:
        pass

    def take_back(self, say: Say) -> None:
        pass


def way(*plugged: Step) -> stages.Way:
    target = Target("demo", "existing")
    return stages.Way(target, None, [], Place(Path(), target.own, "demo", False, 5), plugged=plugged)


def test_they_come_after_all_but_the_last_look() -> None:
    added = way(Added(name="acme-two", title="Two", needs=("acme-one",)), Added(name="acme-one", title="One"))
    names = [step.name for step in in_order(tuple(stages.steps_up(added, "check")))]
    assert names == ["preflight", "credentials", "answers", "acme-one", "acme-two", "check"]
    by_name = {step.name: step for step in stages.steps_up(added, "check")}
    assert set(by_name["acme-one"].needs) == {"preflight", "credentials", "answers"}
    assert {"acme-one", "acme-two"} <= set(by_name["check"].needs)
    assert "acme-one" not in {step.name for step in stages.steps_up(added, "deploy")}


def test_they_are_the_first_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "connected", lambda way: False)
    added = way(Added(name="acme-one", title="One"), Added(name="acme-two", title="Two", needs=("acme-one",)))
    names = [step.name for step in in_order(tuple(stages.steps_down(added, with_data=False)))]
    assert names[:2] == ["acme-two", "acme-one"]
    assert names[2:] == ["credentials"]


def test_a_name_that_is_taken_is_told() -> None:
    with pytest.raises(MxError, match="adds a step credentials"):
        stages.steps_up(way(Added(name="credentials", title="C")), "check")
