"""A conflict settled place by place: for each, yours, the generator's, both, or what an editor makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mxdev.merge.by_lines import BETWEEN, OURS, THEIRS, has_markers
from mxdev.system import console

_HELP = """  k  keep yours
  t  take what the generator renders
  b  both: yours, then the generator's
  e  edit: open this place in $EDITOR
  K  keep yours here and in the rest of this file
  T  take the generator's here and in the rest of this file
  q  quit: stop; nothing has been written
  h  help: show this"""
_MOST_LINES = 20


@dataclass(frozen=True)
class Place:
    """A place in conflict: the lines of both sides, with their line breaks; `line` is where yours begin, from 1, in your file."""

    yours: bytes
    generators: bytes
    line: int

    @property
    def marked(self) -> bytes:
        """The place with its markers, for an editor."""
        lines = [
            OURS.encode() + b"\n",
            self.yours,
            BETWEEN.encode() + b"\n",
            self.generators,
            THEIRS.encode() + b"\n",
        ]
        return b"".join(lines)


def split(data: bytes) -> list[bytes | Place]:
    """A merged file with conflict markers as the parts that are clean and the places that are not, in order."""
    parts: list[bytes | Place] = []
    clean: list[bytes] = []
    yours: list[bytes] = []
    generators: list[bytes] = []
    side, line = clean, 1
    for text in data.splitlines(keepends=True) if b"\r" not in data else _lines(data):
        bare = text.rstrip(b"\r\n").decode("utf-8", "replace")
        if side is clean and bare == OURS:
            parts.append(b"".join(clean))
            yours, generators = [], []
            side = yours
        elif side is yours and bare == BETWEEN:
            side = generators
        elif side is generators and bare == THEIRS:
            parts.append(Place(b"".join(yours), b"".join(generators), line - len(yours)))
            clean.clear()
            side = clean
        else:
            side.append(text)
            line += side is not generators
    parts.append(b"".join(clean))
    return parts


def _lines(data: bytes) -> list[bytes]:
    """Lines that end with LF or CRLF only."""
    return [line + b"\n" for line in data.split(b"\n")[:-1]] + [
        rest for rest in [data.rpartition(b"\n")[2]] if rest
    ]


def settle(path: str, data: bytes, edit: Callable[[str, str], str | None] | None = None) -> bytes | None:
    """Ask about every place.

    Args:
        path: the file, for questions.
        data: the merged file, with markers.
        edit: opens an editor with a text and a file's ending; what was saved, or None. Default: `click.edit`.

    Returns:
        The file without any marker; None where the person wants to quit.

    Raises:
        click.Abort: ^C or the end of input.
    """
    parts = split(data)
    count = sum(isinstance(part, Place) for part in parts)
    done: list[bytes] = []
    number, rest = 0, ""
    for part in parts:
        if isinstance(part, bytes):
            done.append(part)
            continue
        number += 1
        answer = rest
        while not answer:
            _show(path, part, f"{number} of {count}")
            typed = console.ask("Which? [k/t/b/e/K/T/q/h]").strip()[:1]
            if typed in ("k", "t", "b", "K", "T"):
                answer = typed
            elif typed == "q":
                return None
            elif typed == "e":
                if (edited := _edited(path, part, edit)) is not None:
                    done.append(edited)
                    break
            else:
                console.err(_HELP)
        rest = answer if answer in ("K", "T") else ""
        done.append(
            {"k": part.yours, "t": part.generators, "b": part.yours + part.generators, "": b""}[
                answer.lower()
            ]
        )
    return b"".join(done)


def _show(path: str, place: Place, which: str) -> None:
    console.err(f"{path}:{place.line} ({which})")
    for sign, colour, text in (("-", "red", place.yours), ("+", "green", place.generators)):
        lines: Sequence[str] = text.decode("utf-8", "replace").splitlines()
        console.err(f"  {'yours' if sign == '-' else 'the generator'}:{'' if lines else ' nothing'}")
        for line in lines[:_MOST_LINES]:
            console.err(console.paint(f"  {sign} {line}", colour))
        if len(lines) > _MOST_LINES:
            console.err(f"    ... {len(lines) - _MOST_LINES} more lines")


def _edited(path: str, place: Place, edit: Callable[[str, str], str | None] | None) -> bytes | None:
    """What the person made of the place; None if nothing, or if there are markers in it still."""
    import click

    try:
        text = place.marked.decode("utf-8")
    except UnicodeDecodeError:
        console.err("  It is not UTF-8, so it cannot be edited here.")
        return None
    name = path.rpartition("/")[2]
    ending = f".{name.rpartition('.')[2]}" if "." in name else ".txt"
    try:
        saved = edit(text, ending) if edit else click.edit(text, extension=ending)
    except click.ClickException as error:
        console.err(f"  {error.message}")
        return None
    if saved is None:
        return None
    if has_markers(saved.encode()):
        console.err("  It still has conflict markers.")
        return None
    return saved.encode()
