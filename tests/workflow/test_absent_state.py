"""State that is absent is not state that says no: records, rendered files and line ends that a checkout leaves out or turns."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from changing import World, call

from mxdev.system import git
from mxdev.system.git import running

TEXT = "one\ntwo\nthree\nfour\nfive\n"
NEW = TEXT.replace("five", "5")


def start(world: World, more: dict[str, object] | None = None) -> None:
    world.base.files = {"a.txt": TEXT, "infra/b.txt": "b\n", **(more or {})}
    world.app.files = {"apps/@short@.txt": "app\n"}
    world.start()
    world.ok("generate", "WorldApp", "demo", "--no-input")
    world.commit()


def lose_all(world: World) -> None:
    shutil.rmtree(world.root / ".mx")


def lose_one(world: World) -> None:
    world.delete(".mx/generators/WorldBase.yaml")


def lose_one_that_nobody_requires(world: World) -> None:
    world.delete(".mx/generators/WorldApp.demo.yaml")


def cut_short(world: World) -> None:
    """At the end of a line, so that what is left is a record like any other."""
    path = ".mx/generators/WorldBase.yaml"
    lines = world.text(path).splitlines(keepends=True)
    world.write(path, "".join(line for line in lines if "infra/b.txt" not in line))


def sparse(world: World) -> None:
    world.git("sparse-checkout", "set", "--cone", "infra")


@pytest.mark.parametrize("lose", [lose_all, lose_one, lose_one_that_nobody_requires, cut_short, sparse])
@pytest.mark.parametrize(
    "command",
    [["update"], ["set", "name=other"], ["status", "--exit-code"], ["diff"], ["destroy", "WorldApp:demo"]],
)
def test_records_that_are_missing_are_no_project_without_generators(
    world: World, lose: Callable[[World], None], command: list[str]
) -> None:
    start(world)
    lose(world)
    before = world.tree()
    answer = world.mx(*command, *(["--no-input"] if command[0] in ("update", "set") else []))
    assert answer.code == 4
    assert ".mx/generators" in answer.err
    assert ("sparse-checkout add" if lose is sparse else "git checkout -- ") in answer.err
    assert world.tree() == before


def test_what_an_update_left_that_git_took_back_is_no_record_cut_short(world: World) -> None:
    start(world)
    world.base.files = {**world.base.files, "more.txt": "more\n"}
    world.ok("update", "--no-input")
    world.git("checkout", "--", ".")
    assert (world.root / ".mx/pristine/WorldBase/more.txt.pristine").exists()
    assert world.mx("status", "--exit-code").code == 0


def test_without_git_the_records_are_missed_too(world: World) -> None:
    start(world)
    shutil.rmtree(world.root / ".git")
    lose_all(world)
    assert world.mx("status", "--exit-code").code == 4
    assert world.mx("update").code == 4


def test_lint_has_no_result_for_such_a_project(world: World) -> None:
    start(world)
    lose_all(world)
    answer = world.mx("lint", "--rule", "hand-edited")
    assert answer.code == 4
    assert "records" in answer.err


def test_generate_does_not_make_records_anew_that_git_has(world: World) -> None:
    start(world)
    lose_all(world)
    answer = world.mx("generate", "WorldApp", "other", "--no-input")
    assert answer.code == 4
    assert "git checkout -- .mx" in answer.err


@pytest.mark.parametrize("command", [["update", "--no-input"], ["set", "WorldBase.size=3", "--no-input"]])
def test_answers_that_mx_yaml_has_lost_are_named(world: World, command: list[str]) -> None:
    """The end of mx.yaml at the end of a line is YAML like any other, and a default is no answer."""
    start(world)
    lines = world.text("mx.yaml").splitlines(keepends=True)
    assert "client" in lines[-1]
    world.write("mx.yaml", "".join(lines[:-1]))
    done = world.mx(*command)
    assert done.code == 0, done.err
    assert (
        "mx.yaml has no answer for what follows, and the defaults are taken: client (empty)"
        in done.out + done.err
    )
    assert "take mx.yaml back from version control" in done.out + done.err
    again = world.ok("update", "--no-input")
    assert "no answer" not in again.out + again.err


def test_what_is_lost_for_good_is_generated_again(world: World) -> None:
    start(world)
    shutil.rmtree(world.root / ".git")
    lose_all(world)
    options = world.text("mx.yaml")
    assert world.ok("generate", "WorldBase", "--no-input", "--json").rows == {}
    assert world.text("mx.yaml") == options
    assert world.mx("status", "--exit-code").code == 0


def test_a_project_without_mx_yaml_is_not_the_project_above(world: World) -> None:
    start(world)
    inner = World(world.root / "inner")
    inner.start()
    inner.delete("mx.yaml")
    for command in (["update"], ["status"], ["generate", "WorldApp", "x", "--no-input"]):
        answer = inner.mx(*command)
        assert answer.code == 4, command
        assert "inner has no mx.yaml" in answer.err


def test_after_destroy_nothing_is_missing(world: World) -> None:
    start(world)
    world.ok("destroy", "WorldApp:demo")
    assert world.mx("status", "--exit-code").code == 0
    assert world.mx("update").code == 0


@pytest.mark.parametrize("line", [".*", ".mx/", "*.pristine"])
def test_generate_warns_where_git_ignores_the_records(world: World, line: str) -> None:
    world.base.files = {"a.txt": TEXT}
    world.root.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "init", "-q", world.root.parent], check=True)
    (world.root.parent / ".gitignore").write_text(f"{line}\n")
    made = call("generate", "WorldBase", world.root.name, "--no-input", cwd=world.root.parent)
    assert made.code == 0
    assert ("Git ignores .mx/" in made.err) == (line != "*.pristine")  # .mx/.gitignore takes its own back


def test_generate_warns_where_git_ignores_what_was_rendered(world: World) -> None:
    world.base.files = {"a.txt": TEXT, "build/b.txt": "b\n"}
    world.root.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "init", "-q", world.root.parent], check=True)
    (world.root.parent / ".gitignore").write_text("build/\n")
    made = call("generate", "WorldBase", world.root.name, "--no-input", cwd=world.root.parent)
    assert "Git ignores build/b.txt" in made.err
    assert "a.txt" not in made.err


# A file that is away during an update.


def test_what_was_away_is_updated_when_it_is_back(world: World) -> None:
    start(world)
    world.delete("a.txt")
    world.base.files["a.txt"] = NEW
    assert world.ok("update", "--json").rows["a.txt"] == "keep"
    assert "Git has it" in world.mx("update", "--dry-run").out
    world.git("checkout", "-q", "a.txt")
    assert world.ok("update", "--json").rows["a.txt"] == "update"
    assert world.text("a.txt") == NEW


def test_what_was_deleted_for_good_is_said_to_be_deleted(world: World) -> None:
    start(world)
    world.git("rm", "-q", "a.txt")
    world.base.files["a.txt"] = NEW
    assert "a.txt  (you deleted it)" in world.ok("update").out
    assert world.ok("update", "--restore", "a.txt", "--json").rows["a.txt"] == "create"
    assert world.status()["edited"] == []


def test_without_git_it_is_missing(world: World) -> None:
    world.base.files = {"a.txt": TEXT}
    world.start()
    world.delete("a.txt")
    world.base.files["a.txt"] = NEW
    assert "a.txt  (it is missing)" in world.ok("update").out
    world.write("a.txt", TEXT)
    assert world.ok("update", "--json").rows["a.txt"] == "update"


def test_an_edit_that_comes_back_is_merged(world: World) -> None:
    start(world)
    world.edit("a.txt", "one", "mine")
    kept = world.read("a.txt")
    world.delete("a.txt")
    world.base.files["a.txt"] = NEW
    world.ok("update")
    world.write("a.txt", kept)
    assert world.ok("update", "--json").rows["a.txt"] == "merge"
    assert world.text("a.txt") == NEW.replace("one", "mine")


def test_a_link_in_its_place_keeps_the_base_too(world: World) -> None:
    start(world)
    (world.root / "a.txt").rename(world.root / "kept.txt")
    (world.root / "a.txt").symlink_to("/etc/hostname")
    world.base.files["a.txt"] = NEW
    world.ok("update")
    (world.root / "kept.txt").replace(world.root / "a.txt")
    assert world.ok("update", "--json").rows["a.txt"] == "update"


def test_what_is_dropped_while_it_is_away_goes_when_it_is_back(world: World) -> None:
    start(world)
    world.delete("a.txt")
    del world.base.files["a.txt"]
    world.ok("update")
    world.git("checkout", "-q", "a.txt")
    assert world.ok("update", "--json").rows["a.txt"] == "remove"
    assert not world.has("a.txt")
    assert "a.txt" not in world.record()


SHARED = "devspace.yaml"


def sections(world: World, replicas: int) -> None:
    world.base.sections = [
        (SHARED, "version", "v2beta1"),
        (SHARED, "deployments.one", {"replicas": replicas}),
    ]


def test_sections_of_a_file_that_was_away_are_updated_when_it_is_back(world: World) -> None:
    sections(world, 1)
    start(world)
    world.delete(SHARED)
    sections(world, 2)
    world.ok("update")
    world.git("checkout", "-q", SHARED)
    assert world.status()["edited"] == []
    assert world.ok("update", "--json").rows[SHARED] == "update"
    assert "replicas: 2" in world.text(SHARED)


def test_a_section_is_not_added_to_a_file_that_git_has_elsewhere(world: World) -> None:
    sections(world, 1)
    start(world)
    world.delete(SHARED)
    world.extra.sections = [(SHARED, "deployments.two", {})]
    answer = world.mx("generate", "WorldExtra", "--no-input")
    assert answer.code == 1
    assert f"git checkout -- {SHARED}" in answer.err


# Line ends and modes.


@pytest.fixture
def windows(world: World) -> World:
    """A clone as Git for Windows makes it."""
    sections(world, 1)
    start(world, {"run.sh": ("#!/bin/sh\n", True)})
    clone = World(world.root.parent / "clone")
    world.git("clone", "-q", "-c", "core.autocrlf=true", "-c", "core.fileMode=false", ".", str(clone.root))
    (clone.root / "run.sh").chmod(0o644)
    assert b"\r\n" in clone.read("a.txt")
    assert not clone.git("status", "--short")
    return clone


def test_line_ends_that_git_turns_are_no_edit(windows: World) -> None:
    assert windows.status()["edited"] == []
    assert windows.ok("update", "--json").rows == {}
    assert windows.mx("diff").out == ""
    windows.edit("a.txt", "one", "mine")
    assert windows.status()["edited"] == ["a.txt"]


def test_an_update_writes_the_line_ends_that_are_there(windows: World) -> None:
    windows.base.files["a.txt"] = NEW
    windows.edit("infra/b.txt", "b\r\n", "b\r\nmine\r\n")
    windows.base.files["infra/b.txt"] = "B\nb\n"
    sections(windows, 2)
    rows = windows.ok("update", "--json").rows
    assert rows == {"a.txt": "update", "infra/b.txt": "merge", SHARED: "update"}
    assert windows.read("a.txt") == NEW.replace("\n", "\r\n").encode()
    assert windows.read("infra/b.txt") == b"B\r\nb\r\nmine\r\n"
    assert b"replicas: 2\r\n" in windows.read(SHARED)
    assert b"\n" not in windows.read(SHARED).replace(b"\r\n", b"")
    assert windows.status()["edited"] == ["infra/b.txt"]
    windows.ok("undo")
    assert windows.read("a.txt") == TEXT.replace("\n", "\r\n").encode()


def test_destroy_removes_what_differs_in_line_ends_alone(windows: World) -> None:
    windows.ok("destroy", "WorldBase", "--with-dependents")
    assert {path for path, what in windows.mine().items() if what[0] == "file"} == set()


def test_line_ends_that_git_does_not_turn_are_an_edit(world: World) -> None:
    start(world)
    world.write("a.txt", TEXT.replace("\n", "\r\n"))
    assert world.status()["edited"] == ["a.txt"]


def test_what_a_filter_turns_is_no_edit(world: World) -> None:
    world.base.files = {"a.txt": "$Id$\n"}
    world.start()
    world.write(".gitattributes", "a.txt ident\n")
    world.commit()
    world.delete("a.txt")
    world.git("checkout", "-q", "a.txt")
    assert world.text("a.txt") != "$Id$\n"
    assert world.status()["edited"] == []
    world.base.files["a.txt"] = "$Id$\nnew\n"
    assert world.ok("update", "--json").rows == {"a.txt": "update"}


# Git that cannot answer.


def test_git_that_fails_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    start(world)
    world.delete("a.txt")
    (world.root / ".git" / "HEAD").write_text("rubbish\n")
    for command in (["status"], ["update"]):
        answer = world.mx(*command)
        assert answer.code == 4, command
        assert "`git rev-parse` failed" in answer.err


def test_no_git_at_all_is_said_and_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    start(world)
    world.delete("a.txt")
    world.base.files["a.txt"] = NEW
    with monkeypatch.context() as without:
        without.setenv("PATH", str(tmp_path))
        answer = world.ok("update")
    assert "Git is not installed" in answer.err
    assert "a.txt  (it is missing)" in answer.out
    world.git("checkout", "-q", "a.txt")
    assert world.ok("update", "--json").rows["a.txt"] == "update"


def test_a_repository_of_another_user_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    start(world)
    world.delete("a.txt")
    real = running.run

    def run(folder: Path, arguments: tuple[str, ...], *rest: Any, **named: Any) -> git.Answer:  # a double
        problem = git.NotOurs("The Git repository belongs to another user.", hint="safe.directory")
        if arguments[0] == "rev-parse":
            raise problem
        return real(folder, arguments, *rest, **named)

    monkeypatch.setattr(running, "run", run)
    answer = world.mx("update")
    assert answer.code == 4
    assert "belongs to another user" in answer.err


def test_the_environment_of_a_hook_does_not_mislead(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    start(world)
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "other.git"], check=True)
    world.delete("a.txt")
    world.base.files["a.txt"] = NEW
    monkeypatch.setenv("GIT_DIR", os.fspath(tmp_path / "other.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", os.fspath(tmp_path / "no-index"))
    assert "Git has it" in world.mx("update", "--dry-run").out


# What Git ignores is committed nowhere.


@pytest.mark.parametrize("inside", [False, True])
def test_what_the_project_ignores_has_no_committed_pristine(world: World, inside: bool) -> None:
    world.base.files = {
        ".gitignore": ".env\nout/\n",
        ".env": "TOKEN=first\n",
        "out/a.txt": TEXT,
        "a.txt": TEXT,
    }
    if inside:
        world.root.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "init", "-q", world.root.parent], check=True)
    world.start()
    if inside:
        (world.root.parent / ".git").rename(world.root / ".git")
    world.commit()
    listed = world.git("ls-files").split()
    assert "a.txt" in listed
    assert ".mx/pristine/WorldBase/a.txt.pristine" in listed
    assert not [path for path in listed if "TOKEN=first" in world.text(path)]
    assert not [path for path in listed if ".env" in path or "out/" in path]
    assert world.mx("status", "--exit-code").code == 0
    assert world.mx("lint", "--rule", "pristine").code == 0
    # On this machine it is updated and merged as ever.
    world.write("out/a.txt", TEXT.replace("one", "mine"))
    world.base.files["out/a.txt"] = NEW
    world.base.files[".env"] = "TOKEN=second\n"
    assert world.ok("update", "--json").rows == {".env": "update", "out/a.txt": "merge"}
    assert world.text("out/a.txt") == NEW.replace("one", "mine")
    clone = World(world.root.parent / "clone")
    world.git("add", "-A")
    world.git("commit", "-qm", "second")
    assert not [path for path in world.git("ls-files").split() if ".env" in path or "out/" in path]
    world.git("clone", "-q", ".", str(clone.root))
    assert clone.mx("status", "--exit-code").code == 0
    assert clone.mx("lint", "--rule", "pristine").code == 0
    assert clone.ok("update").code == 0
    world.ok("destroy", "WorldBase", "--on-conflict", "overwrite")
    assert not world.has(".env")
    assert not world.has(".mx/private")


def test_a_file_that_is_ignored_from_now_on(world: World) -> None:
    world.base.files = {"secret.txt": TEXT}
    world.start()
    world.base.files = {"secret.txt": NEW, ".gitignore": "secret.txt\n"}
    world.ok("update")
    assert world.has(".mx/private/WorldBase/secret.txt.pristine")
    assert not world.has(".mx/pristine/WorldBase/secret.txt.pristine")
