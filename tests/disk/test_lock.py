"""One writer at a time; the second one is told who the first is."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import pytest
from disks import FailingFS

from mxdev.disk import fs
from mxdev.disk.locks import lock, lock_file
from mxdev.errors import MxError, Refused

HOLD = "import sys, time\nfrom pathlib import Path\nfrom mxdev.disk.locks import lock\nwith lock.hold(Path(sys.argv[1])):\n print('held', flush=True)\n time.sleep(60)"


@contextmanager
def holder(root: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(root)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".mx").mkdir()
    return tmp_path


def test_a_second_process_is_told_who_holds_it(root: Path) -> None:
    with holder(root) as process:
        start = time.monotonic()
        with pytest.raises(Refused) as caught, lock.hold(root, wait=0.3):
            raise AssertionError("not reached")
        assert 0.3 <= time.monotonic() - start < 3
        said = str(caught.value)
        assert f"process {process.pid} " in said
        assert time.strftime("%Y-%m-%d") in said
        assert "mx" in said
        assert str(root) in said


def test_the_lock_of_a_dead_process_is_no_obstacle(root: Path) -> None:
    with holder(root) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with lock.hold(root, wait=0):
            pass


def test_it_waits_for_the_first_to_end(root: Path) -> None:
    child = os.fork()
    if child == 0:
        with lock.hold(root):
            (root / "started").touch()
            time.sleep(0.3)
            (root / "ended").touch()
        os._exit(0)
    while not (root / "started").exists():
        time.sleep(0.005)
    with lock.hold(root, wait=10):
        assert (root / "ended").exists()
    os.waitpid(child, 0)


def test_processes_never_overlap(root: Path) -> None:
    counter, children = root / "counter", []
    counter.write_text("0")
    for _ in range(6):
        child = os.fork()
        if child == 0:
            for _ in range(20):
                with lock.hold(root, wait=30):
                    number = int(counter.read_text())
                    time.sleep(0.0005)
                    counter.write_text(str(number + 1))
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
    assert counter.read_text() == "120"


def test_it_excludes_the_filelock_package_and_is_excluded_by_it(root: Path) -> None:
    theirs = filelock.FileLock(root / ".mx/lock")
    with lock.hold(root), pytest.raises(filelock.Timeout):
        theirs.acquire(timeout=0)
    with theirs, pytest.raises(Refused), lock.hold(root, wait=0):
        pass


class NoLocks:
    """A double of fcntl on a file system without locks."""

    LOCK_EX, LOCK_NB, LOCK_SH = 2, 4, 1

    def __init__(self, number: int) -> None:
        self.number = number

    def flock(self, descriptor: int, how: int) -> None:
        raise OSError(self.number, os.strerror(self.number))


@pytest.fixture(params=[None, errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP], ids=str)
def no_flock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "fcntl", request.param and NoLocks(request.param))


def test_without_flock_a_file_stands_in_and_it_is_said(
    root: Path, no_flock: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with lock.hold(root):
        said = capsys.readouterr().err
        assert "has no locks" in said
        assert "one machine" in said
        with pytest.raises(Refused, match=f"process {os.getpid()} ") as caught, lock.hold(root, wait=0.1):
            pass
        assert str(root / lock_file.NAME) in (caught.value.hint or "")
    with lock.hold(root, wait=0):
        pass
    assert not (root / ".mx/journal").exists()


def test_without_flock_processes_never_overlap_and_a_dead_one_is_no_obstacle(
    root: Path, no_flock: None
) -> None:
    counter, children = root / "counter", []
    counter.write_text("0")
    for number in range(4):
        child = os.fork()
        if child == 0:
            for turn in range(5):
                with lock.hold(root, wait=60):
                    value = int(counter.read_text())
                    time.sleep(0.001)
                    counter.write_text(str(value + 1))
                    if number == turn == 1:
                        os.kill(os.getpid(), signal.SIGKILL)
            os._exit(0)
        children.append(child)
    assert sorted(os.waitpid(child, 0)[1] for child in children) == [0, 0, 0, signal.SIGKILL]
    assert counter.read_text() == "17"


def test_without_flock_the_file_of_another_machine_stays(
    root: Path, no_flock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_file, "_machine", lambda: "elsewhere")
    with lock.hold(root):
        about = (root / lock_file.NAME).read_bytes()
    (root / ".mx/journal").mkdir()
    (root / lock_file.NAME).write_bytes(about.replace(b'"pid": ', b'"pid": 999999'))
    monkeypatch.undo()
    monkeypatch.setattr(lock, "fcntl", None)
    with pytest.raises(Refused, match="Another mx") as caught, lock.hold(root, wait=0):
        pass
    assert "delete" in (caught.value.hint or "")


def test_nothing_of_the_command_stays_in_the_lock(root: Path) -> None:
    with lock.hold(root):
        assert (root / ".mx/lock").read_bytes()
    assert (root / ".mx/lock").read_bytes() == b""


def test_whether_another_holds_it_can_be_asked(root: Path) -> None:
    assert not lock.held(root)
    with lock.hold(root):
        assert lock.held(root)
    assert not lock.held(root)


@pytest.mark.parametrize("left", [b"", b"not json", b"[]", b'{"pid": 1}'])
def test_a_holder_that_left_no_name(root: Path, left: bytes) -> None:
    with lock.hold(root):
        (root / ".mx/lock").write_bytes(left)
        with pytest.raises(Refused, match="left no name"), lock.hold(root, wait=0):
            pass


def test_nothing_is_left_where_nothing_came_in(tmp_path: Path) -> None:
    with lock.hold(tmp_path):
        assert (tmp_path / ".mx/lock").exists()
    assert [*tmp_path.iterdir()] == []
    with lock.hold(tmp_path):
        (tmp_path / ".mx/record").touch()
    assert (tmp_path / ".mx/lock").exists()


def test_one_that_waits_outlives_the_folder_that_was_made_for_the_first(tmp_path: Path) -> None:
    ended: list[object] = []

    def second() -> None:
        try:
            with lock.hold(tmp_path, wait=20):
                ended.append((tmp_path / ".mx").is_dir())
        except MxError as error:
            ended.append(error)

    with lock.hold(tmp_path):
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(0.2)
    waiting.join()
    assert ended == [True]
    assert not (tmp_path / ".mx").exists()


def test_a_lock_that_was_removed_meanwhile_is_not_the_lock(tmp_path: Path) -> None:
    """The holder made `.mx/` for the lock and took it away again, while we waited with its old file open."""

    class Slow(fs.FileSystem):
        removed = False

        def open_lock(self, path: str) -> int:
            descriptor = super().open_lock(path)
            if not self.removed:
                self.removed = True
                Path(path).unlink()
            return descriptor

    (tmp_path / ".mx").mkdir()
    with (
        fs.use(Slow()),
        lock.hold(tmp_path),
        fs.use(fs.FileSystem()),
        pytest.raises(Refused),
        lock.hold(tmp_path, wait=0),
    ):
        pass


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EACCES, "permission denied"), (errno.EROFS, "read-only"), (errno.ENOSPC, "full")],
)
def test_a_folder_that_cannot_be_written(tmp_path: Path, number: int, words: str) -> None:
    with fs.use(FailingFS(0, number)), pytest.raises(MxError, match=words), lock.hold(tmp_path):
        pass
    assert [*tmp_path.iterdir()] == []


def test_errors_of_the_work_inside_pass_through(root: Path) -> None:
    with pytest.raises(OSError, match="work"), lock.hold(root):
        raise OSError("work")
    with lock.hold(root, wait=0):
        pass


def test_a_lock_that_is_a_link_to_elsewhere(root: Path) -> None:
    (root / ".mx/lock").symlink_to("/etc/hostname")
    with pytest.raises(MxError, match="symbolic link"), lock.hold(root):
        pass


def test_the_command_is_noted_without_what_may_be_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    from mxdev.system.user_dirs import command_line

    monkeypatch.setattr(
        "sys.argv", ["mx", "generate", "Thing", "--password", "hunter2", "--token=abc", "--json"]
    )
    assert command_line() == "mx generate Thing --password --token --json"
    monkeypatch.setattr("sys.argv", ["mx", "set", "token=hunter2", "Rel.token=hunter2", "--json"])
    assert command_line() == "mx set token=... Rel.token=... --json"
