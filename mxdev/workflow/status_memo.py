"""What `mx status` found last, and whether it is still true: a project in which nothing changed is not rendered to know it.

A row of `mx status` is a function of

- the installed code: mx, the plugins, what they import, the files that they read (templates) and the folders that they list;
- the project's state: `mx.yaml`, the records, `.mx/overrides/`;
- the rendered files, their pristine copies, and the shared files.

The code is compared by the stamps of its files (times, size, inode), as Python and the index of plugins do; all that is in the
project is compared by its bytes. Which files the code consists of is not guessed: it is what the process imported and opened
while it rendered. What cannot be followed is not remembered: a generator whose options or files come from elsewhere
(`specialise`, `generate_on`), one that asks the network or runs a program, one that prints something.

Two things are remembered of an instance: that it renders to what its record says (so that no update is waiting, whatever
the person edits), and its whole row, for as long as its files are as they are.
"""

# Strings and os functions on purpose: this is the whole work of `mx status` in a project where nothing changed.
# ruff: noqa: PTH116, PTH118, PTH120

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from mxdev.errors import MxError
from mxdev.plugins import index
from mxdev.plugins.model import warnings_said
from mxdev.project.files.plain_files import PlainFiles
from mxdev.project.records import PROJECT_FILE, pristine_path, pristine_sections_path
from mxdev.system.files import plain, private
from mxdev.system.files.opened import Opened, watching
from mxdev.system.user_dirs import cache_place
from mxdev.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from mxdev.plan.model import Plan
    from mxdev.project.project import Project
    from mxdev.project.records import Record

FORMAT = 2
_FOLDER = "status"
# What a rendering may depend on beside files; the rest of the environment is nothing to a generator.
_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "MX_CONFIG_DIR", "PYTHONUTF8", "XDG_CONFIG_HOME")
_SECOND = 1_000_000_000  # nanoseconds

Stamp = list[int] | None


