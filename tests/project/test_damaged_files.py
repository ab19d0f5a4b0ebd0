"""Files that a person, a merge or a disk damaged: whatever stands in them, mx says what is wrong and never that mx is.

`MX_FUZZ=5000` tries so many instead of the few of every run.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

BUG = 3  # the exit code
COMMANDS = (
    ("status",),
    ("status", "--json"),
    ("diff",),
    ("update", "--dry-run", "--diff"),
    ("update", "--dry-run", "--on-conflict", "merge"),
    ("update", "--dry-run", "--retry", "shared.yaml", "--restore", "README.md"),
    ("set", "size=7", "--dry-run"),
    ("set", "region=here", "--no-input", "--on-conflict", "overwrite"),
    ("update", "--no-input", "--on-conflict", "keep"),
    ("lint", "--rule", "hand-edited", "--rule", "pristine", "--rule", "merge-markers"),
    ("adopt", "shared.yaml", "--dry-run"),
    ("resolve", "--dry-run"),
    ("destroy", "SampleBase", "--dry-run"),
    ("destroy", "SampleBase", "--no-input"),
)
FILES = (
    "mx.yaml",
    ".mx/generators/SampleBase.yaml",
    "shared.yaml",
    "notes.txt",
    ".mx/overrides/shared.yaml",
    ".mx/pristine/SampleBase/shared.yaml.sections.pristine",
    ".mx/pristine/SampleBase/README.md.pristine",
)
ODD = (
    "", "2024-01-01", "2024-01-01 10:00:00", "2024-99-99", "null", "true", "0", "-1", ".nan", "1e999", "9" * 400, "0x" + "f" * 5000, "[]", "{}",
    "[1, {a: 2024-01-01}]", "{1: 2}", "? [a]\n: b", "!!binary aGk=", "!!set {a, b}", "!!omap [a: 1]", "!!python/name:os.system", "!!bool odd", "!!timestamp odd", '!!int ""', '!!float ""',
    "&a [*a]", "*nothing", "<<: 1", "!custom x", "\"\\0\"", "\"\\ud800\"", "\"\\x1b[31m\"", "'", '"', "|", ">+", "- - -", "%TAG ! x", "---",
    "...", "\t", "../../etc/passwd", "/etc/passwd", ".git/config", ".mx/lock", "a" * 300, "[" * 3000, "- " * 3000, "{a: " * 500,
    "<<<<<<< HEAD\n", "=======\n", ">>>>>>> other\n", "# >>> mx:SampleBase\n", "# <<< mx:SampleBase\n", "\ufeff", "\u2028", "\x85", "\r",
)  # fmt: skip
WORD = re.compile(r"[^\s:,{}\[\]\"']+")


@st.composite
def damages(draw: st.DrawFn) -> Any:
    """A function from the text of a file to what became of it."""
    kind = draw(st.sampled_from(["word", "word", "word", "line", "cut", "byte", "whole", "insert", "indent"]))
    at = draw(st.integers(0, 10_000))
    odd = draw(st.sampled_from(ODD))

    def damage(data: bytes) -> bytes:
        text = data.decode("utf-8", "surrogateescape")
        lines = text.splitlines(keepends=True) or [""]
        number = at % len(lines)
        if kind == "word":
            words = list(WORD.finditer(text)) or [re.match("", text)]
            word = words[at % len(words)]
            assert word is not None
            text = text[: word.start()] + odd + text[word.end() :]
        elif kind == "line":
            text = "".join([*lines[:number], *([lines[number]] * 2 if at % 2 else []), *lines[number + 1 :]])
        elif kind == "cut":
            text = text[: at % (len(text) + 1)]
        elif kind == "whole":
            text = odd
        elif kind == "insert":
            text = "".join([*lines[:number], odd, "\n", *lines[number:]])
        elif kind == "indent":
            lines[number] = " " * (at % 5) + lines[number].lstrip(" ")
            text = "".join(lines)
        else:
            place = at % (len(data) + 1)
            return data[:place] + bytes([at % 256]) + data[place + 1 :]
        return text.encode("utf-8", "surrogateescape" if "\ud800" not in text else "surrogatepass")

    return damage


def _try(
    mx: Any, project: Path, whole: Path, damaged: list[tuple[str, Any]], command: tuple[str, ...]
) -> None:
    shutil.rmtree(project)
    shutil.copytree(whole, project, symlinks=True)
    for path, damage in damaged:
        data = damage((project / path).read_bytes())
        (project / path).write_bytes(data)
        note(f"{path}: {data!r}")
    result = mx(*command, cwd=project)
    assert result.code != BUG, result.err
    assert "Traceback" not in result.err


@pytest.fixture
def whole(mx: Any, project: Path, tmp_path: Path) -> Path:
    """A copy of a project that has everything that can be damaged."""
    shared = project / "shared.yaml"
    shared.write_text(shared.read_text().replace("size: 1", "size: 2"))
    assert mx("adopt", "shared.yaml", cwd=project).code == 0
    (project / "README.md").write_text("mine\n" + (project / "README.md").read_text())
    shutil.copytree(project, tmp_path / "whole", symlinks=True)
    return tmp_path / "whole"


@settings(
    deadline=None,
    max_examples=int(os.environ.get("MX_FUZZ", "60")),
    derandomize="MX_FUZZ" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    damaged=st.lists(st.tuples(st.sampled_from(FILES), damages()), min_size=1, max_size=2),
    command=st.sampled_from(COMMANDS),
)
def test_a_damaged_file_is_no_bug_in_mx(
    damaged: list[tuple[str, Any]], command: tuple[str, ...], mx: Any, project: Path, whole: Path
) -> None:
    _try(mx, project, whole, damaged, command)


RECORD = ".mx/generators/SampleBase.yaml"
HASH = "0" * 64
DEEP = "[" * 100_000
BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("path", "old", "new", "command", "says"),
    [
        ("mx.yaml", "options:\n", "options:\n  since: 2024-01-01\n", ("destroy", "SampleBase"), ""),
        ("mx.yaml", "options:\n", "options:\n  odd: !!binary aGk=\n", ("status",), "mx.yaml cannot be read: binary data with a tag of YAML is not an option's value; write text, numbers, lists and mappings (line 5)"),
        ("mx.yaml", "options:\n", "options:\n  odd: &a [*a]\n", ("status",), "mx.yaml cannot be read: an alias stands for what it is in itself"),
        ("mx.yaml", "options:\n", BOMB + "options:\n", ("status",), "mx.yaml cannot be read: its aliases stand for more than a million values"),
        ("mx.yaml", "options:\n", f"x: '{'y' * (1 << 20)}'\noptions:\n", ("status",), "mx.yaml is too large (1.0 MB; mx reads 1 MB)"),
        (RECORD, "files:\n", f'files:\n  "a\\0b": {{sha256: "{HASH}"}}\n', ("status",), "it has characters that do not"),
        (RECORD, "options:\n", "options:\n  5: w\n", ("status",), ""),
        ("mx.yaml", "version: 1", "version: 0x" + "f" * 5000, ("status",), "mx.yaml:2:10 cannot be read: a number has more than 4000 digits (line 2)"),
        ("mx.yaml", "options:\n", f"options:\n  ? 0b{'1' * 15000}\n  : 1\n", ("status",), "a number has more than 4000 digits"),
        (RECORD, "version: 1", f"version: {':'.join(['59'] * 3000)}", ("status",), "a number has more than 4000 digits"),
        (".mx/overrides/shared.yaml", "base:\n", f"base:\n  odd: 0x{'f' * 5000}\n", ("status",), "a number has more than 4000 digits"),
        (RECORD, "sections:\n", f'sections:\n  - {{path: x.yaml, address: x, sha256: "{HASH}", trace: {{containers: 2024-01-01}}}}\n', ("destroy", "SampleBase", "--dry-run"), "is not a list of texts (containers of a section)"),
        (".mx/overrides/shared.yaml", "base:\n", f"base:\n  deep: {DEEP}\n", ("status",), "cannot be read: while increasing flow level"),
        ("mx.yaml", "options:\n", "options:\n  odd: !!bool maybe\n", ("status",), "mx.yaml:5:8 cannot be read: it is no bool (line 5)"),
        ("mx.yaml", "options:\n", "options:\n  odd: !!timestamp maybe\n", ("status",), "it is no timestamp (line 5)"),
        (RECORD, "version: 1", 'version: !!int ""', ("status",), "it is no int (line 2)"),
        ("shared.yaml", "size: 2", "size: !!bool maybe", ("update", "--dry-run"), ""),
        (".mx/overrides/shared.yaml", "size: 2", "size: !!bool maybe", ("update", "--dry-run"), "it is no bool"),
        (".mx/overrides/shared.yaml", "size: 2", f"size: {'[' * 900}{']' * 900}", ("update", "--dry-run"), ""),
    ],
    ids=["date", "binary", "cycle", "bomb", "large", "NUL", "number for a name", "number", "number for a key", "sexagesimal", "number in an override", "trace", "deep", "no flag", "no time", "no number", "no flag in a section", "no flag in an override", "rather deep"],
)  # fmt: skip
def test_each_kind_of_damage_is_said(
    path: str, old: str, new: str, command: tuple[str, ...], says: str, mx: Any, whole: Path
) -> None:
    """With the file, the line where there is one, and what to do."""
    place = whole / path
    text = place.read_text()
    assert old in text
    place.write_text(text.replace(old, new, 1))
    result = mx(*command, cwd=whole)
    assert says in result.out + result.err
    assert result.code in (0, 1, 4), result  # `mx status` says it in the row of the instance
    assert "bug" not in result.err
    if says:
        assert len(result.err) < 1000


def test_a_record_of_sections_that_is_nested_too_deeply_counts_as_damaged(mx: Any, whole: Path) -> None:
    (whole / ".mx/pristine/SampleBase/shared.yaml.sections.pristine").write_text(DEEP)
    result = mx("status", cwd=whole)
    assert result.code == 0
    assert "damaged  shared.yaml: base.size" in result.out


def test_a_values_file_that_is_too_large(mx: Any, tmp_path: Path) -> None:
    """It would be read for half a minute to say that it holds no option."""
    (tmp_path / "values.yaml").write_text("key: 1\n" * 1_500_000)
    result = mx("generate", "SampleBase", "demo", "--values", "values.yaml", "--no-input")
    assert result.code == 4
    assert "values.yaml is too large (10.0 MB; mx reads 1 MB)" in result.err
