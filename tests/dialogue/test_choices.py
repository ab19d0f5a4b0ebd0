"""Choices with the arrow keys, in a real terminal; where there is none that moves a cursor, the answer is typed."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest
import yaml

from mxdev import option, testing
from mxdev.dialogue import choices, questions
from mxdev.system import console

UP, DOWN, LEFT = "\x1b[A", "\x1b[B", "\x1b[D"
# `converse` says NO_COLOR, for which answers are typed.
TERMINAL = {"NO_COLOR": "", "TERM": "xterm-256color", "MX_OPT_MX_SOURCE": "index", "MX_OPT_ENGINEER": "a@example.com"}  # fmt: skip
SKELETON = (
    "generate",
    "MLProjectSkeleton",
    "churn",
    "--skip-git",
    "--project-id=acme-1",
    "--region=europe-west4",
)


def chosen(folder: Path, *answers: tuple[str, str], **more: str) -> testing.Outcome:
    """What comes of pressing these keys, each where the text before it appears."""
    return testing.converse(
        *SKELETON, cwd=folder, env={**TERMINAL, **more}, answers=answers, enter="", timeout=30
    )


def test_arrows_letters_and_help(tmp_path: Path) -> None:
    said = chosen(
        tmp_path,
        ("Cloud", "?"),
        ("bring your own cluster", f"{DOWN}\r"),
        ("GPU", f"{UP}{DOWN}nvidia-l\r"),
        ("Generate it like this", "y\r"),
    )
    assert said.code == 0, said.stdout
    assert "Cloud: existing" in said.stdout
    options = yaml.safe_load((tmp_path / "churn/mx.yaml").read_text())["options"]
    assert (options["cloud"], options["accelerator"]) == ("existing", "nvidia-l4")


def test_back_is_the_left_arrow_or_its_sign_and_the_cursor_is_on_what_was_chosen(tmp_path: Path) -> None:
    said = chosen(
        tmp_path,
        ("Cloud", f"{DOWN}\r"),
        ("GPU", LEFT),
        ("> existing", f"{UP}\r"),
        ("GPU", "<"),
        ("> gcp", "\n"),
        ("GPU", "\r"),
        ("Generate it like this", "n\r"),
    )
    assert said.code == 1, said.stdout
    assert "cloud        gcp" in said.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["^C", "^D"])
def test_stopping_is_as_in_every_question(tmp_path: Path, key: str) -> None:
    said = chosen(tmp_path, ("Cloud", key))
    assert said.code == 130, said.stdout
    assert "Traceback" not in said.stdout
    assert "\x1b[?25h" in said.stdout.rpartition("\x1b[?25l")[2], "the cursor is shown again"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("plain", [{"TERM": "dumb"}, {"TERM": ""}, {"NO_COLOR": "1"}], ids=str)
def test_elsewhere_it_is_typed(tmp_path: Path, plain: dict[str, str]) -> None:
    answers = [
        ("Cloud (gcp, existing, none) [gcp]", "<"),
        ("Cloud", "exi"),
        ("GPU (none, ", ""),
        ("like this", "n"),
    ]
    said = testing.converse(*SKELETON, cwd=tmp_path, env={**TERMINAL, **plain}, answers=answers)
    assert said.code == 1, said.stdout
    assert "cloud        existing" in said.stdout
    assert "\x1b[?25l" not in said.stdout


class TestList:
    def made(self, default: str | None = None) -> choices.Chooser:
        return choices.Chooser("Which?", ["none", "nvidia-t4", "nvidia-l4", "Gcp"], default)

    def test_it_begins_at_the_default(self) -> None:
        assert self.made("nvidia-l4").value == "nvidia-l4"
        assert self.made("what nobody has").value == self.made().value == "none"

    def test_up_and_down_go_round(self) -> None:
        listed = self.made()
        listed.move(-1)
        assert listed.value == "Gcp"
        listed.move(1)
        assert listed.value == "none"

    @pytest.mark.parametrize(
        ("typed", "value"), [("g", "Gcp"), ("nv", "nvidia-t4"), ("nvidia-l", "nvidia-l4"), ("nvg", "Gcp"), ("x", "none")]
    )  # fmt: skip
    def test_letters_find_a_value(self, typed: str, value: str) -> None:
        listed = self.made()
        for letter in typed:
            listed.type(letter)
        assert listed.value == value

    def test_a_name_from_a_plugin_cannot_move_the_cursor(self) -> None:
        listed = choices.Chooser("Which\x1b[2J?", ["a\nb", "c\x1b[A"], None)
        text = "".join(part[1] for part in listed.lines())
        assert "\x1b" not in text
        assert text.count("\n") == 2


def test_without_a_terminal_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert os.environ["TERM"] == "xterm"
    assert not choices.movable()


def test_what_may_be_left_open_is_typed_and_help_needs_no_prompt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a list the cursor is always on a value."""
    answers = iter([choices.HELP, "gold"])
    monkeypatch.setattr(choices, "movable", lambda: True)
    monkeypatch.setattr(choices, "choose", lambda *_: next(answers))
    monkeypatch.setattr(console, "ask", lambda *_, **__: "")
    tier = option("--tier", type=click.Choice(["gold", "silver"]), help="How much is promised.")
    assert questions.ask(tier, None) is None
    assert questions.ask(tier, "silver") == "gold"
    assert "How much is promised." in capsys.readouterr().err
