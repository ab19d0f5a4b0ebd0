"""Requests that come while the model is busy are answered together: no request waits for others that may come, and a batch is never split."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from serving.inputs import Named

log = logging.getLogger("serving")
Rows = list[dict[str, Any]]


class NoAnswer(Named):
    """The model's answers are none that JSON can say; a problem names its place, such as `predictions[2]`."""


class Busy(Exception):
    """More rows wait than may; the caller may try again."""


class Batcher:
    """Runs `transform` in a thread of its own, one batch at a time.

    Args:
        transform: a wrapper's.
        rows: how many go into one batch; a request with more is a batch of its own.
        waiting: how many may wait.
    """

    def __init__(self, transform: Callable[[Rows], list[Any]], *, rows: int, waiting: int) -> None:
        self._transform = transform
        self._rows = rows
        self._waiting = waiting
        self._queue: deque[tuple[Rows, asyncio.Future[list[Any]]]] = deque()
        self._queued = 0
        self._pool = ThreadPoolExecutor(1)
        self._task: asyncio.Task[None] | None = None

    async def answer(self, rows: Rows) -> list[Any]:
        """The model's answers.

        Raises:
            Busy: too many rows wait already.
        """
        if self._queue and self._queued + len(rows) > self._waiting:
            raise Busy
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._queue.append((rows, future))
        self._queued += len(rows)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        while self._queue:
            batch = [self._queue.popleft()]
            size = len(batch[0][0])
            while self._queue and size + len(self._queue[0][0]) <= self._rows:
                batch.append(self._queue.popleft())
                size += len(batch[-1][0])
            self._queued -= size
            # Who went away meanwhile needs no answer.
            batch = [one for one in batch if not one[1].done()]
            await self._run(batch)

    async def _run(self, batch: list[tuple[Rows, asyncio.Future[list[Any]]]]) -> None:
        if not batch:
            return
        loop = asyncio.get_running_loop()
        rows = [row for one, _ in batch for row in one]
        try:
            answers = await loop.run_in_executor(self._pool, checked, self._transform, rows)
        except Exception as error:
            if len(batch) > 1:
                # One of them is to blame: the others have their answer.
                for alone in batch:
                    await self._run([alone])
            elif not batch[0][1].done():
                batch[0][1].set_exception(error)
            return
        at = 0
        for one, future in batch:
            if not future.done():
                future.set_result(answers[at : at + len(one)])
            at += len(one)


def checked(transform: Callable[[Rows], list[Any]], rows: Rows) -> list[Any]:
    """The answers, if there is one for each row, and JSON can say it.

    Raises:
        ValueError: there are more or fewer.
        NoAnswer: some are NaN or infinite, or no JSON at all.
    """
    answers = list(transform(rows))
    if len(answers) != len(rows):
        raise ValueError(f"transform gave {len(answers)} answers for {len(rows)} rows")
    try:
        json.dumps(answers, allow_nan=False)
    except (TypeError, ValueError) as error:
        problems = [
            {"field": f"predictions[{number}]", "problem": problem}
            for number, answer in enumerate(answers)
            if (problem := _unsaid(answer))
        ]
        raise NoAnswer(problems[:20]) from error
    return answers


def _unsaid(answer: Any) -> str:
    """Why JSON cannot say an answer; empty if it can."""
    try:
        json.dumps(answer, allow_nan=False)
    except (TypeError, ValueError) as error:
        return f"the model's answer is no JSON: {error}"
    return ""
