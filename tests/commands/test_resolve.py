"""Teams: branches that ran different generators, or updated the same one, merged by the real Git."""

from __future__ import annotations

import shlex
import subprocess

import pytest
import yaml
from changing import World


def start(world: World) -> None:
    world.base.files = {"a.txt": "one\ntwo\nthree\n"}
    world.base.sections = [
        ("devspace.yaml", "version", "v2"),
        ("devspace.yaml", "deployments.base", {"size": 1}),
        (".gitignore", "@instance@", "base\n"),
    ]
    world.app.files = {"apps/@short@.py": "port = @port@\n"}
    world.app.sections = [
        ("devspace.yaml", "deployments.@short@", {"port": "@port@", "kind": "app"}),
        (".gitignore", "@instance@", "@short@\n"),
    ]
    world.extra.sections = [
        ("devspace.yaml", "deployments.extra", {"level": 1}),
        (".gitignore", "@instance@", "extra\n"),
    ]
    world.start()
    world.commit("start")


def branches(world: World, ours: list[list[str]], theirs: list[list[str]]) -> list[str]:
    """Run mx on two branches and merge them; the paths in conflict."""
    world.git("checkout", "-q", "-b", "theirs")
    for arguments in theirs:
        world.ok(*arguments)
    world.commit("theirs")
    world.git("checkout", "-q", "main")
    for arguments in ours:
        world.ok(*arguments)
    world.commit("ours")
    world.git("merge", "-q", "theirs", "-m", "merge", check=False)
    return world.git("diff", "--name-only", "--diff-filter=U").split()


@pytest.mark.parametrize("style", ["merge", "diff3", "zdiff3"])
@pytest.mark.parametrize("index", [True, False])
def test_different_generators(world: World, style: str, index: bool) -> None:
    start(world)
    world.git("config", "merge.conflictStyle", style)
    conflicts = branches(
        world,
        [["generate", "WorldApp", "one"]],
        [["generate", "WorldApp", "two"], ["generate", "WorldExtra"]],
    )
    assert conflicts == [".gitignore", "devspace.yaml"]  # nothing of .mx/, and not mx.yaml
    assert world.mx("update").code == 1
    if not index:
        world.git("add", "-A")  # as a person does who commits the markers
    world.ok("resolve")
    devspace = yaml.safe_load(world.read("devspace.yaml"))
    assert devspace == {
        "version": "v2",
        "deployments": {
            "base": {"size": 1}, "one": {"port": 80, "kind": "app"}, "two": {"port": 80, "kind": "app"}, "extra": {"level": 1},
        },
    }  # fmt: skip
    for name in ("WorldApp:one", "WorldApp:two", "WorldExtra", "WorldBase"):
        assert f"# >>> mx:{name}\n" in world.text(".gitignore")
    world.ok("status", "--exit-code")
    assert all(
        not row["edited"] and not row["missing"] for row in world.ok("status", "--json").json["instances"]
    )
    assert world.ok("update", "--json").json["outcome"] == "nothing"
    world.commit("merged")
    world.ok("destroy", "WorldApp:one", "WorldApp:two", "WorldExtra")


def test_the_same_file_whichever_branch_merges(world: World) -> None:
    start(world)
    branches(world, [["generate", "WorldApp", "one"]], [["generate", "WorldApp", "two"]])
    world.ok("resolve")
    merged = {path: world.read(path) for path in ("devspace.yaml", ".gitignore")}
    world.git("merge", "--abort")
    world.git("reset", "-q", "--hard")
    world.git("checkout", "-q", "theirs")
    world.git("merge", "-q", "main", "-m", "merge", check=False)
    world.ok("resolve")
    assert {path: world.read(path) for path in merged} == merged


def test_a_section_that_one_branch_deleted_stays_deleted(world: World) -> None:
    start(world)
    world.git("checkout", "-q", "-b", "theirs")
    world.ok("generate", "WorldApp", "two")
    world.edit("devspace.yaml", "  base:\n    size: 1\n", "")
    world.commit()
    world.git("checkout", "-q", "main")
    world.ok("generate", "WorldApp", "one")
    world.commit()
    world.git("merge", "-q", "theirs", check=False)
    world.ok("resolve")
    assert set(yaml.safe_load(world.read("devspace.yaml"))["deployments"]) == {"one", "two"}


def test_one_destroys_and_the_other_generates(world: World) -> None:
    start(world)
    world.ok("generate", "WorldExtra")
    world.commit()
    branches(world, [["generate", "WorldApp", "one"]], [["destroy", "WorldExtra"]])
    world.mx("resolve")
    assert set(yaml.safe_load(world.read("devspace.yaml"))["deployments"]) == {"base", "one"}
    world.ok("status", "--exit-code")


