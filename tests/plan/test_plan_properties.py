"""Over random projects: what a dry run says is what a run does, and no byte of a person is lost."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from pathlib import Path
from typing import Any, Literal

import pytest
from conftest import State
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import Wanted, World, statuses

from mxdev.errors import MxError
from mxdev.plan.operations import operations
from mxdev.workflow import apply
from mxdev.workflow.apply import Policy

pytestmark = pytest.mark.noted()

PATHS = ["a.txt", "b.yaml", "d/e.txt", "d/f/g", "h.json"]
TEXTS = st.sampled_from(
    ["", "one\n", "one\ntwo\nthree\n", "one\nTWO\nthree\n", "one\ntwo\nthree\nfour\n", "zero\none\ntwo\nthree\n", "x: 1\ny: 2\n", "x: 1\ny: 3\nz: 4\n",
     '{"a": 1, "b": 2}\n', '{"a": 5, "b": 2}\n', "no newline", "one\r\ntwo\r\n", "\x00binary", "ü\n"]
)  # fmt: skip
FILES = st.dictionaries(st.sampled_from(PATHS), st.tuples(TEXTS, st.booleans()), max_size=4)
SECTIONS = st.dictionaries(
    st.sampled_from(["apps.x", "apps.y", "top", "z.deep.er"]),
    st.sampled_from([1, "s", {"p": 1}, {"p": 2, "q": [1]}]),
    max_size=3,
)
EDITS = st.dictionaries(st.sampled_from(PATHS), st.none() | st.tuples(TEXTS, st.booleans()), max_size=3)
RUNS = st.lists(st.tuples(FILES, SECTIONS, EDITS), min_size=1, max_size=3)
Choice = Literal["keep", "overwrite", "merge"]


def want(files: dict[str, tuple[str, bool]], sections: dict[str, Any]) -> dict[str, Wanted]:
    return {"A": Wanted(files, [("s.yaml", address, value) for address, value in sections.items()])}


def edit(world: World, edits: dict[str, tuple[str, bool] | None]) -> None:
    for path, data in edits.items():
        if data is None:
            (world.root / path).unlink(missing_ok=True)
        elif not any(
            (world.root / path).is_dir() or parent.is_file() for parent in (world.root / path).parents
        ):
            world.put(path, *data)


def see(root: Path) -> State:
    found: State = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        data = path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(root))] = (status.st_mode, data, status.st_mtime_ns)
    return found


def announced(world: World, wanted: Any, choice: Choice | None) -> tuple[dict[str, Any], int]:
    plan = world.plan(wanted)
    outcome, code, _ = apply.carry_out(
        plan, operations, Policy(json=True, dry_run=True, on_conflict=choice), title="t"
    )
    return json.loads(apply.as_json(outcome, plan.changes)), code


@settings(max_examples=120)
@given(RUNS, st.sampled_from([None, "keep", "overwrite", "merge"]))
def test_what_is_announced_is_what_is_done(runs: Any, choice: Choice | None) -> None:
    with tempfile.TemporaryDirectory() as name:
        world = World(Path(name) / "p")
        for files, sections, edits in runs:
            edit(world, edits)
            wanted = want(files, sections)
            whole = see(world.root)
            try:
                said, said_code = announced(world, wanted, choice)
            except MxError as error:
                with pytest.raises(type(error), match=f"^{re.escape(str(error))}$"):
                    world.run(wanted, Policy(json=True, on_conflict=choice))
                assert see(world.root) == whole
                return
            assert see(world.root) == whole, "a dry run wrote something"
            before = world.disk()
            plan = world.plan(wanted)
            outcome, code, _ = apply.carry_out(
                plan, operations, Policy(json=True, on_conflict=choice), title="t"
            )
            done = json.loads(apply.as_json(outcome, plan.changes))
            assert done["changes"] == said["changes"]
            assert code == said_code
            after = world.disk()
            check_rows(said["changes"], before, after, outcome, files)
            if outcome == "refused":
                assert see(world.root) == whole
                return
            if outcome != "markers":
                check_rest(world, wanted, after, choice)


def check_rows(rows: list[dict[str, Any]], before: Any, after: Any, outcome: str, files: Any) -> None:
    """Each row is true, and nothing changed that has no row."""
    statuses = {row["path"]: row["status"] for row in rows}
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    if outcome in ("refused", "nothing"):
        assert not changed
        return
    assert changed <= set(statuses)
    for row in rows:
        path, status = row["path"], row["status"]
        if status == "create":
            assert path not in before
            assert path in after
        elif status in ("identical", "keep", "orphan"):
            assert before.get(path) == after.get(path)
        elif status == "remove":
            assert path in before
            assert path not in after
        elif status in ("update", "merge"):
            assert before[path] != after[path]
        else:
            assert status == "conflict"
            if row["resolution"] == "keep" and path in files:
                assert before[path] == after[path]
            if row["resolution"] == "overwrite" and path in files:
                assert after[path][0] == files[path][0].encode()


def check_rest(world: World, wanted: Any, after: Any, choice: Choice | None) -> None:
    """The same run again has nothing to do, and needs no decision."""
    rows, outcome, code = world.run(wanted, Policy(json=True))
    assert (outcome, code) == ("nothing", 0), rows
    assert set(rows.values()) <= {"identical", "keep", "orphan"}
    assert world.disk() == after


@settings(max_examples=120)
@given(RUNS, st.sampled_from([None, "keep", "merge"]))
def test_no_line_of_a_person_is_lost(runs: Any, choice: Choice | None) -> None:
    """Without `overwrite`, every file that a person wrote is there after any run, with all its own lines."""
    with tempfile.TemporaryDirectory() as name:
        world = World(Path(name) / "p")
        world.run(want(*runs[0][:2]))
        rendered = dict(runs[0][0])
        for number, (files, sections, edits) in enumerate(runs[1:]):
            mine = {path: data for path, data in edits.items() if data is not None}
            edit(world, edits)
            world.put("mine.txt", f"mine {number}\n")
            with contextlib.suppress(MxError):
                world.run(want(files, sections), Policy(json=True, on_conflict=choice))
            assert world.get("mine.txt") == f"mine {number}\n"
            for path, data in mine.items():
                if data == rendered.get(path) or (world.root / path).is_dir():
                    continue
                if data[0].encode() == (rendered.get(path) or ("",))[0].encode():
                    continue  # only its executable bit is the person's
                text = world.get(path)
                assert text is not None, f"{path} was removed"
                base = set((rendered.get(path) or ("",))[0].splitlines())
                own = [line for line in data[0].splitlines() if line not in base]
                if path.endswith((".txt", "g")):
                    assert set(own) <= set(text.splitlines()), f"{path} lost lines"
            rendered = {**rendered, **files}


@given(FILES, EDITS)
@settings(max_examples=60)
def test_a_plan_alone_changes_nothing_and_is_the_same_again(files: Any, edits: Any) -> None:
    with tempfile.TemporaryDirectory() as name:
        world = World(Path(name) / "p")
        edit(world, edits)
        whole = see(world.root)
        try:
            one, two = world.plan(want(files, {})), world.plan(want(files, {}))
        except MxError:
            return
        assert statuses(one) == statuses(two)
        assert [change.after for change in one.changes] == [change.after for change in two.changes]
        assert see(world.root) == whole
