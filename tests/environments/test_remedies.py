"""What mx says to do next is said of the environment that `-E` named: by every text of the rooms that look at the world."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import mxdev
from mxdev.doctor import command as doctors
from mxdev.doctor.finding import Finding
from mxdev.errors import MxError, Refused
from mxdev.infra import failures
from mxdev.project import environments
from mxdev.steps.model import Say, State, Step
from mxdev.steps.options import ENVIRONMENT, step_options
from mxdev.steps.runner import Mode, run_steps
from mxdev.testing import mx
from mxdev.up import live

HOME = Path(mxdev.__file__).parent
ROOMS = ("infra", "deploy", "connect", "up", "doctor", "flow", "cluster", "steps", "system")
# In a message, a command stands in backticks.
_MENTION = re.compile(r"`?\bmx (?:infra|deploy|purge|connect|up|down|doctor|flow)\b[^`]*")


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command of mx that looks at the world, by the words that a person types."""
    named = {
        "infra": "mxdev.infra.command:infra", "deploy": "mxdev.deploy.command:deploy", "purge": "mxdev.deploy.command:purge",
        "connect": "mxdev.connect.command:connect", "up": "mxdev.up.command:up", "down": "mxdev.up.command:down",
        "doctor": "mxdev.doctor.command:doctor", "flow": "mxdev.flow.command:flow", "dev": "mxdev.dev.command:dev",
        "data": "mxdev.data.command:data", "build": "mxdev.artifacts.command:build",
    }  # fmt: skip
    for name, address in named.items():
        module, _, attribute = address.partition(":")
        found = getattr(importlib.import_module(module), attribute)
        if isinstance(found, click.Group):
            yield from ((f"{name} {verb}", one) for verb, one in found.commands.items())
        else:
            yield name, found


