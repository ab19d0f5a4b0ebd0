"""Merges of YAML, TOML and JSON files by their keys."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mxdev.errors import MxError
from mxdev.merge.by_lines import Merge, has_markers, merge_lines
from mxdev.merge.key_texts import READERS, NoKeysError
from mxdev.merge.merge import merge_file
from mxdev.merge.values import merge_values
from mxdev.sections import sections
from mxdev.sections.yaml.values import equal

fast = settings(deadline=None, max_examples=150)

BASE = b"""# head
name: demo
version: 1  # of the format

deployments:
  # about a
  a:
    helm:
      chart: x
      replicas: 1
  b: {c: 1}
end: true
"""


def changed(*pairs: tuple[str, str], data: bytes = BASE) -> bytes:
    text = data.decode()
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text.encode()


def test_neighbouring_keys_of_yaml_are_no_conflict() -> None:
    ours = changed(("name: demo\n", "name: 'mine'   # kept\n"), ("chart: x", "chart: y"))
    theirs = changed(("version: 1", "version: 2"), ("replicas: 1\n", "replicas: 3\n      new: [1]\n"))
    assert not merge_lines(BASE, ours, theirs).clean
    merge = merge_file("x.yaml", BASE, ours, theirs)
    assert merge == Merge(
        changed(("version: 1", "version: 2"), ("replicas: 1\n", "replicas: 3\n      new: [1]\n"), data=ours),
        True,
    )


def test_added_and_removed_keys_of_yaml() -> None:
    ours = changed(("end: true\n", "mine: 1\nend: true\n"), ("  b: {c: 1}\n", ""))
    theirs = changed(("deployments:\n", "deployments:\n  # about zero\n  zero: 0\n"), ("end: true\n", ""))
    assert merge_file("x.yaml", BASE, ours, theirs) == Merge(
        changed(
            ("deployments:\n", "deployments:\n  # about zero\n  zero: 0\n"), ("end: true\n", ""), data=ours
        ),
        True,
    )


def test_the_indentation_of_a_person_survives() -> None:
    base = b"a:\n  b: 1\n  c:\n    d: 1\n    e: 1\n"
    ours = b"a:\n    b: 1\n    c:\n        d: 2\n        e: 1\n"
    theirs = b"a:\n  b: 5\n  c:\n    d: 1\n    e: 6\n    f: 7\n"
    assert merge_file("x.yml", base, ours, theirs) == Merge(
        b"a:\n    b: 5\n    c:\n        d: 2\n        e: 6\n        f: 7\n", True
    )


@pytest.mark.parametrize("path", ["x.yaml", "x.txt"])
def test_line_breaks_mark_and_missing_end_of_ours_survive(path: str) -> None:
    theirs = changed(("end: true", "end: false"))
    ours = b"\xef\xbb\xbf" + changed(("name: demo", "name: mine")).replace(b"\n", b"\r\n").removesuffix(
        b"\r\n"
    )
    assert merge_file(path, BASE, ours, theirs) == Merge(ours.replace(b"end: true", b"end: false"), True)


@pytest.mark.parametrize(
    ("path", "base", "ours", "theirs"),
    [
        ("x.yaml", "a: 1\nb: 1\n", "a: 2  # why\nb: 1\n", "a: 2\nb: 1\n"),
        ("x.yaml", "a:\n  b: x\n", "a:\n  b: 'y'\n", "a:\n  b: y\n"),
        ("x.yaml", "a: 1\n", "a: 1\nb: [1, 2]\n", "a: 1\nb:\n  - 1\n  - 2\n"),
        ("x.toml", "[a]\nb = 1\n", "[a]\nb = 2 # why\n", "[a]\nb = 2\n"),
    ],
)
def test_the_same_value_in_other_words_stays_a_persons(path: str, base: str, ours: str, theirs: str) -> None:
    assert merge_file(path, base.encode(), ours.encode(), theirs.encode()) == Merge(ours.encode(), True)
    other = theirs.replace("2", "3").replace("y", "z")
    assert not merge_file(path, base.encode(), ours.encode(), other.encode()).clean


def test_the_same_key_changed_on_both_sides_is_a_conflict() -> None:
    for old, one, other in [
        ("name: demo", "name: a", "name: b"),
        ("  b: {c: 1}", "  b: {c: 2}", "  b: {c: 1, d: 1}"),
    ]:
        merge = merge_file("x.yaml", BASE, changed((old, one)), changed((old, other)))
        assert not merge.clean
        assert has_markers(merge.data)
    removed = merge_file(
        "x.yaml", BASE, changed(("      replicas: 1\n", "")), changed(("replicas: 1", "replicas: 2"))
    )
    assert not removed.clean
    same = merge_file(
        "x.yaml", BASE, changed(("demo", "a"), ("true", "no")), changed(("demo", "a"), ("c: 1", "c: 2"))
    )
    assert same == Merge(changed(("demo", "a"), ("true", "no"), ("c: 1", "c: 2")), True)


def test_lines_that_merge_but_do_not_belong_together_are_a_conflict() -> None:
    base = b"- x: 1\n".replace(b"- ", b"") + b"".join(b"k%d: 1\n" % n for n in range(9))
    ours = b"new: 1\n" + base
    theirs = base + b"new: 2\n"
    assert merge_lines(base, ours, theirs).clean  # the key would be there twice
    merge = merge_file("x.yaml", base, ours, theirs)
    assert not merge.clean
    assert has_markers(merge.data)


def test_comments_are_merged_too() -> None:
    ours = changed(("# about a", "# about a, by me"), ("chart: x", "chart: y"))
    theirs = changed(("# head", "# new head"), ("replicas: 1", "replicas: 2"))
    assert merge_file("x.yaml", BASE, ours, theirs) == Merge(
        changed(("# head", "# new head"), ("replicas: 1", "replicas: 2"), data=ours), True
    )
    theirs = changed(("  # about a\n  a:\n    helm:\n      chart: x\n      replicas: 1\n", ""))
    assert not merge_file("x.yaml", BASE, changed(("# about a", "# a note of mine")), theirs).clean


def test_lists_are_atoms_of_the_structure_and_lines_decide() -> None:
    base = b"a:\n  - 1\n  - 2\n  - 3\n  - 4\nb: 1\nc: 1\n"
    assert merge_file("x.yaml", base, base.replace(b"- 1", b"- 0"), base.replace(b"- 4", b"- 5")).data == (
        b"a:\n  - 0\n  - 2\n  - 3\n  - 5\nb: 1\nc: 1\n"
    )
    assert not merge_file("x.yaml", base, base.replace(b"- 1", b"- 0"), base.replace(b"- 2", b"- 5")).clean


TOML = b"""# head
title = "x"
size = 1

