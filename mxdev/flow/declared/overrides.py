"""Values of the Hydra configuration that MLproject does not declare: `-P model.channels=16`, or after `--`.

MLflow would append them to the command as `--model.channels 16`. They are appended as Hydra reads them instead, and noted on the
run, so that it can be repeated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from mxdev.flow.declared.mlproject import EntryPoint

TAG = "mx.overrides"
# Hydra's grammar: a key or a group, with `+` to add, `++` to add or replace, `~` to take away.
_OVERRIDE = re.compile(r"(?:\+{0,2}|~)[A-Za-z_][\w@/.-]*=.*", re.DOTALL)
_DOTTED = re.compile(r"(?:\+{1,2}|~).+|[^.]+\..+|[^/]+/.+")


def split(
    entry: EntryPoint, given: Mapping[str, str], passed_on: Sequence[str]
) -> tuple[dict[str, str], list[str], list[str]]:
    """What goes where.

    Args:
        entry: the entry point.
        given: the `-P` values.
        passed_on: what stands after `--`.

    Returns:
        The parameters of the entry point, the overrides as Hydra reads them, and what `mlflow run` gets as it is.
    """
    parameters, overrides = {}, []
    for name, value in given.items():
        if (
            name not in entry.parameters
            and _DOTTED.fullmatch(name)
            and _OVERRIDE.fullmatch(f"{name}={value}")
        ):
            overrides.append(f"{name}={value}")
        else:
            parameters[name] = value
    rest: list[str] = []
    for text in passed_on:
        # `-P name=value` and `--version=x` are MLflow's own.
        takes_value = bool(rest) and rest[-1].startswith("-") and "=" not in rest[-1]
        if takes_value or not _OVERRIDE.fullmatch(text):
            rest.append(text)
            continue
        name, _, value = text.partition("=")
        if name in entry.parameters and name not in parameters:
            parameters[name] = value
        else:
            overrides.append(text)
    return parameters, overrides, rest


def recorded(tags: Mapping[str, str]) -> list[str]:
    """The overrides that a run noted; what is none is left out, since tags are anybody's who can write to the store."""
    try:
        noted = json.loads(tags.get(TAG, "[]"))
    except ValueError:
        return []
    return [text for text in noted if isinstance(text, str) and _OVERRIDE.fullmatch(text)]


def tags(overrides: Sequence[str]) -> dict[str, str]:
    """The tags that note them."""
    return {TAG: json.dumps(list(overrides))} if overrides else {}
