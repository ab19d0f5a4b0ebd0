"""`--json`: one object of one form from every command that plans, also when it goes wrong."""

from __future__ import annotations

import errno
import os

import pytest
from changing import World, call
from test_dry_run import check_form

from mxdev.system import console

COMMANDS = [
    ["generate", "WorldExtra"], ["set", "size=2"], ["update"], ["destroy", "WorldExtra"], ["destroy", "WorldBase"], ["undo"],
    ["adopt", "s.yaml"],
]  # fmt: skip


def start(world: World) -> None:
    world.base.files = {"a.txt": "@size@\n"}
    world.base.sections = [("s.yaml", "one", {"size": "@size@"})]
    world.extra.files = {"extra.txt": "@level@\n"}
    world.start()
    world.ok("generate", "WorldExtra")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_when_all_is_well(world: World, command: list[str]) -> None:
    start(world)
    if command[0] == "adopt":
        world.edit("s.yaml", "1", "2")
    for dry in (["--dry-run"], []):
        answer = world.mx(*command, "--json", *dry)
        check_form(answer)
        if command == ["destroy", "WorldBase"]:
            expected = "refused"  # WorldExtra requires it
        elif dry:
            expected = "planned"
        else:
            expected = "nothing" if command[0] in ("update", "generate") else "applied"
        assert answer.json["outcome"] == expected


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_outside_a_project(world: World, command: list[str]) -> None:
    world.base.files = {"a.txt": "a\n"}
    answer = call(*command, "--json", cwd=world.root.parent)
    assert answer.code in (2, 4)
    check_form(answer)
    assert answer.json["outcome"] == "error"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    "broken", ["mx.yaml", ".mx/generators/WorldBase.yaml", "s.yaml", ".mx/overrides/s.yaml", "journal"]
)
def test_in_a_broken_project(world: World, command: list[str], broken: str) -> None:
    start(world)
    if broken == "journal":
        world.write(".mx/journal/committed", "torn")
    else:
        world.write(broken, "[: torn\n")
    before = world.mine()
    answer = world.mx(*command, "--json")
    check_form(answer)
    assert world.mine() == before or answer.json["outcome"] == "applied"
    if broken in ("mx.yaml", "journal", ".mx/generators/WorldBase.yaml") and command != ["undo"]:
        assert answer.json["outcome"] in ("error", "refused")
        assert answer.code in (1, 4)


@pytest.mark.parametrize(
    "command",
    [
        ["set", "nothing=1"], ["set", "nothing"], ["update", "Nobody"], ["destroy"], ["destroy", "Nobody"], ["update", "--on-conflict", "maybe"],
        ["undo", "--what"], ["generate", "Nobody"], ["adopt", "nothing.yaml"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage(world: World, command: list[str]) -> None:
    start(world)
    answer = world.mx(*command, "--json")
    assert answer.code in (2, 4)
    check_form(answer)
    assert answer.json["outcome"] == "error"


@pytest.mark.parametrize("arguments", [["update", "--json"], ["generate", "WorldExtra", "--json"]])
def test_applied_is_said_when_the_answer_cannot_be_printed(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    world.base.files = {"a.txt": "one\n"}
    world.extra.files = {"extra.txt": "e\n"}
    world.start()
    world.base.files = {"a.txt": "two\n"}

    def full(text: str = "") -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(console, "out", full)
    answer = world.mx(*arguments)
    monkeypatch.undo()
    assert answer.code == 4
    assert "was applied" in answer.err
    assert "mx undo" in answer.err
    assert world.has("extra.txt") or world.text("a.txt") == "two\n"
