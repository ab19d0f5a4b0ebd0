"""What kind of file a file is, by its name and, where it has no suffix, by its first line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mxdev.system.files import plain

# What mx writes for itself. It is checked by rules of its own; style is for what people write.
_STATE = ("generators", "pristine", "undo", "journal")
_LARGEST = 16 << 20
_SHELLS = re.compile(rb"^#!\s*\S*?(?:/env\s+(?:-S\s+)?)?(?:/|\b)(sh|bash|dash|ksh)\b")
_PYTHON = re.compile(rb"^#!.*\bpython[0-9.]*\b")
_ZSH = re.compile(rb"^#!.*\bzsh\b")


def is_state(path: Path) -> bool:
    """Whether the file is part of mx's own state in a project."""
    parts = path.parts
    return any(
        part == ".mx" and parts[at + 1 : at + 2] and parts[at + 1] in _STATE for at, part in enumerate(parts)
    )


def python(files: Sequence[Path]) -> list[Path]:
    """Python sources, stubs, notebooks, and scripts without a suffix."""
    suffixes = (".py", ".pyi", ".ipynb")
    return [f for f in files if not is_state(f) and (f.suffix in suffixes or _begins(f, _PYTHON))]


def markdown(files: Sequence[Path]) -> list[Path]:
    """Markdown, whose Python examples are formatted too."""
    return [f for f in files if f.suffix == ".md" and not is_state(f)]


def yaml(files: Sequence[Path]) -> list[Path]:
    """YAML, but no Helm templates: those are text that becomes YAML."""
    return [f for f in files if f.suffix in (".yaml", ".yml") and not is_state(f) and not _is_helm(f)]


def dockerfiles(files: Sequence[Path]) -> list[Path]:
    """`Dockerfile`, `Containerfile`, `Dockerfile.gpu`, `gpu.Dockerfile`; no `.dockerignore` and no template."""
    return [f for f in files if _is_dockerfile(f.name) and not is_state(f)]


def terraform(files: Sequence[Path]) -> list[Path]:
    """What `terraform fmt` formats."""
    return [f for f in files if f.name.endswith((".tf", ".tfvars", ".tftest.hcl")) and not is_state(f)]


def shell(files: Sequence[Path]) -> list[Path]:
    """Shell scripts in a dialect that shellcheck knows."""
    suffixes = (".sh", ".bash", ".bats", ".dash", ".ksh")
    return [
        f
        for f in files
        if not is_state(f) and ((f.suffix in suffixes and not _first_line(f, _ZSH)) or _begins(f, _SHELLS))
    ]


def _is_dockerfile(name: str) -> bool:
    lower = name.lower()
    if lower.endswith(
        (".dockerignore", ".md", ".txt", ".jinja", ".j2", ".tmpl", ".tpl", ".py", ".yaml", ".yml")
    ):
        return False
    return lower.partition(".")[0] in ("dockerfile", "containerfile") or lower.endswith(
        (".dockerfile", ".containerfile")
    )


def _is_helm(path: Path) -> bool:
    """Below `templates/` of a chart; or below any `templates/` and with template syntax in it."""
    for folder in path.parents:
        if folder.name == "templates":
            return (folder.parent / "Chart.yaml").is_file() or _contains(path, b"{{")
    return False


def _begins(path: Path, pattern: re.Pattern[bytes]) -> bool:
    return not path.suffix and _first_line(path, pattern)


def _first_line(path: Path, pattern: re.Pattern[bytes]) -> bool:
    try:
        with path.open("rb") as file:
            return bool(pattern.match(file.readline(200)))
    except OSError:
        return False


def _contains(path: Path, what: bytes) -> bool:
    try:
        return what in plain.read(path, _LARGEST)
    except OSError:
        return False
