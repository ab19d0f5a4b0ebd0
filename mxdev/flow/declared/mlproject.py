"""Reads a project's `MLproject` file (https://mlflow.org/docs/latest/ml/projects/) to refuse early what MLflow would
refuse, or worse accept, four seconds later."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev.errors import MxError, UsageProblem
from mxdev.sections.yaml.loader import loader
from mxdev.system.files import plain

# MLflow runs a file with one of these endings as an entry point of its own.
SCRIPTS = (".py", ".sh", ".R")


@dataclass(frozen=True)
class Parameter:
    """A declared parameter: `default` is None when a value has to be given."""

    name: str
    type: str
    default: str | None


@dataclass(frozen=True)
class EntryPoint:
    """What `-e NAME` runs."""

    name: str
    parameters: Mapping[str, Parameter]
    command: str


@dataclass(frozen=True)
class MLProject:
    """The part of an MLproject file that mx looks at."""

    path: Path
    name: str | None
    entry_points: Mapping[str, EntryPoint]


def find(root: Path) -> Path:
    """The MLproject file of a project; MLflow takes any case of the name.

    Raises:
        MxError: there is none.
    """
    for path in sorted(root.iterdir()):
        if path.name.lower() == "mlproject" and path.is_file():
            return path
    raise MxError(
        f"{root} has no MLproject file, so there is nothing that MLflow could run.",
        hint="`mx generate MLProjectSkeleton` writes one; its format is at https://mlflow.org/docs/latest/ml/projects/.",
    )


def read(root: Path) -> MLProject:
    """Read the MLproject file of the project at `root`.

    Raises:
        MxError: there is none, or it does not have the shape that MLflow wants.
    """
    import yaml

    path = find(root)
    try:
        content = yaml.load(plain.text(path), Loader=loader())  # noqa: S506 (a safe loader)
    except (OSError, ValueError, RecursionError) as problem:
        raise MxError(f"{path} cannot be read: {problem}.") from problem
    except yaml.YAMLError as problem:
        raise MxError(f"{path} is not valid YAML: {' '.join(str(problem).split())}.") from problem
    if content is None:
        content = {}
    if not isinstance(content, dict) or not isinstance(content.get("entry_points") or {}, dict):
        raise MxError(f"{path}: `entry_points` must be a mapping of names to `command` and `parameters`.")
    points = {}
    for name, body in (content.get("entry_points") or {}).items():
        if not isinstance(body, dict) or not isinstance(body.get("command"), str):
            raise MxError(f"{path}: the entry point `{name}` has no `command`.")
        points[str(name)] = EntryPoint(
            str(name), _parameters(path, str(name), body.get("parameters")), body["command"]
        )
    name = content.get("name")
    return MLProject(path, str(name) if name is not None else None, points)


def _parameters(path: Path, entry: str, declared: Any) -> dict[str, Parameter]:
    """The parameters of one entry point: `name: type` or `name: {type: …, default: …}`."""
    if not isinstance(declared or {}, dict):
        raise MxError(f"{path}: `parameters` of the entry point `{entry}` must be a mapping.")
    found = {}
    for name, body in (declared or {}).items():
        if not isinstance(body, dict):
            body = {"type": body}
        default = body.get("default")
        found[str(name)] = Parameter(
            str(name), str(body.get("type", "string")), None if default is None else str(default)
        )
    return found


def entry_point(project: MLProject, name: str) -> EntryPoint:
    """The entry point called `name`, or the script of that name.

    Raises:
        UsageProblem: there is none; lists those that exist.
    """
    if name in project.entry_points:
        return project.entry_points[name]
    if name.endswith(SCRIPTS) and (project.path.parent / name).is_file():
        return EntryPoint(name, {}, name)
    known = sorted(project.entry_points)
    near = difflib.get_close_matches(name, known, n=1)
    raise UsageProblem(
        f"{project.path} has no entry point `{name}`" + (f"; did you mean `{near[0]}`?" if near else "."),
        hint="It has: " + (", ".join(known) if known else "none at all") + ".",
    )


def parse_parameters(given: Sequence[str]) -> dict[str, str]:
    """`-P` values as a mapping. Only the first `=` separates.

    Raises:
        UsageProblem: no `=`, no name, or a name twice.
    """
    parameters: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageProblem(f"-P {text!r} is not a parameter: write -P name=value.")
        if name in parameters:
            raise UsageProblem(f"-P {name} is given twice: {parameters[name]!r} and {value!r}.")
        parameters[name] = value
    return parameters


def check_parameters(entry: EntryPoint, given: Mapping[str, str]) -> None:
    """Refuse undeclared parameters and values that are not of their type, and name missing ones.

    MLflow itself appends an undeclared parameter to the command as `--name value`, which turns a typing mistake into
    a puzzling failure of the training code. Who wants that writes `-- -P name=value`. Values of the Hydra configuration are no
    parameters (see `mxdev.flow.declared.overrides`).

    Raises:
        UsageProblem: a parameter that the entry point does not declare, one with a wrong value, or one without any.
    """
    for name in given:
        if name not in entry.parameters:
            near = difflib.get_close_matches(name, entry.parameters, n=1)
            raise UsageProblem(
                f"the entry point `{entry.name}` has no parameter `{name}`"
                + (f"; did you mean `{near[0]}`?" if near else "."),
                hint=f"{describe(entry)}\n`-- {name}=…` hands it to Hydra, `-- -P {name}=…` to MLflow, which appends it to the command.",
            )
    wrong = [
        f"-P {name}={value}: {why}" for name, value in given.items()
        if (why := wrong_value(entry.parameters[name], value))
    ]  # fmt: skip
    if wrong:
        raise UsageProblem("\n".join(wrong), hint=describe(entry))
    missing = [p.name for p in entry.parameters.values() if p.default is None and p.name not in given]
    if missing:
        raise UsageProblem(
            f"the entry point `{entry.name}` needs a value for "
            + ", ".join(f"`{name}`" for name in missing)
            + ".",
            hint="Give it with " + " ".join(f"-P {name}=…" for name in missing) + ".",
        )


def wrong_value(parameter: Parameter, value: str) -> str | None:
    """Why a value is not of a parameter's type; None if it is. `int` is mx's: MLflow takes any type that it does not know for text."""
    if parameter.type not in ("float", "int", "long"):
        return None
    try:
        number = float(value)
    except ValueError:
        return f"{parameter.name} must be a number{_example(parameter)}"
    if not math.isfinite(number):
        return f"{parameter.name} must be a finite number"
    if parameter.type != "float" and not re.fullmatch(r"[+-]?\d+", value):
        return f"{parameter.name} must be a whole number{_example(parameter)}"
    return None


def _example(parameter: Parameter) -> str:
    return "" if parameter.default is None else f", such as {parameter.default}"


def describe(entry: EntryPoint) -> str:
    """The parameters of an entry point, with their defaults, in one line."""
    if not entry.parameters:
        return "It has no parameters."
    shown = (p.name if p.default is None else f"{p.name}={p.default}" for p in entry.parameters.values())
    return "Its parameters: " + ", ".join(shown) + "."
