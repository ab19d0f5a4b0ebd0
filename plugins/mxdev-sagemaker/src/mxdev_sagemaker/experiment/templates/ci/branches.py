#!/usr/bin/env python3
"""Which branches there are, and what goes into what; the pipeline runs this first, and is red where it does not hold.

feature/NAME → develop → release/X.Y.Z → master, which is tagged vX.Y.Z; release and master go back into develop
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KINDS = {
    "feature": re.compile(r"feature/[A-Za-z0-9][A-Za-z0-9._/-]*"),
    "develop": re.compile(r"develop"),
    "release": re.compile(r"release/(?P<version>[0-9]+\.[0-9]+\.[0-9]+)"),
    "master": re.compile(r"master"),
    "tag": re.compile(r"v(?P<version>[0-9]+\.[0-9]+\.[0-9]+)"),
}
# What may be merged into a branch of a kind.
SOURCES = {
    "feature": ("feature", "develop"),
    "develop": ("feature", "release", "master"),
    "release": ("develop", "feature"),
    "master": ("release",),
}


def kind(branch: str) -> str | None:
    """The kind of a branch; None if it is none of them."""
    return next(
        (name for name, form in KINDS.items() if name != "tag" and form.fullmatch(branch)), None
    )


def version(root: Path = ROOT) -> str:
    """The version in pyproject.toml."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["project"]["version"])


def problems(said: Mapping[str, str], own: str) -> list[str]:
    """What does not hold, by GitLab's variables; `own` is the version in pyproject.toml."""
    if tag := said.get("CI_COMMIT_TAG"):
        found = KINDS["tag"].fullmatch(tag)
        if not found:
            return [f"the tag {tag} is none of a release: it is vX.Y.Z"]
        return [] if found["version"] == own else [f"the tag {tag} is not the version {own}"]
    source = said.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") or said.get("CI_COMMIT_BRANCH", "")
    if kind(source) is None:
        return [f"{source or 'no name'} is none of feature/NAME, develop, release/X.Y.Z, master"]
    wrong = []
    release = KINDS["release"].fullmatch(source)
    if release and release["version"] != own:
        wrong.append(f"{source} has the version {own} in pyproject.toml")
    target = said.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")
    if target and kind(source) not in SOURCES.get(kind(target) or "", ()):
        wrong.append(f"{source} does not go into {target}")
    return wrong


def main() -> int:
    """Run the program; its exit code."""
    wrong = problems(os.environ, version())
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
