"""What the three builds share: say the command, run it, or only say it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from mxdev.system import console, programs


def call(command: Sequence[str | os.PathLike[str]], cwd: Path, *, dry_run: bool) -> int:
    """Run `command` in `cwd` with its output on ours, having said it; the exit code.

    Args:
        command: the program and its arguments.
        cwd: the project's root.
        dry_run: print the command on stdout, ready for a shell, and run nothing.
    """
    words = [os.fspath(word) for word in command]
    if dry_run:
        console.out(f"cd {shlex.quote(str(cwd))} && {shlex.join(words)}", data=True)
        return 0
    console.status(f"running {shlex.join(words)}")
    # What was said must stand before what the program says, on the same stream or not.
    console.flush()
    return programs.run(words, cwd=cwd).code
