"""The table of statuses, as far as a person sees it: what becomes of files that one instance renders whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from worlds import Wanted, World, statuses

from mxdev.errors import MxError, Refused
from mxdev.workflow.apply import Policy

KEEP, OVERWRITE, MERGE = (
    Policy(json=True, on_conflict="keep"),
    Policy(json=True, on_conflict="overwrite"),
    Policy(json=True, on_conflict="merge"),
)
TEN = "".join(f"{n}\n" for n in range(10))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "project with 'quotes' and ümlauts")


def test_create_writes_a_file_and_its_folders(world: World) -> None:
    assert world.files({"a/b/c.txt": "x", "run": ("y", True)}) == (
        {"a/b/c.txt": "create", "run": "create"}, "applied", 0
    )  # fmt: skip
    assert (world.get("a/b/c.txt"), world.get("run")) == ("x", "y")
    assert (world.executable("a/b/c.txt"), world.executable("run")) == (False, True)


def test_identical_does_nothing_and_keeps_the_time(world: World) -> None:
    world.files({"a": "x"})
    os.utime(world.root / "a", (1, 1))
    before = {path: path.stat().st_mtime_ns for path in world.root.rglob("*") if path.is_file()}
    assert world.files({"a": "x"}) == ({"a": "identical"}, "nothing", 0)
    after = {path: path.stat().st_mtime_ns for path in world.root.rglob("*") if path.is_file()}
    lock = world.root / ".mx" / "lock"
    assert {p: t for p, t in after.items() if p != lock} == {p: t for p, t in before.items() if p != lock}


def test_what_mx_did_not_create_is_adopted_updated_and_never_removed(world: World) -> None:
    world.put("a", "x")
    assert world.files({"a": "x"})[0] == {"a": "identical"}
    assert world.project.instances["A"].files["a"].adopted
    assert world.files({"a": "new"})[0] == {"a": "update"}
    assert world.files({})[0] == {"a": "orphan"}
    assert world.get("a") == "new"
    assert world.files({})[0] == {}


@pytest.mark.parametrize("policy", [KEEP, OVERWRITE, MERGE], ids=["keep", "overwrite", "merge"])
def test_a_file_that_was_in_the_way_is_never_removed(world: World, policy: Policy) -> None:
    world.put("a", "mine")
    assert world.files({"a": "x"}, policy=policy)[0] == {"a": "conflict"}
    assert world.files({})[0] == {"a": "orphan"}
    assert world.get("a") is not None


def test_update_replaces_what_nobody_edited(world: World) -> None:
    world.files({"a": "x"})
    assert world.files({"a": "y"}) == ({"a": "update"}, "applied", 0)
    assert world.get("a") == "y"
    assert world.files({"a": "y"})[1] == "nothing"


def test_an_edit_is_kept_when_the_generator_wants_nothing_new(world: World) -> None:
    world.files({"a": "x"})
    world.put("a", "mine")
    assert world.files({"a": "x"}) == ({"a": "keep"}, "nothing", 0)
    assert world.get("a") == "mine"


def test_an_edit_and_an_update_are_merged(world: World) -> None:
    world.files({"a": TEN})
    world.put("a", TEN.replace("1\n", "one\n"))
    assert world.files({"a": TEN.replace("8\n", "eight\n")}) == ({"a": "merge"}, "applied", 0)
    assert world.get("a") == TEN.replace("1\n", "one\n").replace("8\n", "eight\n")
    assert world.files({"a": TEN.replace("8\n", "eight\n")})[0] == {"a": "keep"}


def test_an_edit_that_has_the_update_already(world: World) -> None:
    world.files({"a": TEN})
    world.put("a", TEN.replace("8\n", "eight\n"))
    assert world.files({"a": TEN.replace("8\n", "eight\n")})[0] == {"a": "identical"}
    world.put("a", TEN.replace("8\n", "eight\n") + "more\n")
    assert world.files({"a": TEN.replace("8\n", "eight\n")})[0] == {"a": "keep"}


def conflicted(world: World) -> dict[str, str]:
    world.files({"a": "base\n", "b": "x"})
    world.put("a", "mine\n")
    return {"a": "theirs\n", "b": "y"}


def test_a_conflict_stops_the_run_before_the_first_write(world: World, look: object) -> None:
    new = conflicted(world)
    before = look(world.root)  # type: ignore[operator]
    assert world.files(new) == ({"a": "conflict", "b": "update"}, "refused", 1)
    after = look(world.root)  # type: ignore[operator]
    assert after == before


def test_on_conflict_keep_leaves_mine_and_records_that(world: World) -> None:
    new = conflicted(world)
    assert world.files(new, policy=KEEP) == ({"a": "conflict", "b": "update"}, "applied", 0)
    assert (world.get("a"), world.get("b")) == ("mine\n", "y")
    assert world.project.instances["A"].files["a"].declined
    assert world.files(new) == ({"a": "keep", "b": "identical"}, "nothing", 0)
    assert world.project.instances["A"].files["a"].declined
    # The next change of the generator is offered again, from what was declined as base.
    assert world.files({"a": "newer\n", "b": "y"})[0]["a"] == "conflict"


def test_on_conflict_overwrite_takes_theirs_and_keeps_mine_in_the_undo(world: World) -> None:
    new = conflicted(world)
    assert world.files(new, policy=OVERWRITE)[1:] == ("applied", 0)
    assert world.get("a") == "theirs\n"
    assert not world.project.instances["A"].files["a"].declined
    undo = b"".join(path.read_bytes() for path in (world.root / ".mx" / "undo").iterdir())
    assert b"mine\n" in undo


def test_on_conflict_merge_writes_markers_exits_1_and_the_next_update_is_refused(world: World) -> None:
    new = conflicted(world)
    assert world.files(new, policy=MERGE)[1:] == ("markers", 1)
    assert world.get("a") == "<<<<<<< yours\nmine\n=======\ntheirs\n>>>>>>> generator\n"
    with pytest.raises(Refused, match=r"a: line 1, 3, 5"):
        world.files({"a": "newer\n", "b": "y"}, policy=OVERWRITE)
    world.put("a", "resolved\n")
    assert world.files({"a": "theirs\n", "b": "y"})[0]["a"] == "keep"


def test_a_merge_that_leaves_no_markers_says_so(world: World) -> None:
    world.put("a", "")
    assert (
        world.files({"a": "x\n"}, policy=MERGE) == ({"a": "conflict"}, "markers", 1)
        or world.get("a") == "x\n"
    )
    from mxdev.merge.by_lines import has_markers

    marked = bool(has_markers((world.get("a") or "").encode()))
    world.put("b", "same\n")
    assert marked == ("<<<<<<<" in (world.get("a") or ""))


def test_a_file_that_is_not_ours_is_in_the_way(world: World) -> None:
    world.put("a", "mine")
    plan = world.plan({"A": Wanted({"a": "x"})})
    assert statuses(plan) == {"a": "conflict"}
    assert plan.changes[0].reason == "a file that mx did not write is in the way"
    assert world.files({"a": "x"})[2] == 1
    assert world.get("a") == "mine"


def test_binary_files_cannot_be_merged_and_say_so(world: World) -> None:
    world.put("a", b"\x00mine")
    plan = world.plan({"A": Wanted({"a": "x\x00"})})
    assert set(plan.changes[0].choices) == {"keep", "overwrite"}
    with pytest.raises(Refused, match=r"a cannot be merged: .* it is not text"):
        world.files({"a": "x\x00"}, policy=MERGE)
    assert world.files({"a": "x\x00"}, policy=OVERWRITE)[1] == "applied"


def test_a_deleted_file_stays_deleted(world: World) -> None:
    world.files({"a": "x", "b": "y"})
    (world.root / "a").unlink()
    assert world.files({"a": "x", "b": "y"})[0] == {"a": "keep", "b": "identical"}
    assert world.files({"a": "new", "b": "y"})[0]["a"] == "keep"
    assert world.get("a") is None
    assert world.files({"b": "y"})[0] == {"b": "identical"}


def test_what_is_not_rendered_any_more_is_removed_with_its_folders(world: World) -> None:
    world.files({"a/b/c": "x", "a/d": "y", "e/f": "z"})
    world.put("e/mine", "m")
    assert world.files({})[0] == {"a/b/c": "remove", "a/d": "remove", "e/f": "remove"}
    assert set(world.disk()) == {"mx.yaml", "e/mine"}
    assert not (world.root / "a").exists()
    assert world.files({})[0] == {}


def test_an_edited_file_that_is_not_rendered_any_more_is_an_orphan(world: World) -> None:
    world.files({"a": "x"})
    world.put("a", "mine")
    assert world.files({}) == ({"a": "orphan"}, "nothing", 0)
    assert (world.get("a"), world.files({})[0]) == ("mine", {})
    # No longer ours: it is in the way when it is rendered again.
    assert world.files({"a": "x"})[0] == {"a": "conflict"}


@pytest.mark.parametrize("damage", ["missing", "other bytes", "no file"])
def test_without_a_pristine_an_edit_is_a_conflict_and_nothing_is_overwritten(
    world: World, damage: str
) -> None:
    world.files({"a": "x"})
    pristine = world.root / ".mx" / "pristine" / "A" / "a.pristine"
    assert pristine.read_text() == "x"
    if damage == "other bytes":
        pristine.write_text("tampered")
    else:
        pristine.unlink()
    for disk, new, status in (("x", "x", "identical"), ("x", "new", "conflict"), ("mine", "x", "conflict")):
        world.put("a", disk)
        plan = world.plan({"A": Wanted({"a": new})})
        assert statuses(plan) == {"a": status}
    assert "missing or damaged" in plan.changes[0].reason
    plan = world.plan({"A": Wanted({})})
    assert statuses(plan) == {"a": "orphan"}


def test_a_missing_pristine_is_written_again(world: World) -> None:
    world.files({"a": "x"})
    (world.root / ".mx" / "pristine" / "A" / "a.pristine").unlink()
    world.files({"a": "x"})
    assert (world.root / ".mx" / "pristine" / "A" / "a.pristine").read_text() == "x"


@pytest.mark.parametrize("rendered", [False, True])
def test_the_executable_bit(world: World, rendered: bool) -> None:
    world.files({"a": ("x", rendered)})
    # The generator turns it: an update, although no byte changes.
    assert world.files({"a": ("x", not rendered)})[0] == {"a": "update"}
    assert world.executable("a") is not rendered
    # The person turns it back: it stays so, also when the bytes change.
    world.put("a", "x", rendered)
    assert world.files({"a": ("x", not rendered)})[2] == 0
    assert world.executable("a") is rendered
    assert world.files({"a": ("y", not rendered)})[0] == {"a": "update"}
    assert (world.get("a"), world.executable("a")) == ("y", rendered)


def test_an_edit_and_a_new_executable_bit_are_both_kept(world: World) -> None:
    world.files({"a": "x"})
    world.put("a", "mine")
    assert world.files({"a": ("x", True)})[0] == {"a": "update"}
    assert (world.get("a"), world.executable("a")) == ("mine", True)


def test_permissions_beyond_the_bit_survive_an_update(world: World) -> None:
    world.files({"a": "x"})
    (world.root / "a").chmod(0o640)
    world.files({"a": "y"})
    assert (world.root / "a").stat().st_mode & 0o777 == 0o640


# --- what stands in the way -------------------------------------------------------------------------------------------


def test_a_folder_where_a_file_must_be(world: World) -> None:
    world.put("a/mine", "m")
    with pytest.raises(Refused, match="a is a folder, and a file is to be written there"):
        world.plan({"A": Wanted({"a": "x"})})


def test_a_file_where_a_folder_must_be(world: World) -> None:
    world.put("a", "mine")
    with pytest.raises(Refused, match="a is a file, and a/b/c needs a folder there"):
        world.plan({"A": Wanted({"a/b/c": "x"})})


def test_links_that_lead_outside_are_refused_and_links_are_not_written_through(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "f").write_text("theirs")
    (world.root / "out").symlink_to(tmp_path / "outside")
    (world.root / "file").symlink_to(tmp_path / "outside" / "f")
    world.put("real/f", "mine")
    (world.root / "in").symlink_to("real")
    (world.root / "same").symlink_to("real/f")
    for path in ("out/new", "out/f", "file"):
        with pytest.raises(MxError, match="symbolic link"):
            world.plan({"A": Wanted({path: "x"})})
    with pytest.raises(Refused, match="same is a symbolic link"):
        world.plan({"A": Wanted({"same": "x"})})
    assert world.files({"in/new": "x"})[1] == "applied"
    assert (world.root / "real" / "new").read_text() == "x"
    assert (tmp_path / "outside" / "f").read_text() == "theirs"


# --- several instances ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("one", "two", "says"),
    [
        (Wanted({"a": "1"}), Wanted({"a": "2"}), "A and B both render a"),
        (Wanted({"a": "1"}), Wanted({"a": "1"}), "A and B both render a"),
        (Wanted(sections=[("s.yaml", "x", 1)]), Wanted(sections=[("s.yaml", "x", 1)]), "A and B both render the section x of s.yaml"),
        (Wanted({"a": "1"}), Wanted({"a/b": "2"}), "A renders the file a, and B renders a/b below it"),
        (Wanted({"a/b/c": "1"}), Wanted({"a": "2"}), "B renders the file a, and A renders a/b/c below it"),
    ],
)  # fmt: skip
def test_two_instances_in_one_place_are_an_error_naming_both(
    world: World, one: Wanted, two: Wanted, says: str, at_once: bool
) -> None:
    if at_once:
        with pytest.raises(MxError, match=says):
            world.plan({"A": one, "B": two})
    else:
        world.run({"A": one})
        with pytest.raises(MxError, match=says):
            world.plan({"B": two})


def test_instances_do_not_touch_each_other(world: World) -> None:
    world.run({"A": Wanted({"a": "1"}), "B": Wanted({"b": "1"})})
    world.put("a", "mine")
    assert world.run({"B": Wanted({"b": "2"})})[0] == {"b": "update"}
    assert world.run({"B": None})[0] == {"b": "remove"}
    assert set(world.project.instances) == {"A"}
    assert world.get("a") == "mine"
    left = {path.name for path in (world.root / ".mx").rglob("*") if path.is_file()}
    assert not {name for name in left if name.startswith("B")}


def test_a_file_that_moves_from_one_instance_to_another_in_one_plan(world: World) -> None:
    world.run({"A": Wanted({"a": "1"}), "B": Wanted({"b": "1"})})
    rows, outcome, _ = world.run({"A": Wanted({}), "B": Wanted({"a": "1", "b": "1"})})
    assert outcome in ("applied", "nothing")
    assert world.get("a") == "1"
    assert set(rows) == {"a", "b"}
    assert world.run({"A": Wanted({}), "B": Wanted({"a": "2", "b": "1"})})[0]["a"] == "update"


# --- the project's options --------------------------------------------------------------------------------------------


def test_mx_yaml_is_a_row_and_keeps_what_a_person_wrote(world: World) -> None:
    plan = world.plan({"A": Wanted({})}, name="x", size=1)
    assert [(change.path, change.status) for change in plan.changes] == [("mx.yaml", "create")]
    world.run({"A": Wanted({})}, name="x", size=1)
    text = (world.get("mx.yaml") or "").replace("  name: x\n", "  # mine\n  name: 'x'   # too\n")
    world.put("mx.yaml", text)
    plan = world.plan({"A": Wanted({})})
    assert [(change.path, change.status) for change in plan.changes] == [("mx.yaml", "identical")]
    world.run({"A": Wanted({})}, size=2)
    assert world.get("mx.yaml") == text.replace("size: 1", "size: 2")


def test_flow_style_options_are_told_how_to_change(world: World) -> None:
    world.put("mx.yaml", "version: 1\noptions: {name: x}\n")
    world.run({"A": Wanted({"a": "1"})})
    with pytest.raises(MxError, match=r"mx\.yaml"):
        world.run({"A": Wanted({"a": "1"})}, name="y")
    assert world.get("mx.yaml") == "version: 1\noptions: {name: x}\n"