def test_edits_on_both_sides_are_kept(world: World) -> None:
    start(world)
    world.git("checkout", "-q", "-b", "theirs")
    world.ok("generate", "WorldApp", "two")
    world.edit("devspace.yaml", "port: 80", "port: 82")
    world.write("devspace.yaml", "# theirs\n" + world.text("devspace.yaml"))
    world.commit()
    world.git("checkout", "-q", "main")
    world.ok("generate", "WorldApp", "one")
    world.edit("devspace.yaml", "size: 1", "size: 5")
    world.edit("devspace.yaml", "port: 80", "port: 81")
    world.commit()
    world.git("merge", "-q", "theirs", check=False)
    world.ok("resolve")
    text = world.text("devspace.yaml")
    assert yaml.safe_load(text)["deployments"] == {
        "base": {"size": 5}, "one": {"port": 81, "kind": "app"}, "two": {"port": 82, "kind": "app"},
    }  # fmt: skip
    assert "# theirs" in text


def test_the_same_place_in_a_section_is_refused_and_named(world: World) -> None:
    start(world)
    for branch, size in (("theirs", 2), ("main", 3)):
        world.git("checkout", "-q", *(["-b"] if branch == "theirs" else []), branch)
        world.edit("devspace.yaml", "size: 1", f"size: {size}")
        world.commit()
    world.git("merge", "-q", "theirs", check=False)
    before = world.tree()
    answer = world.mx("resolve")
    assert answer.code == 1
    assert "devspace.yaml" in answer.err
    assert "by hand" in answer.err
    assert world.tree() == before


def test_options_that_both_branches_added_to_mx_yaml(world: World) -> None:
    start(world)
    for branch, line in (("theirs", "  bucket: b\n"), ("main", "  domain: d\n")):
        world.git("checkout", "-q", *(["-b"] if branch == "theirs" else []), branch)
        world.write("mx.yaml", world.text("mx.yaml") + line)
        world.commit()
    world.git("merge", "-q", "theirs", check=False)
    assert "<<<<<<<" in world.text("mx.yaml")
    answer = world.mx("update")
    assert answer.code == 4
    assert "merge markers" in answer.err
    assert "mx resolve" in answer.err
    world.ok("resolve")
    options = yaml.safe_load(world.read("mx.yaml"))["options"]
    assert (options["bucket"], options["domain"]) == ("b", "d")


def test_two_branches_that_updated_the_same_instance(world: World) -> None:
    """Git cannot merge the record; mx says what to do, and doing it works."""
    start(world)
    world.git("checkout", "-q", "-b", "theirs")
    world.base.files["a.txt"] = "one\ntwo\n3 of version 2\n"
    world.ok("update")
    world.commit("theirs")
    world.git("checkout", "-q", "main")
    world.base.files["a.txt"] = "1 of version 3\ntwo\n3 of version 3\n"
    world.ok("update")
    world.edit("a.txt", "two", "two and mine")
    world.commit("ours")
    world.git("merge", "-q", "theirs", check=False)
    conflicts = world.git("diff", "--name-only", "--diff-filter=U").split()
    assert ".mx/generators/WorldBase.yaml" in conflicts
    for command in ("update", "status", "diff", "destroy", "resolve"):
        answer = world.mx(command, *(["WorldBase"] if command == "destroy" else []))
        assert answer.code == 4, command
        assert ".mx/generators/WorldBase.yaml has Git's merge markers" in answer.err
        assert "other options" not in answer.err
    world.git(*advised(answer.err, "git checkout")[1:])
    assert "a.txt" in world.mx("status").out
    world.git("checkout", "--ours", "--", "a.txt")
    world.ok("update")
    assert world.text("a.txt") == "1 of version 3\ntwo and mine\n3 of version 3\n"
    world.commit("merged")
    world.ok("status", "--exit-code")


def advised(text: str, command: str) -> list[str]:
    """The words of the command that a message advises."""
    line = next(part for part in text.split("`") if part.startswith(command))
    return shlex.split(line)


def test_two_branches_that_set_options_of_the_same_instance(world: World) -> None:
    """What the other branch set and rendered is there at the end, and the files of both."""
    start(world)
    world.git("checkout", "-q", "-b", "theirs")
    world.base.files["b.txt"] = "new\n"
    world.ok("set", "WorldBase.size=5")
    world.ok("set", "WorldBase.tag=x y", "WorldBase.tag=z")
    world.edit("b.txt", "new", "new and theirs")
    world.commit("theirs")
    world.git("checkout", "-q", "main")
    del world.base.files["b.txt"]
    world.base.files["a.txt"] = "one\ntwo\n3 of version 3\n"
    world.ok("set", "WorldBase.size=4")
    world.commit("ours")
    world.git("merge", "-q", "theirs", check=False)
    answer = world.mx("update")
    assert answer.code == 4
    world.base.files["b.txt"] = "new\n"
    checkout, change = advised(answer.err, "git checkout"), advised(answer.err, "mx set")
    assert change[2:] == ["WorldBase.size=5", "WorldBase.tag=x y", "WorldBase.tag=z"]
    world.git(*checkout[1:])
    world.ok("update", "--on-conflict", "keep")
    world.ok(*change[1:])
    assert {"size: 5", 'tag: ["x y", z]'} <= {line.strip() for line in world.record().splitlines()}
    assert world.text("b.txt") == "new and theirs\n"
    assert world.text("a.txt") == "one\ntwo\n3 of version 3\n"
    world.commit("merged")
    world.ok("status", "--exit-code")


