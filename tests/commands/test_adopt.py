"""`devspace.yaml` by hand: an edit survives everything, `mx lint` names it, `mx adopt` moves it."""

from __future__ import annotations

import json

import pytest
import yaml
from changing import World

DEVSPACE = "devspace.yaml"
OVER = f".mx/overrides/{DEVSPACE}"


def start(world: World) -> None:
    world.base.sections = [
        (DEVSPACE, "version", "v2beta1"), (DEVSPACE, "deployments.base", {"namespace": "default", "size": "@size@"}),
        (DEVSPACE, "imports[name=base]", {"name": "base", "path": "x"}), (".gitignore", "@instance@", "a\n"),
    ]  # fmt: skip
    world.app.sections = [(DEVSPACE, "deployments.@short@", {"port": "@port@", "env": {"A": "a", "B": "b"}})]
    world.start()
    world.ok("generate", "WorldApp", "one")


def findings(world: World) -> list[str]:
    answer = world.mx("lint", "--rule", "hand-edited", "--rule", "pristine", "--format", "json")
    return [found["message"] for found in json.loads(answer.out)["findings"]]


def edit(world: World) -> str:
    world.edit(DEVSPACE, "namespace: default", "namespace: mine   # why")
    world.edit(DEVSPACE, "      A: a\n", "")
    world.edit(DEVSPACE, "port: 80", "port: 81\n    more:\n      - 1\n      - 2")
    return world.text(DEVSPACE)


def test_a_direct_edit_survives_what_others_do(world: World) -> None:
    start(world)
    mine = edit(world)
    world.ok("generate", "WorldApp", "two")
    assert mine.partition("imports")[0] in world.text(DEVSPACE)
    world.base.sections[1] = (DEVSPACE, "deployments.base", {"namespace": "default", "size": 2})
    world.ok("update")
    assert "namespace: mine   # why\n    size: 2" in world.text(DEVSPACE)
    world.base.sections[1] = (DEVSPACE, "deployments.base", {"namespace": "default", "size": 1})
    world.ok("update")
    world.ok("destroy", "WorldApp:two")
    assert world.text(DEVSPACE) == mine


def test_adopt_renders_as_an_update_would(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    start(world)
    world.edit(DEVSPACE, "namespace: default", "namespace: mine")
    # An option that came later is in no record; the company says what it is.
    record = world.root / ".mx/generators/WorldBase.yaml"
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(line for line in lines if not line.startswith("  size:")))
    settings = world.root.parent / "settings"
    settings.mkdir()
    (settings / "defaults.yaml").write_text("size: 3\n")
    monkeypatch.setenv("MX_CONFIG_DIR", str(settings))
    refused = world.mx("adopt", DEVSPACE)
    assert refused.code == 1
    assert "An update is waiting for devspace.yaml" in refused.err
    world.ok("update")
    world.ok("adopt", DEVSPACE)
    assert "namespace: mine" in world.text(OVER)
    assert "size" not in world.text(OVER)


def test_lint_names_it_and_says_how_to_move_it(world: World) -> None:
    start(world)
    assert findings(world) == []
    edit(world)
    found = findings(world)
    assert len(found) == 2
    assert all(f"mx adopt {DEVSPACE}" in message for message in found)


def test_adopt_moves_it_without_changing_the_file(world: World) -> None:
    start(world)
    mine = edit(world).encode()
    answer = world.ok("adopt", DEVSPACE)
    assert "deployments.base is in .mx/overrides/devspace.yaml now" in answer.err
    assert world.read(DEVSPACE) == mine
    assert yaml.safe_load(world.read(OVER)) == {
        "deployments": {
            "base": {"namespace": "mine"},
            "one": {"port": 81, "env": {"A": None}, "more": [1, 2]},
        }
    }
    assert findings(world) == []
    status = world.ok("status", "--exit-code", "--json").json["instances"]
    assert [row["edited"] for row in status] == [[], []]
    assert world.ok("update", "--json").json["outcome"] == "nothing"
    # It stays with the next version of the generator.
    world.app.sections = [
        (DEVSPACE, "deployments.@short@", {"port": "@port@", "env": {"A": "a2", "B": "b2"}})
    ]
    world.ok("update")
    assert yaml.safe_load(world.read(DEVSPACE))["deployments"]["one"] == {
        "port": 81,
        "env": {"B": "b2"},
        "more": [1, 2],
    }