class Memo:
    """What is remembered of a project, and what is learned of it now.

    Attributes:
        root: the project's folder.
        names: the instances, in order; None where nothing is remembered, or something of it changed.
        strays: overrides that stand for nothing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = str(root)
        self._started = time.time_ns()
        self._place = (
            f"{cache_place()}/{_FOLDER}/{hashlib.sha256(os.fsencode(self._root)).hexdigest()[:32]}.json"
        )
        self._before = set(sys.modules)
        self._opened = Opened()
        self._files = PlainFiles(self._root)
        self._key = self._key_now()
        self._learned = False
        self._marks = _marks_of_git(self._root)
        self._marks_then: Any = None
        self.names: list[str] | None = None
        self.strays: list[str] = []
        self._watched: dict[str, Stamp] = {}
        self._instances: dict[str, dict[str, Any]] = {}
        self._recall()

    def _recall(self) -> None:
        """Take what is kept, if its key and all its stamps are those of now."""
        try:
            found = _sealed(private.read(self._place) or b"")
            if self._key is None or found["key"] != self._key:
                return
            watched = dict(found["watched"])
            if any(_stamp(path) != stamp for path, stamp in watched.items()):
                return
            instances = {str(name): dict(one) for name, one in found["instances"].items()}
            if not all(_is_row(one.get("row")) for one in instances.values()):
                return
            names, strays = list(map(str, found["names"])), list(map(str, found["strays"]))
            marks = found["git"]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return
        self._watched, self._instances, self.names, self.strays = watched, instances, names, strays
        self._marks_then = marks

    def rows(self) -> list[dict[str, Any]] | None:
        """The rows of all instances, if all are remembered and still true."""
        if self.names is None or self._marks != self._marks_then:
            return None
        rows = []
        for name in self.names:
            row = self.row(name)
            if row is None:
                return None
            rows.append(row)
        return rows

    def row(self, name: str) -> dict[str, Any] | None:
        """The row of an instance, if it is remembered and still true."""
        known = self._instances.get(name, {})
        row, paths = known.get("row"), known.get("paths")
        if not row or not paths or self._files.digest(paths) != known.get("digest"):
            return None
        found: dict[str, Any] = row
        return found

    def overrides(self, name: str) -> list[dict[str, Any]] | None:
        """The overrides of an instance that is known to render to what its record says; else None."""
        found: list[dict[str, Any]] | None = self._instances.get(name, {}).get("overrides")
        return found

    def refused(self, name: str) -> list[str]:
        """What rules of today say against the names of an instance whose `overrides` are known; else nothing."""
        found: list[str] = self._instances.get(name, {}).get("refused", [])
        return found

    def seen(self, record: Record) -> tuple[list[str], str] | None:
        """The files of an instance and a digest of them; None where somebody edited one, or Git's settings have a say.

        Git decides whether bytes that differ are an edit (line ends, `core.fileMode`), and its settings are not compared.
        """
        files = PlainFiles(self._root)
        paths = []
        for path, file in record.files.items():
            if file.moved or files.content(path) != (file.sha256, file.executable):
                return None
            paths += [path, pristine_path(record.name, path)]
        for path in dict.fromkeys(section.path for section in record.sections):
            if b"\r" in (files.read(path) or b"\r"):
                return None
            paths += [path, pristine_sections_path(record.name, path)]
        digest = files.digest(paths)
        return None if digest is None else (paths, digest)

    @contextmanager
    def watching(self) -> Iterator[Opened]:
        """Note what code is used and what it reads inside the `with` block, and whether it says anything."""
        now, said, streams = Opened(), warnings_said(), (sys.stdout, sys.stderr)
        sys.stdout, sys.stderr = (stream and _Heard(stream, now) for stream in streams)
        try:
            with watching(now):
                yield now
        finally:
            sys.stdout, sys.stderr = streams
            now.unseen |= warnings_said() != said
            self._opened.files |= now.files
            self._opened.folders |= now.folders

    def load(self, project: Project, names: Iterable[str]) -> None:
        """Import the generators of these instances under watch, so that all that their modules do is seen."""
        from mxdev.plugins import catalog

        with self.watching() as now:
            for record in (project.instances[name] for name in names):
                with suppress(MxError):  # it is told when the instance is looked at
                    catalog.load_recorded(record.generator, record.plugin)
        self._opened.unseen |= now.unseen

    def learn(
        self,
        row: dict[str, Any],
        record: Record,
        seen: tuple[list[str], str] | None,
        plan: Plan | None,
        now: Opened | None,
    ) -> None:
        """Remember the row of an instance, as far as it is certain.

        Args:
            row: what `mx status` says of it.
            record: what is recorded of it.
            seen: its files before they were looked at.
            plan: of its update; None where its rendering is remembered, or there is none.
            now: what was seen while the plan was made.
        """
        certain = now is None or self._certain(plan, record, now)
        if self._key is None or not certain or row["problem"] is not None or row["update"]:
            return
        known: dict[str, Any] = {name: row[name] for name in ("overrides", "refused")}
        if seen is not None and self.seen(record) == seen:
            known |= {"row": row, "paths": seen[0], "digest": seen[1]}
        if self._instances.get(record.name) != known:
            self._instances[record.name] = known
            self._learned = True

    def _certain(self, plan: Plan | None, record: Record, now: Opened) -> bool:
        """Whether the rendering in `plan` is a function of what is watched, and what the record says."""
        if plan is None or now.unseen or self._opened.unseen:
            return False
        trees = [rendering.tree for rendering in plan.renderings if rendering.known_as == record.name]
        return len(trees) == 1 and _followed(trees[0], self._before) and _as_recorded(trees[0], record)

    def keep(self, project: Project, strays: list[str]) -> None:
        """Keep what was learned, unless something changed meanwhile or just before."""
        news = self._learned or (self._instances and self._marks != self._marks_then)
        if not news or self._key != self._key_now():
            return
        watched = {**_code(self._opened, project), **self._watched}
        if not all(_settled(stamp, self._started) for stamp in watched.values()):
            return
        private.write(self._place, _seal({
            "key": self._key,
            "watched": list(watched.items()),
            "names": list(project.instances),
            "strays": strays,
            "git": self._marks,
            "instances": self._instances,
        }))  # fmt: skip

    def _key_now(self) -> str | None:
        """What must be the same: mx, Python, the plugins as the index says, the project's state; None if that cannot be told."""
        state = PlainFiles(self._root).state()
        if state is None:
            return None
        plugins = [{**vars(plugin), "seconds": 0} for plugin in index.load()]
        about = [
            FORMAT,
            __version__,
            sys.version,
            sys.flags.optimize,
            index.key(),
            plugins,
            self._root,
            state,
        ]
        about.append([os.environ.get(name) for name in _ENVIRONMENT])
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()


class _Heard:
    """A stream through which what is said is noticed: a row that comes with a message is not remembered."""

    def __init__(self, stream: Any, seen: Opened) -> None:
        self._stream, self._seen = stream, seen

    def __getattr__(self, name: str) -> Any:
        if name in ("write", "writelines", "buffer", "fileno", "detach"):
            self._seen.unseen = True
        return getattr(self._stream, name)


