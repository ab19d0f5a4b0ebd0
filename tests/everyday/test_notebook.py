"""Notebook: what it renders is right by the real tools, comes and goes without a trace, and its cells run on every task."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from covering import EVERYDAY, Row, label, rows
from everyday import LONGEST, TEMPLATES, add, python, start
from golden import files
from ml_environment import made, ml_python

from mxdev import testing
from mxdev.testing import mx

__all__ = ["ml_python"]
# Those with the longest name: the rest is as in test_entry_point.py.
ROWS = [row for row in rows(EVERYDAY) if row["instance"] == LONGEST]
# What JupyterLab does with a notebook that was run: it has a kernel, outputs and numbers, and is saved.
SAVE = """
import sys, jupytext, nbformat
path = sys.argv[1]
book = jupytext.read(path)
book.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
for number, cell in enumerate(cell for cell in book.cells if cell.cell_type == "code"):
    cell.outputs = [nbformat.v4.new_output("stream", text="said")]
    cell.execution_count = number + 1
    cell.metadata["scrolled"] = True
jupytext.write(book, path)
print([cell.cell_type for cell in book.cells].count("code"))
"""


@pytest.mark.parametrize("row", ROWS, ids=map(label, ROWS))
def test_it_has_style_and_goes_without_a_trace(row: Row, tmp_path: Path) -> None:
    options = (f"--cloud={row['cloud']}", f"--task={row['task']}")
    project = start(tmp_path, row["project"], *options)
    before = files(project)
    for name in (row["instance"], "another"):
        add(project, "Notebook", name)
    group = tomllib.loads((project / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {item.partition(">")[0] for item in group["notebook"]} == {"jupyterlab", "jupytext"}
    done = mx("lint", cwd=project)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr
    answer = json.loads(mx("generate", "Notebook", row["instance"], "--json", cwd=project).stdout)
    assert answer["outcome"] == "nothing"
    done = mx("destroy", f"Notebook:{row['instance']}", "Notebook:another", "--no-input", cwd=project)
    assert done.code == 0, done.stderr
    assert files(project) == before


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = start(tmp_path_factory.mktemp("notebook"), "m1", "--cloud=none")
    add(project, "Notebook", "explore")
    return project


def test_a_notebook_that_was_run_and_saved_is_the_same_file(written: Path) -> None:
    path = written / "notebooks/explore.py"
    before = path.read_bytes()
    interpreter = made("jupytext", ["jupytext>=1.17,<2"])
    done = subprocess.run([interpreter, "-c", SAVE, path], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 4
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["trainer", "inspect", "statistics", "pandas", "altair", "m1"])
def test_a_name_that_cannot_be_is_refused(written: Path, name: str) -> None:
    done = mx("generate", "Notebook", name, "--no-input", cwd=written)
    assert done.code == 2
    assert f"Take another, such as {name}_notebook" in " ".join(done.stderr.split())


def rendered() -> SimpleNamespace:
    """What the tests below depend on, for their notes."""
    trees = [testing.render("MLProjectSkeleton", name="m1", cloud=cloud, task=task) for cloud, task in KINDS]
    files = {
        f"{number}/{path}": file for number, tree in enumerate(trees) for path, file in tree.files.items()
    }
    # Rendered alone it would be a notebook of a project with its own name, which is refused.
    for path in sorted((TEMPLATES / "notebook").rglob("*.*")):
        if path.is_file() and path.suffix != ".pyc":
            files[f"notebook/{path.name}"] = SimpleNamespace(executable=False, data=path.read_bytes())
    return SimpleNamespace(files=files, sections=[])


KINDS = [("existing", "image"), ("none", "text")]


@pytest.mark.noted.with_args(rendered)
@pytest.mark.parametrize(("cloud", "task"), KINDS)
def test_its_own_test_runs_its_cells_and_names_the_line_that_fails(
    ml_python: Path, tmp_path: Path, cloud: str, task: str
) -> None:
    project = start(tmp_path, "m1", f"--cloud={cloud}", f"--task={task}")
    for name in ("explore", "broken"):
        add(project, "Notebook", name)
    notebook = project / "notebooks/broken.py"
    notebook.write_text(f"{notebook.read_text()}\n# %%\nprint(losses[-1] / 0)\n")
    tests = [f"tests/test_{name}.py" for name in ("explore", "broken")]
    done = python(ml_python, project, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    line = notebook.read_text().count("\n")
    assert f"notebooks/broken.py:{line}: ZeroDivisionError" in done.stdout
