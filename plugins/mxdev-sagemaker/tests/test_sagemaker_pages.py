"""The console blocks of the pages, run in order in one folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from mxdev.testing import follow

DOCS = Path(__file__).parents[1] / "docs"
# What is shown to be refused; all else ends well.
REFUSED = (
    "python check.py",
    "python pipelines/churn/pipeline.py upload",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME=",
)


@pytest.mark.parametrize(
    ("page", "commands"), [("training.md", 4), ("experiment.md", 5), ("platform.md", 11)]
)
def test_the_page_is_true(tmp_path: Path, page: str, commands: int) -> None:
    ended = follow(DOCS / page, tmp_path, stderr=True)
    assert len(ended) == commands
    assert [code for _, code in ended] == [int(command.startswith(REFUSED)) for command, _ in ended]
