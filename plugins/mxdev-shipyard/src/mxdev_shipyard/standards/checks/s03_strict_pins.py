"""Standard 3: what is installed is what was tested."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mxdev_shipyard.standards.model import Repository, Standard, unmet

STANDARD = Standard(
    3,
    "Every package is pinned to a version and its hashes.",
    "An image that is built again next month is the one that was tested, and a package that was replaced is noticed.",
    "Write the packages into a file of their own and compile it: `uv pip compile --generate-hashes`.",
    __file__,
)
FILE = "requirements.txt"
_BRINGS = re.compile(r"-[re]|--(requirement|editable)\b")


def requirements(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a requirements file with their numbers, joined where a backslash ends one; no comments, and only options that bring packages."""
    start = 0
    parts: list[str] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", raw).strip()
        start = start if parts else number
        parts.append(line.removesuffix("\\").strip())
        if line.endswith("\\"):
            continue
        joined = " ".join(part for part in parts if part)
        parts = []
        if joined and (not joined.startswith("-") or _BRINGS.match(joined)):
            yield start, joined


def test_every_package_is_pinned_with_hashes(repository: Repository) -> None:
    """`name==version --hash=sha256:...` for each."""
    found = list(requirements(repository.text(FILE)))
    if not found:
        unmet("it names no package", FILE)
    for line, requirement in found:
        if requirement.startswith("-"):
            unmet(f"{requirement} brings packages that are not pinned here", FILE, line)
        name = re.match(r"[A-Za-z0-9._-]+(\[[^\]]*\])?", requirement)
        shown = requirement.split(" ")[0]
        if name is None or "://" in requirement.split("--hash")[0]:
            unmet(f"{shown} is no package with a version", FILE, line)
        if not re.match(r"\s*==\s*[^\s*;,]+(\s|;|$)", requirement[name.end() :]):
            unmet(f"{shown} is not pinned to one version by ==", FILE, line)
        if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", requirement):
            unmet(f"{shown} has no hash", FILE, line)
