"""Compares what was served with what was trained, and says what is no chance."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from . import attacks, features, statistics
from .log import Served
from .profile import Profile
from .settings import Settings

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Compared:
    """A feature, or the prediction: how far what was served is from what was trained.

    Attributes:
        name: of the feature.
        psi: the population stability index.
        distance: the Kolmogorov-Smirnov distance.
        missing: the share that is missing.
        out_of_range: the share outside of the range of the training data.
        edges: where the bins meet.
        reference: the share of the training data in each bin.
        served: the share of what was served.
        why: what is found, in words; empty: nothing.
    """

    name: str
    psi: float
    distance: float
    missing: float
    out_of_range: float
    edges: list[float]
    reference: list[float]
    served: list[float]
    why: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Attack:
    """What looks like an attack, and by which numbers.

    Attributes:
        busiest: requests of the busiest minute.
        usual: those of the usual one.
        near: the share of rows that are nearer to another one than rows of the training data are.
        crossing: the share of those that have such a row near which got another answer.
        far: the share of rows that are farther from the training data than data held out in training.
        flood: whether the busiest minute is one.
        walk: whether somebody feels a way along a boundary of the model.
        elsewhere: whether inputs come from elsewhere.
    """

    busiest: int
    usual: float
    near: float
    crossing: float
    far: float
    flood: bool = False
    walk: bool = False
    elsewhere: bool = False


@dataclass(frozen=True)
class Feedback:
    """What labels that came back say. `error` is the share of wrong classes, or the mean distance; NaN: no labels."""

    rows: int
    error: float
    trained: float
    worse: bool


@dataclass(frozen=True)
class Found:
    """What was found of one version of the model."""

    version: str
    requests: int
    rows: int
    enough: bool
    inputs: list[Compared]
    predictions: list[Compared]
    attack: Attack
    feedback: Feedback

    @property
    def alarms(self) -> list[str]:
        """What somebody should look at, in words."""
        return list(_alarms(self))


def check(profile: Profile, served: Served, settings: Settings) -> Found:
    """Compare what one version was asked with what it was trained on.

    Raises:
        ValueError: the inputs have other features than the training data.
    """
    rows = served.rows
    if rows.shape[1] != len(profile.names):
        raise ValueError(
            f"requests have {rows.shape[1]} features, and the training data has {len(profile.names)}"
        )
    enough = len(rows) >= settings.least_rows
    # Both tests of all features together find something by chance in one report of 1 / alpha.
    alpha = settings.alpha / (2 * rows.shape[1])
    inputs = [
        _input(profile, number, rows[:, number], settings, alpha, enough)
        for number in range(rows.shape[1])
    ]
    return Found(
        served.version,
        len(served.times),
        len(rows),
        enough,
        inputs,
        _predictions(profile.outputs, served.outputs, settings, enough),
        _attack(profile, served, settings, enough),
        _feedback(profile, served, settings),
    )


def _input(
    profile: Profile, number: int, values: Numbers, settings: Settings, alpha: float, enough: bool
) -> Compared:
    there = values[~np.isnan(values)]
    sample = profile.sample[:, number]
    found = _compared(
        str(profile.names[number]), sample[~np.isnan(sample)], there, settings, alpha, enough
    )
    missing = float(np.isnan(values).mean())
    low, high = profile.low[number], profile.high[number]
    # All are, where the training data has no value.
    outside = ~((there >= low) & (there <= high))
    # One of so many rows of the same data is the least or the greatest of all.
    by_chance = 2 / (profile.rows + 1)
    share = float(outside.mean()) if len(there) else 0.0
    expected = float(profile.missing[number])
    why = list(found.why)
    if (
        enough
        and missing > expected + settings.missing
        and statistics.more_than(int(np.isnan(values).sum()), len(values), expected, alpha)
    ):
        why.append(f"{missing:.1%} are missing, and {expected:.1%} were")
    if (
        enough
        and share > settings.out_of_range
        and statistics.more_than(int(outside.sum()), len(there), by_chance, alpha)
    ):
        between = f"{share:.1%} are not between {low:g} and {high:g}"
        why.append("there are values, and there were none" if np.isnan(low) else between)
    return Compared(
        found.name,
        found.psi,
        found.distance,
        missing,
        share,
        found.edges,
        found.reference,
        found.served,
        why,
    )


def _compared(
    name: str, reference: Numbers, served: Numbers, settings: Settings, alpha: float, enough: bool
) -> Compared:
    if not len(reference) or not len(served):
        return Compared(name, 0.0, 0.0, 0.0, 0.0, [], [], [])
    at = statistics.edges(reference)
    before, now = statistics.counts(reference, at), statistics.counts(served, at)
    psi = statistics.psi(before, now)
    distance, by_chance = statistics.kolmogorov_smirnov(reference, served)
    why = []
    limit = statistics.psi_by_chance(len(reference), len(served), len(before), alpha)
    if enough and psi > max(settings.psi, limit):
        why.append(f"PSI {psi:.2f}")
    if enough and distance >= settings.distance and by_chance < alpha:
        why.append(f"Kolmogorov-Smirnov distance {distance:.2f}")
    return Compared(
        name,
        psi,
        distance,
        0.0,
        0.0,
        [float(edge) for edge in at],
        [float(share) for share in before / before.sum()],
        [float(share) for share in now / now.sum()],
        why,
    )


def _predictions(
    reference: Numbers, served: Numbers, settings: Settings, enough: bool
) -> list[Compared]:
    if reference.shape[1] != served.shape[1]:
        raise ValueError(
            f"answers have {served.shape[1]} numbers, and those of the model have {reference.shape[1]}"
        )
    alpha = settings.alpha / 4
    (classes, before), (asked, now) = features.predicted(reference), features.predicted(served)
    if classes is None or asked is None:
        return [_compared("prediction", before, now, settings, alpha, enough)]
    return [
        _compared(
            "class", classes.astype(np.float64), asked.astype(np.float64), settings, alpha, enough
        ),
        _compared("confidence", before, now, settings, alpha, enough),
    ]


def _attack(profile: Profile, served: Served, settings: Settings, enough: bool) -> Attack:
    alpha, rows = settings.alpha, len(served.rows)
    scale = attacks.scale(profile.sample)
    scaled = scale.of(served.rows)
    classes, values = features.predicted(served.outputs)
    answers = values if classes is None else classes.astype(np.float64)
    near, crossing = attacks.near_rows(scaled, answers, profile.near)
    far = attacks.to_nearest(scaled, scale.of(profile.sample)) > profile.far
    busiest, usual = attacks.busiest_minute(served.times)
    minutes = len(np.unique(served.times // 60))
    least, factor = settings.flood_least, settings.flood_factor
    return Attack(
        busiest,
        usual,
        float(near.mean()),
        float(crossing.sum() / max(1, near.sum())),
        float(far.mean()),
        attacks.is_flood(busiest, usual, minutes, factor, least, alpha),
        # Frames of a film are almost equal, too, but get the same answer.
        enough
        and near.mean() > settings.near
        and statistics.more_than(int(near.sum()), rows, 0.01, alpha)
        and crossing.sum() >= 0.1 * near.sum(),
        enough
        and far.mean() > settings.far
        and statistics.more_than(int(far.sum()), rows, 0.01, alpha),
    )


def _feedback(profile: Profile, served: Served, settings: Settings) -> Feedback:
    rows = len(served.labelled)
    error = features.error(served.outputs[served.labelled], served.labels)
    worse = rows >= settings.least_rows and error > profile.error + settings.error
    if worse and features.predicted(served.outputs)[0] is not None:
        worse = statistics.more_than(round(error * rows), rows, profile.error, settings.alpha)
    return Feedback(rows, error, profile.error, bool(worse))


def _alarms(found: Found) -> Iterator[str]:
    for one in (*found.inputs, *found.predictions):
        if one.why:
            yield f"{one.name}: {', '.join(one.why)}"
    attack, feedback = found.attack, found.feedback
    if attack.flood:
        yield f"a flood: {attack.busiest} requests in one minute, and {attack.usual:g} in the usual one"
    if attack.walk:
        yield (
            f"{attack.near:.0%} of the inputs are almost equal to another one, and {attack.crossing:.0%} of those "
            "get another answer: somebody may be feeling a way along a boundary of the model"
        )
    if attack.elsewhere:
        yield f"{attack.far:.0%} of the inputs are far from all of the training data"
    if feedback.worse:
        yield f"by {feedback.rows} labels the error is {feedback.error:.3g}, and was {feedback.trained:.3g} in training"
