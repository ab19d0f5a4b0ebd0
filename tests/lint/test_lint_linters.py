"""Each linter on a good file and a bad one, for real."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

GOOD_SHELL = '#!/bin/sh\nset -eu\necho "$1"\n'
BAD_SHELL = "#!/bin/sh\necho $1\n"

# rule, file, good content, bad content, the line on stdout
CASES = [
    ("ruff-check", "a.py", "x = 1\n", "import os\n", "a.py:1:8: ruff-check/F401 error `os` imported but unused"),
    ("ruff-check", "n.py", "x = 1\n", "def f(:\n", "n.py:1:7: ruff-check/invalid-syntax error "),
    ("ruff-format", "a.py", "x = 1\n", "y = 1\nx = ( 1)\n", "a.py:2:1: ruff-format error not formatted"),
    ("ruff-format", "s.py", "x = 1\n", "def f(:\n", "s.py:1:7: ruff-format/invalid-syntax error "),
    ("ruff-format", "a.md", "```python\nx = 1\n```\n", "```python\nx = ( 1)\n```\n", "a.md:2:1: ruff-format error not formatted"),
    ("ruff-check", "tool", "#!/usr/bin/env python3\n", "#!/usr/bin/env python3\nimport os\n", "tool:2:8: ruff-check/F401 "),
    ("yamllint", "a.yaml", "a: 1\n", "a: 1\na: 2\n", "a.yaml:2:1: yamllint/key-duplicates error "),
    ("yamllint", "b.yml", "a: [1]\n", "a: [1\n", "b.yml:2:1: yamllint/syntax error "),
    ("yamllint", "c.yaml", "a: é\n", b"a: \xe9\n", "c.yaml:1:1: yamllint/encoding error byte 4 is not UTF-8"),
    ("yamllint", "d.yaml", "a: 1\n", b'a: 1\nb: "\x1b[2J"\n', "d.yaml:2:1: yamllint/encoding error the character U+001B may not stand in YAML"),
    ("yamllint", "e.yaml", "a: 1\n", b"a: 1\n\0", "e.yaml:2:1: yamllint/encoding error the character U+0000"),
    ("hadolint", "Dockerfile", "FROM a:1\n", "FROM a\n", "Dockerfile:1:1: hadolint/DL3006 warning "),
    ("hadolint", "gpu.Dockerfile", "FROM a:1\n", "FROMM a\n", "gpu.Dockerfile:1:5: hadolint/DL1000 error "),
    ("terraform-fmt", "a.tf", "a = 1\n", "b = 1\na   = 2\n", "a.tf:2:1: terraform-fmt error not formatted"),
    ("terraform-fmt", "a.tftest.hcl", "a = 1\n", "a   = 2\n", "a.tftest.hcl:1:1: terraform-fmt error "),
    ("terraform-fmt", "a.tfvars", "a = 1\n", "a = {\n", "a.tfvars:2:1: terraform-fmt/syntax error Missing expression"),
    ("shellcheck", "a.sh", GOOD_SHELL, BAD_SHELL, "a.sh:2:6: shellcheck/SC2086 info Double quote"),
    ("shellcheck", "run", GOOD_SHELL, "#!/usr/bin/env bash\necho $1\n", "run:2:6: shellcheck/SC2086 info "),
    ("merge-markers", "a.txt", "a\n=======\n", "a\n<<<<<<< x\nb\n=======\nc\n>>>>>>> y\n", "a.txt:2:1: merge-markers error "),
]  # fmt: skip
TOOL = {"ruff-check": "ruff", "ruff-format": "ruff", "terraform-fmt": "terraform"}


@pytest.mark.parametrize(("rule", "file", "good", "bad", "line"), CASES)
def test_linter(
    rule: str,
    file: str,
    good: str,
    bad: str | bytes,
    line: str,
    mx: Any,
    need: Any,
    write: Any,
    tmp_path: Path,
) -> None:
    if rule != "merge-markers":
        need(TOOL.get(rule, rule))
    write(tmp_path, {file: good})
    result = mx("lint", "--rule", rule)
    assert (result.code, result.out) == (0, ""), result
    assert "no findings; checked 1 file with" in result.err

    write(tmp_path, {file: bad})
    result = mx("lint", "--rule", rule)
    assert result.code == 1, result
    assert result.out.startswith(line)
    assert "in 1 file; checked 1 file with" in result.err


def test_terraform_goes_on_after_a_syntax_error(mx: Any, need: Any, write: Any, tmp_path: Path) -> None:
    need("terraform")
    write(
        tmp_path,
        {"a.tf": "a   = 1\n", "b.tf": "b = {\n", "c.tf": "c   = 1\n", "d.tf": "d = 1 1\n", "e.tf": "e = 1\n"},
    )
    result = mx("lint")
    assert [line.split(" ")[:2] for line in result.out.splitlines()] == [
        ["a.tf:1:1:", "terraform-fmt"],
        ["b.tf:2:1:", "terraform-fmt/syntax"],
        ["c.tf:1:1:", "terraform-fmt"],
        ["d.tf:1:1:", "terraform-fmt/syntax"],
    ]


@pytest.mark.parametrize("content", [None, "this {{{ is no configuration"])
def test_a_bad_terraform_configuration_is_not_in_the_way(
    content: str | None, mx: Any, need: Any, write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("terraform")
    config = tmp_path / "rc"
    if content is not None:
        config.write_text(content)
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(config))
    monkeypatch.setenv("TF_CLI_ARGS", "-nonsense")
    write(tmp_path, {"src/a.tf": "a   = 1\n"})
    result = mx("lint", "src")
    assert (result.code, result.out) == (
        1,
        "src/a.tf:1:1: terraform-fmt error not formatted; `mx lint --fix` formats it\n",
    )
    assert "terraform 1." in result.err
    assert "warning" not in result.err.lower()


def test_a_syntax_error_stands_once(mx: Any, need: Any, write: Any, tmp_path: Path) -> None:
    need("ruff")
    write(tmp_path, {"a.py": "def f(:\n"})
    result = mx("lint")
    assert result.out.splitlines()
    assert all(" ruff-check/invalid-syntax " in line for line in result.out.splitlines())


def test_a_notebook_says_which_cell(mx: Any, need: Any, write: Any, tmp_path: Path) -> None:
    need("ruff")
    cell = '{"cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [], "source": ["%s"]}'
    cells = f"{cell % 'x = 1'}, {cell % 'import os'}"
    write(
        tmp_path,
        {"a.ipynb": f'{{"cells": [{cells}], "metadata": {{}}, "nbformat": 4, "nbformat_minor": 4}}\n'},
    )
    assert "a.ipynb:1:8: ruff-check/F401 error cell 2: `os` imported but unused" in mx("lint").out


def test_odd_names(mx: Any, need: Any, write: Any, tmp_path: Path) -> None:
    for tool in ("ruff", "yamllint", "hadolint", "terraform", "shellcheck"):
        need(tool)
    names = ["-dash {}", "a space {}", "é ü {}", "quote'\"$(x) {}", "{{ 7 }} {}"]
    kinds = {
        ".py": "import os\n",
        ".yaml": "a: 1\na: 2\n",
        ".Dockerfile": "FROM a\n",
        ".tf": "a   = 1\n",
        ".sh": BAD_SHELL,
    }
    files = {name.replace("{}", "x") + suffix: text for name in names for suffix, text in kinds.items()}
    write(tmp_path, {**files, "line\nbreak.yaml": "a: 1\na: 2\n"})
    lines = mx("lint").out.splitlines()
    found = {line.rpartition(": ")[0].rsplit(":", 2)[0] for line in (line.split(" error ")[0].split(" warning ")[0].split(" info ")[0] for line in lines)}  # fmt: skip
    assert found == {*files, "line\\x0abreak.yaml"}
    assert len(lines) == len(files) + 1
    # A path that begins with a dash, on the command line.
    assert mx("lint", "--", "-dash x.py").out.startswith("-dash x.py:1:8: ruff-check/F401 ")


def test_a_name_that_is_no_utf8(mx: Any, need: Any, tmp_path: Path) -> None:
    need("shellcheck")
    for name in (b"\xff.sh", b"\xff.yaml", b"\xff.py"):
        (tmp_path / name.decode("utf-8", "surrogateescape")).write_text("if then\n", encoding="utf-8")
    for form in ("text", "json", "sarif", "gitlab"):
        result = mx("lint", "--format", form)
        assert result.code == 1, result
        assert ".sh" in result.out


def test_helm_templates_and_mx_state_are_left_out(mx: Any, need: Any, write: Any, tmp_path: Path) -> None:
    need("yamllint")
    bad = "a: {{ .Values.x }}\na: 2\n"
    write(tmp_path, {
        "chart/Chart.yaml": "name: x\n", "chart/templates/a.yaml": "a: 1\na: 2\n", "chart/templates/sub/a.yaml": bad,
        "web/templates/page.yaml": bad, ".mx/generators/X.yaml": "a: 1\na: 2\n",
        "other/templates/plain.yaml": "a: 1\na: 2\n",
    })  # fmt: skip
    result = mx("lint", "--rule", "yamllint")
    assert (
        result.out
        == 'other/templates/plain.yaml:2:1: yamllint/key-duplicates error duplication of key "a" in mapping\n'
    )


def test_other_shells_and_templates_are_left_to_themselves(mx: Any, write: Any, tmp_path: Path) -> None:
    write(tmp_path, {
        "a.sh": "#!/usr/bin/env zsh\necho $1\n", "Dockerfile.dockerignore": "x\n", "Dockerfile.jinja": "{{ x }}\n",
        "a.py.jinja": "{{ x }}\n", "fish": "#!/usr/bin/env fish\necho $1\n",
    })  # fmt: skip
    assert mx("lint", "--skip", "merge-markers").err == "no findings; there was no file to check\n"


def test_markers_in_data_and_where_they_are_meant(mx: Any, write: Any, tmp_path: Path) -> None:
    marked = b"<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n"
    write(tmp_path, {
        "data.bin": b"\0" + marked, "doc.md": b"<!-- mx-lint: allow merge-markers -->\n" + marked,
        "crlf.txt": marked.replace(b"\n", b"\r\n"), "bom.txt": b"\xef\xbb\xbf" + marked,
        "two.txt": marked + marked,
    })  # fmt: skip
    out = mx("lint", "--rule", "merge-markers").out
    assert [line.split(" ")[0] for line in out.splitlines()] == [
        "bom.txt:1:1:",
        "crlf.txt:1:1:",
        "two.txt:1:1:",
        "two.txt:6:1:",
    ]


def test_a_large_yaml_file_is_said_and_not_read(mx: Any, need: Any, write: Any, tmp_path: Path) -> None:
    need("yamllint")
    write(tmp_path, {"large.yaml": "- [1, 2]\n" * 120_000, "small.yaml": "a:  1\n"})
    began = time.monotonic()
    done = mx("lint", "--rule", "yamllint", "--format", "text")
    assert time.monotonic() - began < 20
    assert "large.yaml:1:1: yamllint/large error more than 1 MB are not checked" in done.out
    assert "small.yaml:1:4: yamllint/colons" in done.out
    write(tmp_path, {".yamllint": "extends: relaxed\nignore: large.yaml\n"})
    assert "large.yaml" not in mx("lint", "--rule", "yamllint", "--format", "text").out
