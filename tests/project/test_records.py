"""The state files: what is written is read again, and what cannot be read is explained."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from mxdev.errors import MxError
from mxdev.project import records
from mxdev.project.records import (
    FileRecord,
    Record,
    SectionRecord,
    flow,
    new_project_file,
    parse,
    read_record,
    scalar,
    write_record,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SHA = st.text("0123456789abcdef", min_size=64, max_size=64)
WORDS = [
    "", "null", "Null", "~", "yes", "NO", "on", "y", "true", "1", "1e5", "0x1f", "1_000", ".5", ".inf", ".NaN", "-.inf", "12:30:45",
    "2024-01-01", "-", "- a", "a: b", "a #b", "#a", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "'", '"', "=", "<<", "...", "---", ".", "..", "/",
    ".gitignore", "a/b.c", "A_b-c+d@e", "\u2028", "\x85", "\t", " a", "a ", "a\nb", "0o17", "0b1", "+1", "é", "🧪", "\ufeff", "e00", "1.0", "~a",
]  # fmt: skip


def all_words(test: Any) -> Any:
    for word in WORDS:
        test = example(word)(test)
    return test


@all_words
@given(TEXT)
def test_a_scalar_is_read_as_the_text_it_was(text: str) -> None:
    for loader in (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        for source in (f"x: {scalar(text)}\n", f"{scalar(text)}: x\n", f"x: {flow([text, {text: text}])}\n"):
            data = yaml.load(source, loader)
            assert data in ({"x": text}, {text: "x"}, {"x": [text, {text: text}]})
            assert all(type(key) is str for key in data)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(TEXT, PLAIN, max_size=4),
    st.dictionaries(
        TEXT.filter(bool),
        st.builds(FileRecord, SHA, st.booleans(), st.booleans(), st.booleans(), TEXT),
        max_size=4,
    ),
    st.lists(
        st.builds(
            SectionRecord,
            TEXT,
            TEXT,
            SHA,
            st.dictionaries(TEXT, PLAIN, max_size=2),
            st.booleans(),
            st.booleans(),
        ),
        max_size=3,
    ),
    TEXT,
)
def test_a_record_is_read_as_it_was_written(
    options: dict[str, Any], files: dict[str, FileRecord], sections: list[SectionRecord], version: str
) -> None:
    record = Record("A:b", "A", "acme", version, options, ("B", "C:d"), files, tuple(sections))
    data = write_record(record)
    assert read_record(data, "x.yaml") == record
    assert write_record(read_record(data, "x.yaml")) == data
    lines = data.decode().split("\n")
    assert len(lines) <= 12 + len(options) + len(files) + len(sections), (
        "one line for each, so that Git can merge"
    )


@given(st.dictionaries(TEXT, PLAIN, max_size=5))
def test_a_new_project_file_is_read_as_it_was_written(options: dict[str, Any]) -> None:
    data = parse(new_project_file(options, ">=0.1.0"), "mx.yaml")
    assert (data.get("options") or {}, data["requires-mx"], data["version"]) == (options, ">=0.1.0", 1)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_an_editor_may_change_the_form(newline: str, bom: str) -> None:
    assert parse((bom + f"version: 1{newline}options:{newline}  a: b{newline}").encode(), "mx.yaml")[
        "options"
    ] == {"a": "b"}


@pytest.mark.parametrize(
    ("data", "says", "hint"),
    [
        (b"", "is empty", "git checkout -- mx.yaml"),
        (b"# only a comment\n", "is empty", "git checkout"),
        (b"\n---\n", "is empty", "git checkout"),
        (b"- a\n", "is not a mapping", "Write one"),
        (b"text", "is not a mapping", "Write one"),
        (b"version: 1\noptions: {a: [\n", "cannot be read", "hen run the command again"),
        (b"\x00\x01\x02", "cannot be read", "hen run the command again"),
        (b"\xff\xfe", "cannot be read", "hen run the command again"),
        (b"version: 1\na: 2024-99-99\n", "cannot be read", "hen run the command again"),
        (b"version: 1\na: " + b"[" * 3000, "cannot be read", "hen run the command again"),
        (b"version: 1\n? [a]\n: b\n", "cannot be read", "hen run the command again"),
        (b"version: 1\na: !!python/object:os.system x\n", "cannot be read", "hen run the command again"),
        (b"options: {}\n", "does not say the version", "Write `version: 1`"),
        (b"version: one\n", "does not say the version", "Write `version: 1`"),
        (b"version: true\n", "does not say the version", "Write `version: 1`"),
        (b"version: 0\n", "does not say the version", "Write `version: 1`"),
        (b"version: 2\n", "newer mx (format 2; this mx knows up to 1)", "uv tool upgrade mx-devtool"),
        (b"version: 99\ngarbage: [1, 2\n", "cannot be read", "hen run the command again"),
        (b"version: 1\n<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> other\n", "merge markers", "mx resolve"),
        (b"<<<<<<< HEAD\nversion: 1\n=======\nversion: 2\n>>>>>>> other\n", "merge markers", "mx resolve"),
    ],
)
def test_what_cannot_be_read_is_explained(data: bytes, says: str, hint: str) -> None:
    with pytest.raises(MxError) as caught:
        parse(data, "mx.yaml")
    assert re.match(r"mx\.yaml(:\d+:\d+)? ", caught.value.message)
    assert says in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.code == 4


RECORD = b"version: 1\ninstance: A\ngenerator: A\nplugin: p\nplugin-version: '1'\n"


@pytest.mark.parametrize(
    "more",
    [
        b"files: [a]\n",
        b"files: {a: b}\n",
        b"files: {a: {}}\n",
        b"files: {a: {sha256: short}}\n",
        b"files: {a: {sha256: 123}}\n",
        b"sections: [1]\n",
        b"sections: [{path: a}]\n",
        b"sections: 3\n",
        b"options: 3\n",
        b"requires: 3\n",
    ],
)
def test_a_record_of_another_form_is_explained(more: bytes) -> None:
    assert read_record(RECORD, "A.yaml").name == "A"
    with pytest.raises(MxError, match=r"^A.yaml is not a record of a generator"):
        read_record(RECORD + more, "A.yaml")


def test_a_record_without_its_names_is_explained() -> None:
    with pytest.raises(MxError, match="is not a record of a generator"):
        read_record(b"version: 1\n", "A.yaml")


def test_older_formats_are_migrated_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = {
        1: lambda data: {**data, "version": 2, "trace": ["1"]},
        2: lambda data: {**data, "version": 3, "trace": [*data["trace"], "2"]},
    }
    monkeypatch.setattr(records, "MIGRATIONS", steps)
    monkeypatch.setattr(records, "FORMAT", 3)
    assert parse(b"version: 1\n", "x")["trace"] == ["1", "2"]
    assert parse(b"version: 2\ntrace: [a]\n", "x")["trace"] == ["a", "2"]


def test_names_of_state_files() -> None:
    assert records.record_path("StreamlitApp:demo") == ".mx/generators/StreamlitApp.demo.yaml"
    assert records.pristine_path("A:b", "c/d") == ".mx/pristine/A.b/c/d.pristine"
    assert records.pristine_sections_path("A:b", "c.yaml") == ".mx/pristine/A.b/c.yaml.sections.pristine"
