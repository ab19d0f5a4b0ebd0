"""What is printed is text: nothing that somebody wrote steers a terminal."""

from __future__ import annotations

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdev.system import console
from mxdev.system.output.visible import one_line, visible

NASTY = {
    "\x1b[31mred": "\\x1b[31mred", "a\rb": "a\\rb", "\x07": "\\x07", "\x9b31m": "\\u009b31m", "\x7f": "\\u007f",
    "\u202egnp.exe": "\\u202egnp.exe", "\u2066x\u2069": "\\u2066x\\u2069", "\u200fx": "\\u200fx", "\u2028": "\\u2028",
    "\x1b]8;;http://x\x07": "\\x1b]8;;http://x\\x07", "\U000e0041": "\\udb40\\udc41", "\udcff": "\\udcff", "\ufeff": "\\ufeff",
}  # fmt: skip


class Terminal(io.StringIO):
    """A double of a terminal, as far as `isatty` goes."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize(
    "say", [console.out, console.err, console.warn, console.error, console.status, console.diff]
)
@pytest.mark.parametrize("terminal", [True, False])
def test_it_is_shown_escaped(text: str, say: object, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    say(f"a{text}z")  # type: ignore[operator]
    printed = stream.getvalue()
    if say is console.diff and not terminal:  # it goes to a program
        assert printed == f"a{text}z\n"
        return
    assert f"a{NASTY[text]}z" in printed
    assert text not in printed


def test_colours_are_those_of_mx_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    console.out(
        f"{console.paint('green', 'green', bold=True)} \ufdd00\ufdd1 {console.paint(chr(27) + '[2J', 'red')}"
    )
    assert stream.getvalue() == "\x1b[32m\x1b[1mgreen\x1b[0m \\ufdd00\\ufdd1 \x1b[31m\\x1b[2J\x1b[0m\n"


@pytest.mark.parametrize("say", [console.out, console.diff, console.err, console.error])
def test_colours_that_are_wanted_off_a_terminal(say: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the log of CI, which shows them; what a file has in it is no more done there than on a terminal."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    say(f"+{console.paint('green', 'green')} \x1b[2J")  # type: ignore[operator]
    printed = stream.getvalue()
    assert "\x1b[32mgreen\x1b[0m \\x1b[2J" in printed
    assert "\ufdd0" not in printed


def test_without_colours_there_is_no_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    console.out(console.paint("x", "green"))
    assert capsys.readouterr().out == "x\n"


def test_what_goes_to_a_program_is_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    console.out("cd 'a\u202eb'", data=True)
    console.diff("+a\rb\n")
    assert capsys.readouterr().out == "cd 'a\u202eb'\n+a\rb\n"


def test_words_of_every_script_and_emoji_stay() -> None:
    for text in ("größe", "日本語", "नमस्ते", "می‌خواهم", "👩‍🚀", "tab\tand\nline", "\ufffd"):
        assert visible(text) == text


def test_a_name_is_one_line() -> None:
    assert one_line("a\nb\tc") == "a\\nb\\tc"


@given(st.text())
def test_nothing_unseen_is_left_and_json_means_the_same(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8", "strict")
    assert not any(ord(c) < 32 and c not in "\n\t" for c in shown)
    assert visible(shown) == shown
    written = json.dumps({"x": text}, ensure_ascii=False)
    assert json.loads(visible(written)) == {"x": text}
