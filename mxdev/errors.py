"""The errors a user may see. The text says what happened, where, and what to do."""

from __future__ import annotations

DONE = 0
SAYS_NO = 1
USAGE = 2
BUG = 3
COULD_NOT = 4
INTERRUPTED = 130


def in_words(message: str) -> str:
    """What click says of a wrong number, in words: it says of `two` that it is no valid *range*."""
    return message.replace("valid integer range", "valid integer").replace(
        "valid float range", "valid number"
    )


class MxError(Exception):
    """mx could not do it (exit code 4): broken state, a missing plugin or tool, a disk that refuses.

    Args:
        message: what happened and where, for a person.
        hint: what to do about it; printed on a line of its own.
        code: the exit code of the command, see the constants above.
    """

    default_code = COULD_NOT

    def __init__(self, message: str, *, hint: str | None = None, code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = self.default_code if code is None else code

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class Refused(MxError):
    """mx says no (exit code 1): findings, differences, conflicts, a lock. Nothing was written."""

    default_code = SAYS_NO


class UsageProblem(MxError):
    """The command line or a value on it is wrong (exit code 2)."""

    default_code = USAGE
