"""Killed, failed and raced at every operation of every command: the project is the old one or the new one, whole."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from changing import World, call
from disks import FailingFS, KillingFS, in_child, memory

from mxdev.disk import fs, seal
from mxdev.workflow import apply

pytestmark = pytest.mark.noted()

COMMANDS = {
    "generate": ["generate", "WorldBase", "--on-conflict", "overwrite"],
    "update": ["update", "--on-conflict", "overwrite"],
    "destroy": ["destroy", "WorldBase", "--with-dependents"],
    "undo": ["undo"],
}
TEXT = "one\ntwo\nthree\nfour\nfive\n"


def prepare(world: World, command: str) -> None:
    """A project in which `command` does everything that a plan can do."""
    world.base.files = {
        "same.txt": "same\n", "updated.txt": "1\n", "merged.txt": TEXT, "gone/deep/x.txt": "x\n", "conflict.txt": TEXT,
        "run.sh": "#!/bin/sh\n", "swap": "file\n",
    }  # fmt: skip
    world.base.sections = [
        ("s.yaml", "version", 1),
        ("dropped.yaml", "a", 1),
        (".gitignore", "@instance@", "a\n"),
    ]
    world.extra.files = {"extra/e.txt": "e\n"}
    world.extra.sections = [("s.yaml", "extra", {"level": 1})]
    world.start()
    world.ok("generate", "WorldExtra")
    world.edit("merged.txt", "one", "person")
    world.edit("conflict.txt", "three", "person")
    world.write("s.yaml", "# person\n" + world.text("s.yaml"))
    world.write("mine.txt", "person\n")
    world.base.files |= {
        "updated.txt": "2\n", "merged.txt": TEXT.replace("five", "5"), "conflict.txt": TEXT.replace("three", "3"),
        "run.sh": ("#!/bin/sh\n", True), "new/dir/n.txt": "n\n", "swap/now/a/folder": "f\n",
    }  # fmt: skip
    del world.base.files["gone/deep/x.txt"], world.base.files["swap"]
    world.base.sections = [
        ("s.yaml", "version", 2),
        ("created.yaml", "b", 1),
        (".gitignore", "@instance@", "b\n"),
    ]
    if command == "undo":
        world.ok(*COMMANDS["update"])


@pytest.fixture(autouse=True)
def anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A double: copies of a project count as the same place, so that what was run in the first can be taken back in them."""
    monkeypatch.setattr(seal, "place_of", lambda root: "anywhere")


@contextmanager
def copies(
    command: str, folder: Path
) -> Iterator[tuple[Callable[[], World], dict[str, Any], dict[str, Any]]]:
    """Makes fresh copies of the project; the trees before and after `command`."""
    first = World(folder / "first" / "demo")
    prepare(first, command)
    done = World(folder / "done" / "demo")
    shutil.copytree(first.root, done.root, symlinks=True)
    done.ok(*COMMANDS[command])
    there = World(folder / "now" / "demo")

    def fresh() -> World:
        shutil.rmtree(there.root, ignore_errors=True)
        shutil.copytree(first.root, there.root, symlinks=True)
        return there

    yield fresh, first.tree(), done.tree()


def recover(world: World) -> None:
    answer = world.mx("recover")
    assert answer.code == 0 or "no run was interrupted here" in answer.err, answer.err


@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_every_operation(specs: None, command: str) -> None:
    with memory() as folder, copies(command, folder) as (fresh, old, new):
        assert old != new
        seen, at = set(), 0
        while True:
            world = fresh()
            ended = in_child(lambda world=world: world.mx(*COMMANDS[command]), KillingFS(at))  # type: ignore[misc]
            if ended is None:
                break
            assert ended == signal.SIGKILL
            reading = world.mx("update", "--dry-run")
            assert reading.code in (0, 1, 4)  # 4: there is no project any more
            recover(world)
            tree = world.tree()
            assert tree in (old, new), at
            seen.add("old" if tree == old else "new")
            at += 1
        assert world.tree() == new
        assert at > 40
        assert seen == {"old", "new"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_person_who_works_on_after_a_kill_loses_nothing(specs: None, command: str) -> None:
    """Whatever they did: edited, made, deleted, between the kill and the next command."""
    with memory() as folder, copies(command, folder) as (fresh, _, _):
        edits = {
            "updated.txt": b"later\n",
            "conflict.txt": b"later\n",
            "new/dir/n.txt": b"later\n",
            "run.sh": None,
            "s.yaml": b"# later\n",
        }
        paths, at = list(edits), 3
        while True:
            world, path = fresh(), paths[at % len(paths)]
            if in_child(lambda world=world: world.mx(*COMMANDS[command]), KillingFS(at)) is None:  # type: ignore[misc]
                break
            data = edits[path]
            before = world.tree().get(path)
            if data is None:
                (world.root / path).unlink(missing_ok=True)
            else:
                world.write(path, data)
            world.mx("update", "--on-conflict", "keep")
            if data is not None:
                assert world.read(path).endswith(data) or data in world.read(path), (at, path, before)
            assert "person" in world.text("mine.txt")
            assert "person" in world.text("merged.txt")
            if data is None or path != "s.yaml":
                assert "# person" in world.text("s.yaml")
            world.mx("recover", "--back")
            assert world.mx("update", "--dry-run", "--json").json["outcome"] in (
                "planned",
                "refused",
                "error",
            )
            at += 7
        assert at > 40


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO], ids=errno.errorcode.get)
def test_a_disk_that_fails_at_every_operation(specs: None, command: str, number: int) -> None:
    with memory() as folder, copies(command, folder) as (fresh, old, new):
        at, outcomes = 0, set()
        while True:
            world = fresh()
            with fs.use(FailingFS(at, number)) as disk:
                answer = world.mx(*COMMANDS[command])
            if not disk.failed:  # type: ignore[attr-defined]
                break
            tree = world.tree()
            assert tree in (old, new), (at, answer.err)
            if answer.code:
                assert answer.code == 4
                assert answer.err.startswith("error: ") or "error: " in answer.err
                assert "Traceback" not in answer.err
                assert (tree == old) or "All changes were made" in answer.err, answer.err
            else:
                assert tree == new
            outcomes.add((answer.code, tree == new))
            assert call("status", cwd=world.root).code == (0 if (world.root / "mx.yaml").exists() else 4)
            at += 1
        assert answer.code == 0
        assert at > 40
        assert (4, False) in outcomes


