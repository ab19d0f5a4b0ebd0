"""The plugin guide works as it is written: its files are written, its commands run, and they say what it says they do."""

from __future__ import annotations

import importlib
import inspect
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import fresh
import pytest

import mxdev

GUIDE = fresh.ROOT / "docs/plugins.md"
_FENCE = re.compile(r"^```(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: what stands after the fence, and what it has in it."""

    kind: str
    text: str
    line: int


def blocks() -> list[Block]:
    guide = GUIDE.read_text()
    return [
        Block(found[1], found[2], guide.count("\n", 0, found.start()) + 1) for found in _FENCE.finditer(guide)
    ]


def test_every_block_is_run_or_written() -> None:
    kinds = {block.kind for block in blocks()}
    assert kinds <= {"console", "{eval-rst}", "{code-block} python", "{code-block} jinja"}
    for block in blocks():
        if block.kind.startswith("{code-block}"):
            assert block.text.startswith(":caption: "), f"line {block.line}"


def test_every_public_name_is_explained_in_the_reference() -> None:
    reference = (fresh.ROOT / "docs/reference.md").read_text()
    listed = set(re.findall(r"\w+", " ".join(re.findall(r":members: (.*)", reference))))
    listed |= set(re.findall(r"auto(?:class|function):: [\w.]+\.(\w+)\n", reference))
    for name in set(mxdev.__all__) - {"__version__", "hookimpl"}:
        assert name in listed, name
        assert (getattr(mxdev, name).__doc__ or "").strip(), name
    for module, names in re.findall(r"automodule:: (\S+)\n +:members: (.+)", reference):
        for name in names.split(", "):
            value = getattr(importlib.import_module(module), name)
            if isinstance(value, type) or inspect.isroutine(value):
                assert (value.__doc__ or "").strip(), f"{module}.{name}"


class Index(BaseHTTPRequestHandler):
    """As much of a package index as an upload needs."""

    uploads: list[str] = []

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.uploads += [name.decode() for name in re.findall(rb'filename="([^"]+)"', data)]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def index() -> Iterator[str]:
    Index.uploads.clear()
    server = HTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/legacy/"
    server.shutdown()


class Shell:
    """A shell that remembers its folder and variables from line to line."""

    def __init__(self, folder: Path, state: Path, env: dict[str, str]) -> None:
        self.folder, self.state, self.env = folder, state, env

    def run(self, line: str) -> str:
        script = (
            f"[ ! -f {self.state} ] || source {self.state}\n"
            f"{{ {line}\n}} 2>&1\n"
            f"{{ export -p; declare -f deactivate || :; printf 'cd %q\\n' \"$PWD\"; }} > {self.state}\n"
        )
        return fresh.run(script, self.folder, self.env).stdout


def matches(said: str, expected: str) -> bool:
    """Whether `said` is as the guide has it; `...` stands for anything in a line, alone in one for any lines."""
    pattern = "".join(
        r"(?:.*\n)*" if line == "..." else ".*".join(map(re.escape, line.rstrip().split("..."))) + r"\n"
        for line in expected.splitlines()
    )
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in said.splitlines())) is not None


def test_the_guide_from_nothing_to_a_published_plugin(tmp_path: Path, index: str) -> None:
    work = tmp_path / "work"
    work.mkdir()
    env = fresh.environment() | {
        "PIP_FIND_LINKS": str(fresh.wheels()), "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_PUBLISH_URL": index, "UV_PUBLISH_TOKEN": "secret", "COLUMNS": "200",
    }  # fmt: skip
    published = work / "acme-mx/dist"
    shell = Shell(work, tmp_path / "state", env)
    ran = 0
    for block in blocks():
        if block.kind == "console":
            for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.text, re.MULTILINE):
                if published.is_dir():  # what was uploaded is found as on an index
                    shell.run(f"export UV_FIND_LINKS={fresh.wheels()},{published}")
                said = shell.run(command)
                assert matches(said, expected), (
                    f"{GUIDE.name}, the block in line {block.line}: $ {command}\n{said}"
                )
                ran += 1
        elif block.kind.startswith("{code-block}"):
            head, _, text = block.text.partition("\n\n")
            path = work / "acme-mx" / head.removeprefix(":caption: ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    assert ran > 40
    assert sorted(Index.uploads) == ["acme_mx-0.1.0-py3-none-any.whl", "acme_mx-0.1.0.tar.gz"]


@pytest.mark.parametrize(
    ("said", "expected", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\nb\n", "a\n", False),
        ("a\nb\nc\n", "...\nc\n", True),
        ("c\n", "...\nc\n", True),
        ("a\nb\nc\n", "...\nb\n", False),
        ("a\nb\nc\n", "a\n...\n", True),
        ("a\n", "a\n...\n", True),
        ("8 passed in 3 s\n", "8 passed in ...\n", True),
        ("9 passed in 3 s\n", "8 passed in ...\n", False),
        ("", "", True),
        ("a\n", "", False),
    ],
)
def test_how_output_is_compared(said: str, expected: str, same: bool) -> None:
    assert matches(said, expected) is same
