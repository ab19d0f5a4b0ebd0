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
    clone = checked_out(world, name, ends)
    assert clone.read("a.txt").startswith(UTF_16[name])
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


WITHOUT_A_MARK = {
    "UTF-16LE": "utf-16-le",
    "UTF-16BE": "utf-16-be",
    "ISO-8859-1": "latin-1",
    "UTF-16LE-BOM": "utf-16",
}


@pytest.mark.parametrize("name", WITHOUT_A_MARK)
@pytest.mark.parametrize("ends", ["lf", "crlf"])
def test_an_encoding_that_only_the_attributes_tell_is_kept(world: World, name: str, ends: str) -> None:
    clone = checked_out(world, name, ends)
    codec = WITHOUT_A_MARK[name]
    was = clone.read("a.txt")
    assert was.decode(codec).replace("\r\n", "\n") == TEXT
    assert clone.status()["edited"] == []
    new = NEW.replace("two", "zw\N{LATIN SMALL LETTER O WITH DIAERESIS}lf")
    clone.base.files["a.txt"] = new
    clone.base.files["b/a.txt"] = new  # made where the attributes hold
    assert clone.ok("update", "--json").rows == {"a.txt": "update", "b/a.txt": "create"}
    assert clone.read("a.txt").decode(codec).replace("\r\n", "\n") == new
    assert (b"\r" in clone.read("a.txt")) == (ends == "crlf")
    clone.git("add", "-A")
    assert clone.git("show", ":a.txt") == clone.git("show", ":b/a.txt") == new
    assert clone.status()["edited"] == []
    (clone.root / "a.txt").chmod(0o755)
    clone.base.files["a.txt"] = new.replace("one", "1")
    clone.ok("update", "--on-conflict", "merge")
    assert clone.read("a.txt").decode(codec).replace("\r\n", "\n") == new.replace("one", "1")
    clone.ok("undo")


def test_what_the_encoding_has_not_is_refused_in_words(world: World) -> None:
    clone = checked_out(world, "ISO-8859-1", "lf")
    clone.base.files["a.txt"] = NEW.replace("two", "\N{GREEK SMALL LETTER BETA}")
    before = clone.tree()
    for more in ("--dry-run", "--no-input"):
        refused = clone.mx("update", more)
        assert refused.code == 1
        assert (
            "Git keeps a.txt in the encoding ISO-8859-1 (working-tree-encoding in .gitattributes)"
            in refused.err
        )
    assert clone.tree() == before


def checked_out(world: World, name: str, ends: str) -> World:
    """A clone of a project whose `a.txt` Git keeps in the encoding `name`."""
    start(world)
    (world.root / ".gitattributes").write_text(f"a.txt text working-tree-encoding={name} eol={ends}\n")
    world.git("add", ".gitattributes")
    world.git("commit", "-qm", "encoding")
    clone = World(world.root.parent / "clone")
    world.git("clone", "-q", ".", str(clone.root))
    assert not clone.git("status", "--short")
    return clone
