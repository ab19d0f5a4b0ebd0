"""What a plugin is and what it announces, as data."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from mxdev.system.output.foreign import contained

API = 1
GROUP = f"mxdev.v{API}"
# The distribution that mx itself comes in; its own capabilities are announced as any plugin's are.
CORE = "mx-devtool"
# Hooks that announce things by name, and hooks that give plain data; the index holds what both return.
HOOKS = ("mx_generators", "mx_commands", "mx_lint_rules", "mx_template_filters", "mx_standards")
DATA_HOOKS = ("mx_template_overrides", "mx_defaults")
# A hook of a plugin is called at work, so that its module is imported then.
WORKING_HOOKS = ("mx_check_plan", "mx_up_steps")
# Seconds. A plugin's module announces; what takes longer to import belongs behind `lazy`.
SLOW = 0.5


# Named tuples and a plain class on purpose: every start imports this, and a dataclass costs it a millisecond.
class Lazy(NamedTuple):
    """Something a plugin announces without importing it. Made by `lazy`."""

    target: str
    help: str = ""
    name: str = ""


def lazy(target: str, help: str = "", *, name: str | None = None) -> Lazy:
    """Announce `target` ("module:attribute") under `name` (default: the attribute) with one line of help."""
    module, _, attribute = target.partition(":")
    if not module or not attribute:
        raise ValueError(f"lazy({target!r}): write it as 'module:attribute'")
    return Lazy(target, help, name or attribute)


class Announced(NamedTuple):
    """One thing that one plugin announced."""

    name: str
    help: str
    target: str
    dist: str
    version: str

    def load(self) -> Any:
        """Import it.

        Raises:
            MxError: the plugin's module is broken; the message names the distribution.
        """
        from importlib import import_module

        from mxdev.errors import MxError

        module, _, attribute = self.target.partition(":")
        try:
            with foreign():
                value: Any = import_module(module)
                for part in attribute.split("."):
                    value = getattr(value, part)
        except Failed as failure:
            raise MxError(
                f"{self.name} of the plugin {self.dist} {self.version} cannot be loaded: {failure}",
                hint=f"Report it to the authors of {self.dist}, or uninstall it.",
            ) from failure
        return value


class Plugin:
    """One installed plugin and what it announced.

    Attributes:
        dist: its distribution's name.
        version: its distribution's version.
        module: the module that implements its hooks, the first if there are several.
        entries: what it announced, by hook.
        data: what its hooks for plain data returned, by hook.
        working: the modules whose hooks are called at work, by hook.
        unknown: hooks that it implements and that this mx does not have.
        seconds: how long its module took to import.
        error: why it is left out.
    """

    def __init__(
        self,
        dist: str,
        version: str,
        module: str,
        entries: dict[str, list[Announced]] | None = None,
        data: dict[str, dict[str, Any]] | None = None,
        working: dict[str, list[str]] | None = None,
        unknown: list[str] | None = None,
        seconds: float = 0.0,
        error: str | None = None,
    ) -> None:
        self.dist = dist
        self.version = version
        self.module = module
        self.entries = entries or {}
        self.data = data or {}
        self.working = working or {}
        self.unknown = unknown or []
        self.seconds = seconds
        self.error = error

    def __str__(self) -> str:
        return f"{self.dist} {self.version}"


class Failed(Exception):
    """A plugin's code raised something; the text says what, on one line."""


class HookFailed(Exception):
    """A plugin's hook raised something."""

    def __init__(self, plugin: Plugin, hook: str, failure: Failed) -> None:
        super().__init__(f"{hook} of the plugin {plugin} failed: {failure}")
        self.plugin = plugin


@contextlib.contextmanager
def foreign() -> Iterator[None]:
    """Around code of a plugin that answers mx: what it prints is talk, and goes to stderr.

    Raises:
        Failed: whatever it raised, `SystemExit` and the panics of extension modules too, but for ^C.
    """
    try:
        with contained():
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        notes = "; ".join(getattr(error, "__notes__", ()))
        where = _where(error)
        text = (
            f"{f'{notes}: ' if notes else ''}{type(error).__name__}: {error}{f' ({where})' if where else ''}"
        )
        raise Failed(" ".join(text.split())) from error


def _where(error: BaseException) -> str:
    """The file and the line that raised, or that cannot be parsed; mx's own and Python's machinery of imports do not count."""
    if isinstance(error, SyntaxError) and error.filename:
        return ""  # its text has both
    import traceback

    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<frozen", own + os.sep)) and f"{os.sep}pluggy{os.sep}" not in frame.filename
        and not frame.filename.endswith(f"importlib{os.sep}__init__.py")
    ]  # fmt: skip
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


_warned: set[str] = set()


def warn_once(text: str) -> None:
    """Say something about the installed plugins, once in a process."""
    from mxdev.system import console

    # While completing, a shell would show it in the middle of the line that a person is typing.
    if text not in _warned and "_MX_COMPLETE" not in os.environ:
        console.warn(text)
    _warned.add(text)


def warnings_said() -> int:
    """How many different things were said of the installed plugins in this process."""
    return len(_warned)
