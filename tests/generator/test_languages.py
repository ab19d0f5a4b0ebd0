"""The filters of the target languages: what they give is read back by the real parser of the language."""

from __future__ import annotations

import ast
import base64
import json
import math
import shutil
import subprocess
import tomllib
import unicodedata
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from mxdev.generator.freetext import FreeText
from mxdev.generator.languages import FILTERS

EVIL = [
    'He said "hi" {{ 7*7 }} ${x} $(id) #c: [\n',
    "'; import os #",
    "%{ if true }",
    "</script>",
    "- leading",
    "--flag",
    "trailing \\",
    "two\nlines",
    "emoji 🧪 👩🏽\u200d🔬",
    "שלום \u202eright-to-left\u202c عربي",
    '$${x} %%{y} `id` \\${z} \\\\"',
    "# >>> mx:X",
    "\ttabs\t",
    "   ",
    "",
    "\x00\x01\x1b[31m\x7f\x85\u2028\u2029\ufeff\ufffe",
    "lone \ud800 surrogate \udcff",
    "null",
    "1e5",
    "---",
    "...",
    "*/ --> --!> ]]>",
    "1. one",
    "1) one",
    "> quoted",
    "===",
    "\\\\\\\\",
    "• bullet",
    "{role}`x` |sub| :field: ..directive::",
    "www.example.com http://example.com a@b.co",
    "&amp; &lt; <!-- x",
    "key: value, [x]: y",
    "Ünïcödé ß \u0130",
]
# Any text that an argument can hold, surrogates (undecodable bytes) and controls included.
TEXT = st.text(st.characters(), max_size=40) | st.sampled_from(EVIL)
NUMBERS = st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)


def written(text: str) -> str:
    """What a file can hold of a text: a lone surrogate is not a character."""
    return text.encode("utf-8", "replace").decode()


def one_line(text: str) -> str:
    """What inline filters keep: words, on one line."""
    kept = "".join(c if c.isprintable() or c.isspace() else "" for c in text)
    return " ".join(kept.split())


def words(text: str) -> str:
    """Letters and digits alone: what must have arrived whatever markup did to blanks."""
    return "".join(c for c in text if c.isalnum())


def evil(test: Any) -> Any:
    for text in EVIL:
        test = example(text)(test)
    return test


@pytest.mark.parametrize("name", sorted(FILTERS))
@evil
@given(TEXT)
def test_free_text_becomes_one_line_that_a_file_can_hold(name: str, text: str) -> None:
    result = FILTERS[name](FreeText(text))
    assert type(result) is str
    assert result == FILTERS[name](text)
    result.encode("utf-8")
    if name != "sh":  # a word of a shell has no other way to hold a line break
        assert len((result + ".").splitlines()) == 1
        assert "\x00" not in result
    if name not in ("sh", "py", "toml", "json", "yaml", "hcl"):
        assert result == result.strip()


@evil
@given(TEXT)
def test_json_and_python(text: str) -> None:
    assert json.loads(FILTERS["json"](text)) == written(text)
    assert ast.literal_eval(FILTERS["py"](text)) == text


@evil
@given(TEXT)
def test_toml(text: str) -> None:
    import tomlkit

    source = f"x = {FILTERS['toml'](text)}\n"
    assert tomllib.loads(source)["x"] == written(text)
    assert tomlkit.parse(source)["x"] == written(text)


@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)])
@evil
@given(TEXT)
def test_yaml(loader: type, text: str) -> None:
    value = FILTERS["yaml"](text)
    for source, get in [
        (f"x: {value}\n", lambda data: data["x"]),
        (f"- {value}\n", lambda data: data[0]),
        (f"{value}: x\n", lambda data: next(iter(data))),
        (f"{{a: [{value}, 1]}}  # c\n", lambda data: data["a"][0]),
    ]:
        assert get(yaml.load(source, loader)) == written(text)


