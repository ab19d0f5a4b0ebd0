"""What one look of the doctor comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from mxdev.errors import MxError
from mxdev.project import environments


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what it is called in JSON, such as "tool-git".
        title: what a person reads.
        state: "ok"; "problem": something is wrong; "unknown": it could not be looked at, or is not needed.
        text: what was found.
        remedy: what to do about a problem.
    """

    name: str
    title: str
    state: Literal["ok", "problem", "unknown"]
    text: str = ""
    remedy: str = ""

    def of(self, environment: str | None) -> Finding:
        """It, with the commands that it names made those of an environment."""
        text, remedy = (environments.commands(one, environment) for one in (self.text, self.remedy))
        return replace(self, text=text, remedy=remedy)


def guarded(name: str, title: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What `look` finds; an error is a finding too, and the next look goes on."""
    try:
        yield from look()
    except MxError as error:
        yield Finding(name, title, "problem", error.message, error.hint or "")
    except OSError as error:
        yield Finding(name, title, "problem", f"the system refused something: {error}")
