"""What a repository brought is read as a file, or refused in words: nothing waits for a pipe, nothing reads without an end."""

from __future__ import annotations

import errno
import os
import signal
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from mxdev.system.files import plain


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    """An error instead of a wait without an end."""

    def over(number: int, frame: FrameType | None) -> None:
        raise TimeoutError("it waits")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_a_file_and_a_link_to_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a\r\nb\n")
    (tmp_path / "b").symlink_to("a")
    assert plain.read(tmp_path / "a") == plain.read(str(tmp_path / "b")) == b"a\r\nb\n"
    assert plain.text(tmp_path / "a") == "a\nb\n"


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "link to a device"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "x"
    os.mkfifo(tmp_path / "pipe")
    where = {"pipe": None, "link to a pipe": "pipe", "link to a device": "/dev/zero"}[kind]
    if where is None:
        place = tmp_path / "pipe"
    else:
        place.symlink_to(where)
    with pytest.raises(OSError, match="it is a pipe or a device, and no file") as problem:
        plain.read(place)
    assert (problem.value.errno, problem.value.filename) == (errno.EINVAL, str(place))


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    place = tmp_path / "large"
    place.touch()
    os.truncate(place, 1 << 40)  # it has holes only, and takes no room
    with pytest.raises(OSError, match=r"it is too large \(1048576 MB; mx reads 1024 MB\)"):
        plain.read(place)
    with pytest.raises(OSError, match="too large"):
        plain.read("/proc/self/status", 10)  # says that it has no bytes


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        plain.read(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        plain.read(tmp_path)
    with pytest.raises(OSError, match="cannot be that of a file"):
        plain.read(tmp_path / "a\0b")


# --- the project's own files --------------------------------------------------------------------------------------------

STATE = ("mx.yaml", ".mx/generators/SampleBase.yaml", ".mx/pristine/SampleBase/README.md.pristine",
         ".mx/pristine/SampleBase/shared.yaml.sections.pristine", ".mx/overrides/shared.yaml", "shared.yaml", "README.md",
         ".mx/journal/committed", ".mx/undo/last", ".mx/lock", ".git")  # fmt: skip
COMMANDS = (("status",), ("diff",), ("update", "--dry-run"), ("undo", "--no-input"), ("update", "--no-input", "--on-conflict", "keep"))  # fmt: skip


@pytest.mark.parametrize("path", STATE)
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_no_command_waits_or_fails(mx: object, project: Path, path: str, kind: str) -> None:
    place = project / path
    place.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(place):
        place.rename(project.parent / "aside")
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("/dev/zero")
    for command in COMMANDS:
        assert callable(mx)
        result = mx(*command, cwd=project)
        assert result.code in (0, 1, 4), (command, result.err)


def test_memory_is_taken_for_what_is_there(tmp_path: Path) -> None:
    """In a container with little of it, each read would otherwise fail."""
    (tmp_path / "a").write_bytes(b"a" * 1000)
    tracemalloc.start()
    try:
        assert plain.read(tmp_path / "a") == b"a" * 1000
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_file_whose_system_knows_no_size_is_read_whole() -> None:
    """Such as those of /proc, and one that grows while it is read."""
    data = plain.read("/proc/self/environ")
    assert len(data) > 1 << 8
    assert data == Path("/proc/self/environ").read_bytes()
    with pytest.raises(OSError, match="too large"):
        plain.read("/proc/self/environ", largest=10)
