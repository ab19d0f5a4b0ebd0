"""The same forty templates of sixty lines, in the form of each tool."""

from __future__ import annotations

import json
from pathlib import Path

FILES = 40
LINES = 60


def body(variable: str) -> str:
    """A template of `LINES` lines with a variable in every sixth, in the syntax that `variable` has."""
    lines = [
        f"{variable} line {number} of a configuration file"
        if number % 6 == 0
        else f"setting_{number} = {number * 7}"
        for number in range(LINES)
    ]
    return "\n".join(lines) + "\n"


def names() -> list[str]:
    """The paths of the rendered files."""
    return [f"part{number % 5}/file{number}.txt" for number in range(FILES)]


def _write(root: Path, suffix: str, text: str) -> None:
    for name in names():
        path = root / (name + suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def for_mx(root: Path) -> None:
    """Write the templates of the benchmark's generator."""
    _write(root, ".jinja", body("{{ name }}"))


def for_copier(root: Path) -> None:
    """Write a Copier template."""
    _write(root, ".jinja", body("{{ name }}"))
    (root / "copier.yml").write_text("name:\n  type: str\n  default: demo\n")


def for_cookiecutter(root: Path) -> None:
    """Write a Cookiecutter template."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "cookiecutter.json").write_text(json.dumps({"name": "demo"}))
    _write(root / "{{cookiecutter.name}}", "", body("{{ cookiecutter.name }}"))


def for_hygen(root: Path) -> None:
    """Write a Hygen generator `bench new`."""
    folder = root / "_templates" / "bench" / "new"
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names()):
        head = f"---\nto: <%= name %>/{name}\n---\n"
        (folder / f"file{number}.ejs.t").write_text(head + body("<%= name %>"))
