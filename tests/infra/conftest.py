"""A project whose Terraform makes what needs no cloud, and stand-ins for programs that do not work."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MAIN = """\
variable "size" {
  default = "1"
}

resource "terraform_data" "kept" {
  input = var.size
}

resource "terraform_data" "store" {
  triggers_replace = [var.size]
}

output "size" {
  value = terraform_data.kept.output
}

output "word" {
  value     = "hush"
  sensitive = true
}
"""


@pytest.fixture(scope="session")
def terraform() -> str:
    found = shutil.which("terraform")
    if found is None:
        pytest.skip("terraform is not installed")
    return found


@pytest.fixture
def churn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project called churn with a folder of Terraform, in which nothing is initialized."""
    for name in ("TF_CLI_CONFIG_FILE", "TF_DATA_DIR", "TF_REATTACH_PROVIDERS"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "churn project"
    folder = root / "infrastructure" / "terraform"
    folder.mkdir(parents=True)
    (root / "mx.yaml").write_text("version: 1\noptions:\n  name: churn\n")
    (folder / "main.tf").write_text(MAIN)
    return root


@pytest.fixture
def folder(churn: Path) -> Path:
    return churn / "infrastructure" / "terraform"


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put a program on the PATH that is not a real one: Python code, with `words` and `folder` at hand; it notes its calls."""
    place = tmp_path / "stand-ins"
    place.mkdir()
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")

    def make(name: str, code: str) -> Path:
        path = place / name
        path.write_text(
            f"#!{sys.executable}\nimport json, os, pathlib, sys, time\n"
            f"words, folder = sys.argv[1:], pathlib.Path({str(place)!r})\n"
            f'with (folder / "{name}.calls").open("a") as calls:\n    calls.write(" ".join(words) + "\\n")\n{code}\n'
        )
        path.chmod(0o755)
        return place

    return make