def test_a_new_project_that_is_killed(specs: None) -> None:
    with memory() as folder:
        at, appeared = 0, set()
        while True:
            place = folder / str(at)
            place.mkdir()
            world = World(place / "demo")
            world.base.files = {"a/b.txt": "b\n", "c.txt": "c\n"}
            ended = in_child(lambda world=world: world.start(), KillingFS(at))  # type: ignore[misc]
            appeared.add(world.root.exists())
            if world.root.exists():
                assert world.mx("status", "--exit-code").code == 0
            else:
                world.start()
            assert [path.name for path in place.iterdir()] == ["demo"]
            assert world.text("c.txt") == "c\n"
            if ended is None:
                break
            at += 1
        assert appeared == {True, False}


def test_real_kills_of_a_large_plan(specs: None) -> None:
    """Twenty SIGKILLs from outside, spread over the time that the run takes."""
    with memory() as folder:
        kill_twenty(World(folder / "demo"))


def kill_twenty(world: World) -> None:
    versions = [{f"d{n % 20}/f{n}.txt": f"{version} {n}\n" * 20 for n in range(300)} for version in (1, 2)]
    trees = []
    for files in versions:
        world.base.files = files
        world.ok("update") if world.root.exists() else world.start()
        trees.append(world.tree())
    chance = random.Random(4)
    took, counts, now = 0.5, [0, 0], 1
    for number in range(21):
        world.base.files = versions[1 - now]
        child = os.fork()
        if child == 0:
            world.mx("update")
            os._exit(0)
        if number == 0:  # the first one tells how long it takes
            began = time.monotonic()
            os.waitpid(child, 0)
            took = time.monotonic() - began
        else:
            time.sleep(took * (0.2 + 0.8 * (number - 1 + chance.random()) / 20))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            recover(world)
        tree = world.tree()
        assert tree in trees
        counts[trees.index(tree) != now] += 1
        now = trees.index(tree)
        assert not [path for path in tree if ".mx-" in path]
    assert sum(counts) == 21


def test_twenty_commands_at_once(specs: None, tmp_path: Path) -> None:
    world = World(tmp_path / "demo")
    world.base.files = {"a.txt": "@size@ @region@\n"}
    world.app.files = {"@short@.txt": "@port@ @region@\n"}
    world.app.sections = [
        ("s.yaml", "apps.@short@", {"port": "@port@"}),
        (".gitignore", "@instance@", "@short@\n"),
    ]
    world.start()
    commands = [["generate", "WorldApp", f"app{n}"] for n in range(8)] + [
        ["set", f"size={n + 1}"] for n in range(4)
    ]
    commands += [["set", f"region=r{n}"] for n in range(4)] + [["update"]] * 2 + [["undo"], ["status"]]
    children = {}
    for number, command in enumerate(commands):
        child = os.fork()
        if child == 0:
            answer = world.mx(*command)
            (tmp_path / f"{number}.err").write_text(answer.err)
            os._exit(answer.code)
        children[child] = number
    codes = {}
    for child, number in children.items():
        codes[number] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for number, code in codes.items():
        said = (tmp_path / f"{number}.err").read_text()
        assert code == 0 or (
            code == 1
            and ("Another mx is at work" in said or "nothing to take back" in said or "changed since" in said)
        ), said
    world.ok("status", "--exit-code")
    assert world.ok("update", "--json").json["outcome"] == "nothing"
    region = world.text("a.txt").split()[1]
    shared = world.text("s.yaml")
    for name in (row["instance"] for row in world.ok("status", "--json").json["instances"]):
        if short := name.partition(":")[2]:
            assert world.text(f"{short}.txt") == f"80 {region}\n"
            assert f"  {short}:\n    port: 80\n" in shared
    assert not [path for path in world.tree() if ".mx-" in path]


@pytest.mark.parametrize("what", ["edited", "made", "deleted", "mode", "record"])
def test_a_file_that_changes_between_plan_and_apply_stops_the_run(
    world: World, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    prepare(world, "update")
    show = apply.show

    def meanwhile(*arguments: Any, **named: Any) -> None:
        show(*arguments, **named)
        if what == "edited":
            world.write("updated.txt", "person\n")
        elif what == "made":
            world.write("new/dir/n.txt", "person\n")
        elif what == "deleted":
            world.delete("updated.txt")
        elif what == "mode":
            (world.root / "run.sh").chmod(0o755)
        else:
            world.write(".mx/generators/WorldBase.yaml", world.record() + "# person\n")

    monkeypatch.setattr(apply, "show", meanwhile)
    before = world.tree()
    answer = world.mx(*COMMANDS["update"])
    monkeypatch.undo()
    assert answer.code == 1
    assert "nothing was written" in answer.err
    changed = {
        path for path in before.keys() | world.tree().keys() if before.get(path) != world.tree().get(path)
    }
    assert len(changed - {"new", "new/dir"}) == 1
