"""What a generator may put into its tree, and what it may not."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mxdev.errors import MxError
from mxdev.generator.freetext import FreeText, FreeTextError
from mxdev.generator.generator import Generator
from mxdev.generator.options import Values
from mxdev.generator.tree import Tree, check_path
from mxdev.testing import contents, text

Make = Callable[..., Tree]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """A tree of a generator whose module stands in `tmp_path`."""
    module = types.ModuleType("module_of_a_test")
    module.__file__ = str(tmp_path / "generator.py")
    monkeypatch.setitem(sys.modules, "module_of_a_test", module)

    class Made(Generator):
        """Made."""

    Made.__module__ = "module_of_a_test"

    def tree(**values: Any) -> Tree:
        return Tree(Made(Values(values), "Made"))

    return tree


def put(root: Path, path: str, data: str | bytes = "", mode: int = 0o644) -> None:
    file = root / "templates" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    file.chmod(mode)


def test_a_folder_of_templates(make: Make, tmp_path: Path) -> None:
    put(tmp_path, "a.txt.jinja", "{{ name }}\n")
    put(tmp_path, "raw.bin", b"\x00\xff{{ name }}")
    put(tmp_path, "{{ name }}/{{ name }}.py.jinja", "x = {{ text | py }}\n")
    put(tmp_path, "bin/run", "#!/bin/sh\n", 0o755)
    put(tmp_path, "bin/other.jinja", "#!/bin/sh\n", 0o755)
    put(tmp_path, "empty", "")
    put(tmp_path, ".hidden/.file", "h")
    put(tmp_path, "crlf.jinja", "a\r\n{{ name }}\r\n")
    tree = make(name="demo", text=FreeText('"'))
    tree.render()
    assert {path: file.data for path, file in tree.files.items()} == {
        "a.txt": b"demo\n",
        "raw.bin": b"\x00\xff{{ name }}",
        "demo/demo.py": b"x = '\"'\n",
        "bin/run": b"#!/bin/sh\n",
        "bin/other": b"#!/bin/sh\n",
        "empty": b"",
        ".hidden/.file": b"h",
        "crlf": b"a\ndemo\n",
    }
    assert sorted(path for path, file in tree.files.items() if file.executable) == ["bin/other", "bin/run"]
    tree = make(name="demo", text=FreeText('"'))
    tree.render("templates/bin", to="tools/deep")
    assert sorted(tree.files) == ["tools/deep/other", "tools/deep/run"]


def test_a_name_that_renders_to_nothing_leaves_the_file_out(make: Make, tmp_path: Path) -> None:
    put(tmp_path, "{{ 'on' if flag }}/a", "a")
    put(tmp_path, "{{ 'b.txt' if flag }}.jinja", "b")
    put(tmp_path, "{{ 'c' if flag }}", "c")
    for flag, paths in ((True, ["b.txt", "c", "on/a"]), (False, [])):
        tree = make(flag=flag)
        tree.render()
        assert sorted(tree.files) == paths


def test_templates_that_are_not_kept_are_left_out_and_not_rendered(make: Make, tmp_path: Path) -> None:
    put(tmp_path, "a.txt.jinja", "a")
    put(tmp_path, "sub/b.txt.jinja", "{{ nobody_knows_this }}")
    tree = make()
    tree.render("templates", keep=lambda path: path != "sub/b.txt.jinja")
    assert list(tree.files) == ["a.txt"]
    assert tree.templates == {"a.txt.jinja", "sub/b.txt.jinja"}


def test_what_python_leaves_among_templates_is_no_template(make: Make, tmp_path: Path) -> None:
    # pip compiles every .py file of a wheel that it installs.
    put(tmp_path, "src/data.py", "x = 1\n")
    put(tmp_path, "src/__pycache__/data.cpython-311.pyc", b"\x00")
    tree = make()
    tree.render()
    assert sorted(tree.files) == ["src/data.py"]


@pytest.mark.parametrize(
    ("path", "values", "says"),
    [
        ("{{ text }}/a", {"text": FreeText("x")}, "filter of its language"),
        ("{{ text | upper }}", {"text": FreeText("x")}, "filter of its language"),
        ("{{ name }}", {"name": ".."}, "renders to the path"),
        ("{{ name }}/a", {"name": "../.."}, "renders to the path"),
        ("{{ name }}", {"name": "a/b"}, "renders to the path"),
        ("{{ name }}/config", {"name": ".git"}, "not for generators"),
        ("sub/{{ name }}/config", {"name": ".GIT"}, "not for generators"),
        ("{{ name }}/x", {"name": ".mx"}, "not for generators"),
        ("{{ name }}", {"name": "mx.yaml"}, "not for generators"),
        ("{{ missing }}", {}, "missing"),
    ],
)
def test_names_that_lead_astray(
    make: Make, tmp_path: Path, path: str, values: dict[str, Any], says: str
) -> None:
    put(tmp_path, path, "x")
    with pytest.raises(MxError, match=says):
        make(**values).render()


def test_two_files_of_one_path_are_refused(make: Make, tmp_path: Path) -> None:
    put(tmp_path, "a", "1")
    put(tmp_path, "a.jinja", "2")
    with pytest.raises(MxError, match="Made renders a twice"):
        make().render()


def test_a_folder_that_is_missing_is_told(make: Make) -> None:
    with pytest.raises(MxError, match="Made has no folder nothing beside"):
        make().render("nothing")


def test_a_template_error_names_the_template(make: Make, tmp_path: Path) -> None:
    put(tmp_path, "deep/{{ 'a' }}.jinja", "ok\n{{ missing }}\n")
    with pytest.raises(MxError, match=r"deep/\{\{ 'a' \}\}\.jinja:2: 'missing' is undefined"):
        make().render()


def test_files_and_text_made_in_python(make: Make) -> None:
    tree = make(name="demo")
    tree.file("a.txt", "ü")
    tree.file("b.bin", b"\xff", executable=True)
    assert (text(tree, "a.txt"), tree.files["b.bin"].executable) == ("ü", True)
    assert tree.text("{{ name }}!") == "demo!"
    with pytest.raises(MxError, match=r"renders a\.txt twice"):
        tree.file("a.txt", "again")


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../x", "a/../b", "./a", "a//b", "a/", "C:\\x", "a\\b", "a\0b", ".mx/x", ".git/hooks/x", "x/.git/y", ".Git/x",
     "mx.yaml", "MX.yaml", "."],
)  # fmt: skip
def test_paths_that_are_not_for_generators(make: Make, path: str) -> None:
    with pytest.raises(MxError):
        check_path(path)
    with pytest.raises(MxError):
        make().file(path, "x")
    with pytest.raises(MxError):
        make().section(path, "a", 1)


@pytest.mark.parametrize(
    "path", ["a", ".gitignore", ".github/x", "a/mx.yaml", "a.mx/b", "a b/ü", ".gitlab-ci.yml"]
)
def test_paths_that_are(path: str) -> None:
    check_path(path)


def test_free_text_in_python_is_caught_too(make: Make) -> None:
    tree, free = make(), FreeText("x")
    for call in (
        lambda: tree.file(free, "x"),
        lambda: tree.file("x", free),
        lambda: tree.section("a.yaml", "b", free),
        lambda: tree.section("a.yaml", "b", {"c": [1, {"d": free}]}),
        lambda: tree.section("a.yaml", "b", {free: 1}),
        lambda: tree.section(free, "b", 1),
        lambda: tree.next_step(free),
        lambda: tree.next_step("a", free),
    ):
        with pytest.raises((FreeTextError, MxError)):
            call()
    assert not tree.files
    assert not tree.sections


def test_sections(make: Make) -> None:
    tree = make()
    tree.section("a.yaml", "x.first", {"k": (1, 2)})
    tree.section("a.yaml", "x.last", True)
    tree.section("b.txt", "Made", "line")
    with pytest.raises(MxError, match=r"Made renders the section x\.first of a\.yaml twice"):
        tree.section("a.yaml", "x.first", 2)
    assert contents(tree) == {
        "a.yaml": b"x:\n  first:\n    k:\n      - 1\n      - 2\n  last: true\n",
        "b.txt": b"# >>> mx:Made\nline\n# <<< mx:Made\n",
    }
