"""Choosing rules, and rules of plugins."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sites import make_distribution

PLUGIN = """
from mxdev import hookimpl, lazy

@hookimpl
def mx_lint_rules():
    return [
        lazy("acme_rules_impl:NoTodo", "No TODO is left."),
        lazy("acme_rules_impl:exploding", "Breaks."),
        lazy("acme_rules_impl:taken", "Has a name that is taken."),
    ]
"""
LOST = """
import sys
from mxdev import hookimpl, lazy
from mxdev.lint.rule import Rule

class Leaves(Rule):
    name, summary = "leaves", "Leaves mx."
    def applies(self, files):
        return files
    def check(self, context):
        sys.exit(0)

@hookimpl
def mx_lint_rules():
    return [
        Leaves(), lazy("lost_rules:NotThere", "Is not there."), lazy("lost_rules:no_rule", "Is no rule."),
        lazy("lost_rules_impl:Fine", "Its module leaves mx."),
    ]

no_rule = 42
"""
RULES = """
from pathlib import Path
from mxdev.lint.rule import Finding, Rule
from mxdev.tools import Tool

class NoTodo(Rule):
    name = "no-todo"
    summary = "No TODO is left."
    can_fix = True

    def applies(self, files):
        return [file for file in files if file.suffix == ".md"]

    def check(self, context):
        for file in context.files:
            for number, line in enumerate(file.read_text().splitlines(), 1):
                if "TODO" in line:
                    yield Finding(file.relative_to(context.root), number, line.index("TODO") + 1, self.name, "info", "Do it,\\n \\x1b[31mnow.")

    def fix(self, context):
        for file in context.files:
            file.write_text(file.read_text().replace("FIXABLE TODO", "done"))

class Exploding(Rule):
    name = "exploding"
    summary = "Breaks."
    def applies(self, files):
        return [file for file in files if file.suffix == ".boom"]
    def check(self, context):
        yield Finding(context.files[0], 0, 0, "", "error", "before")
        if "severity" in context.files[0].name:
            yield Finding(context.files[0], 1, 1, "", "fatal", "x")
        raise ZeroDivisionError("inside the rule")

class Taken(Rule):
    name = "yamllint"
    summary = "Has a name that is taken."
    tool = Tool("acme-linter", "ask acme", version_args=("version",))
    def applies(self, files):
        return [file for file in files if file.suffix == ".acme"]
    def check(self, context):
        for result in context.run(["check"], codes=(0,)):
            for line in result.stdout.decode().splitlines():
                yield Finding(context.root / line, 1, 1, self.name, "warning", "acme")

exploding, taken = Exploding(), Taken()
"""


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A plugin with rules, installed for this process."""
    import sys

    from mxdev.plugins import index, model

    site = tmp_path / "rules-site"
    make_distribution(
        site, "acme-rules", modules={"acme_rules.py": PLUGIN, "acme_rules_impl.py": RULES}, version="2.0"
    )
    monkeypatch.syspath_prepend(site)
    index.forget()
    model._warned.clear()
    yield site
    index.forget()
    for name in ("acme_rules", "acme_rules_impl"):
        sys.modules.pop(name, None)


