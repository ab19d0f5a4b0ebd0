"""What promises to run nothing runs no program and imports no module of the project."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from flow_projects import project, with_environment
from traps import plain_git

from mxdev.environment.choose import choose
from mxdev.environment.interpreter import probe
from mxdev.environment.on_disk import inspect
from mxdev.errors import MxError
from mxdev.testing import mx as in_process

DRY = [
    ("flow", "run", "--dry-run"),
    ("flow", "ui", "--port", "50874"),
    ("build", "docs", "--dry-run"),
    ("build", "package", "--dry-run"),
    ("data", "list", "--bucket", "data"),
]
# Names that Python programs import at once.
MODULES = ("json.py", "os.py", "site.py", "sitecustomize.py", "usercustomize.py", "mlflow.py", "build.py", "sphinx.py", "random.py", "email.py")  # fmt: skip


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "ran"


@pytest.fixture
def root(tmp_path: Path, mark: Path) -> Path:
    """A project full of modules that leave a mark, in the folder and in `src`."""
    root = with_environment(project(tmp_path / "p"))
    (root / "docs").mkdir()
    (root / "docs/conf.py").write_text("")
    for folder in (root, root / "src"):
        for name in MODULES:
            # Where the project is installed, `src` is on the path of its environment, as its user wanted.
            if folder == root or "customize" not in name:
                (folder / name).write_text(f"open({str(mark)!r}, 'a').write(__file__ + chr(10))\n")
    return root


@pytest.mark.parametrize("command", DRY, ids=" ".join)
def test_no_module_beside(root: Path, mark: Path, command: tuple[str, ...]) -> None:
    in_process(*command, cwd=root)
    assert not mark.exists(), mark.read_text()


@pytest.mark.parametrize("path", [".", "src"])
def test_no_module_that_pythonpath_names(
    root: Path, mark: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", path, str(root / path)]))
    found = probe(Path(sys.executable), "pip")
    assert found is not None
    assert found.project
    assert not mark.exists(), mark.read_text()


@pytest.mark.parametrize("command", DRY, ids=" ".join)
def test_no_interpreter_that_the_project_brings(root: Path, mark: Path, command: tuple[str, ...]) -> None:
    python = root / ".venv/bin/python"
    python.unlink()
    python.write_text(f"#!/bin/sh\necho $0 >> {mark}\nexit 1\n")
    python.chmod(0o755)
    in_process(*command, cwd=root)
    assert not mark.exists(), mark.read_text()


def test_an_environment_that_git_has_is_refused(root: Path) -> None:
    plain_git(root, "init", "--quiet")
    plain_git(root, "add", "--force", ".venv/pyvenv.cfg")
    done = in_process("flow", "ui", "--port", "50875", cwd=root)
    assert done.code == 4, done.stderr
    assert f"{root / '.venv'} is part of the repository, so mx runs nothing in it." in done.stderr
    assert "--python" in done.stderr


def test_an_interpreter_that_is_a_file_of_the_project_is_refused(root: Path) -> None:
    (root / ".venv/bin/python").unlink()
    (root / ".venv/bin/python").write_text("#!/bin/sh\n")
    (root / ".venv/bin/python").chmod(0o755)
    with pytest.raises(MxError, match="is a file of the project and no link to an installed Python"):
        choose(root, explicit=None, environ={}, run_nothing=True)


def test_what_is_read_from_the_disk_is_what_the_interpreter_says(root: Path) -> None:
    told = choose(root, explicit=None, environ={})
    read = choose(root, explicit=None, environ={}, run_nothing=True)
    assert (read.python, read.project, read.project_at, read.mlflow, read.torch, read.pip) == (
        told.python, told.project, told.project_at, told.mlflow, told.torch, told.pip,
    )  # fmt: skip
    assert told.version.startswith(read.version)


def test_what_is_no_environment(tmp_path: Path) -> None:
    assert inspect(tmp_path, None) is None
    (tmp_path / "pyvenv.cfg").write_text("version = 3.12.1\n")
    assert inspect(tmp_path, None) is None, "it has no interpreter"


def test_a_program_in_the_current_folder_is_none(
    root: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty or relative entry of PATH means the current folder."""
    for name in (
        "git",
        "ruff",
        "yamllint",
        "hadolint",
        "shellcheck",
        "uv",
        "docker",
        "kubectl",
        "sphinx-build",
    ):
        program = root / name
        program.write_text(f"#!/bin/sh\necho $0 >> {mark}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.chdir(root)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", os.environ["PATH"]]))
    for command in (*DRY, ("lint",), ("build", "image", "--dry-run")):
        in_process(*command, cwd=root)
    assert not mark.exists(), mark.read_text()


def test_nor_does_a_program_that_mx_starts_take_one_from_there(
    root: Path, mark: Path, tmp_path: Path
) -> None:
    """As gcloud, which starts `tput` by its name."""
    own = tmp_path / "own"
    own.mkdir()
    for program, lines in (
        (own / "git", 'helper\nexec /usr/bin/git "$@"'),
        (root / "helper", f"echo ran >> {mark}"),
    ):
        program.write_text(f"#!/bin/sh\n{lines}\n")
        program.chmod(0o755)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    for entries in (("", own), (own, "."), (own, "./x/..")):
        path = os.pathsep.join(map(str, entries))
        environment = {**os.environ, "PATH": f"{path}{os.pathsep}/usr/bin{os.pathsep}/bin"}
        done = subprocess.run(
            [sys.executable, "-m", "mxdev", "lint", "--rule", "merge-markers"], cwd=root, env=environment, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert not mark.exists(), mark.read_text()
