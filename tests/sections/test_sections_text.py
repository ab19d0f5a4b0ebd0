"""Sections of text files between marker lines."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mxdev.errors import MxError
from mxdev.sections import sections

PATH = ".gitignore"
fast = settings(deadline=None, max_examples=150)
NAMES = ["Alpha", "Beta:demo", "Gamma"]
# Any text without marker lines; lone carriage returns and Unicode's line breaks are ordinary characters here.
TEXTS = st.text(st.sampled_from(list("a#!*/ \t\n\n\n\r\u2028\ufeffé\U0001f600<>")), max_size=30).filter(
    lambda t: "mx:" not in t
)


def test_a_section_stands_between_its_markers() -> None:
    edit = sections.put(PATH, b"mine\n", "MLProjectSkeleton", "*.pyc\n.venv/")
    assert edit.data == b"mine\n# >>> mx:MLProjectSkeleton\n*.pyc\n.venv/\n# <<< mx:MLProjectSkeleton\n"
    found = sections.read(edit.data, "MLProjectSkeleton", path=PATH)
    assert found is not None
    assert (found.text, found.value, found.line) == ("*.pyc\n.venv/\n", "*.pyc\n.venv/\n", 2)
    assert sections.render("MLProjectSkeleton", "*.pyc\n.venv/", path=PATH) == found.text
    other = sections.put(PATH, edit.data, "MLProjectSkeleton", "new\n", traces=[edit.trace])
    assert other.data == edit.data.replace(b"*.pyc\n.venv/\n", b"new\n")
    assert sections.read(b"", "MLProjectSkeleton", path=PATH) is None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"a\n# >>> mx:A\nb\n", r"\.gitignore:2: the section `# >>> mx:A` has no end marker `# <<< mx:A`"),
        (
            b"# >>> mx:A\n# >>> mx:B\n# <<< mx:B\n",
            r"\.gitignore:1: the section `# >>> mx:A` has no end marker",
        ),
        (b"a\n\n# <<< mx:B\n", r"\.gitignore:3: the end marker `# <<< mx:B` has no begin marker"),
        (b"# >>> mx:A\n# <<< mx:B\n", r"\.gitignore:2: the end marker `# <<< mx:B` has no begin marker"),
        (
            b"# >>> mx:A\n# <<< mx:A\n# >>> mx:A\n# <<< mx:A\n",
            r"\.gitignore:3: .* is there twice, first on line 1",
        ),
        (b"\xff\n", r"\.gitignore:1: the file is not UTF-8"),
    ],
)
def test_broken_markers_are_an_error_with_the_line(data: bytes, says: str) -> None:
    for act in (
        lambda: sections.put(PATH, data, "A", "x"),
        lambda: sections.take(PATH, data, "A", {}),
        lambda: sections.read(data, "A", path=PATH),
    ):
        with pytest.raises(MxError, match=says):
            act()


@pytest.mark.parametrize("name", ["", " A", "A\nB", "A "])
def test_odd_names_are_refused(name: str) -> None:
    with pytest.raises(MxError, match="cannot name a section"):
        sections.put(PATH, b"", name, "x")


def test_a_text_with_marker_lines_is_refused() -> None:
    with pytest.raises(MxError, match="looks like a section marker"):
        sections.put(PATH, b"", "A", "x\n# <<< mx:A\n")
    with pytest.raises(MxError, match="must be text, not list"):
        sections.put(PATH, b"", "A", ["x"])


@fast
@example("\n\ufeff", ["", "", ""], NAMES, NAMES, False)
@example("\ufeff", ["", "", ""], NAMES, NAMES, False)
@example("\r", ["", "", ""], NAMES, NAMES, False)
@given(
    st.one_of(st.none(), TEXTS),
    st.lists(TEXTS, min_size=3, max_size=3),
    st.permutations(NAMES),
    st.permutations(NAMES),
    st.booleans(),
)
def test_every_order_of_puts_and_takes_gives_the_original_back(
    text: str | None, contents: list[str], arrival: list[str], leaving: list[str], windows: bool
) -> None:
    data = None if text is None else (text.replace("\n", "\r\n") if windows else text).encode()
    now = data
    traces: dict[str, dict[str, Any]] = {}
    for name in arrival:
        edit = sections.put(
            PATH, now, name, contents[NAMES.index(name)], order=NAMES, traces=list(traces.values())
        )
        assert (
            sections.put(PATH, edit.data, name, contents[NAMES.index(name)], order=NAMES, traces=[edit.trace])
            == edit
        )
        now, traces[name] = edit.data, edit.trace
    assert now is not None
    lines = now.decode().split("\n")
    begins = [line.rstrip().removeprefix("\ufeff") for line in lines if ">>> mx:" in line]
    assert begins == [f"# >>> mx:{name}" for name in NAMES]
    for name in NAMES:
        found = sections.read(now, name, path=PATH)
        assert found is not None
        assert found.text == sections.render(name, contents[NAMES.index(name)], path=PATH)
    for name in leaving:
        assert now is not None
        now = sections.take(PATH, now, name, traces[name])
    assert now == data


@fast
@given(TEXTS, TEXTS, TEXTS)
def test_what_a_person_adds_in_the_meantime_survives(text: str, above: str, below: str) -> None:
    text = (text + "\n").lstrip("\ufeff")
    edit = sections.put(PATH, text.encode(), "A", "x\n")
    grown = (above + "\n").encode() + edit.data + below.encode()
    assert sections.take(PATH, grown, "A", edit.trace) == (above + "\n" + text + below).encode()


def test_a_section_that_makes_a_toml_file_unreadable_is_refused() -> None:
    edit = sections.put("pyproject.toml", b"[a]\nx = 1\n", "A", "[b]\ny = 1\n")
    assert edit.data.endswith(b"# >>> mx:A\n[b]\ny = 1\n# <<< mx:A\n")
    with pytest.raises(MxError, match=r"pyproject.toml could not be read with the section in it"):
        _ = sections.put("pyproject.toml", b"[a]\nx = 1\n", "A", "[a]\ny = 1\n").data


PYPROJECT = b"""[project]
name = "x"
dependencies = [
  "numpy>=2",  # mine
]