def test_yaml_is_read_by_yaml_1_2_readers_too() -> None:
    # Every literal is JSON, which YAML 1.2 contains; floats need a point for YAML 1.1.
    for text in EVIL:
        assert json.loads(FILTERS["yaml"](text)) == written(text)


PLAIN = st.recursive(st.booleans() | NUMBERS | TEXT, lambda inner: st.lists(inner, max_size=4), max_leaves=8)


@given(PLAIN)
def test_numbers_flags_and_lists(value: Any) -> None:
    def as_written(item: Any) -> Any:
        if isinstance(item, list):
            return [as_written(inner) for inner in item]
        return written(item) if isinstance(item, str) else item

    wanted = as_written(value)
    assert ast.literal_eval(FILTERS["py"](value)) == value
    assert tomllib.loads(f"x = {FILTERS['toml'](value)}")["x"] == wanted
    for name in ("json", "yaml"):
        loaded = yaml.safe_load(FILTERS[name](value)) if name == "yaml" else json.loads(FILTERS[name](value))
        assert loaded == wanted
        assert type(loaded) is type(wanted)


def test_nothing_where_the_language_has_it() -> None:
    assert (FILTERS["json"](None), FILTERS["yaml"](None)) == ("null", "null")
    assert (FILTERS["py"](None), FILTERS["hcl"](None)) == ("None", "null")
    with pytest.raises(TypeError):
        FILTERS["toml"](None)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["yaml", "json", "py", "hcl", "toml"])
def test_numbers_that_are_none_are_refused(name: str, number: float) -> None:
    with pytest.raises((ValueError, TypeError)):
        FILTERS[name](number)


@pytest.mark.parametrize("name", ["py", "toml", "hcl"])
def test_a_value_without_a_literal_is_refused(name: str) -> None:
    with pytest.raises(TypeError):
        FILTERS[name](object())


# --- shells -----------------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(st.lists(TEXT, min_size=1, max_size=25))
@example(EVIL)
def test_shells_take_it_as_one_word(texts: list[str]) -> None:
    lines = ['show() { printf \'%s\\0\' "$#" "$@"; }', *(f"show {FILTERS['sh'](text)}" for text in texts)]
    script = "\n".join(lines).encode()
    for shell in filter(shutil.which, ("bash", "dash", "sh")):
        done = subprocess.run([shell, "-c", script], capture_output=True, check=True)
        fields = done.stdout.split(b"\0")[:-1]
        assert fields[0::2] == [b"1"] * len(texts)
        assert fields[1::2] == [written(text.replace("\0", "")).encode() for text in texts]
        assert not done.stderr


# --- HCL --------------------------------------------------------------------------------------------------------------


