"""Tests of several workers: the longest files come first in each worker's part, and none is lost."""

from __future__ import annotations

import random

import pytest
from longest_first import in_order, kept

FILES = [["a1", "a2"], ["b1"], ["c1", "c2", "c3"], ["d1"], ["e1"]]


def test_each_worker_begins_with_what_takes_longest() -> None:
    assert in_order(FILES, [0, 50, 1, 60, 2], 2) == ["d1", "c1", "c2", "c3", "b1", "e1", "a1", "a2"]


def test_without_what_they_took_a_file_stays_together() -> None:
    found = in_order(FILES, [0] * 5, 3)
    assert sorted(found) == sorted(test for file in FILES for test in file)
    assert [test for test in found if test[0] == "c"] == FILES[2]


def test_a_file_that_fits_nowhere_is_in_it_nevertheless() -> None:
    assert in_order([["a1", "a2", "a3"], ["b1"]], [1, 2], 2) == ["b1", "a3", "a1", "a2"]


@pytest.mark.parametrize("workers", [2, 3, 5])
def test_each_part_that_xdist_cuts_begins_with_its_longest_file(workers: int) -> None:
    chance = random.Random(workers)
    files = [[(number, test) for test in range(chance.randint(1, 30))] for number in range(40)]
    took = [chance.random() for _ in files]
    found = in_order(files, took, workers)
    assert sorted(found) == sorted(test for file in files for test in file)
    longest = sorted(range(40), key=lambda number: -took[number])[:workers]
    begin, firsts = 0, []
    for left in range(workers, 0, -1):  # as in WorkStealingScheduling.check_schedule
        firsts.append(found[begin][0])
        begin += (len(found) - begin) // left
    assert sorted(firsts) == sorted(longest)


def test_what_was_not_run_again_keeps_what_it_had() -> None:
    before = {"noted": 263.4, "elsewhere": 9.0, "quick now": 5.0, "slow": 3.0}
    took = {"noted": 0.0, "quick now": 0.2, "slow": 4.04, "new": 2.0, "nothing": 0.1}
    after = {"noted": 263.4, "elsewhere": 9.0, "slow": 4.0, "new": 2.0}
    assert kept(before, took, {"noted"}) == after
