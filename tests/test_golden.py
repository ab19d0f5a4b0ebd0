"""`examples/` is what mx renders today, byte for byte; `make examples` renders it again."""

from __future__ import annotations

from pathlib import Path

import pytest
from golden import EXAMPLES, PROJECTS, files, render


@pytest.mark.parametrize("name", PROJECTS)
def test_example_is_what_mx_renders(name: str, tmp_path: Path) -> None:
    fresh, kept = files(render(name, tmp_path)), files(EXAMPLES / name)
    assert sorted(fresh) == sorted(kept), "run `make examples`"
    assert [path for path in fresh if fresh[path] != kept[path]] == [], "run `make examples`"
