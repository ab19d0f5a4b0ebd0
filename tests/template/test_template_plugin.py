"""A plugin's generator that is a template, and a template's questions on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml
from sites import make_distribution
from template_repos import Repository, write

from mxdev.plugins import index
from mxdev.testing import render, text

PLUGIN = """
from mxdev import hookimpl, option
from mxdev.template import CopierTemplate

class Pinned(CopierTemplate):
    "A service of ours."
    source = "git+file://{repository}"
    ref = "v1"
    scope = "anywhere"

class Bundled(CopierTemplate):
    "A template inside of the plugin."
    source = "bundled"
    trusted = True
    scope = "anywhere"

@hookimpl
def mx_generators():
    return [Pinned, Bundled]
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: Path) -> Iterator[Repository]:
    """The repository of the template of an installed plugin."""
    made = Repository(tmp_path / "service")
    made.commit({"copier.yml": "port: 80\n", "a.txt.jinja": "{{ port }} one"}, "v1")
    made.commit({"a.txt.jinja": "{{ port }} two"}, "v2")
    site = tmp_path / "site"
    make_distribution(site, "acme-service", modules={"acme_service.py": PLUGIN.format(repository=made.path)})
    write(
        site / "bundled",
        {
            "copier.yml": "_tasks: ['echo t > t.txt']\nsize: {type: int, default: 3}\n",
            "b.jinja": "{{ size }}",
        },
    )
    monkeypatch.syspath_prepend(site)
    index.forget()
    yield made
    sys.modules.pop("acme_service", None)
    index.forget()


def test_a_plugin_declares_a_template(mx: Any, here: Path, plugin: Repository) -> None:
    assert "--port INTEGER" in mx("generate", "Pinned", "--help", cwd=here).out
    assert mx("generate", "Pinned", "--port", "81", cwd=here).code == 0
    assert (here / "a.txt").read_text() == "81 one"
    assert set(mx("update", "--json", cwd=here).rows.values()) == {"identical"}
    mx("generate", "Pinned", "--ref", "v2", cwd=here)
    assert (here / "a.txt").read_text() == "81 two"
    record = yaml.safe_load((here / ".mx/generators/Pinned.yaml").read_text())
    assert (record["generator"], record["plugin"]) == ("Pinned", "acme-service")

    assert mx("generate", "Bundled", cwd=here).code == 0
    assert (here / "t.txt").read_text() == "t\n"
    mx("set", "Bundled.size=4", cwd=here)
    assert (here / "b").read_text() == "4"


def test_a_newer_plugin_pins_a_newer_version(
    mx: Any, here: Path, plugin: Repository, monkeypatch: Any
) -> None:
    mx("generate", "Pinned", cwd=here)
    plugin.commit({"a.txt.jinja": "{{ port }} three"}, "v3")
    import acme_service

    monkeypatch.setattr(acme_service.Pinned, "ref", "v3")
    waiting = mx("status", "--json", cwd=here)
    assert waiting.json["instances"][0]["update"] == ["a.txt"], waiting.out
    mx("update", cwd=here)
    assert (here / "a.txt").read_text() == "80 three"


def test_a_plugin_tests_its_template_in_memory(plugin: Repository) -> None:
    from mxdev.plugins import catalog

    tree = render(catalog.load(catalog.find("Pinned")))
    assert text(tree, "a.txt") == "80 one"


def test_questions_are_asked_on_a_terminal_once(here: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "t", {
        "copier.yml": "_message_before_copy: Good day.\nname: {type: str, help: 'Who?', default: nobody}\nloud: {type: bool, default: false}\n"
                      "word: {type: str, default: hey, when: '{{ loud }}', help: 'Which word?'}\ngiven: {type: str}\n"
                      "token: {type: str, default: none, secret: true, help: 'Token?'}\n",
        "a.txt.jinja": "{{ name }} {{ loud }} {{ word }} {{ given }}",
    })  # fmt: skip
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "200", "PROMPT_TOOLKIT_NO_CPR": "1"}
    child = pexpect.spawn(sys.executable, ["-m", "mxdev", "generate", "Template", str(source), "--given", "g"],
                          cwd=str(here), env=env, encoding="utf-8", timeout=30, dimensions=(50, 200))  # fmt: skip
    try:
        child.expect("Good day.")
        for question, answer in (
            ("Who", "\x15me\r"),
            ("loud", "y"),
            ("Which word", "\r"),
            ("Token", "hunter2\r"),
        ):
            child.expect(question)
            child.send(answer)
        child.expect(pexpect.EOF)
        assert "Good day" not in child.before
        child.close()
        assert child.exitstatus == 0, child.before
    finally:
        child.close(force=True)
    assert (here / "a.txt").read_text() == "me True hey g"
    record = (here / ".mx/generators/Template.t.yaml").read_text()
    assert "word: hey" in record
    assert "hunter2" not in record
