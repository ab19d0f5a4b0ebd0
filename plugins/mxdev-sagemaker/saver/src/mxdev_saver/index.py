"""What is in the bucket, in SQLite on this machine, so that metadata can be searched.

It holds nothing of its own: what it does not know yet is read from the bucket, what is gone there goes here, and without the file all is read
anew. Any number of processes may use one.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from mxdev_saver.bucket import Listed
from mxdev_saver.errors import Damaged, NotFound
from mxdev_saver.model import Version

_FORMAT = 1
_TABLES = """
CREATE TABLE version (
  id INTEGER PRIMARY KEY, filename TEXT NOT NULL, version TEXT NOT NULL, latest INTEGER NOT NULL, size INTEGER NOT NULL,
  stored TEXT NOT NULL, kind TEXT NOT NULL, sha256 TEXT NOT NULL, metadata TEXT NOT NULL, UNIQUE (filename, version)
);
CREATE TABLE pair (version INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL);
CREATE INDEX pair_by_key ON pair (key, value);
CREATE INDEX pair_by_version ON pair (version);
CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = 'trigram');
"""
_AT_ONCE = 500
_READERS = 16


def flat(metadata: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Keys and values as they are searched: `{"a": {"b": [1, true]}}` is `a.b=1` and `a.b=true`."""
    for key, value in metadata.items():
        name = f"{before}{key}"
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, Mapping):
                yield from flat(one, f"{name}.")
            else:
                yield name, one if isinstance(one, str) else json.dumps(one)


class Index:
    """The index in the file at `path`, which is made when it is first needed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._process = 0

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """One connection for all threads of the process: opening and closing costs more than a question."""
        with self._lock:
            # A file that was removed is made anew, and a process that was forked has a connection of its own.
            if self._connection is None or self._process != os.getpid() or not self.path.exists():
                self._connection, self._process = _connected(self.path), os.getpid()
            yield self._connection

    def refresh(self, listed: Iterable[Listed], about: Callable[[Listed], Version]) -> int:
        """Make the index say what the bucket says.

        Args:
            listed: all versions in the bucket.
            about: asks the bucket for one; called from several threads, for those only that the index does not know.

        Returns:
            how many were new.
        """
        with self._open() as connection:
            known = {
                (filename, version): (number, bool(latest))
                for number, filename, version, latest in connection.execute(
                    "SELECT id, filename, version, latest FROM version"
                )
            }
            # Listed after what is known: what another process adds meanwhile is not taken for gone.
            there = {(one.filename, one.id): one for one in listed}
            with _writing(connection):
                for key in known.keys() - there.keys():
                    _remove(connection, known[key][0])
                for key in known.keys() & there.keys():
                    if known[key][1] != there[key].latest:
                        connection.execute(
                            "UPDATE version SET latest = ? WHERE id = ?", (there[key].latest, known[key][0])
                        )
            # A listing has the newest first, and S3 knows no fractions of a second: a higher number is a newer version.
            new = [one for key, one in reversed(there.items()) if key not in known]
            count = 0
            with ThreadPoolExecutor(_READERS) as pool:
                for start in range(0, len(new), _AT_ONCE):
                    read = list(pool.map(lambda one: _or_none(about, one), new[start : start + _AT_ONCE]))
                    with _writing(connection):
                        for version in read:
                            if version is not None:
                                _add(connection, version)
                                count += 1
            return count

    def add(self, version: Version) -> None:
        """Note a version that was stored just now. Which is the latest, the next refresh will say."""
        with self._open() as connection, _writing(connection):
            _add(connection, version)

    def matching(
        self, pairs: Iterable[tuple[str, str]], words: Iterable[str], filename: str | None, *, all_versions: bool, limit: int
    ) -> list[Version]:  # fmt: skip
        """Versions that have all `pairs` and something of any of `words`, the newest first.

        Those that have more of them, and rarer ones, are among the first `limit`.
        """
        where, values = [], []
        for key, value in pairs:
            where.append("v.id IN (SELECT version FROM pair WHERE key = ? AND value = ? COLLATE NOCASE)")
            values += [key, value]
        if filename is not None:
            where.append("v.filename = ?")
            values.append(filename)
        if not all_versions:
            where.append("v.latest")
        grams = sorted({word[at : at + 3] for word in words for at in range(len(word) - 2)})
        source, order = "version v", "v.stored DESC, v.id DESC"
        if grams:
            source, order = "words JOIN version v ON v.id = words.rowid", "words.rank, v.id DESC"
            where.insert(0, "words MATCH ?")
            values.insert(0, " OR ".join('"' + gram.replace('"', '""') + '"' for gram in grams))
        for word in words:
            if len(word) < 3:
                where.append("v.id IN (SELECT rowid FROM words WHERE text LIKE ? ESCAPE '\\')")
                values.append("%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%")
        # Only the constants above go into the text; what a person typed goes in beside it.
        question = (
            "SELECT filename, version, size, stored, kind, sha256, metadata, latest FROM ("  # noqa: S608
            f"SELECT v.* FROM {source} WHERE {' AND '.join(where) or '1'} ORDER BY {order} LIMIT ?"
            ") ORDER BY stored DESC, id DESC"
        )
        with self._open() as connection:
            return [_version(row) for row in connection.execute(question, [*values, limit])]


def _connected(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    # A crash of the machine may cost the last entries, which the bucket still has.
    connection.execute("PRAGMA synchronous = NORMAL")
    if _format(connection) != _FORMAT:
        with _writing(connection):
            # Another process may have made the tables meanwhile.
            if _format(connection) != _FORMAT:
                for table in ("version", "pair", "words"):
                    connection.execute(f"DROP TABLE IF EXISTS {table}")
                for statement in _TABLES.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_FORMAT}")
    return connection


def _format(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _or_none(about: Callable[[Listed], Version], one: Listed) -> Version | None:
    try:
        return about(one)
    except (NotFound, Damaged):  # removed since it was listed, or of a writer whose metadata nobody can read
        return None


def _add(connection: sqlite3.Connection, version: Version) -> None:
    """Another process may have added it meanwhile."""
    found = connection.execute(
        "SELECT id FROM version WHERE filename = ? AND version = ?", (version.filename, version.id)
    ).fetchone()
    if found:
        return
    if version.latest:
        connection.execute("UPDATE version SET latest = 0 WHERE filename = ?", (version.filename,))
    number = connection.execute(
        "INSERT INTO version (filename, version, latest, size, stored, kind, sha256, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (version.filename, version.id, version.latest, version.size, version.stored.isoformat(), version.kind, version.sha256,
         json.dumps(version.metadata)),
    ).lastrowid  # fmt: skip
    pairs = list(flat(version.metadata))
    connection.executemany(
        "INSERT INTO pair VALUES (?, ?, ?)", [(number, key, value) for key, value in pairs]
    )
    words = " ".join([version.filename, *(f"{key} {value}" for key, value in pairs)])
    connection.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, words.lower()))


def _remove(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("DELETE FROM version WHERE id = ?", (number,))
    connection.execute("DELETE FROM pair WHERE version = ?", (number,))
    connection.execute("DELETE FROM words WHERE rowid = ?", (number,))


def _version(row: tuple[Any, ...]) -> Version:
    filename, version, size, stored, kind, sha256, metadata, latest = row
    return Version(
        filename,
        version,
        size,
        datetime.fromisoformat(stored),
        kind,
        sha256,
        json.loads(metadata),
        bool(latest),
    )