def in_hcl(text: str) -> str:
    return unicodedata.normalize("NFC", written(text))


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
@settings(max_examples=1, phases=[Phase.explicit, Phase.generate])
@given(st.lists(TEXT, min_size=60, max_size=120))
def test_terraform_reads_what_was_written(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("terraform")
    texts = [*EVIL, *texts]
    values = [*texts, [1, True, ["x"]], 1e22, -3]
    items = "".join(f"    {FILTERS['hcl'](value)},\n" for value in values)
    # Twice: as a default of a variable, which allows no template, and as an expression.
    (folder / "main.tf").write_text(f"locals {{\n  all = [\n{items}  ]\n}}\n", encoding="utf-8")
    (folder / "variables.tf").write_text(
        "".join(f'variable "v{n}" {{\n  default = {FILTERS["hcl"](t)}\n}}\n' for n, t in enumerate(texts)),
        encoding="utf-8",
    )
    environment = {
        "TF_CLI_CONFIG_FILE": "/dev/null",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
    }
    done = subprocess.run(
        ["terraform", "console"], cwd=folder, input="base64encode(jsonencode(local.all))\n", capture_output=True, text=True,
        env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    got = json.loads(base64.b64decode(done.stdout.strip().strip('"')))
    assert got[: len(texts)] == [in_hcl(text) for text in texts]
    assert got[len(texts) :] == [[1, True, ["x"]], 1e22, -3]


def test_python_reads_the_hcl_too(tmp_path: Path) -> None:
    import hcl2

    for text in EVIL:
        # A lenient parser of another hand: each stays one string in one attribute.
        data = hcl2.loads(f"x = {FILTERS['hcl'](text)}\ny = 1\n")
        assert set(data) >= {"x", "y"}
        assert data["y"] == 1


# --- markup -----------------------------------------------------------------------------------------------------------


def markdown_text(source: str, **options: Any) -> tuple[str, list[str]]:
    """The text in a Markdown document and the kinds of its blocks and inline marks."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("gfm-like", options).enable(["table", "strikethrough", "linkify"]).parse(source)
    text, kinds = "", []
    for token in tokens:
        kinds.append(token.type)
        for child in token.children or ():
            kinds.append(child.type)
            text += child.content if child.type != "softbreak" else " "
    return text, kinds


@evil
@given(TEXT)
def test_markdown(text: str) -> None:
    inline = FILTERS["md"](FreeText(text))
    got, kinds = markdown_text(f"{inline}\n", linkify=False)
    assert one_line(got) == one_line(text)
    assert set(kinds) <= {"paragraph_open", "inline", "paragraph_close", "text", "text_special"}
    got, kinds = markdown_text(
        f"# a {inline} b\n\n- x {inline}\n\n| h |\n| - |\n| {inline} |\n", linkify=False
    )
    assert words(got) == words("a" + text + "bx" + text + "h" + text)
    assert not set(kinds) & {"html_inline", "html_block", "link_open", "code_inline", "em_open", "image"}


@pytest.mark.parametrize("text", EVIL)
def test_markdown_of_sphinx(text: str) -> None:
    from docutils.core import publish_doctree
    from myst_parser.docutils_ import Parser

    settings: Any = {
        "myst_enable_extensions": [
            "dollarmath", "amsmath", "colon_fence", "deflist", "fieldlist", "linkify", "substitution", "tasklist",
            "attrs_inline", "attrs_block", "smartquotes", "replacements", "strikethrough",
        ],
        "report_level": 1, "halt_level": 2, "warning_stream": False, "myst_suppress_warnings": ["myst.linkify"],
    }  # fmt: skip
    settings["myst_enable_extensions"].remove("linkify")
    settings["myst_enable_extensions"].remove("smartquotes")
    settings["myst_enable_extensions"].remove("replacements")
    settings["myst_enable_extensions"].remove("strikethrough")
    inline = FILTERS["md"](FreeText(text))
    document = publish_doctree(
        f"# Title\n\nA {inline} Z\n\n{inline}\n", parser=Parser(), settings_overrides=settings
    )
    assert one_line(text) in one_line(document.astext())
    assert {node.tagname for node in document.findall()} <= {
        "document",
        "title",
        "section",
        "paragraph",
        "#text",
        "text",
    }


def rst(source: str) -> Any:
    from docutils.core import publish_doctree

    return publish_doctree(
        source, settings_overrides={"report_level": 1, "halt_level": 1, "warning_stream": False, "raw_enabled": False}
    )  # fmt: skip


@settings(max_examples=60)
@evil
@given(TEXT)
def test_restructuredtext(text: str) -> None:
    inline = FILTERS["rst"](FreeText(text))
    document = rst(f"Before\n\n{inline}\n\nAfter {inline} it.\n")
    assert words(document.astext()) == words("Before" + text + "After" + text + "it")
    assert one_line(text) in one_line(document.astext())
    assert {node.tagname for node in document.findall()} <= {"document", "paragraph", "#text"}


class Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.tags = "", []

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(("/" + tag, []))

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment", []))


@evil
@given(TEXT)
def test_html(text: str) -> None:
    escaped = FILTERS["html"](FreeText(text))
    parser = Text()
    parser.feed(f"<p>{escaped}</p><i title=\"{escaped}\" lang='{escaped}'></i>")
    parser.close()
    assert one_line(parser.text) == one_line(text)
    assert [tag for tag, _ in parser.tags] == ["p", "/p", "i", "/i"]
    assert {one_line(value or "") for value in dict(parser.tags[2][1]).values()} == {one_line(text)}


# --- Dockerfile -------------------------------------------------------------------------------------------------------


def docker_value(source: str) -> str:
    """A double-quoted value as BuildKit reads it (frontend/dockerfile/shell/lex.go, processDoubleQuote)."""
    assert source[0] == '"'
    out, at = "", 1
    while source[at] != '"':
        character = source[at]
        assert character != "$", "a variable would be substituted"
        if character == "\\":
            at += 1
            out += "" if source[at] in '"$\\' else "\\"
            character = source[at]
        out += character
        at += 1
    assert at == len(source) - 1, "the quotes close too early"
    return out


@evil
@given(TEXT)
def test_dockerfile(text: str) -> None:
    got = docker_value(FILTERS["dockerfile"](FreeText(text)))
    assert "".join(one_line(got).split()) == "".join(one_line(text).split())
    if '\\"' not in text:
        assert one_line(got) == one_line(text)


def test_dockerfile_is_accepted_by_hadolint() -> None:
    import sys

    hadolint = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    labels = "".join(f"LABEL l{n}={FILTERS['dockerfile'](text)}\n" for n, text in enumerate(EVIL))
    values = "".join(f"ENV E{n}={FILTERS['dockerfile'](text)}\n" for n, text in enumerate(EVIL))
    source = f"FROM alpine:3.20\n{labels}{values}USER nobody\n"
    done = subprocess.run(
        [hadolint, "--format", "json", "-"], input=source, capture_output=True, text=True, check=False
    )
    findings = json.loads(done.stdout or "[]")
    assert [f for f in findings if f["code"] == "DL1000"] == [], findings


# --- comments ---------------------------------------------------------------------------------------------------------


@evil
@example("*//")
@example("coding: utf-7")
@example("vim: set fileencoding=latin-1 :")
@given(TEXT)
def test_comment(text: str) -> None:
    import tokenize

    line = FILTERS["comment"](FreeText(text))
    assert words(line) == words(one_line(text))
    source = f"# {line}\nx = 1\n".encode()
    assert next(tokenize.tokenize(iter(source.splitlines(keepends=True)).__next__)).string == "utf-8"
    assert ast.unparse(ast.parse(source)) == "x = 1"
    assert yaml.safe_load(f"# {line}\nx: 1\n") == {"x": 1}
    assert tomllib.loads(f"# {line}\nx = 1\n") == {"x": 1}
    for close in ("*/", "-->", "--!>"):
        assert close not in line
    assert not line.endswith("\\")
    assert line == line.strip()


@pytest.mark.parametrize("text", ["syntax=evil/image", "escape=`", "check = skip=all", "SYNTAX = x"])
def test_a_comment_is_no_directive_of_a_dockerfile(text: str) -> None:
    import re

    line = FILTERS["comment"](FreeText(text))
    assert words(line) == words(text)
    assert not re.match(r"^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$", f"# {line}")


def test_every_filter_is_tested_here() -> None:
    tested: dict[str, Callable[..., Any]] = dict(FILTERS)
    assert set(tested) == {
        "yaml", "hcl", "toml", "json", "py", "sh", "md", "rst", "html", "dockerfile", "comment"
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(FILTERS.keys() - {"sh"}))
def test_nothing_turns_the_direction_of_a_line(name: str) -> None:
    """It would show a reader another line than tools read; a shell has no escape for it inside single quotes."""
    for character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
        result = FILTERS[name](FreeText(f"a{character}b"))
        assert character not in result
        assert result.strip("\"'") in ("ab", f"a\\u{ord(character):04x}b")
