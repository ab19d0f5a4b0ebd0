"""The console blocks of the pages about experiments and training, run in order in one folder each."""

from __future__ import annotations

from pathlib import Path

import pytest
from mxdev.testing import follow

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize(("page", "commands"), [("training.md", 4), ("experiment.md", 5)])
def test_the_page_is_true(tmp_path: Path, page: str, commands: int) -> None:
    assert len(follow(DOCS / page, tmp_path, stderr=True)) == commands
