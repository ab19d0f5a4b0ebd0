"""The resources in a project's .tf files, and what refers to what; read as text, Terraform is not needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from mxdev.errors import MxError
from mxdev.infra.place import FOLDER
from mxdev.project import tfvars
from mxdev.project.project import Project

# Resources that grant something: an edge, not a node.
_BINDING = re.compile(r"_iam_(member|binding)$")
# What is switched on rather than made.
_ASIDE = ("google_project_service",)
_REFERENCE = re.compile(r'\b([a-z][a-z0-9]*_[a-z0-9_]+)\.([A-Za-z_][\w-]*)(?:\[\\?"([^"\\]*)\\?"\])?')
_VALUE = re.compile(r"\$\{\s*(var|each)\.([\w.]+)\s*\}")
_SET = re.compile(r"toset\(\[(.*?)\]\)", re.DOTALL)
_TEXT = re.compile(r'\\?"([^"\\$]*)\\?"')
# More copies than this stay one node.
_MOST_COPIES = 6


@dataclass(frozen=True)
class Resource:
    """One resource, or one copy of it.

    Attributes:
        address: as Terraform names it, such as `google_storage_bucket.main["data"]`.
        type, name: the parts of that.
        copy: its key in `for_each`; None: it has none, or it is not known.
        called: what it is called in the cloud, as far as the files say.
        file: where it is, relative to the project.
        optional: whether a value decides if it is made.
        refers: the resources that it names, as (type, name, copy).
    """

    address: str
    type: str
    name: str
    copy: str | None
    called: str
    file: str
    optional: bool
    refers: tuple[tuple[str, str, str | None], ...]


@dataclass(frozen=True)
class Grant:
    """Who may do what.

    Attributes:
        who: what the members name.
        what: what the rest names; empty: the whole cloud project.
        roles: the roles' names.
    """

    who: tuple[tuple[str, str, str | None], ...]
    what: tuple[tuple[str, str, str | None], ...]
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Terraform:
    """What the .tf files say."""

    resources: tuple[Resource, ...] = ()
    grants: tuple[Grant, ...] = ()

    def named(self, reference: tuple[str, str, str | None]) -> Iterator[Resource]:
        """The resources that a reference means: one copy, or all of them."""
        kind, name, copy = reference
        for one in self.resources:
            if (one.type, one.name) == (kind, name) and (copy is None or one.copy in (None, copy)):
                yield one


def read(project: Project) -> Terraform:
    """Read the .tf files of `project`; nothing if there are none.

    Raises:
        MxError: one, or a file of values, cannot be read.
    """
    folder = project.root / FOLDER
    paths = sorted(folder.glob("*.tf"))
    if not paths:
        return Terraform()
    values: dict[str, Any] = {}
    for name in tfvars.files(project.root):
        values |= _values(project, name)
    files = {f"{FOLDER}/{path.name}": _parsed(project, f"{FOLDER}/{path.name}") for path in paths}
    known = {name: value for body in files.values() for block in body.get("locals", ()) for name, value in block.items()}  # fmt: skip
    resources: list[Resource] = []
    grants: list[Grant] = []
    for file, body in files.items():
        for block in body.get("resource", ()):
            for kind, named in block.items():
                for name, inner in named.items():
                    if not isinstance(inner, dict):
                        continue
                    kind, name = _plain(kind), _plain(name)
                    if _BINDING.search(kind):
                        grants.append(_grant(inner, known))
                    elif kind not in _ASIDE:
                        resources += _copies(kind, name, inner, file, known, values)
    return Terraform(tuple(resources), tuple(grants))


def _values(project: Project, path: str) -> dict[str, Any]:
    data = project.read(path)
    if data is not None and path.endswith(".json"):
        return tfvars.loaded(data, path)
    return {} if data is None else _parsed(project, path)


def _parsed(project: Project, path: str) -> dict[str, Any]:
    import hcl2

    text = (project.read(path) or b"").decode("utf-8-sig", "replace")
    try:
        found: dict[str, Any] = hcl2.loads(text if text.endswith("\n") else f"{text}\n")
    except Exception as error:  # of the parser's own library, and RecursionError
        where = f"{path}:{line}" if (line := getattr(error, "line", 0)) and line > 0 else path
        raise MxError(
            f"{where} cannot be read as HCL.", hint="`terraform fmt` in that folder says what is wrong."
        ) from error
    return found


def _copies(
    kind: str, name: str, body: Mapping[str, Any], file: str, known: Mapping[str, Any], values: Mapping[str, Any]
) -> Iterator[Resource]:  # fmt: skip
    refers = tuple(dict.fromkeys(_references({k: v for k, v in body.items() if k != "depends_on"})))
    count = str(body.get("count", ""))
    copies = _set(body.get("for_each"), known)
    optional = "?" in count or ("for_each" in body and not copies)
    called = next((text for key in _NAMES if isinstance(text := body.get(key), str)), "")
    for copy in copies if copies and len(copies) <= _MOST_COPIES else [None]:
        address = f"{kind}.{name}" if copy is None else f'{kind}.{name}["{copy}"]'
        yield Resource(address, kind, name, copy, _resolved(called, copy, values), file, optional, refers)


# The attributes that name a resource in the cloud.
_NAMES = ("name", "account_id", "repository_id", "workload_identity_pool_id", "workload_identity_pool_provider_id", "display_name")  # fmt: skip


def _grant(body: Mapping[str, Any], known: Mapping[str, Any]) -> Grant:
    who = {key: value for key, value in body.items() if key in ("member", "members")}
    aside = {*who, "role", "depends_on", "for_each", "count"}
    what = {key: value for key, value in body.items() if key not in aside}
    role = _plain(str(body.get("role", "")))
    roles = _set(body.get("for_each"), known) if "each." in role else [role]
    return Grant(
        tuple(dict.fromkeys(_references(who))), tuple(dict.fromkeys(_references(what))), tuple(roles)
    )


def _references(value: Any) -> Iterator[tuple[str, str, str | None]]:
    for found in _REFERENCE.finditer(json.dumps(value)):
        yield found[1], found[2], found[3]


def _set(value: Any, known: Mapping[str, Any]) -> list[str]:
    """The members of a set of texts that stands in the file itself; empty: another kind of value."""
    text = str(value or "")
    local = re.fullmatch(r"\$\{\s*local\.(\w+)\s*\}", text)
    if local:
        text = str(known.get(local[1], ""))
    found = _SET.search(text)
    return _TEXT.findall(found[1]) if found and "$" not in found[1] else []


def _resolved(text: str, copy: str | None, values: Mapping[str, Any]) -> str:
    """`text` with what the files of values say; empty if something in it is not known."""

    def value(found: re.Match[str]) -> str:
        if found[1] == "each":
            return copy if copy is not None else found[0]
        here: Any = values
        for part in found[2].split("."):
            here = here.get(part) if isinstance(here, dict) else None
        return _plain(here) if isinstance(here, str) else found[0]

    whole = _VALUE.sub(value, _plain(text))
    return "" if "${" in whole else whole


def _plain(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def type_of(resource: Resource) -> str:
    """What a person calls a resource's type: `google_storage_bucket` is a storage bucket."""
    return " ".join(PurePath(resource.type).name.split("_")[1:])
