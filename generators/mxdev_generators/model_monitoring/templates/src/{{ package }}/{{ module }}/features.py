"""What is compared of an input: its numbers by their places, or, where those are too many, what sums them up."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

SUMMARY = ("mean", "deviation", "minimum", "lower quartile", "median", "upper quartile", "maximum")


def table(inputs: Any, most: int, names: Sequence[str] = ()) -> tuple[list[str], Numbers]:
    """The features of a batch: their names, and a row for each example.

    Args:
        inputs: an array, a row for each example; or a mapping from names to such arrays.
        most: how many numbers an example may have to be compared one by one.
        names: what they are called; empty: by their places.

    Raises:
        ValueError: they are no numbers, or no rows.
    """
    if isinstance(inputs, Mapping):
        found = [_columns(str(name), inputs[name], most) for name in sorted(inputs)]
        heads = [head for columns, _ in found for head in columns]
        return heads, np.hstack([rows for _, rows in found])
    heads, rows = _columns("", inputs, most)
    return (list(names) if len(names) == len(heads) else heads), rows


def _columns(name: str, values: Any, most: int) -> tuple[list[str], Numbers]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 0:
        raise ValueError(f"the input {name!r} is one number, and no rows")
    rows = array.reshape(len(array), -1)
    if rows.shape[1] > most:
        return [f"{name} {word}".strip() for word in SUMMARY], _summary(rows)
    if array.ndim == 1:
        return [name or "x"], rows
    places = np.ndindex(*array.shape[1:])
    return [f"{name or 'x'}[{','.join(map(str, place))}]" for place in places], rows


def _summary(rows: Numbers) -> Numbers:
    # What is missing is no part of what sums up the rest.
    with np.errstate(all="ignore"):
        quartiles = np.nanquantile(rows, [0, 0.25, 0.5, 0.75, 1], axis=1)
        return np.column_stack([np.nanmean(rows, axis=1), np.nanstd(rows, axis=1), *quartiles])


def predicted(outputs: Numbers) -> tuple[npt.NDArray[np.int64] | None, Numbers]:
    """The class of each answer, and how sure it is of it; or no classes, and the number that each answer is.

    Args:
        outputs: a row for each example: a number for each class, of any scale, or one number.
    """
    if outputs.shape[1] == 1:
        return None, outputs[:, 0]
    shares = outputs
    if np.any(outputs < 0) or not np.allclose(outputs.sum(axis=1), 1, atol=1e-3):
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        shares = powers / powers.sum(axis=1, keepdims=True)
    return outputs.argmax(axis=1), shares.max(axis=1)


def error(outputs: Numbers, labels: Any) -> float:
    """The share of wrong classes, or the mean distance to the label where the answer is a number; NaN: labels of another form."""
    truth = np.asarray(labels)
    if truth.shape not in ((len(outputs),), (len(outputs), 1)) or not len(outputs):
        return float("nan")
    classes, values = predicted(outputs)
    if classes is None:
        return float(np.abs(values - truth.reshape(-1).astype(np.float64)).mean())
    return float((classes != truth.reshape(-1)).mean())