def _code(opened: Opened, project: Project) -> dict[str, Stamp]:
    """The stamps of all code in this process and of what it read, beside what of the project is compared by its bytes."""
    root = str(project.root)
    library = os.path.join(os.path.dirname(os.__file__), "")  # it goes with Python's version
    modules = {
        str(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))
    }
    compared = {f"{root}/{path}" for record in project.instances.values() for path in record.files}
    compared |= {f"{root}/{one.path}" for record in project.instances.values() for one in record.sections}
    compared |= {f"{root}/{PROJECT_FILE}"}
    elsewhere = (f"{root}/.mx/", f"{cache_place()}/", "/proc/", "/dev/")
    read = {
        path for path in opened.files | opened.folders
        if path not in compared and not f"{path}/".startswith(elsewhere) and not path.endswith(".pyc")
    }  # fmt: skip
    # A file that comes beside one of these may stand for it.
    found = modules | read | {os.path.dirname(path) for path in modules | (read - opened.folders)}
    return {
        path: _stamp(path) for path in sorted(found)
        if not path.startswith(library) or "site-packages" in path or "dist-packages" in path
    }  # fmt: skip


def _marks_of_git(root: str) -> list[Any]:
    """Stamps of what Git's part in the rows is made of: which records a sparse checkout leaves out, and whether Git answers."""
    folder = root
    while not os.path.lexists(f"{folder}/.git"):
        folder, child = os.path.dirname(folder), folder
        if folder == child:
            return []
    home = f"{folder}/.git"
    with suppress(OSError, ValueError):  # of a worktree, a file that says where it is
        home = os.path.join(folder, os.fsdecode(plain.read(home, 4096).partition(b": ")[2].strip()))
    owners = []
    with suppress(OSError):
        owners = [os.stat(place).st_uid for place in (folder, home)]
    programs = [f"{place}/git" for place in os.environ.get("PATH", "").split(os.pathsep)]
    settings = [f"{home}/config", f"{home}/commondir", f"{home}/index", f"{os.environ.get('HOME')}/.gitconfig",
                os.environ.get("GIT_CONFIG_GLOBAL", "")]  # fmt: skip
    return [folder, owners, [_stamp(path) for path in (*settings, *programs)]]


def _stamp(path: str) -> Stamp:
    try:
        about = os.stat(path)
    except (OSError, ValueError):
        return None
    return [about.st_mtime_ns, about.st_ctime_ns, about.st_size, about.st_ino]


def _settled(stamp: Stamp, started: int) -> bool:
    """Whether a file is so old that a later change gives it another stamp, and that this process has read it as it is."""
    if stamp is None:
        return True
    coarse = stamp[1] % _SECOND == 0  # perhaps a file system that counts in seconds, or in two
    return stamp[1] + (3 if coarse else 1) * _SECOND < started


def _followed(tree: Any, before: set[str]) -> bool:
    """Whether all that a tree was made from was seen: its generator is like most, and was imported under watch."""
    from mxdev.generator.generator import Generator

    cls = type(tree.generator)
    special = cls.specialise.__func__ is not Generator.specialise.__func__  # type: ignore[attr-defined]
    if special or cls.generate_on is not Generator.generate_on:
        return False
    homes = {base.__module__.partition(".")[0] for base in cls.__mro__} - {"mxdev", "builtins"}
    return not homes & before and not index.made_anew()


def _as_recorded(tree: Any, record: Record) -> bool:
    """Whether a tree is what the record says was rendered last."""
    from mxdev.project.project import digest
    from mxdev.sections import sections

    files = {path: (digest(file.data), file.executable) for path, file in tree.files.items()}
    parts = {
        (one.path, one.address): digest(sections.render(one.address, one.value, path=one.path).encode())
        for one in tree.sections
    }
    return files == {
        path: (file.sha256, file.executable) for path, file in record.files.items()
    } and parts == {(one.path, one.address): one.sha256 for one in record.sections}


_TEXTS = ("instance", "generator", "plugin", "rendered_version")
_LISTS = ("update", "edited", "missing", "conflicted", "declined", "damaged", "adopted", "refused")
_REST = ("installed_version", "problem", "overrides", "renamed")
_OVERRIDE = {"template", "by", "outdated", "unused"}


def _is_row(row: Any) -> bool:
    """Whether this has the form of a row that can be remembered; None has."""
    return row is None or (
        row.keys() == {*_TEXTS, *_LISTS, *_REST}
        and all(isinstance(row[name], str) for name in _TEXTS)
        and all(isinstance(path, str) for name in _LISTS for path in [*row[name], *row["renamed"].values()])
        and all(one.keys() == _OVERRIDE for one in row["overrides"])
    )


def _seal(data: dict[str, Any]) -> bytes:
    text = json.dumps(data).encode()
    return hashlib.sha256(text).hexdigest().encode() + b"\n" + text


def _sealed(data: bytes) -> dict[str, Any]:
    """What `_seal` made these bytes of. Raises ValueError for all others."""
    seal, _, text = data.partition(b"\n")
    if hashlib.sha256(text).hexdigest().encode() != seal:
        raise ValueError("damaged")
    found: dict[str, Any] = json.loads(text)
    return found
