"""After a kill each command that reads says so before anything else, and advises nothing that would do harm."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from changing import World, call
from disks import KillingFS, in_child

from mxdev.disk import journal, session
from mxdev.disk.locks import lock

READERS = [
    ["status"], ["status", "--exit-code"], ["status", "--json"], ["diff"], ["diff", "--template"], ["lint"],
    ["lint", "--format", "json"], ["lint", "--rule", "merge-markers"], ["generate"],
    ["update", "--dry-run"], ["update", "--dry-run", "--json"], ["undo", "--dry-run"], ["adopt", "--dry-run"],
    ["destroy", "WorldBase", "--dry-run"], ["generate", "WorldExtra", "--dry-run"], ["resolve", "--dry-run"],
]  # fmt: skip


@pytest.fixture
def killed(world: World) -> World:
    """A project in which a run was killed after its commit mark, with half of the records replaced."""
    world.base.files = {f"f{n}.txt": f"{n} one\n" for n in range(8)}
    world.base.sections = [("s.yaml", "a", 1)]
    world.start()
    world.base.files = {f"f{n}.txt": f"{n} two\n" for n in range(8)}
    at = 30
    while in_child(lambda: world.mx("update"), KillingFS(at)) is not None and not _half(world):
        call("recover", "--back", cwd=world.root)
        at += 1
    assert _half(world)
    return world


def _half(world: World) -> bool:
    there = {world.text(f"f{n}.txt").split()[1] for n in range(8)}
    return (world.root / journal.COMMITTED).exists() and there == {"one", "two"}


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_each_reader_says_it_first(killed: World, command: list[str]) -> None:
    before = killed.tree()
    answer = call(*command, cwd=killed.root)
    said = answer.err + answer.out
    assert "interrupted" in said
    assert "mx recover" in said
    assert "git checkout" not in said
    if "--json" not in command and "--dry-run" not in command:
        assert answer.err.startswith("warning: A run in ")
    assert killed.tree() == before


def test_what_is_asked_by_code_or_json_is_not_answered_with_all_is_well(killed: World) -> None:
    assert call("status", "--exit-code", cwd=killed.root).code == 1
    told = call("status", "--json", cwd=killed.root).json
    assert told["clean"] is False
    assert "mx recover" in told["interrupted"]
    assert call("lint", "--rule", "pristine", cwd=killed.root).code == 1
    assert call("recover", cwd=killed.root).code == 0
    told = call("status", "--json", cwd=killed.root).json
    assert "interrupted" not in told
    assert told["clean"] is True


def test_without_the_project_file_the_advice_is_to_recover(killed: World) -> None:
    (killed.root / "mx.yaml").unlink()
    for command in (["status"], ["diff"], ["status", "--json"]):
        answer = call(*command, cwd=killed.root)
        assert "mx recover" in answer.err + answer.out
        assert "git checkout" not in answer.err + answer.out


def test_completion_stays_silent(killed: World, capfd: pytest.CaptureFixture[str]) -> None:
    from mxdev.commands.planning import complete_instances

    before = os.getcwd()  # noqa: PTH109
    os.chdir(killed.root)
    try:
        complete_instances(None, None, "World")  # type: ignore[arg-type]
    finally:
        os.chdir(before)
    assert capfd.readouterr() == ("", "")


def test_a_run_at_work_is_not_called_interrupted(killed: World) -> None:
    with lock.hold(killed.root):
        said = session.interruption(killed.root) or ""
    assert "at work" in said
    assert "interrupted" not in said


def test_the_journal_of_a_stranger_is_said_by_readers_too(world: World) -> None:
    world.base.files = {"a.txt": "a\n"}
    world.start()
    place = world.root / journal.COMMITTED
    Path(place.parent).mkdir()
    place.write_bytes(b"mx-journal 1\n")
    for command in READERS[:3]:
        answer = call(*command, cwd=world.root)
        assert "mx recover" in answer.err
        assert "damaged" in answer.err


def test_git_does_not_see_what_a_killed_run_left(killed: World) -> None:
    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=killed.root, check=True, capture_output=True, text=True
        )
        return done.stdout

    git("init", "--quiet")
    seen = git("status", "--porcelain", "--untracked-files=all", "--no-renames").splitlines()
    assert not [
        line
        for line in seen
        if "/journal/" in line or "/.mx-" in line or line.endswith(".mx-new") or " .mx-" in line
    ]
