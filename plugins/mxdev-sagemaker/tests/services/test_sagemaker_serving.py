"""ModelService: one contract for models of every framework, the service that answers, and what is rendered around it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from mxdev.testing import mx, render, text, write
from sagemaker_frameworks import inside, run_there
from sagemaker_service import SERVICE

FRAMEWORKS = ("scikit-learn", "pytorch", "keras", "onnx", "custom")


def tool(name: str) -> str:
    """A linter beside the tests' interpreter."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found is not None
    return found


@pytest.fixture(scope="module", params=FRAMEWORKS)
def rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service of a framework."""
    folder = tmp_path_factory.mktemp(request.param)
    write(render("ModelService", name="churn", framework=request.param), folder)
    return folder / "services/churn"


def test_the_contract_and_the_service_on_real_frameworks(tmp_path: Path) -> None:
    """In an environment that has them: see `inside/serving_frameworks.py`."""
    assert "28 passed" in inside("serving_frameworks", SERVICE, folder=tmp_path)


def test_its_own_tests_pass(rendered: Path, tmp_path: Path) -> None:
    assert "3 passed" in run_there(rendered / "tests", rendered, folder=tmp_path)


def test_the_linters_find_nothing(rendered: Path) -> None:
    python = [str(path) for path in rendered.rglob("*.py")]
    rules = "E,F,W,I,B,UP,C4,SIM,RUF,N,D1,S104"
    for command in (
        [tool("ruff"), "check", "--isolated", "--no-cache", "--line-length=160", f"--select={rules}", "--ignore=D105,D107,N818",
         "--per-file-ignores=test_*.py:D", *python],
        [tool("ruff"), "format", "--isolated", "--no-cache", "--line-length=100", "--check", *python],
        [tool("yamllint"), "-s", "-d", "{extends: default, rules: {line-length: {max: 160}}}", rendered / "gitlab-ci.yml"],
        [tool("hadolint"), rendered / "Dockerfile"],
    ):  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_types_are_right() -> None:
    """Those of frameworks, which are not installed here, are taken as any."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "--disable-error-code=untyped-decorator", "serving"],
        cwd=SERVICE, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_image_has_what_it_imports_and_nothing_of_another_framework() -> None:
    wanted = {
        "scikit-learn": "scikit-learn==",
        "pytorch": "torch==",
        "keras": "keras==",
        "onnx": "onnxruntime==",
    }
    for framework in FRAMEWORKS:
        tree = render("ModelService", name="churn", framework=framework)
        lines = text(tree, "services/churn/requirements.txt").split()
        assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in lines)
        found = [name for name, start in wanted.items() if any(line.startswith(start) for line in lines)]
        # Keras computes on PyTorch here.
        assert found == (
            ["pytorch", "keras"] if framework == "keras" else [framework] if framework in wanted else []
        )
        assert ("services/churn/model.py" in tree.files) == (framework == "custom")
        assert not [path for path in tree.files if path.endswith(".pyc")]
        assert ("COPY model.py ." in text(tree, "services/churn/Dockerfile")) == (framework == "custom")


def test_two_services_stand_side_by_side(tmp_path: Path) -> None:
    for name in ("churn", "taste"):
        made = mx("generate", "ModelService", name, "--no-input", cwd=tmp_path)
        assert made.code == 0, made.stderr
    included = yaml.safe_load((tmp_path / ".gitlab-ci.yml").read_text())["include"]
    assert included == [{"local": f"services/{name}/gitlab-ci.yml"} for name in ("churn", "taste")]
    jobs = [yaml.safe_load((tmp_path / one["local"]).read_text()) for one in included]
    assert not jobs[0].keys() & jobs[1].keys()
    assert "python -m pytest tests" in made.stdout
