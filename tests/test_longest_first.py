"""Tests of several workers: the longest files come first in each worker's part, and none is lost."""

from __future__ import annotations

from longest_first import in_order

FILES = [["a1", "a2"], ["b1"], ["c1", "c2", "c3"], ["d1"], ["e1"]]


def test_each_worker_begins_with_what_takes_longest() -> None:
    assert in_order(FILES, [0, 50, 1, 60, 2], 2) == ["d1", "c1", "c2", "c3", "b1", "e1", "a1", "a2"]


def test_without_what_they_took_a_file_stays_together() -> None:
    found = in_order(FILES, [0] * 5, 3)
    assert sorted(found) == sorted(test for file in FILES for test in file)
    assert [test for test in found if test[0] == "c"] == FILES[2]


def test_a_file_that_fits_nowhere_is_in_it_nevertheless() -> None:
    assert in_order([["a1", "a2", "a3"], ["b1"]], [1, 2], 2) == ["b1", "a1", "a2", "a3"]
