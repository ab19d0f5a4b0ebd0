"""`requirements.lock`: the versions that environments and images keep to. `mx flow run --setup` writes it where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mxdev.environment.interpreter import pyproject
from mxdev.environment.packages import DEV, LOCK, has_dev, uv
from mxdev.system import console

# Files in which other tools keep a project's versions: where one is, there is no need for ours.
_OTHERS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock")
# What its head says that made it, so that neither a path nor a temporary file of this machine is in there.
_COMMAND = f"uv pip compile pyproject.toml --universal --output-file {LOCK}"


def commands(root: Path, environ: Mapping[str, str], constraints: Path | None = None) -> list[list[str]]:
    """The commands that write the file, to be run in the project's folder.

    The development tools are not in the file, but they are installed beside its versions, and may be a server that takes no other
    ones: first the versions of both are chosen, then uv keeps to those that it finds in the file.

    Args:
        root: the project.
        environ: the environment variables.
        constraints: a file of versions to keep to.

    Returns:
        The empty list where no file is written: there is one, or one of another tool; nothing is required; uv is not installed; or
        this is a CI, whose checkout nobody commits.
    """
    project = pyproject(root).get("project", {})
    if any((root / name).exists() for name in (LOCK, *_OTHERS)) or not project.get("dependencies"):
        return []
    if environ.get("CI"):
        return []
    program = uv()
    if program is None:
        console.status(f"no {LOCK} is written: that takes uv (https://docs.astral.sh/uv/), which is not here")
        return []
    words = [program, "pip", "compile", "pyproject.toml", "--universal", "--quiet"]
    # Otherwise the interpreter that compiles would be the oldest one that the file is for.
    oldest = _oldest(str(project.get("requires-python") or ""))
    words += ["--python-version", oldest] if oldest else []
    words += ["--constraint", str(constraints)] if constraints else []
    words += ["--custom-compile-command", _COMMAND, "--output-file", LOCK]
    return [[*words, "--extra", DEV], words] if has_dev(root) else [words]


def _oldest(requires_python: str) -> str | None:
    """The oldest version of Python that a range takes; None where it names none."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import Version

    try:
        wanted = SpecifierSet(requires_python)
    except InvalidSpecifier:
        return None
    least = [
        Version(one.version.removesuffix(".*")) for one in wanted if one.operator in (">=", "~=", "==", ">")
    ]
    return str(max(least)) if least else None
