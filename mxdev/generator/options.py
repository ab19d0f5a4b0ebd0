"""What a generator asks: `option`, `argument`, and the types whose values are no free text."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from mxdev.errors import MxError
from mxdev.generator.freetext import FreeText, is_safe

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:  # generic in newer versions of click only
    ParamType = click.ParamType
REQUIRED: Any = object()
_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//")


class Pattern(ParamType):
    """Text of a fixed form, such as a DNS name.

    Args:
        regex: the whole value must match it.
        form: the form in words, for errors ("lower-case letters, digits and dashes").
        metavar: what `--help` shows for the value.
        check: says in words what else is wrong with a value, or None. Of names it is for new ones: one that a project or an
            instance has already was accepted once, and must be of the form only.
    """

    name = "text"

    def __init__(
        self,
        regex: str,
        form: str,
        *,
        metavar: str = "TEXT",
        check: Callable[[str], str | None] | None = None,
    ) -> None:
        self.regex = re.compile(regex)
        self.form = form
        self.metavar = metavar
        self.check = check

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """What `--help` shows for the value."""
        return self.metavar

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return `value` if it has the form and nothing else is wrong with it; click's BadParameter otherwise."""
        text = self.formed(value, param, ctx)
        problem = self.check(text) if self.check else None
        if problem:
            self.fail(problem, param, ctx)
        return text

    def formed(
        self, value: Any, param: click.Parameter | None = None, ctx: click.Context | None = None
    ) -> str:
        """Return `value` if it has the form, whatever `check` says; click's BadParameter otherwise."""
        text = str(value)
        if not self.regex.fullmatch(text):
            shown = _without_login(text)  # what a pipeline's variable holds would stand in its log
            near = self.nearest(text) if shown == text else None
            suggestion = f"; did you mean {near}?" if near else ""
            self.fail(f"{shown!r}: it must be {self.form}{suggestion}", param, ctx)
        return text

    def nearest(self, text: str) -> str | None:
        """A value of this form that `text` was meant to be: `acme-churn` for `Acme_Churn`; None if there is none."""
        plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text).lower()
        dashed = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
        for guess in (text.strip().lower(), dashed, dashed.replace("-", "_")):
            if guess and self.regex.fullmatch(guess) and not (self.check and self.check(guess)):
                return guess
        return None


def _without_login(text: str) -> str:
    """`text` with `...` for what may be a login: an `@` stands behind it, and in it a `//` or a `:`. A password may have any sign in it."""
    login, sign, rest = text.rpartition("@")
    if not sign or ("//" not in login and ":" not in login):
        return text
    scheme = _SCHEME.match(login)
    return f"{scheme[0] if scheme else ''}...@{rest}"


@dataclass(frozen=True)
class Option:
    """One thing a generator asks. Made by `option` and `argument`."""

    name: str
    flags: tuple[str, ...]
    type: ParamType
    default: Any
    help: str
    multiple: bool = False
    is_flag: bool = False
    ask: bool | Callable[[Mapping[str, Any]], bool] = False
    secret: bool = False
    shared: bool = False
    positional: bool = False
    formerly: str | None = None
    found: str = ""
    prompt: str = ""

    @property
    def key(self) -> str:
        """The name as templates and `self.options` know it."""
        return self.name.replace("-", "_")

    @property
    def names(self) -> tuple[str, ...]:
        """The name, and the one it had formerly: both are understood, the first is written."""
        return (self.name, self.formerly.lstrip("-")) if self.formerly else (self.name,)

    @property
    def spelling(self) -> str:
        """The name as a person writes it on the command line."""
        return self.name.upper() if self.positional else self.flags[0]

    def default_for(self, values: Mapping[str, Any]) -> Any:
        """The default, given the values that were resolved before (by key). `REQUIRED` where there is none.

        Raises:
            LookupError: it needs a value that is not there.
            MxError: the function that computes it failed.
        """
        if not callable(self.default):
            return self.default
        try:
            return self.default(values)
        except (KeyboardInterrupt, LookupError, MxError, click.ClickException):
            raise
        except BaseException as error:  # the code of a plugin
            raise MxError(
                f"{self.spelling}: its default cannot be computed: {type(error).__name__}: {error}",
                hint="Report it to the authors of the plugin that declares it.",
            ) from error

    def asked_for(self, values: Mapping[str, Any]) -> bool:
        """Whether a person is asked for it, given the values that were resolved before (by key).

        Raises:
            MxError: the function that says so failed.
        """
        if not callable(self.ask):
            return self.ask
        try:
            return bool(self.ask(values))
        except LookupError:
            return True  # the value that it depends on is wrong, which is told
        except (KeyboardInterrupt, MxError):
            raise
        except BaseException as error:  # the code of a plugin
            raise MxError(
                f"{self.spelling}: whether it is asked for cannot be told: {type(error).__name__}: {error}",
                hint="Report it to the authors of the plugin that declares it.",
            ) from error

    def convert(self, raw: Any, *, recorded: bool = False) -> Any:
        """A typed value from what was typed, read from a file or stored.

        Args:
            raw: the value.
            recorded: the project has it already: a `Pattern` looks at its form only.

        Raises:
            click.BadParameter: the value is wrong; the message says how.
            MxError: the code that looks at it failed.
        """
        if self.multiple:
            items = raw if isinstance(raw, list | tuple) else [raw]
            return tuple(self._one(item, recorded) for item in items)
        if isinstance(raw, list | tuple | dict):
            raise click.BadParameter(f"expected one value, got {len(raw)}")
        return self._one(raw, recorded)

    def _one(self, raw: Any, recorded: bool) -> Any:
        if raw is None:
            if self.default is None:
                return None
            raise click.BadParameter("a value is required, and there is none")
        if self.is_flag:
            return click.BOOL.convert(raw if isinstance(raw, bool) else str(raw), None, None)
        if isinstance(raw, bool):
            # YAML's `no` is as much False as `false` is: of a text nobody can tell which of the words was meant. A choice can,
            # and so can a type that makes something else of a word, as a template's question does.
            if isinstance(self.type, Pattern | click.types.StringParamType):
                raise click.BadParameter(
                    'YAML reads this word as a boolean, and text is expected: put it in quotes, such as "no".'
                )
            raw = str(raw).lower()
        convert = self.type.formed if recorded and isinstance(self.type, Pattern) else self.type.convert
        try:
            value = convert(raw if isinstance(raw, str) else str(raw), None, None)
        except (KeyboardInterrupt, MxError, click.ClickException, click.Abort):
            raise
        except BaseException as error:  # the code of a plugin
            said = type(error).__name__ if self.secret else f"{type(error).__name__}: {error}"
            raise MxError(
                f"{self.spelling}: whether the value is right cannot be told: {said}",
                hint="Report it to the authors of the plugin that declares it.",
            ) from error
        if not isinstance(value, str):
            if isinstance(value, float) and not math.isfinite(value):
                raise click.BadParameter(f"{raw} is not a number that a file can hold")
            return value
        plain = isinstance(self.type, Pattern | click.Choice) and (value == "" or is_safe(value))
        return value if plain else FreeText(value)


