"""The table of what a project can serve: `infrastructure/serve.yaml`, one section for each instance that serves something."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev.errors import MxError, UsageProblem
from mxdev.sections.yaml import values as yaml_values
from mxdev.system.files import plain

FILE = "infrastructure/serve.yaml"


@dataclass(frozen=True)
class Served:
    """One line of the table.

    Attributes:
        name: what `mx serve NAME` calls it.
        title: what it is, for a person.
        command: the words that start it; `{host}` and `{port}` stand for where it listens. The first may be `python`, which is
            the project's.
        port: where it listens if nobody says otherwise.
        path: what to open, or to ask first; begins with a slash.
        requires: what must be installed beside the project, as pip takes it, by the name of its module.
        rollback: the words that make the version before the one that is served; empty: there are no versions.
        label: what its pods have as `app.kubernetes.io/name`.
    """

    name: str
    title: str
    command: tuple[str, ...]
    port: int
    path: str
    requires: dict[str, str]
    rollback: tuple[str, ...] = ()
    label: str = ""


def read(root: Path) -> dict[str, Served]:
    """What the project at `root` can serve, by name.

    Raises:
        MxError: the table is none, or cannot be read.
    """
    path = root / FILE
    if not path.is_file():
        return {}
    whole = yaml_values.load(plain.read(path), FILE)
    entries = whole.get("serve") if isinstance(whole, dict) else None
    if not isinstance(entries, dict):
        raise MxError(f"{FILE}: `serve` is not a mapping.", hint="Repair the file, or take it back from Git.")
    return {str(name): _entry(str(name), entry) for name, entry in entries.items()}


def chosen(found: dict[str, Served], name: str | None) -> Served:
    """The one that is meant.

    Args:
        found: the table.
        name: what the command line says; None: the only one.

    Raises:
        UsageProblem: there is none, none of that name, or there are several and nobody says which.
    """
    if not found:
        raise UsageProblem(
            "The project has nothing to serve yet.",
            hint="Generate something that is served, such as `mx generate SeldonDeployment NAME`.",
        )
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    listed = "\n".join(f"  mx serve {one.name}: {one.title}" for one in found.values())
    if name is None:
        raise UsageProblem(f"Which one is to be served?\n{listed}")
    if name not in found:
        raise UsageProblem(f"The project serves nothing called {name}. There are:\n{listed}")
    return found[name]


def _entry(name: str, entry: Any) -> Served:
    part = entry if isinstance(entry, dict) else {}
    command, port, path = part.get("command"), part.get("port"), part.get("path", "/")
    requires, rollback = part.get("requires") or {}, part.get("rollback") or []
    if (
        not isinstance(command, list)
        or not command
        or not all(isinstance(word, str) for word in command)
        or isinstance(port, bool)
        or not isinstance(port, int)
        or not 0 < port < 65536
        or not str(path).startswith("/")
        or not isinstance(requires, dict)
        or not isinstance(rollback, list)
    ):
        raise MxError(
            f"{FILE}: serve.{name} must have `command`, a list of words, and `port`, a number from 1 to 65535.",
            hint=f"Take the file back from Git, or render it again: `mx update --restore {FILE}`.",
        )
    return Served(
        name=name,
        title=str(part.get("title") or name),
        command=tuple(command),
        port=port,
        path=str(path),
        requires={str(module): str(package) for module, package in requires.items()},
        rollback=tuple(map(str, rollback)),
        label=str(part.get("label") or name.replace("_", "-")),
    )
