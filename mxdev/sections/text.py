"""Sections of text files (`.gitignore`): the lines between `# >>> mx:<Instance>` and `# <<< mx:<Instance>`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mxdev.errors import MxError

BEGIN = "# >>> mx:"
END = "# <<< mx:"
_BOM = "\ufeff"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_NAME = re.compile(r"\S(?:.*\S)?")


@dataclass(frozen=True)
class Block:
    """The lines of a section: `first` is its begin marker, `last` its end marker."""

    name: str
    first: int
    last: int


def _split(path: str, text: str) -> tuple[list[str], dict[str, Block]]:
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
        if content.startswith(BEGIN):
            if first >= 0:
                raise wrong(first, f"the section `{BEGIN}{name}` has no end marker `{END}{name}`")
            name, first = content[len(BEGIN) :], number
            if name in blocks:
                raise wrong(
                    number, f"the section `{content}` is there twice, first on line {blocks[name].first + 1}"
                )
        elif content.startswith(END):
            if first < 0 or content[len(END) :] != name:
                raise wrong(
                    number, f"the end marker `{content}` has no begin marker `{BEGIN}{content[len(END) :]}`"
                )
            blocks[name] = Block(name, first, number)
            first = -1
    if first >= 0:
        raise wrong(first, f"the section `{BEGIN}{name}` has no end marker `{END}{name}`")
    return lines, blocks


def _name(name: str) -> str:
    if not _NAME.fullmatch(name) or any(c in name for c in "\n\r\u2028\u2029\x85\v\f\x1c\x1d\x1e"):
        raise MxError(
            f"{name!r} cannot name a section of a text file: it must be one line without spaces around it."
        )
    return name


def normal(text: str) -> str:
    """The text of a section as mx keeps it: `\\n` line breaks, one at the end unless it is empty."""
    text = text if not text or text.endswith("\n") else text + "\n"
    return re.sub(r"\r+\n", "\n", text)


def read(path: str, text: str, name: str) -> str | None:
    """The text between the markers, with `\\n` line breaks; None if there is no such section."""
    lines, blocks = _split(path, text.removeprefix(_BOM))
    block = blocks.get(_name(name))
    return None if block is None else normal("".join(lines[block.first + 1 : block.last]))


def put(
    path: str, text: str, name: str, content: str, order: Sequence[str], traces: Sequence[dict[str, Any]]
) -> tuple[str, dict[str, Any]]:
    """Inserts or replaces a section; arguments, result and errors as those of `sections.put`."""
    bom = _BOM if text.startswith(_BOM) else ""
    lines, blocks = _split(path, text[len(bom) :])
    content = normal(content)
    if any(line.startswith((BEGIN, END)) for line in content.splitlines()):
        raise MxError(f"The section {name} of {path} holds a line that looks like a section marker.")
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    body = content.split("\n")[:-1]
    new = [line + newline for line in (f"{BEGIN}{_name(name)}", *body, f"{END}{name}")]
    trace: dict[str, Any] = {"file": True} if any(t.get("file") for t in traces) else {}
    hashes = {h for t in traces for h in t.get("newline", ())}
    block = blocks.get(name)
    if block is not None:
        if normal("".join(lines[block.first + 1 : block.last])) != content:
            lines[block.first + 1 : block.last] = new[1:-1]
    else:
        at = _where(blocks, name, order, len(lines))
        if at == len(lines) and lines and not lines[-1].endswith("\n"):
            hashes.add(_hash(lines[-1]))
            lines[-1] += newline
        lines[at:at] = new
    if hashes:
        trace["newline"] = sorted(hashes)
    result = bom + "".join(lines)
    if read(path, result, name) != content:
        raise MxError(f"{path}: mx cannot write the section {name} without changing something else.")
    return result, trace


def take(path: str, text: str, name: str, trace: dict[str, Any]) -> str | None:
    """Takes a section back; arguments and errors as those of `sections.take`; None: it is not there."""
    bom = _BOM if text.startswith(_BOM) else ""
    lines, blocks = _split(path, text[len(bom) :])
    block = blocks.get(_name(name))
    if block is None:
        return None
    before, after = lines[: block.first], lines[block.last + 1 :]
    if not after and before:
        for newline in ("\n", "\r\n"):  # the line break that putting added
            if before[-1].endswith(newline) and _hash(before[-1].removesuffix(newline)) in trace.get(
                "newline", ()
            ):
                before[-1] = before[-1].removesuffix(newline)
                break
    return bom + "".join(before + after)


def _where(blocks: dict[str, Block], name: str, order: Sequence[str], end: int) -> int:
    if name in order:
        mine = list(order).index(name)
        for other in reversed(order[:mine]):
            if other in blocks:
                return blocks[other].last + 1
        for other in order[mine + 1 :]:
            if other in blocks:
                return blocks[other].first
    return end


def _hash(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()[:16]
