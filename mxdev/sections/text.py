"""Sections of text files (`.gitignore`): the lines between `# >>> mx:<Instance>` and `# <<< mx:<Instance>`, or the file's own comments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mxdev.errors import MxError
from mxdev.sections.marks import Marks, marks_of
from mxdev.sections.toml_places import empty_list, end_of, inside_another, list_of, place_of_new
from mxdev.sections.traces import LaterError, Trace, hash_of

_BOM = "\ufeff"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_NAME = re.compile(r"\S(?:.*\S)?")


@dataclass(frozen=True)
class Block:
    """The lines of a section: `first` is its begin marker, `last` its end marker."""

    name: str
    first: int
    last: int


@dataclass(eq=False)
class _Piece:
    """Lines of the text that stay together: a section with its markers, or what lies between two."""

    lines: list[str]
    first: int = -1


def _split(path: str, text: str, marks: Marks) -> tuple[list[str], dict[str, Block]]:
    """The lines of a text, and its sections by name."""
    lines = _LINE.findall(text)
    blocks: dict[str, Block] = {}
    name, first = "", -1

    def wrong(line: int, what: str) -> MxError:
        return MxError(
            f"{path}:{line + 1}: {what}.",
            hint="Repair the marker lines, then run the command again. Nothing was changed.",
        )

    for number, line in enumerate(lines):
        content = line.rstrip()
        if (begins := marks.begins(content)) is not None:
            if first >= 0:
                raise wrong(first, f"the section `{marks.begin(name)}` has no end marker `{marks.end(name)}`")
            name, first = begins, number
            if name in blocks:
                raise wrong(
                    number, f"the section `{content}` is there twice, first on line {blocks[name].first + 1}"
                )
        elif (ends := marks.ends(content)) is not None:
            if first < 0 or ends != name:
                raise wrong(number, f"the end marker `{content}` has no begin marker `{marks.begin(ends)}`")
            blocks[name] = Block(name, first, number)
            first = -1
    if first >= 0:
        raise wrong(first, f"the section `{marks.begin(name)}` has no end marker `{marks.end(name)}`")
    return lines, blocks


def _name(name: str) -> str:
    if not _NAME.fullmatch(name) or any(c in name for c in "\n\r\u2028\u2029\x85\v\f\x1c\x1d\x1e"):
        raise MxError(
            f"{name!r} cannot name a section of a text file: it must be one line without spaces around it."
        )
    return name


def _check_toml(path: str, before: str, after: str) -> None:
    """Refuse what makes a TOML file unreadable, such as a table that is there already."""
    import tomllib

    try:
        tomllib.loads(before.removeprefix(_BOM))
    except tomllib.TOMLDecodeError:
        return  # it was none before
    try:
        tomllib.loads(after.removeprefix(_BOM))
    except tomllib.TOMLDecodeError as error:
        raise MxError(
            f"{path} could not be read with the section in it: {error}.",
            hint="A table may be there only once. A section stands at the end of the file, and has tables of its own.",
        ) from error


def normal(text: str) -> str:
    """The text of a section as mx keeps it: `\\n` line breaks, one at the end unless it is empty."""
    text = text if not text or text.endswith("\n") else text + "\n"
    return re.sub(r"\r+\n", "\n", text)


class Batch:
    """Edits of one text: it is cut into sections and what lies between them, which stays as it is.

    Args:
        path: the file's name, for errors.
        text: its text; a BOM at the start is allowed.
        order: the names of sections in the wanted order.

    Raises:
        MxError: the markers do not match up.
    """

    def __init__(self, path: str, text: str, order: Sequence[str] = ()) -> None:
        self._path = path
        self._bom = _BOM if text.startswith(_BOM) else ""
        self._text = text
        self._marks = marks_of(path)
        lines, blocks = _split(path, text[len(self._bom) :], self._marks)
        self._newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
        self._order = {name: number for number, name in enumerate(order)}
        self._names = list(self._order)
        self._blocks: dict[str, _Piece] = {}
        self._pieces: list[_Piece] = []
        self._put: dict[str, str] = {}
        self.empty = True
        """Whether nothing changes."""
        at = 0
        for block in blocks.values():
            self._foreign(lines[at : block.first])
            piece = _Piece(lines[block.first : block.last + 1], block.first)
            self._blocks[block.name] = piece
            self._pieces.append(piece)
            at = block.last + 1
        self._foreign(lines[at:])

    def _foreign(self, lines: list[str]) -> None:
        if lines:
            self._pieces.append(_Piece(lines))

    def read(self, name: str) -> tuple[str, int] | None:
        """The text between the markers, with `\\n` line breaks, and the number of the begin marker's line, from 1."""
        block = self._blocks.get(_name(name))
        return None if block is None else (normal("".join(block.lines[1:-1])), block.first + 1)

    def put(self, name: str, content: str, trace: Trace) -> Trace:
        """Inserts or replaces a section.

        Args:
            name: its name.
            content: its text.
            trace: what it takes over from the others.

        Returns:
            The trace to record.

        Raises:
            LaterError: the edits so far must be made first.
            MxError: as `sections.put`.
        """
        if not self._pieces and not self.empty:
            raise LaterError  # nothing is left: the file may go
        content = normal(content)
        marks = self._marks
        if any(marks.begins(line) or marks.ends(line) for line in content.splitlines()):
            raise MxError(
                f"The section {name} of {self._path} holds a line that looks like a section marker."
            )
        body = content.split("\n")[:-1]
        new = [line + self._newline for line in (marks.begin(_name(name)), *body, marks.end(name))]
        block = self._blocks.get(name)
        if block is None:
            wanted = list_of(self._path, name)
            at = self._where(name) if wanted is None else self._in_list(*wanted, trace, new)
            self._end_line_above(at, trace)
            self._blocks[name] = _Piece(new)
            self._pieces.insert(at, self._blocks[name])
        elif normal("".join(block.lines[1:-1])) == content:
            return trace
        else:
            block.lines[1:-1] = new[1:-1]
        self._put[name] = content
        self.empty = False
        return trace

    def take(self, name: str, trace: Trace) -> None:
        """Takes a section back; one that is not there is no error. Errors as those of `sections.take`."""
        block = self._blocks.pop(_name(name), None)
        if block is None:
            return
        self.empty = False
        self._put.pop(name, None)
        at = self._pieces.index(block)
        del self._pieces[at]
        wanted = list_of(self._path, name)
        if wanted is not None and ".".join(wanted) in trace.get("containers", ()):
            at = self._without_list(wanted[1], at)
        if at == len(self._pieces) and at:
            last = self._pieces[-1].lines
            for newline in ("\n", "\r\n"):  # the line break that putting added
                without = last[-1].removesuffix(newline)
                if without != last[-1] and hash_of(without) in trace.get("newline", ()):
                    last[-1] = without
                    break

    def text(self) -> str:
        """The text with the edits made.

        Raises:
            MxError: the text would not be what is meant.
        """
        if self.empty:
            return self._text
        result = self._bom + "".join(line for piece in self._pieces for line in piece.lines)
        if self._path.endswith(".toml"):
            _check_toml(self._path, self._text, result)
        made = Batch(self._path, result)
        for name, content in self._put.items():
            if (made.read(name) or ("", 0))[0] != content or len(made._blocks) != len(self._blocks):
                raise MxError(
                    f"{self._path}: mx cannot write the section {name} without changing something else."
                )
        return result

    def _end_line_above(self, at: int, trace: Trace) -> None:
        """What is put at the end of a file begins on a line of its own; the trace says so."""
        if at == len(self._pieces) and at and not (last := self._pieces[-1].lines)[-1].endswith("\n"):
            trace["newline"] = sorted({*trace.get("newline", ()), hash_of(last[-1])})
            last[-1] += self._newline

    def _in_list(self, table: str, key: str, trace: Trace, section: Sequence[str]) -> int:
        """Cut the lines where the items of a list end, and give the place between; a list that is not there is made."""
        lines = [line for piece in self._pieces for line in piece.lines]
        new = place_of_new(lines, table, key)
        begin, end = empty_list(key, self._newline)
        if new is None:
            last = end_of(self._path, lines, table, key)
            if (around := self._around(last)) is not None:
                raise inside_another(self._path, around[0].lines, None, begin.strip(), section)
            return self._cut(last)
        if (around := self._around(new)) is not None:
            piece, cut = around
            raise inside_another(
                self._path, piece.lines, piece.lines[cut:], f"[{table}]", [begin, *section, end]
            )
        at = self._cut(new)
        self._end_line_above(at, trace)
        self._pieces[at:at] = [_Piece([begin]), _Piece([end])]
        trace["containers"] = sorted({*trace.get("containers", ()), f"{table}.{key}"})
        return at + 1

    def _without_list(self, key: str, at: int) -> int:
        """Take the list away that mx made, if nothing is left between its two lines; where it was."""
        begin, end = (line.rstrip() for line in empty_list(key, ""))
        above, below = self._pieces[:at], self._pieces[at:]
        if not above or not below:
            return at
        if above[-1].lines[-1].rstrip() != begin or below[0].lines[0].rstrip() != end:
            return at
        del above[-1].lines[-1], below[0].lines[0]
        above, below = ([piece for piece in side if piece.lines] for side in (above, below))
        self._pieces = above + below
        return len(above)

    def _around(self, number: int) -> tuple[_Piece, int] | None:
        """The section between whose marker lines the place before this line is, and how many of its lines are above; None: there is none."""
        for piece in self._pieces:
            if number < len(piece.lines):
                inside = number and any(piece is block for block in self._blocks.values())
                return (piece, number) if inside else None
            number -= len(piece.lines)
        return None

    def _cut(self, number: int) -> int:
        """Cut the pieces before this line, and give the place between; behind the last line, their end."""
        for at, piece in enumerate(self._pieces):
            if not number:
                return at
            if number < len(piece.lines):
                self._pieces[at : at + 1] = [
                    _Piece(lines) for lines in (piece.lines[:number], piece.lines[number:])
                ]
                return at + 1
            number -= len(piece.lines)
        return len(self._pieces)

    def _where(self, name: str) -> int:
        if name in self._order:
            mine = self._order[name]
            for number in range(mine - 1, -1, -1):
                if (other := self._beside(self._names[number])) is not None:
                    return self._pieces.index(other) + 1
            for number in range(mine + 1, len(self._names)):
                if (other := self._beside(self._names[number])) is not None:
                    return self._pieces.index(other)
        return len(self._pieces)

    def _beside(self, name: str) -> _Piece | None:
        """A section that others may stand beside: one inside of a list is none."""
        return None if list_of(self._path, name) else self._blocks.get(name)
