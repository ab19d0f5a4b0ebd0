"""One of several values, chosen with the arrow keys, on terminals whose cursor can be moved."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mxdev.system import console
from mxdev.system.output.visible import one_line

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

BACK, HELP = "<", "?"
"""What `choose` answers where a person typed that, or pressed the left arrow."""


def movable() -> bool:
    """Whether this terminal shows a list in which a cursor moves; elsewhere the answer is typed. `NO_COLOR` means no."""
    known = os.name == "nt" or os.environ.get("TERM", "") not in ("", "dumb", "unknown")
    if not known or os.environ.get("NO_COLOR") or not console.can_ask():
        return False
    try:
        import prompt_toolkit  # noqa: F401
    except ImportError:
        return False
    return True


def choose(question: str, values: Sequence[str], default: str | None) -> str:
    """Ask for one of the values; the list goes afterwards, and a line with the answer stays.

    Args:
        question: what is asked, short.
        values: what there is to choose from.
        default: what the cursor is on at first; None, or none of them: the first.

    Returns:
        The value; `BACK` or `HELP`.

    Raises:
        click.Abort: ^C, or ^D as the end of input.
    """
    from prompt_toolkit.application import Application
    from prompt_toolkit.input import create_input
    from prompt_toolkit.layout import Layout, Window
    from prompt_toolkit.layout.controls import FormattedTextControl
    from prompt_toolkit.output import create_output

    listed = Chooser(question, values, default)
    output = create_output(stdout=sys.stderr)
    # Where the cursor is need not be asked of the terminal: it answers on the input, which a person may be typing into.
    if hasattr(output, "enable_cpr"):
        output.enable_cpr = False
    control = FormattedTextControl(listed.lines, focusable=True, show_cursor=False)
    window = Window(control, wrap_lines=True, always_hide_cursor=True, dont_extend_height=True)
    application: Application[str] = Application(
        Layout(window),
        key_bindings=_keys(listed),
        erase_when_done=True,
        input=create_input(sys.stdin),
        output=output,
    )
    answer = application.run()
    if answer not in (BACK, HELP):
        console.err(f"{question}: {answer}")
    return answer


class Chooser:
    """What is shown: the values, which of them the cursor is on, and what was typed to find one."""

    def __init__(self, question: str, values: Sequence[str], default: str | None) -> None:
        self.question = question
        self.values = list(values)
        self.at = self.values.index(default) if default in self.values else 0
        self.typed = ""

    @property
    def value(self) -> str:
        """What the cursor is on."""
        return self.values[self.at]

    def move(self, by: int) -> None:
        """Up or down, round the end."""
        self.at = (self.at + by) % len(self.values)
        self.typed = ""

    def type(self, text: str) -> None:
        """Go to the first value that begins with what was typed; what none begins with is a new beginning, or nothing."""
        for typed in (self.typed + text, text):
            for at, value in enumerate(self.values):
                if value.casefold().startswith(typed.casefold()):
                    self.at, self.typed = at, typed
                    return

    def lines(self) -> StyleAndTextTuples:
        """The question and the values, with their styles."""
        shown: StyleAndTextTuples = [("bold", one_line(self.question)), ("", "  (arrows, Enter; ? help)\n")]
        for at, value in enumerate(self.values):
            here = at == self.at
            shown.append(("bold" if here else "", f"{'>' if here else ' '} {one_line(value)}"))
            shown.append(("", "\n" if at + 1 < len(self.values) else ""))
        return shown


def _keys(listed: Chooser) -> KeyBindings:
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.keys import Keys

    keys = KeyBindings()

    def on(names: Sequence[str], what: Any) -> None:
        for name in names:
            keys.add(name)(what)

    def ends(answer: str) -> Any:
        return lambda event: event.app.exit(result=answer)

    def stop(event: KeyPressEvent) -> None:
        event.app.exit(exception=click.Abort())

    on(["up", "c-p", "s-tab"], lambda _event: listed.move(-1))
    on(["down", "c-n", "tab"], lambda _event: listed.move(1))
    on(["home"], lambda _event: listed.move(-listed.at))
    on(["end"], lambda _event: listed.move(-listed.at - 1))
    on(["enter", "c-j"], lambda event: event.app.exit(result=listed.value))
    on(["c-c", "c-d"], stop)
    on([BACK, "left"], ends(BACK))
    on([HELP], ends(HELP))
    keys.add(Keys.Any)(lambda event: listed.type(event.data))
    return keys
