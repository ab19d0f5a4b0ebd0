"""Sections of YAML files on documents made of awkward pieces: what mx puts in comes out again, all else stays byte for byte."""

from __future__ import annotations

import datetime
import io
import re
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, example, given, note, settings
from hypothesis import strategies as st

from mxdev.errors import MxError
from mxdev.sections import sections
from mxdev.sections.yaml.values import equal

PATH = "devspace.yaml"
ORDER = [
    "version",
    "name",
    "imports[path=a.yaml]",
    "imports[path=b.yaml]",
    "deployments.alpha",
    "deployments.beta",
    "deployments.gamma",
    "deep.er.most",
]
VALUES = {
    "version": "v2beta1",
    "name": "demo",
    "imports[path=a.yaml]": {"path": "a.yaml"},
    "imports[path=b.yaml]": {"path": "b.yaml", "on": True, "x": [1, {"y": None}]},
    "deployments.alpha": {"helm": {"chart": {"name": "a"}, "run": "one\n\ntwo\n"}},
    "deployments.beta": [1, "2", [3, {"k": "v"}]],
    "deployments.gamma": "on\nseveral\n\n  lines",
    "deep.er.most": {"last": "clipped\nblock\n"},
}
fast = settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

# A foreign top-level entry as lines; {k} is its key, {s} the file's indentation.
FOREIGN = [
    "{k}: 1",
    "{k}: plain text # with a note",
    "{k}: 'single '' quoted: # {{}}'",
    '{k}: "double \\" \\u00e9 \U0001f600 ünï"',
    "{k}: {{flow: [1, 2], b: 'x'}}  # note",
    "{k}: [a, b,\n  c]",
    "{k}:",
    "{k}:  # nothing in it",
    "{k}: |\n{s}literal\n\n{s}  deeper\n",
    "{k}: |-\n{s}literal # no comment\n\n",
    "{k}: >+\n{s}kept\n\n",
    "{k}: >\n{s}folded\n{s}text",
    "{k}: |2\n   two",
    "{k}: plain\n{s}over\n\n{s}lines",
    '{k}: "quoted\n\n{s}over lines"',
    "{k}:\n- indentless\n-   wide: 1\n    x: 2\n- - nested",
    "{k}:\n{s}- a\n{s}# between\n{s}- b: 1\n{s}  c: 2\n\n{s}-",
    "{k}:\n{s}x: 1\n\n{s}# about y\n{s}y:\n{s}{s}z: é",
    "{k}:\n{s}x: 1\n{s}{s}# y: commented out below x\n{s}# z: commented out in {k}",
    "{k}: &anchor_{k}\n{s}shared: true\n{k}_user:\n{s}<<: *anchor_{k}\n{s}own: *anchor_{k}",
    "{k}: &scalar_{k} text\n{k}_too: *scalar_{k}",
    '? "{k}"\n: explicit',
    "{k}: !!str 12",
    "{k}: !custom\n{s}a: 1",
    "{k}:\n{s}&key_{k} a: &value_{k}\n{s}{s}b: 1",
    '"{k}": quoted key',
    "{k}: 2024-01-01",
    "{k}: .nan",
    "{k}:\t'tab'\t# tab",
]
GAPS = [
    "",
    "",
    "\n",
    "# about the next\n",
    "\n# a block\n#\n# of comments\n\n",
    "   \n",
    "      # far to the right\n",
    "\n\n\n",
]


@st.composite
def documents(draw: st.DrawFn, known: bool = False) -> bytes:
    """A document of foreign pieces; some have mx's containers already, with foreign things in them."""
    step = draw(st.sampled_from(["  ", "    ", "   "]))
    keys = draw(st.lists(st.sampled_from(["aa", "zz", "m1", "vars", "Über", "x-y"]), unique=True, max_size=4))
    pieces = [
        draw(st.sampled_from(FOREIGN)).format(k=key, s=step).replace("\n" + "\n", "\n\n") for key in keys
    ]
    gap = st.sampled_from(GAPS)
    for container in draw(st.lists(st.sampled_from(["deployments", "deep"]), unique=True, max_size=2)):
        kind = draw(st.sampled_from(["null", "commented", "filled"]))
        lines = f"{container}:"
        if kind == "commented":
            lines += f"  # mine\n\n{step}# one: 1\n{step}  # two: 2"
        elif kind == "filled":
            children = draw(st.lists(st.sampled_from(FOREIGN), min_size=1, max_size=3))
            for number, child in enumerate(children):
                text = draw(gap) + child.format(k=f"own{number}", s=step)
                lines += "\n" + "\n".join(step + line if line.strip() else line for line in text.split("\n"))
        pieces.append(lines)
    pieces = draw(st.permutations(pieces))
    head = draw(
        st.sampled_from(
            [
                "",
                "",
                "",
                "---\n",
                "# head\n\n---\n",
                "%YAML 1.1\n---\n",
                "--- # note\n",
                "# yaml-language-server: $schema=x\n",
            ]
        )
    )
    text = head + "".join(draw(gap) + piece + "\n" for piece in pieces) + draw(gap)
    if draw(st.sampled_from([False, False, True])):
        text = text[:-1] if text.endswith("\n") else text
    elif text and draw(st.sampled_from([False, False, False, True])):
        text += "...\n# behind the end\n"
    text = draw(st.sampled_from([text, text, text.replace("\n", "\r\n"), text.replace("\n", "\r\n", 3)]))
    return ("\ufeff" if draw(st.sampled_from([False, False, True])) else "").encode() + text.encode()


