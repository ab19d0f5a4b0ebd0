"""`mx destroy`: what an instance added goes, and nothing else."""

from __future__ import annotations

import pytest
from changing import World
from disks import snapshot


def everything(world: World) -> None:
    world.base.files = {"a.txt": "@region@\n", "conf/b.yaml": "b: 1\n"}
    world.base.sections = [
        ("s.yaml", "version", 1),
        ("s.yaml", "apps.base", {"size": 1}),
        (".gitignore", "@instance@", "a\n"),
    ]
    world.app.files = {"apps/@short@/main.py": "@port@\n", "run-@short@.sh": ("#!/bin/sh\n", True)}
    world.app.sections = [
        ("s.yaml", "apps.@short@", {"port": "@port@"}),
        (".gitignore", "@instance@", "@short@\n"),
    ]
    world.extra.files = {"extra.txt": "extra\n"}
    world.extra.sections = [("s.yaml", "extra", {"level": 1}), (".gitignore", "@instance@", "x\n")]
    world.start()


def test_generate_and_destroy_give_back_the_tree(world: World) -> None:
    everything(world)
    world.write("conf/mine.txt", "mine\n")
    world.write("s.yaml", "# mine\n" + world.text("s.yaml") + "\n# end, without a line break")
    before = world.tree()
    for arguments in (["WorldApp", "one"], ["WorldExtra"], ["WorldApp", "two"]):
        world.ok("generate", *arguments)
    after = world.tree()
    world.ok("destroy", "WorldApp:one")
    world.ok("destroy", "WorldApp:two", "WorldExtra")
    assert world.tree() == before
    for arguments in (["WorldApp", "two"], ["WorldExtra"], ["WorldApp", "one"]):
        world.ok("generate", *arguments)
    assert world.tree() == after


def test_what_may_run_still_is_named_with_the_way_to_take_it_down(world: World) -> None:
    world.base.sections = [("devspace.yaml", "version", "v2beta1")]
    world.app.sections = [("devspace.yaml", "deployments.@short@", {"namespace": "x"})]
    world.extra.files = {"infrastructure/environments/staging.yaml": "namespace: x\n"}
    world.start()
    for arguments in (["WorldApp", "one"], ["WorldApp", "two"], ["WorldExtra"]):
        world.ok("generate", *arguments)
    before = world.ok("destroy", "WorldApp:one", "WorldApp:two", "--dry-run").err
    assert "`mx purge one two` first, if it was deployed" in before
    after = world.ok("destroy", "WorldExtra", "WorldApp:two").err
    assert "If it was deployed, it still runs: `mx undo`, `mx purge two`, then this again." in after
    assert "`mx down -E staging`, then this again" in after
    assert "purge" not in world.ok("undo").err


def test_sections_of_the_others_stay_byte_for_byte(world: World) -> None:
    everything(world)
    world.ok("generate", "WorldApp", "one")
    world.ok("generate", "WorldApp", "two")
    world.edit(
        "s.yaml", "  two:\n    port: 80\n", "  two:   # mine\n    port:    81\n    more: [1,\n      2]\n"
    )
    mine = world.text("s.yaml")
    start = mine.index("  one:\n")
    world.ok("destroy", "WorldApp:one")
    assert world.text("s.yaml") == mine.replace(mine[start : mine.index("  two:")], "")
    assert "mx:WorldApp:one" not in world.text(".gitignore")
    assert "mx:WorldApp:two" in world.text(".gitignore")


def test_edited_and_adopted_files_stay_and_are_named(world: World) -> None:
    everything(world)
    world.write("extra.txt", "extra\n")
    world.ok("generate", "WorldExtra")
    world.ok("generate", "WorldApp", "one")
    world.edit("apps/one/main.py", "80", "mine")
    world.edit("s.yaml", "port: 80", "port: 81")
    answer = world.ok("destroy", "WorldApp:one", "WorldExtra", "--json")
    assert answer.rows == {
        "apps/one/main.py": "orphan", "run-one.sh": "remove", "s.yaml": "update", ".gitignore": "update", "extra.txt": "orphan",
    }  # fmt: skip
    assert world.text("apps/one/main.py") == "mine\n"
    assert world.text("extra.txt") == "extra\n"
    assert "port: 81" in world.text("s.yaml")
    assert "level" not in world.text("s.yaml")