[tool.ruff]  # lint
line-length = 110
select = [
  "E",  # errors
]
"quoted.key" = 'a'
a.b = 1

# the list
[[items]]
n = 1

[[items]]
n = 2

[last]
date = 2024-01-01
"""


def test_toml() -> None:
    ours = changed(
        ('title = "x"', "title = 'mine' # kept"),
        ("line-length = 110", "line-length = 90"),
        ("n = 2", "n = 3"),
        data=TOML,
    )
    changes = (
        ("size = 1\n", "size = 2\nmore = 3\n"),
        ('  "E",  # errors\n', '  "E",  # errors\n  "F",\n'),
        ("a.b = 1\n", 'a.b = 2\n\n[tool.new]\nx = """\n[no.header]\n"""\n'),
        ("[last]\ndate = 2024-01-01\n", ""),
    )
    theirs = changed(*changes, data=TOML)
    assert merge_file("pyproject.toml", TOML, ours, theirs) == Merge(changed(*changes, data=ours), True)
    assert not merge_lines(TOML, ours, theirs).clean
    assert not merge_file("x.toml", TOML, ours, changed(("n = 2", "n = 4"), data=TOML)).clean
    assert not merge_file("x.toml", TOML, ours, changed(('"x"', '"y"'), data=TOML)).clean


JSON = b'{\n  "a": 1,\n  "b": {"x": 1, "y": [1, 2]},\n  "c": {\n    "d": "e"\n  }\n}\n'


def test_json() -> None:
    ours = changed(('"a": 1', '"a":   5'), ('"x": 1', '"x": 2'), data=JSON)
    changes = (('"y": [1, 2]', '"y": []'), ('"d": "e"\n', '"d": "f",\n    "new": null\n'))
    assert merge_file("x.json", JSON, ours, changed(*changes, data=JSON)) == Merge(
        changed(*changes, data=ours), True
    )
    removed = changed(('  "a": 1,\n', ""), data=JSON)
    assert merge_file("x.json", JSON, changed(('"d"', '"D"'), data=JSON), removed) == Merge(
        changed(('  "a": 1,\n', ""), ('"d"', '"D"'), data=JSON), True
    )
    assert merge_file("x.json", b'{"a":1,"b":2}', b'{"a":3,"b":2}', b'{"a":1,"b":4}\n') == Merge(
        b'{"a":3,"b":4}', True
    )
    assert not merge_file(
        "x.json", JSON, changed(('"a": 1', '"a": 2'), data=JSON), changed(('"a": 1', '"a": 3'), data=JSON)
    ).clean


def test_files_that_cannot_be_read_fall_to_lines() -> None:
    base, ours, theirs = b"a: [\nb\nc\nd\n", b"a: [\nB\nc\nd\n", b"a: [\nb\nc\nD\n"
    for path in ("x.yaml", "x.toml", "x.json"):
        assert merge_file(path, base, ours, theirs) == merge_lines(base, ours, theirs)
    documents = b"a: 1\n---\nb: 1\nc: 1\n"
    assert merge_file(
        "x.yaml", documents, documents.replace(b"a: 1", b"a: 2"), documents.replace(b"c: 1", b"c: 2")
    ).clean


# -- laws -----------------------------------------------------------------------------------------------------

LEAVES = st.sampled_from([1, 2, True, "x", "a b", "on", [], [1, 2], "two\nlines", {}])
VALUES = st.recursive(
    LEAVES,
    lambda v: st.dictionaries(st.sampled_from(["a", "b", "c.d", "e"]), v, min_size=1, max_size=4),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(st.sampled_from(["a", "b", "k", "m n"]), VALUES, min_size=1, max_size=4)


def as_toml(value: dict[str, object]) -> str:
    import tomlkit

    return tomlkit.dumps(value)


def as_yaml(value: dict[str, object]) -> str:
    return "".join(
        f"# about {k}\n" + sections.render(sections.address(k), v) + "\n" for k, v in value.items()
    )


FORMATS: dict[str, tuple[Callable[[dict[str, Any]], str], Callable[[str], Any]]] = {
    "x.yaml": (as_yaml, yaml.safe_load),
    "x.toml": (as_toml, tomllib.loads),
    "x.json": (lambda v: json.dumps(v, indent=2) + "\n", json.loads),
}


@fast
@given(MAPPINGS, MAPPINGS, MAPPINGS, st.sampled_from(sorted(FORMATS)))
def test_a_clean_merge_reads_as_the_merged_value(
    base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any], path: str
) -> None:
    write, read = FORMATS[path]
    texts = [write(value).encode() for value in (base, ours, theirs)]
    merge = merge_file(path, *texts)
    merged, conflicts = merge_values(base, ours, theirs)
    if merge.clean and not conflicts:
        assert equal(read(merge.data.decode()), merged)
    if merge.clean:
        assert read(merge.data.decode()) is not None
        mirrored = merge_file(path, texts[0], texts[2], texts[1])
        if mirrored.clean and not conflicts:
            assert equal(read(mirrored.data.decode()), merged)
    else:
        assert has_markers(merge.data)
    assert merge_file(path, texts[0], texts[0], texts[2]) == Merge(texts[2], True)
    assert merge_file(path, texts[0], texts[1], texts[0]) == Merge(texts[1], True)


@fast
@given(MAPPINGS, st.data(), st.sampled_from(sorted(FORMATS)))
def test_a_change_of_one_other_key_is_merged_and_keeps_every_byte(
    base: dict[str, Any], choose: st.DataObject, path: str
) -> None:
    write, _ = FORMATS[path]
    assume(len(base) > 1)
    mine, its = choose.draw(st.permutations(list(base)))[:2]
    text = write(base)
    ours, theirs, both = (dict(base) for _ in range(3))
    ours[mine] = both[mine] = "mine"
    theirs[its] = both[its] = "its"
    assume(
        path != "x.toml" or all(not isinstance(v, dict) for v in base.values())
    )  # else tables move to the end
    assert merge_file(path, text.encode(), write(ours).encode(), write(theirs).encode()) == Merge(
        write(both).encode(), True
    )


@fast
@given(MAPPINGS, st.sampled_from(sorted(FORMATS)))
def test_an_unchanged_tree_is_the_file(value: dict[str, Any], path: str) -> None:
    write, _ = FORMATS[path]
    text = write(value)
    cut, _load = READERS[path[1:]]
    assert cut(text).render() == text


@fast
@given(
    st.text(st.sampled_from(list("ab:-#|{}[]\"',=. \n\n  \t1é")), max_size=40),
    st.sampled_from([".yaml", ".toml", ".json"]),
)
def test_a_tree_of_any_text_is_the_text(text: str, suffix: str) -> None:
    try:
        assert READERS[suffix][0](text + "\n").render() == text + "\n"
    except (NoKeysError, MxError):
        return
