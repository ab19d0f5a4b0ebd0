"""What is printed of a plan: diffs, the summary, the JSON answer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdev.dialogue.show import summary
from mxdev.errors import MxError, Refused, UsageProblem
from mxdev.merge.diff import difference
from mxdev.plan.model import Change
from mxdev.project.files.content import Content
from mxdev.workflow.apply import as_json, outcome_of

TEXT = st.text(st.sampled_from(["a", "b", "\n", "\n", "\r", "\x0c", "\u2028", "ü", " "]), max_size=25).map(
    str.encode
)


@given(TEXT, TEXT)
def test_a_diff_is_one_that_patch_understands(before: bytes, after: bytes) -> None:
    """Applying the hunks by hand gives the new text."""
    text = difference("x", before, after)
    if before == after:
        assert text == ""
        return
    lines = text.split("\n")
    assert lines[0] == "--- a/x"
    assert lines[1] == "+++ b/x"
    old, new = [], []
    for line, follower in zip(lines[2:], [*lines[3:], ""], strict=True):
        end = "" if follower.startswith("\\ No newline") else "\n"
        if line[:1] in ("-", " "):
            old.append(line[1:] + end)
        if line[:1] in ("+", " "):
            new.append(line[1:] + end)
    # With few lines the context holds all of them.
    if before.count(b"\n") < 4 and after.count(b"\n") < 4:
        assert "".join(old).encode() == before
        assert "".join(new).encode() == after


@pytest.mark.parametrize(
    ("before", "after"), [(b"\xff", b"a"), (b"a", b"\xff"), (b"\x00", b"a"), (None, b"\x00")]
)
def test_what_is_no_text_is_one_line(before: bytes | None, after: bytes) -> None:
    assert difference("x", before, after) == "Binary file x differs\n"


def test_a_new_and_a_removed_file() -> None:
    assert difference("x", None, b"a\n").startswith("--- /dev/null\n+++ b/x\n")
    assert difference("x", b"a\n", None).startswith("--- a/x\n+++ /dev/null\n")


def change(path: str, status: str, **more: object) -> Change:
    return Change(path, status, ("A", "B:c"), None, Content(b""), **more)  # type: ignore[arg-type]


def test_the_json_answer() -> None:
    text = as_json("applied", [change("ä\udcff", "conflict", resolution="keep"), change("b", "create")])
    assert text.isascii()
    answer = json.loads(text)
    rows = answer.pop("changes")
    assert answer == {"version": 1, "outcome": "applied", "error": None}
    keys = ("path", "status", "resolution", "generator")
    assert [tuple(row[key] for key in keys) for row in rows] == [
        ("ä\udcff", "conflict", "keep", "A, B:c"),
        ("b", "create", None, "A, B:c"),
    ]
    assert json.loads(as_json("error", error=MxError("what", hint="do")))["error"] == "what\ndo"


def test_outcomes_of_errors() -> None:
    assert (outcome_of(Refused("x")), outcome_of(MxError("x")), outcome_of(UsageProblem("x"))) == (
        "refused",
        "error",
        "error",
    )


def test_the_summary() -> None:
    assert summary([]) == "nothing to do"
    assert summary([change("a", "create"), change("b", "keep"), change("c", "create")]) == "2 create, 1 keep"
