"""Every hook: one test of what it does, one entry in the docs; what may go wrong in it is told with the plugin's name."""

from __future__ import annotations

import inspect
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Mx, installed
from sites import SAMPLES, make_distribution

from mxdev import plugins
from mxdev.errors import MxError
from mxdev.generator.freetext import FreeText
from mxdev.generator.jinja import Renderer
from mxdev.plan import checks
from mxdev.plugins import filters, hookspecs, model

HOOKS = [
    name for name, value in inspect.getmembers(hookspecs, inspect.isfunction) if hasattr(value, "mxdev_spec")
]
DOCS = Path(__file__).parents[2] / "docs/plugins.md"
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a plugin with this source; the folder it is in."""

    def make(source: str, name: str = "acme-hooks", **settings: Any) -> Path:
        module = name.replace("-", "_")
        site = tmp_path / f"site-{name}"
        make_distribution(
            site, name, modules={f"{module}.py": f"from mxdev import hookimpl\n{source}"}, **settings
        )
        monkeypatch.delitem(sys.modules, module, raising=False)
        next(installed(site, monkeypatch))
        return site

    return make


def test_every_hook_has_a_test_and_an_entry_in_the_docs() -> None:
    assert len(HOOKS) == 9
    assert set(HOOKS) == {*model.HOOKS, *model.DATA_HOOKS, *model.WORKING_HOOKS}
    listed = re.search(r"automodule:: mxdev\.hookspecs\s+:members: (.*)", DOCS.read_text())
    assert listed
    assert sorted(listed[1].split(", ")) == HOOKS
    for hook in HOOKS:
        assert f"test_hook_{hook}" in globals(), f"{hook} has no test"
        assert inspect.getdoc(getattr(hookspecs, hook)), f"{hook} is not explained"


def test_hook_mx_generators(install: Install, mx: Mx, tmp_path: Path) -> None:
    install("""
from mxdev import Generator
class Hooked(Generator):
    "By a hook."
    scope = "anywhere"
    def generate(self, tree):
        tree.file("hooked.txt", "yes\\n")
@hookimpl
def mx_generators():
    return [Hooked]
""")
    assert mx("generate", "hooked").code == 0
    assert (tmp_path / "hooked.txt").read_text() == "yes\n"


def test_hook_mx_commands(install: Install, mx: Mx) -> None:
    install("""
import click
@click.command()
def greet():
    "Greet."
    click.echo("good day")
    return 7
@hookimpl
def mx_commands():
    return [greet]
""")
    assert "greet" in mx("--help").out
    assert (mx("greet").code, mx("greet").out) == (7, "good day\n")


COMMANDS = """
import click
@click.command()
def divide():
    "Divide."
    return 1 / 0
@click.command()
def refuse():
    "Refuse."
    raise click.UsageError("not like that")
def no_command():
    "No command."
@hookimpl
def mx_commands():
    return [divide, refuse, no_command]
"""


def test_a_command_that_raises_is_its_plugin_s_error(install: Install, mx: Mx, cache: Path) -> None:
    install(COMMANDS)
    result = mx("divide")
    assert result.code == 4
    cause = "error: divide of the plugin acme-hooks 1.0 failed: ZeroDivisionError: division by zero\n"
    assert result.err.startswith(cause)
    assert "bug in mx" not in result.err
    path = Path(result.err.split("attach ")[1].strip().rstrip("."))
    assert path.parent == cache / "log"
    assert "return 1 / 0" in path.read_text()
    refused = mx("refuse")
    assert (refused.code, "error: not like that" in refused.err) == (2, True)
    odd = mx("no_command")
    assert odd.code == 4
    assert "no_command of the plugin acme-hooks is not a click command: acme_hooks:no_command" in odd.err


def test_hook_mx_lint_rules(install: Install, mx: Mx, tmp_path: Path) -> None:
    install("""
from mxdev.lint.rule import Finding, Rule
class NoTabs(Rule):
    name = "no-tabs"
    summary = "No tabs."
    def applies(self, files):
        return [file for file in files if file.suffix == ".txt"]
    def check(self, context):
        for file in context.files:
            yield Finding(file, 1, 1, self.name, "warning", "a tab")
