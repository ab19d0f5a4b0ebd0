"""Rendered sections: every value comes back, in every reader, and yamllint has nothing to say."""

from __future__ import annotations

import datetime
import enum

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from yamllint import linter  # type: ignore[import-untyped]
from yamllint.config import YamlLintConfig  # type: ignore[import-untyped]

from mxdev.errors import MxError
from mxdev.sections import sections
from mxdev.sections.yaml.values import equal
from mxdev.sections.yaml.write import render_entry

fast = settings(deadline=None, max_examples=200)
LINT = YamlLintConfig("{extends: default, rules: {line-length: disable, document-start: disable}}")

AWKWARD = [
    "", " ", "yes", "No", "on", "OFF", "y", "N", "true", "~", "null", "NULL", "none", "=", "<<", "-", "--flag", "- a", "?", "? a", ":", "a:", "a: b", "a :b",
    "#", "a #b", "a#b", "1", "01", "0o17", "0x1F", "0b1", "1_000", "1e3", "1.5", ".5", "5.", "+.inf", ".NaN", "-.INF", "12:30", "12:30:45", "190:20:30", "2001-01-01",
    "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43.10 -5", "1.2.3", "v1", "10Gi", "500m", "127.0.0.1", "0755", "${VAR}", "$!{VAR}", "{{ x }}", "{a}", "[a]", "&a", "*a", "!a", "|", ">",
    "'a'", '"a"', "a'b", 'a"b', "%a", "@a", "`a`", "---", "--- a", "...", ",a", "a,b", "\\", "\\n", "é", "\U0001f600", "\u2028", "\x85", "\xa0", "\ufeff", "\x07", "\x7f", "\uffff",
    "oci://ghcr.io/x", "a\nb", "a\nb\n", "a\nb\n\n", "\na", "\n", "\n\n", " a\nb", "\ta\nb", "a \nb", "a\n\n\n\nb", "\n\n\na", "\n\n  a\nb", "a\r\nb", "a\rb", "a\n\tb", "# a\nb", "a\n---\nb\n", "a\n \nb",
    "0.", "e3", "1e", "0x", "_1", "+_1", "1_", "+1", "-1", "+", "-a", "١٢", "a\tb", "a: ", " #", "a\n#b\n", "\U0010ffff",
]  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(AWKWARD),
    st.text(max_size=8),
    st.text(st.sampled_from(list("01.eE:_-+xob ,TZ")), max_size=8),
    st.lists(st.sampled_from(["a", "", " b", "\tc", "#", "- d", "e: f", "g "]), max_size=5).map("\n".join),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    TEXTS,
    st.dates(),
    st.sampled_from([1e16, -0.0, 1e-7, 5e-324, 2**70]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@fast
@given(TEXTS, VALUES, st.sampled_from([2, 4, 3, 8]))
@example("on", AWKWARD, 2)
@example("", {text: [text, {text: text}] for text in AWKWARD}, 4)
def test_every_value_comes_back_and_the_linter_is_content(key: str, value: object, step: int) -> None:
    text = render_entry(key, value, step=step)
    for loader in (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        assert equal(yaml.load(text, Loader=loader), {key: value})
        below = yaml.load(
            "a: 1\nb:\n"
            + "".join(f"  {line}\n" if line else "\n" for line in text.split("\n")[:-1])
            + "\n\nc: 1\n",
            Loader=loader,
        )
        assert equal(below, {"a": 1, "b": {key: value}, "c": 1})  # wherever it stands
    assert [str(problem) for problem in linter.run(text, LINT)] == []
    assert render_entry(key, value, step=step) == text


@fast
@given(TEXTS, VALUES, st.text(max_size=20))
def test_a_comment_changes_no_value(key: str, value: object, comment: str) -> None:
    text = render_entry(key, value, comment=comment)
    assert equal(yaml.safe_load(text), {key: value})
    assert [str(problem) for problem in linter.run(text, LINT)] == []


def test_the_canonical_form() -> None:
    value = {
        "chart": {"name": "oci://ghcr.io/x", "version": "1.2.3"},
        "args": [
            "--flag",
            "yes",
            "0755",
            8080,
            0.5,
            1e16,
            True,
            None,
            [],
            {},
            ["a", ["b"]],
            {"k": {"l": [1]}, "m": "n"},
        ],
        "run": "set -e\n  two\n\nthree",
        "text": "one\ntwo\n",
        "led": "  one\ntwo",
        "Ünï": "\U0001f600",
    }
    assert sections.render("deployments.mlflow", value) == (
        "mlflow:\n  chart:\n    name: oci://ghcr.io/x\n    version: \"1.2.3\"\n  args:\n    - --flag\n    - \"yes\"\n    - \"0755\"\n    - 8080\n    - 0.5\n"
        "    - 1.0e+16\n    - true\n    - null\n    - []\n    - {}\n    - - a\n      - - b\n    - k:\n        l:\n          - 1\n      m: \"n\"\n"
        "  run: |-\n    set -e\n      two\n\n    three\n  text: |\n    one\n    two\n  led: |2-\n      one\n    two\n  Ünï: \U0001f600\n"
    )  # fmt: skip


@pytest.mark.parametrize("text", [t for t in AWKWARD if t and t[0] in "0123456789+-.yYnNoOtT~<="])
def test_what_any_reader_could_take_for_something_else_is_quoted(text: str) -> None:
    rendered = sections.render("k", text)
    if text in ("--flag", "v1", "10Gi", "500m", "oci://ghcr.io/x", "-a", "+"):
        assert rendered == f"k: {text}\n"
    else:
        assert rendered.startswith('k: "'), rendered


def test_what_yaml_cannot_carry_is_refused() -> None:
    class Text:
        pass

    class Number(enum.IntEnum):
        ONE = 1

    loop: list[object] = []
    loop.append(loop)
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (Text(), b"x", {1, 2}, {"a": {(1, 2): 3}}, loop, deep, "\ud800", {"k" * 2000: 1}):
        with pytest.raises(MxError):
            sections.render("a", value)
    with pytest.raises(MxError, match="must be a mapping with path: x"):
        sections.render("a[path=x]", {"path": "y"})
    assert sections.render("a", datetime.date(2024, 1, 1)) == "a: 2024-01-01\n"
