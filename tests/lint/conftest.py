"""Fake linters, real repositories, and skips that say which program is missing."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from mxdev.system import programs

Fake = Callable[..., Path]


@pytest.fixture
def need() -> Callable[[str], None]:
    """Skip the test, with the reason, where a program is missing."""

    def check(name: str) -> None:
        if programs.locate(name) is None:
            pytest.skip(f"{name} is missing: {programs.get(name).install}")

    return check


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """Put a Python script in the place of a program; None in its place makes it missing."""
    real = programs.locate
    fakes: dict[str, tuple[str, ...] | None] = {}
    monkeypatch.setattr(
        programs,
        "locate",
        lambda tool: (
            fakes.get(programs.get(tool).name, ()) if programs.get(tool).name in fakes else real(tool)
        ),
    )

    def put(name: str, body: str | None, version: str = "99.0.0") -> Path:
        script = tmp_path_factory.mktemp("fake") / f"{name}.py"
        head = f"import sys\nif sys.argv[1:] in (['--version'], ['version']):\n    print('{name} {version}')\n    sys.exit()\n"
        script.write_text(head + textwrap.dedent(body or ""), encoding="utf-8")
        fakes[name] = None if body is None else (sys.executable, str(script))
        return script

    return put


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """An empty Git repository."""
    folder = tmp_path / "repo"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", "."], cwd=folder, check=True)
    return folder


@pytest.fixture
def write() -> Callable[[Path, dict[str, str | bytes]], None]:
    """Write files below a folder."""

    def put(root: Path, files: dict[str, str | bytes]) -> None:
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    return put
