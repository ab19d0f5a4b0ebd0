"""What of the way to a project's apps no program sees to: what a person still owes, and names that lead nowhere.

Generators write both down, each in sections of its own: `infrastructure/by_hand.yaml` and `infrastructure/hosts.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mxdev.doctor.finding import Finding
from mxdev.errors import MxError
from mxdev.project.project import Project
from mxdev.sections.yaml import values as yaml_values
from mxdev.system import dns

BY_HAND = "infrastructure/by_hand.yaml"
HOSTS = "infrastructure/hosts.yaml"


@dataclass(frozen=True)
class Owed:
    """Something that only a person can do.

    Attributes:
        name: what it is called in JSON.
        what: it, in words.
        how: the command, or where it is described.
    """

    name: str
    what: str
    how: str


def owed(project: Project) -> list[Owed]:
    """What a person still has to do, as the generators of the project say; it is gone from there once it is done.

    Raises:
        MxError: the file is no YAML.
    """
    rows = _entries(project, BY_HAND, "owed")
    return [
        Owed(name, str(one.get("what", name)), str(one.get("how", ""))) for name, one in sorted(rows.items())
    ]


def by_hand(project: Project) -> Iterator[Finding]:
    """What is owed, as the doctor's findings: nothing is wrong, but it is not finished either."""
    for one in owed(project):
        yield Finding(f"owed-{one.name}", "left for a person", "unknown", one.what, one.how)


def names(project: Project) -> Iterator[Finding]:
    """Whether the names of the project's apps lead anywhere. One that does not is enough to know."""
    addresses = [str(one.get("address")) for one in _entries(project, HOSTS, "hosts").values()]
    for address in addresses:
        try:
            dns.addresses(address)
        except dns.NoAddress as error:
            yield Finding(
                "names", "names of the apps", "problem", f"{address} leads nowhere: {error.message}",
                "docs/edge.md says which records a person enters, and where",
            )  # fmt: skip
            return
    if addresses:
        yield Finding("names", "names of the apps", "ok", ", ".join(addresses))


def records(project: Project) -> Iterator[Finding]:
    """Whether the records stand in DNS without which no name of the project is answered for, or no certificate is given.

    The first that is missing is enough to know: without the delegation the others, which are in the project's zone, are seen by nobody.
    """
    for key, one in _entries(project, HOSTS, "records").items():
        name, kind, ends = str(one.get("name")), str(one.get("type")), str(one.get("ends", ""))
        title = f"{kind} of {name}"
        try:
            found = dns.records(name, dns.KINDS[kind])
        except MxError as error:
            yield Finding(f"dns-{key}", title, "unknown", error.message)
            continue
        if any(value.endswith(ends) for value in found):
            yield Finding(f"dns-{key}", title, "ok", ", ".join(found))
            continue
        wrong = f"it is {', '.join(found)}, and not below {ends}" if found else "DNS has none"
        yield Finding(f"dns-{key}", title, "problem", f"{wrong}: {one.get('without')}", str(one.get("how")))
        return


def _entries(project: Project, path: str, key: str) -> dict[str, dict[str, Any]]:
    data = project.read(path)
    whole = yaml_values.load(data, path) if data is not None else None
    found = whole.get(key) if isinstance(whole, dict) else None
    return (
        {str(name): one for name, one in found.items() if isinstance(one, dict)}
        if isinstance(found, dict)
        else {}
    )
