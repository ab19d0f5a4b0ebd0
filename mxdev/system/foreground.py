"""Runs one program in the foreground: its output is the terminal's own, ^C reaches all of it, nothing is left behind.

The program gets a process group of its own, so that a signal can be given to everything it started, once. On a
terminal that group is made the foreground one, as a shell does, so that ^C, ^Z and a debugger's prompt work.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mxdev.errors import INTERRUPTED
from mxdev.system.output.copying import copying

# How long what is left of an interrupted program may take to end, in seconds, before the next stronger signal.
_LAST_WORDS = 3.0


@dataclass(frozen=True)
class Ended:
    """How the program ended: its exit code (128 + n for signal n), and whether that was by interruption."""

    code: int
    interrupted: bool


def run(
    command: Sequence[str | os.PathLike[str]],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    meanwhile: Callable[[subprocess.Popen[bytes]], None] | None = None,
    output_to_stderr: bool = False,
    server: bool = False,
    lines: Callable[[bytes], None] | None = None,
    copy: Path | None = None,
) -> Ended:
    """Run `command` and wait for it.

    Args:
        command: the program and its arguments.
        cwd: where it runs.
        environ: its whole environment.
        meanwhile: called in a thread of its own once the program runs.
        output_to_stderr: its stdout joins its stderr.
        server: it reads nothing and passes signals on to its own workers: whatever ends this process reaches it alone,
            as SIGTERM.
        lines: gets what it prints, stdout and stderr, line by line, in a thread of its own; all of it by the time this returns.
        copy: a file that gets what it prints, too; not with `lines`.

    Raises:
        OSError: it could not be started.
    """
    with copying(copy, output_to_stderr=output_to_stderr) as copied:
        child = subprocess.Popen(
            [os.fspath(part) for part in command],
            cwd=cwd,
            env=dict(environ),
            stdin=None if _usable(0) and not server else subprocess.DEVNULL,
            stdout=copied.stdout
            if copied
            else subprocess.PIPE
            if lines
            else 2
            if output_to_stderr and _usable(2)
            else None,
            stderr=copied.stderr if copied else subprocess.STDOUT if lines else None,
            process_group=0,
        )
        if copied:
            copied.started()
        return _watch(child, meanwhile, lines, server)


def _watch(
    child: subprocess.Popen[bytes],
    meanwhile: Callable[[subprocess.Popen[bytes]], None] | None,
    lines: Callable[[bytes], None] | None,
    server: bool,
) -> Ended:
    """Wait for a program that was started; parameters as those of `run`."""
    reader = threading.Thread(target=_read, args=(child, lines), daemon=True)
    if lines is not None:
        reader.start()
    if meanwhile is not None:
        threading.Thread(target=meanwhile, args=(child,), daemon=True).start()
    received: list[int] = []
    with _forwarding(child, received, server), contextlib.nullcontext() if server else _terminal_of(child):
        code = _wait(child)
    if lines is not None:
        # What it started may hold the pipe open for ever.
        reader.join(_LAST_WORDS)
    interrupted = bool(received) or code in (INTERRUPTED, 128 + signal.SIGINT)
    if interrupted:
        _sweep(child.pid)
    if received:
        code = 128 + received[0]
    return Ended(code, interrupted)


def _read(child: subprocess.Popen[bytes], lines: Callable[[bytes], None]) -> None:
    for line in child.stdout or ():
        lines(line)


def _usable(descriptor: int) -> bool:
    """Whether a standard stream is open."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _wait(child: subprocess.Popen[bytes]) -> int:
    """Wait for the end; when the program is stopped by ^Z, stop with it and go on with it."""
    while True:
        _, status = os.waitpid(child.pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            _stop_with(child)
            continue
        code = os.waitstatus_to_exitcode(status)
        child.returncode = code
        return code if code >= 0 else 128 - code


def _stop_with(child: subprocess.Popen[bytes]) -> None:
    """Stop this process's own group as the terminal would have done, and wake the program afterwards."""
    mine = os.getpgrp()
    held = _holds_terminal(child.pid)
    if held:
        _give_terminal(mine)
    os.killpg(mine, signal.SIGTSTP)
    # From here on somebody said `fg` or `bg`. Only in the foreground is the terminal ours to give.
    if _holds_terminal(mine):
        _give_terminal(child.pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGCONT)


def _holds_terminal(group: int) -> bool:
    """Whether `group` is the foreground group of the terminal at stdin."""
    try:
        return os.isatty(0) and os.tcgetpgrp(0) == group
    except OSError:
        return False


def _give_terminal(group: int) -> None:
    """Make `group` the foreground one. Whoever is not in the foreground needs SIGTTOU out of the way for that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
    try:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(0, group)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _terminal_of(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Lend the terminal to the program's group, if it is ours to lend."""
    lent = _holds_terminal(os.getpgrp())
    if lent:
        _give_terminal(child.pid)
        # It may have tried to read before it had the terminal, and been stopped for that.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGCONT)
    try:
        yield
    finally:
        if lent:
            _give_terminal(os.getpgrp())


@contextlib.contextmanager
def _forwarding(child: subprocess.Popen[bytes], received: list[int], server: bool) -> Iterator[None]:
    """Hand the signals that end this process to the program instead, the third time as SIGKILL."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def forward(number: int, _frame: object) -> None:
        received.append(number)
        with contextlib.suppress(ProcessLookupError):
            if server and len(received) < 3:
                os.kill(child.pid, signal.SIGTERM)
            else:
                os.killpg(child.pid, number if len(received) < 3 else signal.SIGKILL)

    previous = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Ignored on purpose (nohup, a background job of a script): it stays so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            previous[number] = signal.signal(number, forward)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _sweep(group: int) -> None:
    """End what an interrupted program left in its group. It was signalled already and may still be cleaning up."""
    try:
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if number is not None:
                os.killpg(group, number)
            deadline = time.monotonic() + _LAST_WORDS
            while time.monotonic() < deadline:
                os.killpg(group, 0)
                time.sleep(0.05)
    except (ProcessLookupError, PermissionError):
        return
