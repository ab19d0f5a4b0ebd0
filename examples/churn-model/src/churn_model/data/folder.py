"""Where data lies: a folder here or in a bucket, by its URI, and the version of what is in it."""

import hashlib
import os
import re
import sqlite3
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import IO, Any, NamedTuple

from .datasets import Version

# A file in the folder with the hashes of all others, as `sha256sum` writes it. Where it is, nothing is read to tell the version.
SUMS = "SHA256SUMS"
# A file in the folder with what made the others of what. It says nothing of which data it is: another machine makes the same.
LINEAGE = "lineage.json"
_BLOCK = 1 << 20
# Packages that bring stores, by their protocol; they are extras in pyproject.toml.
_EXTRAS = {"gs": "gcs", "gcs": "gcs", "s3": "s3", "s3a": "s3"}
# A URI, or a part of one that is chained, with a login in it.
_LOGIN = re.compile(r"([\w.+-]+)://[^/@]*:[^/]*@")
# Protocols of fsspec that have a repository and a revision in that place: `github://ORGANIZATION:REPOSITORY@BRANCH/FOLDER`.
_REVISIONS = ("github", "git")


class File(NamedTuple):
    """A file of a folder, as its store lists it.

    Attributes:
        name: its path in the folder.
        size: in bytes.
        checksum: of its content, with its kind in front, such as `md5:…`; empty where the store knows none.
        generation: which of its versions it is, where the store counts them.
    """

    name: str
    size: int
    checksum: str = ""
    generation: str = ""


class Folder:
    """The files below a URI: a path, `gs://BUCKET/FOLDER`, `s3://…`, or whatever else fsspec knows.

    They are listed once, when somebody asks; their names are in memory, some hundred bytes each.

    Raises:
        ValueError: the URI has a password in it. It is not repeated.
    """

    def __init__(self, uri: str) -> None:
        logins = (_LOGIN.match(part) for part in uri.split("::"))
        if any(login and login[1] not in _REVISIONS for login in logins):
            raise ValueError(
                "the URI of the data has a password in it, which logs and runs would keep. Take it out: stores find a "
                "login in the environment or in the files of their own tools."
            )
        self.uri = uri.rstrip("/")

    @cached_property
    def files(self) -> list[File]:
        """All files, by name.

        Raises:
            FileNotFoundError: there are none, or a link leads nowhere.
            ValueError: something in the folder is no file, such as a pipe.
        """
        system, root = self._place()
        found = sorted(_local(root) if _is_local(system) else _remote(system, root))
        if not found:
            raise FileNotFoundError(f"there are no files below {self.uri}")
        return found

    def named(self, within: str, *suffixes: str) -> list[File]:
        """The files of a folder in this folder, with one of these suffixes, or with any; without what editors, notebooks and archives hide.

        Raises:
            FileNotFoundError: there are none.
        """
        begin = f"{within.strip('/')}/" if within.strip("/") else ""
        found = [
            file
            for file in self.files
            if file.name.startswith(begin)
            and file.name.lower().endswith(suffixes or "")
            and not _is_hidden(file.name[len(begin) :])
        ]
        if not found:
            kinds = ", ".join(suffixes) or "of any kind"
            raise FileNotFoundError(f"there are no files ({kinds}) below {self.uri}/{begin}")
        return found

    def read(self, names: Sequence[str]) -> list[bytes]:
        """The contents of some files, all at the same time where they are far away."""
        system, root = self._place()
        whole = [None] * len(names)
        read = system.cat_ranges([f"{root}/{name}" for name in names], whole, whole)
        for problem in read:
            if isinstance(problem, BaseException):
                raise problem
        return list(read)

    def open(self, name: str) -> IO[bytes]:
        """One file, to read from any place in it."""
        system, root = self._place()
        opened: IO[bytes] = system.open(f"{root}/{name}", "rb")
        return opened

    def version(self) -> Version:
        """The version of all that is in the folder.

        It is made of the checksums that the store lists, or that the file `SHA256SUMS` has. Elsewhere the files are read, in blocks; on this
        machine only those that were not read before.

        Raises:
            ValueError: `SHA256SUMS` is not about these files.
        """
        files = [file for file in self.files if file.name != SUMS]
        if len(files) < len(self.files):
            files = self._with_sums(files)
        digest, lines = hashlib.sha256(), []
        with closing(_Hashes()) as hashes:
            for file in files:
                if file.name == LINEAGE:
                    continue
                checksum = file.checksum or self._hashed(file, hashes)
                line = f"{checksum}  {file.size}  {file.name}\n"
                digest.update(line.encode("utf-8", "surrogateescape"))
                line = _printable(line)
                lines.append(f"{file.generation}  {line}" if file.generation else line)
        return Version(digest.hexdigest(), "".join(lines), self._lineage())

    def _lineage(self) -> str:
        there = any(file.name == LINEAGE for file in self.files)
        return self.read([LINEAGE])[0].decode("utf-8", "replace") if there else ""

    def _with_sums(self, files: list[File]) -> list[File]:
        text = self.read([SUMS])[0].decode("utf-8", "surrogateescape")
        sums = {}
        for number, line in enumerate(text.split("\n"), start=1):
            digest, _, name = line.strip().partition(" ")
            if name:
                sums[name.lstrip().removeprefix("*").removeprefix("./")] = digest
            elif digest:
                raise ValueError(
                    f"{self.uri}/{SUMS}, line {number}: {digest!r} is no hash with a name; make it again with `sha256sum`"
                )
        for names, what in (
            ({file.name for file in files} - sums.keys(), "does not name"),
            (sums.keys() - {file.name for file in files}, "names, and there is no"),
        ):
            if names:
                raise ValueError(
                    f"{self.uri}/{SUMS} {what} {min(names)}; make it again with `sha256sum`"
                )
        return [file._replace(checksum=f"sha256:{sums[file.name]}") for file in files]

    def _hashed(self, file: File, hashes: "_Hashes") -> str:
        system, root = self._place()
        path = f"{root}/{file.name}"
        state = Path(path).stat() if _is_local(system) else None
        known = hashes.get(path, state)
        if known:
            return known
        digest = hashlib.sha256()
        with self.open(file.name) as opened:
            while block := opened.read(_BLOCK):
                digest.update(block)
        made = f"sha256:{digest.hexdigest()}"
        hashes.put(path, state, made)
        return made

    def _place(self) -> tuple[Any, str]:
        """What reads the store, and the path in it. Asked anew each time: a worker must not use what this process opened."""
        import fsspec

        try:
            system, path = fsspec.url_to_fs(self.uri)
        except ImportError as problem:
            extra = _EXTRAS.get(self.uri.partition("://")[0])
            hint = f": `uv pip install -e '.[{extra}]'`" if extra else ""
            raise ImportError(f"{self.uri}: {problem}{hint}") from problem
        return system, str(path).rstrip("/")


