"""The console blocks of docs/platform.md, run in order in one folder."""

from __future__ import annotations

from pathlib import Path

from mxdev.testing import follow

PAGE = Path(__file__).parents[1] / "docs/platform.md"


def test_the_page_is_true(tmp_path: Path) -> None:
    ended = follow(PAGE, tmp_path)
    assert len(ended) == 11
    assert [code for command, code in ended] == [int("check.py" in command) for command, code in ended]
