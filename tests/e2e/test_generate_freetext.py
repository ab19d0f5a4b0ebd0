"""What a person types stays text: in every rendered file of the skeleton, as its own tools read it."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Mx

TEXTS = {
    "all at once": 'He said "hi" {{ 7*7 }} ${x} $(id) #c: [\n',
    "python": "'; import os #",
    "hcl": "%{ if true }",
    "html": "</script>",
    "a leading dash": "-rf --flag",
    "a trailing backslash": "ends in \\",
    "line breaks": "one\ntwo\r\nthree\u2028four",
    "emoji": "🧪 👩🏽\u200d🔬",
    "right to left": "שלום \u202eabc\u202c عربي",
    "yaml": "- a: [b, {c: d}] # e | > ' \" & * !x",
    "controls": "bell \x07 and \x1b[31mred\x7f",
    "markers": "<<<<<<< yours\n=======\n>>>>>>> generator",
    "devspace": "${IMAGE} $!(id) $(id) ${{ x }}",
    "comment ends": "*/ --> \\ coding: utf-7",
    "a number": "1e5",
    "a word": "null",
}


def words(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


def run(tool: str, *arguments: str, cwd: Path, **keywords: Any) -> subprocess.CompletedProcess[str]:
    """A tool that stands beside Python or on the path; skips without it."""
    found = shutil.which(tool, path=str(Path(sys.executable).parent)) or shutil.which(tool)
    if found is None:
        pytest.skip(f"{tool} is not installed")
    return subprocess.run(
        [found, *arguments], cwd=cwd, capture_output=True, text=True, check=False, **keywords
    )


def rendered(root: Path) -> list[Path]:
    return [
        path
        for path in sorted(root.rglob("*"))
        if path.is_file() and not {".mx", ".git"} & set(path.relative_to(root).parts)
    ]


def strings(data: Any) -> list[str]:
    if isinstance(data, dict):
        return [text for pair in data.items() for item in pair for text in strings(item)]
    if isinstance(data, list):
        return [text for item in data for text in strings(item)]
    return [data] if isinstance(data, str) else []


@pytest.fixture
def plain(mx: Mx, tmp_path: Path) -> Path:
    """The same project with texts that harm nobody."""
    folder = tmp_path / "plain"
    folder.mkdir()
    arguments = ["--description", "WORDS", "--client", "WORDS", "--engineer", "WORDS <ada@example.com>"]
    assert (
        mx(
            "generate", "MLProjectSkeleton", "demo-model", "--no-input", "--skip-git", *arguments, cwd=folder
        ).code
        == 0
    )
    return folder / "demo-model"


@pytest.mark.parametrize("case", TEXTS)
def test_every_rendered_file_still_parses_and_carries_the_text(
    mx: Mx, tmp_path: Path, plain: Path, case: str
) -> None:
    text = TEXTS[case]
    result = mx(
        "generate", "MLProjectSkeleton", "demo-model", "--no-input", "--skip-git", "--description", text, "--client", text,
        "--engineer", f"{text} <ada@example.com>",
    )  # fmt: skip
    assert result.code == 0, result.err
    root = tmp_path / "demo-model"
    assert [p.relative_to(root) for p in rendered(root)] == [p.relative_to(plain) for p in rendered(plain)]
    carried = 0
    for path in rendered(root):
        data, other = path.read_text("utf-8"), (plain / path.relative_to(root)).read_text("utf-8")
        check_parses(path, data, other)
        if "WORDS" in other:
            carried += 1
            if path.name != "mx.yaml" and path.suffix not in (
                ".py",
                ".yaml",
                ".tf",
                ".tfvars",
                ".toml",
                ".json",
            ):
                assert words(text) in words(data), path
        else:
            assert data == other, f"{path} changed, and has no text in it"
    assert carried >= 3
    options = yaml.safe_load((root / "mx.yaml").read_text("utf-8"))["options"]
    assert (options["description"], options["client"]) == (text, text)
    assert options["engineer"] == [f"{text} <ada@example.com>"]
    # And it is read again as it was written.
    again = mx("generate", "MLProjectSkeleton", "--json", cwd=root)
    assert again.json["outcome"] == "nothing", [
        c for c in again.json["changes"] if c["status"] != "identical"
    ]


def check_parses(path: Path, data: str, other: str) -> None:
    """The file has the structure of the harmless one, and where that has the word, the text stands."""
    if path.suffix == ".py":
        assert shape(ast.parse(data)) == shape(ast.parse(other)), path
    elif path.suffix in (".yaml", ".yml") and "{{" not in other.replace("${{", ""):
        one, two = list(yaml.safe_load_all(data)), list(yaml.safe_load_all(other))
        assert len(strings(one)) == len(strings(two)), path
    elif path.name == "MLproject":
        assert len(strings(yaml.safe_load(data))) == len(strings(yaml.safe_load(other)))
    elif path.suffix == ".toml":
        assert len(strings(tomllib.loads(data))) == len(strings(tomllib.loads(other))), path
    elif path.suffix == ".json":
        assert len(strings(json.loads(data))) == len(strings(json.loads(other))), path
    elif path.suffix == ".sh":
        subprocess.run(["bash", "-n", str(path)], check=True)
    elif path.suffix in (".md", ".rst"):
        assert len(data.splitlines()) == len(other.splitlines()), path
        assert kinds(path, data) == kinds(path, other), path


def shape(tree: ast.AST) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = "s"
    return ast.dump(tree)


def kinds(path: Path, data: str) -> list[str]:
    """The blocks and inline marks of a document, without the text."""
    if path.suffix == ".rst":
        from docutils.core import publish_doctree

        settings = {"report_level": 5, "warning_stream": False}
        return [
            n.tagname
            for n in publish_doctree(data, settings_overrides=settings).findall()
            if n.tagname != "#text"
        ]
    from markdown_it import MarkdownIt

    found = []
    for token in MarkdownIt("commonmark").enable("table").parse(data):
        found.append(token.type)
        found += [
            child.type for child in token.children or () if not child.type.startswith(("text", "softbreak"))
        ]
    return found


@pytest.mark.parametrize("case", ["all at once", "hcl", "a trailing backslash", "devspace", "emoji"])
def test_real_tools_take_the_files(mx: Mx, tmp_path: Path, case: str) -> None:
    text = TEXTS[case]
    mx("generate", "MLProjectSkeleton", "demo-model", "--no-input", "--skip-git", "--description", text, "--client", text,
       "--engineer", f"{text} <ada@example.com>")  # fmt: skip
    root = tmp_path / "demo-model"
    done = run("ruff", "check", "--no-cache", "--isolated", "--select", "E9,F", ".", cwd=root)
    assert done.returncode == 0, done.stdout
    for path in rendered(root):
        if path.name.startswith("Dockerfile") or path.suffix == ".dockerfile":
            done = run("hadolint", "--format", "json", str(path), cwd=root)
            assert not [
                finding for finding in json.loads(done.stdout or "[]") if finding["code"] == "DL1000"
            ], done.stdout
        elif path.suffix == ".sh":
            assert run("shellcheck", "--severity=error", str(path), cwd=root).returncode == 0
    folder = root / "infrastructure" / "terraform"
    if shutil.which("terraform"):
        environment = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull}
        done = run("terraform", "fmt", "-check", "-recursive", "-diff", ".", cwd=folder, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
