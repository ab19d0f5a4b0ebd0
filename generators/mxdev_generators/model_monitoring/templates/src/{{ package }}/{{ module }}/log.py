"""Reads what the endpoint wrote down: requests, answers, and the labels that came back."""

import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import fsspec
import numpy as np
import numpy.typing as npt

from . import features

log = logging.getLogger(__name__)

Numbers = npt.NDArray[np.float64]

DAY = 86400
# Below the folder of the log: files of lines such as {"id": "...", "labels": [3]}, a label for each row of the request.
LABELS = "labels"


@dataclass(frozen=True)
class Served:
    """What one version of the model was asked, and what it answered.

    Attributes:
        version: of the registered model, or a run's id.
        times: of the requests, in seconds since 1970.
        rows: the features, in the order of time (rows, features).
        outputs: the answers (rows, outputs).
        labels: what was right, of the rows that are labelled.
        labelled: which rows those are.
    """

    version: str
    times: Numbers
    rows: Numbers
    outputs: Numbers
    labels: Numbers
    labelled: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """What was found in the log.

    Attributes:
        begin: how far back it was looked, in seconds since 1970.
        end: until when.
        versions: what each version was asked.
        unreadable: lines and files that are no requests, or not of this model, and labels that are no numbers.
    """

    begin: float
    end: float
    versions: tuple[Served, ...]
    unreadable: int


def read(
    folder: str, endpoint: str, hours: float, most_rows: int, most_features: int, until: float
) -> Window:
    """The requests of the last hours.

    Args:
        folder: any URL that fsspec knows.
        endpoint: whose requests: the log may have those of others.
        hours: how far back.
        most_rows: of each version, the newest.
        most_features: see `features.table`.
        until: seconds since 1970.
    """
    begin = until - 3600 * hours
    found: dict[str, list[dict[str, Any]]] = {}
    unreadable = 0
    for record in _records(folder, _days(begin, until)):
        if record is None or not isinstance(record.get("time"), int | float):
            unreadable += 1
        elif record.get("model") == endpoint and begin <= record["time"] <= until:
            found.setdefault(str(record.get("version")), []).append(record)
    labels = _labels(folder) if found else {}
    versions = []
    for version, records in sorted(found.items()):
        served, bad = _served(version, records, labels, most_rows, most_features)
        unreadable += bad
        if served is not None:
            versions.append(served)
    return Window(begin, until, tuple(versions), unreadable)


def _days(begin: float, until: float) -> list[str]:
    first, last = int(begin // DAY), int(until // DAY)
    # A file has the day of its first record: one that was begun before midnight counts, too.
    return [time.strftime("%Y-%m-%d", time.gmtime(day * DAY)) for day in range(first, last + 1)]


def _records(folder: str, below: Sequence[str]) -> Iterator[dict[str, Any] | None]:
    """The lines of the files in some folders; None stands for one that is none."""
    system, root = fsspec.core.url_to_fs(folder.rstrip("/"))
    for name in below:
        try:
            paths = [
                path
                for path in system.ls(f"{root}/{name}", detail=False)
                if path.endswith(".jsonl")
            ]
        except FileNotFoundError:
            continue
        # At once: of a bucket they are many, and each takes its time.
        for data in system.cat(sorted(paths), on_error="return").values() if paths else ():
            if isinstance(data, Exception):
                log.warning("not read: %s", data)
                yield None
                continue
            for line in data.decode("utf-8", "replace").splitlines():
                try:
                    record = json.loads(line)
                except (RecursionError, ValueError):
                    record = None
                yield record if isinstance(record, dict) else None


def _labels(folder: str) -> dict[str, list[Any]]:
    found = {}
    for record in _records(folder, [LABELS]):
        if record and isinstance(record.get("labels"), list):
            found[str(record.get("id"))] = record["labels"]
    return found


def _served(
    version: str,
    records: list[dict[str, Any]],
    labels: dict[str, list[Any]],
    most_rows: int,
    most_features: int,
) -> tuple[Served | None, int]:
    records.sort(key=lambda record: record["time"])
    times: list[float] = []
    rows: list[Numbers] = []
    outputs: list[Numbers] = []
    truth: list[Numbers] = []
    labelled: list[npt.NDArray[np.int64]] = []
    bad = size = 0
    for record in reversed(records):
        try:
            inputs, answer = _row(record, most_features)
            if rows and (inputs.shape[1], answer.shape[1]) != (
                rows[0].shape[1],
                outputs[0].shape[1],
            ):
                raise ValueError("another number of features")
        except (LookupError, OverflowError, TypeError, ValueError):
            bad += 1
            continue
        try:
            known = _column(labels.get(str(record.get("id")), []))
        except (OverflowError, TypeError, ValueError):
            # What was asked and answered counts all the same.
            bad += 1
            known = np.empty(0)
        times.append(float(record["time"]))
        rows.append(inputs)
        outputs.append(answer)
        if len(known) == len(inputs):
            truth.append(known[::-1])
            labelled.append(np.arange(size, size + len(inputs)))
        # Turned round with all the others at the end.
        rows[-1], outputs[-1] = inputs[::-1], answer[::-1]
        size += len(inputs)
        if size >= most_rows:
            break
    if not rows:
        return None, bad
    which = size - 1 - np.concatenate(labelled) if labelled else np.empty(0, dtype=np.int64)
    return Served(
        version,
        np.asarray(times[::-1]),
        np.concatenate(rows)[::-1],
        np.concatenate(outputs)[::-1],
        np.concatenate(truth) if truth else np.empty(0),
        which,
    ), bad


def _column(labels: list[Any]) -> Numbers:
    found = np.asarray(labels, dtype=np.float64)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise ValueError("not a number for each row")
    return found


def _row(record: dict[str, Any], most_features: int) -> tuple[Numbers, Numbers]:
    inputs = {
        str(one["name"]): np.asarray(one["data"], dtype=np.float64).reshape(one["shape"])
        for one in record["inputs"]
    }
    alone = next(iter(inputs.values())) if len(inputs) == 1 else inputs
    rows = features.table(alone, most_features)[1]
    first = record["outputs"][0]
    answer = np.asarray(first["data"], dtype=np.float64).reshape(first["shape"])
    answer = answer.reshape(len(answer), -1)
    if len(answer) != len(rows):
        raise ValueError("not an answer for each row")
    return rows, answer
