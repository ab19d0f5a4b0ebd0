"""The security page: each promise names a test, and that test is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
ROWS = re.findall(
    r"^\| (.+\.) \| `(tests/[\w/]+\.py)::(test_\w+)` \|$",
    (HOME / "docs/security.md").read_text(),
    re.MULTILINE,
)


def test_every_row_of_the_table_was_read() -> None:
    text = (HOME / "docs/security.md").read_text().partition("## What mx promises")[2].partition("\n## ")[0]
    assert len(ROWS) == len([line for line in text.splitlines() if line.startswith("| ")]) - 1 > 20


@pytest.mark.parametrize(("promise", "path", "name"), ROWS, ids=[name for _, _, name in ROWS])
def test_a_promise_has_its_test(promise: str, path: str, name: str) -> None:
    tree = ast.parse((HOME / path).read_text())
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    assert found, promise
    marks = [ast.unparse(mark) for mark in found[0].decorator_list]
    assert not any("xfail" in mark or mark.endswith(".skip") for mark in marks)
    assert any(isinstance(node, ast.Assert | ast.With | ast.Call) for node in ast.walk(found[0]))