[tool.a]
dependencies = [
  "other",
]
"""


def test_items_of_a_list_in_toml() -> None:
    name = "Audit in project.dependencies"
    edit = sections.put("pyproject.toml", PYPROJECT, name, '  "boto3>=1",\n')
    made = edit.data.decode()
    assert tomllib.loads(made)["project"]["dependencies"] == ["numpy>=2", "boto3>=1"]
    assert tomllib.loads(made)["tool"] == {"a": {"dependencies": ["other"]}}
    assert f"# >>> mx:{name}\n" in made
    both = sections.put("pyproject.toml", edit.data, "Audit", "[tool.audit]\n", order=[name, "Audit"])
    assert both.data.startswith(edit.data)
    more = sections.put(
        "pyproject.toml", both.data, "Other in project.dependencies", '  "six",\n', order=[name, "Audit"]
    )
    assert tomllib.loads(more.data.decode())["project"]["dependencies"] == ["numpy>=2", "boto3>=1", "six"]
    left = sections.take("pyproject.toml", more.data, "Other in project.dependencies", more.trace)
    assert left == both.data
    assert sections.take("pyproject.toml", edit.data, name, edit.trace) == PYPROJECT
    found = sections.read(more.data, name, path="pyproject.toml")
    assert found is not None
    assert found.text == '  "boto3>=1",\n'


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"[tool]\n[project.dependencies]\n", "has no list project.dependencies"),
        (b'[tool]\na = """\n[project]\n"""\n', "has no list project.dependencies"),
        (
            b'[project]\ndependencies = ["a"]\n',
            "has no list project.dependencies that stands over several lines",
        ),
        (b"[tool.x]\ndependencies = [\n]\n", "has no list project.dependencies"),
        (
            b'[project]\ndependencies = [\n  "a"\n]\n',
            "pyproject.toml:3: the last item of project.dependencies has no comma",
        ),
    ],
)
def test_a_list_that_takes_no_items(data: bytes, says: str) -> None:
    with pytest.raises(MxError, match=says):
        _ = sections.put("pyproject.toml", data, "A in project.dependencies", '"b",\n')


def test_a_list_without_items() -> None:
    edit = sections.put(
        "pyproject.toml", b"[project]\ndependencies = [\n]\n", "A in project.dependencies", '"b",\n'
    )
    assert tomllib.loads(edit.data.decode()) == {"project": {"dependencies": ["b"]}}


IN = "A in project.dependencies"


def refused(text: str) -> MxError:
    with pytest.raises(MxError, match="no section stands inside another") as told:
        _ = sections.put("pyproject.toml", text.encode(), IN, '"b",\n').data
    assert "`# >>> mx:Base` and `# <<< mx:Base`" in str(told.value)
    return told.value


def test_a_list_whose_place_is_in_another_section_is_shown_to_be_pasted() -> None:
    text = '# >>> mx:Base\n[project]\nname = "a"\n# <<< mx:Base\n\n[tool.a]\n'
    before, _, snippet = (refused(text).hint or "").partition("\n\n")
    assert before == "Paste this below `# <<< mx:Base`, then run the command again:"
    pasted = text.replace("# <<< mx:Base\n", "# <<< mx:Base\n" + snippet)
    edit = sections.put("pyproject.toml", pasted.encode(), IN, '"b",\n')
    assert edit.data.decode() == pasted
    assert tomllib.loads(pasted)["project"] == {"name": "a", "dependencies": ["b"]}


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (
            "dependencies = [",
            '[project]\n# >>> mx:Base\nname = "a"\ndependencies = [\n  "c",\n]\n# <<< mx:Base\n',
        ),
        ("[project]", '# >>> mx:Base\n[a]\nx = 1\n[project]\nname = "a"\n[b]\ny = 1\n# <<< mx:Base\n'),
    ],
)
def test_what_cannot_be_pasted_behind_the_other_section_is_moved_out_of_it(head: str, text: str) -> None:
    hint = refused(text).hint or ""
    assert f"Move the line `# <<< mx:Base` up, above `{head}`" in hint
    assert '"b",\n' in hint
    moved = text.replace("# <<< mx:Base\n", "").replace(head, f"# <<< mx:Base\n{head}")
    edit = sections.put("pyproject.toml", moved.encode(), IN, '"b",\n')
    assert tomllib.loads(edit.data.decode())["project"]["dependencies"][-1] == "b"


def test_a_list_right_above_another_section_leaves_it_as_it_is() -> None:
    text = b'[project]\nname = "a"\n# >>> mx:Base\n[tool.a]\n# <<< mx:Base\n'
    file = sections.File("pyproject.toml", text)
    file.put(IN, '"b",\n')
    file.take("Base")
    assert tomllib.loads((file.data or b"").decode()) == {"project": {"name": "a", "dependencies": ["b"]}}


GROUP = "A in project.optional-dependencies.extra"


@pytest.mark.parametrize(
    "data",
    [
        b"[project]\n[project.optional-dependencies]\ndev = [\n]\n\n# Mine.\n[tool.a]\nx = 1\n",
        b"\xef\xbb\xbf[project.optional-dependencies]\r\ndev = [\r\n]\r\n\r\n[tool.a]\r\n",
        b"[project.optional-dependencies]",
    ],
)
def test_a_list_that_is_not_there_comes_with_its_first_section_and_goes_with_its_last(data: bytes) -> None:
    path, other = "pyproject.toml", GROUP.replace("A in", "B in")
    first = sections.put(path, data, GROUP, '"a",\n')
    second = sections.put(path, first.data, other, '"b",\n', traces=[first.trace])
    for edit, items in ((first, ["a"]), (second, ["a", "b"])):
        made = tomllib.loads(edit.data.decode("utf-8-sig"))
        assert made["project"]["optional-dependencies"]["extra"] == items
    left = sections.take(path, second.data, GROUP, first.trace)
    assert left is not None
    assert tomllib.loads(left.decode("utf-8-sig"))["project"]["optional-dependencies"]["extra"] == ["b"]
    assert sections.take(path, left, other, second.trace) == data
    together = sections.File(path, data)
    for name in (GROUP, other):
        together.put(name, '"c",\n')
    assert (together.data or b"").count(b"extra = [") == 1
    for name in (GROUP, other):
        together.take(name)
    assert together.data == data


def test_a_list_in_which_a_person_wrote_stays_when_its_sections_go() -> None:
    edit = sections.put("pyproject.toml", b"[project.optional-dependencies]\n", GROUP, '"a",\n')
    mine = edit.data.replace(b"extra = [\n", b'extra = [\n"mine",\n')
    left = sections.take("pyproject.toml", mine, GROUP, edit.trace)
    assert left == b'[project.optional-dependencies]\nextra = [\n"mine",\n]\n'


def test_a_list_that_a_person_made_stays_when_its_sections_go() -> None:
    data = b"[project.optional-dependencies]\nextra = [\n]\n"
    edit = sections.put("pyproject.toml", data, GROUP, '"a",\n')
    assert sections.take("pyproject.toml", edit.data, GROUP, edit.trace) == data
