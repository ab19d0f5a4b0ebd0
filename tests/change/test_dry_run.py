"""The dry run is the real run without its last step, and no run loses what a person wrote."""

from __future__ import annotations

from typing import Any

import pytest
from changing import Answer
from disks import memory, snapshot
from hypothesis import given, settings
from states import SHARED, Case, cases, make

pytestmark = pytest.mark.noted()

OUTCOMES = {"planned", "applied", "nothing", "refused", "markers", "error"}


def check_form(answer: Answer) -> None:
    """The documented form of `--json`, whatever happens."""
    found = answer.json
    assert list(found) == ["version", "outcome", "changes", "error"]
    assert found["version"] == 1
    assert found["outcome"] in OUTCOMES
    assert (found["error"] is None) == (answer.code == 0 or bool(found["changes"]))
    for row in found["changes"]:
        assert list(row) == ["path", "status", "resolution", "generator", "plugin"]
        assert not row["path"].startswith(".mx/") or row["path"].startswith(".mx/overrides/")


def files(world: Any) -> dict[str, Any]:
    return {path: what for path, what in world.mine().items() if what[0] != "folder"}


@given(cases)
@settings(max_examples=300)
def test_what_is_announced_is_what_is_done(specs: None, case: Case) -> None:
    with memory() as folder:
        world, words = make(folder, case)
        before, hidden = files(world), snapshot(world.root, hidden=True)
        command = [*case.command, *case.policy, "--json"]
        dry = world.mx(*command, "--dry-run")
        assert snapshot(world.root, hidden=True) == hidden, "the dry run wrote"
        run = world.mx(*command)
        for answer in (dry, run):
            check_form(answer)
        assert dry.code == run.code
        assert dry.json["changes"] == run.json["changes"]
        assert dry.json["error"] == run.json["error"]
        done = {"planned": {"applied", "nothing", "markers"}}.get(dry.json["outcome"], {dry.json["outcome"]})
        assert run.json["outcome"] in done
        after = files(world)
        if run.json["outcome"] in ("refused", "error"):
            assert after == before
            return
        assert (run.json["outcome"] == "nothing") == (after == before)
        check_rows(run.json["changes"], before, after)
        if "overwrite" not in case.policy and case.command[0] != "undo":
            kept = b"".join(what[2] for what in after.values() if what[0] == "file")
            assert [word for word in words if word not in kept] == []


def check_rows(rows: list[dict[str, Any]], before: dict[str, Any], after: dict[str, Any]) -> None:
    touched = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    said = set()
    for row in rows:
        path, status = row["path"], row["status"]
        if status == "create":
            assert path not in before
            assert path in after
        elif status == "remove":
            assert path in before
            assert path not in after
        elif status in ("update", "merge"):
            assert path in before
            assert path in after
            assert before[path] != after[path]
        elif status == "conflict" and (row["resolution"] != "keep" or path in SHARED):
            pass  # it may be the same by chance; of a shared file, only the sections in conflict are kept
        else:
            assert before.get(path) == after.get(path)
            continue
        said.add(path)
    assert touched <= said
