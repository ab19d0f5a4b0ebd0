"""The schemas that tests hold rendered files against; they are no part of this repository."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(os.environ.get("MX_TEST_SHARED") or Path(__file__).parents[5] / "shared")


def schema(name: str) -> Any:
    """A schema by the name of its file; skips the test where the folder is missing."""
    path = SHARED / "schemas" / name
    if not path.is_file():
        pytest.skip(f"{path} is missing: set MX_TEST_SHARED to the folder of schemas")
    return json.loads(path.read_text())