@hookimpl
def mx_lint_rules():
    return [NoTabs()]
""")
    (tmp_path / "a.txt").write_text("\t\n")
    result = mx("lint", "--rule", "no-tabs", "a.txt")
    assert result.code == 1
    assert "a.txt:1:1" in result.out
    assert "a tab" in result.out


def test_hook_mx_standards(install: Install, mx: Mx) -> None:
    install("""
from mxdev import lazy
NO_FRIDAYS = "Nothing is released on a Friday."
@hookimpl
def mx_standards():
    return [lazy("acme_hooks:NO_FRIDAYS"), lazy("acme_hooks:NOT_THERE")]
""")
    assert [(entry.name, entry.dist) for entry in plugins.entries("mx_standards")] == [
        ("NO_FRIDAYS", "acme-hooks"),
        ("NOT_THERE", "acme-hooks"),
    ]
    assert next(plugins.entries("mx_standards")).load() == "Nothing is released on a Friday."
    checked = mx("plugins", "--check")
    assert checked.code == 1
    assert "NOT_THERE of the plugin acme-hooks 1.0 cannot be loaded" in checked.out
    assert "NO_FRIDAYS of" not in checked.out


UP = """
from dataclasses import dataclass
from pathlib import Path
from mxdev import State, Step
@dataclass(frozen=True, kw_only=True)
class File(Step):
    path: Path
    def look(self):
        return State.done() if self.path.exists() else State.create(str(self.path))
    def do(self, say):
        self.path.write_text("made")
    def take_back(self, say):
        self.path.unlink()
@hookimpl
def mx_up_steps(root, environment):
    if (root / "none").exists():
        return None
    first = File(name="acme-first", title="First", path=root / f"first-{environment}")
    return [first, File(name="acme-second", title="Second", path=root / "second", needs=("acme-first",))]
"""


def test_hook_mx_up_steps(install: Install, mx: Mx, tmp_path: Path) -> None:
    """In a project that deploys nothing else, they are the whole way up, and the way down is its reverse."""
    install(UP)
    assert "adds steps to `mx up` and `mx down`" in mx("plugins").out
    root = tmp_path / "demo"  # no plugin is taken from a project
    root.mkdir()
    (root / "mx.yaml").write_text("version: 1\n")
    shown = mx("up", "--dry-run", "--json", cwd=root)
    found = json.loads(shown.out)
    assert [(step["name"], step["state"]) for step in found["steps"]] == [
        ("acme-first", "create"),
        ("acme-second", "later"),
    ]
    assert not (root / "second").exists()
    assert json.loads(mx("up", "--to", "deploy", "--json", cwd=root).out)["steps"] == []
    assert mx("up", cwd=root).code == 0
    assert (root / "first-None").read_text() == (root / "second").read_text() == "made"
    assert json.loads(mx("up", "--json", cwd=root).out)["outcome"] == "nothing"
    down = json.loads(mx("down", "--json", "--yes", cwd=root).out)
    assert [(step["name"], step["result"]) for step in down["steps"]] == [
        ("acme-second", "done"),
        ("acme-first", "done"),
    ]
    assert not (root / "second").exists()
    said = mx("down", "-E", "typo", "--yes", cwd=root)
    assert (said.code, "no environment called typo" in said.err) == (1, True), said.err
    (root / "none").touch()
    assert "mx.yaml has no `name`" in mx("up", cwd=root).err


def test_steps_that_know_of_no_environments_are_those_of_none(
    install: Install, mx: Mx, tmp_path: Path
) -> None:
    """With `-E` they are left out, which is said, and those of other plugins are there; what is typed is the project's name."""
    lost = UP.replace('title="First",', 'title="First", lost=("the file",),')
    install(lost.replace("(root, environment):", "(root):").replace("-{environment}", ""))
    root = tmp_path / "folder"  # no plugin is taken from a project
    (root / "infrastructure/environments").mkdir(parents=True)
    (root / "infrastructure/environments/staging.yaml").write_text("namespace: demo-staging\n")
    (root / "mx.yaml").write_text("version: 1\noptions: {name: demo, cloud: existing}\n")
    assert mx("up", cwd=root).code == 0
    for command in ("up", "down"):
        seen = mx(command, "-E", "staging", "--yes", "--json", cwd=root)
        assert "acme-hooks 1.0 is left out: its steps know of no environments" in seen.err
        assert "acme-first" not in seen.out
        assert (root / "first").exists()
    assert "is not demo." in mx("down", "--confirm", "folder", cwd=root).err
    assert (root / "first").exists()
    assert mx("down", "--confirm", "demo", cwd=root).code == 0
    assert not (root / "first").exists()


