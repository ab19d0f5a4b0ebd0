"""A transform of many rows that is done before a given hour: `python -m serving.batch`.

INPUT is `s3://BUCKET/PREFIX` with shards, each a `.jsonl` of one row a line; OUTPUT is where each has its answers under the same name, a
line for a line. A shard is done when its answers are there, which happens at once and only once: a run that was killed is started again, and does
what is left. FINISH_BY, such as 06:00, in TIMEZONE: as soon as the pace says that it will be later, the log and the topic NOTIFY say so.

WORKERS processes share the shards; TASK_COUNT tasks do, each with its TASK_INDEX from 0. Exit codes: 0 done in time, 1 something failed,
3 done too late.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from multiprocessing import get_context
from typing import Any
from zoneinfo import ZoneInfo

from serving.batching import checked
from serving.inputs import InvalidInput
from serving.models import Model, deployed

log = logging.getLogger("serving")
CHUNK = 256
TOO_LATE = 3


@dataclass(frozen=True)
class Job:
    """What is to be done."""

    source: tuple[str, str]
    target: tuple[str, str]
    finish: datetime
    workers: int
    index: int
    count: int
    topic: str


class JobError(Exception):
    """The job cannot begin; the text says why."""


def job(said: Mapping[str, str], now: datetime) -> Job:
    """What the environment asks for.

    Raises:
        JobError: something is missing, or is nothing that can be meant.
    """
    missing = [name for name in ("INPUT", "OUTPUT", "FINISH_BY") if not said.get(name)]
    if missing:
        raise JobError(f"set {', '.join(missing)}")
    places = []
    for name in ("INPUT", "OUTPUT"):
        bucket, _, prefix = said[name].removeprefix("s3://").partition("/")
        if not said[name].startswith("s3://") or not bucket:
            raise JobError(f"{name} is {said[name]}: give s3://BUCKET/PREFIX")
        places.append((bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else ""))
    if places[0] == places[1]:
        raise JobError("INPUT and OUTPUT are the same place")
    try:
        finish = next_time(said["FINISH_BY"], said.get("TIMEZONE", "UTC"), now)
        workers = int(said.get("WORKERS") or os.cpu_count() or 1)
        index, count = int(said.get("TASK_INDEX") or 0), int(said.get("TASK_COUNT") or 1)
    except (ValueError, KeyError) as error:
        raise JobError(
            f"FINISH_BY (such as 06:00), TIMEZONE, WORKERS or TASK_...: {error}"
        ) from error
    if workers < 1 or not 0 <= index < count:
        raise JobError(f"{workers} workers, task {index} of {count}: that is no share of the work")
    return Job(places[0], places[1], finish, workers, index, count, said.get("NOTIFY", ""))


def next_time(text: str, zone: str, now: datetime) -> datetime:
    """The next time that a clock in the zone shows this.

    Raises:
        ValueError: it is no time.
        KeyError: it is no zone.
    """
    clock = datetime.strptime(text, "%H:%M").time()
    here = now.astimezone(ZoneInfo(zone))
    found = datetime.combine(here.date(), clock, here.tzinfo)
    if found <= here:
        found = datetime.combine(here.date() + timedelta(days=1), clock, here.tzinfo)
    return found.astimezone(UTC)


@dataclass
class Pace:
    """How fast it goes, and when it will be done.

    Attributes:
        started: when.
        total: bytes to be done in this run.
        done: bytes done in this run.
    """

    started: datetime
    total: int
    done: int = 0

    def end(self, now: datetime) -> datetime | None:
        """When it will be done if it goes on like this; None while nothing is done."""
        if not self.done:
            return None
        return now + (now - self.started) * ((self.total - self.done) / self.done)


def shards(said: Job, s3: Any) -> tuple[list[tuple[str, int]], int]:
    """The names and sizes of this task's shards that have no answers yet, the largest first; and how many have."""
    there: dict[str, int] = {}
    done = set()
    for place, into in (
        (said.source, there.__setitem__),
        (said.target, lambda name, _: done.add(name)),
    ):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=place[0], Prefix=place[1])
        for one in (one for page in pages for one in page.get("Contents", ())):
            if one["Key"].endswith(".jsonl"):
                into(one["Key"][len(place[1]) :], one["Size"])
    mine = sorted(there)[said.index :: said.count]
    left = [(name, there[name]) for name in mine if name not in done]
    return sorted(left, key=lambda one: -one[1]), len(mine) - len(left)


