"""Files that appear whole or not at all, here or in a bucket."""

import os
from pathlib import Path
from typing import Any

SUMS = "SHA256SUMS"
PART = ".mx-part"


def write(uri: str, content: bytes) -> None:
    """Write a file; one that is there is replaced."""
    system, path = _place(uri)
    if not is_local(system):
        system.pipe_file(path, content)
        return
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}{PART}")
    try:
        part.write_bytes(content)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def read(uri: str) -> bytes | None:
    """A whole file; None: it is not there."""
    system, path = _place(uri)
    system.invalidate_cache()
    try:
        content: bytes = system.cat_file(path)
    except FileNotFoundError:
        return None
    return content


def keep_only(uri: str, names: set[str]) -> None:
    """Delete what else is in a folder, such as what a run that was killed left there."""
    system, path = _place(uri)
    system.invalidate_cache()
    try:
        found = system.find(path)
    except FileNotFoundError:
        return
    for file in found:
        if str(file)[len(path) :].lstrip("/") not in names:
            system.rm_file(file)


def seal(uri: str, sums: dict[str, str]) -> None:
    """Write the hashes of all files of a folder, by name. With them the folder is complete."""
    keep_only(uri, {*sums, SUMS})
    text = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    write(f"{uri}/{SUMS}", text.encode())


def is_local(system: Any) -> bool:
    """Whether a file system is this machine's."""
    return "file" in ((system.protocol,) if isinstance(system.protocol, str) else system.protocol)


def _place(uri: str) -> tuple[Any, str]:
    """What reads the store, and the path in it. Asked anew each time: a worker must not use what another process opened."""
    import fsspec

    system, path = fsspec.url_to_fs(uri)
    return system, str(path).rstrip("/")
