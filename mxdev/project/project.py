"""Finds the project's root, holds its options and instances."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mxdev.disk import session
from mxdev.disk.journal import interrupted
from mxdev.disk.paths import resolve_inside
from mxdev.errors import MxError
from mxdev.project import record_conflict
from mxdev.project.checked import check
from mxdev.project.records import (
    FORMAT,
    PROJECT_FILE,
    RECORDS,
    UPDATE_MX,
    Conflicted,
    Record,
    format_of,
    parse,
    pristine_path,
    pristine_sections_path,
    read_record,
)
from mxdev.system.files import plain
from mxdev.version import __version__

__all__ = [
    "Project",
    "find_root",
    "pristine_path",
    "pristine_sections_path",
    "project_root",
    "read_pristine_sections",
]

_LARGEST = 64 << 20  # of mx.yaml and of a record; less is refused later, by the number of its bytes


def find_root(start: Path) -> Path | None:
    """The nearest folder, from `start` upwards, with `mx.yaml`, records or an interrupted journal; None if there is none."""
    start = start.absolute()
    for folder in (start, *start.parents):
        # os.path: a folder above that may not be looked into is none of ours, and no error.
        if os.path.isfile(folder / PROJECT_FILE) or os.path.isdir(folder / RECORDS) or interrupted(folder):  # noqa: PTH112, PTH113
            return folder
    return None


def project_root(here: Path | None = None, *, recovers: bool = False) -> Path:
    """The project around the current folder. That a run in it was interrupted is said first.

    Args:
        here: where to look; default: the current folder.
        recovers: the command finishes an interrupted run before it does anything else, so it need not be said.

    Raises:
        MxError: there is none.
    """
    start = here or Path.cwd()
    root = find_root(start)
    if root is None:
        raise MxError(
            f"{start} is not inside an mx project: neither it nor a folder above it has an mx.yaml.",
            hint="Go into a project, or start one; `mx generate` lists what can be generated.",
        )
    if not recovers:
        session.tell(root)
    return root


def read_pristine_sections(data: bytes) -> dict[str, str]:
    """The fragments in a `.sections.pristine` file, by address; empty when it cannot be read (no base)."""
    try:
        loaded = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return {str(key): str(value) for key, value in loaded.items()} if isinstance(loaded, dict) else {}


def write_pristine_sections(fragments: dict[str, str]) -> bytes:
    """A `.sections.pristine` file: JSON, sorted by address."""
    return (json.dumps(fragments, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")


def digest(data: bytes) -> str:
    """The SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@dataclass
class Project:
    """A project as its state files describe it."""

    root: Path
    options: dict[str, Any] = field(default_factory=dict)
    instances: dict[str, Record] = field(default_factory=dict)
    requires_mx: str = ""
    source: bytes | None = None
    digests: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    @classmethod
    def load(cls, root: Path, source: bytes | None = None) -> Project:
        """Read `mx.yaml` and all records below `root`.

        Args:
            root: the project's folder.
            source: what counts as `mx.yaml`, in place of what stands there.

        Raises:
            MxError: a state file is missing, broken, or newer than this mx.
        """
        try:
            return cls._load(root, source)
        except MxError as error:
            if waiting := session.interruption(root):
                # What helps otherwise, as taking files back from Git, would do harm now.
                raise MxError(
                    f"{waiting} As it is, {error.message}", hint="Run `mx recover` first."
                ) from error
            raise

    @classmethod
    def _load(cls, root: Path, source: bytes | None) -> Project:
        path = root / PROJECT_FILE
        try:
            source = plain.read(resolve_inside(root, PROJECT_FILE), _LARGEST) if source is None else source
        except FileNotFoundError:
            raise MxError(
                f"{root} has no {PROJECT_FILE}.",
                hint=f"Take it back from version control: `git checkout -- {PROJECT_FILE}`.",
            ) from None
        except OSError as error:
            raise MxError(f"{path} cannot be read: {error.strerror}") from error
        raw = parse(source, PROJECT_FILE)
        options = raw.get("options") or {}
        if not isinstance(options, dict):
            raise MxError(
                f"{PROJECT_FILE}: `options` is not a mapping.",
                hint="Write `options:` and one `name: value` a line.",
            )
        project = cls(
            root,
            {str(key): value for key, value in options.items()},
            {},
            str(raw.get("requires-mx") or ""),
            source,
        )
        project.check_version()
        project.format = format_of(source)
        for file, data in _records(root):
            try:
                record = read_record(data, file)
            except Conflicted as error:
                raise MxError(error.message, hint=record_conflict.hint(root, file, data)) from error
            check(record, data, file)
            project.instances[record.name] = record
            project.digests[file] = digest(data)
        return project

    def check_version(self) -> None:
        """Refuse a project that says it needs another mx.

        Raises:
            MxError: with how to get it; or that what it says is not a range of versions.
        """
        from mxdev.system.versions import satisfies

        try:
            right = satisfies(__version__, self.requires_mx)
        except ValueError as error:
            raise MxError(
                f"{PROJECT_FILE}: requires-mx: {error}.", hint="Write a range such as `requires-mx: '>=0.1'`."
            ) from error
        if not right:
            raise MxError(
                f"{PROJECT_FILE} says that this project needs mx {self.requires_mx}; this is mx {__version__}.",
                hint=UPDATE_MX,
            )

    def read(self, path: str) -> bytes | None:
        """The bytes of a file of the project; None if there is no such file.

        Raises:
            MxError: the path leaves the project, or the file cannot be read.
        """
        place = resolve_inside(self.root, path)
        try:
            return plain.read(place)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise MxError(f"{place} cannot be read: {error.strerror}") from error

    def pristine(self, instance: str, path: str) -> bytes | None:
        """What `instance` rendered last for `path`; None if it is missing or not what the record says."""
        record = self.instances[instance].files[path]
        data = self.read(pristine_path(instance, path, private=record.private))
        return data if data is not None and digest(data) == record.sha256 else None

    def pristine_sections(self, instance: str, path: str) -> dict[str, str]:
        """The fragments that `instance` rendered last for the shared file `path`, by address; damaged ones left out."""
        fragments = read_pristine_sections(self.read(pristine_sections_path(instance, path)) or b"{}")
        known = {
            section.address: section.sha256
            for section in self.instances[instance].sections
            if section.path == path
        }
        return {
            key: text for key, text in fragments.items() if known.get(key) == digest(text.encode("utf-8"))
        }


def _records(root: Path) -> Iterator[tuple[str, bytes]]:
    folder = root / RECORDS
    try:
        names = sorted(path.name for path in folder.iterdir() if path.suffix == ".yaml")
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        relative = f"{RECORDS}/{name}"
        try:
            yield relative, plain.read(resolve_inside(root, relative), _LARGEST)
        except OSError as error:
            raise MxError(f"{relative} cannot be read: {error.strerror}") from error
