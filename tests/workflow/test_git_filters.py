"""What a clean and smudge filter makes of a file is not an edit, and the repository's own filter is not run to see that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import changing
import pytest
from changing import World
from test_absent_state import NEW, TEXT, start


@pytest.fixture(params=["of the person", "of the repository"])
def filtered(
    world: World, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A clone in which `a.txt` has a line more than what Git stores; `ran` beside it has a line for each run of the filter."""
    start(world)
    (world.root / ".gitattributes").write_text("a.txt filter=mine\n")
    world.git("add", ".gitattributes")
    world.git("commit", "-qm", "filter")
    settings = tmp_path / "gitconfig"
    settings.touch()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setitem(changing._GIT, "GIT_CONFIG_GLOBAL", str(settings))
    clone = World(tmp_path / "clone")
    world.git("clone", "-q", ".", str(clone.root))
    where = ("--file", str(settings)) if request.param == "of the person" else ("--local",)
    for name, program in (("clean", "grep -v SMUDGED"), ("smudge", "(echo SMUDGED; cat)")):
        clone.git("config", *where, f"filter.mine.{name}", f"echo {name} >> {tmp_path}/ran; {program}")
    clone.delete("a.txt")
    clone.git("checkout", "a.txt")
    assert clone.read("a.txt") == f"SMUDGED\n{TEXT}".encode()
    assert not clone.git("status", "--short")
    (tmp_path / "ran").unlink()
    yield clone
    if request.param == "of the repository":
        assert not (tmp_path / "ran").exists()


def test_it_is_no_edit_and_is_updated(filtered: World) -> None:
    assert filtered.status()["edited"] == []
    assert filtered.ok("update", "--dry-run", "--json").rows == {}
    filtered.base.files["a.txt"] = NEW
    assert filtered.ok("update", "--json").rows == {"a.txt": "update"}
    assert filtered.read("a.txt") == NEW.encode()
    filtered.ok("undo")
    assert filtered.read("a.txt") == f"SMUDGED\n{TEXT}".encode()


def test_an_edit_is_one(filtered: World) -> None:
    was = (filtered.root / "a.txt").stat()
    (filtered.root / "a.txt").write_text("SMUDGED\n" + TEXT.replace("three", "3hree"))
    os.utime(filtered.root / "a.txt", ns=(was.st_atime_ns, was.st_mtime_ns))  # of the same size and age
    assert filtered.status()["edited"] == ["a.txt"]
    filtered.base.files["a.txt"] = NEW
    assert filtered.ok("update", "--json").rows == {"a.txt": "merge"}
    assert filtered.read("a.txt").decode() == "SMUDGED\n" + NEW.replace("three", "3hree")


def test_a_file_at_which_git_is_told_not_to_look_is_looked_at(filtered: World, tmp_path: Path) -> None:
    filtered.git("update-index", "--assume-unchanged", "a.txt")
    (tmp_path / "ran").unlink(missing_ok=True)  # that was Git itself
    (filtered.root / "a.txt").write_text("mine\n")
    assert filtered.status()["edited"] == ["a.txt"]
