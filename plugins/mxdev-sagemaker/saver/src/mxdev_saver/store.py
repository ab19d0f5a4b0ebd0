"""The store: what a person calls."""

from __future__ import annotations

import builtins
import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from mxdev_saver import kinds
from mxdev_saver.bucket import ASIDE, Bucket, Listed
from mxdev_saver.errors import Ambiguous, NotFound, SaverError
from mxdev_saver.index import Index
from mxdev_saver.matching import parsed, ranked
from mxdev_saver.model import Hit, Version

_CANDIDATES = 300
_NOTHING: Any = object()


class Saver:
    """Files and their versions below `prefix` in a bucket that keeps versions.

    Args:
        bucket: its name; by default what SAVER_BUCKET says.
        prefix: what all keys begin with, such as `iris/`; by default what SAVER_PREFIX says, or nothing.
        client: boto3's client of S3; made where it is needed.
        index: the file of the index; by default one for each bucket and prefix in the user's cache folder.
        part_size: files above this many bytes go in parts of it; 5 MiB or more.

    Raises:
        SaverError: no bucket is named.
    """

    def __init__(
        self, bucket: str = "", *, prefix: str | None = None, client: Any = None, index: Path | str | None = None,
        part_size: int = 16 << 20,
    ) -> None:  # fmt: skip
        name = bucket or os.environ.get("SAVER_BUCKET", "")
        if not name:
            raise SaverError("no bucket is named: set SAVER_BUCKET, or call saver.use(bucket=...)")
        prefix = os.environ.get("SAVER_PREFIX", "") if prefix is None else prefix
        prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        if client is None:
            import boto3

            client = boto3.client("s3")
        self._bucket = Bucket(client, name, prefix, part_size)
        self._index = Index(Path(index) if index else _index_of(client, name, prefix))

    def put(
        self, filename: str, *, dataframe: Any = _NOTHING, object: Any = _NOTHING, path: str | Path | None = None,
        stream: IO[bytes] | None = None, metadata: Mapping[str, Any] | None = None, expect: str | Version | None = None,
    ) -> Version:  # fmt: skip
        """Store a new version of a file.

        Args:
            filename: its name in the bucket, with `/` for folders; for a frame or an object its ending says how it is stored.
            dataframe: a pandas DataFrame, to `.parquet` or `.csv`.
            object: what `.json`, `.txt`, `.pkl`, `.joblib`, `.pt`, `.keras`, `.onnx`, `.npy`, `.npz` hold; or bytes, under any name.
            path: a file on this machine, stored as it is.
            stream: something to read bytes from, stored as they come.
            metadata: what to find it by; anything that JSON can say.
            expect: the version that must still be the latest, or `""` for a file that must be new: for writers that build on
                what they read.

        Returns:
            the version that was stored.

        Raises:
            Changed: `expect` is not the latest version.
            SaverError: the name or the metadata cannot be stored, or more or less than one thing is given.
        """
        _check(filename)
        given = [dataframe is not _NOTHING, object is not _NOTHING, path is not None, stream is not None]
        if sum(given) != 1:
            raise SaverError(f"{filename}: give one of dataframe=, object=, path=, stream=")
        if not isinstance(metadata, Mapping | None):
            raise SaverError(
                f"{filename}: metadata is a mapping of keys, and this is a {type(metadata).__name__}"
            )
        said = dict(metadata or {})
        with ExitStack() as stack:
            kind = kinds.AS_IT_IS
            if path is not None:
                file: IO[bytes] = stack.enter_context(Path(path).open("rb"))
            elif stream is not None:
                file = stack.enter_context(tempfile.TemporaryFile())
                while chunk := stream.read(1 << 20):
                    file.write(chunk)
            else:
                whole = dataframe is not _NOTHING
                value = dataframe if whole else object
                kind = kinds.of_frame(filename) if whole else kinds.of_object(filename, value)
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="saver-"))
                # Frameworks look at the ending too.
                written = Path(folder) / ("object" + "".join(Path(filename).suffixes[-1:]))
                try:
                    kind.write(value, written)
                except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
                    what = f"this {type(value).__name__} cannot be stored as {kind.name}"
                    raise SaverError(f"{filename}: {what}: {error}") from error
                file = stack.enter_context(written.open("rb"))
            expected = expect.id if isinstance(expect, Version) else expect
            identity = self._bucket.put(filename, file, kind.name, said, expected)
        version = self._bucket.about(filename, identity, latest=True)
        self._index.add(version)
        return version

    def get(
        self, filename: str | None = None, *, search_pattern: str | None = None, version: str | Version | None = None,
        path: str | Path | None = None, trusted: bool = False,
    ) -> Any:  # fmt: skip
        """What was stored: the latest version of a file, an old one, or the best match of a search.

        Args:
            filename: its name.
            search_pattern: words and `key=value` terms, as in `search`; with a filename, among the versions of that file.
            version: an id that `versions` lists.
            path: write the bytes there, whatever they are, instead of making an object of them; for large files.
            trusted: whether code that the file names may run; pickles and whole PyTorch models need it.

        Returns:
            the object; bytes for what was stored with path= or stream=; the path with path=.

        Raises:
            NotFound: there is nothing like that.
            Ambiguous: several files match equally well.
            Damaged: the bytes are not those that were stored.
            Untrusted: reading would run code, and `trusted` is not set.
        """
        if search_pattern is not None:
            if version is not None:
                raise SaverError("give search_pattern= or version=, not both")
            best = self._best(search_pattern, filename)
            filename, version = best.filename, best
        if filename is None:
            raise SaverError("give filename= or search_pattern=")
        _check(filename)
        identity = version.id if isinstance(version, Version) else version
        if path is not None:
            return self._download(filename, identity, Path(path))
        with tempfile.TemporaryDirectory(prefix="saver-") as folder:
            written = Path(folder) / ("object" + "".join(Path(filename).suffixes[-1:]))
            with written.open("wb") as file:
                found = self._bucket.read(filename, identity, file)
            return kinds.read(found.kind, written, trusted=trusted)

    def _download(self, filename: str, identity: str | None, path: Path) -> Path:
        """Nothing stands at `path` that was not compared with its hash."""
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                self._bucket.read(filename, identity, file)
            part.chmod(0o644)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return path

    def _best(self, pattern: str, filename: str | None) -> Version:
        hits = self.search(pattern, filename=filename, all_versions=filename is not None, limit=20)
        if not hits:
            raise NotFound(f"nothing matches {pattern!r}; search() takes words that are spelled nearly right")
        equal = {hit.version.filename for hit in hits if hit.score == hits[0].score}
        if len(equal) > 1:
            raise Ambiguous(
                f"{pattern!r} matches {', '.join(sorted(equal))} equally well: add a word, or name one"
            )
        return hits[0].version

    def search(
        self, pattern: str, *, filename: str | None = None, all_versions: bool = False, limit: int = 20, refresh: bool = True
    ) -> builtins.list[Hit]:  # fmt: skip
        """What matches, the best first.

        Args:
            pattern: words, each found in the name or the metadata or nearly so; and `key=value` terms, which hold exactly
                (`a.b=1` for what is nested).
            filename: among the versions of this file only.
            all_versions: not only in the latest of each file.
            limit: at most so many.
            refresh: ask the bucket first what is new; without, only what this machine has seen is found.

        Raises:
            SaverError: the pattern names nothing.
        """
        pairs, words = parsed(pattern)
        if refresh:
            self.refresh()
        candidates = max(limit, _CANDIDATES) if words else limit
        found = self._index.matching(pairs, words, filename, all_versions=all_versions, limit=candidates)
        return ranked(found, words)[:limit]

    def refresh(self) -> int:
        """Bring the index up to date with the bucket; returns how many versions were new to it."""
        return self._index.refresh(self._bucket.versions(), self._about)

    def versions(self, filename: str) -> builtins.list[Version]:
        """All versions of a file, the newest first; none of them is the latest when the file was deleted.

        Raises:
            NotFound: there never was such a file.
        """
        _check(filename)
        with ThreadPoolExecutor(8) as pool:
            # One whose metadata is gone is listed all the same: its bytes can be read.
            found = list(
                pool.map(
                    lambda one: self._bucket.about(one.filename, one.id, latest=one.latest, lost=True),
                    self._bucket.versions(filename),
                )
            )
        if not found:
            raise NotFound(f"{filename}: no such file in s3://{self._bucket.name}/{self._bucket.prefix}")
        return found

    def about(self, filename: str, version: str | Version | None = None) -> Version:
        """What is known of a version without reading it: of the latest, or of another.

        `get(filename, version=about(filename))` reads exactly what was told, also if somebody stores another one meanwhile.

        Raises:
            NotFound: there is no such file, or no such version.
        """
        _check(filename)
        identity = version.id if isinstance(version, Version) else version
        latest = identity is None or any(
            one.latest and one.id == identity for one in self._bucket.versions(filename)
        )
        return self._bucket.about(filename, identity, latest=latest)

    def _about(self, one: Listed) -> Version:
        return self._bucket.about(one.filename, one.id, latest=one.latest)

    def list(self) -> builtins.list[str]:
        """The names of the files, sorted; without those that were deleted."""
        return sorted(one.filename for one in self._bucket.versions() if one.latest)

    def restore(self, filename: str, version: str | Version) -> Version:
        """Make an old version the latest again: as a new version, so that nothing is lost.

        Raises:
            NotFound: there is no such version.
        """
        _check(filename)
        identity = version.id if isinstance(version, Version) else version
        old = self._bucket.about(filename, identity, latest=False)
        now = self._bucket.about(filename, self._bucket.copy(old), latest=True)
        self._index.add(now)
        return now

    def delete(self, filename: str) -> None:
        """Hide a file from `get`, `list` and `search`; its versions stay, and `restore` brings it back.

        Raises:
            NotFound: there is no such file.
        """
        _check(filename)
        self._bucket.delete(filename)


def _check(filename: str) -> None:
    if not isinstance(filename, str):
        raise SaverError(f"{filename!r} is no name of a file, but a {type(filename).__name__}")
    bad = not filename or filename.startswith(("/", ASIDE)) or filename.endswith("/")
    if bad or re.search(r"[\x00-\x1f]|(^|/)\.{0,2}(/|$)", filename) or len(filename.encode()) > 900:
        raise SaverError(
            f"{filename!r} is no name of a file: give one such as models/iris.onnx, at most 900 bytes long"
        )


def _index_of(client: Any, bucket: str, prefix: str) -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    where = hashlib.sha256(f"{client.meta.endpoint_url}\n{bucket}\n{prefix}".encode()).hexdigest()[:12]
    return Path(cache) / "mxdev-saver" / f"{bucket}-{where}.sqlite"
