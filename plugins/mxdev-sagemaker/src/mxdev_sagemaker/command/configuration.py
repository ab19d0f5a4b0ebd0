"""The configuration of a pipeline: what it says, what it lacks, who owes that, and how a key is set."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mxdev import State, Step
from mxdev.errors import MxError, UsageProblem

from mxdev_sagemaker.command.aws import client, told
from mxdev_sagemaker.command.place import Place

# Somebody else may set a key at the same time; so often it is tried to set this one beside theirs.
_TRIES = 5


@dataclass(frozen=True)
class Key:
    """A key of the configuration.

    Attributes:
        name: the key.
        owner: who owes it.
        about: what it is.
        mandatory: whether the pipeline does not start without it.
        value: what is set; None if nothing is.
        default: what holds where nothing is set.
        problem: what is wrong with it, "" if nothing is.
    """

    name: str
    owner: str
    about: str
    mandatory: bool
    value: Any
    default: Any
    problem: str

    @property
    def state(self) -> str:
        """`missing`, `wrong`, `set` or `default`."""
        if self.value is None and self.mandatory:
            return "missing"
        if self.problem:
            return "wrong"
        return "default" if self.value is None else "set"


@dataclass(frozen=True)
class Configuration:
    """What is set, and what the schema says of it."""

    values: Mapping[str, Any]
    schema: Mapping[str, Any]
    version: int

    @property
    def keys(self) -> list[Key]:
        """All keys of the schema in its order, and those that are set and that it does not know."""
        said: Mapping[str, Any] = self.schema.get("properties", {})
        mandatory = self.schema.get("required", [])
        names = list(dict.fromkeys([*said, *mandatory, *self.values]))
        return [self._key(name, said.get(name, {}), name in mandatory) for name in names]

    def _key(self, name: str, said: Mapping[str, Any], mandatory: bool) -> Key:
        value = self.values.get(name)
        return Key(
            name,
            said.get("x-owner", "nobody is named"),
            said.get("description", ""),
            mandatory,
            value,
            said.get("default"),
            "" if value is None else self.problem(name, value),
        )

    def problem(self, name: str, value: Any) -> str:
        """What is wrong with a value for a key, "" if nothing is."""
        from jsonschema import Draft202012Validator

        properties = self.schema.get("properties", {})
        if name not in properties:
            return "" if self.schema.get("additionalProperties", True) else "the schema does not know it"
        return "; ".join(error.message for error in Draft202012Validator(properties[name]).iter_errors(value))

    @property
    def problems(self) -> list[str]:
        """What keeps the pipeline from starting, a line each; [] if nothing does."""
        return [
            f"{key.name} is missing: the {key.owner} owes it"
            if key.state == "missing"
            else f"{key.name} is wrong, which the {key.owner} owes: {key.problem}"
            for key in self.keys
            if key.state in ("missing", "wrong")
        ]


def read(place: Place) -> Configuration:
    """The configuration of a pipeline, and its schema.

    Raises:
        MxError: AWS refuses, nothing was uploaded yet, or one of them is no JSON.
        UsageProblem: the platform's bucket is not known.
    """
    bucket = place.needed_bucket()
    values, version = _values(place)
    key = f"pipelines/{place.name}/configuration.schema.json"
    s3 = client("s3", place.region)
    with told():
        try:
            found = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey as error:
            raise MxError(
                f"s3://{bucket}/{key} is not there, so nothing says what {place.name} needs.",
                hint="The pipeline on GitLab uploads it; `python pipelines/NAME/pipeline.py upload` does the same.",
            ) from error
    return Configuration(values, _object(found, f"s3://{bucket}/{key}"), version)


def _values(place: Place) -> tuple[dict[str, Any], int]:
    ssm = client("ssm", place.region)
    with told():
        try:
            found = ssm.get_parameter(Name=place.parameter)["Parameter"]
        except ssm.exceptions.ParameterNotFound as error:
            raise MxError(
                f"There is no parameter {place.parameter}: the pipeline {place.name} was never uploaded.",
                hint="The pipeline on GitLab makes it, empty, with the first upload.",
            ) from error
    return _object(found["Value"], place.parameter), int(found["Version"])


def _object(text: str | bytes, where: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise MxError(f"{where} is no JSON: {error}", hint="Correct it on AWS.") from error
    if not isinstance(found, dict):
        raise MxError(f"{where} is no JSON object.", hint="Correct it on AWS.")
    return found


def parse(pairs: Sequence[str], configuration: Configuration) -> dict[str, Any]:
    """The values of KEY=VALUE: text is taken as it is, all else is read as JSON; what may be either, as JSON if it is some.

    Raises:
        UsageProblem: one is no KEY=VALUE, the schema does not know the key, or the value does not fit.
    """
    values = {}
    said: Mapping[str, Any] = configuration.schema.get("properties", {})
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise UsageProblem(f"{pair!r} is no KEY=VALUE.")
        if name not in said:
            near = difflib.get_close_matches(name, said, 1)
            raise UsageProblem(
                f"The schema knows no key {name}.",
                hint=f"Did you mean {near[0]}?" if near else f"It knows: {', '.join(said)}.",
            )
        value = _parsed(name, text, str(said[name].get("type", "")))
        if problem := configuration.problem(name, value):
            raise UsageProblem(f"{name}: {problem}", hint=said[name].get("description"))
        values[name] = value
    if not values:
        raise UsageProblem("Nothing is to be set.", hint="Give one KEY=VALUE, or several.")
    return values


def _parsed(name: str, text: str, kind: str) -> Any:
    if kind == "string":
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        if not kind:
            return text
        raise UsageProblem(f"{name}: {text!r} is no {kind}.") from error


@dataclass(frozen=True, kw_only=True)
class Set(Step):
    """Some keys of the configuration have these values."""

    place: Place
    changes: Mapping[str, Any]
    permissions: tuple[str, ...] = ("ssm:GetParameter", "ssm:GetParameterHistory", "ssm:PutParameter")

    def look(self) -> State:
        """Which keys have other values."""
        values, _ = _values(self.place)
        other = {
            name: value for name, value in self.changes.items() if name not in values or values[name] != value
        }
        if not other:
            return State.done(", ".join(self.changes))
        lines = tuple(
            f"{name}: {json.dumps(values[name]) if name in values else 'nothing'} → {json.dumps(value)}"
            for name, value in other.items()
        )
        return State.change(", ".join(other), details=lines)

    def do(self, say: Any) -> None:
        """Set them beside what others set. Parameter Store cannot compare before it writes, so it is looked at what was overwritten."""
        ssm = client("ssm", self.place.region)
        before, version = _values(self.place)
        for _ in range(_TRIES):
            with told():
                put = ssm.put_parameter(
                    Name=self.place.parameter,
                    Value=json.dumps({**before, **self.changes}, indent=2, sort_keys=True),
                    Type="String",
                    Overwrite=True,
                )
            now = int(put["Version"])
            if now == version + 1:
                return
            say(f"somebody else has set something at the same time (version {now - 1}): it is kept")
            before, version = self._version(ssm, now - 1), now
        raise MxError(
            f"{self.place.parameter} changes all the time: somebody sets keys in a loop.", hint="Try again."
        )

    def _version(self, ssm: Any, version: int) -> dict[str, Any]:
        with told():
            for page in ssm.get_paginator("get_parameter_history").paginate(Name=self.place.parameter):
                for one in page["Parameters"]:
                    if int(one["Version"]) == version:
                        return _object(one["Value"], f"version {version} of {self.place.parameter}")
        raise MxError(
            f"Version {version} of {self.place.parameter} is not there any more.",
            hint="Somebody else may have set something: look with `mx sagemaker config`.",
        )
