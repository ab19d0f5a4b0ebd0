"""The documentation builds without a warning, and has a page for every command and every generator that lists every option."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mxdev.cli import own_commands, root
from mxdev.commands.generate import generate
from mxdev.plugins import catalog, model

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as HTML."""
    folder = tmp_path_factory.mktemp("html")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-b", "html", DOCS, folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def flags(command: click.Command) -> Iterator[str]:
    """The options that the command shows, its subcommands' included."""
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            yield from parameter.opts
    if isinstance(command, click.Group) and command is not generate:
        for inner in command.commands.values():
            yield from flags(inner)


def words(page: Path) -> set[str]:
    """What stands between spaces, commas, equals signs and quotes in the text of a page."""
    return set(
        re.split(r"[\s,=\"']+", html.unescape(re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8"))))
    )


@pytest.mark.parametrize("name", list(own_commands()))
def test_every_command_has_a_page_with_all_its_options(built: Path, name: str) -> None:
    command = root.get_command(click.Context(root), name)
    assert command is not None
    assert set(flags(command)) - words(built / "commands" / f"{name}.html") == set()


@pytest.mark.parametrize(
    "name", [name for name, one in catalog.available().items() if one.dist == model.CORE]
)
def test_every_generator_has_a_page_with_all_its_options(built: Path, name: str) -> None:
    pages = [
        page
        for page in (DOCS / "generators").glob("*.md")
        if page.read_text(encoding="utf-8").startswith(f"# {name}\n")
    ]
    assert len(pages) == 1, f"docs/generators/ has no page that begins with '# {name}'"
    command = generate.get_command(click.Context(generate), name)  # type: ignore[attr-defined]
    assert set(flags(command)) - words(built / "generators" / f"{pages[0].stem}.html") == set()
