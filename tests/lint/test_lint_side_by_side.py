"""Pieces of work in threads: none of their errors is lost, and what is at work is not taken for something that hangs."""

from __future__ import annotations

import threading

import pytest

from mxdev.lint import side_by_side
from mxdev.lint.side_by_side import Task, each


def test_the_error_of_the_one_that_ends_last_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end is what ends the wait: all of its thread is over here before anybody looks."""

    def start(serve: object) -> None:
        thread = threading.Thread(target=serve)  # type: ignore[arg-type]
        thread.start()
        thread.join()

    def work(task: Task[int]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(side_by_side, "_start", start)
    with pytest.raises(KeyboardInterrupt):
        each(work, [1])
