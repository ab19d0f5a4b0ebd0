"""A project that is a folder of a larger repository: what looks at the top only is said."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from changing import World, call

FILES = {
    ".github/workflows/ci.yaml": "GitHub",
    ".gitlab-ci.yml": "GitLab",
    ".pre-commit-config.yaml": "pre-commit",
}

# What does not take the working directory, or starts at the top of the repository, is in the remedy.
REMEDIES = {
    ".github/workflows/ci.yaml": "services/demo/ before what stands below `path` and `cache-dependency-glob`",
    ".gitlab-ci.yml": "`cd services/demo` first in each `before_script`",
    ".pre-commit-config.yaml": "with `files: ^services/demo/`",
}


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("inside", [True, False])
def test_what_has_no_effect_in_a_folder_is_said(
    world: World, tmp_path: Path, path: str, inside: bool
) -> None:
    world.base.files = {path: "a: 1\n"}
    world.root = tmp_path / "mono/services/demo"
    world.root.parent.mkdir(parents=True)
    if inside:
        subprocess.run(["git", "init", "-q", tmp_path / "mono"], check=True)
    made = call("generate", "WorldBase", "demo", "--no-input", cwd=world.root.parent)
    assert made.code == 0
    said = f"This project is the folder services/demo of a larger repository. {FILES[path]} looks for"
    assert (said in made.err) == inside
    assert not inside or f"services/demo/{path} has no effect" in made.err
    assert not inside or REMEDIES[path] in made.err
    assert "of a larger repository" not in call("generate", "WorldBase", "--no-input", cwd=world.root).err
