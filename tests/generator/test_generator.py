"""Declaring generators: options, arguments, and what mx makes of them."""

from __future__ import annotations

import click
import pytest

from mxdev import Generator, argument, option
from mxdev.generator.options import REQUIRED, Pattern, Values


def test_an_option_needs_a_long_flag() -> None:
    with pytest.raises(ValueError, match="needs a long flag"):
        option("-x")
    assert option("-x", "--long-name").flags == ("--long-name", "-x")


@pytest.mark.parametrize(
    ("made", "name", "key", "spelling"),
    [
        (option("--project-id"), "project-id", "project_id", "--project-id"),
        (argument("APP_NAME"), "app_name", "app_name", "APP_NAME"),
    ],
)
def test_names(made: object, name: str, key: str, spelling: str) -> None:
    assert (made.name, made.key, made.spelling) == (name, key, spelling)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("made", "default", "value"),
    [
        (option("--x"), REQUIRED, None),
        (option("--x", multiple=True), (), ()),
        (option("--x", is_flag=True), False, False),
        (option("--x", default=3), 3, 3),
        (option("--x", default=2.5), 2.5, 2.5),
        (option("--x", type=int, default=None), None, None),
        (option("--x", default=lambda values: values["a"] + 1, type=int), 2, 2),
    ],
)
def test_defaults(made: object, default: object, value: object) -> None:
    found = made.default_for({"a": 1})  # type: ignore[attr-defined]
    assert found == default or found is default
    if default is not REQUIRED:
        converted = made.convert(found)  # type: ignore[attr-defined]
        assert (converted, type(converted)) == (value, type(value))


@pytest.mark.parametrize(
    ("raw", "value"), [("yes", True), (True, True), ("0", False), (False, False), (1, True)]
)
def test_flags(raw: object, value: bool) -> None:
    assert option("--x", is_flag=True).convert(raw) is value


def test_numbers_of_a_file_that_are_text() -> None:
    kind = option("--python", type=click.Choice(["3.11", "3.12"]), default="3.11")
    assert kind.convert(3.11) == "3.11"
    with pytest.raises(click.BadParameter):
        kind.convert(3.1)


def test_values_are_attributes_and_items() -> None:
    values = Values({"a": 1, "b": 2})
    assert (values.a, values["b"], dict(values), len(values)) == (1, 2, {"a": 1, "b": 2}, 2)
    with pytest.raises(AttributeError, match="there is no option 'c'; there are: a, b"):
        _ = values.c
    with pytest.raises(AttributeError):
        values.a = 2  # type: ignore[misc]


def test_what_a_generator_says_of_itself() -> None:
    class Shout(Generator):
        """One line.

        And more.
        """

        arguments = (argument("NAME"),)
        options = (option("--loud", default=1),)

    assert Shout.summary() == "One line."
    assert [made.name for made in Shout.declared()] == ["name", "loud"]
    assert Shout(Values({"loud": 1}), "Shout:a").variables() | {"mx_version": "", "project": {}} == {
        "loud": 1,
        "mx_version": "",
        "instance": "Shout:a",
        "project": {},
    }


def test_a_generator_must_generate() -> None:
    from mxdev.generator.tree import Tree

    class Idle(Generator):
        """Does nothing."""

    idle = Idle(Values({}), "Idle")
    with pytest.raises(NotImplementedError, match="Idle"):
        idle.generate(Tree(idle))


def test_everything_an_author_needs_is_importable_lazily() -> None:
    import mxdev

    for name in mxdev.__all__:
        assert getattr(mxdev, name)
    with pytest.raises(AttributeError):
        _ = mxdev.nothing


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://user:s3cret@host.example.com/x", "https://...@host.example.com/x"),
        ("https://s3cret@host.example.com/x", "https://...@host.example.com/x"),
        ("https://user:s3@cret@host.example.com/x", "https://...@host.example.com/x"),
        ("https://user:gl/s3cret@host.example.com/x", "https://...@host.example.com/x"),  # not escaped
        ("user:s3cret@host.example.com/x", "...@host.example.com/x"),  # the scheme is forgotten
        ("user:gl//s3cret@host", "...@host"),
    ],
)
def test_a_login_in_an_address_stands_in_no_message(address: str, shown: str) -> None:
    """Nor in what was perhaps meant: a pipeline keeps it in a variable, and its log is read by many."""
    kind = Pattern("[a-z0-9-]+", "a name")
    with pytest.raises(click.BadParameter) as refused:
        kind.convert(address, None, None)
    assert refused.value.message == f"{shown!r}: it must be a name"


def test_an_at_sign_alone_is_no_login() -> None:
    with pytest.raises(click.BadParameter, match="'Ada@work': it must be a name; did you mean ada-work"):
        Pattern("[a-z0-9-]+", "a name").convert("Ada@work", None, None)
