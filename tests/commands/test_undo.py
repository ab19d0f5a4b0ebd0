"""`mx undo`: the last plan that changed something, taken back, and done again."""

from __future__ import annotations

import os

import pytest
from changing import World, call

from mxdev.disk import journal
from mxdev.disk.journal_format import Journal

TEXT = "one\ntwo\nthree\nfour\nfive\n"


def start(world: World) -> None:
    """A project, and a change that touches a file in every way: see `change`."""
    world.base.files = {"a.txt": TEXT, "gone/b.txt": "b\n", "run.sh": "#!/bin/sh\n", "c.bin": b"\0c"}
    world.base.sections = [("s.yaml", "version", 1), (".gitignore", "@instance@", "a\n")]
    world.start()


def change(world: World) -> None:
    world.base.files = {
        "a.txt": TEXT.replace("five", "5"),
        "run.sh": ("#!/bin/sh\n", True),
        "c.bin": b"\0d",
        "new/d.txt": "d\n",
    }
    world.base.sections = [("s.yaml", "version", 2), (".gitignore", "@instance@", "b\n")]


def test_update_undo_redo(world: World) -> None:
    start(world)
    before = world.tree()
    change(world)
    world.ok("update")
    after = world.tree()
    assert after != before
    for _ in range(2):
        rows = world.ok("undo", "--json").rows
        assert rows == {
            "a.txt": "update", "gone/b.txt": "create", "run.sh": "update", "c.bin": "update", "new/d.txt": "remove",
            "s.yaml": "update", ".gitignore": "update",
        }  # fmt: skip
        assert world.tree() == before
        world.ok("undo")
        assert world.tree() == after


def test_it_says_what_it_takes_back(world: World) -> None:
    start(world)
    change(world)
    world.ok("update")
    assert "Taking back mx update of 20" in world.ok("undo").err
    assert "Taking back undo of mx update of 20" in world.ok("undo").err
    assert "Taking back mx update of 20" in world.ok("undo").err


def test_an_overwrite_that_a_person_chose_too(world: World) -> None:
    start(world)
    world.edit("a.txt", "five", "mine")
    before = world.tree()
    change(world)
    world.ok("update", "--on-conflict", "overwrite")
    assert "mine" not in world.text("a.txt")
    world.ok("undo")
    assert world.tree() == before


def test_each_command_that_plans(world: World) -> None:
    world.base.files = {"a.txt": "@region@\n"}
    world.extra.files = {"extra.txt": "@level@\n"}
    world.start()
    for arguments in (["generate", "WorldExtra"], ["set", "region=east"], ["destroy", "WorldExtra"]):
        before = world.tree()
        world.ok(*arguments)
        after = world.tree()
        world.ok("undo")
        assert world.tree() == before, arguments
        world.ok("undo")
        assert world.tree() == after, arguments


def test_after_the_project_was_destroyed(world: World) -> None:
    start(world)
    before = world.tree()
    world.ok("destroy", "WorldBase")
    assert world.mine() == {}
    world.ok("undo")
    assert world.tree() == before
    world.ok("status", "--exit-code")
    world.ok("undo")
    assert world.mine() == {}
    world.ok("undo")
    assert world.tree() == before


def test_a_project_begun_in_a_folder_that_has_files(world: World) -> None:
    world.root.mkdir()
    world.write("mine.txt", "mine\n")
    before = world.tree()
    start(world)
    after = world.tree()
    world.ok("undo")
    assert world.mine() == before
    world.ok("undo")
    assert world.tree() == after


def test_files_that_changed_since_stop_it(world: World) -> None:
    start(world)
    change(world)
    world.ok("update")
    world.edit("a.txt", "one", "mine")
    world.write("gone/b.txt", "mine\n")
    world.edit("s.yaml", "2", "3")
    before = world.tree()
    answer = world.mx("undo")
    assert answer.code == 1
    for path in ("a.txt", "gone/b.txt", "s.yaml"):
        assert f"  {path}\n" in answer.err
    assert "c.bin" not in answer.err
    assert "--merge" in answer.err
    assert world.tree() == before
    assert world.mx("undo", "--json").json["outcome"] == "refused"