def test_every_command_that_takes_an_environment_gets_it_and_no_other() -> None:
    taking = set()
    for words, command in commands():
        takes = any(option.name == "environment" for option in command.params)
        taking |= {words} if takes else set()
        said = environments.commands(f"Then `mx {words}`, or `mx {words} NAME`.", "prod")
        wanted = f"mx {words} -E prod" if takes else f"mx {words}"
        assert said == f"Then `{wanted}`, or `{wanted} NAME`."
    assert {"infra plan", "deploy", "connect", "up", "down", "doctor", "flow run", "flow connect"} <= taking
    for same in ("`mx infra plan -E other`", "`mx status`", "`mx upgrade`", "mx infra plan", "`mx set a=b`"):
        assert environments.commands(same, "prod") == same
    assert environments.commands("`mx status --live`", "prod") == "`mx status --live -E prod`"
    assert environments.commands("`mx serve a.b --rollback`", "prod") == "`mx serve a.b --rollback -E prod`"
    assert environments.commands("`mx serve demo`", "prod") == "`mx serve demo`"
    assert environments.commands("`mx infra plan`", None) == "`mx infra plan`"


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of a file that a person may read at run time: no docstring, no help, no argument of what adds -E itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent: set[int] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef))
            and ast.get_docstring(node) is not None
        ):
            silent.add(id(node.body[0].value))  # type: ignore[attr-defined]
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("command", "option", "lazy"):
                silent.update(id(one) for one in ast.walk(node))
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "connect":
            silent.update(id(one) for one in ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and id(node) not in silent:
            silent.update(id(one) for one in ast.walk(node) if one is not node)
            parts = [one.value if isinstance(one, ast.Constant) else "X" for one in node.values]
            yield node.lineno, "".join(map(str, parts))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield node.lineno, node.value


def test_no_text_names_a_command_in_a_way_that_an_environment_is_lost() -> None:
    """In backticks, as `environments.commands` looks for them, or made by `command(...)`."""
    seen = 0
    for room in ROOMS:
        for path in sorted((HOME / room).rglob("*.py")):
            for line, text in texts(path):
                for found in _MENTION.findall(environments.commands(text, "prod")):
                    seen += 1
                    assert " -E " in found, f"{path.relative_to(HOME)}:{line}: {text}"
    assert seen > 60, "the walk sees the remedies"


def test_every_failure_of_terraform_is_one_of_the_environment() -> None:
    kinds = [failure for text in RECORDED if (failure := failures.known(text)) is not None]
    assert len(kinds) == len(RECORDED)
    for failure in kinds:
        assert " -E prod" in environments.commands(failure.remedy, "prod"), failure


# Of each failure whose remedy is a command of mx, a line of what Terraform says.
RECORDED = (
    "Saved plan is stale", "storage: bucket doesn't exist", "Backend initialization required, please run \"terraform init\"",
    "dial tcp: lookup storage.googleapis.com: no such host", "Error 403: Quota 'CPUS' exceeded. Limit: 8.0 in region europe-west4., quotaExceeded",
    "The zone 'projects/p/zones/europe-west4-a' does not have enough resources available to fulfill the request. STOCKOUT",
)  # fmt: skip


def test_an_error_of_a_command_names_the_environment() -> None:
    @click.command()
    @ENVIRONMENT
    def command(environment: str | None) -> None:
        raise Refused("There is none; `mx infra plan` makes it.", hint="`mx deploy web` afterwards.")

    for words, said in ((["-E", "prod"], " -E prod"), ([], "")):
        error = CliRunner().invoke(command, words).exception
        assert isinstance(error, Refused)
        assert error.message == f"There is none; `mx infra plan{said}` makes it."
        assert error.hint == f"`mx deploy{said} web` afterwards."


@dataclass(frozen=True, kw_only=True)
class Told(Step):
    """A step that says what is told; a double."""

    state: State
    fails: bool = False

    def look(self) -> State:
        return self.state

    def do(self, say: Say) -> None:
        say("`mx connect` first")
        if self.fails:
            raise Refused("It broke: `mx doctor`.", hint="`mx infra init`")


BLOCKED = State.blocked("no cluster: `mx infra apply`", "`mx connect`", details=("see `mx doctor`",))


def test_steps_name_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[Mode] = []

    @click.command()
    @ENVIRONMENT
    @step_options()
    def command(environment: str | None, mode: Mode) -> None:
        asked.append(mode)

    CliRunner().invoke(command, ["-E", "prod"])
    assert [mode.environment for mode in asked] == ["prod"]
    with pytest.raises(MxError) as problem:
        run_steps("mx up -E prod", [Told(name="a", title="A", state=BLOCKED)], asked[0])
    error: Any = problem.value
    assert (error.message, error.hint) == (
        "Nothing was done.\nA: no cluster: `mx infra apply -E prod`",
        "`mx connect -E prod`",
    )
    shown = capsys.readouterr().out
    assert "see `mx doctor -E prod`" in shown
    step = Told(name="a", title="A", state=State.create(), fails=True)
    assert run_steps("mx up -E prod", [step], Mode(json=True, environment="prod")) == 1
    told = capsys.readouterr()
    said = json.loads(told.out)["error"]
    assert "`mx doctor -E prod`" in said
    assert "`mx infra init -E prod`" in said
    assert "`mx connect -E prod` first" in told.err


def test_the_doctor_names_the_environment(gcp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = Finding("x", "X", "problem", "not there; `mx connect`", "`mx infra apply`")
    monkeypatch.setattr(doctors, "_all", lambda root, environment: iter([finding]))
    monkeypatch.chdir(gcp)
    for words in (["--json"], []):
        said = CliRunner().invoke(doctors.doctor, [*words, "-E", "staging"]).output
        assert "not there; `mx connect -E staging`" in said
        assert "`mx infra apply -E staging`" in said


def test_what_lives_names_the_environment(gcp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mxdev.project.project import Project

    part = live.Part("x", "up to date", 0, "unknown", "`mx connect`", "`mx infra init`")
    monkeypatch.setattr(live, "_instances", lambda *_: iter([part]))
    monkeypatch.setattr(live, "_terraform", lambda *_: part)
    monkeypatch.setattr(live, "_images", lambda *_: part)
    found = live.look(Project.load(gcp), [], "staging")
    assert {(one.text, one.remedy) for one in found} == {
        ("`mx connect -E staging`", "`mx infra init -E staging`")
    }


def test_a_plan_of_another_format_is_answered_with_the_environments_command(
    gcp: Path, tmp_path: Path
) -> None:
    """Terraform is a stand-in, whose `show -json` is of a format that nobody knows yet."""
    program = tmp_path / "terraform"
    program.write_text(
        '#!/bin/sh\ncase "$*" in *version*) echo \'{"terraform_version": "1.12.0"}\';; plan*) for a in "$@"; do case "$a" in -out=*) : > "${a#-out=}";; esac; done;;'
        ' show*) echo \'{"format_version": "9.0"}\';; esac\n'
    )
    program.chmod(0o755)

    done = mx("infra", "plan", "-E", "staging", cwd=gcp, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.code == 4, done.stderr
    assert "`mx infra plan -E staging` makes a new one" in done.stderr, done.stderr
