"""`mx flow run --setup`: real environments, from small packages that need no index."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from flow_projects import FAKE_CLI, FAKE_TRACKING, MLPROJECT, environment, install, mx, seen

from mxdev.environment import packages, setup
from mxdev.environment.interpreter import Interpreter, probe, venv_python
from mxdev.errors import MxError

# A build backend in the package itself (PEP 517, `backend-path`): building needs nothing but Python.
BACKEND = """
import tomllib, zipfile
from pathlib import Path
def _wheel(folder, files):
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    info = f"{project['name']}-1.0.dist-info"
    lines = [f"Metadata-Version: 2.1", f"Name: {project['name']}", "Version: 1.0"]
    lines += [f"Requires-Dist: {text}" for text in project.get("dependencies", [])]
    for extra, wanted in project.get("optional-dependencies", {}).items():
        lines += [f"Provides-Extra: {extra}", *(f"Requires-Dist: {text} ; extra == '{extra}'" for text in wanted)]
    files = {**files, f"{info}/METADATA": "\\n".join(lines) + "\\n",
             f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    files[f"{info}/RECORD"] = "".join(f"{name},,\\n" for name in [*files, f"{info}/RECORD"])
    name = f"{project['name']}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder) / name, "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name
def build_wheel(folder, *_, **__):
    return _wheel(folder, {str(p.relative_to("src")): p.read_text() for p in Path("src").rglob("*.py")})
def build_editable(folder, *_, **__):
    return _wheel(folder, {"_tiny.pth": str(Path("src").absolute()) + "\\n"})
"""
HEAD = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\nversion = "1.0"\n'


def package(root: Path, name: str, more: str, **files: str) -> Path:
    """A package that builds itself."""
    (root / "src" / name).mkdir(parents=True)
    (root / "src" / name / "__init__.py").write_text("")
    for file, text in files.items():
        (root / "src" / name / f"{file}.py").write_text(text)
    (root / "backend.py").write_text(BACKEND)
    (root / "pyproject.toml").write_text(f'{HEAD}name = "{name}"\n{more}')
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    mlflow = package(tmp_path / "mlflow", "mlflow", "", cli=FAKE_CLI, tracking=FAKE_TRACKING)
    tool = package(tmp_path / "tool", "tool", "")
    more = f'dependencies = ["mlflow @ {mlflow.as_uri()}"]\nrequires-python = ">=3.11"\n'
    more += f'[project.optional-dependencies]\ndev = ["tool @ {tool.as_uri()}"]\n'
    root = package(tmp_path / "it's a #1 proj", "tiny", more)
    (root / "MLproject").write_text(MLPROJECT)
    (root / "mx.yaml").write_text("version: 1\noptions:\n  name: tiny\n")
    return root


@pytest.fixture(params=["uv", "pip"])
def installer(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """A PATH with uv on it, or without."""
    if request.param == "uv":
        if packages.uv() is None:
            pytest.skip("uv is not installed")
        return {}
    # mx looks beside its own interpreter first: that must not be where uv is.
    bare = tmp_path / "bare"
    site = environment(bare)
    (site / "all.pth").write_text(
        "\n".join(place for place in sys.path if place and "lib-dynload" not in place) + "\n"
    )
    return {"PATH": "/usr/bin:/bin", "MX_TEST_INTERPRETER": str(bare / "bin" / "python")}


def run_mx(*arguments: str, cwd: Path, installer: dict[str, str]) -> Any:
    import flow_projects

    python = installer.get("MX_TEST_INTERPRETER", sys.executable)
    before = flow_projects.MX[0]
    flow_projects.MX[0] = python
    try:
        return mx(*arguments, cwd=cwd, **installer)
    finally:
        flow_projects.MX[0] = before


def stamp(root: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((root / ".venv" / "mx-setup.json").read_text())
    return result


def test_it_makes_the_environment_and_runs(root: Path, installer: dict[str, str]) -> None:
    done = run_mx("flow", "run", "--setup", cwd=root, installer=installer)
    assert done.returncode == 0, done.stderr
    assert ("uv pip" in done.stderr) is ("PATH" not in installer)
    assert " + mlflow" not in done.stderr, "no list of packages"
    assert "Successfully installed" not in done.stderr
    assert "installed in " in done.stderr
    assert done.stdout == "training\n", "the installer's output goes to stderr"
    assert seen(root)["python"] == str(root / ".venv/bin/python")
    found = probe(venv_python(root / ".venv"), "tool")
    assert found is not None
    assert found.project == "1.0", "with its development tools"
    again = run_mx("flow", "run", "--setup", cwd=root, installer=installer)
    assert again.returncode == 0
    assert "$ " not in again.stderr, "nothing is installed twice"


def test_a_changed_pyproject_is_installed(root: Path) -> None:
    assert mx("flow", "run", "--setup", cwd=root).returncode == 0
    (root / "pyproject.toml").write_text((root / "pyproject.toml").read_text() + "# changed\n")
    extra = root / ".venv" / "extra.txt"
    extra.write_text("kept")
    done = mx("flow", "run", "--setup", cwd=root)
    assert done.returncode == 0
    assert "$ " in done.stderr
    assert extra.exists(), "an environment that works is completed, not made anew"


@pytest.mark.parametrize("damage", ["unfinished", "no python", "package gone"])
def test_what_was_cut_short_is_repaired(root: Path, damage: str) -> None:
    assert mx("flow", "run", "--setup", cwd=root).returncode == 0
    folder = root / ".venv"
    if damage == "unfinished":
        # Looks installed, but a file is missing: what a kill in the middle leaves.
        (folder / "mx-setup.json").write_text(json.dumps({**stamp(root), "state": "unfinished"}))
        next(folder.glob("lib/*/site-packages/mlflow/cli.py")).unlink()
    elif damage == "no python":
        (folder / "bin" / "python").unlink()
    else:
        shutil.rmtree(next(folder.glob("lib/*/site-packages/mlflow-1.0.dist-info")))
    done = mx("flow", "run", "--setup", cwd=root)
    assert done.returncode == 0, done.stderr
    assert stamp(root)["state"] == "done"
    assert "--reinstall" not in done.stderr, "uv would download everything again"


def test_an_interrupted_setup_of_somebody_elses_environment_clears_nothing(root: Path) -> None:
    environment(root / ".venv")
    (root / ".venv" / "extra.txt").write_text("mine")
    assert mx("flow", "run", "--setup", cwd=root).returncode == 0
    (root / ".venv" / "mx-setup.json").write_text(json.dumps({**stamp(root), "state": "unfinished"}))
    next((root / ".venv").glob("lib/*/site-packages/mlflow/cli.py")).unlink()
    done = mx("flow", "run", "--setup", cwd=root)
    assert done.returncode == 0, done.stderr
    assert (root / ".venv" / "extra.txt").read_text() == "mine"


def test_a_failed_installation_says_so_and_is_taken_up_again(root: Path) -> None:
    good = (root / "backend.py").read_text()
    (root / "backend.py").write_text("raise SystemExit('no luck')")
    done = mx("flow", "run", "--setup", cwd=root)
    assert done.returncode == 4
    assert "failed with exit code" in done.stderr
    assert "no luck" in done.stderr, "what the installer said"
    assert stamp(root)["state"] == "unfinished"
    assert not (root / "seen.json").exists()
    (root / "backend.py").write_text(good)
    assert mx("flow", "run", "--setup", cwd=root).returncode == 0


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_mx_did_not_make_stays(root: Path, tmp_path: Path, kind: str) -> None:
    mine = tmp_path / "mine"
    if kind == "file":
        (root / ".venv").write_text("mine")
    else:
        folder = mine if kind == "link" else root / ".venv"
        folder.mkdir()
        (folder / "thesis.txt").write_text("mine")
        if kind == "link":
            (root / ".venv").symlink_to(mine)
    done = mx("flow", "run", "--setup", cwd=root)
    assert done.returncode == 4
    assert "is in the way" in done.stderr
    kept = {"file": root / ".venv", "folder": root / ".venv" / "thesis.txt", "link": mine / "thesis.txt"}[
        kind
    ]
    assert kept.read_text() == "mine"


def test_a_dry_run_prints_the_commands(root: Path) -> None:
    done = mx("flow", "run", "--setup", "--dry-run", cwd=root)
    assert done.returncode == 0, done.stderr
    assert "--editable '.[dev]'" in done.stdout
    assert "-m mlflow run ." in done.stdout
    assert not (root / ".venv").exists()
    assert not (root / ".mlflow").exists()


def test_a_python_that_the_project_does_not_take(root: Path) -> None:
    path = root / "pyproject.toml"
    path.write_text(path.read_text().replace(">=3.11", ">=3.98"))
    done = mx("flow", "run", "--setup", cwd=root)
    assert done.returncode == 4
    assert "needs Python >=3.98, and here is only" in done.stderr
    assert not (root / ".venv").exists()


def test_without_pyproject(root: Path) -> None:
    (root / "pyproject.toml").unlink()
    done = mx("flow", "run", "--setup", cwd=root)
    assert done.returncode == 4
    assert "no pyproject.toml" in done.stderr


def target(root: Path, torch: str | None = None) -> Interpreter:
    """An environment of this Python's version."""
    folder = root / "target"
    site = environment(folder)
    if torch:
        install(site, "torch")
    found = probe(venv_python(folder), None)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ("torch>=0.9,<2", "torch==1.0"),
        ("torch>=2", None),
        ("numpy", None),
        ("Torch ; python_version > '3'", "torch==1.0"),
    ],
)
def test_the_pytorch_that_is_here_is_kept_to(
    root: Path, tmp_path: Path, wanted: str, kept: str | None
) -> None:
    (root / "pyproject.toml").write_text(f'[project]\nname = "tiny"\ndependencies = ["{wanted}"]\n')
    active = tmp_path / "active"
    install(environment(active), "torch")
    environ = {"VIRTUAL_ENV": str(active)}
    with packages.kept_versions(root, target(root), None, environ, again=False) as constraints:
        assert (constraints.read_text().strip() if constraints else None) == kept


