"""`mx status`: what a person changed, and whether an update is waiting."""

from __future__ import annotations

from changing import World, call

LISTS = {"edited", "missing", "renamed", "conflicted", "declined", "damaged", "adopted"}


def everything(world: World) -> None:
    """A project with one file of each state in each list."""
    names = ("edited", "missing", "renamed", "conflicted", "declined", "damaged", "adopted", "left")
    world.base.files = {f"{name}.txt": f"one {name}\ntwo {name}\n" for name in names}
    world.base.sections = [("s.yaml", "one", 1), ("s.yaml", "two", 2), ("s.yaml", "three", 3)]
    world.root.mkdir()
    world.write("adopted.txt", "one adopted\ntwo adopted\n")
    world.start()
    world.commit()
    world.edit("declined.txt", "two", "mine")
    world.base.files["declined.txt"] = "one declined\ntheirs\n"
    world.ok("update", "--on-conflict", "keep")
    world.edit("edited.txt", "one", "mine")
    world.delete("missing.txt")
    world.git("mv", "renamed.txt", "elsewhere.txt")
    world.write("conflicted.txt", "<<<<<<< yours\na\n=======\nb\n>>>>>>> generator\n")
    world.delete(".mx/pristine/WorldBase/damaged.txt.pristine")
    world.write("s.yaml", "one: 1\ntwo: mine\n")


def test_every_list(world: World) -> None:
    everything(world)
    before = world.tree()
    row = world.status()
    assert {name: row[name] for name in LISTS} == {
        "edited": ["conflicted.txt", "declined.txt", "edited.txt", "s.yaml: two"],
        "missing": ["missing.txt", "s.yaml: three"],
        "renamed": {"renamed.txt": "elsewhere.txt"},
        "conflicted": ["conflicted.txt"],
        "declined": ["declined.txt"],
        "damaged": ["damaged.txt"],
        "adopted": ["adopted.txt"],
    }
    assert world.tree() == before


def test_it_is_told_to_a_person(world: World) -> None:
    everything(world)
    out = world.ok("status").out
    assert "WorldBase (acme-world 1.0.0)" in out
    for what, name in (
        ("edited", "edited.txt"), ("missing", "missing.txt"), ("renamed", "renamed.txt -> elsewhere.txt"),
        ("conflicted", "conflicted.txt"), ("declined", "declined.txt"), ("damaged", "damaged.txt"), ("edited", "s.yaml: two"),
    ):  # fmt: skip
        assert f"{what}  {name}\n" in out


def test_exit_code(world: World) -> None:
    world.base.files = {"a.txt": "a\n"}
    world.start()
    assert world.mx("status", "--exit-code").code == 0
    world.edit("a.txt", "a", "mine")
    assert world.mx("status", "--exit-code").code == 0
    world.base.files["b.txt"] = "b\n"
    assert world.mx("status").code == 0
    answer = world.mx("status", "--exit-code", "--json")
    assert answer.code == 1
    assert answer.json["clean"] is False
    assert answer.json["instances"][0]["update"] == ["b.txt"]
    assert "an update is waiting for 1 file" in world.mx("status").out


def test_json(world: World) -> None:
    world.base.files = {"a.txt": "ä\n"}
    world.start()
    world.ok("generate", "WorldApp", "one")
    answer = world.ok("status", "--json").json
    assert set(answer) == {"version", "clean", "instances", "stray_overrides", "error"}
    assert answer["version"] == 1
    row = answer["instances"][0]
    assert set(row) == LISTS | {
        "instance",
        "generator",
        "plugin",
        "rendered_version",
        "installed_version",
        "update",
        "problem",
        "overrides",
        "refused",
    }
    assert [row["instance"] for row in answer["instances"]] == ["WorldApp:one", "WorldBase"]
    assert [row["instance"] for row in world.ok("status", "world-base", "--json").json["instances"]] == [
        "WorldBase"
    ]


def test_status_on_an_error_is_json_too(world: World) -> None:
    world.start()
    world.write("mx.yaml", "version: 99\n")
    answer = world.mx("status", "--json")
    assert answer.code == 4
    assert "newer mx" in answer.json["error"]
    assert call("status", "--json", cwd=world.root.parent).json["error"]


def test_one_broken_instance_does_not_hide_the_others(world: World) -> None:
    world.base.files = {"a.txt": "a\n"}
    world.app.files = {"@short@.txt": "@port@\n"}
    world.start()
    world.ok("generate", "WorldApp", "one")
    world.ok("generate", "WorldApp", "two")
    world.edit(".mx/generators/WorldApp.one.yaml", "port: 80", "port: eighty")
    world.app.files = {"@short@.txt": "@port@!\n"}
    assert "eighty" in world.status("WorldApp:one")["problem"]
    assert world.status("WorldApp:two")["update"] == ["two.txt"]
    assert world.status("WorldBase")["update"] == []
    assert world.mx("status", "--exit-code").code == 1


def test_a_shared_file_that_is_no_yaml_any_more(world: World) -> None:
    world.base.files = {"a.txt": "a\n"}
    world.base.sections = [("s.yaml", "one", 1)]
    world.start()
    world.write("s.yaml", "one: [\n")
    answer = world.ok("status", "--json")
    assert "s.yaml" in answer.json["instances"][0]["problem"]
    assert answer.json["instances"][0]["edited"] == ["s.yaml"]
    world.write("s.yaml", "<<<<<<< HEAD\none: 1\n=======\none: 2\n>>>>>>> b\n")
    assert world.status()["conflicted"] == ["s.yaml"]
    answer = world.mx("update")
    assert answer.code == 1
    assert "s.yaml" in answer.err
    assert "markers" in answer.err


def test_it_reads_and_never_writes(world: World) -> None:
    everything(world)
    from disks import snapshot

    before = snapshot(world.root, hidden=True)
    world.ok("status")
    world.ok("diff")
    world.mx("update", "--dry-run")
    after = snapshot(world.root, hidden=True)
    assert {p: w for p, w in after.items() if not p.startswith(".git")} == {
        p: w for p, w in before.items() if not p.startswith(".git")
    }


def test_a_project_without_instances(world: World) -> None:
    world.write("mx.yaml", "version: 1\n")
    assert "Nothing has been generated here" in world.ok("status").out
    assert world.ok("update", "--json").json["outcome"] == "nothing"
    assert world.ok("diff").out == ""
