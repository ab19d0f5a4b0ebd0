"""Everything printed: lists and plans to stdout, talk to stderr. Colour only where a terminal reads it.

What is printed is text: names and values come from files that anybody may have written, so whatever a terminal would not
show as itself is escaped here, for all of mx. The only sequences that reach a terminal are those that `paint` makes.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import IO, Any

import click

from mxdev.system.output.visible import visible

# What `paint` puts around a text until it is printed. Nobody who writes a name can know it.
_SEAL = f"\ufdd0{os.urandom(8).hex()}"
_PAINT = re.compile(_SEAL + r"((?:\d+;)*\d+)\ufdd1")

# The eight colours that every scheme keeps apart from its background, and none for what matters least: bright black is the
# background of Solarized Dark, white that of light terminals.
VERB_COLOURS = {
    "create": "green",
    "update": "yellow",
    "merge": "cyan",
    "conflict": "red",
    "remove": "red",
    "orphan": "magenta",
    "keep": "blue",
}


def is_terminal(stream: IO[Any]) -> bool:
    """Whether a person sits behind `stream`. A closed stream is not a terminal."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def coloured(stream: IO[Any]) -> bool:
    """Whether colour is wanted on `stream` (https://no-color.org, https://force-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def width() -> int:
    """How many columns a line may have: the terminal's, or 100 where there is none."""
    import shutil

    return shutil.get_terminal_size((100, 24)).columns


def can_ask() -> bool:
    """Whether a question can be asked and read."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def paint(text: str, colour: str, stream: IO[Any] | None = None, *, bold: bool = False) -> str:
    """`text` in a colour where the stream shows one."""
    if not coloured(stream or sys.stdout):
        return text
    before, _, after = click.style("\0", fg=colour, bold=bold or None).partition("\0")
    sealed = (f"{_SEAL}{code}\ufdd1" for code in re.findall(r"\x1b\[([\d;]+)m", before))
    return "".join(sealed) + text + (f"{_SEAL}0\ufdd1" if after else "")


def _shown(text: str) -> str:
    """`text` for a terminal: escaped, and with the colours of `paint`."""
    parts = _PAINT.split(text)  # text, code, text, code, text
    return "".join(f"\x1b[{part}m" if at % 2 else visible(part) for at, part in enumerate(parts))


def out(text: str = "", *, data: bool = False) -> None:
    """A line of the result, on stdout. Work goes on when nobody reads it any more (`mx generate ... | head`).

    Args:
        text: the line.
        data: it is a file's content, or for another program: off a terminal it is left as it is.
    """
    try:
        raw = data and not is_terminal(sys.stdout)
        click.echo(text if raw else _shown(text), color=raw or coloured(sys.stdout))
    except BrokenPipeError:
        give_up()


def flush() -> None:
    """Bring stdout to its reader, if there is one.

    Raises:
        OSError: it cannot be written to. What was not written is dropped: it would fail again at the interpreter's end.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as problem:
        give_up()
        if not isinstance(problem, BrokenPipeError):
            raise


def give_up(stream: IO[Any] | None = None) -> None:
    """The reader of stdout, or of `stream`, went away: what is still to be printed goes nowhere, also at the interpreter's end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, (stream or sys.stdout).fileno())
    os.close(nowhere)


def err(text: str = "") -> None:
    """A line of talk, on stderr. Where that is full or closed nobody reads it, and what mx does and answers is the same."""
    try:
        click.echo(_shown(text), err=True, color=coloured(sys.stderr))
    except OSError:
        give_up(sys.stderr)


def status(text: str) -> None:
    """What mx is doing, on stderr."""
    err(text)


def over(text: str) -> None:
    """Write over the line of talk that the cursor is in, on a terminal; empty: clear it."""
    from mxdev.system.output.visible import one_line

    click.echo(f"\r\x1b[K{one_line(text)[: max(width() - 1, 1)]}", err=True, nl=False, color=True)


def warn(text: str) -> None:
    """Something a person should know, on stderr."""
    err(f"{paint('warning:', 'yellow', sys.stderr)} {text}")


def error(text: str, hint: str | None = None) -> None:
    """What went wrong, on stderr, and what to do."""
    err(f"{paint('error:', 'red', sys.stderr, bold=True)} {text}")
    if hint:
        err(hint)


def verb(name: str) -> str:
    """A status verb as a column, in its colour."""
    colour = VERB_COLOURS.get(name)
    return paint(f"{name:>10}", colour) if colour else f"{name:>10}"


def table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns; the last one is wrapped between words where a line would be too long for the terminal."""
    import textwrap

    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]) - 1)]
    indent = sum(widths) + 2 * len(widths)
    room = max(width() - indent, 30) if is_terminal(sys.stdout) else sys.maxsize
    for row in rows:
        first, *more = textwrap.wrap(row[-1], room, break_long_words=False, break_on_hyphens=False) or [""]
        cells = [cell.ljust(wide) for cell, wide in zip(row, widths, strict=False)]
        out("  ".join([*cells, first]).rstrip())
        for line in more:
            out(" " * indent + line)


def diff(text: str) -> None:
    """A unified diff on stdout: coloured it is for eyes, wherever it goes; else a program may get it, as it is."""
    data = not coloured(sys.stdout)
    for line in text.removesuffix("\n").split("\n"):
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        out(paint(line, colour) if colour else line, data=data)


def agreed(question: str, *, default: bool = False) -> bool:
    """Ask a question that yes or no answers; `default` is what an empty answer means.

    Raises:
        click.Abort: ^C or the end of input.
    """
    answer = ask(f"{question} [{'Y/n' if default else 'y/N'}]").strip().lower()
    return answer in ("y", "yes") if answer else default


def ask(question: str, default: str | None = None, *, hide: bool = False) -> str:
    """Ask for a line of text on stderr, without blanks around it; `hide` what is typed, and keep it as it is.

    Raises:
        click.Abort: ^C or the end of input.
    """
    if not hide and _has_line_editor():
        return _edited(f"{_shown(question)}{f' [{visible(default)}]' if default else ''}: ").strip() or (
            default or ""
        )
    answer = click.prompt(
        _shown(question),
        default="" if default is None else default,
        err=True,
        hide_input=hide,
        show_default=bool(default) and not hide,
    )
    return str(answer) if hide else str(answer).strip() or (default or "")


def _has_line_editor() -> bool:
    """Whether arrows, Home and End can move within an answer: readline needs all of the terminal."""
    if os.environ.get("TERM", "") in ("", "dumb", "unknown"):
        return False
    return all(map(is_terminal, (sys.stdin, sys.stdout, sys.stderr)))


def _edited(prompt: str) -> str:
    """Read a line with readline, where Python has it; it must know the prompt, or it moves the cursor to the wrong place.

    Raises:
        click.Abort: ^C or the end of input.
    """
    try:
        import readline
    except ImportError:
        pass
    else:
        # A pasted line break is Enter, as everywhere else, and no part of an answer.
        readline.parse_and_bind("set enable-bracketed-paste off")
    try:
        # What colours is no column of the line.
        return input(re.sub(r"(\x1b\[[0-9;]*m)", "\x01\\1\x02", prompt))
    except (KeyboardInterrupt, EOFError):
        err()
        raise click.Abort from None
