"""How far apart two samples are, by well-known formulas, and whether chance alone could do it."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats  # type: ignore[import-untyped, unused-ignore]

Numbers = npt.NDArray[np.float64]
# A feature with no more different values than this has a bin for each of them; others have this many bins.
BINS = 10


def edges(sample: Numbers) -> Numbers:
    """Where the bins of a feature meet: each has about a tenth of the sample, or one of its few values."""
    values = np.unique(sample)
    if len(values) <= BINS:
        return (values[1:] + values[:-1]) / 2
    return np.unique(np.quantile(sample, np.linspace(0, 1, BINS + 1)[1:-1]))


def counts(values: Numbers, at: Numbers) -> npt.NDArray[np.int64]:
    """How many values are in each bin; the first and the last are open."""
    return np.bincount(np.searchsorted(at, values, side="right"), minlength=len(at) + 1)


def psi(reference: npt.NDArray[np.int64], served: npt.NDArray[np.int64]) -> float:
    """The population stability index: the sum of (q - p) ln(q / p) over the bins.

    Half a value is added to each bin, so that an empty one does not make it infinite.
    """
    p, q = ((found + 0.5) / (found.sum() + 0.5 * len(found)) for found in (reference, served))
    return float(np.sum((q - p) * np.log(q / p)))


def psi_by_chance(reference: int, served: int, bins: int, alpha: float) -> float:
    """What the index exceeds with probability `alpha` where nothing has changed.

    It is distributed as chi-square with a degree of freedom less than there are bins, times 1/n + 1/m (Yurdakul, 2018).
    """
    if bins < 2:
        return 0.0
    return float(stats.chi2.isf(alpha, bins - 1) * (1 / reference + 1 / served))


def kolmogorov_smirnov(reference: Numbers, served: Numbers) -> tuple[float, float]:
    """The largest distance between the two distribution functions, and how likely chance makes it as large."""
    found: Any = stats.ks_2samp(reference, served, method="asymp")
    return float(found.statistic), float(found.pvalue)


def more_than(found: int, of: int, expected: float, alpha: float) -> bool:
    """Whether `found` of `of` are more than chance makes of a share of `expected`: the binomial test."""
    return bool(of and stats.binom.sf(found - 1, of, min(1.0, expected)) < alpha)
