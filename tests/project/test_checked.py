"""Records came with the project, and so from anybody: none names a place that is Git's, mx's or outside."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml
from changing import World
from disks import snapshot
from hypothesis import example, given
from hypothesis import strategies as st

from mxdev.errors import MxError
from mxdev.generator.tree import check_path
from mxdev.project.checked import problem_of_target
from mxdev.project.records import scalar

COMMANDS = (
    ("status",),
    ("diff",),
    ("update",),
    ("update", "--dry-run"),
    ("destroy", "WorldBase"),
    ("set", "x=y"),
    ("lint",),
)
TARGETS = [
    ".git/hooks/post-checkout", ".GIT/config", "sub/.git/config", ".git./config", "git~1/config", ".gi\u200ct/config",
    ".mx/journal/committed", ".mx/undo/x", ".mx/lock", ".mx/generators/Other.yaml", ".MX/x", "mx.yaml", "MX.yaml",
    "../outside", "a/../../outside", "/etc/passwd", "C:/x", "a\\b", "a//b", "./a", "", "a\0b", "a\nb", "a\x1b[31mb",
    "a\u202eb", "x" * 300,
]  # fmt: skip


@pytest.fixture
def world(world: World) -> World:
    world.base.files = {"a.txt": "a\n", "b.txt": "b\n"}
    world.base.sections = [("devspace.yaml", "vars.A", 1)]
    world.start()
    world.commit()
    return world


def change(world: World, edit: Callable[[dict], None]) -> None:
    record = yaml.safe_load(world.record())
    edit(record)
    world.write(".mx/generators/WorldBase.yaml", yaml.safe_dump(record, allow_unicode=True, sort_keys=False))


def refused(world: World, command: tuple[str, ...], *words: str) -> None:
    """The command says no, with file, line and remedy, and changes nothing inside or beside the project."""
    before = snapshot(world.root.parent)
    answer = world.mx(*command)
    assert answer.code in (1, 4), answer.err
    said = answer.err + answer.out
    for word in (".mx/generators/WorldBase.yaml", *words):
        assert word in said
    assert "\x1b" not in said
    assert "\u202e" not in said
    after = snapshot(world.root.parent)
    for found in (before, after):
        for path in [path for path in found if path.startswith("demo/.mx/lock")]:
            del found[path]
    assert after == before


@pytest.mark.parametrize("target", TARGETS)
def test_a_file_that_was_rendered(world: World, target: str) -> None:
    change(world, lambda record: record["files"].update({target: dict(record["files"]["a.txt"])}))
    for command in COMMANDS:
        refused(
            world, command, "cannot be a file of a generator", "git checkout -- .mx/generators/WorldBase.yaml"
        )


@pytest.mark.parametrize("target", [target for target in TARGETS if target])
def test_where_a_file_was_moved(world: World, target: str) -> None:
    change(world, lambda record: record["files"]["a.txt"].update(moved=target))
    for command in COMMANDS:
        refused(world, command, "cannot be a file of a generator")


@pytest.mark.parametrize("target", TARGETS)
def test_a_shared_file(world: World, target: str) -> None:
    change(world, lambda record: record["sections"][0].update(path=target))
    for command in COMMANDS:
        refused(world, command, "cannot be a shared file")


@pytest.mark.parametrize("target", ["../x", "/x", "a\0b", "a\nb", ".git/x"])
def test_a_template(world: World, target: str) -> None:
    change(
        world, lambda record: record.update(templates={target: {"sha256": "0" * 64, "replaces": "0" * 64}})
    )
    refused(world, ("status",), "cannot be a template")


@pytest.mark.parametrize("name", ["../../x", "a/b", "a\\b", "", "a\nb", "a\x1b[2Jb", "Other"])
@pytest.mark.parametrize("field", ["instance", "requires"])
def test_a_name(world: World, name: str, field: str) -> None:
    if (name, field) == ("Other", "requires"):
        return  # any name that is one may be required
    change(world, lambda record: record.update({field: name if field == "instance" else [name]}))
    for command in COMMANDS:
        refused(world, command, "is not a name" if name != "Other" else "is the name of another record")


def test_the_line_is_told(world: World) -> None:
    change(world, lambda record: record["files"].update({".git/config": dict(record["files"]["a.txt"])}))
    text = world.record().splitlines()
    number = next(at for at, line in enumerate(text, 1) if ".git/config" in line)
    refused(world, ("status",), f".mx/generators/WorldBase.yaml:{number}: '.git/config' cannot be")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"a\x1b": "x"}, "is not a name of an option"),
        ({"a\nb": "x"}, "is not a name of an option"),
    ],
)
def test_an_option(world: World, options: dict, words: str) -> None:
    change(world, lambda record: record.update(options=options))
    for command in COMMANDS:
        refused(world, command, words)


def test_a_flag_that_is_none(world: World) -> None:
    change(world, lambda record: record["files"]["a.txt"].update(adopted="no"))
    refused(world, ("destroy", "WorldBase"), "something else than true or false for `adopted`")


def test_a_file_that_a_person_named_oddly_is_followed_where_the_name_shows(world: World) -> None:
    world.git("mv", "a.txt", "a\tb.txt")
    world.git("mv", "b.txt", "b\u202ec.txt")
    world.commit()
    world.base.files = {"a.txt": "a2\n", "b.txt": "b2\n"}
    rows = world.ok("update", "--json").rows
    assert rows["a\tb.txt"] == "update"
    assert rows["b.txt"] == "keep"
    world.ok("status")


NAMES = st.text(
    st.characters() | st.sampled_from("a/.:~ \t\x01\x7f\u200b\u00ad\ufeff\U000e0041\udcff"),
    min_size=1,
    max_size=8,
)


@example("a\udcffb")
@example("C:x")
@example("b" * 256)
@example("bell\x07")
@example("no\u200bspace")
@given(NAMES)
def test_what_a_generator_may_render_can_be_recorded(path: str) -> None:
    """Else a project would be broken by the record that mx itself wrote."""
    try:
        check_path(path)
    except MxError:
        return
    assert problem_of_target(path) is None
    assert yaml.safe_load(f"{scalar(path)}: 1") == {path: 1}