def test_the_reason_is_told(world: World) -> None:
    everything(world)
    world.write("extra.txt", "extra\n")
    world.ok("generate", "WorldExtra")
    world.edit("s.yaml", "level: 1", "level: 2")
    out = world.ok("destroy", "WorldExtra").out
    assert "extra.txt  (it was adopted)" in out
    assert "orphan  s.yaml" in out or "you edited extra" in out


def test_refused_while_required(world: World) -> None:
    everything(world)
    before = world.tree()
    world.ok("generate", "WorldTop")
    after = world.tree()
    answer = world.mx("destroy", "WorldExtra")
    assert answer.code == 1
    assert "WorldTop (requires WorldExtra)" in answer.err
    assert world.tree() == after
    world.ok("destroy", "WorldExtra", "--with-dependents")
    assert world.tree() == before
    assert world.mx("destroy", "WorldTop").code == 2


def test_dependents_of_dependents_go_too(world: World) -> None:
    everything(world)
    world.ok("generate", "WorldTop")
    world.ok("generate", "WorldApp", "one")
    assert world.mx("destroy", "WorldBase", "--json").json["outcome"] == "refused"
    world.ok("destroy", "WorldBase", "--with-dependents")
    assert world.mine() == {}


@pytest.mark.parametrize("region", ["west", "east"])
def test_the_last_instance_takes_the_project_with_it(world: World, region: str) -> None:
    world.root.mkdir()
    world.write("mine.txt", "mine\n")
    world.base.files = {"a.txt": "@region@\n"}
    world.base.sections = [("s.yaml", "version", 1), (".gitignore", "@instance@", "a\n")]
    world.start()
    if region != "west":
        world.ok("set", f"region={region}", "client=A client's name", "tag=x", "tag=y")
    world.commit()
    world.ok("destroy", "WorldBase")
    assert set(world.mine()) == {"mine.txt"}
    assert {path for path in snapshot(world.root, hidden=True) if path.startswith(".mx/")} == {
        ".mx/undo", ".mx/undo/.gitignore", ".mx/undo/last", *(
            f".mx/undo/earlier-{number:06d}" for number in range(1, 3 if region == "east" else 2)
        ),
    }  # fmt: skip
    shown = [
        line[3:] for line in world.git("status", "--porcelain", "-uall").splitlines() if line.startswith("??")
    ]
    assert shown == []


def test_what_a_person_wrote_in_mx_yaml_stays(world: World) -> None:
    everything(world)
    world.write("mx.yaml", world.text("mx.yaml") + "# mine\n")
    world.ok("destroy", "WorldBase")
    assert "# mine" in world.text("mx.yaml")
    assert "region" not in world.text("mx.yaml")
    assert set(world.mine()) == {"mx.yaml"}
    world.ok("status")


def test_options_that_nothing_declares_any_more_go(world: World) -> None:
    everything(world)
    world.ok("generate", "WorldExtra")
    world.ok("destroy", "WorldExtra")
    assert "region" in world.text("mx.yaml")


def test_a_file_that_is_gone_already(world: World) -> None:
    everything(world)
    world.ok("generate", "WorldExtra")
    world.delete("extra.txt")
    assert world.ok("destroy", "WorldExtra", "--json").rows == {"s.yaml": "update", ".gitignore": "update"}


def test_a_shared_file_that_is_gone_already(world: World) -> None:
    everything(world)
    world.ok("generate", "WorldExtra")
    world.delete("s.yaml")
    world.delete(".gitignore")
    assert world.ok("destroy", "WorldExtra", "--json").rows == {"extra.txt": "remove"}
    assert not world.has("s.yaml")


def test_an_option_that_a_person_wrote_stays_with_its_file(world: World) -> None:
    world.base.files = {"a.txt": "a\n"}
    world.start()
    world.write("mx.yaml", world.text("mx.yaml") + "  note: precious\n")
    refused = world.mx("update")
    assert (refused.code, "no generator here has an option note." in refused.err) == (4, True)
    assert "note: precious" in world.text("mx.yaml")
    answer = world.ok("destroy", "WorldBase")
    assert "note: precious" in world.text("mx.yaml")
    assert "region" not in world.text("mx.yaml")
    assert answer.code == 0
