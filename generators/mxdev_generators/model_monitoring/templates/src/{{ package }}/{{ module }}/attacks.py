"""Requests that look like an attack: floods, almost equal inputs that feel their way along a boundary, inputs from elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats  # type: ignore[import-untyped, unused-ignore]
from scipy.spatial.distance import cdist  # type: ignore[import-untyped, unused-ignore]

Numbers = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
# So many rows, one after the other, are compared with each other: who tries out a model asks again and again.
TOGETHER = 1000


@dataclass(frozen=True)
class Scale:
    """What makes the features comparable: in units of their deviation in the training data."""

    mean: Numbers
    deviation: Numbers

    def of(self, rows: Numbers) -> Numbers:
        """The rows in these units, what is missing as the mean."""
        return np.nan_to_num((rows - self.mean) / self.deviation, nan=0.0)


def scale(sample: Numbers) -> Scale:
    """The scale of a sample. A feature that never changes in it keeps its own unit."""
    deviation = np.nanstd(sample, axis=0)
    return Scale(np.nanmean(sample, axis=0), np.where(deviation > 0, deviation, 1.0))


def to_nearest(rows: Numbers, others: Numbers) -> Numbers:
    """The distance of each row to the nearest of the others."""
    parts = [
        cdist(rows[low : low + TOGETHER], others).min(axis=1)
        for low in range(0, len(rows), TOGETHER)
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def _together(rows: Numbers) -> Iterator[tuple[int, Numbers]]:
    """Where each thousand of rows begins, and the distances between its rows: infinite where they are equal."""
    for low in range(0, len(rows), TOGETHER):
        part = rows[low : low + TOGETHER]
        found = cdist(part, part)
        # Somebody who asks the same thing twice learns nothing from it.
        found[found < 1e-9] = np.inf
        yield low, found


def among_themselves(rows: Numbers) -> Numbers:
    """The distance of each row to the nearest other one that is not equal to it; a row that is alone has an infinite one.

    Only rows that follow each other are compared, a thousand at a time.
    """
    parts = [found.min(axis=1) for _, found in _together(rows)]
    return np.concatenate(parts) if parts else np.empty(0)


def near_rows(rows: Numbers, answers: Numbers, limit: float) -> tuple[Mask, Mask]:
    """Which rows are nearer than `limit` to another one, and which of them to one that got another answer."""
    near = np.zeros(len(rows), dtype=np.bool_)
    crossing = near.copy()
    for low, distances in _together(rows):
        high = low + len(distances)
        close = distances < limit
        others = answers[low:high, None] != answers[None, low:high]
        near[low:high] = close.any(axis=1)
        crossing[low:high] = (close & others).any(axis=1)
    return near, crossing


def busiest_minute(times: Numbers) -> tuple[int, float]:
    """How many requests the busiest minute has, and the median of all minutes that have any."""
    if not len(times):
        return 0, 0.0
    found = np.unique((times // 60).astype(np.int64), return_counts=True)[1]
    return int(found.max()), float(np.median(found))


def is_flood(
    busiest: int, usual: float, minutes: int, factor: float, least: int, alpha: float
) -> bool:
    """Whether a minute is so busy as neither the usual traffic nor chance makes it (a Poisson tail).

    Args:
        busiest: requests of the busiest minute.
        usual: those of the usual one.
        minutes: how many there are to choose the busiest from.
        factor: how many times the usual it is at least.
        least: how many requests it has at least.
        alpha: how likely chance may be.
    """
    by_chance = minutes * float(stats.poisson.sf(busiest - 1, usual))
    return busiest >= max(least, factor * usual) and by_chance < alpha
