"""The page "Your own data" works as it is written: its files are written, its commands run, and it says what they say."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from flow_projects import clean, environment, install, mx
from ml_environment import ml_python

__all__ = ["ml_python"]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "own-data.md"
_FENCE = re.compile(r"^```(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """A command of the page, or a file that it has a reader write."""

    command: str = ""
    path: str = ""
    text: str = ""


def steps() -> list[Step]:
    found = []
    for kind, text in _FENCE.findall(PAGE.read_text()):
        if kind == "console":
            found += [Step(line.removeprefix("$ ")) for line in text.splitlines()]
        elif kind.startswith("{code-block}"):
            caption, _, content = text.partition("\n\n")
            found.append(Step(path=caption.removeprefix(":caption: "), text=content))
        else:
            assert kind == "text", kind
    return found


@pytest.fixture(scope="module")
def said(ml_python: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The project after the whole page, and what each command said."""
    home = tmp_path_factory.mktemp("own-data")
    root, said = home / "churn", {}
    for step in steps():
        if step.path:
            (root / step.path).parent.mkdir(parents=True, exist_ok=True)
            (root / step.path).write_text(step.text, encoding="utf-8")
            continue
        command = shlex.split(step.command)
        if "--setup" in command:
            # The environment that --setup would make, without the gigabytes.
            command.remove("--setup")
            packages = environment(root / ".venv", ml_python)
            install(packages, "churn", root)
            where = "import sysconfig; print(sysconfig.get_path('purelib'))"
            (packages / "ml.pth").write_text(subprocess.check_output([ml_python, "-c", where], text=True))
        if command[0] == "cd":
            assert command[1] == root.name
            continue
        at = root if root.exists() else home
        if command[0] == "mx":
            done = mx(*command[1:], cwd=at, MX_OPT_MX_SOURCE="index")
        else:
            done = subprocess.run(
                command, cwd=at, env=clean(), capture_output=True, text=True, check=False
            )  # fmt: skip
        said[step.command] = done.stdout + done.stderr
        assert done.returncode == 0, f"{step.command}\n{said[step.command]}"
        if step.command.endswith("tests/test_task.py"):
            said["tumors"] = _of_the_tumors(root)
    return root, said


def _of_the_tumors(root: Path) -> str:
    done = subprocess.run(
        [".venv/bin/python", "-m", "pytest", "-q", "tests/test_tumors.py"],
        cwd=root, env=clean(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    return done.stdout


def test_the_model_is_of_ones_own_data(said: tuple[Path, dict[str, str]]) -> None:
    root, texts = said
    trained = texts["mx flow run -P epochs=40"]
    (accuracy,) = re.findall(r"^test accuracy (\d\.\d+), recall \d\.\d+, loss", trained, re.M)
    assert 0.8 <= float(accuracy) < 1
    assert "registered as version 1 of churn" in "".join(texts.values())
    assert texts[".venv/bin/python predict.py"].split()[-2:] == ["leaves", "stays"]
    assert (root / "data" / "customers.csv").read_text().count("\n") == 601


def test_the_tests_of_the_old_data_say_what_the_page_says(said: tuple[Path, dict[str, str]]) -> None:
    (sentence,) = re.findall(r"^```text\n(.*?)\n```$", PAGE.read_text(), re.M | re.S)
    assert sentence in said[1]["tumors"]
    assert " passed" not in said[1]["tumors"].splitlines()[-1]


def test_the_cluster_comes_and_ones_own_task_stays(said: tuple[Path, dict[str, str]]) -> None:
    root, texts = said
    assert "devspace.yaml" in texts["mx set cloud=existing"]
    (task,) = [step.text for step in steps() if step.path.endswith("task.py")]
    assert (root / "src/churn/task.py").read_text() == task
    assert not (root / "tests/test_tumors.py").exists()
    done = subprocess.run(
        [".venv/bin/python", "-m", "churn.trainer", "training.epochs=3"],
        cwd=root, env=clean(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test accuracy" in done.stdout


def test_style(said: tuple[Path, dict[str, str]]) -> None:
    """What the page has a reader write is as mx wants it."""
    done = mx("lint", cwd=said[0])
    assert done.returncode == 0, done.stdout
