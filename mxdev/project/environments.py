"""The environments of a project, such as staging and production: what `-E NAME` stands for.

An environment is `infrastructure/environments/NAME.yaml`, with Terraform's values beside the .tf files; or such values alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mxdev.errors import MxError, Refused
from mxdev.project.answers import assigned
from mxdev.project.project import Project

FOLDER = "infrastructure/environments"
TFVARS = "infrastructure/terraform/environments"
# The commands that take -E, as they are written in messages.
_COMMANDS = re.compile(
    r"`mx (?:infra (?:init|plan|apply|destroy|output|unlock|cost)|deploy|purge|connect|up|down|doctor|status --live|serve(?: [\w.-]+)? --rollback"
    r"|flow (?:run|ui|connect|list|compare|status|logs|cancel|accept|sweep|rerun|resume))(?=[ `])(?![^`]* -E )"
)


@dataclass(frozen=True)
class Environment:
    """One environment of a project.

    Attributes:
        name: its name, as `-E` takes it.
        namespace: its namespace in Kubernetes, and what Terraform names after it: its cluster, its network, its registry.
        replace: what stands in manifests for the project's first environment, and what it becomes in this one.
    """

    name: str
    namespace: str
    replace: Mapping[str, str] = field(default_factory=dict)


def names(root: Path) -> list[str]:
    """The names of the environments of the project in `root`, sorted."""
    found = {path.stem for path in (root / FOLDER).glob("*.yaml")}
    return sorted(found | {path.stem for path in (root / TFVARS).glob("*.tfvars")})


def find(project: Project, name: str) -> Environment:
    """The environment of a name.

    Raises:
        Refused: there is none, or its files contradict each other.
        MxError: its file cannot be read, or is none.
    """
    there = names(project.root)
    if name not in there:
        raise Refused(
            f"There is no environment called {name}.",
            hint=f"There are: {', '.join(there)}. `mx generate Environment {_sample(name)}` makes one."
            if there
            else f"There are none yet; `mx generate Environment {_sample(name)}` makes one.",
        )
    path, values = f"{FOLDER}/{name}.yaml", f"{TFVARS}/{name}.tfvars"
    told = {key: text for key, text, _ in assigned(project.read(values) or b"")}
    found = _read(project, path)
    first = str(project.options.get("name") or project.root.name)
    namespace = str(found.get("namespace") or told.get("name") or f"{first}-{name}")
    if told.get("name", namespace) != namespace:
        raise Refused(
            f'{path} says the namespace {namespace}, and {values} `name = "{told["name"]}"`.',
            hint="Terraform gives rights to the namespace that it is told: write the same name into both.",
        )
    if namespace == first:
        file, line = (path, "namespace: ...") if found else (values, 'name = "..."')
        raise Refused(
            f"{file} has to say `{line}`, another than the project's own {first}.",
            hint=f"Two environments cannot have the same; {first}-{name} would do.",
        )
    replace = found.get("replace") or {}
    if not isinstance(replace, dict):
        raise MxError(f"{path}: `replace` is not a mapping.", hint="Write one `old: new` a line.")
    if empty := [str(old) for old, new in replace.items() if new is None]:
        raise MxError(
            f"{path}: `replace` says nothing for {empty[0]}.", hint='Write what it becomes; "" is nothing.'
        )
    return Environment(name, namespace, {str(old): str(new) for old, new in replace.items()})


def commands(text: str, environment: str | None) -> str:
    """`text` with the commands in it, in backticks, made those of an environment where they take `-E`; None: as it is.

    "`mx infra plan` makes one." -> "`mx infra plan -E staging` makes one."
    """
    return text if environment is None else _COMMANDS.sub(lambda found: f"{found[0]} -E {environment}", text)


def command(words: str, environment: str | None) -> str:
    """A command of mx such as `mx connect`, for an environment; None: for the first one."""
    return f"{words} -E {environment}" if environment else words


def of_error(error: MxError, environment: str | None) -> MxError:
    """`error` itself, with the commands that it names made those of an environment."""
    error.message = commands(error.message, environment)
    error.hint = commands(error.hint, environment) if error.hint else error.hint
    return error


def _sample(name: str) -> str:
    """The name itself where a generator would take it."""
    return name if name.isascii() and name.replace("-", "").isalnum() else "NAME"


def _read(project: Project, path: str) -> dict[str, Any]:
    from mxdev.sections.yaml import values as yaml_values

    data = project.read(path)
    if data is None:
        return {}
    found = yaml_values.load(data, path)
    if not isinstance(found, dict):
        raise MxError(f"{path} is not a mapping.", hint="Repair it, or take it back from Git.")
    return found
