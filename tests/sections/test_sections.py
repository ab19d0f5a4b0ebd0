"""Sections of YAML files: places, refusals, comments, indentation, addresses."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxdev.errors import MxError
from mxdev.sections import sections
from mxdev.sections.address import Item, Key, parse, unparse

FILE = b"""# The head of the file.

version: v2beta1  # do not touch
name: demo

# What is deployed.
deployments:
  # mine
  mine:
    kubectl: {manifests: [a.yaml]}

  # theirs
  theirs:
    kubectl:
      manifests:
        - b.yaml
    # commented: out

# The end.
"""


def put(
    data: bytes | None,
    address: str,
    value: object,
    order: list[str] | None = None,
    path: str = "devspace.yaml",
) -> bytes:
    return sections.put(path, data, address, sections.render(address, value), order=order or []).data


def test_a_section_goes_behind_its_predecessor_with_the_comments_below_that() -> None:
    order = ["deployments.mine", "deployments.new", "deployments.theirs"]
    new = put(FILE, "deployments.new", {"a": 1}, order)
    assert new == FILE.replace(b"[a.yaml]}\n", b"[a.yaml]}\n  new:\n    a: 1\n")
    new = put(FILE, "deployments.new", {"a": 1}, ["deployments.theirs", "deployments.new"])
    assert new == FILE.replace(b"    # commented: out\n", b"    # commented: out\n  new:\n    a: 1\n")


def test_a_section_goes_before_its_successor_and_the_comments_above_that() -> None:
    new = put(FILE, "deployments.new", {"a": 1}, ["deployments.new", "deployments.theirs"])
    assert new == FILE.replace(b"  # theirs\n", b"  new:\n    a: 1\n  # theirs\n")
    assert put(b"# about b\nb: 1\n", "a", 1, ["a", "b"]) == b"a: 1\n# about b\nb: 1\n"
    for head in (b"#!/usr/bin/env x\n", b"# yaml-language-server: $schema=x\n", b"# Copyright 2026\n"):
        assert put(head + b"b: 1\n", "a", 1, ["a", "b"]) == head + b"a: 1\nb: 1\n"


def test_a_section_without_an_order_goes_to_the_end_of_its_container() -> None:
    new = put(FILE, "deployments.new", 1)
    assert new == FILE.replace(b"    # commented: out\n", b"    # commented: out\n  new: 1\n")
    assert put(FILE, "vars.a.b", 1) == FILE.replace(b"\n# The end", b"vars:\n  a:\n    b: 1\n\n# The end")


def test_line_breaks_and_byte_order_mark_are_those_of_the_file() -> None:
    data = "\ufeffa: 1\r\nb:\r\n  c: 1\r\n".encode()
    assert put(data, "b.d", {"e": "x\ny"}) == data + b"  d:\r\n    e: |-\r\n      x\r\n      y\r\n"
    assert put(data, "z", 1, ["z", "a"]) == data.replace(b"a: 1", b"z: 1\r\na: 1")
    assert put(data, "a", 2) == data.replace(b"a: 1", b"a: 2")
    assert put(b"a: 1", "b", 2) == b"a: 1\nb: 2\n"
    found = sections.read(put(data, "b.d", {"e": "x\ny"}), "b.d")
    assert found is not None
    assert found.text == "d:\n  e: |-\n    x\n    y\n"


def test_a_text_that_would_not_be_read_back_is_refused() -> None:
    for text in ("a: 1\n# behind\n", "a: 1\n\n", "# above\na: 1\n", "a: 1\nb: 2\n", " a: 1\n", "a: 1"):
        with pytest.raises(MxError):
            sections.put("d.yaml", b"x: 1\n", "a", text)
    kept = sections.put("d.yaml", b"x:\n  y: 1\n", "x.a", "a:\n  b: 1 # note\n  # end\n").data
    assert kept == b"x:\n  y: 1\n  a:\n    b: 1 # note\n    # end\n"


def test_containers_stand_in_the_order_of_their_sections() -> None:
    order = ["version", "imports[path=a]", "deployments.mine", "hooks"]
    new = put(FILE, "imports[path=a]", {"path": "a"}, order)
    assert new == FILE.replace(b"touch\n", b"touch\nimports:\n  - path: a\n")


def test_the_indentation_of_the_siblings_is_taken_over() -> None:
    data = b"deployments:\n    one:\n        helm: 1\n"
    value = {"helm": {"list": [1, {"a": 1, "b": 2}], "run": "x\ny\n"}}
    new = put(data, "deployments.two", value)
    assert new == data + (
        b"    two:\n        helm:\n            list:\n                - 1\n                - a: 1\n                  b: 2\n"
        b"            run: |\n                x\n                y\n"
    )
    found = sections.read(new, "deployments.two")
    assert found is not None
    assert found.text == sections.render("deployments.two", value)
    assert put(new, "deployments.two", value) == new
    assert (
        put(b"a:\n    b: 1\n", "deployments.two", {"x": 1})
        == b"a:\n    b: 1\ndeployments:\n    two:\n        x: 1\n"
    )


def test_a_list_keeps_the_place_of_its_dashes() -> None:
    data = b"imports:\n- path: a.yaml\n# next\nb: 1\n"
    new = put(data, "imports[path=b.yaml]", {"path": "b.yaml"})
    assert new == b"imports:\n- path: a.yaml\n- path: b.yaml\n# next\nb: 1\n"
    assert sections.take("devspace.yaml", new, "imports[path=a.yaml]", {}) == data.replace(
        b"a.yaml", b"b.yaml"
    )
    deeper = put(new, "imports[path=b.yaml].enabled", True)
    assert deeper == new.replace(b"- path: b.yaml\n", b"- path: b.yaml\n  enabled: true\n")


def test_a_part_of_an_item_that_shares_the_line_of_the_dash_is_refused() -> None:
    data = b"imports:\n- path: a.yaml\n  enabled: true\n"
    with pytest.raises(MxError, match=r"devspace\.yaml:2: .*does not have its lines for itself"):
        sections.put("devspace.yaml", data, "imports[path=a.yaml].path", {"x": 1})
    with pytest.raises(MxError, match="there is no imports"):
        sections.put("devspace.yaml", data, "imports[path=none].enabled", {"x": 1})


def test_the_containers_of_a_first_owner_go_with_the_last() -> None:
    one = sections.put("d.yaml", None, "deployments.a", {"x": 1})
    two = sections.put("d.yaml", one.data, "deployments.b", {"x": 1}, traces=[one.trace])
    left = sections.take("d.yaml", two.data, "deployments.a", one.trace)
    assert left == b"deployments:\n  b:\n    x: 1\n"
    assert sections.take("d.yaml", left, "deployments.b", two.trace) is None


def test_a_container_that_a_person_has_used_stays() -> None:
    one = sections.put("d.yaml", b"a: 1\n", "deployments.a", {"x": 1})
    for old, new, left in [
        (b"deployments:\n", b"deployments:  # mine\n", b"a: 1\ndeployments:  # mine\n"),
        (b"    x: 1\n", b"    x: 1\n  # mine\n", b"a: 1\ndeployments:\n  # mine\n"),
        (b"    x: 1\n", b"    x: 1\n  b: 2\n", b"a: 1\ndeployments:\n  b: 2\n"),
    ]:
        assert sections.take("d.yaml", one.data.replace(old, new), "deployments.a", one.trace) == left
    mine = sections.put("d.yaml", b"deployments:\n", "deployments.a", {"x": 1})
    assert sections.take("d.yaml", mine.data, "deployments.a", mine.trace) == b"deployments:\n"


def test_taking_what_is_not_there_changes_nothing() -> None:
    assert sections.take("d.yaml", FILE, "deployments.none", {}) == FILE
    assert sections.take("d.yaml", b"", "x", {"file": True}) is None
    assert sections.take("d.yaml", b"", "x", {}) == b""


def test_a_value_that_is_there_already_is_left_as_a_person_wrote_it() -> None:
    data = b"a: {b: 'x'}  # mine\n"
    assert sections.put("d.yaml", data, "a", {"b": "x"}).data == data
    assert sections.put("d.yaml", data, "a", {"b": "z"}).data == b"a:\n  b: z\n"


def test_a_text_is_never_taken_for_a_value_nor_a_value_for_a_text() -> None:
    text = "name: x\nevil: true\n"
    with pytest.raises(MxError, match=r"sections\.render"):
        sections.put("d.yaml", b"", "name", text)
    with pytest.raises(MxError, match=r"sections\.render"):
        sections.put("d.yaml", b"", "name", "demo")
    assert put(b"", "name", text) == b"name: |\n  name: x\n  evil: true\n"


def test_comments_of_a_section_are_part_of_it() -> None:
    first = sections.put("d.yaml", b"a: 1\n", "deployments.x", {"b": 1}, comment="Two lines\nof words.")
    assert first.data == b"a: 1\ndeployments:\n  x:\n    # Two lines\n    # of words.\n    b: 1\n"
    found = sections.read(first.data, "deployments.x")
    assert found is not None
    assert found.text == sections.render("deployments.x", {"b": 1}, comment="Two lines\nof words.")
    second = sections.put(
        "d.yaml", first.data, "deployments.x", {"b": 1}, comment="One.", traces=[first.trace]
    )
    assert second.data == first.data.replace(b"    # Two lines\n    # of words.\n", b"    # One.\n")
    assert sections.take("d.yaml", second.data, "deployments.x", second.trace) == b"a: 1\n"
    wide = put(b"a:\n    b: 1\n", "c", 1)
    assert (
        sections.put("d.yaml", wide, "a.d", {"e": 1}, comment="N").data
        == b"a:\n    b: 1\n    d:\n        # N\n        e: 1\nc: 1\n"
    )
    assert sections.render("version", "v1", comment="a\nb") == "version: v1  # a b\n"
    assert sections.render("x", "a\nb", comment="n") == "x: |-  # n\n  a\n  b\n"


@pytest.mark.parametrize(
    ("data", "address", "says"),
    [
        (
            "deployments: {a: 1}\n",
            "deployments.x",
            r"d\.yaml:1: `deployments` is written in flow style \(`\{a: 1\}`\)",
        ),
        ("{a: 1}\n", "deployments.x", r"d\.yaml:1: the file is written in flow style"),
        (
            "b: &b\n  c: 1\ndeployments: *b\n",
            "deployments.x",
            r"d\.yaml:3: `deployments` is an alias \(\*b\)",
        ),
        ("b: &b\n  c: 1\nd: *b\n", "b.x", r"d\.yaml:1: `b` is used again by the alias \*b \(line 3\)"),
        ("b: &b\n  c: 1\nd:\n  <<: *b\n", "d.x", r"d\.yaml:4: `d` merges other mappings"),
        ("deployments: text\n", "deployments.x", r"d\.yaml:1: `deployments` is a scalar, not a mapping"),
        ("deployments: null\n", "deployments.x", r"d\.yaml:1: `deployments` is a scalar, not a mapping"),
        ("deployments:\n- a\n", "deployments.x", r"d\.yaml:2: `deployments` is a list, not a mapping"),
        ("imports:\n  a: 1\n", "imports[path=x]", r"d\.yaml:2: `imports` is a mapping, not a list"),
        ("- a\n", "deployments.x", r"d\.yaml:1: the file is a list, not a mapping"),
        ("just text\n", "deployments.x", r"d\.yaml:1: the file is a scalar"),
        (
            "deployments:\n  x: &x\n    a: 1\nother: *x\n",
            "deployments.x",
            r"d\.yaml:2: the section deployments\.x is used elsewhere: \*x on line 4",
        ),
        (
            "deployments:\n  x:\n    - &deep 1\nother: *deep\n",
            "deployments.x",
            r"is used elsewhere: \*deep on line 4",
        ),
        ("a: 1\n---\nb: 1\n", "deployments.x", r"d\.yaml:2: the file has several documents"),
        ("a: 1\nb: 2\na: 3\n", "deployments.x", r"d\.yaml:3: the key 'a' is there twice, first on line 1"),
        ("a:\n  b: 2\n  'b': 3\n", "a.b", r"d\.yaml: `b` is there several times \(lines 2, 3\)"),
        ("a: [\nb: 1\n", "deployments.x", r"d\.yaml:[23]: this is not valid YAML"),
        ("a: 1\n\x07: 1\n", "deployments.x", r"d\.yaml:2: this is not valid YAML"),
        ("a: *none\n", "deployments.x", r"d\.yaml:1: the alias \*none has no anchor|not valid YAML"),
        ("\ufeff\ufeffa: 1\n", "deployments.x", r"d\.yaml:1: the file starts with two byte order marks"),
        ("? deployments\n: x\n", "deployments", r"d\.yaml:1: deployments does not have its lines for itself"),
        ("a: |\n  text", "deployments.x", r"d\.yaml:2: mx cannot change deployments\.x here"),
    ],
)
def test_what_cannot_be_edited_exactly_is_refused_and_says_why(data: str, address: str, says: str) -> None:
    value = {"path": "x"} if address.endswith("]") else {"new": 1}
    with pytest.raises(MxError, match=says):
        sections.put("d.yaml", data.encode(), address, value)


def test_a_refusal_shows_what_to_paste_and_where() -> None:
    with pytest.raises(MxError) as caught:
        sections.put("d.yaml", b"a: 1\ndeployments: {}\n", "deployments.x", {"helm": {"a": 1}})
    assert caught.value.hint is not None
    assert "under `deployments` on line 2:\n\nx:\n  helm:\n    a: 1\n" in caught.value.hint


def test_a_section_that_others_alias_is_not_taken() -> None:
    data = b"deployments:\n  x: &x\n    a: 1\nother: *x\n"
    with pytest.raises(MxError, match=r"used elsewhere: \*x on line 4"):
        sections.take("d.yaml", data, "deployments.x", {})
    inner = b"deployments:\n  x: &x\n    a: &y 1\n    b: *y\n"
    assert sections.take("d.yaml", inner, "deployments.x", {}) == b"deployments:\n"


def test_an_anchor_of_a_section_does_not_change_what_an_alias_means() -> None:
    data = b"a: &n 1\nb: 2\nc: *n\n"
    with pytest.raises(MxError, match=r"d\.yaml:1: the anchor &n of the section x is there already"):
        sections.put("d.yaml", data, "x", "x: &n 5\n", order=["a", "x", "b"])
    assert sections.put("d.yaml", data, "x", "x: *n\n").data == data + b"x: *n\n"


def test_not_utf_8_is_refused_with_its_line() -> None:
    with pytest.raises(MxError, match=r"d\.yaml:2: the file is not UTF-8 \(byte 0xe4\)"):
        sections.put("d.yaml", b"a: 1\nb: \xe4\n", "c", {})
    with pytest.raises(MxError, match="not UTF-8"):
        sections.read("a: 1".encode("utf-16"), "a")


def test_a_tag_that_plain_data_does_not_know_hurts_only_the_value() -> None:
    found = sections.read(b"a: !secret x\nb: 1\n", "a")
    assert found is not None
    assert found.text == "a: !secret x\n"
    with pytest.raises(MxError, match=":1: this value cannot be read"):
        _ = found.value
    assert (
        sections.put("d.yaml", b"a: !secret x\nb: 1\n", "b", {"c": 1}).data == b"a: !secret x\nb:\n  c: 1\n"
    )


def test_reading_gives_text_value_and_line() -> None:
    found = sections.read(FILE, "deployments.theirs")
    assert found is not None
    assert found.text == "theirs:\n  kubectl:\n    manifests:\n      - b.yaml\n  # commented: out\n"
    assert found.value == {"kubectl": {"manifests": ["b.yaml"]}}
    assert found.line == 13
    assert sections.read(FILE, "deployments.none") is None
    assert sections.read(None, "deployments.none") is None
    flow = sections.read(FILE, "deployments.mine.kubectl.manifests")
    assert flow is not None
    assert flow.value == ["a.yaml"]


@pytest.mark.parametrize(
    ("address", "steps"),
    [
        ("version", (Key("version"),)),
        ("deployments.mlflow", (Key("deployments"), Key("mlflow"))),
        ("deployments['a.b'].c", (Key("deployments"), Key("a.b"), Key("c"))),
        ("deployments.['a.b']", (Key("deployments"), Key("a.b"))),
        ("['it''s']", (Key("it's"),)),
        (
            "imports[path=deploy/x.yaml].enabled",
            (Key("imports"), Item("path", "deploy/x.yaml"), Key("enabled")),
        ),
        ("imports[name='a]b']", (Key("imports"), Item("name", "a]b"))),
    ],
)
def test_addresses(address: str, steps: tuple[Key | Item, ...]) -> None:
    assert parse(address) == steps
    assert parse(unparse(steps)) == steps


@pytest.mark.parametrize(
    "address", ["", ".", "a.", ".a", "a..b", "a b", "a[b", "a[b=c", "['a'", "a['b']c", "ä"]
)
def test_odd_addresses_are_refused(address: str) -> None:
    with pytest.raises(MxError, match="is not the address of a section"):
        parse(address)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.one_of(st.text(min_size=1), st.tuples(st.from_regex(r"[a-z_-]+", fullmatch=True), st.text())),
        min_size=1,
    )
)
def test_every_key_path_has_an_address(path: list[str | tuple[str, str]]) -> None:
    steps = tuple(Key(s) if isinstance(s, str) else Item(*s) for s in path)
    assert parse(sections.address(*path)) == steps


def test_a_file_of_two_thousand_lines_is_edited_quickly() -> None:
    names = [f"part{n}" for n in range(200)]
    body = "".join(
        f"  {name}:\n    helm:\n      chart:\n        name: x\n      values:\n        - a: 1\n          b: two\n        - c\n    # note\n\n"
        for name in names
    )
    data = ("deployments:\n" + body).encode()
    order = [f"deployments.{name}" for name in names]
    best = 1e9
    for _ in range(3):
        start = time.perf_counter()
        new = put(data, "deployments.part77x", {"a": 1}, [*order[:78], "deployments.part77x", *order[78:]])
        best = min(best, time.perf_counter() - start)
    assert new == data.replace(b"  part78:\n", b"  part77x:\n    a: 1\n  part78:\n").replace(
        b"    # note\n\n  part77x:\n    a: 1\n", b"    # note\n  part77x:\n    a: 1\n\n", 1
    )
    assert best < 1.0  # about 0.1 s; the bound only catches what grows with the square


def test_no_heavy_import_before_it_is_needed() -> None:
    import subprocess
    import sys

    code = "import sys, mxdev.sections.sections, mxdev.merge.merge; print([m for m in ('yaml', 'tomlkit', 'json', 'difflib') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parent
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_a_file_of_two_megabytes_is_refused_at_once() -> None:
    hostile = "".join(f"x{number}: {{a: [1,2,3], b: 'text'}}\n" for number in range(80_000)).encode()
    start = time.process_time()
    with pytest.raises(MxError, match=r"devspace.yaml is too large \(2\.\d MB; mx reads 1 MB\)"):
        sections.File("devspace.yaml", hostile).read("deployments.x")
    assert time.process_time() - start < 0.5
