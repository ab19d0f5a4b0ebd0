"""The kernel: when it is built again, and when it stops."""

from __future__ import annotations

import runpy
import shutil
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import key
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "kernel", tmp_path / "kernel")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_it_is_built_again_for_dependencies_and_variables_only(copy: Path) -> None:
    before = key.key(copy)
    edit(copy / "pyproject.toml", "line-length = 100", "line-length = 90")
    edit(copy / "pyproject.toml", 'version = "0.1.0"', 'version = "0.2.0"')
    assert key.key(copy) == before
    edit(copy / "pyproject.toml", '"joblib>=1.4,<2"', '"joblib>=1.5,<2"')
    changed = key.key(copy)
    assert changed != before
    edit(copy / "kernel/variables.env", "IDLE_MINUTES=", "IDLE_MINUTES=1")
    assert key.key(copy) not in (before, changed)


def test_it_stops_when_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDLE_MINUTES", "90")
    server: defaultdict[str, SimpleNamespace] = defaultdict(SimpleNamespace)
    given = type("Config", (), {"__getattr__": lambda self, name: server[name]})()
    runpy.run_path(
        str(ROOT / "kernel/jupyter_server_config.py"), init_globals={"get_config": lambda: given}
    )
    assert server["ServerApp"].shutdown_no_activity_timeout == 90 * 60
    assert server["MappingKernelManager"].cull_idle_timeout == 90 * 60
    assert server["MappingKernelManager"].cull_busy is False
