"""A transform of many rows that is done before a given hour: `python -m serving.batch`.

INPUT is `s3://BUCKET/PREFIX` with shards, each a `.jsonl` of one row a line. OUTPUT/YYYY-MM-DD is where each has its answers under the same
name, a line for a line; the day is that of SCHEDULED_TIME in TIMEZONE. A shard is done when its answers are there, which happens at once and only
once: a run that was killed is started again, and does what is left. When all are done, `_SUCCESS` lies beside them.

DONE_BY, such as 06:00, is an hour of that day. As soon as the pace says that it will be later, the log says so, and the metric MinutesLate in
METRICS_NAMESPACE. WORKERS processes share the shards, and so does any number of tasks. The exit code is 0 when all is done, and 1 if
something failed.
"""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from multiprocessing import get_context
from typing import Any
from zoneinfo import ZoneInfo

from serving.batching import checked
from serving.inputs import InvalidInput, Named
from serving.models import Model, deployed
from serving.work import SUCCESS, Pace, Place, claimed, place, write_once

log = logging.getLogger("serving")
CHUNK = 256
EVERY = 60
DONE, OTHERS = "done", "others"


@dataclass(frozen=True)
class Job:
    """What is to be done.

    Attributes:
        source: where the shards are.
        target: where the answers of the day go.
        finish: when all must be done.
        workers: how many processes work.
        claim: how long a shard stays claimed after its worker was killed, in seconds.
    """

    source: Place
    target: Place
    finish: datetime
    workers: int
    claim: float


class JobError(Exception):
    """The job cannot go on; the text says why."""


def job(said: Mapping[str, str], now: datetime) -> Job:
    """What the environment asks for.

    Raises:
        JobError: something is missing, or is nothing that can be meant.
    """
    missing = [name for name in ("INPUT", "OUTPUT", "DONE_BY") if not said.get(name)]
    if missing:
        raise JobError(f"set {', '.join(missing)}")
    try:
        source, output = place(said["INPUT"]), place(said["OUTPUT"])
        scheduled = said.get("SCHEDULED_TIME")
        start = datetime.fromisoformat(scheduled) if scheduled else now
        here = start.astimezone(ZoneInfo(said.get("TIMEZONE") or "UTC"))
        clock = datetime.strptime(said["DONE_BY"], "%H:%M").time()
        finish = datetime.combine(here.date(), clock, here.tzinfo).astimezone(UTC)
        workers = int(said.get("WORKERS") or os.cpu_count() or 1)
        claim = float(said.get("CLAIM_SECONDS") or 60)
    except (ValueError, KeyError) as error:
        raise JobError(
            "INPUT, OUTPUT, DONE_BY (such as 06:00), TIMEZONE, SCHEDULED_TIME, WORKERS or CLAIM_SECONDS: "
            f"{error}"
        ) from error
    if workers < 1 or claim < 1:
        raise JobError(f"{workers} workers and a claim of {claim} s: give 1 or more")
    target = Place(output.bucket, f"{output.prefix}{here.date().isoformat()}/")
    return Job(source, target, finish, workers, claim)


@cache
def _model() -> Model:
    found = deployed()
    if len(found) != 1:
        raise JobError(f"a job has one model, and {len(found)} are named")
    return found[0]


@cache
def _client(service: str) -> Any:
    import boto3

    return boto3.client(service)


def transform(said: Job, name: str) -> str:
    """Write the answers of one shard, unless they are there, or somebody else is about to.

    Raises:
        InvalidInput: a line does not fit; it is named.
        NoAnswer: the model's answer to a line is no JSON, such as NaN; the line is named.
    """
    s3 = _client("s3")
    with claimed(s3, said.target, name, said.claim) as mine:
        if not mine:
            return OTHERS
        # It may have been done between the listing and the claim.
        if _there(said, name):
            return DONE
        body = s3.get_object(**said.source.key(name))["Body"]
        answers = _answers(body.iter_lines())
        if not write_once(s3, said.target, name, "".join(f"{one}\n" for one in answers).encode()):
            log.warning("%s was done by another in the meantime", name)
    return DONE


def _there(said: Job, name: str) -> bool:
    found = _client("s3").list_objects_v2(
        Bucket=said.target.bucket, Prefix=said.target.prefix + name, MaxKeys=1
    )
    return any(one["Key"] == said.target.prefix + name for one in found.get("Contents", ()))


