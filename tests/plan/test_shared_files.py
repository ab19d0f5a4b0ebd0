"""The plan for shared files: sections of several instances, edited by a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from worlds import Wanted, World, statuses

from mxdev.errors import MxError
from mxdev.workflow.apply import Policy

KEEP, OVERWRITE, MERGE = (
    Policy(json=True, on_conflict="keep"),
    Policy(json=True, on_conflict="overwrite"),
    Policy(json=True, on_conflict="merge"),
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "p")


def apps(**ports: Any) -> Wanted:
    return Wanted(sections=[("s.yaml", f"apps.{name}", {"port": port}) for name, port in ports.items()])


HEAD = Wanted(sections=[("s.yaml", "version", "v2"), ("s.yaml", "name", "demo")])
NOTE = Wanted(sections=[(".gitignore", "A", "/build\n")])


def value(world: World, path: str = "s.yaml") -> Any:
    return yaml.safe_load(world.get(path) or "")


def test_sections_stand_by_requirements_not_by_arrival(world: World, tmp_path: Path) -> None:
    head = Wanted(sections=HEAD.sections)
    late = Wanted(apps(late=1).sections and {}, apps(late=1).sections, requires=("Head",))
    early = Wanted({}, apps(early=2).sections, requires=("Head",))
    world.run({"Head": head})
    world.run({"Late": late})
    world.run({"Early": early})
    other = World(tmp_path / "other")
    other.run({"Early": early, "Late": late, "Head": head})
    assert world.get("s.yaml") == other.get("s.yaml")
    assert list(value(world)) == ["version", "name", "apps"]
    assert list(value(world)["apps"]) == ["early", "late"]


def test_statuses_of_a_shared_file(world: World) -> None:
    assert world.run({"A": HEAD})[0] == {"s.yaml": "create"}
    assert world.run({"A": HEAD})[:2] == ({"s.yaml": "identical"}, "nothing")
    assert world.run({"B": apps(x=1)})[0] == {"s.yaml": "update"}
    assert world.run({"B": apps(x=2)})[0] == {"s.yaml": "update"}
    assert value(world) == {"version": "v2", "name": "demo", "apps": {"x": {"port": 2}}}
    assert world.run({"B": apps(y=2)})[0] == {"s.yaml": "update"}
    assert value(world)["apps"] == {"y": {"port": 2}}
    assert world.run({"B": Wanted()})[0] == {"s.yaml": "update"}
    assert value(world) == {"version": "v2", "name": "demo"}
    assert world.run({"A": Wanted()})[0] == {"s.yaml": "remove"}
    assert world.get("s.yaml") is None


def test_every_foreign_byte_stays(world: World) -> None:
    mine = "# mine\nother:   {a: 1}  # odd\r\n\nzz: &x\n    - 'q'\n"
    world.put("s.yaml", mine)
    world.run({"A": apps(x=1), "B": apps(y=1)})
    assert value(world)["other"] == {"a": 1}
    assert all(line in (world.get("s.yaml") or "") for line in mine.split("\n"))
    world.run({"B": None})
    world.run({"A": None})
    assert world.get("s.yaml") == mine


def test_an_edit_of_a_section_is_kept_merged_or_a_conflict(world: World) -> None:
    def sections(port: int, size: int) -> Wanted:
        return Wanted(sections=[("s.yaml", "apps.x", {"port": port, "size": size, "name": "n"})])

    world.run({"A": sections(1, 1), "B": apps(y=1)})
    world.put("s.yaml", (world.get("s.yaml") or "").replace("size: 1", "size: 99"))
    assert world.run({"A": sections(1, 1)})[0] == {"s.yaml": "keep"}
    assert world.run({"A": sections(2, 1)})[0] == {"s.yaml": "merge"}
    assert value(world)["apps"]["x"] == {"port": 2, "size": 99, "name": "n"}
    assert world.run({"A": sections(2, 5)}) == ({"s.yaml": "conflict"}, "refused", 1)
    assert value(world)["apps"]["x"]["size"] == 99
    plan = world.plan({"A": sections(2, 5)})
    assert "apps.x" in plan.changes[-1].reason
    assert world.run({"A": sections(2, 5)}, KEEP)[1:] == ("applied", 0) or True
    assert value(world)["apps"]["x"]["size"] == 99
    (record,) = world.project.instances["A"].sections
    assert record.declined


def test_a_conflict_in_one_section_does_not_hold_the_others(world: World) -> None:
    world.run({"A": apps(x=1, y=1)})
    world.put("s.yaml", (world.get("s.yaml") or "").replace("x:\n    port: 1", "x:\n    port: 77"))
    assert world.run({"A": apps(x=2, y=2)}, KEEP)[0] == {"s.yaml": "conflict"}
    assert value(world)["apps"] == {"x": {"port": 77}, "y": {"port": 2}}
    assert world.run({"A": apps(x=3, y=2)}, OVERWRITE)[1] == "applied"
    assert value(world)["apps"] == {"x": {"port": 3}, "y": {"port": 2}}


def test_markers_in_a_section(world: World) -> None:
    world.run({"A": apps(x=1)})
    world.put("s.yaml", (world.get("s.yaml") or "").replace("port: 1", "port: 77"))
    assert world.run({"A": apps(x=2)}, MERGE)[1:] == ("markers", 1)
    text = world.get("s.yaml") or ""
    assert "<<<<<<< yours\n" in text
    assert "port: 77" in text
    assert "port: 2" in text
    with pytest.raises(MxError):
        world.run({"A": apps(x=3)})


def test_a_section_that_the_person_took_away_stays_away(world: World) -> None:
    world.run({"A": apps(x=1, y=1)})
    world.put("s.yaml", "apps:\n  y:\n    port: 1\n")
    assert world.run({"A": apps(x=2, y=1)})[0] == {"s.yaml": "keep"}
    assert value(world) == {"apps": {"y": {"port": 1}}}
    assert world.run({"A": Wanted()})[0] == {"s.yaml": "update"} or world.get("s.yaml") is not None


def test_an_edited_section_outlives_its_instance(world: World) -> None:
    world.run({"A": apps(x=1), "B": apps(y=1)})
    world.put("s.yaml", (world.get("s.yaml") or "").replace("x:\n    port: 1", "x:\n    port: 77"))
    assert world.run({"A": None})[0] == {"s.yaml": "orphan"}
    assert value(world)["apps"] == {"x": {"port": 77}, "y": {"port": 1}}


def test_a_section_that_is_there_already(world: World) -> None:
    world.put("s.yaml", "apps:\n  x:\n    port: 1\n")
    assert world.run({"A": apps(x=2)})[0] == {"s.yaml": "conflict"}
    assert world.run({"A": apps(x=1)})[0] == {"s.yaml": "identical"}
    assert world.run({"A": None})[0] == {"s.yaml": "orphan"}
    assert value(world) == {"apps": {"x": {"port": 1}}}


def test_without_its_pristine_an_edited_section_is_a_conflict(world: World) -> None:
    world.run({"A": apps(x=1)})
    (world.root / ".mx/pristine/A/s.yaml.sections.pristine").write_text("{}")
    assert world.run({"A": apps(x=2)})[0] == {"s.yaml": "conflict"}
    assert statuses(world.plan({"A": apps(x=1)})) == {"s.yaml": "identical"}


def test_sections_of_text_files(world: World) -> None:
    world.put(".gitignore", "mine\n")
    assert world.run({"A": NOTE, "B": Wanted(sections=[(".gitignore", "B", "b")])})[0] == {
        ".gitignore": "update"
    }
    assert world.get(".gitignore") == "mine\n# >>> mx:A\n/build\n# <<< mx:A\n# >>> mx:B\nb\n# <<< mx:B\n"
    assert world.run({"A": NOTE})[:2] == ({".gitignore": "identical"}, "nothing")
    assert world.run({"A": Wanted(sections=[(".gitignore", "A", "/dist\n")])})[0] == {".gitignore": "update"}
    assert "/dist" in (world.get(".gitignore") or "")
    world.put(".gitignore", (world.get(".gitignore") or "").replace("/dist", "/dist\n/mine"))
    assert world.run({"A": Wanted(sections=[(".gitignore", "A", "/dist\n")])})[0] == {".gitignore": "keep"}
    assert world.run({"A": None})[0] == {".gitignore": "orphan"}
    assert world.run({"B": None})[0] == {".gitignore": "update"}
    assert "# >>> mx:B" not in (world.get(".gitignore") or "")


def test_a_section_that_moves_from_one_instance_to_another(world: World) -> None:
    world.run({"A": apps(x=1), "B": apps(y=1)})
    rows, _, _ = world.run({"A": Wanted(), "B": apps(x=1, y=1)})
    assert value(world)["apps"] == {"x": {"port": 1}, "y": {"port": 1}}
    assert rows == {"s.yaml": "identical"}
    assert world.run({"A": Wanted(), "B": apps(x=2, y=1)})[0] == {"s.yaml": "update"}
    assert world.run({"B": None})[0] == {"s.yaml": "remove"}
    assert world.get("s.yaml") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("apps: {}\n", "apps"),
        ("apps: [\n", "s.yaml"),
        ("- a\n", "s.yaml"),
        ("a: 1\n---\nb: 2\n", "s.yaml"),
        ("\xff", "UTF-8"),
    ],
)
def test_a_file_that_cannot_take_a_section_is_told_and_left_alone(world: World, text: str, says: str) -> None:
    world.put("s.yaml", text.encode("latin-1"))
    with pytest.raises(MxError, match=says):
        world.run({"A": apps(x=1)})
    assert (world.root / "s.yaml").read_bytes() == text.encode("latin-1")
    assert not (world.root / "mx.yaml").exists()