def test_merge_keeps_what_was_done_since(world: World) -> None:
    start(world)
    change(world)
    world.ok("update")
    world.edit("a.txt", "one", "mine")
    world.edit("new/d.txt", "d", "mine")
    world.delete("c.bin")
    answer = world.ok("undo", "--merge", "--json")
    assert answer.rows == {
        "a.txt": "merge", "gone/b.txt": "create", "run.sh": "update", "c.bin": "keep", "new/d.txt": "orphan",
        "s.yaml": "update", ".gitignore": "update",
    }  # fmt: skip
    assert world.text("a.txt") == TEXT.replace("one", "mine")
    assert world.text("new/d.txt") == "mine\n"
    assert not world.has("c.bin")
    assert not os.access(world.root / "run.sh", os.X_OK)


def test_merge_takes_the_mode_back_of_a_file_that_changed_since(world: World) -> None:
    start(world)
    change(world)
    world.ok("update")
    world.write("run.sh", "#!/bin/sh\nmine\n")
    assert world.ok("undo", "--merge", "--json").rows["run.sh"] == "update"
    assert world.text("run.sh") == "#!/bin/sh\nmine\n"
    assert not os.access(world.root / "run.sh", os.X_OK)


def test_merge_in_the_same_place_is_a_conflict(world: World) -> None:
    start(world)
    change(world)
    world.ok("update")
    world.edit("a.txt", "5", "mine")
    before = world.tree()
    answer = world.mx("undo", "--merge", "--json")
    assert (answer.code, answer.json["outcome"]) == (1, "refused")
    assert answer.rows["a.txt"] == "conflict"
    assert world.tree() == before
    answer = world.mx("undo", "--merge", "--on-conflict", "merge")
    assert answer.code == 1
    assert "<<<<<<< yours\nmine\n=======\nfive\n>>>>>>> generator\n" in world.text("a.txt")


def test_a_link_where_a_file_was(world: World) -> None:
    start(world)
    change(world)
    world.ok("update")
    world.delete("a.txt")
    (world.root / "a.txt").symlink_to("run.sh")
    answer = world.mx("undo")
    assert answer.code == 1
    assert "a.txt" in answer.err
    world.ok("undo", "--merge")
    assert (world.root / "a.txt").is_symlink()
    assert world.text("gone/b.txt") == "b\n"


def test_what_changed_nothing_is_not_taken_back_and_records_are(world: World) -> None:
    start(world)
    before = world.tree()
    change(world)
    world.ok("update")
    updated = world.tree()
    assert world.ok("update", "--json").json["outcome"] == "nothing"
    world.mx("set", "size=2")  # only a record
    world.mx("generate", "Nothing")
    answer = world.ok("undo")
    assert "Taking back mx set of 20" in answer.err
    assert "only what mx records" in answer.err
    assert world.tree() == updated
    world.ok("undo")
    assert world.tree() == before


def test_records_in_a_row_do_not_stand_before_the_bytes_of_an_overwrite(world: World) -> None:
    start(world)
    world.edit("a.txt", "five", "PRECIOUS")
    before = world.tree()
    change(world)
    world.ok("update", "--on-conflict", "overwrite")
    for size in ("2", "3", "4"):
        world.ok("set", f"size={size}")
    assert world.ok("undo", "--json").json["outcome"] == "applied"
    for _ in range(3):
        world.ok("undo")
    assert world.tree() == before


def test_several_runs_at_once_and_again(world: World) -> None:
    start(world)
    trees = [world.tree()]
    for number in range(4):
        world.base.files = {
            "a.txt": f"{number}\n",
            f"new{number}/x.txt": "x\n",
            "run.sh": ("#!/bin/sh\n", bool(number % 2)),
        }
        world.ok("update")
        trees.append(world.tree())
    world.ok("undo", "3")
    assert world.tree() == trees[1]
    world.ok("undo")
    assert world.tree() == trees[4]
    world.ok("undo", "6")  # the redo and the undo too
    assert world.tree() == trees[0]
    answer = world.mx("undo", "60")
    assert (answer.code, "runs that can be taken back" in answer.err) == (1, True)


