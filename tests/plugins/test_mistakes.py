"""Mistakes of a plugin's author are told in their words: the class, the hook, the file and the line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Mx, installed
from sites import make_distribution

HEAD = """
from mxdev import Generator, argument, hookimpl, lazy, option

class Odd(Generator):
    "Is declared wrongly."
    scope = "anywhere"
    {body}
    def generate(self, tree):
        tree.file("a.txt", {data})

@hookimpl
def mx_generators():
    return [Odd]
"""
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    def make(source: str, **settings: Any) -> Path:
        site = tmp_path / "site"
        make_distribution(site, "odd-plugin", version="1.0", modules={"odd_plugin.py": source}, **settings)
        monkeypatch.delitem(sys.modules, "odd_plugin", raising=False)
        next(installed(site, monkeypatch))
        return site

    return make


CLASSES = {
    'scope = "bogus"': "scope is 'bogus'; it is one of 'project', 'new', 'anywhere'",
    'requires = "SampleBase"': "requires = ('SampleBase',)",
    "requires = (3,)": "requires is (3,)",
    'formerly = "Old"': "formerly = ('Old',)",
    'instance_argument = "PART"': "instance_argument is 'PART', and there is no argument or option of that name",
    'options = option("--a", default=1)': "options = (option(...),)",
    'options = ("--a",)': "options has '--a' in it, which `option` did not make",
    'options = (argument("A"),)': "options has A in it, which `argument` made",
    'options = (option("--a", default=1), option("--b", default=1, formerly="--a"))': "--a and --b are both called a",
    'options = (option("--instance", default=1),)': "--instance cannot be called so",
    'scope = "new"': "it needs an argument that names the project",
}


@pytest.mark.parametrize("body", CLASSES)
def test_a_class_that_is_declared_wrongly(body: str, install: Install, mx: Mx) -> None:
    install(HEAD.format(body=body, data="''"))
    result = mx("generate", "Odd", "--no-input")
    assert result.code == 4, result.err
    assert "Odd of the plugin odd-plugin 1.0 is declared wrongly (odd_plugin:Odd):" in result.err
    assert CLASSES[body] in result.err
    checked = mx("plugins", "--check")
    assert checked.code == 1
    assert CLASSES[body] in checked.out


def test_a_class_without_generate(install: Install, mx: Mx) -> None:
    install(HEAD.format(body="", data="''").replace("def generate(", "def generated("))
    assert "it has no method generate(self, tree)" in mx("generate", "Odd").err


@pytest.mark.parametrize("data", ["5", "None", "['a']"])
def test_content_that_is_neither_text_nor_bytes(data: str, install: Install, mx: Mx, tmp_path: Path) -> None:
    install(HEAD.format(body="", data=data))
    result = mx("generate", "Odd", "--no-input")
    assert result.code == 4
    assert "the content of a.txt is" in result.err
    assert not (tmp_path / "a.txt").exists()


HOOKS = {
    "import not_there\n": "odd_plugin.py:1",
    "def broken(:\n": "odd_plugin.py, line 1",
    "x = 1\nx.nope\n": "odd_plugin.py:2",
    "from mxdev import hookimpl\n@hookimpl\ndef mx_generators():\n    return ['a']\n": "mx_generators (",
    "from mxdev import hookimpl\n@hookimpl\ndef mx_generators():\n    return 5\n": "a list is wanted",
    "from mxdev import hookimpl\n@hookimpl\ndef mx_lint_rules():\n    return 1 / 0\n": "odd_plugin.py:4",
    "from mxdev import hookimpl\n@hookimpl\ndef mx_defaults():\n    return []\n": "mx_defaults (",
}


@pytest.mark.parametrize("source", HOOKS)
def test_a_module_or_a_hook_that_fails(source: str, install: Install, mx: Mx) -> None:
    install(source)
    said = mx("plugins").out
    assert HOOKS[source] in said
    assert "odd_plugin.py" in said


def test_an_entry_point_that_names_an_attribute(install: Install, mx: Mx) -> None:
    install("attr = 1\n", module="odd_plugin:attr")
    assert "name the module alone: odd_plugin" in mx("plugins").out


CHECKED = """
from mxdev import Generator, argument, hookimpl, lazy, option

class Fine(Generator):
    "Requires nobody."
    requires = ("NotThere", "no-such-role")
    options = (option("--n", type=int, default="many"), option("--region", default="x"))
    def generate(self, tree):
        pass

class Hides(Fine):
    requires = ("SampleBase",)
    options = (option("--region", default="x"),)

@hookimpl
def mx_generators():
    return [Fine, Hides, lazy("odd_plugin:Nobody", "x")]

@hookimpl
def mx_defaults():
    return {"regon": "x", "Nope.region": "x", "SampleBase.nope": 1, "region": "y"}

@hookimpl
def mx_template_overrides():
    return {"SampleBas": "x", "SampleBase": "stands"}

@hookimpl
def mx_nonsense():
    return []
"""


def test_check_tells_all_that_is_wrong(install: Install, mx: Mx, tmp_path: Path) -> None:
    site = install(CHECKED)
    (site / "stands").mkdir()
    (site / "stands/nothing.md").write_text("x")
    result = mx("plugins", "--check")
    assert result.code == 1
    for said in (
        "Fine requires NotThere", "Fine requires no-such-role", "Fine: the default of --n is wrong",
        "Hides: --region hides the project's option of that name", "has no attribute 'Nobody'",
        "a value for regon", "a value for nope.region", "a value for sample-base.nope",
        "templates of SampleBas, and there is no generator", "which is not there", "nothing.md stands for no template",
        "mx has no hook mx_nonsense",
    ):  # fmt: skip
        assert said in result.out, said
    assert "mx-devtool 0.1.0: nothing is wrong" in result.out
    assert mx("plugins", "--check", "--json").json


KINDS = """
from mxdev import hookimpl, lazy
from mxdev.lint.rule import Rule

class NoRule:
    pass

class Shouts(Rule):
    name = "Shouts!"

class Raises(Rule):
    name = "raises"
    def __init__(self):
        raise ValueError("no luck")

@hookimpl
def mx_lint_rules():
    return [lazy("odd_plugin:NoRule", "x"), lazy("odd_plugin:Shouts", "x"), lazy("odd_plugin:Raises", "x")]

@hookimpl
def mx_commands():
    return [lazy("odd_plugin:NoRule", "x", name="odd")]

@hookimpl
def mx_template_filters():
    return [lazy("odd_plugin:KINDS", "x"), lazy("odd_plugin:NoRule", "x", name="upper")]

KINDS = 5
"""


def test_check_tells_what_is_not_of_its_kind(install: Install, mx: Mx) -> None:
    install(KINDS)
    result = mx("plugins", "--check")
    assert result.code == 1
    for said in (
        "NoRule is not an mxdev.lint.rule.Rule", "has the name 'Shouts!'; use lower case", "no luck",
        "the command odd is not a click command: odd_plugin:NoRule", "is not a function: odd_plugin:KINDS",
        "the filter upper is left out: Jinja has one of that name",
    ):  # fmt: skip
        assert said in result.out, (said, result.out)
