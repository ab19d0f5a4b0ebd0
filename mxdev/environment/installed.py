"""Whether an interpreter has the packages that something beside the training needs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from mxdev.errors import MxError
from mxdev.system import programs

_FIND = "import sys; from importlib.util import find_spec; sys.exit(find_spec(sys.argv[1]) is None)"


def check(program: Path, name: str, requires: Mapping[str, str]) -> None:
    """Refuse an interpreter that lacks what is needed.

    Args:
        program: the interpreter.
        name: what needs it, such as the name of a page.
        requires: what must be installed, as pip takes it, by the name of its module.

    Raises:
        MxError: it is not installed; says the command that installs it.
    """
    missing = {
        module: package
        for module, package in requires.items()
        if programs.run([str(program), "-I", "-c", _FIND, module], capture=True, timeout=60).code
    }
    if missing:
        install = shlex.join([str(program), "-m", "pip", "install", *missing.values()])
        raise MxError(
            f"{name} needs {' and '.join(missing)}, and {program} does not have it.",
            hint=f"Install what the image has too: `{install}`.",
        )
