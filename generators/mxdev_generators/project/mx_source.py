"""Where a project gets mx from: what its pipelines, its README, its dev container and its pre-commit hook install."""

from __future__ import annotations

from mxdev import option
from mxdev.generator import Pattern

_URL = r"https://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?(?:/[A-Za-z0-9._~+-]+)*/?"
SOURCE = Pattern(
    rf"(?:index|{_URL}|git\+{_URL}(?:@[A-Za-z0-9][A-Za-z0-9._/-]*)?)?",
    "index (the default package index), the address of an index (https://host/simple/), or of a repository "
    "(git+https://host/group/mx-devtool.git, with @COMMIT or @TAG if it has no tags v...)",
    metavar="SOURCE",
)
MX_SOURCE = option(
    "--mx-source", type=SOURCE, default="", shared=True,
    help="Where colleagues and CI get mx, at the version that rendered last: index, or the address of an index or repository.",
)  # fmt: skip


def requirement(source: str, version: str) -> str:
    """What pip and uv install to get mx with its linters, at `version`; empty where nobody knows where from."""
    if source.startswith("git+"):
        at = source.rstrip("/")
        return f"mx-devtool[lint] @ {at if '@' in at.rpartition('/')[2] else f'{at}@v{version}'}"
    return f"mx-devtool[lint]=={version}" if source else ""


def index(source: str) -> str:
    """The address of the index that a source is; empty for the default one and for repositories."""
    return source if source.startswith("https://") else ""


def install_line(source: str, version: str) -> str:
    """The command that installs mx; empty where nobody knows where from."""
    if not source:
        return ""
    return f"uv tool install {f'--index {index(source)} ' if index(source) else ''}'{requirement(source, version)}'"


def missing(generator: str, source: str) -> list[str]:
    """What is wrong where a pipeline is to install mx, and nobody said where from."""
    if source:
        return []
    return [
        f"--mx-source is missing: {generator} installs mx, and this mx was installed from a folder, which no pipeline has. "
        "Set it by --mx-source SOURCE, or for what is there already by `mx set mx-source=SOURCE`: `index`, the address of an index, "
        "or `git+https://host/group/mx-devtool.git@COMMIT`."
    ]
