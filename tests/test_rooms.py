"""The house: CONTRIBUTING's list of rooms is what is there, imports run down it only, and no two files import each other in a circle."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import mxdev
import mxdev_generators

HOME = Path(mxdev.__file__).parent
GENERATORS = Path(mxdev_generators.__file__).parent
ROWS = re.findall(
    r"^\| `(\w+)(?:/|\.py)` \| (.+) \|$", (HOME.parent / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE
)  # fmt: skip
FILES = {".".join((path.parent if path.stem == "__init__" else path.with_suffix("")).relative_to(HOME.parent).parts): path
         for path in HOME.rglob("*.py")}  # fmt: skip


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports anywhere, also in functions and for type checkers only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = (f"{node.module}.{name.name}" for name in node.names)
            yield from (name if name in FILES else str(node.module) for name in names)


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


ARROWS = {module: {name for name in imports(path) if name in FILES} for module, path in FILES.items()}


def test_every_room_is_in_the_list_with_its_own_words() -> None:
    first = {
        folder.parent.name: ast.get_docstring(ast.parse(folder.read_text()))
        for folder in HOME.glob("*/__init__.py")
    }
    listed = {name: job for name, job in ROWS if (HOME / name).is_dir()}
    assert listed == {name: (text or "").partition("\n")[0] for name, text in first.items()}


def test_imports_run_down_the_list_and_in_no_circle() -> None:
    order = [name for name, _ in ROWS]
    for module, names in ARROWS.items():
        for name in names - {module}:
            here, there = room(module), room(name)
            # Addresses of public names import from rooms, and are imported by none.
            assert there in order, f"{module} imports {name}, which is an address for authors of plugins"
            assert here not in order or order.index(here) <= order.index(there), (
                f"{module} imports {name}: up"
            )
    TopologicalSorter(ARROWS).prepare()  # CycleError names the circle


def test_the_core_knows_no_generator() -> None:
    used = {name for path in FILES.values() for name in imports(path)}
    assert not [name for name in used if name.startswith("mxdev_generators")]


def test_what_generators_share_knows_none_of_them_and_they_know_each_other_in_no_circle() -> None:
    folders = {path.name: path for path in GENERATORS.iterdir() if (path / "__init__.py").is_file()}
    arrows = {
        name: {
            found
            for file in folder.glob("*.py")
            for module in imports(file)
            for found in re.findall(r"^mxdev_generators\.(\w+)", module)
        }
        - {name}
        for name, folder in folders.items()
    }
    assert {"names", "project"} <= arrows["ml_project_skeleton"]
    shared = {name for name, folder in folders.items() if not (folder / "generator.py").exists()}
    assert {name: arrows[name] - shared for name in shared if arrows[name] - shared} == {}
    TopologicalSorter(arrows).prepare()  # CycleError names the circle


def test_a_room_has_one_job_and_a_file_one_concept() -> None:
    """About ten files in a room, and at most 500 lines in a file."""
    folders = {folder for folder in HOME.rglob("*") if list(folder.glob("*.py"))}
    full = {str(folder): count for folder in folders if (count := len(list(folder.glob("[!_]*.py")))) > 14}
    assert full == {}
    assert {
        str(path): lines for path in FILES.values() if (lines := path.read_text().count("\n")) > 500
    } == {}


def test_no_two_files_of_tests_outside_of_packages_have_one_name() -> None:
    """pytest imports such a file by its name alone, and stops at the second."""
    files = [
        path
        for path in Path(__file__).parent.rglob("test_*.py")
        if not (path.parent / "__init__.py").exists()
    ]
    assert [name for name, count in Counter(path.name for path in files).items() if count > 1] == []
