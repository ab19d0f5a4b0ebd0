"""Files that a person renamed: followed where Git can tell, and remembered."""

from __future__ import annotations

import os

import pytest
from changing import World

TEXT = "one\ntwo\nthree\nfour\nfive\n"


def start(world: World) -> None:
    world.base.files = {
        "a.txt": TEXT,
        "b.txt": "quite\nanother\ntext\n",
        "data/train.py": "def train():\n    return 1\n",
    }
    world.start()
    world.commit("start")


def next_version(world: World) -> None:
    world.base.files["a.txt"] = TEXT.replace("five", "5")


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("edited", [False, True])
def test_git_mv_is_followed_and_remembered(world: World, committed: bool, edited: bool) -> None:
    start(world)
    (world.root / "docs").mkdir()
    world.git("mv", "a.txt", "docs/the a.txt")
    if edited:
        world.edit("docs/the a.txt", "one", "mine")
    if committed:
        world.commit("moved")
    assert world.status()["renamed"] == {"a.txt": "docs/the a.txt"}
    assert world.status()["missing"] == []
    next_version(world)
    rows = world.ok("update", "--json").rows
    assert rows == {"docs/the a.txt": "merge" if edited else "update"}
    assert not world.has("a.txt")
    text = TEXT.replace("five", "5")
    assert world.text("docs/the a.txt") == (text.replace("one", "mine") if edited else text)
    assert "moved" in world.record()
    # Remembered: Git is not needed any more.
    (world.root / ".git").rename(world.root.parent / "git-elsewhere")
    world.base.files["a.txt"] = text.replace("three", "3")
    assert list(world.ok("update", "--json").rows) == ["docs/the a.txt"]
    assert "3\n" in world.text("docs/the a.txt")


def test_twice_in_a_row(world: World) -> None:
    start(world)
    world.git("mv", "a.txt", "a2.txt")
    world.commit("once")
    world.git("mv", "a2.txt", "a3.txt")
    world.commit("twice")
    next_version(world)
    assert world.ok("update", "--json").rows == {"a3.txt": "update"}
    world.commit("updated")
    world.git("mv", "a3.txt", "a4.txt")
    world.base.files["a.txt"] = TEXT
    assert world.ok("update", "--json").rows == {"a4.txt": "update"}


def test_back_again(world: World) -> None:
    start(world)
    world.git("mv", "a.txt", "a2.txt")
    world.ok("update")
    assert "moved" in world.record()
    (world.root / "a2.txt").rename(world.root / "a.txt")
    next_version(world)
    assert world.ok("update", "--json").rows == {"a.txt": "update"}
    assert "moved" not in world.record()


def test_without_git_it_is_a_deleted_file_and_one_of_the_person(world: World) -> None:
    world.base.files = {"a.txt": TEXT}
    world.start()
    (world.root / "a.txt").rename(world.root / "b.txt")
    next_version(world)
    assert world.ok("update", "--json").rows == {"a.txt": "keep"}
    assert world.text("b.txt") == TEXT


def test_a_whole_folder(world: World) -> None:
    world.base.files = {f"src/{n}.py": f"def f{n}():\n    return {n}\n" * 3 for n in range(5)}
    world.start()
    world.commit()
    world.git("mv", "src", "lib")
    world.commit()
    world.base.files = {path: text + "# new\n" for path, text in world.base.files.items()}
    assert world.ok("update", "--json").rows == {f"lib/{n}.py": "update" for n in range(5)}
    assert not world.has("src")


def test_it_is_not_followed_to_a_file_that_mx_renders(world: World) -> None:
    """The person deleted one of two files that are alike, and Git takes the new one for the old."""
    start(world)
    world.git("rm", "-q", "a.txt")
    world.app.files = {"@short@.txt": TEXT}
    world.ok("generate", "WorldApp", "one")
    world.commit("looks like a rename")
    assert "R" in world.git("show", "-M", "--name-status", "--format=")
    assert world.status()["missing"] == ["a.txt"]
    next_version(world)
    world.app.files = {"@short@.txt": TEXT + "six\n"}
    assert world.ok("update", "--json").rows == {"a.txt": "keep", "one.txt": "update"}


def test_renamed_onto_another_file_of_the_same_instance(world: World) -> None:
    start(world)
    world.git("mv", "-f", "a.txt", "b.txt")
    world.commit()
    next_version(world)
    rows = world.ok("update", "--json").rows
    assert rows == {"a.txt": "keep", "b.txt": "keep"}
    assert world.text("b.txt") == TEXT


def test_a_renamed_file_that_was_dropped(world: World) -> None:
    start(world)
    world.git("mv", "a.txt", "mine.txt")
    world.commit()
    del world.base.files["a.txt"]
    # What was only renamed is as it was rendered, but the name is the person's.
    assert world.ok("update", "--json").rows == {"mine.txt": "orphan"}
    assert world.text("mine.txt") == TEXT


def test_a_renamed_file_stays_when_its_generator_is_destroyed(world: World) -> None:
    start(world)
    world.git("mv", "a.txt", "mine.txt")
    world.commit()
    assert world.ok("destroy", "WorldBase", "--json").rows["mine.txt"] == "orphan"


def test_restore_by_either_name(world: World) -> None:
    start(world)
    world.git("mv", "a.txt", "mine.txt")
    world.ok("update")
    world.delete("mine.txt")
    next_version(world)
    world.ok("update")
    assert not world.has("mine.txt")
    world.ok("update", "--restore", "mine.txt")
    assert world.text("mine.txt") == TEXT.replace("five", "5")


def test_undo_forgets_the_name_with_the_rest(world: World) -> None:
    start(world)
    world.git("mv", "a.txt", "mine.txt")
    before = world.tree()
    next_version(world)
    world.ok("update")
    world.ok("undo")
    assert world.tree() == before


def test_a_project_below_the_root_of_its_repository(world: World) -> None:
    world.base.files = {"a.txt": TEXT}
    repository = World(world.root.parent)
    world.start()
    repository.git("init", "-q")
    repository.commit()
    world.git("mv", "a.txt", "mine.txt")
    world.git("commit", "-qm", "x")
    next_version(world)
    assert world.ok("update", "--json").rows == {"mine.txt": "update"}
    # Out of the project is out of reach.
    repository.git("mv", "demo/mine.txt", "outside.txt")
    assert world.ok("update", "--json").rows == {"mine.txt": "keep"}


@pytest.mark.parametrize("name", ["näme.txt", 'with "quotes".txt', "tab\there.txt", "-dash.txt"])
def test_odd_names(world: World, name: str) -> None:
    start(world)
    world.git("mv", "--", "a.txt", name)
    world.commit()
    next_version(world)
    assert world.ok("update", "--json").rows == {name: "update"}
    world.ok("status")
    assert world.ok("update", "--json").rows == {}


def test_a_name_that_is_no_text_is_not_followed(world: World) -> None:
    start(world)
    (world.root / "a.txt").rename(world.root / os.fsdecode(b"\xff.txt"))
    world.commit()
    next_version(world)
    assert world.ok("update", "--json").rows == {"a.txt": "keep"}
    world.ok("status")
