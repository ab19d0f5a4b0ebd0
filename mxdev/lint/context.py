"""What a rule gets to see, and how it runs an external linter on many files: command lines that fit, names that fit, no crash that goes unseen."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mxdev.errors import MxError

if TYPE_CHECKING:
    from mxdev.lint.configs import Configs
    from mxdev.project.project import Project
    from mxdev.system.programs import Program, Result


TIMEOUT = 600.0


class LinterBroke(MxError):
    """A linter crashed, or printed what mx does not understand: nothing can be said about its files."""


@dataclass
class Context:
    """What one rule gets to see in one run.

    Attributes:
        root: the folder that relative paths start from: the repository, else the project, else what was asked for.
        files: the files that `Rule.applies` chose; absolute, sorted.
        projects: the mx projects that the run touches, loaded; empty outside of projects.
        program: the external program, if the rule names one in `tool`.
        covers: whether the person asked about a path, by naming it or a folder above it.
        configs: which configuration file is in force for a file.
        timeout: seconds for one command line of a program; None: no limit.
        alive: called with each sign of life, so that the rule is not taken for one that hangs.
    """

    root: Path
    files: tuple[Path, ...]
    projects: tuple[Project, ...] = ()
    program: Program | None = None
    covers: Callable[[Path], bool] = field(default=lambda path: True)
    configs: Configs = field(default_factory=lambda: _configs())
    timeout: float | None = TIMEOUT
    alive: Callable[[], None] = field(default=lambda: None)

    def run(
        self,
        arguments: Sequence[str],
        files: Sequence[Path] | None = None,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        codes: Sequence[int] = (0, 1),
    ) -> Iterator[Result]:
        """Run the rule's program on files, as often as the length of a command line demands.

        Args:
            arguments: what stands before the names of the files.
            files: default: all of the rule's files.
            cwd: where it runs, and what the names are relative to; default: `root`.
            env: variables laid over the tool's own.
            codes: the exit codes that mean that it did its work.

        Raises:
            LinterBroke: any other exit code, with what it printed on stderr.
        """

        return run_chunks(
            self, arguments, self.files if files is None else files, cwd=cwd, env=env, codes=codes
        )


def _configs() -> Configs:
    from mxdev.lint.configs import Configs

    return Configs()


# Bytes of file names on one command line: Windows takes 32 thousand characters in all, Linux 128 KiB and more.
LONGEST = 24_000 if sys.platform == "win32" else 100_000

# The linters write and read UTF-8, whatever the machine speaks; two of them mangle names in another locale.
ENVIRONMENT: Mapping[str, str | None] = {
    "LC_ALL": "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8",
    "NO_COLOR": "1",
    "FORCE_COLOR": None,
    "CLICOLOR_FORCE": None,
    "PYTHONUTF8": "1",
}


def run_chunks(
    context: Context,
    arguments: Sequence[str],
    files: Sequence[Path],
    *,
    cwd: Path | None,
    env: Mapping[str, str | None] | None,
    codes: Sequence[int],
) -> Iterator[Result]:
    """See `Context.run`."""
    cwd = cwd or context.root
    for names in chunks([name(file, cwd) for file in files]):
        result = run_once(context, (*arguments, *names), cwd=cwd, env=env)
        if result.code not in codes:
            raise broke(context, result)
        yield result


def run_once(
    context: Context,
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str | None] | None = None,
    input: bytes | None = None,
) -> Result:
    """One command line of the rule's program, whatever its exit code.

    Args:
        context: the rule's.
        arguments: what stands behind the program.
        cwd: where it runs.
        env: variables laid over the tool's own.
        input: what it reads.

    Raises:
        LinterBroke: the rule names no program.
        MxError: it cannot be started, or took too long.
    """
    from mxdev.system import programs

    program = context.program
    if program is None:
        raise LinterBroke("the rule runs a program but names none in `tool`")
    context.alive()
    try:
        return programs.run(
            (*program.command, *arguments), cwd=cwd, capture=True, input=input, timeout=context.timeout,
            env={**ENVIRONMENT, **program.tool.environment, **(env or {})},
        )  # fmt: skip
    except programs.TooLong as error:
        error.hint = "`mx lint --timeout SECONDS` gives it longer."
        raise


def chunks(names: Sequence[str], longest: int | None = None) -> Iterator[list[str]]:
    """`names` in lists that each fit on a command line."""
    longest = LONGEST if longest is None else longest
    chunk: list[str] = []
    size = 0
    for one in names:
        length = len(os.fsencode(one)) + 3
        if chunk and size + length > longest:
            yield chunk
            chunk, size = [], 0
        chunk.append(one)
        size += length
    if chunk:
        yield chunk


def name(file: Path, cwd: Path) -> str:
    """What a file is called on a command line that runs in `cwd`; never taken for an option."""
    relative = os.path.relpath(file, cwd)
    return f"./{relative}" if relative.startswith("-") else relative


class Names:
    """Finds the file that a linter means: some give absolute names, some resolve links, some mangle odd bytes."""

    def __init__(self, files: Sequence[Path], cwd: Path) -> None:
        self._cwd = cwd
        self._files: dict[str, Path] = {}
        real = os.path.realpath(cwd)
        for file in files:
            relative = os.path.relpath(file, cwd)
            for form in (relative, str(file), f"{real}/{relative}", os.path.normpath(f"{real}/{relative}")):
                self._files[form] = file
                self._files[readable(form)] = file

    def __getitem__(self, reported: str) -> Path:
        normal = os.path.normpath(reported)
        return self._files.get(reported) or self._files.get(normal) or self._cwd / normal


def readable(text: str) -> str:
    """`text` without the surrogates that stand for bytes that are no UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def broke(context: Context, result: Result, why: str | None = None) -> LinterBroke:
    """The error for a linter that did not do its work, with the end of what it said."""
    program = context.program
    what = f"{program.tool.name} {program.version}" if program else "the linter"
    said = (result.stderr.strip() or result.stdout.strip()).decode("utf-8", "replace")[-2000:]
    message = f"{what} {why or 'failed'} (exit code {result.code})"
    return LinterBroke(f"{message}. It said:\n{said}" if said else f"{message} and said nothing")


def as_json(context: Context, result: Result, kind: type) -> Any:
    """What the linter printed, as JSON of one kind.

    Raises:
        LinterBroke: it is none; or it is empty though the exit code says that something was found.
    """
    try:
        value = json.loads(result.stdout)
    except ValueError:
        value = None
    if not isinstance(value, kind):
        raise broke(context, result, "printed something that mx does not understand")
    return value
