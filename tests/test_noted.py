"""What is noted is not run again while its inputs stay the same, and only then."""

from __future__ import annotations

from pathlib import Path

import noted
import pytest

from mxdev.generator.tree import Tree
from mxdev.testing import render
from mxdev_generators.ml_project_skeleton.generator import MLProjectSkeleton

pytest_plugins = ["pytester"]

SLOW = """
import pytest, code_of, shared_by_tests

@pytest.fixture(scope="module")
def world():
    print("set up")

@pytest.mark.noted()
def test_one(world): assert code_of.TRUE

@pytest.mark.noted()
def test_two(world): assert code_of.TWO

def test_three(): pass
"""


@pytest.fixture
def repository(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of two modules and two test files, with notes of its own."""
    for name, text in {
        "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['mxdev', 'tests', 'plugins/one/tests']\ntestpaths = ['tests', 'plugins/one/tests']\n",
        "mxdev/code_of.py": "TRUE = TWO = True\n",
        "generators/g.jinja": "x\n",
        "tests/shared_by_tests.py": "",
        "tests/test_slow.py": SLOW,
        "tests/test_other.py": "def test_it(): pass\n",
        "generators/templates/test_rendered.py": "",
        "plugins/one/tests/test_plugged.py": "import one_shared\ndef test_plugged(): pass\n",
        "plugins/one/tests/one_shared.py": "",
        "plugins/two/code.py": "",
        "plugins/conftest.py": "",
        "benchmarks/load.py": "",
    }.items():
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(noted, "REPOSITORY", pytester.path)
    monkeypatch.setattr(noted, "user_cache_path", lambda name: pytester.path / "cache" / name)
    monkeypatch.delenv("MX_TEST_ALL", raising=False)
    return pytester.path


def run(pytester: pytest.Pytester, *arguments: str) -> tuple[int, int, int]:
    """How many passed and failed, and how many of those that passed were only noted."""
    for cached in (noted._code, noted._code_and_tests, noted._test_files):
        cached.cache_clear()
    found = pytester.runpytest_inprocess("-p", "noted", "-p", "no:cacheprovider", *arguments)
    outcomes = found.parseoutcomes()
    told = [line for line in found.outlines if "passed earlier" in line]
    return outcomes.get("passed", 0), outcomes.get("failed", 0), int(told[0].split()[0]) if told else 0


@pytest.mark.parametrize(
    ("path", "left_out"),
    [
        (None, 3),
        ("tests/test_other.py", 3),
        ("plugins/two/code.py", 3),
        ("mxdev/code_of.py", 0),
        ("generators/g.jinja", 0),
        ("generators/templates/test_rendered.py", 0),
        ("tests/shared_by_tests.py", 0),
        ("benchmarks/load.py", 0),
        ("plugins/conftest.py", 0),
        ("pyproject.toml", 0),
        # Those of the other file stay.
        ("tests/test_slow.py", 1),
        ("plugins/one/tests/one_shared.py", 2),
        ("plugins/one/tests/test_plugged.py", 2),
    ],
)
def test_it_is_run_again_when_an_input_changed(
    pytester: pytest.Pytester, repository: Path, path: str | None, left_out: int
) -> None:
    assert run(pytester) == (5, 0, 0)
    if path:
        with (repository / path).open("a") as file:
            file.write("\n# changed\n")
    assert run(pytester) == (5, 0, left_out)


def test_nothing_is_set_up_for_it(pytester: pytest.Pytester, repository: Path) -> None:
    slow = repository / "tests/test_slow.py"
    slow.write_text(slow.read_text().replace("print(", "(repository / 'made').write_text(").replace(
        "import pytest,", f"import pathlib; repository = pathlib.Path({str(repository)!r})\nimport pytest,"))  # fmt: skip
    assert run(pytester) == (5, 0, 0)
    (repository / "made").unlink()
    assert run(pytester) == (5, 0, 3)
    assert not (repository / "made").exists()


def test_a_files_tests_are_left_out_together_and_no_failure_is_noted(
    pytester: pytest.Pytester, repository: Path
) -> None:
    code = repository / "mxdev/code_of.py"
    code.write_text("TRUE, TWO = True, False\n")
    assert run(pytester) == (4, 1, 0)
    assert run(pytester) == (4, 1, 1)  # the plugin's


def test_all_are_run_when_that_is_asked_for(
    pytester: pytest.Pytester, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(pytester) == (5, 0, 0)
    monkeypatch.setenv("MX_TEST_ALL", "1")
    assert run(pytester) == (5, 0, 0)


def test_what_a_test_file_imports_of_another_counts(pytester: pytest.Pytester, repository: Path) -> None:
    other = repository / "tests/test_other.py"
    slow = repository / "tests/test_slow.py"
    slow.write_text("from test_other import test_it\n" + slow.read_text())
    assert run(pytester) == (6, 0, 0)
    assert run(pytester) == (6, 0, 3)
    other.write_text("def test_it(): assert True\n")
    assert run(pytester) == (6, 0, 1)


def test_a_project_that_cannot_be_rendered_fails_its_test_alone(
    pytester: pytest.Pytester, repository: Path
) -> None:
    (repository / "tests/test_other.py").write_text(
        "import pytest\n"
        "def broken(): raise ValueError('no such template')\n"
        "@pytest.mark.noted.with_args(broken)\n"
        "def test_rendered(): pass\n"
    )
    found = pytester.runpytest_inprocess("-p", "noted", "-p", "no:cacheprovider")
    found.assert_outcomes(passed=4, errors=1)
    found.stdout.fnmatch_lines(["*ValueError: no such template*"])


def test_what_runs_a_package_elsewhere_does_not_count_where_it_is_only_trained() -> None:
    def whole() -> Tree:
        return render(MLProjectSkeleton, name="m1")

    kept = noted.package(whole)()
    gone = whole().files.keys() - kept.files.keys()
    assert {path.partition("/")[0] for path in gone} == {".devcontainer", "infrastructure"}
    assert {section.path for section in whole().sections} - {section.path for section in kept.sections} == {
        "devspace.yaml"
    }
    assert {"src/m1/trainer.py", "tests/test_trainer.py", "pyproject.toml", "MLproject", "docs/index.md"} <= {
        *kept.files
    }
