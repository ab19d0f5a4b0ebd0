"""What a model wants to know in each row, and what is wrong with a row that does not say it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

TYPES = ("number", "integer", "string", "boolean", "array", "any")


class Named(Exception):
    """What is wrong, by its place; `problems` has one entry for each, at most 20."""

    def __init__(self, problems: list[dict[str, str]]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "; ".join(f"{one['field']}: {one['problem']}" for one in self.problems)


class InvalidInput(Named):
    """Rows that the model cannot take; a problem names its field, such as `instances[2].age`."""


def finite(value: Any) -> bool:
    """Whether it is a number that a float can hold: no NaN, not infinite, and no integer of hundreds of digits."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


@dataclass(frozen=True)
class Field:
    """A field of a row.

    Attributes:
        name: its key.
        type: one of TYPES; an `array` is of numbers and has `shape`.
        shape: how long it is in each dimension.
        required: whether null, or no such key, is a problem.
    """

    name: str
    type: str = "any"
    shape: tuple[int, ...] = ()
    required: bool = True

    def problem(self, value: Any) -> str:
        """What is wrong with a value; empty if nothing is."""
        if value is None:
            return f"is missing: {self.wanted()}" if self.required else ""
        number = finite(value)
        fits = {
            "number": number,
            "integer": number and value == int(value),
            "string": isinstance(value, str),
            "boolean": isinstance(value, bool),
            "array": self.type == "array" and _has_shape(value, self.shape),
            "any": number or isinstance(value, str | bool),
        }[self.type]
        return "" if fits else f"is {_told(value)}: {self.wanted()}"

    def wanted(self) -> str:
        """What it must be, in words."""
        if self.type == "array":
            return f"give numbers in the shape {'x'.join(map(str, self.shape))}"
        if self.type == "any":
            return "give a number, a string, true or false"
        return f"give {'an' if self.type == 'integer' else 'a'} {self.type}"

    def schema(self) -> dict[str, Any]:
        """The same as JSON schema, for the documentation of the interface."""
        if self.type == "any":
            return {}
        if self.type != "array":
            return {"type": self.type}
        schema: dict[str, Any] = {"type": "number"}
        for length in reversed(self.shape):
            schema = {"type": "array", "items": schema, "minItems": length, "maxItems": length}
        return schema


@dataclass(frozen=True)
class Inputs:
    """The fields of a row; none says that nothing is known of them, and any object is taken."""

    fields: tuple[Field, ...] = ()

    def check(self, rows: Any, limit: int) -> list[dict[str, Any]]:
        """The rows, if the model can take them.

        Raises:
            InvalidInput: it cannot; each problem names its field, such as `instances[2].age`.
        """
        if not isinstance(rows, list) or not rows:
            raise _one("instances", "give a list of one row or more, each an object of fields")
        if len(rows) > limit:
            raise _one("instances", f"has {len(rows)} rows: at most {limit} go into one request")
        problems = []
        known = {field.name for field in self.fields}
        for number, row in enumerate(rows):
            place = f"instances[{number}]"
            if not isinstance(row, dict):
                problems.append({"field": place, "problem": f"is {_told(row)}: give an object"})
                continue
            for field in self.fields:
                if problem := field.problem(row.get(field.name)):
                    problems.append({"field": f"{place}.{field.name}", "problem": problem})
            if known:
                problems += [
                    {
                        "field": f"{place}.{name}",
                        "problem": f"is no input of this model: it knows {', '.join(sorted(known))}",
                    }
                    for name in sorted(row.keys() - known)
                ]
            if len(problems) >= 20:
                break
        if problems:
            raise InvalidInput(problems[:20])
        return rows

    def schema(self) -> dict[str, Any]:
        """JSON schema of a row."""
        if not self.fields:
            return {"type": "object"}
        return {
            "type": "object",
            "properties": {field.name: field.schema() for field in self.fields},
            "required": [field.name for field in self.fields if field.required],
            "additionalProperties": False,
        }


def parsed(fields: Any) -> Inputs:
    """The inputs as a model's `model.json` says them.

    Raises:
        ValueError: they are none.
    """
    if not isinstance(fields, list):
        raise ValueError("inputs must be a list of objects with name and type")
    found = []
    for one in fields:
        field = Field(
            name=str(one["name"]),
            type=str(one.get("type", "any")),
            shape=tuple(map(int, one.get("shape", ()))),
            required=bool(one.get("required", True)),
        )
        if field.type not in TYPES:
            raise ValueError(
                f"the input {field.name} has the type {field.type}: {', '.join(TYPES)}"
            )
        found.append(field)
    return Inputs(tuple(found))


def _one(field: str, problem: str) -> InvalidInput:
    return InvalidInput([{"field": field, "problem": problem}])


def _has_shape(value: Any, shape: Sequence[int]) -> bool:
    if not shape:
        return finite(value)
    return (
        isinstance(value, list)
        and len(value) == shape[0]
        and all(_has_shape(one, shape[1:]) for one in value)
    )


def _told(value: Any) -> str:
    kinds = {
        dict: "an object",
        list: "a list",
        str: "a string",
        bool: "a boolean",
        type(None): "null",
    }
    return kinds.get(type(value), "a number" if finite(value) else "no finite number")
