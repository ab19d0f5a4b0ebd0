"""`mx lint --fix`: mends what is safe, says what it mended, and leaves the rest alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _tools(need: Any) -> None:
    need("ruff")
    need("terraform")


def test_fix(mx: Any, write: Any, tmp_path: Path) -> None:
    write(tmp_path, {
        "src/a.py": "import os\nimport sys\nx = ( 1)\nprint(sys)\n", "good.py": "x = 1\n", "a.tf": "a   = 1\n",
        "b.tf": "b = {\n", "c.tf": "c   = 1\n", "syntax.py": "def f(:\n", "c.yaml": "a: 1   \n",
    })  # fmt: skip
    good, yaml = (tmp_path / "good.py").stat().st_mtime_ns, (tmp_path / "c.yaml").read_bytes()
    result = mx("lint", "--fix")
    assert (tmp_path / "src/a.py").read_text() == "import sys\n\nx = 1\nprint(sys)\n"
    assert (tmp_path / "a.tf").read_text() == "a = 1\n"
    assert (tmp_path / "c.tf").read_text() == "c = 1\n"  # a syntax error before it is not in the way
    assert (tmp_path / "b.tf").read_text() == "b = {\n"
    assert (tmp_path / "syntax.py").read_text() == "def f(:\n"
    assert (tmp_path / "good.py").stat().st_mtime_ns == good
    assert (tmp_path / "c.yaml").read_bytes() == yaml
    assert result.err.splitlines()[:3] == ["fixed a.tf", "fixed c.tf", "fixed src/a.py"]
    # What is left is reported, and only that.
    assert result.code == 1
    rules = {(line.split(":")[0], line.split(" ")[1]) for line in result.out.splitlines()}
    assert rules == {
        ("b.tf", "terraform-fmt/syntax"), ("syntax.py", "ruff-check/invalid-syntax"), ("c.yaml", "yamllint/trailing-spaces"),
    }  # fmt: skip
    assert mx("lint", "--fix", "--format", "json", "src").json["fixed"] == []
    (tmp_path / "a.tf").write_text("a   = 1\n")
    assert mx("lint", "--fix", "--format", "json").json["fixed"] == ["a.tf"]


def test_without_fix_nothing_is_written(mx: Any, write: Any, tmp_path: Path, look: Any) -> None:
    write(tmp_path, {
        "w/a.py": "import os\nx = ( 1)\n", "w/a.tf": "a   = 1\n",
        "own/pyproject.toml": "[tool.ruff]\nfix = true\nlint.select = ['F']\n", "own/a.py": "import os\n",
    })  # fmt: skip
    before = look(tmp_path / "w"), (tmp_path / "own/a.py").read_text()
    assert mx("lint").code == 1
    assert mx("lint", cwd=tmp_path / "own").code == 1
    assert (look(tmp_path / "w"), (tmp_path / "own/a.py").read_text()) == before


def test_unsafe_fixes_are_left_to_the_person(mx: Any, write: Any, tmp_path: Path) -> None:
    write(tmp_path, {
        "pyproject.toml": "[tool.ruff]\nunsafe-fixes = true\nlint.select = ['F']\n", "a.py": "def f():\n    x = 1\n",
    })  # fmt: skip
    assert mx("lint", "--fix").code == 1
    assert (tmp_path / "a.py").read_text() == "def f():\n    x = 1\n"


def test_a_link_is_not_followed_out_of_the_project(mx: Any, write: Any, repo: Path) -> None:
    write(repo.parent, {"outside.py": "x = ( 1)\n"})
    (repo / "link.py").symlink_to(repo.parent / "outside.py")
    assert mx("lint", "--fix", cwd=repo).code == 0
    assert (repo.parent / "outside.py").read_text() == "x = ( 1)\n"


def test_a_file_in_conflict_is_not_touched(mx: Any, write: Any, tmp_path: Path) -> None:
    text = "<<<<<<< a\nx = ( 1)\n=======\ny = ( 1)\n>>>>>>> b\n"
    write(tmp_path, {"a.py": text, "a.tf": text})
    assert mx("lint", "--fix").code == 1
    assert (tmp_path / "a.py").read_text() == (tmp_path / "a.tf").read_text() == text


def test_fix_waits_for_another_mx(mx: Any, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mxdev.disk.locks import lock

    (project / "a.py").write_text("x = ( 1)\n")
    real = lock.hold
    monkeypatch.setattr(lock, "hold", lambda root: real(root, wait=0.0))
    with real(project):
        result = mx("lint", "--fix", cwd=project)
        assert result.code == 1
        assert "Another mx is at work" in result.err
        assert (project / "a.py").read_text() == "x = ( 1)\n"
        assert (
            mx("lint", cwd=project).out
            == "a.py:1:1: ruff-format error not formatted; `mx lint --fix` formats it\n"
        )
    assert mx("lint", "--fix", cwd=project).code == 0
    assert (project / "a.py").read_text() == "x = 1\n"
