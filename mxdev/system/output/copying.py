"""A program's output on its way to the terminal, with a copy in a file: what is a terminal to the program stays one."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

# How long output may still arrive once the program is over, in seconds: what it started may hold the stream open for ever.
_LAST_WORDS = 3.0
# How much of a line without an end is held back from the file, in bytes.
_LONGEST = 65536


class Copying:
    """The streams that a program is given.

    Attributes:
        stdout, stderr: descriptors for its output; the same one where both go to the same place.
    """

    def __init__(self, file: Path, *, output_to_stderr: bool) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._readers: list[threading.Thread] = []
        self.stderr = self._stream(2)
        self.stdout = self.stderr if output_to_stderr or _same(1, 2) else self._stream(1)

    def _stream(self, target: int) -> int:
        """The end that the program writes to; what it writes goes to `target`, and into the file."""
        mine, its = _pair(target)
        reader = threading.Thread(target=self._copy, args=(mine, target), daemon=True)
        self._readers.append(reader)
        reader.start()
        return its

    def _copy(self, source: int, target: int) -> None:
        begun = b""
        while data := _read(source):
            # Both streams go into one file: a line of one must not begin in the middle of a line of the other.
            begun += data
            end = len(begun) if len(begun) > _LONGEST else 1 + max(begun.rfind(b"\n"), begun.rfind(b"\r"))
            self._keep(begun[:end])
            begun = begun[end:]
            with contextlib.suppress(OSError):  # nobody reads it any more; the copy goes on
                _write(target, data)
        self._keep(begun)

    def _keep(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # a disk that is full is no reason to stop training
            _write(self._file, data)

    def started(self) -> None:
        """The program has its ends now."""
        for its in {self.stdout, self.stderr}:
            os.close(its)

    def finish(self) -> None:
        """Wait for the last words."""
        for reader in self._readers:
            reader.join(_LAST_WORDS)


def _read(source: int) -> bytes:
    """What the program wrote; nothing once nobody writes any more, which a pseudo-terminal says by an error."""
    with contextlib.suppress(OSError):
        return os.read(source, 65536)
    return b""


def _write(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]


def _same(one: int, other: int) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(one), os.fstat(other))
    return False


def _pair(target: int) -> tuple[int, int]:
    """Two ends of a pipe, or of a pseudo-terminal as large as the terminal that `target` is."""
    if not os.isatty(target):
        return os.pipe()
    import fcntl
    import pty
    import termios

    mine, its = pty.openpty()
    modes = termios.tcgetattr(its)
    modes[1] &= ~termios.OPOST  # the terminal itself turns line breaks
    termios.tcsetattr(its, termios.TCSANOW, modes)
    with contextlib.suppress(OSError):
        size = fcntl.ioctl(target, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(its, termios.TIOCSWINSZ, size)
    return mine, its


@contextlib.contextmanager
def copying(file: Path | None, *, output_to_stderr: bool) -> Iterator[Copying | None]:
    """Streams that are copied into `file`; None where it is None, or cannot be written."""
    made = None
    if file is not None:
        with contextlib.suppress(OSError):
            made = Copying(file, output_to_stderr=output_to_stderr)
    try:
        yield made
    finally:
        if made is not None:
            made.finish()