def test_a_pytorch_in_the_environment_itself_stays_without_a_word(root: Path, tmp_path: Path) -> None:
    (root / "pyproject.toml").write_text('[project]\nname = "tiny"\ndependencies = ["torch"]\n')
    active = tmp_path / "active"
    install(environment(active), "torch")
    own = target(root, torch="1.0")
    with packages.kept_versions(root, own, None, {"VIRTUAL_ENV": str(active)}, again=False) as constraints:
        assert constraints is None


def test_a_constraint_that_does_not_fit_is_given_up(root: Path, tmp_path: Path) -> None:
    """The torch that is here cannot be installed together with what the project needs: choose anew."""
    torch = package(tmp_path / "torch", "torch", "")
    path = root / "pyproject.toml"
    path.write_text(
        path.read_text().replace('dependencies = ["', f'dependencies = ["torch @ {torch.as_uri()}", "', 1)
    )
    active = tmp_path / "active"
    info = environment(active) / "torch-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9\n")
    done = mx("flow", "run", "--setup", cwd=root, VIRTUAL_ENV=str(active))
    assert done.returncode == 0, done.stderr
    assert "did not work with torch==9.9" in done.stderr


def test_another_version_for_an_environment_that_exists(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = target(root)
    other = Interpreter(**{**vars(found), "version": "3.10.1"})
    monkeypatch.setattr(setup, "probe", lambda *_: other)
    with pytest.raises(MxError, match=r"and --python .* is 3\.10\.1"):
        setup._same_version(found, sys.executable)


def test_two_at_a_time(root: Path) -> None:
    import subprocess

    from flow_projects import MX, clean

    both = [
        subprocess.Popen(
            [*MX, "flow", "run", "--setup"], cwd=root, env=clean(), stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sum("$ " in text for text in outputs) == 1, "one made it, the other one waited"
    assert os.path.lexists(root / ".venv")


def test_a_lock_file_is_kept_to(tmp_path: Path) -> None:
    from mxdev.environment import packages

    assert "--constraint" not in packages.commands(tmp_path)[-1]
    (tmp_path / "requirements.lock").write_text("torch==2.15.0\n")
    command = packages.commands(tmp_path)[-1]
    assert command[command.index("--constraint") + 1] == "requirements.lock"


def test_versions_are_locked_once(root: Path) -> None:
    """By uv, for every platform; what is locked is kept to until the file is removed."""
    if packages.uv() is None:
        pytest.skip("uv is not installed")
    shown = mx("flow", "run", "--setup", "--dry-run", cwd=root, CI="").stdout.splitlines()
    assert ["pip compile" in line for line in shown[:3]] == [False, True, False]
    assert "--constraint requirements.lock" in shown[2]
    done = mx("flow", "run", "--setup", cwd=root, CI="")
    assert done.returncode == 0, done.stderr
    lock = root / "requirements.lock"
    text = lock.read_text()
    assert re.search(r"^mlflow @ file://", text, re.MULTILINE)
    assert "tool" not in text, "images have no development tools"
    assert "#    uv pip compile pyproject.toml --universal --output-file requirements.lock\n" in text
    assert "requirements.lock is new: commit it" in done.stderr
    assert "--python-version 3.11" in done.stderr

    lock.write_text(text + "# mine\n")
    again = mx("flow", "run", "--setup", cwd=root, CI="")
    assert "--constraint requirements.lock" in again.stderr, "another lock file is another environment"
    assert "pip compile" not in again.stderr
    assert "$ " not in mx("flow", "run", "--setup", cwd=root, CI="").stderr
    lock.unlink()
    assert mx("flow", "run", "--setup", cwd=root, CI="").returncode == 0
    assert lock.read_text() == text


@pytest.mark.parametrize(
    ("environ", "file", "dependencies"),
    [
        ({"CI": "true"}, "", "['click']"),
        ({}, "uv.lock", "['click']"),
        ({}, "requirements.lock", "['click']"),
        ({}, "", "[]"),
    ],
)
def test_where_no_lock_file_is_written(
    tmp_path: Path, environ: dict[str, str], file: str, dependencies: str
) -> None:
    from mxdev.environment.requirements_lock import command

    (tmp_path / "pyproject.toml").write_text(f"[project]\nname='a'\ndependencies={dependencies}\n")
    if file:
        (tmp_path / file).touch()
    assert command(tmp_path, environ) is None


@pytest.mark.parametrize(
    ("wanted", "oldest"),
    [
        (">=3.11", "3.11"),
        (">=3.10,<3.13", "3.10"),
        ("~=3.12.1", "3.12.1"),
        ("==3.12.*", "3.12"),
        ("", None),
        ("<4", None),
    ],
)
def test_the_lock_file_is_for_the_oldest_python_too(tmp_path: Path, wanted: str, oldest: str | None) -> None:
    from mxdev.environment.requirements_lock import command

    if packages.uv() is None:
        pytest.skip("uv is not installed")
    (tmp_path / "pyproject.toml").write_text(
        f"[project]\nname='a'\ndependencies=['click']\nrequires-python='{wanted}'\n"
    )
    words = command(tmp_path, {}) or []
    assert ("--python-version" in words) == (oldest is not None)
    assert oldest is None or words[words.index("--python-version") + 1] == oldest


def test_a_lock_that_cannot_be_made_stops_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    before = setup.requirements_lock.command

    def broken(*arguments: Any) -> list[str] | None:
        words = before(*arguments)
        return words and [*words, "--no-such-option"]

    monkeypatch.setattr(setup.requirements_lock, "command", broken)
    assert setup.make(root, explicit=None, environ=dict(os.environ)) is not None
    assert not (root / "requirements.lock").exists()
    if packages.uv() is not None:
        assert "the versions could not be locked" in capfd.readouterr().err