@pytest.fixture
def lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A plugin whose rules have no result, each for another reason."""
    import sys

    from mxdev.plugins import index, model

    site = tmp_path / "lost-site"
    modules = {"lost_rules.py": LOST, "lost_rules_impl.py": "import sys\nsys.exit(0)\n"}
    make_distribution(site, "lost-rules", modules=modules)
    monkeypatch.syspath_prepend(site)
    index.forget()
    model._warned.clear()
    yield
    index.forget()
    sys.modules.pop("lost_rules", None)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def test_list_rules(mx: Any, rules: Path) -> None:
    result = mx("lint", "--list-rules")
    assert result.code == 0
    rows = [line.split(maxsplit=3) for line in result.out.splitlines()]
    assert rows[0] == ["RULE", "TOOL", "PLUGIN", "CHECKS"]
    assert [row[0] for row in rows[1:]] == [
        "ruff-check", "ruff-format", "yamllint", "hadolint", "terraform-fmt", "shellcheck", "merge-markers", "hand-edited", "strayed-answers",
        "pristine", "no-todo", "exploding", "acme-rules/yamllint",
    ]  # fmt: skip
    assert rows[1][1:3] == ["ruff", "mx-devtool"]
    assert rows[-3] == ["no-todo", "-", "acme-rules", "No TODO is left."]
    assert rows[-1][1] == "acme-linter"
    assert all(row[3] for row in rows)
    assert [
        row["name"] for row in mx("lint", "--list-rules", "--format", "json", "--rule", "no-todo").json
    ] == ["no-todo"]


def test_a_rule_of_a_plugin(mx: Any, rules: Path, here: Path, write: Any) -> None:
    write(here, {"a.md": "x\n  TODO y\n", "b.txt": "TODO\n", "c.md": "FIXABLE TODO\n"})
    result = mx("lint", "--rule", "no-todo", cwd=here)
    assert (
        result.out
        == "a.md:2:3: no-todo info Do it, \\x1b[31mnow.\nc.md:1:9: no-todo info Do it, \\x1b[31mnow.\n"
    )
    assert result.code == 1
    assert mx("lint", "--skip", "no-todo", cwd=here).code == 0
    result = mx("lint", "--fix", cwd=here)
    assert result.out == "a.md:2:3: no-todo info Do it, \\x1b[31mnow.\n"
    assert "fixed c.md" in result.err


@pytest.mark.parametrize(
    ("file", "said"),
    [("a.boom", "ZeroDivisionError: inside the rule"), ("severity.boom", "'fatal' is not a severity")],
)
def test_a_rule_that_breaks(file: str, said: str, mx: Any, rules: Path, here: Path, write: Any) -> None:
    write(here, {file: "x\n", "a.md": "TODO\n"})
    result = mx("lint", cwd=here)
    assert result.code == 4
    assert "error: exploding has no result: the rule of acme-rules failed: " in result.err
    assert said in result.err
    assert "acme_rules_impl.py:" in result.err or "runner.py:" in result.err
    assert sorted(result.out.splitlines()) == sorted(
        [f"{file}:1:1: exploding error before", "a.md:1:1: no-todo info Do it, \\x1b[31mnow."]
    )


LOSSES = {
    "leaves": "SystemExit: 0",
    "NotThere": "AttributeError",
    "no_rule": "is not an mxdev.lint.rule.Rule",
    "Fine": "SystemExit: 0",
}


def test_rules_without_a_result_are_named_and_not_green(mx: Any, lost: None, here: Path, write: Any) -> None:
    write(here, {"a.py": "import os\n"})
    result = mx("lint", cwd=here)
    assert result.code == 4
    assert "ruff-check/F401" in result.out
    for name, said in LOSSES.items():
        assert f"error: {name} has no result: " in result.err
        assert said in result.err
    assert {row["rule"] for row in mx("lint", "--format", "json", cwd=here).json["broken"]} == set(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
def test_one_that_is_named_has_no_result_either(
    name: str, mx: Any, lost: None, here: Path, write: Any
) -> None:
    write(here, {"a.py": "x = 1\n"})
    result = mx("lint", "--rule", name, "--require-all", cwd=here)
    assert result.code == 4
    assert f"{name} has no result" in result.err
    assert mx("lint", *(f"--skip={known}" for known in LOSSES), cwd=here).code == 0


def test_the_rules_of_a_plugin_that_cannot_be_imported(
    mx: Any, tmp_path: Path, here: Path, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mxdev.plugins import index

    make_distribution(
        tmp_path / "site", "gone-rules", modules={"gone_rules.py": "import not_there\n"}, version="1.0"
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    index.forget()
    write(here, {"a.py": "x = 1\n"})
    for more in ([], ["--require-all"]):
        result = mx("lint", *more, cwd=here)
        assert result.code == 4
        assert (
            "gone-rules has no result: its rules, if it has any, were not run: ModuleNotFoundError"
            in result.err
        )
    named = mx("lint", "--rule", "house-rule", cwd=here)
    assert named.code == 4
    assert "These may have it:\n  gone-rules: " in named.err
    # What was not asked for is not missed.
    assert mx("lint", "--rule", "ruff-check", cwd=here).code == 0
    assert mx("lint", "--skip", "gone-rules", cwd=here).code == 0
    index.forget()


def test_a_tool_of_a_plugin(mx: Any, rules: Path, here: Path, write: Any, fake: Any) -> None:
    write(here, {"a.acme": "x\n", "-b c.acme": "x\n"})
    result = mx("lint", "--require-all", cwd=here)
    assert result.code == 1
    assert "acme-linter is missing, so 2 files went without it. Install it: ask acme" in result.err
    fake("acme-linter", "assert sys.argv[1] == 'check'\nprint('\\n'.join(sys.argv[2:]))\n")
    result = mx("lint", cwd=here)
    assert result.out == "-b c.acme:1:1: yamllint warning acme\na.acme:1:1: yamllint warning acme\n"
    assert "with acme-linter 99.0.0" in result.err
    assert mx("lint", "--skip", "acme-rules/yamllint", cwd=here).out == ""


def test_a_wrong_name(mx: Any) -> None:
    for option in ("--rule", "--skip"):
        result = mx("lint", option, "hadolnt")
        assert result.code == 2
        assert "There is no lint rule called hadolnt.\nDid you mean hadolint?" in result.err
    assert "There are: ruff-check, ruff-format, " in mx("lint", "--rule", "zzz").err


def test_the_documented_example_works(tmp_path: Path) -> None:
    """The rule in the docstring of `mxdev.lint.rule`, which stands in the documentation too."""
    import inspect
    import textwrap

    from mxdev.lint import context, rule

    example = inspect.cleandoc(rule.__doc__ or "").partition("::\n\n")[2].rpartition("\n\n")[0]
    source = textwrap.dedent(example)
    page = Path(__file__).parents[2] / "docs" / "lint.md"
    assert f"```python\n{source}\n```" in page.read_text(encoding="utf-8")
    space: dict[str, Any] = {}
    exec(source, space)
    file = tmp_path / "a.py"
    file.write_text("x = 1\ny = 2  # TODO\n")
    todo = space["NoTodo"]()
    files = tuple(todo.applies([file, tmp_path / "b.md"]))
    (finding,) = todo.check(context.Context(tmp_path, files))
    assert (finding.path, finding.line, finding.column) == (file, 2, 10)


def test_the_house_style_is_what_ruff_understands(need: Any, mx: Any, here: Path, write: Any) -> None:
    """Ruff's and yamllint's own defaults change; what mx writes down must be valid for the versions that it takes."""
    for tool in ("ruff", "yamllint", "hadolint"):
        need(tool)
    from mxdev.lint.configs import STYLE

    shutil.copy(STYLE / "yamllint.yaml", here / "style.yaml")
    shutil.copy(STYLE / "hadolint.yaml", here / "style2.yaml")
    write(
        here,
        {
            "a.py": "x = 1\n",
            "Dockerfile": "FROM debian:13\nRUN apt-get update && apt-get install -y --no-install-recommends git\n",
        },
    )
    result = mx("lint", cwd=here)
    assert (result.code, result.out) == (1, "Dockerfile:2:1: hadolint/DL3009 info Delete the apt lists (/var/lib/apt/lists) after installing something\n"), result  # fmt: skip
    assert "warning" not in result.err


def test_every_rule_is_documented(mx: Any) -> None:
    page = (Path(__file__).parents[2] / "docs" / "lint.md").read_text(encoding="utf-8")
    for row in mx("lint", "--list-rules", "--format", "json").json:
        assert f"\n### {row['name']}\n" in page
