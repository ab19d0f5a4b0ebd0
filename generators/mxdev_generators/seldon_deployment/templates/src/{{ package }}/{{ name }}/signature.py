"""Whether a request fits the signature of the model: what does not is said, with the name of the field."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd  # type: ignore[import-untyped, unused-ignore]
from mlflow.models import ModelSignature

# The protocol's names of types, and numpy's.
TYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BYTES": "object",
}
NAMES = {numpy: name for name, numpy in TYPES.items()}
# MLflow's names of the types of columns.
COLUMNS = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
}


class DoesNotFitError(ValueError):
    """A request that is none for this model: which field, and why."""


@dataclass(frozen=True)
class Field:
    """An input as the signature has it.

    Attributes:
        name: what the request calls it; empty: any name, because there is only one.
        datatype: the protocol's name of its type.
        shape: -1 stands for any length.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Given:
    """An input as a request has it; `data` is flat or nested."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Any


def fields(signature: ModelSignature | None) -> list[Field]:
    """What the model takes.

    Raises:
        DoesNotFitError: the model does not say it, or in types that the protocol has no name for.
    """
    if signature is None or signature.inputs is None:
        raise DoesNotFitError(
            "the model has no signature; log it with one (mlflow.models.infer_signature)"
        )
    found = []
    for one in signature.inputs.inputs:
        if signature.inputs.is_tensor_spec():
            datatype, shape = NAMES.get(np.dtype(one.type).name), tuple(one.shape)
        else:
            datatype, shape = COLUMNS.get(getattr(one.type, "name", "")), (-1,)
        if datatype is None:
            raise DoesNotFitError(
                f"the type {one.type} of input {one.name!r} has no name in the protocol"
            )
        found.append(Field(one.name or "", datatype, shape))
    return found


def inputs(signature: ModelSignature | None, given: Sequence[Given]) -> Any:
    """What the model is asked with: an array, or a table with a column for each input.

    Raises:
        DoesNotFitError: the request does not fit; names the field.
    """
    wanted = fields(signature)
    if not given:
        raise DoesNotFitError(f"inputs: there are none; the model takes {_listed(wanted)}")
    arrays = {}
    by_name = {one.name: one for one in given}
    if len(wanted) == 1 and len(given) == 1 and not wanted[0].name:
        arrays[""] = _array(wanted[0], given[0])
    else:
        known = {field.name for field in wanted}
        for one in given:
            if one.name not in known:
                raise DoesNotFitError(
                    f"inputs: {one.name!r} is not known; the model takes {_listed(wanted)}"
                )
        for field in wanted:
            if field.name not in by_name:
                raise DoesNotFitError(f"inputs: {field.name!r} is missing")
            arrays[field.name] = _array(field, by_name[field.name])
    if signature is None or signature.inputs.is_tensor_spec():
        return arrays if wanted[0].name else arrays[""]
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise DoesNotFitError(f"inputs: columns of different lengths: {lengths}")
    return pd.DataFrame(arrays)


def lacks_values(asked: Any) -> bool:
    """Whether a value of what the model is asked with is missing (NaN), which some models take and others refuse."""
    tables = asked.values() if isinstance(asked, dict) else [asked]
    return any(bool(np.any(pd.isna(table))) for table in tables)


def _listed(wanted: Sequence[Field]) -> str:
    return ", ".join(sorted(field.name for field in wanted if field.name)) or "one input"


def _array(field: Field, given: Given) -> npt.NDArray[Any]:
    where = f"inputs: {given.name!r}"
    if given.datatype != field.datatype:
        raise DoesNotFitError(f"{where}: the datatype is {given.datatype}, not {field.datatype}")
    if any(length < 1 for length in given.shape):
        raise DoesNotFitError(f"{where}: the shape {list(given.shape)} has no values")
    fits = len(given.shape) == len(field.shape) and all(
        wanted in (-1, length) for wanted, length in zip(field.shape, given.shape, strict=True)
    )
    if not fits:
        raise DoesNotFitError(f"{where}: the shape is {list(given.shape)}, not {list(field.shape)}")
    try:
        raw = np.asarray(given.data)
        # 1.7 is no whole number: it is refused, and not served as 1.
        if raw.size and not np.can_cast(raw.dtype, TYPES[field.datatype], "same_kind"):
            raise TypeError(f"it is {raw.dtype.name}")
        with np.errstate(over="ignore"):  # what is too large is infinite then
            array = np.asarray(given.data, dtype=TYPES[field.datatype])
    except (ValueError, TypeError, OverflowError) as problem:
        raise DoesNotFitError(f"{where}: the data is not {field.datatype}: {problem}") from problem
    # The product of numbers of Python's: numpy's would come round to a small one.
    if array.size != (size := math.prod(given.shape)):
        raise DoesNotFitError(
            f"{where}: {array.size} values, and the shape {list(given.shape)} has {size}"
        )
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise DoesNotFitError(f"{where}: a value is infinite, or too large for {field.datatype}")
    return array.reshape(given.shape)
