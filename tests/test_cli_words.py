"""The words around all commands: `mx help`, `error:`, completion in the spellings of the docs, colours that any terminal shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from conftest import Mx

from mxdev import cli
from mxdev.system import console


def complete(*words: str, begun: str = "") -> list[str]:
    shell = ShellComplete(cli.root, {}, "mx", "_MX_COMPLETE")
    return [item.value for item in shell.get_completions(list(words), begun)]


@pytest.mark.parametrize("command", [["set"], ["flow", "run"], ["g", "gitlab-ci"]])
def test_help_before_a_command_is_help_after_it(mx: Mx, command: list[str]) -> None:
    assert mx("help", *command) == mx(*command, "--help")


def test_help_alone_lists_the_commands(mx: Mx) -> None:
    result = mx("help")
    assert result.code == 0
    assert result.out == mx("--help").out


def test_a_wrong_command_line_is_an_error_like_any_other(mx: Mx) -> None:
    result = mx("sett")
    assert result.code == 2
    assert "Error:" not in result.err
    assert "\nerror: There is no command called sett. Did you mean set?" in result.err
    assert mx("help", "sett").code == 2


def test_generators_are_completed_in_the_spelling_of_the_docs(samples: Path) -> None:
    assert sorted(complete("generate", begun="git")) == ["github-actions", "gitlab-ci"]
    assert complete("generate", begun="GitL") == ["GitLabCI"]
    assert complete("generate", begun="gitlabc") == ["gitlab-ci"]


def test_keys_of_set_are_completed(mx: Mx, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    assert complete("set", begun="re") == ["region="]
    assert "SampleBase.size=" in complete("set")
    assert not [key for key in complete("set") if "token" in key]  # a secret is kept nowhere
    monkeypatch.chdir(project.parent)
    assert complete("set") == []


def test_no_colour_vanishes_on_a_light_or_a_solarized_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name in (
        "create",
        "update",
        "merge",
        "conflict",
        "remove",
        "orphan",
        "keep",
        "identical",
        "run",
        "other",
    ):
        console.out(console.verb(name))
    console.status("working")
    said = capsys.readouterr()
    codes = set(re.findall(r"\x1b\[(\d+)m", said.out + said.err)) - {"0", "1"}
    # Bright black is the background of Solarized Dark, its other bright ones are greys; black and white vanish on one or the other.
    assert codes
    assert codes <= {"31", "32", "33", "34", "35", "36"}


def test_silence(mx: Mx, tmp_path: Path) -> None:
    assert mx("generate", "SampleBase", "demo", "-q") == mx("update", "-q", cwd=tmp_path / "demo")
    (tmp_path / "demo" / "README.md").write_text("mine\n")
    result = mx("generate", "SampleBase", "--size", "2", "-q", cwd=tmp_path / "demo")
    assert (result.code, result.out) == (1, "")
    assert "README.md" in result.err


def test_no_colour_is_named_that_vanishes() -> None:
    """In the sources, since most lines are coloured only in circumstances that no test makes."""
    home = Path(console.__file__).parents[1]
    named = re.compile(r"""["'](?:bright_\w+|black|white|grey\w*|gray\w*)["']""")
    assert {
        str(path.relative_to(home)): found
        for path in home.rglob("*.py")
        if (found := named.findall(path.read_text("utf-8")))
    } == {}


@pytest.mark.parametrize("columns", [50, 65])
def test_helps_in_a_narrow_terminal(mx: Mx, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = mx("flow", "run", "--help").out
    lines = shown.splitlines()
    flags = [line for line in lines if line.lstrip().startswith("-")]
    assert all(len(line) <= columns for line in lines if line not in flags)
    assert "(model.channels=16)" in shown
    told = [line.strip() for line in lines if line.startswith(" " * 12)]
    assert len(" ".join(told)) / len(told) > columns / 3, "a column of single words"


@pytest.mark.parametrize("group", ["flow", "infra", "data", "labels", "build"])
def test_what_subcommands_do_is_not_cut_off(mx: Mx, monkeypatch: pytest.MonkeyPatch, group: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    commands = mx(group, "--help").out.partition("Commands:")[2]
    assert len(commands.splitlines()) > 2
    assert "..." not in commands


def test_helps_in_a_wide_terminal_are_as_clicks(mx: Mx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert re.search(r"\n  --setup +First make \.venv", mx("flow", "run", "--help").out)


def test_what_a_generator_says_of_itself_fits_the_terminal(mx: Mx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = mx("generate", "GitLabCI", "--help").out
    told = shown[shown.index("What it adds:") :]
    assert max(map(len, told[: told.index("Example:")].splitlines())) <= 58
    assert "\n- training: on a tag" in told
    assert "\n  " in told[told.index("- training") :], "an item goes on below its text"
    example = told[told.index("Example:") :].splitlines()[2]
    assert example == "    mx generate GitLabCI --repository-id 12345678 --schedule '17 3 * * 1'"
