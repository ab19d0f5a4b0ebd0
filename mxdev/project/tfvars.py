"""The values that a project's Terraform is told: by the environment, and by the files that Terraform reads by itself or with `-E`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev.disk.paths import resolve_inside
from mxdev.errors import MxError
from mxdev.project import hcl
from mxdev.system.files import plain

FOLDER = "infrastructure/terraform"
_PREFIX = "TF_VAR_"
_AUTO = (".auto.tfvars", ".auto.tfvars.json")
_NAME = re.compile(r"[A-Za-z_][\w-]*")
_ESCAPE = re.compile(r'\\(?:(["\\nrt])|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))|([$%])[$%](?=\{)')
_ONE = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True)
class Value:
    """What one variable is told.

    Attributes:
        text: the text, also of a number or a truth value; None: it is another kind of value, or one that Terraform computes.
        source: as it is written.
        place: the file, relative to the project, or the variable of the environment.
        line: the line of that file, from 1 (in JSON always 1); 0: it is no file.
    """

    text: str | None
    source: str
    place: str
    line: int = 0


def told(root: Path, environment: str | None = None) -> dict[str, Value]:
    """What Terraform is told in the project at `root`, by the variable's name; of several places the one that Terraform heeds.

    That is TF_VAR_* first, then terraform.tfvars, terraform.tfvars.json, all *.auto.tfvars and *.auto.tfvars.json in the order of their names,
    and last the file of the environment: each over those before it. Defaults in .tf files are not looked at.

    Raises:
        MxError: a file cannot be read, or is no JSON.
    """
    found = {
        name.removeprefix(_PREFIX): Value(text, text, name)
        for name, text in os.environ.items()
        if name.startswith(_PREFIX)
    }
    for path in files(root, environment):
        found |= of_file(root, path)
    return found


def files(root: Path, environment: str | None = None) -> list[str]:
    """The files of values that Terraform may read in the project at `root`, relative to it, each over those before it; the first ones and the
    last need not be there."""
    names = ["terraform.tfvars", "terraform.tfvars.json"]
    names += sorted(path.name for path in (root / FOLDER).glob("*.auto.tfvars*") if path.name.endswith(_AUTO))
    if environment is not None:
        names.append(f"environments/{environment}.tfvars")
    return [f"{FOLDER}/{name}" for name in names]


def of_file(root: Path, path: str) -> dict[str, Value]:
    """What a file of the project says; nothing if there is none.

    Raises:
        MxError: it cannot be read, leads out of the project, or is no JSON although its name says so.
    """
    place = resolve_inside(root, path)
    try:
        data = plain.read(place)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as problem:
        raise MxError(
            f"{path} cannot be read: {problem.strerror}.", hint="Terraform reads it, too."
        ) from problem
    if path.endswith(".json"):
        return {name: _of_json(value, path) for name, value in loaded(data, path).items()}
    return dict(parsed(data, path))


def text(values: Mapping[str, Value], name: str) -> str | None:
    """The text that a variable is told; None if it is told nothing.

    Raises:
        MxError: it is told something that only Terraform can tell.
    """
    value = values.get(name)
    if value is None:
        return None
    if value.text is None:
        where = f"{value.place}:{value.line}" if value.line else value.place
        raise MxError(
            f"{where}: {name} is no plain text there, so only Terraform knows what it is.",
            hint=f'Write it as {name} = "..." on one line; mx needs it, too.',
        )
    return value.text


def parsed(data: bytes, path: str = "") -> Iterator[tuple[str, Value]]:
    """What HCL assigns outside of all blocks and brackets (`name = "text"`): each name and its value, of `path`."""
    source = data.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    before: list[str] = []  # what stands in the line before the sign
    value: list[str] | None = None
    depth, line, begin = 0, 1, 1
    for kind, word in hcl.tokens(f"{source}\n"):
        depth = max(0, depth + (kind == "open") - (kind == "close"))
        if kind == "line" and depth == 0:
            if value is not None:
                written = "".join(value).strip()
                yield before[0], Value(_plain(written), written, path, begin)
            before, value = [], None
        elif kind == "aside":
            pass
        elif value is not None:
            value.append(word)
        elif kind == "is" and depth == 0 and len(before) == 1 and _NAME.fullmatch(before[0]):
            begin, value = line, []
        elif word.strip():
            before.append(word)
        line += word.count("\n")


def _plain(source: str) -> str | None:
    """The text of a literal; None of what is none."""
    if re.fullmatch(r"-?\d+(?:\.\d+)?|true|false", source):
        return source
    if not re.fullmatch(r'"(?:\\.|[^"\\\n])*"', source) or re.search(r"(?<![$%])[$%]\{", source):
        return None
    return _ESCAPE.sub(_meant, source[1:-1])


def _meant(found: re.Match[str]) -> str:
    one, four, eight, sign = found.groups()
    if sign:
        return sign
    if one:
        return _ONE.get(one, one)
    code = int(four or eight, 16)
    return chr(code) if code < 0x110000 else "\ufffd"


def loaded(data: bytes, path: str) -> dict[str, Any]:
    """What a file of values in JSON says, by the variable's name.

    Raises:
        MxError: it is no JSON, or no object.
    """
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as problem:
        raise MxError(f"{path} is no JSON: {problem}", hint="Terraform refuses it, too.") from problem
    if not isinstance(found, dict):
        raise MxError(f"{path} is no object in JSON.", hint='Write {"name": "value"}.')
    return found


def _of_json(value: object, path: str) -> Value:
    source = json.dumps(value)
    if isinstance(value, str):  # templates are computed in JSON as well
        return Value(None if re.search(r"[$%]\{", value) else value, source, path, 1)
    return Value(source if isinstance(value, bool | int | float) else None, source, path, 1)
