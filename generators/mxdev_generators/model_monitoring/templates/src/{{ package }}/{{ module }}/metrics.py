"""What was found, in Prometheus' format of text."""

import math
from collections.abc import Iterator, Sequence

from .checks import Compared, Found

# Name of a metric -> what it is.
HELP = {
    "monitoring_time_seconds": "When the report was made, in seconds since 1970.",
    "monitoring_unreadable": "Lines of the log that are no requests.",
    "monitoring_not_compared": "1: a version was asked, and there is nothing to compare it with.",
    "monitoring_requests": "Requests in the window.",
    "monitoring_rows": "Rows of those requests.",
    "monitoring_psi": "Population stability index against the training data.",
    "monitoring_ks": "Kolmogorov-Smirnov distance to the training data.",
    "monitoring_drifted": "1: it is not distributed as in training, and chance does not explain it.",
    "monitoring_missing_ratio": "The share of values that are missing.",
    "monitoring_out_of_range_ratio": "The share of values outside of the range of the training data.",
    "monitoring_busiest_minute_requests": "Requests of the busiest minute.",
    "monitoring_near_ratio": "The share of rows that are almost equal to another one.",
    "monitoring_far_ratio": "The share of rows that are far from all of the training data.",
    "monitoring_attack": "1: requests look like an attack of this kind.",
    "monitoring_labelled_rows": "Rows whose labels came back.",
    "monitoring_error": "How wrong the model is by the labels that came back.",
    "monitoring_worse": "1: it is more often wrong than on data held out in training.",
}
Sample = tuple[str, dict[str, str], float]


def text(
    endpoint: str, when: float, unreadable: int, found: Sequence[Found], not_compared: Sequence[str]
) -> str:
    """All metrics of a report, each with its help and type."""
    samples: list[Sample] = [
        ("monitoring_time_seconds", {}, when),
        ("monitoring_unreadable", {}, unreadable),
        *(("monitoring_not_compared", {"version": version}, 1) for version in not_compared),
        *(sample for one in found for sample in _of(one)),
    ]
    lines = []
    for name, meaning in HELP.items():
        mine = [sample for sample in samples if sample[0] == name and not math.isnan(sample[2])]
        if mine:
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} gauge"]
            lines += [
                _line(name, {"endpoint": endpoint, **labels}, value) for _, labels, value in mine
            ]
    return "\n".join(lines) + "\n"


def _line(name: str, labels: dict[str, str], value: float) -> str:
    words = ",".join(f'{key}="{_escaped(said)}"' for key, said in labels.items())
    return f"{name}{{{words}}} {float(value)!r}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _of(found: Found) -> Iterator[Sample]:
    version = {"version": found.version}
    attack, feedback = found.attack, found.feedback
    yield "monitoring_requests", version, found.requests
    yield "monitoring_rows", version, found.rows
    for kind, compared in (("input", found.inputs), ("prediction", found.predictions)):
        for one in compared:
            yield from _compared({**version, "kind": kind, "feature": one.name}, one)
    yield "monitoring_busiest_minute_requests", version, attack.busiest
    yield "monitoring_near_ratio", version, attack.near
    yield "monitoring_far_ratio", version, attack.far
    for kind, there in (
        ("flood", attack.flood),
        ("walk", attack.walk),
        ("elsewhere", attack.elsewhere),
    ):
        yield "monitoring_attack", {**version, "kind": kind}, float(there)
    yield "monitoring_labelled_rows", version, feedback.rows
    yield "monitoring_error", version, feedback.error
    yield "monitoring_worse", version, float(feedback.worse)


def _compared(labels: dict[str, str], one: Compared) -> Iterator[Sample]:
    yield "monitoring_psi", labels, one.psi
    yield "monitoring_ks", labels, one.distance
    yield "monitoring_drifted", labels, float(bool(one.why))
    yield "monitoring_missing_ratio", labels, one.missing
    yield "monitoring_out_of_range_ratio", labels, one.out_of_range