def test_two_branches_that_updated_to_the_same_version(world: World) -> None:
    start(world)
    world.base.files["a.txt"] = "one\ntwo\nnew\n"
    conflicts = branches(world, [["update"]], [["update"]])
    assert conflicts == []
    assert world.ok("update", "--json").json["outcome"] == "nothing"


def test_one_updates_and_the_other_generates(world: World) -> None:
    start(world)
    world.git("checkout", "-q", "-b", "theirs")
    world.ok("generate", "WorldApp", "one")
    world.commit()
    world.git("checkout", "-q", "main")
    world.base.files["a.txt"] = "one\ntwo\nnew\n"
    world.ok("update")
    world.commit()
    world.git("merge", "-q", "theirs", "-m", "x")
    world.ok("status", "--exit-code")


def test_markers_that_do_not_match_up(world: World) -> None:
    start(world)
    world.write("devspace.yaml", "<<<<<<< HEAD\nversion: v2\n")
    before = world.tree()
    answer = world.mx("resolve")
    assert answer.code in (1, 4)
    assert "by hand" in answer.err
    assert world.tree() == before


def test_undo_takes_it_back(world: World) -> None:
    start(world)
    branches(world, [["generate", "WorldApp", "one"]], [["generate", "WorldApp", "two"]])
    before = world.mine()
    world.ok("resolve")
    assert world.mine() != before
    world.ok("undo")
    assert world.mine() == before


def test_without_git(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    start(world)
    branches(world, [["generate", "WorldApp", "one"]], [["generate", "WorldApp", "two"]])
    monkeypatch.setenv("PATH", "")
    world.ok("resolve")
    assert set(yaml.safe_load(world.read("devspace.yaml"))["deployments"]) == {"base", "one", "two"}


def test_git_is_the_real_one() -> None:
    assert subprocess.run(["git", "--version"], capture_output=True, check=True).stdout


@pytest.mark.parametrize("style", ["merge", "diff3"])
@pytest.mark.parametrize("index", [True, False])
def test_what_was_written_since_the_merge_stays_and_all_is_taken_back_at_once(
    world: World, style: str, index: bool
) -> None:
    start(world)
    world.git("config", "merge.conflictStyle", style)
    world.edit("mx.yaml", "options:\n", "# mine\noptions:\n")
    world.commit()
    world.git("checkout", "-q", "-b", "theirs")
    world.ok("generate", "WorldApp", "two")
    world.write("mx.yaml", world.text("mx.yaml") + "  one: 1\n")
    world.commit()
    world.git("checkout", "-q", "main")
    world.ok("generate", "WorldApp", "one")
    world.write("mx.yaml", world.text("mx.yaml") + "  other: 2\n")
    world.commit()
    world.git("merge", "-q", "theirs", check=False)
    if not index:
        world.git("add", "-A")
    for path, old, new in [
        ("mx.yaml", "# mine\n", "# mine\n# PRECIOUS-1\n"),
        ("devspace.yaml", "version: v2\n", "# PRECIOUS-2\nversion: v2\n"),
        ("devspace.yaml", "  one:\n", "  one:\n    # PRECIOUS-3\n"),  # between the markers
        ("devspace.yaml", "size: 1\n", "size: 7\n"),
    ]:
        world.edit(path, old, new)
    world.write(".gitignore", world.text(".gitignore") + "PRECIOUS-4\n")
    before = world.tree()
    world.ok("resolve")
    whole = "".join(world.text(path) for path in ("mx.yaml", "devspace.yaml", ".gitignore"))
    assert [f"PRECIOUS-{number}" in whole for number in (1, 2, 3, 4)] == [True] * 4
    assert "<<<<" not in whole
    found = yaml.safe_load(world.read("devspace.yaml"))["deployments"]
    assert found["base"] == {"size": 7}
    assert {"one", "two"} <= set(found)
    options = yaml.safe_load(world.read("mx.yaml"))["options"]
    assert (options["one"], options["other"]) == (1, 2)
    world.ok("undo")
    assert world.tree() == before


@pytest.mark.parametrize("side", ["one", "two"])
@pytest.mark.parametrize("style", ["merge", "diff3"])
def test_a_line_of_a_person_beside_a_section_is_kept_or_the_file_is_refused(
    world: World, side: str, style: str
) -> None:
    start(world)
    world.git("config", "merge.conflictStyle", style)
    branches(world, [["generate", "WorldApp", "one"]], [["generate", "WorldApp", "two"]])
    world.edit("devspace.yaml", f"  {side}:\n", f"  # PRECIOUS\n  {side}:\n")
    world.mx("resolve")
    assert "PRECIOUS" in world.text("devspace.yaml")
