"""Runs inside the project's interpreter, as a script: files between a folder of this machine and a folder of the data bucket.

Only the standard library and fsspec are there; mx itself is not. The job is JSON on stdin, the answer goes to the file that it
names, progress to stderr.

A folder is complete when it has the file `SHA256SUMS`, which is written last, and which the project's loader makes the version
of the data from. What is there already, with the same content, is left alone: an upload that was killed goes on.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

SUMS = "SHA256SUMS"
PART = ".mx-part"
_BLOCK = 1 << 20


class Problem(Exception):
    """What a person must know; it becomes the answer."""


class Store:
    """The files below a URI that fsspec knows: `gs://…`, `s3://…`, or a folder of this machine."""

    def __init__(self, uri: str) -> None:
        import fsspec

        self.uri = uri.rstrip("/")
        self.system, root = fsspec.url_to_fs(self.uri)
        self._root = str(root).rstrip("/")
        protocols = self.system.protocol
        self.local = "file" in ((protocols,) if isinstance(protocols, str) else protocols)

    def path(self, name: str) -> str:
        """Where a file lies, in the store's own words."""
        return f"{self._root}/{name}"

    def files(self, folder: str) -> dict[str, dict[str, Any]]:
        """The files below a folder, by their path in it, with what the store says of each."""
        self.system.invalidate_cache()
        root = self.path(folder).rstrip("/")
        try:
            found = self.system.find(root, detail=True)
        except FileNotFoundError:
            return {}
        names = {str(path)[len(root) :].lstrip("/"): info for path, info in found.items()}
        return {
            name: info
            for name, info in names.items()
            if name and info["type"] == "file" and not name.endswith(PART)
        }

    def read(self, name: str) -> bytes:
        """A whole file."""
        content: bytes = self.system.cat_file(self.path(name))
        return content

    def write(self, name: str, content: bytes) -> None:
        """A whole file, at once or not at all."""
        if self.local:
            _replace(Path(self.path(name)), lambda part: part.write_bytes(content))
        else:
            self.system.pipe_file(self.path(name), content)

    def put(self, file: Path, name: str) -> None:
        """Upload a file, at once or not at all."""
        if self.local:
            _replace(Path(self.path(name)), lambda part: shutil.copyfile(file, part))
        else:
            self.system.put_file(str(file), self.path(name))

    def copy(self, source: str, target: str) -> None:
        """Copy a file of the store within it."""
        if self.local:
            self.put(Path(self.path(source)), target)
        else:
            self.system.cp_file(self.path(source), self.path(target))

    def get(self, name: str, file: Path) -> None:
        """Download a file."""
        self.system.get_file(self.path(name), str(file))

    def remove(self, name: str) -> None:
        """Delete a file, if it is there."""
        if self.system.exists(self.path(name)):
            self.system.rm_file(self.path(name))

    def sha256(self, name: str) -> str:
        """The hash of a file, which is read for it."""
        digest = hashlib.sha256()
        with self.system.open(self.path(name), "rb") as opened:
            while block := opened.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()

    def sums(self, folder: str, files: Mapping[str, Any]) -> dict[str, str]:
        """What `SHA256SUMS` of a folder says; empty without one."""
        if SUMS not in files:
            return {}
        lines = self.read(f"{folder}/{SUMS}").decode("utf-8").splitlines()
        entries = (line.split(maxsplit=1) for line in lines if line.strip())
        return {name.removeprefix("*").removeprefix("./"): digest for digest, name in entries}

    def seal(self, folder: str, sums: Mapping[str, str]) -> None:
        """Write `SHA256SUMS`: the folder is complete. What a killed upload left half-written goes first."""
        if self.local:
            for left in Path(self.path(folder)).rglob(f"*{PART}"):
                left.unlink(missing_ok=True)
        text = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
        self.write(f"{folder}/{SUMS}", text.encode())

    def holds(
        self, folder: str, name: str, info: Mapping[str, Any], file: Path, sums: Mapping[str, str]
    ) -> bool:
        """Whether a file of the store has the content of one of this machine."""
        if int(info["size"] or 0) != file.stat().st_size:
            return False
        if name in sums:
            return sums[name] == digest_of(file)
        if told := _md5(info):
            if told == digest_of(file, "md5"):
                return True
            if info.get("md5Hash"):
                return False
        # Elsewhere an ETag may be anything.
        return self.sha256(f"{folder}/{name}") == digest_of(file)


