"""What `mx generate Plugin` sets up around templates and snapshots: nothing of them is left out, and nothing is taken for code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mxdev.testing import render, write


def test_templates_in_any_folder_are_kept_and_no_code(tmp_path: Path) -> None:
    write(render("Plugin", name="acme-mx", skip_git=True), tmp_path)
    templates, snapshots = (
        tmp_path / "src/acme_mx/model_card/templates",
        tmp_path / "tests/snapshots/other/tests",
    )
    files = [
        templates / folder / "a.py" for folder in ("build", "dist", "docs/_build", ".venv", ".ruff_cache")
    ]
    files.append(snapshots / "test_x.py")
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("import  os\ndef test_it(): assert False\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)
    listed = subprocess.run(
        ["git", "ls-files"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    for file in files:
        assert file.relative_to(tmp_path).as_posix() in listed.splitlines()
    for arguments in (["check"], ["format", "--check"]):
        subprocess.run([sys.executable, "-m", "ruff", *arguments, "."], cwd=tmp_path, check=True)
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "test_it" not in collected.stdout