class _Hashes:
    """Hashes of files of this machine that were read before, by all that changes when a file is written to."""

    def __init__(self) -> None:
        self._database: sqlite3.Connection | None = None
        place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "data-hashes.db")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(place, isolation_level=None)
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS hashes (path TEXT PRIMARY KEY, state TEXT, hash TEXT)"
            )
        except (OSError, sqlite3.Error):
            # Without a place to remember them, files are read each time.
            self.close()

    def get(self, path: str, state: os.stat_result | None) -> str | None:
        """The hash of a file that is as it was."""
        if self._database is None or state is None:
            return None
        query = "SELECT hash FROM hashes WHERE path = ? AND state = ?"
        found = self._database.execute(query, (_printable(path), _words(state))).fetchone()
        return found[0] if found else None

    def put(self, path: str, state: os.stat_result | None, made: str) -> None:
        """Remember a hash, unless the file was just written to: it could be again, unnoticed."""
        if self._database is None or state is None or time.time() - state.st_mtime < 2:
            return
        self._database.execute(
            "INSERT OR REPLACE INTO hashes VALUES (?, ?, ?)",
            (_printable(path), _words(state), made),
        )

    def close(self) -> None:
        """Remember no more."""
        if self._database is not None:
            self._database.close()
        self._database = None


def _words(state: os.stat_result) -> str:
    return f"{state.st_dev} {state.st_ino} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"


def _printable(name: str) -> str:
    """A name without bytes that are no UTF-8: neither a database nor a log takes them."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _is_hidden(name: str) -> bool:
    """Whether a file, or a folder on its path, has a name that hides it, such as `.ipynb_checkpoints` or `._a.png`."""
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _is_local(system: Any) -> bool:
    return "file" in ((system.protocol,) if isinstance(system.protocol, str) else system.protocol)


def _local(root: str) -> Iterator[File]:
    def fail(problem: OSError) -> None:
        """A folder that cannot be listed is not left out, unless it is the whole one that is not there."""
        missing = isinstance(problem, FileNotFoundError | NotADirectoryError)
        if missing and problem.filename == root:
            return
        if isinstance(problem, PermissionError):
            raise PermissionError(
                f"{problem.filename} cannot be listed: {problem.strerror}. Give yourself the right to read it, or take it out of the data."
            ) from problem
        raise problem

    for folder, inside, names in os.walk(root, onerror=fail, followlinks=True):
        if folder == root and "lost+found" in inside:
            # A disk has it at its top, for its own repair.
            inside.remove("lost+found")
        for name in names:
            path = Path(folder, name)
            state = path.stat()
            if not stat.S_ISREG(state.st_mode):
                raise ValueError(
                    f"{path} is no file, but a pipe, a socket or a device: take it out of the data"
                )
            yield File(path.relative_to(root).as_posix(), state.st_size)


def _remote(system: Any, root: str) -> Iterator[File]:
    for path, info in system.find(root, detail=True).items():
        name = str(path)[len(root) :].lstrip("/")
        if info["type"] == "file" and name:
            generation = info.get("generation") or info.get("VersionId") or ""
            yield File(name, info["size"] or 0, _checksum(info), str(generation))
    # What it remembers of each file is large.
    system.invalidate_cache(root)


def _checksum(info: dict[str, Any]) -> str:
    """What a store knows of the content of a file: Google's, Amazon's and Azure's names for it."""
    for key, kind in (("md5Hash", "md5"), ("crc32c", "crc32c"), ("ETag", "etag"), ("etag", "etag")):
        if info.get(key):
            return f"{kind}:{str(info[key]).strip(chr(34))}"
    return ""
