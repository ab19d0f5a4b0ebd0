"""Free text: what a person typed. No `str`, so nothing can emit it by accident.

Joined, cut, upper-cased or formatted, free text is free text still; only the filter of a target
language (see `mxdev.generator.languages`) turns it into text of that language. `str()` and `format()` of it
are errors: a place that was forgotten fails at render time instead of rendering an injection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import GeneratorType
from typing import Any, NoReturn, SupportsIndex

from mxdev.generator import bounds

_ARGUMENT = re.compile(r"\d+|[^\W\d]\w*")
_NUMBER = re.compile(r"\d+")
_WIDEST = 1000
# What a value must not contain to pass as plain text into every language that mx renders.
UNSAFE = frozenset("'\"`\\$%{}#<> \t\r\n\v\f\x00\x1c\x1d\x1e\x85\u2028\u2029")


class FreeTextError(Exception):
    """Free text was about to become text without a language filter."""


def is_safe(text: str) -> bool:
    """Whether `text` has none of the characters that make it free text."""
    return not any(character in UNSAFE or not character.isprintable() for character in text)


def _fields(text: str) -> Iterator[tuple[str, str | None, str | None, str | None]]:
    import string

    return iter(string.Formatter().parse(text))


class FreeText:
    """A person's text. `reveal(value)` is for language filters and for state, never for templates."""

    __slots__ = ("__text",)
    __text: str

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_FreeText__text", str(text))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("free text cannot be changed")

    def __str__(self) -> NoReturn:
        raise FreeTextError(
            "free text needs the filter of its target language: yaml, hcl, toml, json, py, sh, md, rst, html, "
            "dockerfile or comment"
        )

    def __format__(self, spec: str) -> NoReturn:
        self.__str__()

    def __repr__(self) -> str:
        return f"<free text of {len(self.__text)} characters>"

    def __eq__(self, other: object) -> bool:
        return bool(self.__text == (other.__text if isinstance(other, FreeText) else other))

    def __lt__(self, other: FreeText | str) -> bool:
        return bool(self.__text < reveal(other))

    def __hash__(self) -> int:
        return hash(self.__text)

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __len__(self) -> int:
        return len(self.__text)

    def __contains__(self, part: FreeText | str) -> bool:
        return reveal(part) in self.__text

    def __iter__(self) -> Iterator[FreeText]:
        return (FreeText(character) for character in self.__text)

    def __getitem__(self, key: SupportsIndex | slice) -> FreeText:
        return FreeText(self.__text[key])

    def __add__(self, other: object) -> FreeText:
        return FreeText(self.__text + str(reveal(other)))

    def __radd__(self, other: object) -> FreeText:
        return FreeText(str(other) + self.__text)

    def __mul__(self, times: SupportsIndex) -> FreeText:
        return FreeText(self.__text * times)

    __rmul__ = __mul__

    def __mod__(self, values: object) -> FreeText:
        return FreeText(self.__text % reveal(values))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        # The methods of `str`, each giving free text again (`split`, `upper`, `format`, ...).
        if name.startswith("_") or not hasattr(str, name):
            raise AttributeError(f"free text has no {name!r}")
        if name == "format":
            return self.__formatted
        if name == "format_map":
            return lambda values: self.__formatted(**values)
        method = getattr(self.__text, name)

        def call(*args: object, **keywords: object) -> Any:
            bounds.check(f"`{name}`", bounds.of_value([args, keywords]))
            given, named = reveal(args), reveal(keywords)
            bounds.check(f"`{name}`", bounds.of_method(self.__text, name, given, named))
            return conceal(method(*given, **named))

        return call

    def __formatted(self, *args: object, **keywords: object) -> FreeText:
        """`format` with fields that name an argument and no more: what a person typed looks into no object."""
        for _, name, spec, _ in _fields(self.__text):
            if name and not _ARGUMENT.fullmatch(name):
                raise FreeTextError("free text as a format may not look into its arguments")
            if spec and "{" in spec:
                raise FreeTextError("free text as a format may have no format in a format")
            if spec and any(int(digits) > _WIDEST for digits in _NUMBER.findall(spec)):
                raise FreeTextError(f"free text as a format makes nothing wider than {_WIDEST} characters")
        bounds.check("`format`", bounds.of_value([args, keywords]))
        bounds.check("`format`", bounds.of_method(self.__text, "format", reveal(args), reveal(keywords)))
        return FreeText(self.__text.format(*reveal(args), **reveal(keywords)))


def reveal(value: Any) -> Any:
    """`value` with all free text in it, however deep, as plain `str`."""
    if isinstance(value, FreeText):
        return value._FreeText__text
    if value is None or isinstance(value, str | int | float):  # most are, and it is soon known
        return value
    if isinstance(value, list | GeneratorType | map | filter | zip):
        return [reveal(item) for item in value]
    if isinstance(value, tuple):
        items = [reveal(item) for item in value]
        return value._make(items) if hasattr(value, "_make") else tuple(items)
    if isinstance(value, Mapping):
        return {reveal(key): reveal(item) for key, item in value.items()}
    return value


def conceal(value: Any) -> Any:
    """`value` with every string in it, however deep, as free text.

    Raises:
        FreeTextError: for a value that could hand the text out later (a method, a lazy object).
    """
    if value is None or isinstance(value, bool | int | float | FreeText):
        return value
    if isinstance(value, str):
        return FreeText(str.__str__(value))
    if isinstance(value, bytes):
        raise FreeTextError("free text cannot be encoded in a template")
    if isinstance(value, tuple):
        items = [conceal(item) for item in value]
        return value._make(items) if hasattr(value, "_make") else tuple(items)
    if isinstance(value, Mapping):
        return {conceal(key): conceal(item) for key, item in value.items()}
    if isinstance(value, Iterator | list | set | frozenset):
        return [conceal(item) for item in value]
    raise FreeTextError(f"free text cannot pass through {type(value).__name__}")


def contains(value: Any) -> bool:
    """Whether there is free text in `value`, however deep. Lazy iterables must be lists by now."""
    if isinstance(value, FreeText):
        return True
    if value is None or isinstance(value, str | int | float):
        return False
    if isinstance(value, list | tuple | set | frozenset):
        return any(contains(item) for item in value)
    if isinstance(value, Mapping):
        return any(contains(key) or contains(item) for key, item in value.items())
    return False
