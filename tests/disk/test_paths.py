"""`resolve_inside`: no path leaves the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdev.disk.paths import resolve_inside
from mxdev.errors import MxError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "src/a.py").write_bytes(b"")
    (tmp_path / "outside").mkdir()
    (tmp_path / "project2").mkdir()
    return folder


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "src/a.py",
        "src/new/deep.txt",
        "src/a.py/below",
        ".mx/x",
        "..a",
        "a..",
        "ü/日",
        "a b",
        "-x",
        "ab:c",
        "~",
    ],
)
def test_paths_inside(root: Path, path: str) -> None:
    assert resolve_inside(root, path) == root / path


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "empty"),
        ("/etc/passwd", "absolute"),
        ("//x", "absolute"),
        ("..", '".."'),
        ("../x", '".."'),
        ("a/../../x", '".."'),
        ("a/..", '".."'),
        ("a\0b", "NUL"),
        ("a\\b", "backslash"),
        ("..\\x", "backslash"),
        ("C:/x", "drive"),
        ("c:x", "drive"),
        ("a//b", "empty part"),
        ("a/", "empty part"),
        (".", "empty part"),
        ("./a", "empty part"),
        ("x" * 256, "longer than 255"),
        ("ü" * 128, "longer than 255"),
        ("\ud800", "characters"),
    ],
)
def test_paths_that_are_refused(root: Path, path: str, said: str) -> None:
    with pytest.raises(MxError, match=said) as caught:
        resolve_inside(root, path)
    assert caught.value.hint


@pytest.mark.parametrize(
    "target",
    ["../outside", "../project2", "/", "..", "nowhere", "../nowhere", "loop", "../outside/../outside"],
)
@pytest.mark.parametrize("path", ["loop", "loop/x", "loop/x/y"])
def test_links_that_lead_outside_or_nowhere(root: Path, target: str, path: str) -> None:
    (root / "loop").symlink_to(target)
    with pytest.raises(MxError, match="symbolic link"):
        resolve_inside(root, path)


def test_a_link_below_a_link(root: Path) -> None:
    (root / "in").symlink_to("src")
    (root / "src/out").symlink_to("../../outside")
    assert resolve_inside(root, "in/a.py") == root / "in/a.py"
    with pytest.raises(MxError, match="leaves"):
        resolve_inside(root, "in/out/x")


@pytest.mark.parametrize("target", ["src", ".", "src/../src", "src/a.py"])
def test_links_that_lead_inside(root: Path, target: str) -> None:
    (root / "in").symlink_to(target)
    assert resolve_inside(root, "in/x") == root / "in/x"


def test_a_root_behind_a_link_and_a_relative_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alias = root.parent / "alias"
    alias.symlink_to("project")
    (root / "in").symlink_to(root / "src")
    assert resolve_inside(alias, "in/a.py") == alias / "in/a.py"
    monkeypatch.chdir(root)
    assert resolve_inside(Path(), "in/a.py") == root / "in/a.py"


@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from(["..", ".", "", "a", "\\", "C:", "\0", "src"])).map("/".join)
)
def test_whatever_is_accepted_stays_inside(path: str) -> None:
    try:
        found = resolve_inside(Path("/nowhere/project"), path)
    except MxError:
        return
    assert os.path.normpath(found) == str(found)
    assert str(found).startswith("/nowhere/project/")
