"""Large files: merged in seconds and in memory that is a small multiple of their size, or left alone with a reason."""

from __future__ import annotations

import re
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxdev.merge import by_keys, by_lines, diff, matching
from mxdev.merge.by_lines import merge_lines
from mxdev.merge.diff import difference
from mxdev.merge.merge import merge_file
from mxdev.merge.stat import of_hunks

LINES = st.lists(st.sampled_from([b"a", b"b", b"c", b"d", b"e1", b"f2", b"g3"]), max_size=14)


def _file(number: int) -> list[bytes]:
    return [b"line %d of a file that somebody made large\n" % n for n in range(number)]


@given(LINES, LINES, st.sampled_from([0, 3, 6, 1000]))
@settings(deadline=None)
def test_what_matches_is_the_same_and_in_order(one: list[bytes], other: list[bytes], exact: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "_EXACT_LINES", exact)
        blocks = matching.matching(one, other)
    mine = theirs = 0
    for a, b, size in blocks:
        assert size > 0
        assert a >= mine
        assert b >= theirs
        assert one[a : a + size] == other[b : b + size]
        mine, theirs = a + size, b + size


TEXT = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\r\n", b"dd\n", b"\n"]), max_size=9).map(b"".join)


@given(
    TEXT, TEXT, TEXT, TEXT, TEXT, st.sampled_from([b"", b"end"]), st.sampled_from([b"", by_lines._BOM]), st.booleans()
)  # fmt: skip
@settings(deadline=None)
def test_what_all_sides_start_and_end_with_changes_nothing(
    head: bytes, base: bytes, ours: bytes, theirs: bytes, tail: bytes, end: bytes, bom: bytes, based: bool
) -> None:
    """With unique lines at the seams there is one way to match them, so that trimming cannot change it."""
    start, stop = bom + head + b"--- first\n", b"--- last\n" + tail + end
    sides = [start + side + stop for side in (base, ours, theirs)]
    if not based:
        sides[0] = None  # type: ignore[call-overload]
    whole = merge_lines(*sides)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_lines, "LARGE", 0)
        assert merge_lines(*sides) == whole


@pytest.mark.parametrize(
    ("ours_at", "theirs_at"), [(150_000, 150_005), (3, 299_990)], ids=["near", "far apart"]
)
def test_a_large_file_with_a_changed_line_on_each_side(ours_at: int, theirs_at: int) -> None:
    lines = _file(300_000)
    base = b"".join(lines)
    sides = []
    for at in (ours_at, theirs_at):
        changed = list(lines)
        changed[at] = b"changed %d\n" % at
        sides.append(b"".join(changed))
    lines[ours_at], lines[theirs_at] = b"changed %d\n" % ours_at, b"changed %d\n" % theirs_at
    wanted = b"".join(lines)
    del lines, changed
    start = time.process_time()
    merged = merge_file("data.txt", base, *sides)
    assert time.process_time() - start < 15
    assert merged.clean
    assert merged.data == wanted
    tracemalloc.start()
    merge_file("data.txt", base, *sides)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * len(base)


def test_many_changes_all_over_a_large_file_and_lines_that_are_there_again_and_again() -> None:
    lines = [b"{\n" if n % 3 == 0 else b"}\n" if n % 3 == 1 else b"value %d\n" % n for n in range(60_000)]
    ours, theirs = list(lines), list(lines)
    for n in range(2, 60_000, 30):
        ours[n] = b"ours %d\n" % n
        theirs[n + 15] = b"theirs %d\n" % n
    start = time.process_time()
    merged = merge_lines(b"".join(lines), b"".join(ours), b"".join(theirs))
    assert time.process_time() - start < 20
    assert merged.clean
    assert merged.data.count(b"ours ") == merged.data.count(b"theirs ") == 2000


def test_nothing_but_the_same_lines_in_another_number() -> None:
    """The square of it would be 10 000 000 000 comparisons."""
    start = time.process_time()
    merged = merge_lines(b"x\ny\n" * 50_000, b"y\nx\n" * 50_000, b"x\nx\ny\n" * 40_000)
    assert time.process_time() - start < 10
    assert not merged.clean


