"""Files that are too large for a linter: what is said of them is a remedy that works and keeps the house style."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

HUGE = 1 << 36


@pytest.fixture
def styled(repo: Path, write: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the configurations of a rendered project, and three vendored files that are tracked."""
    write(repo, {
        "pyproject.toml": '[tool.ruff]\nextend-exclude = [".mx"]\n[tool.ruff.lint]\nselect = ["F"]\n',
        ".yamllint.yaml": "extends: default\nignore:\n  - .mx/\nrules:\n  document-start: disable\n",
        "vendor/a.sh": "#!/bin/sh\n" + "# no more than this\n" * 30_000,
        "medium.sh": "#!/bin/sh\n" + "# no more than this\n" * 8_000,
        "vendor/Dockerfile": "FROM a:1\n" + "# no more than this\n" * 7_000,
        "vendor/a.tf": "# no more than this\n" * 220_000,
        "vendor/a.md": b"\0" * (17 << 20),
        "small.py": "import os\n",
        "small.yaml": "a:  1\n",
    })  # fmt: skip
    subprocess.run(["git", "add", "vendor/a.sh", "vendor/Dockerfile", "vendor/a.tf"], cwd=repo, check=True)
    monkeypatch.chdir(repo)
    for name in ("huge.py", "huge.yaml"):
        (repo / name).touch()
        os.truncate(repo / name, HUGE)
    return repo


def test_the_remedy_of_a_large_file_leaves_the_style_in_force(mx: Any, need: Any, styled: Path) -> None:
    for tool in ("ruff", "yamllint", "shellcheck", "hadolint", "terraform"):
        need(tool)

    def large() -> dict[str, str]:
        rows = mx("lint", "--format", "json", cwd=styled).json["findings"]
        kept = {(row["path"], row["rule"]) for row in rows}
        assert {("small.py", "ruff-check/F401"), ("small.yaml", "yamllint/colons")} <= kept
        return {row["path"]: row["message"].rpartition(", or ")[2] for row in rows if "/large" in row["rule"]}

    ignore = "name it in .gitignore, which counts here also for a file that Git tracks"
    assert large() == {
        "huge.py": "name it under `extend-exclude` of `[tool.ruff]` in pyproject.toml",
        "huge.yaml": "name it under `ignore` in .yamllint.yaml",
        **dict.fromkeys(("vendor/a.sh", "vendor/Dockerfile", "vendor/a.tf", "vendor/a.md"), ignore),
    }
    config, style = styled / "pyproject.toml", styled / ".yamllint.yaml"
    config.write_text(config.read_text().replace('".mx"', '".mx", "huge.py"'))
    style.write_text(style.read_text().replace("- .mx/", "- .mx/\n  - huge.yaml"))
    (styled / ".gitignore").write_text("/vendor/\n")
    assert large() == {}


@pytest.mark.parametrize("repository", [True, False])
def test_no_configuration_is_made_for_a_large_file(
    mx: Any, need: Any, repo: Path, tmp_path: Path, repository: bool
) -> None:
    need("ruff")
    folder = repo if repository else tmp_path
    (folder / "huge.py").touch()
    os.truncate(folder / "huge.py", HUGE)
    said = mx("lint", "huge.py", "--rule", "ruff-check", "--format", "text", cwd=folder).out
    assert "ruff.toml" not in said
    assert ".gitignore" in said
    assert ("`git init`" in said) != repository


def test_a_notebook_with_many_images_is_checked(mx: Any, need: Any, tmp_path: Path) -> None:
    need("ruff")
    image = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "A" * (17 << 20)}}
    cell = {"cell_type": "code", "id": "a", "execution_count": 1, "metadata": {}, "source": ["import os"]}
    notebook = {"cells": [cell | {"outputs": [image]}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook, indent=1) + "\n")
    (tmp_path / "huge.ipynb").touch()
    os.truncate(tmp_path / "huge.ipynb", HUGE)
    rows = mx("lint", "--rule", "ruff-check", "--format", "json", cwd=tmp_path).json["findings"]
    assert {(row["path"], row["rule"]) for row in rows} == {
        ("a.ipynb", "ruff-check/F401"), ("huge.ipynb", "ruff-check/large"),
    }  # fmt: skip
    assert "more than 256 MB" in rows[-1]["message"]
