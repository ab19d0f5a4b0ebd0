"""Names that rendered files give to things of other tools, of which each may be there once: two owners are a clash.

Paths and sections are compared by `mxdev.plan.build`. Two files can clash where their paths do not: Terraform refuses a module that
declares a resource twice, and of two Kubernetes objects of one name the one that is applied last replaces the other without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from mxdev.plan.model import Rendering
from mxdev.project import hcl
from mxdev.project.project import Project
from mxdev.project.records import Record

_BLOCK = re.compile(
    r'^(?:(resource|data)[ \t]+"?([\w-]+)"?[ \t]+"?([\w-]+)"?|(variable|output|module)[ \t]+"?([\w-]+)"?)[ \t]*\{',
    re.MULTILINE,
)
_LOCALS = re.compile(r"^locals[ \t]*\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_LOCAL = re.compile(r"^  ([\w-]+)[ \t]*=", re.MULTILINE)  # as `terraform fmt` indents it
_STAGE = re.compile(r"^FROM[ \t]+.*?[ \t]+AS[ \t]+(\S+)", re.MULTILINE | re.IGNORECASE)
_DOCUMENT = re.compile(r"^---(?:[ \t].*)?$", re.MULTILINE)
_TOP = re.compile(r"^(apiVersion|kind):[ \t]*[\"']?([^\s\"'#]+)", re.MULTILINE)
_METADATA = re.compile(r"^metadata:[ \t]*(?:#.*)?\n((?:[ \t]+.*\n|[ \t]*\n|#.*\n)+)", re.MULTILINE)
_FIELD = re.compile(r"^([ \t]+)(name|namespace):[ \t]*[\"']?([^\s\"'#]+)", re.MULTILINE)
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml")


class Name(NamedTuple):
    """A name that may be there once.

    Attributes:
        kind: what tool it is for; `place` and `name` are compared within it.
        place: where it must be the only one, such as the folder of a Terraform module; "" for the whole project.
        name: the name, as a person knows it.
    """

    kind: str
    place: str
    name: str

    def __str__(self) -> str:
        where = f" in {self.place}" if self.place else ""
        return f"the {self.kind} {self.name}{where}"


class Taken(NamedTuple):
    """A name that two instances give, with the files in which they do."""

    name: Name
    owners: tuple[str, str]
    paths: tuple[str, str]


def of_file(path: str, data: bytes) -> frozenset[Name]:
    """The names in a file that an instance renders whole."""
    where = PurePosixPath(path)
    if where.suffix == ".tf" and where.stem != "override" and not where.stem.endswith("_override"):
        return frozenset(_terraform(where.parent.as_posix(), _text(data)))
    if where.suffix in (".yaml", ".yml") and b"\nkind:" in b"\n" + data:
        return frozenset(_kubernetes(_text(data)))
    return frozenset()


def of_section(path: str, text: object) -> frozenset[Name]:
    """The names in a section of a shared file."""
    if "Dockerfile" in PurePosixPath(path).name and isinstance(text, str):
        return frozenset(Name("stage", path, name.lower()) for name in _STAGE.findall(text))
    return frozenset()


def taken(project: Project, renderings: Iterable[Rendering]) -> Iterator[Taken]:
    """Names that a rendering gives anew and that another instance of the project has, or gives too.

    What was so before stays possible: a project that lives with it can still be updated.
    """
    renderings = list(renderings)
    now = {r.instance: dict(_rendered(r)) for r in renderings if r.tree is not None}
    fresh = {}
    for rendering in renderings:
        if names := now.get(rendering.instance):
            before = project.instances.get(rendering.known_as)
            old = set(_recorded(project, before)) if before else set()
            fresh[rendering.instance] = {name: path for name, path in names.items() if name not in old}
    if not any(fresh.values()):
        return
    running = {rendering.known_as for rendering in renderings}
    generators = {rendering.instance: rendering.generator for rendering in renderings}
    theirs: dict[Name, list[tuple[str, str]]] = {}
    for owner, record in project.instances.items():
        if owner not in running:
            generators[owner] = record.generator
            for name, path in _recorded(project, record).items():
                theirs.setdefault(name, []).append((owner, path))
    for owner, names in now.items():
        for name, path in names.items():
            theirs.setdefault(name, []).append((owner, path))
    at = {owner: number for number, owner in enumerate(now)}
    kustomized = _kustomized(project, renderings)
    for mine, names in fresh.items():
        for name, path in names.items():
            for other, where in theirs[name]:
                if other == mine or (name.kind == _OBJECT and generators[other] == generators[mine]):
                    continue  # instances of one generator may be for clusters of their own
                if name.kind == _OBJECT and kustomized.intersection(map(_folder, (path, where))):
                    continue  # a patch names the object that it changes
                pair = ((other, where), (mine, path))
                first, second = pair[::-1] if at.get(other, -1) > at[mine] else pair
                yield Taken(name, (first[0], second[0]), (first[1], second[1]))


_OBJECT = "Kubernetes object"


def _rendered(rendering: Rendering) -> Iterator[tuple[Name, str]]:
    assert rendering.tree is not None
    for path, file in rendering.tree.files.items():
        for name in of_file(path, file.data):
            yield name, path
    for section in rendering.tree.sections:
        for name in of_section(section.path, section.value):
            yield name, section.path


def _recorded(project: Project, record: Record) -> dict[Name, str]:
    """The names that an instance gave last, with their files."""
    found: dict[Name, str] = {}
    for path in record.files:
        if path.endswith((".tf", ".yaml", ".yml")):
            found |= dict.fromkeys(of_file(path, project.pristine(record.name, path) or b""), path)
    for path in {section.path for section in record.sections if "Dockerfile" in section.path}:
        for text in project.pristine_sections(record.name, path).values():
            found |= dict.fromkeys(of_section(path, text), path)
    return found


def _folder(path: str) -> str:
    return PurePosixPath(path).parent.as_posix()


def _kustomized(project: Project, renderings: Iterable[Rendering]) -> set[str]:
    """The folders whose manifests Kustomize puts together."""
    files: list[Any] = [record.files for record in project.instances.values()]
    files += [rendering.tree.files for rendering in renderings if rendering.tree is not None]
    return {_folder(p) for paths in files for p in paths if PurePosixPath(p).name in _KUSTOMIZATIONS}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


def _terraform(folder: str, text: str) -> Iterator[Name]:
    if "/*" in text or "<<" in text:  # a line of either may look like a block's head
        text = hcl.without_asides(text)
    for block, kind, name, other, label in _BLOCK.findall(text):
        address = {"resource": f"{kind}.{name}", "data": f"data.{kind}.{name}"}.get(block, label)
        yield Name(f"Terraform {block or other}", folder, address)
    for body in _LOCALS.findall(text):
        for name in _LOCAL.findall(body):
            yield Name("Terraform local value", folder, name)


def _kubernetes(text: str) -> Iterator[Name]:
    """The objects that are named in full, as written: not what a template of Helm or a variable makes of it."""
    for document in _DOCUMENT.split(text):
        top, metadata = dict(_TOP.findall(document)), _METADATA.search(f"{document}\n")
        if metadata is None or top.keys() != {"apiVersion", "kind"}:
            continue
        first = re.search(r"^[ \t]+(?=[^\s#])", metadata[1], re.MULTILINE)
        depth = first[0] if first else ""
        fields = {key: value for indent, key, value in _FIELD.findall(metadata[1]) if indent == depth}
        words = (top["kind"], fields.get("namespace", ""), fields.get("name", ""))
        if "name" not in fields or any(set("{}$<>") & set(word) for word in words):
            continue
        group = top["apiVersion"].rpartition("/")[0]
        kind = f"{words[0]}.{group}" if group else words[0]
        yield Name(_OBJECT, "", f"{kind} {'/'.join(filter(None, words[1:]))}")
