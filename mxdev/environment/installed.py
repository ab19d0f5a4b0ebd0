"""Whether an interpreter has the packages that something beside the training needs."""

from __future__ import annotations

from collections.abc import Mapping

from mxdev.environment import packages
from mxdev.environment.interpreter import Interpreter
from mxdev.errors import MxError
from mxdev.system import programs

_FIND = "import sys; from importlib.util import find_spec; sys.exit(find_spec(sys.argv[1]) is None)"


def check(interpreter: Interpreter, name: str, requires: Mapping[str, str]) -> None:
    """Refuse an interpreter that lacks what is needed.

    Args:
        interpreter: that one.
        name: what needs it, such as the name of a page.
        requires: what must be installed, as pip takes it, by the name of its module.

    Raises:
        MxError: it is not installed; says the command that installs it.
    """
    missing = {
        module: package
        for module, package in requires.items()
        if programs.run([str(interpreter.python), "-I", "-c", _FIND, module], capture=True, timeout=60).code
    }
    if missing:
        raise MxError(
            f"{name} needs {' and '.join(missing)}, and {interpreter.python} does not have it.",
            hint=f"Install what the image has too: `{packages.remedy(interpreter, [*missing.values()])}`.",
        )
