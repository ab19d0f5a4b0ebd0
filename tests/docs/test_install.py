"""The line of README that installs mx in a clone: what uv gets to see, whatever the address of the clone's origin looks like."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        ("https://example.com/acme/mx.git", "git+https://example.com/acme/mx.git"),
        ("https://me@example.com:8443/acme/mx.git", "git+https://me@example.com:8443/acme/mx.git"),
        ("ssh://git@example.com:2222/acme/mx.git", "git+ssh://git@example.com:2222/acme/mx.git"),
        ("git@example.com:acme/mx.git", "git+ssh://git@example.com/acme/mx.git"),
    ],
)
def test_the_line_for_a_clone(tmp_path: Path, origin: str, source: str) -> None:
    (line,) = re.findall(
        r"uv tool install (\"git\+\$\(.*\"$)", README.read_text(encoding="utf-8"), re.MULTILINE
    )
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "remote", "add", "origin", origin], cwd=tmp_path, check=True)
    said = subprocess.run(
        ["sh", "-c", f"printf %s {line}"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    assert said == source
    assert Requirement(f"mx-devtool @ {said}").url == source