def test_the_list(world: World) -> None:
    start(world)
    assert "nothing to take back" in world.ok("undo", "--list").out
    change(world)
    world.ok("update")
    world.ok("set", "size=2")
    before = world.tree()
    lines = world.ok("undo", "--list").out.splitlines()
    assert [line.split("  ")[3] for line in lines] == ["mx set", "mx update"]
    assert lines[0].endswith("(only mx's records)")
    assert lines[1].endswith("(7 files)")
    runs = world.ok("undo", "--list", "--json").json["runs"]
    assert [run["command"] for run in runs] == ["mx set", "mx update"]
    assert "a.txt" in runs[1]["files"]
    assert world.tree() == before


def test_adopt_is_taken_back_with_its_overrides(world: World) -> None:
    world.base.sections = [("devspace.yaml", "deployments.base", {"namespace": "default"})]
    world.start()
    world.edit("devspace.yaml", "namespace: default", "namespace: mine")
    before = world.tree()
    rows = world.ok("adopt", "--json").rows
    assert rows == {".mx/overrides/devspace.yaml": "create"}
    after = world.tree()
    assert world.ok("undo", "--json").rows == {".mx/overrides/devspace.yaml": "remove"}
    assert world.tree() == before
    world.ok("undo")
    assert world.tree() == after


def test_a_file_that_comes_back_is_as_private_as_it_was(world: World) -> None:
    start(world)
    (world.root / "gone/b.txt").chmod(0o600)
    change(world)
    world.ok("update")
    world.ok("undo")
    assert (world.root / "gone/b.txt").stat().st_mode & 0o777 == 0o600


def test_the_history_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_RUNS", 3)
    start(world)
    for number in range(6):
        world.base.files = {"a.txt": f"{number}\n"}
        world.ok("update")
    assert len(world.ok("undo", "--list").out.splitlines()) == 3
    monkeypatch.setattr(journal, "MOST_BYTES", 1)
    world.base.files = {"a.txt": "last\n"}
    world.ok("update")
    assert sorted(path.name for path in (world.root / ".mx/undo").iterdir()) == ["last"]


def test_an_earlier_run_of_a_stranger_ends_the_list(world: World) -> None:
    start(world)
    world.write(".mx/undo/last", Journal("0badc0de", "stranger", True, (), {}, {}, 0).encode())
    change(world)
    world.ok("update")
    assert "stranger" not in world.ok("undo", "--list").out
    assert "stranger" in world.ok("undo", "--list", "--trust").out


def test_nothing_to_take_back(world: World) -> None:
    start(world)
    answer = world.mx("undo")
    assert answer.code == 1
    assert "nothing to take back" in answer.err
    nowhere = world.root.parent
    answer = call("undo", "--json", cwd=nowhere)
    assert answer.json["outcome"] == "error"
    assert answer.code == 4


def test_it_needs_no_git_and_git_sees_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    start(world)
    world.commit()
    change(world)
    world.ok("update")
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", "")
    world.ok("undo")
    monkeypatch.setenv("PATH", path)
    assert world.git("status", "--porcelain", "-uall", "--ignored").splitlines() == [
        "!! .mx/lock",
        "!! .mx/undo/earlier-000001",
        "!! .mx/undo/last",
    ]


def test_a_dry_run_says_the_same_and_writes_nothing(world: World) -> None:
    start(world)
    change(world)
    world.ok("update")
    before = world.tree()
    rows = world.ok("undo", "--dry-run", "--json").rows
    assert world.tree() == before
    assert world.ok("undo", "--json").rows == rows


def test_a_damaged_undo(world: World) -> None:
    start(world)
    change(world)
    world.ok("update")
    world.write(".mx/undo/last", world.read(".mx/undo/last")[:-20])
    answer = world.mx("undo")
    assert answer.code == 4
    assert "is damaged" in answer.err
