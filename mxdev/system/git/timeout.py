"""How long Git may take."""

from __future__ import annotations

import os
import threading

from mxdev.errors import MxError

SETTING = "MX_GIT_TIMEOUT"
# A first `git status` of millions of files on a network disk takes minutes; a pipeline gives up after an hour.
_SECONDS = 600.0


def seconds() -> float | None:
    """How many seconds Git may take; None: as long as it likes.

    Raises:
        MxError: the person's own number is none.
    """
    said = os.environ.get(SETTING, "").strip()
    try:
        number = float(said or _SECONDS)
    except ValueError:
        number = -1.0
    if not 0 <= number < threading.TIMEOUT_MAX:
        raise MxError(
            f"{SETTING} is {said!r}, which is no number of seconds.",
            hint=f"Set it to a number such as {_SECONDS:g}, or to 0 for no limit.",
        )
    return number or None