@pytest.mark.parametrize(
    ("gives", "told"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("[7]", "adds 7 to `mx up`, which is no mxdev.Step"),
        (
            "[File(name='a', title='A', path=root), File(name='a', title='A', path=root)]",
            "adds a second step a",
        ),
    ],
)
def test_a_way_up_of_which_a_plugin_breaks_a_part_is_not_gone(
    install: Install, mx: Mx, tmp_path: Path, gives: str, told: str
) -> None:
    source = UP.partition("    if (root")[0]
    install(f"{source}    return {gives}\n")
    root = tmp_path / "demo"  # no plugin is taken from a project
    root.mkdir()
    (root / "mx.yaml").write_text("version: 1\n")
    for command in ("up", "down"):
        seen = mx(command, cwd=root)
        assert seen.code == 4, seen.err
        assert told in seen.err
        assert "acme-hooks" in seen.err


FILTERS = """
def shout(value, mark="!"):
    assert type(value) is str
    return value.upper() + mark
@hookimpl
def mx_template_filters():
    return [shout]
"""


def test_hook_mx_template_filters(install: Install) -> None:
    install(FILTERS)
    renderer = Renderer({"plain": "a", "free": FreeText("b")}, filters=filters.known_to("somebody-else"))
    assert renderer.render("{{ plain | shout }} {{ plain | shout('?') }}", "x") == "A! A?"
    assert renderer.render("{{ free | shout | yaml }}", "x") == '"B!"'
    with pytest.raises(MxError, match="free text is emitted without"):
        renderer.render("{{ free | shout }}", "x")


def test_hook_mx_template_overrides(install: Install, mx: Mx, tmp_path: Path) -> None:
    site = install("""
@hookimpl
def mx_template_overrides():
    return {"sample-base": "theirs"}
""")
    (site / "theirs/templates_base").mkdir(parents=True)
    (site / "theirs/templates_base/plain.txt").write_text("theirs\n")
    assert mx("generate", "SampleBase", "demo", "--no-input").code == 0
    assert (tmp_path / "demo/plain.txt").read_text() == "theirs\n"


def test_hook_mx_defaults(install: Install, mx: Mx, tmp_path: Path) -> None:
    install("""
@hookimpl
def mx_defaults():
    return {"region": "there", "SampleBase.tag": ["a", "b"]}
""")
    assert mx("generate", "SampleBase", "demo", "--no-input").code == 0
    assert "region: there" in (tmp_path / "demo/mx.yaml").read_text()
    assert "tag: [a, b]" in (tmp_path / "demo/.mx/generators/SampleBase.yaml").read_text()


# --- the hook that sees a plan ----------------------------------------------------------------------------------------

CHECK = """
import json, os
@hookimpl
def mx_check_plan(plan):
    rows = [[c.path, c.status, list(c.generators), list(c.plugins), c.before and c.before.decode(),
             c.after and c.after.decode(), c.executable, c.resolution] for c in plan.changes]
    with open(os.environ["SEEN"], "a") as file:
        file.write(json.dumps([plan.command, str(plan.root), plan.dry_run, dict(plan.options), rows]) + "\\n")
    return os.environ.get("REASON")
"""


@pytest.fixture
def seen(tmp_path: Path, install: Install, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
    """What `mx_check_plan` was called with since this was called last."""
    path = tmp_path / "seen"
    monkeypatch.setenv("SEEN", str(path))
    install(CHECK)

    def read() -> list[Any]:
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]

    return read