def _answers(lines: Any) -> list[str]:
    wrapper = _model().wrapper
    answers: list[str] = []
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []

    def ask() -> None:
        if rows:
            with _by_line(numbers):
                answers.extend(map(json.dumps, checked(wrapper.transform, rows)))
        rows.clear()
        numbers.clear()

    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InvalidInput(
                [{"field": f"line {number}", "problem": f"is no JSON: {error}"}]
            ) from error
        with _by_line([number]):
            rows += wrapper.inputs.check([row], 1)
        numbers.append(number)
        if len(rows) == CHUNK:
            ask()
    ask()
    return answers


@contextmanager
def _by_line(numbers: Sequence[int]) -> Iterator[None]:
    """What is wrong with rows, or with their answers, is told of the lines that they came from."""
    try:
        yield
    except Named as error:
        problems = [
            {
                **one,
                "field": re.sub(
                    r"^(?:instances|predictions)\[(\d+)\]",
                    lambda found: f"line {numbers[int(found[1])]}",
                    one["field"],
                ),
            }
            for one in error.problems
        ]
        raise type(error)(problems) from error


def run(said: Job, tell: Callable[[datetime], None], now: Callable[[], datetime]) -> int:
    """Do what is left, together with whoever works on it too; the exit code.

    Args:
        tell: is told when it will be done, whenever that is known anew.
        now: the clock.

    Raises:
        JobError: there is nothing to do it with: no shard, or no worker any more.
    """
    s3 = _client("s3")
    failed: dict[str, str] = {}
    pace: Pace | None = None
    with ProcessPoolExecutor(
        mp_context=get_context("spawn"),
        max_workers=said.workers,
        initializer=_begin,
        initargs=(os.getpid(),),
    ) as pool:
        while True:
            shards, there = said.source.shards(s3), said.target.shards(s3).keys()
            if not shards:
                raise JobError(
                    f"there is no .jsonl below s3://{said.source.bucket}/{said.source.prefix}"
                )
            left = sorted(shards.keys() - there - failed.keys(), key=lambda name: -shards[name])
            if pace is None:
                log.info(
                    "%d shards to do, %d were done before; all to be done by %s",
                    len(left),
                    len(shards) - len(left),
                    said.finish,
                )
                pace = Pace(now(), sum(shards[name] + 1 for name in left))
            if not left:
                break
            pace.done = pace.total - sum(shards[name] + 1 for name in left)
            mine = 0
            sent = {pool.submit(transform, said, name): name for name in left}
            for future in as_completed(sent):
                name = sent[future]
                try:
                    mine += future.result() == DONE
                except BrokenProcessPool as error:
                    raise JobError(
                        "a worker was killed, for want of memory perhaps: WORKERS says how many there are"
                    ) from error
                except Exception as error:
                    failed[name] = str(error)
                    log.error("%s failed: %s", name, error)
                pace.done += shards[name] + 1
                if (end := pace.end(now())) is not None:
                    tell(end)
            if not mine:
                time.sleep(min(said.claim / 3, 5))
    if failed:
        log.error("%d of %d shards failed: %s", len(failed), len(shards), ", ".join(sorted(failed)))
        return 1
    write_once(s3, said.target, SUCCESS, b"")
    log.info("all %d shards are done", len(shards))
    return 0


class Teller:
    """Says when it will be too late: in the log once, and as a metric every minute."""

    def __init__(self, finish: datetime, now: Callable[[], datetime]) -> None:
        self.finish = finish
        self.now = now
        self.warned = False
        self.next = now()

    def __call__(self, end: datetime) -> None:
        """Hear when it will be done."""
        late = max((end - self.finish).total_seconds() / 60, 0.0)
        if late and not self.warned:
            self.warned = True
            log.warning(
                "it will be done at %s, %.0f minutes after %s: give it more WORKERS or tasks",
                f"{end:%Y-%m-%d %H:%M:%S} UTC",
                late,
                f"{self.finish:%H:%M} UTC",
            )
            self.next = self.now()
        namespace = os.environ.get("METRICS_NAMESPACE")
        if namespace and self.now() >= self.next:
            self.next = datetime.fromtimestamp(self.now().timestamp() + EVERY, UTC)
            names = {"Model": os.environ["MODEL_NAME"], "Version": os.environ["MODEL_VERSION"]}
            measured = {
                "MetricName": "MinutesLate",
                "Value": late,
                "Dimensions": [{"Name": name, "Value": value} for name, value in names.items()],
            }
            try:
                _client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[measured])
            except Exception as error:
                # A transform does not fail because nobody hears how fast it is.
                log.error("MinutesLate could not be told: %s", error)


def _begin(parent: int) -> None:
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
        return run(said, Teller(said.finish, now), now)
    except JobError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