def digest_of(file: Path, kind: str = "sha256") -> str:
    """The hash of a file of this machine."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, kind).hexdigest()


def _md5(info: Mapping[str, Any]) -> str:
    if told := info.get("md5Hash"):
        return base64.b64decode(told).hex()
    etag = str(info.get("ETag") or info.get("etag") or "").strip('"')
    return etag if re.fullmatch(r"[0-9a-f]{32}", etag) else ""


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}{PART}")
    try:
        write(part)
        with part.open("rb") as opened:
            os.fsync(opened.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def local_files(source: Path) -> dict[str, Path]:
    """What is uploaded of a folder, by its path there; hidden files stay, and so does an old `SHA256SUMS`."""
    if source.is_file():
        return {source.name: source}
    found = {
        path.relative_to(source).as_posix(): path for path in sorted(source.rglob("*")) if path.is_file()
    }
    kept = {
        name: path
        for name, path in found.items()
        if not any(part.startswith(".") for part in name.split("/")) and name != SUMS
    }
    for name in kept:
        if name != name.strip() or any(ord(letter) < 32 for letter in name):
            raise Problem(f"{source}/{name!r} has a name that SHA256SUMS cannot hold; rename it.")
    return kept


def upload(job: Mapping[str, Any]) -> dict[str, Any]:
    """Bring files to the bucket. With `look`, only say what would be done."""
    store, folder = Store(job["uri"]), job["folder"]
    mine = local_files(Path(job["path"]))
    if not mine:
        raise Problem(f"there are no files below {job['path']}.")
    there = store.files(folder)
    sums = store.sums(folder, there)
    missing = [name for name in mine if name not in there]
    other = [
        name
        for name in mine
        if name in there and not store.holds(folder, name, there[name], mine[name], sums)
    ]
    unsealed = set(there) - {SUMS} != set(sums)
    answer = {
        "files": len(mine),
        "new": len(missing),
        "other": other,
        "complete": not (missing or other or unsealed),
    }
    if job["look"] or (other and not job["replace"]):
        return answer
    if other:
        # A version that is no longer true must not be read.
        store.remove(f"{folder}/{SUMS}")
    for number, name in enumerate([*missing, *other], start=1):
        store.put(mine[name], f"{folder}/{name}")
        say(f"{number} of {len(missing) + len(other)}: {name}")
    there = store.files(folder)
    for name in [*missing, *other]:
        if name not in there or not store.holds(folder, name, there[name], mine[name], {}):
            raise Problem(
                f"{store.uri}/{folder}/{name} is not what was uploaded: it changed meanwhile, here or there."
            )
    known = {name: digest for name, digest in sums.items() if name in there and name not in other}
    whole = {
        name: digest_of(mine[name]) if name in mine else known.get(name) or store.sha256(f"{folder}/{name}")
        for name in there
        if name != SUMS
    }
    store.seal(folder, whole)
    return answer


def list_files(job: Mapping[str, Any]) -> dict[str, Any]:
    """What is in the bucket: its folders, or the files of one."""
    store, folder = Store(job["uri"]), job["folder"]
    there = store.files(folder)
    if folder:
        return {
            "files": [{"name": name, "size": int(info["size"] or 0)} for name, info in sorted(there.items())]
        }
    found: dict[str, dict[str, Any]] = {}
    sealed = {str(PurePosixPath(name).parent) for name in there if name.rpartition("/")[2] == SUMS}
    for name, info in there.items():
        parents = [str(parent) for parent in PurePosixPath(name).parents if str(parent) != "."]
        top = next((parent for parent in parents if parent in sealed), parents[-1] if parents else ".")
        row = found.setdefault(top, {"name": top, "files": 0, "size": 0, "complete": top in sealed})
        if name.rpartition("/")[2] != SUMS:
            row["files"] += 1
            row["size"] += int(info["size"] or 0)
    return {"folders": [found[name] for name in sorted(found)]}


def download(job: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a folder of the bucket here. With `look`, only say what would be done."""
    store, folder, target = Store(job["uri"]), job["folder"], Path(job["path"])
    there = store.files(folder)
    sums = store.sums(folder, there)
    names = [name for name in sorted(there) if name != SUMS]
    if not names:
        raise Problem(f"there are no files below {store.uri}/{folder}.")
    if lost := sorted(set(sums) - set(names)):
        raise Problem(f"{store.uri}/{folder}/{SUMS} names {lost[0]}, which is not there.")
    root = target.resolve()
    for name in names:
        if not (root / name).resolve().is_relative_to(root):
            raise Problem(f"{store.uri}/{folder} has a file called {name!r}, which lies outside of {target}.")
    missing = [name for name in names if not (target / name).exists()]
    other = [
        name
        for name in names
        if name not in missing and not store.holds(folder, name, there[name], target / name, sums)
    ]
    answer = {"files": len(names), "new": len(missing), "other": other, "complete": not (missing or other)}
    if job["look"] or (other and not job["replace"]):
        return answer
    for number, name in enumerate([*missing, *other], start=1):
        _replace(target / name, lambda part, name=name: _fetch(store, folder, name, part, sums))  # type: ignore[misc]
        say(f"{number} of {len(missing) + len(other)}: {name}")
    return answer


def _fetch(store: Store, folder: str, name: str, part: Path, sums: Mapping[str, str]) -> None:
    store.get(f"{folder}/{name}", part)
    if name in sums and sums[name] != digest_of(part):
        raise Problem(
            f"{store.uri}/{folder}/{name} is not the file that {SUMS} names: its hash is another one."
        )


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)


def answer(actions: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]) -> int:
    """Do the job that is on stdin, and write its answer."""
    job = json.loads(sys.stdin.read())
    told: dict[str, Any]
    try:
        told = actions[job["action"]](job)
    except Problem as problem:
        told = {"error": str(problem), "refused": True}
    except ImportError as problem:
        told = {"error": str(problem), "missing": problem.name or "", "uri": str(job.get("uri", ""))}
    except Exception as problem:
        told = {"error": f"{type(problem).__name__}: {problem}"}
    Path(job["answer"]).write_text(json.dumps(told), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(answer({"upload": upload, "list": list_files, "download": download}))