def test_what_is_too_large_is_left_alone_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_lines, "LARGE", 10)
    monkeypatch.setattr(by_lines, "LARGEST", 3 << 20)
    lines = b"".join(_file(40_000))
    merged = merge_lines(b"a" + lines, b"b" + lines[:-3], b"c" + lines)
    assert (merged.clean, merged.mergeable, merged.data[:1]) == (False, False, b"b")
    assert "too large to be merged (" in merged.reason
    assert "3 MB can be merged" in merged.reason


def test_mappings_that_are_too_large_to_be_merged_by_keys_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_keys, "LARGEST", 1 << 20)
    base = b"".join(b"key%d: {a: 1, b: 2}\n" % n for n in range(80_000))
    start = time.process_time()
    merged = merge_file("values.yaml", base, b"mine: 1\n" + base, base + b"theirs: 2\n")
    assert time.process_time() - start < 2
    assert not merged.clean
    assert merged.mergeable  # by lines, if a person says so
    assert merged.reason == "it is too large to be merged by its keys (1.7 MB; up to 1.0 MB are)"


def test_the_diff_of_a_large_file_shows_the_changed_line() -> None:
    lines = _file(300_000)
    base = b"".join(lines)
    lines[200_000] = b"changed\n"
    start = time.process_time()
    text = difference("data.txt", base, b"".join(lines))
    assert time.process_time() - start < 5
    assert text.count("\n") == 11
    assert "\n@@ -199998,7 +199998,7 @@\n" in text
    assert "\n+changed\n" in text


def applied(before: bytes, patch: str) -> bytes:
    """What a patch makes of a text, as `patch` does without fuzz: every line that it keeps or takes away must be there."""
    lines, made, at = before.splitlines(keepends=True), [], 0
    parts = re.split(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@\n", patch, flags=re.MULTILINE)
    for first, many, start, more, body in zip(*(parts[n::5] for n in range(1, 6)), strict=True):
        old, new = [], []
        for row in body.replace("\n\\ No newline at end of file\n", "\0").split("\n"):
            for text in re.findall(r"[^\0]+\0?", row):
                line = (text[1:].removesuffix("\0") + ("" if text.endswith("\0") else "\n")).encode()
                old += [line] * (text[0] in " -")
                new += [line] * (text[0] in " +")
        assert (len(old), len(new)) == (int(many or 1), int(more or 1))
        place = int(first) - (len(old) > 0)
        made += lines[at:place]
        assert len(made) == int(start) - (len(new) > 0)
        assert lines[place : place + len(old)] == old
        at, made = place + len(old), made + new
    return b"".join(made + lines[at:])


@given(TEXT, TEXT, TEXT, TEXT, TEXT, st.sampled_from([b"", b"end"]), st.sampled_from([b"", b"stop"]))
@settings(deadline=None)
def test_the_patch_of_a_large_file_applies(
    head: bytes, one: bytes, other: bytes, tail: bytes, far: bytes, end: bytes, stop: bytes
) -> None:
    before, after = head + one + tail + far + end, head + other + tail + one + stop
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diff, "_LARGE", -1)
        text = diff.unified(("a", "b"), before, after)
    assert text is not None
    assert applied(before, text) == after
    assert bool(text) == (before != after)


@pytest.mark.parametrize("where", [0, 1, 2], ids=["at the start", "within", "at the end"])
def test_a_patch_takes_a_small_multiple_of_what_was_added(where: int) -> None:
    """4.5 million lines took 1.4 GB."""
    text = [b"one\n" * 9, b"two\n" * 9]
    added = b"".join(_file(200_000))
    text.insert(where, added)
    tracemalloc.start()
    try:
        patch = diff.unified(("a", "b"), b"one\n" * 9 + b"two\n" * 9, b"".join(text))
        assert patch is not None
        counts = of_hunks(patch)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert counts == (200_000, 0)
    assert peak < 8 * len(added)
