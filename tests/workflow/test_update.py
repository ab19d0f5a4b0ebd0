"""`mx update` and `mx set`: what a person did and what the generator does now, put together."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from changing import World

TEXT = "one\ntwo\nthree\nfour\nfive\n"


def start(world: World, path: str = "a.txt", data: object = TEXT) -> None:
    world.base.files = {path: data}
    world.start()


def test_nothing_to_do_writes_nothing(world: World) -> None:
    start(world)

    def times() -> dict[str, int]:
        files = (path for path, what in world.tree().items() if what[0] == "file")
        return {path: os.lstat(world.root / path).st_mtime_ns for path in files}

    before = times()
    answer = world.ok("update", "--json")
    assert answer.json["outcome"] == "nothing"
    assert answer.rows == {}
    assert times() == before


def test_edits_in_different_places_are_both_kept(world: World) -> None:
    start(world)
    world.edit("a.txt", "one", "ONE of mine")
    world.base.files["a.txt"] = TEXT.replace("five", "FIVE of the generator")
    assert world.ok("update", "--json").rows == {"a.txt": "merge"}
    assert world.text("a.txt") == "ONE of mine\ntwo\nthree\nfour\nFIVE of the generator\n"
    assert world.ok("update", "--json").rows == {"a.txt": "keep"}
    assert world.status()["edited"] == ["a.txt"]


def conflict(world: World) -> None:
    start(world)
    world.edit("a.txt", "three", "mine")
    world.base.files["a.txt"] = TEXT.replace("three", "theirs")


def test_a_conflict_stops_the_run_before_it_writes(world: World) -> None:
    conflict(world)
    world.base.files["new.txt"] = "new\n"
    before = world.tree()
    answer = world.mx("update")
    assert answer.code == 1
    assert "a.txt" in answer.err
    assert "--on-conflict" in answer.err
    assert world.tree() == before
    answer = world.mx("update", "--json")
    assert (answer.code, answer.json["outcome"]) == (1, "refused")
    assert answer.rows == {"a.txt": "conflict", "new.txt": "create"}
    assert world.tree() == before


def test_markers_only_where_asked_then_listed_and_exit_1(world: World) -> None:
    conflict(world)
    answer = world.mx("update", "--on-conflict", "merge")
    assert answer.code == 1
    assert "a.txt" in answer.err
    text = "one\ntwo\n<<<<<<< yours\nmine\n=======\ntheirs\n>>>>>>> generator\nfour\nfive\n"
    assert world.text("a.txt") == text
    assert world.status()["conflicted"] == ["a.txt"]
    assert world.mx("status", "--exit-code").code == 1
    world.base.files["a.txt"] = TEXT.replace("five", "5")
    answer = world.mx("update", "--on-conflict", "overwrite")
    assert answer.code == 1
    assert "a.txt: line 3, 5, 7" in answer.err
    assert world.text("a.txt") == text


def test_overwrite(world: World) -> None:
    conflict(world)
    answer = world.ok("update", "--on-conflict", "overwrite", "--json")
    assert answer.json["changes"][0]["resolution"] == "overwrite"
    assert world.text("a.txt") == TEXT.replace("three", "theirs")
    assert world.status()["edited"] == []


def test_declined_is_remembered_and_offered_again(world: World) -> None:
    conflict(world)
    world.ok("update", "--on-conflict", "keep")
    assert "mine" in world.text("a.txt")
    assert world.status()["declined"] == ["a.txt"]
    assert world.ok("update", "--json").rows == {"a.txt": "keep"}
    assert world.status()["declined"] == ["a.txt"]
    answer = world.mx("update", "--retry", "a.txt", "--json")
    assert (answer.code, answer.rows) == (1, {"a.txt": "conflict"})
    world.ok("update", "--retry", "a.txt", "--on-conflict", "overwrite")
    assert "theirs" in world.text("a.txt")
    assert world.status()["declined"] == []


def test_declined_then_the_generator_changes_another_place(world: World) -> None:
    conflict(world)
    world.ok("update", "--on-conflict", "keep")
    world.base.files["a.txt"] = world.base.files["a.txt"].replace("five", "5")
    assert world.ok("update", "--json").rows == {"a.txt": "merge"}
    assert world.text("a.txt") == "one\ntwo\nmine\nfour\n5\n"
    assert world.status()["declined"] == ["a.txt"]  # its place is as it was declined


def test_the_same_edit_on_both_sides_is_none(world: World) -> None:
    conflict(world)
    world.edit("a.txt", "mine", "theirs")
    assert world.ok("update", "--json").rows == {}
    assert world.status()["edited"] == []


@pytest.mark.parametrize(
    ("path", "base", "mine", "theirs", "both"),
    [
        ("c.yaml", "a: 1\nb: 2\n", "a: 10\nb: 2\n", "a: 1\nb: 20\n", "a: 10\nb: 20\n"),
        ("c.toml", "a = 1\nb = 2\n", "a = 10\nb = 2\n", "a = 1\nb = 20\n", "a = 10\nb = 20\n"),
        ("c.json", '{\n  "a": 1,\n  "b": 2\n}\n', '{\n  "a": 10,\n  "b": 2\n}\n', '{\n  "a": 1,\n  "b": 20\n}\n', '{\n  "a": 10,\n  "b": 20\n}\n'),
    ],
)  # fmt: skip
def test_neighbouring_keys_are_no_conflict(
    world: World, path: str, base: str, mine: str, theirs: str, both: str
) -> None:
    start(world, path, base)
    world.write(path, mine)
    world.base.files[path] = theirs
    assert world.ok("update", "--json").rows == {path: "merge"}
    assert world.text(path) == both


def test_a_deleted_file_stays_deleted_until_restored(world: World) -> None:
    start(world)
    world.delete("a.txt")
    assert world.status()["missing"] == ["a.txt"]
    world.base.files["a.txt"] = "new\n"
    assert world.ok("update", "--json").rows == {"a.txt": "keep"}
    assert not world.has("a.txt")
    assert world.ok("update", "--json").rows == {"a.txt": "keep"}
    assert world.ok("update", "--restore", "a.txt", "--json").rows == {"a.txt": "create"}
    assert world.text("a.txt") == "new\n"
    assert world.status()["missing"] == []


def test_a_deleted_section_stays_deleted_until_restored(world: World) -> None:
    world.base.sections = [("s.yaml", "one", 1), ("s.yaml", "two", 2)]
    world.start()
    world.write("s.yaml", "two: 2\n")
    world.base.sections[0] = ("s.yaml", "one", 11)
    world.ok("update")
    assert world.text("s.yaml") == "two: 2\n"
    assert world.status()["missing"] == ["s.yaml: one"]
    world.ok("update", "--restore", "s.yaml")
    assert world.text("s.yaml") == "one: 11\ntwo: 2\n"


def test_a_declined_section_is_offered_again(world: World) -> None:
    world.base.sections = [("s.yaml", "one", 1), ("s.yaml", "two", 2)]
    world.start()
    world.edit("s.yaml", "one: 1", "one: 100")
    world.base.sections[0] = ("s.yaml", "one", 11)
    assert world.mx("update").code == 1
    world.ok("update", "--on-conflict", "keep")
    assert world.status()["declined"] == ["s.yaml: one"]
    world.ok("update")
    assert world.status()["declined"] == ["s.yaml: one"]
    assert world.mx("update", "--retry", "s.yaml", "--json").rows == {"s.yaml": "conflict"}
    world.ok("update", "--retry", "s.yaml", "--on-conflict", "overwrite")
    assert world.text("s.yaml") == "one: 11\ntwo: 2\n"
    assert world.status()["declined"] == []


def test_a_deleted_shared_file_stays_deleted(world: World) -> None:
    world.base.sections = [("s.yaml", "one", 1)]
    world.start()
    world.delete("s.yaml")
    world.base.sections = [("s.yaml", "one", 2)]
    world.ok("update")
    assert not world.has("s.yaml")
    world.ok("update", "--restore", "s.yaml")
    assert world.text("s.yaml") == "one: 2\n"


def test_a_wish_for_an_unknown_path(world: World) -> None:
    start(world)
    answer = world.mx("update", "--restore", "b.txt")
    assert answer.code == 2
    assert "b.txt" in answer.err


def test_dropped_files_go_only_if_pristine(world: World) -> None:
    world.base.files = {"d/pristine.txt": "p\n", "d/e/edited.txt": "e\n", "x/y/z.txt": "z\n"}
    world.start()
    world.edit("d/e/edited.txt", "e", "mine")
    world.base.files = {}
    rows = world.ok("update", "--json").rows
    assert rows == {"d/pristine.txt": "remove", "d/e/edited.txt": "orphan", "x/y/z.txt": "remove"}
    assert world.text("d/e/edited.txt") == "mine\n"
    assert not world.has("x")
    assert world.ok("update", "--json").rows == {}
    assert "edited.txt" not in world.record()


def test_a_file_that_comes_back_after_it_was_dropped(world: World) -> None:
    start(world)
    world.edit("a.txt", "one", "mine")
    world.base.files = {}
    world.ok("update")
    world.base.files = {"a.txt": TEXT}
    answer = world.mx("update", "--json")
    assert (answer.code, answer.rows) == (1, {"a.txt": "conflict"})


def test_a_new_file_where_a_person_has_one(world: World) -> None:
    start(world)
    world.write("new.txt", "mine\n")
    world.base.files["new.txt"] = "theirs\n"
    assert world.mx("update", "--json").rows == {"new.txt": "conflict"}
    world.write("new.txt", "theirs\n")
    world.ok("update")
    assert world.status()["adopted"] == ["new.txt"]


def test_binary_files_conflict_and_are_never_merged(world: World) -> None:
    start(world, "b.bin", b"\0one")
    world.write("b.bin", b"\0mine")
    assert world.ok("update", "--json").rows == {"b.bin": "keep"}
    world.base.files["b.bin"] = b"\0two"
    before = world.tree()
    answer = world.mx("update", "--on-conflict", "merge")
    assert answer.code == 1
    assert "cannot be merged" in answer.err
    assert world.tree() == before
    world.ok("update", "--on-conflict", "overwrite")
    assert world.read("b.bin") == b"\0two"


def test_line_ends_and_a_missing_last_one_survive(world: World) -> None:
    start(world)
    world.write("a.txt", TEXT.replace("one", "mine").replace("\n", "\r\n").rstrip("\r\n"))
    world.base.files["a.txt"] = TEXT.replace("four", "4")
    world.ok("update")
    assert world.read("a.txt") == b"mine\r\ntwo\r\nthree\r\n4\r\nfive"


@pytest.mark.parametrize("edited", [False, True])
def test_the_executable_bit_is_the_persons(world: World, edited: bool) -> None:
    start(world, "run.sh", ("one\ntwo\n", True))
    (world.root / "run.sh").chmod(0o644)
    if edited:
        world.edit("run.sh", "one", "mine")
    world.base.files["run.sh"] = ("one\ntwo\n3\n4\n", True)
    world.mx("update", "--on-conflict", "overwrite") if edited else world.ok("update")
    assert not os.access(world.root / "run.sh", os.X_OK)
    assert world.text("run.sh").endswith("3\n4\n")


def test_the_generator_makes_an_edited_file_executable(world: World) -> None:
    start(world, "run.sh", TEXT)
    world.edit("run.sh", "one", "mine")
    world.base.files["run.sh"] = (TEXT, True)
    assert world.ok("update", "--json").rows == {"run.sh": "update"}
    assert os.access(world.root / "run.sh", os.X_OK)
    assert "mine" in world.text("run.sh")


@pytest.mark.parametrize("target", ["kept/elsewhere.txt", "nowhere", "/etc/hostname", "../outside.txt"])
def test_a_symbolic_link_that_a_person_put_there_stays(world: World, target: str) -> None:
    start(world)
    world.write("kept/elsewhere.txt", "elsewhere\n")
    (world.root.parent / "outside.txt").write_text("outside\n")
    world.delete("a.txt")
    (world.root / "a.txt").symlink_to(target)
    world.base.files |= {"a.txt": "changed\n", "b.txt": "b\n"}
    assert world.ok("update", "--json").rows == {"a.txt": "keep", "b.txt": "create"}
    assert (world.root / "a.txt").readlink() == Path(target)
    assert world.text("kept/elsewhere.txt") == "elsewhere\n"
    assert (world.root.parent / "outside.txt").read_text() == "outside\n"
    assert world.status()["edited"] == ["a.txt"]
    assert world.ok("destroy", "WorldBase", "--json").rows["a.txt"] == "orphan"
    assert (world.root / "a.txt").is_symlink()


def test_a_folder_that_a_person_made_a_link_to_another_disk(world: World) -> None:
    start(world, "data/a.txt")
    outside = world.root.parent / "outside"
    (world.root / "data").rename(outside)
    (world.root / "data").symlink_to(outside)
    world.base.files["data/a.txt"] = "changed\n"
    assert world.ok("update", "--json").rows == {"data/a.txt": "keep"}
    assert (outside / "a.txt").read_text() == TEXT
    world.ok("status")
    world.ok("destroy", "WorldBase")
    assert (outside / "a.txt").read_text() == TEXT


def test_a_folder_in_the_place_of_a_file_and_the_other_way_round(world: World) -> None:
    world.base.files = {"a.txt": "a\n", "conf/b.txt": "b\n"}
    world.start()
    world.delete("a.txt")
    world.write("a.txt/mine", "mine\n")
    world.delete("conf/b.txt")
    (world.root / "conf").rmdir()
    world.write("conf", "mine\n")
    world.base.files = {"a.txt": "a2\n", "conf/b.txt": "b2\n"}
    assert world.ok("update", "--json").rows == {"a.txt": "keep", "conf/b.txt": "keep"}
    world.ok("status")
    world.ok("destroy", "WorldBase")
    assert world.text("a.txt/mine") == world.text("conf") == "mine\n"


def test_something_new_in_the_way_is_said_before_anything_is_written(world: World) -> None:
    start(world)
    (world.root / "new.txt").mkdir()
    world.base.files["new.txt"] = "new\n"
    before = world.tree()
    answer = world.mx("update")
    assert answer.code == 1
    assert "new.txt is a folder" in answer.err
    assert world.tree() == before


def test_a_damaged_pristine_is_no_base(world: World) -> None:
    start(world)
    pristine = ".mx/pristine/WorldBase/a.txt.pristine"
    world.edit("a.txt", "one", "mine")
    world.write(pristine, "damaged\n")
    assert world.status()["damaged"] == ["a.txt"]
    assert world.mx("status", "--exit-code").code == 1
    world.base.files["a.txt"] = TEXT.replace("five", "5")
    answer = world.mx("update", "--json")
    assert (answer.code, answer.rows) == (1, {"a.txt": "conflict"})
    world.ok("update", "--on-conflict", "keep")
    assert world.status()["damaged"] == []


def test_a_damaged_pristine_of_a_file_nobody_touched_is_mended(world: World) -> None:
    start(world)
    world.delete(".mx/pristine/WorldBase/a.txt.pristine")
    assert world.status()["damaged"] == ["a.txt"]
    world.ok("update")
    assert world.status()["damaged"] == []


def test_only_the_named_instance(world: World) -> None:
    start(world)
    world.app.files = {"@short@.txt": "app\n"}
    world.ok("generate", "WorldApp", "one")
    world.ok("generate", "WorldApp", "two")
    world.base.files["a.txt"] = "changed\n"
    world.app.files = {"@short@.txt": "app 2\n"}
    assert world.ok("update", "world-app:two", "--json").rows == {"two.txt": "update"}
    answer = world.mx("update", "WorldApp")
    assert answer.code == 2
    assert "WorldApp:one, WorldApp:two" in answer.err
    assert world.mx("update", "Nothing").code == 2
    assert world.ok("update", "--json").rows == {"a.txt": "update", "one.txt": "update"}


def test_a_shared_option_reaches_every_instance(world: World) -> None:
    world.base.files = {"a.txt": "@region@\n"}
    world.app.files = {"@short@.txt": "@region@ @port@\n"}
    world.start()
    world.ok("generate", "WorldApp", "one")
    world.ok("generate", "WorldApp", "two")
    rows = world.ok("set", "region=east", "--json").rows
    assert rows == {"a.txt": "update", "one.txt": "update", "two.txt": "update", "mx.yaml": "update"}
    assert world.text("two.txt") == "east 80\n"
    assert "region: east" in world.text("mx.yaml")
    world.ok("set", "WorldApp:one.port=8080", "size=3", "client=Acme & Co")
    assert world.text("one.txt") == "east 8080\n"
    assert world.text("two.txt") == "east 80\n"
    answer = world.mx("set", "port=1")
    assert answer.code == 2
    assert "WorldApp:one.port, WorldApp:two.port" in answer.err


def test_a_region_edited_in_mx_yaml_reaches_them_with_the_next_update(world: World) -> None:
    world.base.files = {"a.txt": "@region@\n"}
    world.app.files = {"@short@.txt": "@region@\n"}
    world.start()
    world.ok("generate", "WorldApp", "one")
    world.edit("mx.yaml", "region: west", "region: east")
    assert world.status("WorldApp:one")["update"] == ["one.txt"]
    assert world.ok("update", "--json").rows == {"a.txt": "update", "one.txt": "update"}


def test_set_says_no(world: World) -> None:
    world.start()
    before = world.tree()
    for wrong in ("size=1000", "nothing=1", "region=NOT-LOWER", "size", "=1", "WorldBase.nothing=1"):
        answer = world.mx("set", wrong)
        assert answer.code == 2, wrong
        assert wrong.partition("=")[0].rpartition(".")[2] in answer.err
    world.ok("generate", "WorldApp", "one")
    assert world.mx("set", "WorldApp:one.name=two").code == 2
    assert {p: w for p, w in world.tree().items() if p in before and "one" not in p} == before


def test_set_empties_and_repeats(world: World) -> None:
    world.base.files = {"a.txt": "[@client@] @tag@\n"}
    world.start("--client", "Acme", "--tag", "x")
    world.ok("set", "tag=y", "tag=z")
    assert world.text("a.txt") == "[Acme] ('y', 'z')\n"
    world.ok("set", "client=", "tag=")
    assert world.text("a.txt") == "[] ()\n"


def test_comments_and_the_order_of_keys_in_mx_yaml_survive_set(world: World) -> None:
    world.start()
    text = world.text("mx.yaml")
    head, _, options = text.partition("options:\n")
    lines = options.splitlines()
    mine = (
        f"# Mine.\n{head}options: # all of them\n  # where\n"
        + "\n".join(reversed(lines))
        + "   # the first\n"
    )
    world.write("mx.yaml", mine)
    world.ok("set", "region=east")
    assert world.text("mx.yaml") == mine.replace("region: west", "region: east")


def test_the_table_and_the_summary(world: World) -> None:
    start(world)
    world.base.files["a.txt"] = "changed\n"
    out = world.ok("update", "--diff").out
    assert "update  a.txt" in out
    assert "-one" in out
    assert "+changed" in out
    assert "1 update" in out


def test_a_file_becomes_a_folder_and_a_folder_a_file(world: World) -> None:
    world.base.files = {"a": "a\n", "d/e/f.txt": "f\n", "d/g.txt": "g\n"}
    world.start()
    world.base.files = {"a/b/c.txt": "c\n", "d": "d\n"}
    rows = world.ok("update", "--json").rows
    assert rows == {
        "a": "remove",
        "a/b/c.txt": "create",
        "d": "create",
        "d/e/f.txt": "remove",
        "d/g.txt": "remove",
    }
    assert world.text("a/b/c.txt") == "c\n"
    assert world.text("d") == "d\n"
    world.ok("undo")
    assert world.text("a") == "a\n"
    assert world.text("d/e/f.txt") == "f\n"


def test_a_folder_becomes_no_file_while_a_person_has_something_in_it(world: World) -> None:
    world.base.files = {"a": "a\n", "d/g.txt": "g\n"}
    world.start()
    world.write("d/mine.txt", "mine\n")
    world.base.files = {"d": "d\n"}
    assert "d is a folder" in world.mx("update").err
    world.base.files = {"a/b.txt": "b\n"}
    world.edit("a", "a", "mine")
    assert "a is a file" in world.mx("update").err
