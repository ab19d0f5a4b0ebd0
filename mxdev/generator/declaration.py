"""What is wrong with the class of a generator, found when it is loaded: a slip there is told in its words, and is not a bug of mx."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from mxdev.generator.generator import Generator, Scope
from mxdev.generator.options import Option

RESERVED = ("instance", "mx_version")
"""What templates see beside the options."""


def problems(cls: type[Generator]) -> Iterator[str]:
    """What is wrong with the declarations of a class, a sentence each."""
    for name in ("requires", "formerly", "provides"):
        yield from _names(name, getattr(cls, name))
    for name in ("arguments", "options"):
        yield from _options(name, getattr(cls, name))
    if cls.scope not in get_args(Scope):
        yield f"scope is {cls.scope!r}; it is one of {', '.join(map(repr, get_args(Scope)))}"
    if not isinstance(cls.example, str):
        yield f"example is {cls.example!r}, and not text"
    declared = [item for item in (*_items(cls.arguments), *_items(cls.options)) if isinstance(item, Option)]
    yield from _together(cls, declared)
    if cls.generate is Generator.generate and cls.generate_on is Generator.generate_on:
        yield "it has no method generate(self, tree)"


def _items(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else ()


def _names(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield f"{name} is the text {value!r}, and a tuple of names is wanted: {name} = ({value!r},)"
    elif not isinstance(value, tuple | list) or not all(isinstance(item, str) and item for item in value):
        yield f"{name} is {value!r}, and a tuple of names is wanted"


def _options(name: str, value: Any) -> Iterator[str]:
    made = "argument" if name == "arguments" else "option"
    if isinstance(value, Option):
        yield f"{name} is one {made}, and a tuple is wanted: {name} = ({made}(...),)"
    elif not isinstance(value, tuple | list):
        yield f"{name} is {value!r}, and a tuple of what `{made}` makes is wanted"
    else:
        for item in value:
            if not isinstance(item, Option):
                yield f"{name} has {item!r} in it, which `{made}` did not make"
            elif item.positional != (made == "argument"):
                yield f"{name} has {item.spelling} in it, which `{'option' if made == 'argument' else 'argument'}` made"


def _together(cls: type[Generator], declared: list[Option]) -> Iterator[str]:
    keys: dict[str, str] = {}
    for item in declared:
        for name in item.names:
            other = keys.setdefault(name, item.spelling)
            if other != item.spelling:
                yield f"{other} and {item.spelling} are both called {name}"
        if item.key in RESERVED:
            yield f"{item.spelling} cannot be called so: templates see something else as {item.key}"
    naming = cls.instance_argument
    if naming is not None and (
        not isinstance(naming, str) or naming.lower() not in {i.name for i in declared}
    ):
        yield f"instance_argument is {naming!r}, and there is no argument or option of that name"
    if cls.scope == "new" and not any(item.positional for item in declared):
        yield "scope is 'new', so that it needs an argument that names the project"
