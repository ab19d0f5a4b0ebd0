"""A checkout in another encoding (`working-tree-encoding`) is not an edit, and is updated in the encoding that it has."""

from __future__ import annotations

import codecs

import pytest
from changing import World
from test_absent_state import NEW, TEXT, start

UTF_16 = {
    "UTF-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    "UTF-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
}


@pytest.fixture(params=[("UTF-16", "lf"), ("UTF-16", "crlf"), ("UTF-32", "lf")], ids="-".join)
def encoded(world: World, request: pytest.FixtureRequest) -> World:
    """A clone of a project that has a file in another encoding."""
    name, ends = request.param
    start(world)
    (world.root / ".gitattributes").write_text(f"a.txt text working-tree-encoding={name} eol={ends}\n")
    world.git("add", ".gitattributes")
    world.git("commit", "-qm", "encoding")
    clone = World(world.root.parent / "clone")
    world.git("clone", "-q", ".", str(clone.root))
    assert clone.read("a.txt").startswith(UTF_16[name])
    assert not clone.git("status", "--short")
    return clone


def test_it_is_updated_in_the_encoding_that_it_has(encoded: World) -> None:
    was = encoded.read("a.txt")
    assert encoded.status()["edited"] == []
    encoded.base.files["a.txt"] = NEW
    assert encoded.ok("update", "--json").rows == {"a.txt": "update"}
    text = encoded.read("a.txt").decode("utf-32" if b"\0\0" in was else "utf-16")
    assert text.replace("\r\n", "\n") == NEW
    assert ("\r\n" in text) == (b"\r" in was)
    assert encoded.read("a.txt")[:2] == was[:2]
    encoded.git("add", "-A")
    assert encoded.git("show", ":a.txt") == NEW
    assert encoded.status()["edited"] == []
    encoded.ok("undo")
    assert encoded.read("a.txt") == was


def test_an_edit_in_it_is_merged(encoded: World) -> None:
    was = encoded.read("a.txt")
    codec = "utf-32" if b"\0\0" in was else "utf-16"
    mine = was.decode(codec).replace("one", "mine")
    mark = was[: 4 if codec == "utf-32" else 2]
    order = "be" if mark[0] in (0, 0xFE) else "le"
    (encoded.root / "a.txt").write_bytes(mark + mine.encode(f"{codec}-{order}"))
    assert encoded.status()["edited"] == ["a.txt"]
    encoded.base.files["a.txt"] = NEW
    assert encoded.ok("update", "--json").rows == {"a.txt": "merge"}
    made = encoded.read("a.txt").decode(codec).replace("\r\n", "\n")
    assert made == NEW.replace("one", "mine")
    assert TEXT not in made
