"""The configuration of a run: the first step reads and checks it, and hands it on with its data.

So all steps of a run see the same one, whatever is set in the meantime.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

# Where SageMaker puts what a step reads, and takes what it writes; tests name another folder.
ML = Path(os.environ.get("ML_ROOT", "/opt/ml"))
NAME = "configuration.json"


class IncompleteError(Exception):
    """Keys are missing or wrong: which, and who owes them."""


def fetch() -> dict[str, Any]:
    """The configuration of the pipeline, from the parameter that CONFIGURATION_PARAMETER names, with defaults filled in.

    Raises:
        IncompleteError: a mandatory key is missing, or a value does not fit.
    """
    import boto3

    parameter = os.environ["CONFIGURATION_PARAMETER"]
    found = boto3.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    return checked(json.loads(found), schema())


def schema() -> dict[str, Any]:
    """The schema of the configuration: beside the script in an image, above it in the repository."""
    here = Path(__file__).resolve().parent
    for folder in (here, here.parent):
        path = folder / "configuration.schema.json"
        if path.is_file():
            read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return read
    raise IncompleteError(f"configuration.schema.json is not beside {__file__}")


def checked(values: dict[str, Any], against: dict[str, Any]) -> dict[str, Any]:
    """`values` with defaults filled in.

    Raises:
        IncompleteError: a mandatory key is missing, or a value does not fit.
    """
    from jsonschema import Draft202012Validator

    keys = against["properties"]
    owed = [
        f"{key} is missing: the {keys[key]['x-owner']} owes it"
        for key in against["required"]
        if key not in values
    ]
    wrong = [
        f"{'.'.join(map(str, error.path)) or 'the configuration'}: {error.message}"
        for error in Draft202012Validator(against).iter_errors(values)
        if error.validator != "required"
    ]
    if owed or wrong:
        raise IncompleteError("\n".join(owed + wrong))
    return {key: own["default"] for key, own in keys.items() if "default" in own} | values


def drawn() -> dict[str, Any]:
    """What the search has drawn for this training, which comes before the configuration; {} where nothing searches.

    SageMaker hands on text; names that begin with an underscore are its own.

    Raises:
        ValueError: the configuration has no such key.
    """
    path = ML / "input/config/hyperparameters.json"
    given: dict[str, str] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    keys, values = schema()["properties"], {}
    for name, text in given.items():
        if name.startswith("_"):
            continue
        if name not in keys:
            raise ValueError(f"the search draws {name}, which the configuration does not know")
        values[name] = text if keys[name]["type"] == "string" else json.loads(text)
    return values


def write(values: dict[str, Any], folder: Path) -> None:
    """Hand the configuration on to the steps after this one."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(values, indent=2, sort_keys=True)
    (folder / NAME).write_text(text, encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """The configuration that the first step handed on."""
    values: dict[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
    return values
