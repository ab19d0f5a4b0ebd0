"""The primitives, what is seen at a path, and errors in words."""

from __future__ import annotations

import ast
import errno
import os
import re
import threading
from pathlib import Path

import pytest

import mxdev
from mxdev.disk import fs

WRITERS = r"\.(write_bytes|write_text|unlink|rmdir|mkdir|touch|symlink_to|hardlink_to|chmod|rename)\(|os\.(replace|rename|remove|link|symlink|truncate|fsync)\(|shutil\.(move|rmtree|copy)"


def test_nothing_else_of_the_disk_layer_writes() -> None:
    folder = Path(mxdev.__file__).parent
    for name in (
        "disk/apply",
        "disk/journal",
        "disk/journal_format",
        "disk/targets",
        "disk/recovery",
        "disk/new_project",
        "disk/session",
        "disk/locks/lock",
        "disk/paths",
        "commands/recover",
    ):
        source = (folder / f"{name}.py").read_text()
        calls = [line for line in source.splitlines() if re.search(WRITERS, line)]
        assert [line for line in calls if not re.search(r"(disk|fs\.current\(\))\.", line)] == [], name


def test_no_heavy_import_on_the_way_to_the_disk() -> None:
    folder = Path(mxdev.__file__).parent
    heavy = {
        "filelock",
        "jinja2",
        "yaml",
        "rich",
        "tomlkit",
        "shutil",
        "tempfile",
        "logging",
        "subprocess",
        "click",
    }
    for name in (
        "disk/fs",
        "disk/apply",
        "disk/journal",
        "disk/journal_format",
        "disk/targets",
        "system/signals",
        "disk/recovery",
        "disk/new_project",
        "disk/locks/lock",
        "disk/paths",
    ):
        tree = ast.parse((folder / f"{name}.py").read_text())
        for node in tree.body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not heavy & {imported.split(".")[0] for imported in names}, name


def test_a_new_file_takes_nobodys_place(tmp_path: Path) -> None:
    disk = fs.FileSystem()
    (tmp_path / "link").symlink_to("elsewhere")
    (tmp_path / "file").write_bytes(b"theirs")
    for name in ("link", "file"):
        with pytest.raises(FileExistsError):
            disk.write_new(str(tmp_path / name), b"x")
    assert (tmp_path / "file").read_bytes() == b"theirs"
    assert not (tmp_path / "elsewhere").exists()


def test_large_and_empty_files(tmp_path: Path) -> None:
    disk = fs.FileSystem()
    for number, data in enumerate((b"", b"x" * 5_000_000)):
        disk.write_new(str(tmp_path / str(number)), data)
        assert (tmp_path / str(number)).read_bytes() == data


def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data[:3])))
    fs.FileSystem().write_new(str(tmp_path / "a"), b"0123456789")
    assert (tmp_path / "a").read_bytes() == b"0123456789"


@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_every_path_is_synced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    synced: list[int] = []
    lock = threading.Lock()

    def note(descriptor: int) -> None:
        with lock:
            synced.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", note)
    paths = [tmp_path / str(number) for number in range(count)]
    for path in paths:
        path.write_bytes(b"x")
    fs.FileSystem().sync_files([str(path) for path in paths])
    assert sorted(synced) == sorted(path.stat().st_ino for path in paths)


def test_a_sync_that_fails_beside_others_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "7"
    for number in range(20):
        (tmp_path / str(number)).write_bytes(b"x")

    def fail(descriptor: int) -> None:
        if os.fstat(descriptor).st_ino == bad.stat().st_ino:
            raise OSError(errno.EIO, "io")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="io"):
        fs.FileSystem().sync_files([str(tmp_path / str(number)) for number in range(20)])


@pytest.mark.parametrize(("number", "raised"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_folders_that_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, raised: bool
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(os, "fsync", fail)
    if raised:
        with pytest.raises(OSError, match="no"):
            fs.FileSystem().sync_folder(str(tmp_path))
    else:
        fs.FileSystem().sync_folder(str(tmp_path))


def test_look(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert fs.look(str(path)) == fs.ABSENT
    assert fs.mark(str(path)) == ()
    path.write_bytes(b"x")
    path.chmod(0o750)
    seen = fs.look(str(path))
    assert (seen.kind, seen.data, seen.mode) == ("file", b"x", 0o750)
    assert seen.sha256 == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    assert seen.mark == fs.mark(str(path))
    assert fs.look(str(path / "below")) == fs.ABSENT
    assert fs.look(str(tmp_path)).kind == "a folder"
    (tmp_path / "link").symlink_to("a")
    assert fs.look(str(tmp_path / "link")).kind == "a symbolic link"
    os.mkfifo(tmp_path / "pipe")
    assert fs.look(str(tmp_path / "pipe")).kind == "a pipe"


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b"y"),
        lambda path: path.chmod(0o600),
        lambda path: (path.rename(f"{path}.old"), path.write_bytes(b"x")),
        lambda path: path.unlink(),
    ],
)
def test_the_mark_changes_with_the_file(tmp_path: Path, change: object) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    os.utime(path, (1, 1))
    before = fs.mark(str(path))
    change(path)  # type: ignore[operator]
    assert fs.mark(str(path)) != before


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO, errno.EXDEV, errno.EDQUOT]
)
def test_errors_in_words(number: int) -> None:
    error = fs.explain(OSError(number, os.strerror(number)), "write", "/a/b", after="Nothing was changed.")
    assert error.message.startswith("Cannot write /a/b: ")
    assert error.message.endswith(" Nothing was changed.")
    assert "Errno" not in str(error)
    assert error.hint
    assert error.code == 4


@pytest.mark.parametrize(
    ("files", "left", "blocks", "says"),
    [(1000, 0, 9999, "takes no more files"), (1000, 0, 0, "is full"), (1000, 900, 9999, "is full"), (0, 0, 9999, "is full")],
)  # fmt: skip
def test_a_disk_that_takes_no_more_files_is_not_called_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, left: int, blocks: int, says: str
) -> None:
    """`df` shows room there; the last row is a file system that counts no files."""
    asked = []

    def answer(place: object) -> object:
        asked.append(place)
        return os.statvfs_result((4096, 4096, 10000, blocks, blocks, files, left, left, 0, 255))

    monkeypatch.setattr(os, "statvfs", answer)
    error = fs.explain(OSError(errno.ENOSPC, "x"), "write", tmp_path / "none" / "a")
    assert says in error.message
    assert asked == [tmp_path]