def _type_of(type: Any, default: Any) -> ParamType:
    if type is not None or default is REQUIRED or callable(default):
        kind: ParamType = click.types.convert_type(type)
        return kind
    kind = click.types.convert_type(None, None if isinstance(default, tuple | list) else default)
    return kind


def option(
    *flags: str,
    type: Any = None,
    default: Any = REQUIRED,
    help: str = "",
    multiple: bool = False,
    is_flag: bool = False,
    ask: bool | Callable[[Mapping[str, Any]], bool] = False,
    secret: bool = False,
    shared: bool = False,
    formerly: str | None = None,
    found: str = "",
    prompt: str = "",
) -> Option:
    """Declare an option of a generator.

    Args:
        flags: its spellings, the long one first ("--workers").
        type: a click type, or `Pattern`. Plain text is free text (see `mxdev.generator.freetext`).
        default: the value where nothing else gives one: a constant, None for no value, or a pure function of the
            values that are declared before it (a mapping by key). Without a default the option is required.
        help: one line.
        multiple: may be given several times; the value is a tuple.
        is_flag: takes no value.
        ask: ask for it on a terminal: always, or where a pure function of the values that are declared before it (a mapping by
            key) says so.
        prompt: how it is asked for, in a few words; `?` shows `help` then. Default: `help` itself.
        secret: never shown and never rendered.
        shared: a project option: asked once, kept in `mx.yaml`, known to all generators.
        formerly: the flag's old spelling, still understood.
        found: what `mx generate` may find out on the machine, to take in place of the default and to say from where: "git-branch",
            "gcloud-project" or "gcloud-account". What is recorded is never looked for again.
    """
    long = next((flag for flag in flags if flag.startswith("--")), None)
    if long is None:
        raise ValueError(f"option{flags!r} needs a long flag such as --name")
    if is_flag and default is REQUIRED:
        default = False
    if multiple and default is REQUIRED:
        default = ()
    kind = click.BOOL if is_flag else _type_of(type, default)
    return Option(long[2:], (long, *(f for f in flags if f != long)), kind, default, help, multiple, is_flag, ask,
                  secret, shared, formerly=formerly, found=found, prompt=prompt)  # fmt: skip


def argument(
    name: str, *, type: Any = None, default: Any = REQUIRED, help: str = "", shared: bool = False
) -> Option:
    """Declare a positional argument (`argument("NAME", ...)`); the parameters are those of `option`."""
    return Option(name.lower(), (name.lower(),), _type_of(type, default), default, help, ask=True,
                  shared=shared, positional=True)  # fmt: skip


@dataclass(frozen=True)
class Values(Mapping[str, Any]):
    """Typed values by key, readable as attributes: `self.values.workers`.

    An option of the generator may have the name of one of the project's: then `of_project` has that one.
    """

    _values: dict[str, Any] = field(default_factory=dict)
    _project: Values | None = None

    @property
    def of_project(self) -> Values:
        """The values of the project's options and of what the generator requires, whatever its own are called."""
        return Values() if self._project is None else self._project

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __getattr__(self, key: str) -> Any:
        if key.startswith("_") or key not in self._values:
            raise AttributeError(f"there is no option {key!r}; there are: {', '.join(sorted(self._values))}")
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
