"""The lines around a section are comments of the file's language; a kind of file without any is refused."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import tomllib
import xml.dom.minidom
from collections.abc import Callable
from pathlib import Path

import pytest

from mxdev.errors import MxError
from mxdev.sections import sections
from mxdev.sections.marks import marks_of

LINES = {
    ".gitignore": "# >>> mx:A", "pyproject.toml": "# >>> mx:A", "Makefile": "# >>> mx:A", "sub/Dockerfile": "# >>> mx:A",
    "Dockerfile.gpu": "# >>> mx:A", ".env.local": "# >>> mx:A", "requirements-dev.txt": "# >>> mx:A", "a.tf": "# >>> mx:A",
    "README.md": "<!-- >>> mx:A -->", "a.HTML": "<!-- >>> mx:A -->", "pom.xml": "<!-- >>> mx:A -->", "a.ts": "// >>> mx:A",
    "a.cu": "// >>> mx:A", "a.css": "/* >>> mx:A */", "a.sql": "-- >>> mx:A", "a.lua": "-- >>> mx:A", "a.tex": "% >>> mx:A",
    "a.bat": ":: >>> mx:A", "Jenkinsfile": "// >>> mx:A", "init.el": "; >>> mx:A", "README.mdx": "{/* >>> mx:A */}",
}  # fmt: skip
NONE = ["a.json", "a.ipynb", "a.csv", "LICENSE", "license.txt", "a.rst", "a.png", "a.unknown", ".prettierrc", "VERSION"]  # fmt: skip


@pytest.mark.parametrize("path", LINES)
def test_the_marks_are_comments_of_the_language(path: str) -> None:
    edit = sections.put(path, b"head\n", "A", "body\n")
    lines = edit.data.decode().splitlines()
    assert lines == ["head", LINES[path], "body", LINES[path].replace(">>>", "<<<")]
    found = sections.read(edit.data, "A", path=path)
    assert found is not None
    assert found.text == "body\n"
    assert sections.named(path, edit.data) == ["A"]
    assert sections.take(path, edit.data, "A", edit.trace) == b"head\n"
    with pytest.raises(MxError, match="looks like a section marker"):
        sections.put(path, b"", "B", LINES[path] + "\n")
    with pytest.raises(MxError, match=re.escape(f"{path}:2: the section `{LINES[path]}` has no end marker")):
        sections.put(path, f"x\n{LINES[path]}\n".encode(), "B", "x\n")


@pytest.mark.parametrize("path", NONE)
def test_a_kind_of_file_without_comments_is_refused(path: str) -> None:
    with pytest.raises(MxError, match=re.escape(f"{path} can have no sections")):
        sections.put(path, None, "A", "body\n")
    assert sections.named(path, b"# >>> mx:A\n") == []


def _shell(data: bytes) -> None:
    assert subprocess.run(["sh", "-s"], input=data, capture_output=True, check=True).stdout == b"1\n"


def _node(data: bytes) -> None:
    subprocess.run(["node", "-e", data.decode()], check=True, capture_output=True)


READERS: list[tuple[str, str, Callable[[bytes], object]]] = [
    ("a.py", "x = 1\n", ast.parse),
    ("a.toml", "[a]\nx = 1\n", lambda data: tomllib.loads(data.decode())),
    ("a.xml", "<a/>\n", xml.dom.minidom.parseString),
    ("a.sh", "echo 1\n", _shell),
    ("a.js", "let x = 1\n", _node),
]


@pytest.mark.parametrize(("path", "content", "read"), READERS, ids=[path for path, *_ in READERS])
def test_the_language_reads_the_marks_as_comments(
    path: str, content: str, read: Callable[[bytes], object]
) -> None:
    read(sections.put(path, b"", "App:one", content).data)


def test_a_generator_is_told_when_it_renders(tmp_path: Path) -> None:
    from mxdev.generator import Generator
    from mxdev.testing import render

    class Bad(Generator):
        """Adds to a file that has no comments."""

        def generate(self, tree: object) -> None:
            tree.section("package.json", "Bad", json.dumps({}))  # type: ignore[attr-defined]

    with pytest.raises(MxError, match="can have no sections"):
        render(Bad)
    assert marks_of("a.md") is marks_of("b.markdown")