def test_hook_mx_check_plan(
    mx: Mx, tmp_path: Path, seen: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REASON", "no new projects on Fridays")
    for flags in ([], ["--dry-run"]):
        refused = mx("generate", "SampleBase", "demo", "--no-input", *flags)
        assert refused.code == 1
        assert "The plugin acme-hooks 1.0 refuses this plan: no new projects on Fridays" in refused.err
        assert not (tmp_path / "demo").exists()
        command, root, dry_run, options, rows = seen().pop()
        assert (command, root, dry_run) == ("mx generate SampleBase", str(tmp_path / "demo"), bool(flags))
        assert options["region"] == "demo-1"
        found = {row[0]: row[1:] for row in rows}
        assert found["run.sh"] == [
            "create", ["SampleBase"], ["acme-samples"], None, (SAMPLES / "acme_samples/templates_base/run.sh").read_text(), True, None
        ]  # fmt: skip
    answer = mx("generate", "SampleBase", "demo", "--json").json
    assert answer["outcome"] == "refused"
    assert "no new projects on Fridays" in answer["error"]
    assert {row["path"]: row["status"] for row in answer["changes"]}["run.sh"] == "create"
    assert len(answer["changes"]) == len(found)
    monkeypatch.delenv("REASON")
    assert mx("generate", "SampleBase", "demo").code == 0


def test_every_command_that_changes_a_project_is_checked(
    mx: Mx, project: Path, seen: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch, look: Any
) -> None:
    (project / ".mx/overrides").mkdir()
    commands = [
        ["generate", "SampleApp", "web"], ["set", "kind=large"], ["update"], ["undo"], ["destroy", "SampleBase"]
    ]  # fmt: skip
    mx("generate", "SampleTool", cwd=project)
    mx("set", "size=3", cwd=project)
    seen()
    monkeypatch.setenv("REASON", "not today")
    before = {path: what for path, what in look(project).items() if path != ".mx/lock"}
    for command in commands:
        for flags in ([], ["--dry-run"]):
            refused = mx(*command, *flags, cwd=project)
            assert (refused.code, command, "not today" in refused.err) == (1, command, True)
            title = {"generate": "mx generate SampleApp", "undo": "undo of mx set"}.get(
                command[0], f"mx {command[0]}"
            )
            assert [row[0] for row in seen()] == [title]
    assert {path: what for path, what in look(project).items() if path != ".mx/lock"} == before
    # Commands that change nothing ask nobody.
    for command in (["status"], ["diff"], ["generate"], ["--help"]):
        assert mx(*command, cwd=project).code == 0
    assert seen() == []


def test_a_check_that_fails_refuses_and_names_its_plugin(install: Install, mx: Mx, tmp_path: Path) -> None:
    install("""
@hookimpl
def mx_check_plan(plan):
    raise KeyError("oops")
""")
    result = mx("generate", "SampleBase", "demo", "--no-input")
    assert result.code == 1
    assert "mx_check_plan of the plugin acme-hooks 1.0 failed: KeyError: 'oops'" in result.err
    assert "uninstall it" in result.err
    assert not (tmp_path / "demo").exists()
    assert mx("generate").code == 0


def test_a_refusal_without_a_reason_refuses(install: Install, mx: Mx) -> None:
    install("@hookimpl\ndef mx_check_plan():\n    return ''\n")
    result = mx("generate", "SampleTool")
    assert result.code == 1
    assert "acme-hooks 1.0 refuses this plan: it gives no reason" in result.err


def test_a_check_cannot_change_the_plan(install: Install, mx: Mx, tmp_path: Path) -> None:
    install("""
@hookimpl
def mx_check_plan(plan):
    for change in (lambda: plan.options.update(a=1), lambda: setattr(plan, "root", "x"),
                   lambda: setattr(plan.changes[0], "after", b"x"), lambda: plan.changes.clear()):
        try:
            change()
        except (AttributeError, TypeError):
            continue
        return "it could be changed"
""")
    assert mx("generate", "SampleBase", "demo", "--no-input").code == 0
    assert (tmp_path / "demo/README.md").exists()


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_checks_cost_nothing_where_no_plugin_has_one(samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_checked", lambda change: pytest.fail("looked at"))
    began = time.perf_counter()
    checks.check(object(), "mx x", dry_run=False)  # type: ignore[arg-type]
    assert time.perf_counter() - began < 5