class Loader(yaml.SafeLoader):
    """PyYAML's own loader (not libyaml), which keeps what it cannot construct."""


def _unknown(loader: Loader, suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return {"!" + suffix: loader.construct_mapping(node, deep=True)}
    return f"!{suffix} {node.value}"


Loader.add_multi_constructor("!", _unknown)


def load(data: bytes) -> object:
    return yaml.load(io.BytesIO(data), Loader=Loader)


def valid(data: bytes) -> bool:
    """Whether PyYAML reads it; the pieces never repeat a key, so mx has no other reason to refuse the file."""
    try:
        load(data)
    except (yaml.YAMLError, ValueError):
        return False
    return True


def with_section(value: object, address: str) -> object:
    """The document's value as it must be after putting a section."""
    root = dict(value or {})  # type: ignore[call-overload]
    if address.startswith("imports"):
        wanted = VALUES[address]
        root["imports"] = [i for i in root.get("imports") or [] if i != wanted]
        root["imports"].append(wanted)
        root["imports"].sort(key=lambda item: item["path"])
        return root
    *parents, last = address.split(".")
    inner = root
    for key in parents:
        inner[key] = dict(inner.get(key) or {})
        inner = inner[key]
    inner[last] = VALUES[address]
    return root


def subsequence(few: list[bytes], many: list[bytes]) -> bool:
    rest = iter(many)
    return all(line in rest for line in few)


def lines_of(data: bytes) -> list[bytes]:
    return data.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n").splitlines()


def put_all(data: bytes | None, addresses: list[str]) -> tuple[bytes, dict[str, dict[str, Any]]]:
    traces: dict[str, dict[str, Any]] = {}
    for address in addresses:
        text = sections.render(address, VALUES[address])
        edit = sections.put(PATH, data, address, text, order=ORDER, traces=list(traces.values()))
        data, traces[address] = edit.data, edit.trace
    assert data is not None
    return data, traces


@fast
@given(documents(), st.sampled_from(ORDER))
@example(b"a: |\n  x\n\n\n# c\n", "version")
@example(b"\xef\xbb\xbf", "version")
@example(b"", "deployments.alpha")
@example(b"# only\n\n  # comments", "deep.er.most")
@example(b"a: \xf0\x9f\x98\x80\r\nb:\r\n- 1", "name")
def test_put_changes_only_its_own_lines_and_take_gives_the_bytes_back(data: bytes, address: str) -> None:
    assume(valid(data))
    try:
        edit = sections.put(PATH, data, address, sections.render(address, VALUES[address]), order=ORDER)
    except MxError as error:
        note(str(error))
        # The only thing in these documents that may stand in the way: a block at the end of the file whose value hangs on the missing line break.
        assert not data.endswith(b"\n")
        return
    note(edit.data.decode())
    assert equal(load(edit.data), with_section(load(data), address))
    assert edit.data.startswith(b"\xef\xbb\xbf") == data.startswith(b"\xef\xbb\xbf")
    assert subsequence(lines_of(data), lines_of(edit.data))
    found = sections.read(edit.data, address)
    assert found is not None
    assert found.text == sections.render(address, VALUES[address])
    assert equal(found.value, VALUES[address])
    again = sections.put(PATH, edit.data, address, found.text, order=ORDER, traces=[edit.trace])
    assert again == edit
    assert (
        sections.put(PATH, edit.data, address, sections.render(address, VALUES[address]), order=[]).data
        == edit.data
    )
    assert sections.take(PATH, edit.data, address, edit.trace) == data


@fast
@given(st.one_of(st.none(), documents()), st.data())
@example(b"a: 1", None)
def test_every_order_of_puts_and_takes_gives_the_original_back(
    data: bytes | None, choose: st.DataObject | None
) -> None:
    assume(data is None or valid(data))
    if choose is None:
        arrival, leaving = list(ORDER), list(ORDER)
    else:
        arrival = choose.draw(st.lists(st.sampled_from(ORDER), unique=True, min_size=2, max_size=5))
        leaving = choose.draw(st.permutations(arrival))
    try:
        now, traces = put_all(data, arrival)
    except MxError:
        assert data is not None
        assert not data.endswith(b"\n")
        return
    rest = list(arrival)
    result: bytes | None = now
    for address in leaving:
        assert result is not None
        result = sections.take(PATH, result, address, traces[address])
        rest.remove(address)
        if rest:  # what is left is what putting only those would have given
            assert result is not None
            expected = load(data) if data else None
            for other in rest:
                expected = with_section(expected, other)
            assert equal(load(result), expected)
    assert result == data


@fast
@given(st.permutations(ORDER), st.permutations(ORDER))
def test_sections_stand_in_their_own_order_not_in_that_of_arrival(one: list[str], other: list[str]) -> None:
    assert put_all(None, one)[0] == put_all(None, other)[0]


@fast
@given(documents(), st.lists(st.sampled_from(ORDER), unique=True, min_size=1, max_size=4), st.data())
def test_what_a_person_adds_in_the_meantime_survives(
    data: bytes, arrival: list[str], choose: st.DataObject
) -> None:
    assume(valid(data) and data.endswith(b"\n") and b"\n...\n" not in data.replace(b"\r", b""))
    now, traces = put_all(data, arrival)
    lines = now.decode().splitlines(keepends=True)
    spots = [0 if not lines or not lines[0].startswith(("\ufeff", "%", "---")) else len(lines), len(lines)]
    at = choose.draw(st.sampled_from(spots))
    lines[at:at] = ["# a person's\n", "person: {a: 1}\n" if at else "# words\n"]
    result: bytes | None = "".join(lines).encode()
    assume(valid(result or b""))
    for address in choose.draw(st.permutations(arrival)):
        assert result is not None
        result = sections.take(PATH, result, address, traces[address])
    assert result is not None
    assert b"# a person's\n" in result
    rest = result.replace(b"# a person's\nperson: {a: 1}\n", b"").replace(b"# a person's\n# words\n", b"")
    assert rest == data


@fast
@given(
    documents(),
    st.sampled_from([a for a in ORDER if "[" not in a]),
    st.sampled_from([1, "two", {"a": {"b": [1]}}, [], "x\ny\n"]),
)
def test_replacing_changes_only_the_section(data: bytes, address: str, value: object) -> None:
    assume(valid(data) and data.endswith(b"\n"))
    first = sections.put(PATH, data, address, sections.render(address, VALUES[address]), order=ORDER)
    second = sections.put(
        PATH, first.data, address, sections.render(address, value), order=ORDER, traces=[first.trace]
    )
    found = sections.read(second.data, address)
    assert found is not None
    assert equal(found.value, value)
    assert found.text == sections.render(address, value)
    back = sections.put(
        PATH, second.data, address, sections.render(address, VALUES[address]), traces=[second.trace]
    )
    assert back == first
    assert sections.take(PATH, second.data, address, second.trace) == data


RAW = st.text(st.sampled_from(list("ab:-#|>&*!'\"{}[],? \n\n\n  \t\r%.\ufeffé\U0001f600")), max_size=40)


@settings(fast, max_examples=250)
@given(RAW, st.sampled_from(["a", "a.b", "b", "b[a=b]", "a.b.c"]), st.booleans())
@example("a: !!str\n\n# c\nb: 1", "b", True)
@example("a:\n  - - b\n", "a[b=b]", False)
@example("- a", "a", True)
def test_any_text_is_edited_exactly_or_refused(text: str, address: str, value: bool) -> None:
    data = text.encode()
    content = {"a": "b", "c": value} if address.endswith("]") else {"c": value}
    try:
        before = sections.read(data, address)
        edit = sections.put(PATH, data, address, content, order=[])
    except MxError as error:
        note(str(error))
        return
    found = sections.read(edit.data, address)
    assert found is not None
    assert equal(found.value, content)
    if before is None:
        assert sections.take(PATH, edit.data, address, edit.trace) == data
    else:
        start = before.line - 1  # what stands above the section is as it was
        assert re.split("\r\n|\r|\n", edit.data.decode())[:start] == re.split("\r\n|\r|\n", text)[:start]


@settings(fast, max_examples=150)
@given(st.one_of(documents(), RAW.map(str.encode)))
@example("\ufeffa: \U0001f600\n\U0001f600é: |\n  \U0001f600\n\nb: 1\n".encode())
def test_libyaml_gives_the_positions_that_pyyaml_gives(data: bytes) -> None:
    c_loader = getattr(yaml, "CSafeLoader", None)
    if c_loader is None:
        pytest.skip("PyYAML is built without libyaml here")
    text = data.decode().lstrip("\ufeff")  # the document refuses a second one

    def events(loader: type) -> list[tuple[object, ...]] | None:
        try:
            parsed: list[Any] = list(yaml.parse(text, Loader=loader))
            return [
                (
                    type(e).__name__,
                    e.start_mark.index,
                    e.end_mark.index,
                    getattr(e, "anchor", None),
                    getattr(e, "value", None),
                )
                for e in parsed
                if not isinstance(
                    e,
                    yaml.StreamStartEvent
                    | yaml.StreamEndEvent
                    | yaml.DocumentStartEvent
                    | yaml.DocumentEndEvent,
                )
            ]
        except yaml.YAMLError:
            return None

    one, other = events(yaml.SafeLoader), events(c_loader)
    assume(one is not None and other is not None)  # they differ in which odd tabs they accept
    assert one == other


def test_dates_and_nan_survive() -> None:
    data = b"a: 2024-01-01\nb: .nan\n"
    edit = sections.put(PATH, data, "c", {"d": datetime.date(2024, 1, 2), "e": float("nan")})
    assert edit.data == data + b"c:\n  d: 2024-01-02\n  e: .nan\n"
