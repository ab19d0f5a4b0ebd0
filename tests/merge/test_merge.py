"""Three-way merges by lines and of plain values."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mxdev.merge.by_lines import Merge, has_markers, merge_lines
from mxdev.merge.merge import merge_file
from mxdev.merge.values import merge_values
from mxdev.sections.yaml.values import equal

fast = settings(deadline=None, max_examples=200)
LINES = st.lists(st.sampled_from(["a", "b", "c", "d", "", "  x"]), max_size=7)


def joined(lines: list[str]) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


SIDES = LINES.map(joined)


def resolved(data: bytes, side: str) -> bytes:
    """A merge with every conflict decided for one side."""
    keep = rb"\1" if side == "ours" else rb"\2"
    return re.sub(rb"<<<<<<< yours\n((?:.*\n)*?)=======\n((?:.*\n)*?)>>>>>>> generator\n", keep, data)


def test_changes_apart_are_clean() -> None:
    base = b"a\nb\nc\nd\ne\n"
    assert merge_lines(base, b"A\nb\nc\nd\ne\n", b"a\nb\nc\nd\nE\n") == Merge(b"A\nb\nc\nd\nE\n", True)
    assert merge_lines(base, b"b\nc\nd\ne\n", b"a\nb\nc\nX\nd\ne\n") == Merge(b"b\nc\nX\nd\ne\n", True)
    assert merge_lines(base, b"A\nb\nc\nd\ne\n", b"A\nb\nc\nd\nE\n") == Merge(b"A\nb\nc\nd\nE\n", True)


def test_changes_of_the_same_or_the_next_line_are_conflicts() -> None:
    assert merge_lines(b"a\nb\nc\n", b"a\nX\nc\n", b"a\nY\nc\n") == Merge(
        b"a\n<<<<<<< yours\nX\n=======\nY\n>>>>>>> generator\nc\n", False
    )
    assert not merge_lines(b"a\nb\n", b"A\nb\n", b"a\nB\n").clean
    assert not merge_lines(b"a\nb\n", b"a\n", b"a\nB\n").clean
    assert not merge_lines(b"", b"a\n", b"b\n").clean


def test_a_conflict_holds_only_what_differs() -> None:
    assert merge_lines(b"x\n", b"1\nours\n2\n", b"1\ntheirs\n2\n").data == (
        b"1\n<<<<<<< yours\nours\n=======\ntheirs\n>>>>>>> generator\n2\n"
    )


def test_without_a_base_only_equal_sides_are_clean() -> None:
    assert merge_lines(None, b"a\n", b"a\n") == Merge(b"a\n", True)
    assert merge_lines(None, b"a\nb\nc\n", b"a\nB\nc\n") == Merge(
        b"a\n<<<<<<< yours\nb\n=======\nB\n>>>>>>> generator\nc\n", False
    )
    assert not merge_file("x.yaml", None, b"a: 1\n", b"a: 1\nb: 2\n").clean


def test_line_breaks_mark_and_missing_end_of_ours_survive() -> None:
    base, theirs = b"a\nb\nc\nd\n", b"a\nb\nc\nD\n"
    assert merge_lines(base, b"A\r\nb\r\nc\r\nd\r\n", theirs).data == b"A\r\nb\r\nc\r\nD\r\n"
    assert merge_lines(base, b"\xef\xbb\xbfA\nb\nc\nd\n", theirs).data == b"\xef\xbb\xbfA\nb\nc\nD\n"
    assert merge_lines(base, b"A\nb\nc\nd", theirs) == Merge(b"A\nb\nc\nD", True)
    assert merge_lines(base, b"A\r\nb\nc\r\nd\r\n", theirs).data == b"A\r\nb\nc\r\nD\r\n"  # each line its own
    assert merge_lines(base, b"a\r\nb\r\nc\r\nd\r\n", theirs).data == b"a\r\nb\r\nc\r\nD\r\n"
    assert (
        merge_lines(base.replace(b"\n", b"\r\n"), b"A\nb\nc\nd\n", theirs.replace(b"\n", b"\r\n")).data
        == b"A\nb\nc\nD\n"
    )
    conflict = merge_lines(b"a", b"b", b"c")
    assert conflict == Merge(b"<<<<<<< yours\nb\n=======\nc\n>>>>>>> generator\n", False)


def test_binary_files_are_never_merged() -> None:
    assert merge_file("x.png", b"\0a\nb\nc\n", b"\0A\nb\nc\n", b"\0a\nb\nC\n") == Merge(
        b"\0A\nb\nc\n", False, mergeable=False
    )
    assert merge_lines(None, b"a\n", "é".encode("utf-16")) == Merge(b"a\n", False, mergeable=False)
    assert merge_lines(b"\xe4\nb\nc\n", b"\xe4\nb\nC\n", b"\xf6\nb\nc\n") == Merge(
        b"\xf6\nb\nC\n", True
    )  # Latin-1 is text


@fast
@given(SIDES, SIDES, SIDES)
def test_diff3(base: bytes, ours: bytes, theirs: bytes) -> None:
    merge = merge_lines(base, ours, theirs)
    other = merge_lines(base, theirs, ours)
    assert merge.clean == (not has_markers(merge.data))
    assert merge.clean == other.clean
    if merge.clean:
        assert merge.data == other.data
    for side, same in (("ours", "theirs"), ("theirs", "ours")):  # the sides are treated alike
        assert resolved(merge.data, side) == resolved(other.data, same)
    assert merge_lines(base, base, theirs) == Merge(theirs, True)
    assert merge_lines(base, ours, base) == Merge(ours, True)
    assert merge_lines(base, ours, ours) == Merge(ours, True)


@fast
@given(LINES, LINES, LINES, LINES, LINES)
def test_changes_with_a_line_between_them_are_merged_exactly(
    top: list[str], bottom: list[str], new_top: list[str], new_bottom: list[str], middle: list[str]
) -> None:
    fixed = ["== 1", *middle, "== 2"]
    base, ours, theirs = (
        joined([*top, *fixed, *bottom]),
        joined([*new_top, *fixed, *bottom]),
        joined([*top, *fixed, *new_bottom]),
    )
    assert merge_lines(base, ours, theirs) == Merge(joined([*new_top, *fixed, *new_bottom]), True)


@fast
@given(SIDES, SIDES)
def test_without_a_base_both_sides_can_be_had_back(ours: bytes, theirs: bytes) -> None:
    merge = merge_lines(None, ours, theirs)
    assert merge.clean == (ours == theirs)
    assert resolved(merge.data, "ours") == ours
    assert resolved(merge.data, "theirs") == theirs


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"a\n<<<<<<< yours\nb\n=======\nc\n>>>>>>> generator\n", [2, 4, 6]),
        (b"<<<<<<< HEAD\r\nb\r\n||||||| base\r\n=======\r\nc\r\n>>>>>>> main\r\n", [1, 3, 4, 6]),
        (b"Title\n=======\n\ntext\n", []),
        (b"Title\n=======\n\n>>>>>>> quoted seven times\n", [4]),
        (b"Title\n=======\n<<<<<<< a\nx\n", [3]),
        (b">>>>>>>>> nine\n<<<<<<<<\n", []),
        (b"cat <<<<<<< x\n", []),
        (b"", []),
    ],
)
def test_left_over_markers(data: bytes, lines: list[int]) -> None:
    assert has_markers(data) == lines


def test_values() -> None:
    base = {"a": 1, "b": {"c": [1, 2], "d": "x"}, "gone": 1, "e": True}
    ours = {"a": 1, "b": {"c": [1, 2, 3], "d": "x", "mine": 1}, "gone": 1, "e": True}
    theirs = {"a": 2, "b": {"c": [1, 2], "new": {}, "d": "y"}, "e": True}
    merged, conflicts = merge_values(base, ours, theirs)
    assert conflicts == []
    assert merged == {"a": 2, "b": {"c": [1, 2, 3], "new": {}, "d": "y", "mine": 1}, "e": True}
    assert list(merged["b"]) == ["c", "new", "d", "mine"]
    assert merge_values({"a": {"b.c": 1}}, {"a": {"b.c": 2}}, {"a": {"b.c": 3}}) == (
        {"a": {"b.c": 2}},
        ["a['b.c']"],
    )
    assert merge_values({"a": 1}, {}, {"a": 2}) == ({}, ["a"])
    assert merge_values({"a": 1}, {"a": 2}, {}) == ({"a": 2}, ["a"])
    assert merge_values([1], [1, 2], [0, 1]) == ([1, 2], [""])
    assert merge_values(None, {"a": 1}, {"b": 2}) == ({"a": 1, "b": 2}, [])
    assert merge_values({"a": 1}, {"a": True}, {"a": 1.0}) == ({"a": True}, ["a"])


ATOMS: st.SearchStrategy[object] = st.sampled_from([None, 0, 1, True, 1.0, "x", float("nan"), (1,), []])
TREES = st.recursive(
    ATOMS, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=6
)


@fast
@given(TREES, TREES, TREES)
def test_laws_of_merging_values(base: object, ours: object, theirs: object) -> None:
    assume(isinstance(base, dict) and isinstance(ours, dict) and isinstance(theirs, dict))
    merged, conflicts = merge_values(base, ours, theirs)
    mirrored, conflicts_mirrored = merge_values(base, theirs, ours)
    assert sorted(conflicts) == sorted(conflicts_mirrored)
    if not conflicts:
        assert equal(merged, mirrored)
    assert equal(merge_values(base, base, theirs)[0], theirs)
    assert equal(merge_values(base, ours, base)[0], ours)
    assert merge_values(base, ours, ours)[1] == []
