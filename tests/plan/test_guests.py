"""Sections in a file that another instance renders whole: every byte outside of them stays the other's, and the person's."""

from __future__ import annotations

from pathlib import Path

import pytest
from worlds import Wanted, World

from mxdev.errors import MxError
from mxdev.workflow import drift
from mxdev.workflow.apply import Policy

MARKED = "# >>> mx:B\n/models\n# <<< mx:B\n"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "p")


def host(text: str, path: str = ".gitignore") -> Wanted:
    return Wanted({path: text})


def guest(text: str = "/models\n", path: str = ".gitignore", address: str = "B") -> Wanted:
    return Wanted(sections=[(path, address, text)], requires=("A",))


def edited(world: World) -> list[str]:
    project = world.project
    return [path for record in project.instances.values() for path in drift.of(project, record).edited]


def test_a_section_comes_and_goes_and_no_byte_beside_it_changes(world: World) -> None:
    world.run({"A": host("/build\n/dist")})
    assert world.run({"B": guest()})[0] == {".gitignore": "update"}
    assert world.get(".gitignore") == "/build\n/dist\n" + MARKED
    assert edited(world) == []
    assert world.run({"A": host("/build\n/dist")})[:2] == ({".gitignore": "identical"}, "nothing")
    assert world.run({"B": None})[0] == {".gitignore": "update"}
    assert world.get(".gitignore") == "/build\n/dist"
    assert edited(world) == []


def test_both_arrive_together(world: World) -> None:
    assert world.run({"A": host("/build\n"), "B": guest()})[0] == {".gitignore": "create"}
    assert world.get(".gitignore") == "/build\n" + MARKED
    assert world.run({"A": host("/build\n"), "B": guest()})[1] == "nothing"
    assert edited(world) == []


def test_the_host_is_updated_under_its_guest_and_a_persons_edit_is_merged(world: World) -> None:
    world.run({"A": host("a\nb\nc\n"), "B": guest()})
    assert world.run({"A": host("a\nb\nC\n")})[0] == {".gitignore": "update"}
    assert world.get(".gitignore") == "a\nb\nC\n" + MARKED
    world.put(".gitignore", "mine\na\nb\nC\n" + MARKED + "below\n")
    assert edited(world) == [".gitignore"]
    assert world.run({"A": host("a\nb\nc\n")})[0] == {".gitignore": "merge"}
    assert world.get(".gitignore") == "mine\na\nb\nc\n" + MARKED + "below\n"
    both = {"A": host("a\nb\nd\n"), "B": guest("/other\n")}
    assert world.run(both)[0] == {".gitignore": "merge"}
    assert world.get(".gitignore") == "mine\na\nb\nd\n" + MARKED.replace("/models", "/other") + "below\n"


@pytest.mark.parametrize(("policy", "body"), [("keep", "a\nmine\n"), ("overwrite", "a\ntheirs\n")])
def test_a_conflict_of_the_host_leaves_the_section_updated(world: World, policy: str, body: str) -> None:
    world.run({"A": host("a\nb\n"), "B": guest()})
    world.put(".gitignore", "a\nmine\n" + MARKED)
    both = {"A": host("a\ntheirs\n"), "B": guest("/other\n")}
    assert world.run(both, Policy(json=True))[1] == "refused"
    assert world.run(both, Policy(json=True, on_conflict=policy))[0] == {".gitignore": "conflict"}  # type: ignore[arg-type]
    assert world.get(".gitignore") == body + MARKED.replace("/models", "/other")


def test_an_edited_section_is_the_persons(world: World) -> None:
    world.run({"A": host("a\n"), "B": guest()})
    world.put(".gitignore", "a\n" + MARKED.replace("/models", "/mine"))
    assert edited(world) == [".gitignore: B"]
    assert world.run({"A": host("b\n")})[0] == {".gitignore": "update"}
    assert world.get(".gitignore") == "b\n" + MARKED.replace("/models", "/mine")


def test_the_section_stays_where_its_host_goes(world: World) -> None:
    world.run({"A": host("a\n"), "B": guest()})
    assert world.run({"A": None})[0] == {".gitignore": "update"}
    assert world.get(".gitignore") == MARKED
    world.run({"A": host("a\n")}, Policy(json=True, on_conflict="overwrite"))
    assert world.run({"A": None, "B": None})[1] == "applied"
    assert "models" not in (world.get(".gitignore") or "")


def test_yaml_by_keys(world: World) -> None:
    text = "name: demo\n\nentry_points:\n  main:\n    command: train  # mine\n"
    world.run({"A": host(text, "MLproject")})
    value = {"command": "audit"}
    world.run({"B": Wanted(sections=[("MLproject", "entry_points.audit", value)], requires=("A",))})
    assert world.get("MLproject") == text + "  audit:\n    command: audit\n"
    assert edited(world) == []
    assert world.run({"A": host(text.replace("demo", "Demo"), "MLproject")})[0] == {"MLproject": "update"}
    assert world.get("MLproject") == text.replace("demo", "Demo") + "  audit:\n    command: audit\n"


def test_one_instance_does_not_do_both(world: World) -> None:
    with pytest.raises(MxError, match=r"A renders \.gitignore whole, and a section of it too"):
        world.run({"A": Wanted({".gitignore": "a\n"}, [(".gitignore", "A", "x\n")])})
