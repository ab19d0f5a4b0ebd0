"""Where a repeated run differs, and what that means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mxdev.flow.rerun import compare as rerun_compare
from mxdev.flow.rerun.compare import compare, repeated, table
from mxdev.flow.rerun.reading import LoggedRun

PINS = "# Python 3.11.4 on Linux-6.1\nnumpy==2.1\ntorch==2.9+cpu\n"
RUN = LoggedRun(
    id="0" * 32,
    name="bold-fox",
    status="FINISHED",
    deleted=False,
    experiment_id="1",
    params={"epochs": "3", "seed": "1", "data.sha256": "d" * 64},
    tags={"git.commit": "a" * 40, "device": "cpu", "processes": "1"},
    metrics={"loss": 0.5, "accuracy": 0.75, "system/cpu": 1.0},
    diff=b"diff",
    requirements=PINS,
)


def rows(now: LoggedRun, before: LoggedRun = RUN) -> list[str]:
    return table(compare(before, now))


def tagged(**tags: str) -> LoggedRun:
    return replace(RUN, tags={**RUN.tags, **tags})


def test_the_same() -> None:
    now = replace(RUN, id="1" * 32, metrics={**RUN.metrics, "system/cpu": 9.0})
    assert repeated(compare(RUN, now))
    assert rows(now) == [
        "status      the same",
        "code        the same",
        "parameters  2, all the same",
        "data        the same",
        "versions    4, all the same",
        "metrics     2, all the same",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"status": "FAILED"}, "  status  FINISHED  ->  FAILED"),
        ({"params": {**RUN.params, "seed": "2"}}, "  seed  1  ->  2"),
        ({"params": {**RUN.params, "new": "x"}}, "  new  -  ->  x"),
        ({"params": {**RUN.params, "data.sha256": "e" * 64}}, f"  hash  {'d' * 43}…  ->  {'e' * 43}…"),
        ({"metrics": {**RUN.metrics, "loss": 0.25}}, "  loss  0.5  ->  0.25  (-0.25, -50 %)"),
        ({"metrics": {**RUN.metrics, "loss": 0.5 + 1e-16}}, "  loss  0.5  ->  0.5000000000000001  (+1.11e-16, +2.2e-14 %)"),
        ({"metrics": {**RUN.metrics, "loss": 1.0}}, "  loss  0.5  ->  1  (+0.5, +100 %)"),
        ({"metrics": {"loss": 0.5}}, "  accuracy  0.75  ->  -"),
        ({"tags": {**RUN.tags, "git.commit": "b" * 40}}, f"  commit  {'a' * 40}  ->  {'b' * 40}"),
        (
            {"diff": None},
            "  uncommitted changes  a diff, sha256 df087996d45b  ->  none",
        ),
    ],
)  # fmt: skip
def test_what_makes_it_another_run(changes: dict[str, Any], line: str) -> None:
    now = replace(RUN, **changes)
    assert line in rows(now)
    assert not repeated(compare(RUN, now))


def test_code_that_was_not_all_logged_is_not_called_the_same() -> None:
    before = replace(RUN, tags={**RUN.tags, "git.left_out": "big.npy (9.0 MB, too large)"})
    assert rows(RUN, before)[1:3] == [
        "code        unsure",
        "  the old run did not log these changes: big.npy (9.0 MB, too large)",
    ]
    now = tagged(**{"git.problem": "fatal: bad object HEAD"})
    assert "  the new run: Git could not tell what was not committed: fatal: bad object HEAD" in rows(now)
    other = replace(before, diff=b"other")
    assert rows(RUN, other)[1] == "code        differs"


def test_other_versions_are_said_and_no_other_run() -> None:
    now = replace(RUN, requirements=PINS.replace("2.9+cpu", "2.10").replace("3.11.4", "3.12.1"))
    assert rows(now)[4:7] == [
        "versions    2 of 4 differ",
        "  Python  3.11.4   ->  3.12.1",
        "  torch   2.9+cpu  ->  2.10",
    ]
    assert repeated(compare(RUN, now))
    assert "versions    none logged" in rows(replace(RUN, requirements=None))


@pytest.mark.parametrize("tags", [{"device": "cuda"}, {"processes": "4"}])
def test_where_numbers_are_not_exact(tags: dict[str, str]) -> None:
    before = tagged(**tags)
    now = replace(before, metrics={**RUN.metrics, "loss": 0.5001})
    parts = compare(before, now)
    assert repeated(parts)
    shown = "\n".join(table(parts))
    assert "metrics     1 of 2 differ; GPUs and several processes add up in another order" in shown
    assert "(+0.0001, +0.02 %)" in shown
    assert not repeated(compare(before, replace(now, metrics={"loss": 0.5}))), (
        "a missing one is not a rounding"
    )
    assert not repeated(compare(RUN, replace(RUN, metrics=now.metrics))), "on the CPU, in one process"


def test_numbers_that_are_none() -> None:
    nan, inf = float("nan"), float("inf")
    before = replace(RUN, metrics={"a": nan, "b": inf, "c": 0.0})
    assert repeated(compare(before, replace(before, metrics={"a": float("nan"), "b": inf, "c": 0.0})))
    shown = rows(replace(RUN, metrics={"a": 1.0, "b": -inf, "c": 1.0}), before)
    assert shown[-3:] == ["  a  nan  ->  1  (+nan)", "  b  inf  ->  -inf  (-inf)", "  c  0    ->  1  (+1)"]


def test_a_run_that_logged_nothing() -> None:
    bare = replace(RUN, params={}, tags={}, metrics={}, diff=None, requirements=None)
    assert rows(bare, bare) == [
        "status      the same",
        "code        none logged",
        "parameters  none logged",
        "data        none logged",
        "versions    none logged",
        "metrics     none logged",
    ]


def test_a_long_list_is_cut() -> None:
    now = replace(RUN, params={f"p{n:02}": "x" for n in range(20)})
    before = replace(RUN, params={f"p{n:02}": "y" for n in range(20)})
    shown = rows(now, before)
    assert "  p11  y  ->  x" in shown
    assert "  p12  y  ->  x" not in shown
    assert "  and 8 more" in shown


def test_versions_of_a_requirements_file() -> None:
    assert rerun_compare.versions(PINS) == {
        "Python": "3.11.4",
        "system": "Linux-6.1",
        "numpy": "2.1",
        "torch": "2.9+cpu",
    }
    assert rerun_compare.versions("a @ file:///x\n# c==1\n") == {}
