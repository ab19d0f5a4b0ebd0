"""Free text stays free text, whatever is done to it in Python or in a template."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdev.generator.freetext import UNSAFE, FreeText, FreeTextError, conceal, contains, is_safe, reveal

EVIL = 'He said "hi" {{ 7*7 }} ${x} $(id) #c: [\n'


@pytest.mark.parametrize(
    "emit",
    [
        str,
        format,
        lambda text: f"{text}",
        lambda text: f"{text:>10}",
        lambda text: f"{text!s}",
        lambda text: "%s" % text,  # noqa: UP031 (a way to emit it)
        lambda text: "{}".format(text),  # noqa: UP032
        lambda text: "x".join([text]),
        lambda text: "x".replace("x", text),
        lambda text: json.dumps(text),
        lambda text: text.encode(),
        lambda text: bytes(text),
        lambda text: open(text),  # noqa: SIM115
        lambda text: print(text),
        lambda text: "x" + str([text][0]),
    ],
)
def test_it_cannot_be_emitted(emit: Any) -> None:
    with pytest.raises((FreeTextError, TypeError)):
        emit(FreeText(EVIL))


def test_repr_says_nothing() -> None:
    assert "He said" not in f"{FreeText(EVIL)!r}{[FreeText(EVIL)]}{ {'k': FreeText(EVIL)} }"
    assert "He said" not in repr({FreeText(EVIL): 1}.keys())


def test_pickling_does_not_open_it() -> None:
    with pytest.raises((FreeTextError, AttributeError, TypeError)):
        pickle.loads(pickle.dumps(FreeText(EVIL)))


def test_it_cannot_be_changed() -> None:
    text = FreeText("a")
    with pytest.raises(AttributeError):
        text.other = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        text._FreeText__text = "b"  # type: ignore[misc]


@given(st.text(), st.text(), st.integers(-5, 5), st.integers(-5, 5))
def test_operations_are_those_of_str_and_stay_free(one: str, two: str, a: int, b: int) -> None:
    free = FreeText(one)
    pairs: list[tuple[Any, Any]] = [
        (free + two, one + two),
        (two + free, two + one),
        (free + FreeText(two), one + two),
        (free[a:b], one[a:b]),
        (free * 2, one * 2),
        (free.upper(), one.upper()),
        (free.strip(two or None), one.strip(two or None)),
        (free.replace(two, "-"), one.replace(two, "-")),
        (free.join([two, two]), one.join([two, two])),
        (free.center(9), one.center(9)),
        (free.partition(two or "x"), one.partition(two or "x")),
        (free.split(), one.split()),
        (free.casefold(), one.casefold()),
    ]
    for got, wanted in pairs:
        assert reveal(got) == wanted
        assert contains(got) or wanted == []
    assert len(free) == len(one)
    assert bool(free) == bool(one)
    assert (two in free) == (two in one)
    assert (free == one, free == FreeText(one)) == (True, True)
    assert hash(free) == hash(one)
    assert [reveal(c) for c in free] == list(one)
    assert all(isinstance(c, FreeText) for c in free)
    assert free.startswith(two) == one.startswith(two)
    assert free.find(two) == one.find(two)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_conceal_hides_every_string_and_reveal_brings_it_back(value: Any) -> None:
    def strings(item: Any) -> bool:
        if isinstance(item, dict):
            return any(strings(key) or strings(inner) for key, inner in item.items())
        return any(map(strings, item)) if isinstance(item, list | tuple) else isinstance(item, str)

    hidden = conceal(value)
    assert not strings(hidden)
    assert reveal(hidden) == value
    assert contains(hidden) == strings(value)


@pytest.mark.parametrize("value", [b"x", object(), "x".upper, memoryview(b"x"), lambda: "x"])
def test_what_could_hand_it_out_later_is_refused(value: Any) -> None:
    with pytest.raises(FreeTextError):
        conceal(value)


def test_str_subclasses_are_concealed_as_plain_text() -> None:
    class Shout(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "leak"

    assert type(reveal(conceal(Shout("x")))) is str
    assert reveal(conceal(Shout("x"))) == "x"


@pytest.mark.parametrize("character", sorted(UNSAFE))
def test_unsafe_characters_make_free_text(character: str) -> None:
    assert not is_safe(f"a{character}b")


@given(st.text())
def test_safe_text_has_nothing_that_ends_a_line_or_a_string(text: str) -> None:
    if is_safe(text):
        assert text.isprintable()
        assert len((text + "x").splitlines()) == 1
        assert not set(text) & set("'\"`\\${}%#<> \t\r\n")