def test_twice(world: World) -> None:
    start(world)
    world.edit(DEVSPACE, "namespace: default", "namespace: mine")
    world.ok("adopt")
    assert "Nothing in the sections" in world.mx("adopt").err
    world.write(OVER, world.text(OVER) + "# a note\n")
    world.edit(DEVSPACE, "size: 1", "size: 3")
    world.ok("adopt")
    assert yaml.safe_load(world.read(OVER)) == {"deployments": {"base": {"namespace": "mine", "size": 3}}}
    assert "# a note" in world.text(OVER)
    world.edit(DEVSPACE, "namespace: mine", "namespace: default")
    world.ok("adopt")
    assert yaml.safe_load(world.read(OVER)) == {"deployments": {"base": {"size": 3}}}
    assert findings(world) == []


def test_a_key_edited_into_another_type_of_the_same_worth(world: World) -> None:
    start(world)
    world.edit(DEVSPACE, "size: 1", "size: true")
    world.ok("adopt")
    assert yaml.safe_load(world.read(OVER))["deployments"]["base"]["size"] is True


def test_back_to_what_is_rendered(world: World) -> None:
    start(world)
    world.edit(DEVSPACE, "size: 1", "size: 2")
    world.ok("adopt")
    world.edit(DEVSPACE, "size: 2", "size: 1")
    world.ok("adopt")
    assert findings(world) == []
    assert yaml.safe_load(world.read(DEVSPACE))["deployments"]["base"]["size"] == 1
    assert world.ok("update", "--json").json["outcome"] == "nothing"


@pytest.mark.parametrize(
    ("path", "old", "new", "code", "said"),
    [
        (DEVSPACE, "path: x", "path: y", 4, "an item of a list"),
        (DEVSPACE, "size: 1", "size: null", 4, "to null"),
        (".gitignore", "a\n", "b\n", 4, "is not YAML"),
        ("other.yaml", "", "", 2, "that generators share"),
    ],
)
def test_what_cannot_be_adopted_is_said_and_left(
    world: World, path: str, old: str, new: str, code: int, said: str
) -> None:
    start(world)
    if old:
        world.edit(path, old, new)
    before = world.tree()
    answer = world.mx("adopt", path)
    assert (answer.code, said in answer.err) == (code, True)
    assert world.tree() == before


def test_an_update_that_waits_comes_first(world: World) -> None:
    start(world)
    world.edit(DEVSPACE, "namespace: default", "namespace: mine")
    world.app.sections = [(DEVSPACE, "deployments.@short@", {"port": 8})]
    before = world.tree()
    answer = world.mx("adopt", DEVSPACE, "--json")
    assert (answer.code, answer.json["outcome"]) == (1, "refused")
    assert "mx update" in answer.json["error"]
    assert world.tree() == before


def test_a_deleted_section_stays_deleted(world: World) -> None:
    start(world)
    text = world.text(DEVSPACE)
    start_at = text.index("  one:\n")
    world.write(DEVSPACE, (text[:start_at] + text[text.index("imports:") :]).replace("size: 1", "size: 2"))
    mine = world.text(DEVSPACE)
    assert "deployments.one was deleted" in world.ok("adopt").err
    assert world.text(DEVSPACE) == mine
    world.ok("update")
    assert world.text(DEVSPACE) == mine


def test_a_dry_run_and_undo(world: World) -> None:
    start(world)
    world.edit(DEVSPACE, "namespace: default", "namespace: mine")
    before = world.tree()
    world.ok("adopt", "--dry-run")
    assert world.tree() == before
