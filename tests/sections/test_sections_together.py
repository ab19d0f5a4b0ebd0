"""Many edits of one file together: the same bytes and traces as one after the other, in time that grows with their number."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import example, given, note
from hypothesis import strategies as st

from mxdev.errors import MxError
from mxdev.sections import sections
from mxdev.sections.sections import File, Traces
from tests.sections.test_sections_properties import ORDER, PATH, VALUES, documents, fast

OTHER = {
    "version": 2,
    "name": {"a": {"b": "c"}},
    "imports[path=a.yaml]": {"path": "a.yaml", "off": {"x": "y"}},
    "imports[path=b.yaml]": {"path": "b.yaml"},
    "deployments.alpha": "text",
    "deployments.beta": {"deep": {"deeper": [1]}},
    "deployments.gamma": None,
    "deep.er.most": {"first": {"second": True}},
}
EDITS = st.lists(
    st.tuples(st.sampled_from(["put", "put", "other", "take"]), st.sampled_from(ORDER)),
    min_size=1,
    max_size=9,
)


def one_by_one(
    data: bytes | None, edits: list[tuple[str, str]], traces: dict[str, dict[str, Any]]
) -> bytes | None:
    for what, address in edits:
        if what == "take":
            trace = traces.pop(address, {})
            data = None if data is None else sections.take(PATH, data, address, trace)
        else:
            text = sections.render(address, (VALUES if what == "put" else OTHER)[address])
            edit = sections.put(PATH, data, address, text, order=ORDER, traces=list(traces.values()))
            data, traces[address] = edit.data, edit.trace
    return data


def together(file: File, edits: list[tuple[str, str]]) -> bytes | None:
    for what, address in edits:
        if what == "take":
            file.take(address)
        else:
            file.put(address, sections.render(address, (VALUES if what == "put" else OTHER)[address]))
    return file.data


@fast
@given(st.one_of(st.none(), documents()), EDITS, EDITS)
@example(b"a: 1", [("put", "version")], [("take", "version"), ("put", "name")])
@example(None, [("put", "version")], [("put", "name"), ("take", "version")])
def test_edits_together_are_edits_one_after_the_other(
    data: bytes | None, first: list[tuple[str, str]], then: list[tuple[str, str]]
) -> None:
    traces: dict[str, dict[str, Any]] = {}
    file = File(PATH, data, order=ORDER)
    for edits in (first, then):
        try:
            wanted = one_by_one(data, edits, traces)
        except MxError as error:
            note(str(error))
            with pytest.raises(MxError):
                together(file, edits)
            return
        assert together(file, edits) == wanted
        assert file.traces.all() == traces
        data = wanted
        file = File(PATH, data, order=ORDER, traces=Traces(traces))


NAMES = ["A", "B", "Über", "Long:name"]
TEXTS = ["x\n", "", "a\r\nb", "# c\n\n", "*.pyc\n.venv/"]
# A lone carriage return at the end would become a line break of Windows by the first edit, and with it the file's own.
FOREIGN = st.text(st.sampled_from(list("ab #\n\n\r*/é")), max_size=12).filter(lambda text: text[-1:] != "\r")


@fast
@given(
    st.one_of(st.none(), FOREIGN),
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from([*TEXTS, None])), min_size=1, max_size=9),
)
def test_edits_of_a_text_file_together_are_edits_one_after_the_other(
    text: str | None, edits: list[tuple[str, str | None]]
) -> None:
    path = ".gitignore"
    data = None if text is None else text.encode()
    file = File(path, data, order=NAMES)
    traces: dict[str, dict[str, Any]] = {}
    for name, content in edits:
        if content is None:
            trace = traces.pop(name, {})
            data = None if data is None else sections.take(path, data, name, trace)
            file.take(name)
        else:
            edit = sections.put(path, data, name, content, order=NAMES, traces=list(traces.values()))
            data, traces[name] = edit.data, edit.trace
            file.put(name, content)
    assert file.data == data
    assert file.traces.all() == traces


def test_an_edit_that_fails_leaves_the_edits_before_it_whole() -> None:
    file = File(PATH, b"mine: {a: 1}\n")
    file.put("theirs.b", sections.render("theirs.b", 1))
    with pytest.raises(MxError, match="flow style"):
        file.put("mine.b", sections.render("mine.b", 1))
    assert file.data == b"mine: {a: 1}\ntheirs:\n  b: 1\n"


def test_of_edits_that_cannot_be_made_together_the_wrong_one_is_named() -> None:
    """A line break behind this `|` changes its value, which only the check of the whole text finds."""
    file = File(PATH, b"a:\n  b: 1\nlast: |\n  x", order=["a.c"])
    file.put("a.c", sections.render("a.c", 2))
    file.put("new", sections.render("new", 3))
    with pytest.raises(MxError, match="cannot change new here"):
        _ = file.data


def _seconds(path: str, number: int) -> tuple[float, float]:
    """Processor time to make a file of so many sections and one that has other text in all of them, and to take them out."""
    names = [f"deployments.d{n}" if path == PATH else f"Name{n}" for n in range(number)]

    def texts(value: object) -> list[tuple[str, str]]:
        render = sections.render if path == PATH else lambda name, value: f"{name} {value}\n"
        return [(name, render(name, value)) for name in names]

    start = time.process_time()
    file = File(path, None, order=names)
    for value in ({"helm": {"chart": "a"}}, {"helm": {"chart": "b", "values": [1, 2]}}):
        for name, text in texts(value):
            file.put(name, text)
        file = File(path, file.data, order=names, traces=Traces(file.traces.all()))
    put = time.process_time() - start
    start = time.process_time()
    for name in names:
        file.take(name)
    assert file.data is None
    return put, time.process_time() - start


def _least(path: str, number: int) -> tuple[float, float]:
    """The least times of three: a collection of what other tests left in memory falls into any one of them."""
    puts, takes = zip(*(_seconds(path, number) for _ in range(3)), strict=True)
    return min(puts), min(takes)


@pytest.mark.parametrize("path", [PATH, ".gitignore"])
def test_time_grows_with_the_number_of_sections(path: str) -> None:
    _seconds(path, 20)  # what is imported and compiled once
    few, many = _least(path, 100), _least(path, 800)
    for one, other in zip(few, many, strict=True):
        assert other < max(one, 0.005) * 8 * 3, (few, many)
