"""What one run of one instance renders, in memory: files and sections."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from mxdev.disk.paths import problem_of, unseen
from mxdev.errors import MxError
from mxdev.generator.freetext import FreeTextError, contains

if TYPE_CHECKING:
    from mxdev.generator.jinja import Renderer


# Named tuples on purpose: each dataclass costs a start that renders half a millisecond.
class Override(NamedTuple):
    """A template in place of another; `by` says in words whose it is."""

    data: bytes
    by: str


class Replaced(NamedTuple):
    """A template that an override stands for, in one rendering."""

    override: Override
    original: bytes


SUFFIX = ".jinja"
_ONE_FILE = "which are one file on macOS and Windows, where capitals do not count"


class File(NamedTuple):
    """A rendered file; `source` names the template it comes from, `by` whose that is if it stands for the generator's own.

    `if_taken` says what a person does when another instance renders it, too.
    """

    path: str
    data: bytes
    executable: bool
    source: str
    by: str = ""
    if_taken: str = ""


class Section(NamedTuple):
    """A named part of a shared file (see `mxdev.sections.sections`); `value` is plain data, or text for a text file.

    `if_taken` says what a person does when another instance renders it, too.
    """

    path: str
    address: str
    value: Any
    if_taken: str = ""


class NextStep(NamedTuple):
    """A command that a person runs next, and why."""

    command: str
    why: str


class Message(NamedTuple):
    """Text for a person, shown before the plan if it is `first`, else when the plan was carried out."""

    text: str
    first: bool


class Source(Protocol):
    """What fills a tree: a generator, of which the tree knows no more."""

    instance: str

    def variables(self) -> dict[str, Any]:
        """What templates see."""


@dataclass
class Tree:
    """Collects what `generator` renders.

    Args:
        generator: the one that fills it.
        filters: template filters of plugins.
        overrides: templates that stand for the generator's own, by path.
        replaced: those of them that were rendered, by their own path, with what they stand for.
        templates: the paths of all templates that were looked at.
    """

    generator: Source
    filters: Mapping[str, Callable[..., Any]] | None = None
    overrides: Mapping[str, Override] = field(default_factory=dict)
    replaced: dict[str, Replaced] = field(default_factory=dict)
    templates: set[str] = field(default_factory=set)
    files: dict[str, File] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)
    next_steps: list[NextStep] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    wants_repository: bool = False
    remembered: dict[str, Any] = field(default_factory=dict)
    _renderer: Renderer | None = None
    _folded: dict[str, str] = field(default_factory=dict)

    def render(
        self, folder: str = "templates", to: str = "", *, keep: Callable[[str], bool] | None = None
    ) -> None:
        """Render every file below `folder` (relative to the generator's module) to the project, below `to`.

        Files that end in `.jinja` are rendered, all others are copied byte for byte; the executable bit is kept. Names
        are rendered too; one that renders to nothing leaves the file out.

        Args:
            folder: the folder of the templates.
            to: the folder of the project; by default its root.
            keep: given the path of a template below `folder`, whether it is rendered; without it, all are.

        Raises:
            MxError: a template cannot be rendered, two files have the same path, a path leaves the project.
        """
        module = sys.modules[type(self.generator).__module__]
        base = Path(module.__file__ or "").parent / folder
        if not base.is_dir():
            raise MxError(f"{type(self.generator).__name__} has no folder {folder} beside {module.__file__}")
        for source in sorted(path for path in base.rglob("*") if path.is_file()):
            if "__pycache__" in source.relative_to(base).parts:
                continue  # pip compiles every .py file that it installs, templates too
            parts = source.relative_to(base).parts
            key = "/".join(parts if folder == "templates" else (folder, *parts))
            self.templates.add(key)
            if keep is None or keep("/".join(parts)):
                self._render_file(source, parts, to, key)

    def _render_file(self, source: Path, parts: tuple[str, ...], to: str, key: str) -> None:
        where = "/".join(parts)
        names = [
            self.text(part, f"name of {where}") if "{{" in part or "{%" in part else part for part in parts
        ]
        if not all(names) or names[-1] == SUFFIX:
            return
        if any("/" in name or name in (".", "..") for name in names):
            raise MxError(f"the name of the template {where} renders to the path {'/'.join(names)!r}")
        executable = bool(source.stat().st_mode & 0o100)
        data, by = source.read_bytes(), ""
        name = self.name_of_override(key)
        if name in self.overrides:
            override = self.overrides[name]
            self.replaced[name] = Replaced(override, data)
            data, by = override.data, override.by
        if names[-1].endswith(SUFFIX):
            names[-1] = names[-1].removesuffix(SUFFIX)
            if name == key:
                data = self.text(_decoded(data, by or where), by or where).encode("utf-8")
        self._add(File("/".join([*PurePosixPath(to).parts, *names]), data, executable, where, by))

    def name_of_override(self, key: str) -> str:
        """The path that an override of a template has: the template's, or that which it had before there were values in it."""
        before = key.removesuffix(SUFFIX)
        its_own = key in self.overrides or before in self.templates or before not in self.overrides
        return key if its_own else before

    def text(self, source: str, where: str = "text") -> str:
        """Render a template given as text, with the generator's variables."""
        if self._renderer is None:
            from mxdev.generator.jinja import Renderer, default_cache

            self._renderer = Renderer(self.generator.variables(), filters=self.filters, cache=default_cache())
        return self._renderer.render(source, where)

    def file(self, path: str, data: str | bytes, *, executable: bool = False, if_taken: str = "") -> None:
        """Add a file whose content the generator made itself.

        Args:
            if_taken: what a person does when another instance renders it, too; the hint of that error.
        """
        if contains(data):
            raise FreeTextError(
                f"free text cannot be the content of {path}; use a function of mxdev.generator.languages"
            )
        if not isinstance(data, str | bytes | bytearray | memoryview):
            raise MxError(f"the content of {path} is {type(data).__name__}, and text or bytes are wanted")
        if contains(if_taken):
            raise FreeTextError("free text cannot stand in a message")
        content = data.encode("utf-8") if isinstance(data, str) else bytes(data)
        self._add(File(path, content, executable, type(self.generator).__name__, if_taken=if_taken))

    def section(self, path: str, address: str, value: Any, *, if_taken: str = "") -> None:
        """Add a section of a shared file: `value` at `address`.

        Args:
            if_taken: what a person does when another instance renders it, too; the hint of that error.

        Raises:
            MxError: the kind of file has no comments, between which a section of text could stand; or it is there already.
        """
        from mxdev.sections.sections import is_yaml

        check_path(path)
        if not is_yaml(path):
            from mxdev.sections.marks import marks_of

            marks_of(path)
        if any((section.path, section.address) == (path, address) for section in self.sections):
            raise MxError(f"{self.generator.instance} renders the section {address} of {path} twice")
        if contains(if_taken):
            raise FreeTextError("free text cannot stand in a message")
        self.sections.append(Section(path, address, _plain(value, address), if_taken))

    def next_step(self, command: str, why: str = "") -> None:
        """Say what a person runs next; it is printed after the plan was applied."""
        if contains([command, why]):
            raise FreeTextError("free text cannot stand in a next step")
        self.next_steps.append(NextStep(command, why))

    def say(self, text: str, *, first: bool = False) -> None:
        """Tell a person something when the plan was carried out; `first`: before it is shown. Nothing, if nothing changes."""
        if contains(text):
            raise FreeTextError("free text cannot stand in a message")
        if text:
            self.messages.append(Message(text, first))

    def repository(self) -> None:
        """Want a Git repository: `git init` is run where there is none."""
        self.wants_repository = True

    def remember(self, options: Mapping[str, Any]) -> None:
        """Record `options`, by name, instead of the resolved ones; one that is None is not recorded."""
        self.remembered.update(options)

    def _add(self, file: File) -> None:
        check_path(file.path)
        if file.path in self.files:
            raise MxError(f"{self.generator.instance} renders {file.path} twice")
        if (other := self._folded.setdefault(file.path.casefold(), file.path)) != file.path:
            raise MxError(f"{self.generator.instance} renders {other} and {file.path}, {_ONE_FILE}")
        self.files[file.path] = file


def _decoded(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MxError(f"The template {where} is not UTF-8: {error}") from error


_ODD = re.compile(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029\u202a-\u202e\u2066-\u2069]|[. ]$")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def check_path(path: str) -> None:
    """Refuse a rendered path that is not a plain relative path inside the project, or mx's or Git's own.

    Raises:
        MxError: with the path.
    """
    if contains(path):
        raise FreeTextError("free text cannot be a path")
    parts = path.split("/")
    if not path or "\\" in path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise MxError(f"a generator rendered the path {path!r}, which is not a plain path inside the project")
    if odd := next((part for part in parts if _ODD.search(part) or _DEVICE.fullmatch(part)), None):
        raise MxError(
            f"a generator rendered the path {path!r}; {odd!r} cannot be the name of a file everywhere: no line breaks "
            "and marks of writing direction, no dot or blank at the end, and none of Windows' devices, such as CON and NUL"
        )
    if parts[0].lower() == ".mx" or ".git" in map(str.lower, parts) or path.lower() == "mx.yaml":
        raise MxError(f"a generator rendered {path!r}, which is not for generators to write")
    if problem := unseen(path) or problem_of(path):
        raise MxError(f"a generator rendered the path {path!r}, which no record can hold: {problem}")


def _plain(value: Any, address: str) -> Any:
    # YAML would quote free text, but the tools that read shared files substitute `${...}` inside quotes too.
    if contains(value):
        raise FreeTextError(
            f"free text stands in the section {address}; turn it into text with a function of mxdev.generator.languages"
        )
    if isinstance(value, Mapping):
        return {key: _plain(item, address) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, address) for item in value]
    return value