@cache
def _model() -> Model:
    found = deployed()
    if len(found) != 1:
        raise JobError(f"a job has one model, and {len(found)} are named")
    return found[0]


@cache
def _s3(_: int) -> Any:
    import boto3

    return boto3.client("s3")


def transform(said: Job, name: str) -> int:
    """Write the answers of one shard; how many there are.

    Raises:
        InvalidInput: a line does not fit; it is named.
    """
    s3, wrapper = _s3(os.getpid()), _model().wrapper
    body = s3.get_object(Bucket=said.source[0], Key=said.source[1] + name)["Body"]
    answers: list[str] = []
    rows: list[dict[str, Any]] = []
    lines = [line for line in body.iter_lines() if line.strip()]
    for number, line in enumerate(lines, 1):
        try:
            rows += wrapper.inputs.check([json.loads(line)], 1)
        except InvalidInput as error:
            problems = [
                {**one, "field": one["field"].replace("instances[0]", f"line {number}")}
                for one in error.problems
            ]
            raise InvalidInput(problems) from error
        except ValueError as error:
            raise InvalidInput(
                [{"field": f"line {number}", "problem": f"is no JSON: {error}"}]
            ) from error
        if len(rows) == CHUNK or number == len(lines):
            answers += map(json.dumps, checked(wrapper.transform, rows))
            rows = []
    try:
        s3.put_object(
            Bucket=said.target[0],
            Key=said.target[1] + name,
            Body="".join(f"{one}\n" for one in answers).encode(),
            IfNoneMatch="*",
        )
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in (
            "PreconditionFailed",
            "ConditionalRequestConflict",
        ):
            raise
        log.warning("%s was done by another in the meantime", name)
    return len(answers)


def run(said: Job, notify: Callable[[str], None], now: Callable[[], datetime]) -> int:
    """Do what is left; the exit code."""
    left, before = shards(said, _s3(os.getpid()))
    log.info(
        "%d shards to do, %d were done before; to be finished by %s", len(left), before, said.finish
    )
    pace = Pace(now(), sum(size + 1 for _, size in left))
    failed, warned = [], False
    with ProcessPoolExecutor(
        mp_context=get_context("spawn"),
        max_workers=said.workers,
        initializer=_die_with,
        initargs=(os.getpid(),),
    ) as pool:
        sizes = {pool.submit(transform, said, name): (name, size) for name, size in left}
        for future in as_completed(sizes):
            name, size = sizes[future]
            pace.done += size + 1
            try:
                log.info("%s: %d rows", name, future.result())
            except BrokenProcessPool as error:
                raise JobError(
                    "a worker was killed, for want of memory perhaps: WORKERS says how many there are"
                ) from error
            except Exception as error:
                failed.append(name)
                log.error("%s failed: %s", name, error)
            end = pace.end(now())
            if not warned and end is not None and end > said.finish:
                warned = True
                notify(
                    f"the batch from s3://{'/'.join(said.source)} will be done at {end:%Y-%m-%d %H:%M:%S} UTC, after "
                    f"{said.finish:%H:%M} UTC: {pace.total - pace.done} of {pace.total} bytes are left; give it more WORKERS or tasks"
                )
    if failed:
        notify(
            f"{len(failed)} of {len(left)} shards failed: {', '.join(sorted(failed)[:10])}; the log says why"
        )
        return 1
    log.info("all %d shards are done", len(left) + before)
    return TOO_LATE if now() > said.finish else 0


def _die_with(parent: int) -> None:
    """A worker ends with the process that started it, however that one ended; and leaves ^C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    """Run the job that the environment says."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")

    def now() -> datetime:
        return datetime.now(UTC)

    try:
        said = job(os.environ, now())

        def notify(text: str) -> None:
            log.warning(text)
            if said.topic:
                import boto3

                boto3.client("sns").publish(
                    TopicArn=said.topic, Subject="Batch transform", Message=text
                )

        return run(said, notify, now)
    except JobError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
