"""The jobs of a rendered project that need no cloud, really run: by gitlab-ci-local, in a shell."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import gitlab_ci_local
import pytest
from ml_environment import uv

from mxdev.testing import mx

pytestmark = pytest.mark.noted()

REPOSITORY = Path(__file__).resolve().parents[3]
JOBS = ("mx-lint", "mx-test", "mx-docs", "mx-package")


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipeline")
    done = mx("generate", "MLProjectSkeleton", "digits-model", "--no-input", "--skip-git", cwd=folder)
    assert done.code == 0, done.stderr
    root = folder / "digits-model"
    done = mx("generate", "GitLabCI", "--no-input", cwd=root)
    assert done.code == 0, done.stderr
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message=First")
    return root


def run(project: Path, *jobs: str) -> subprocess.CompletedProcess[str]:
    """Run jobs as on the default branch; mx comes from this repository, packages from uv's own cache."""
    tools = project.parent / "tools"
    cache = subprocess.run([uv(), "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    variables = {
        "MX_REQUIREMENT": f"mx-devtool[lint] @ {REPOSITORY.as_uri()}",
        "UV_CACHE_DIR": cache,
        "UV_LINK_MODE": "hardlink",
        # One a job, as every job of GitLab's has a machine of its own: an installation pulls mx from under another's feet.
        "UV_TOOL_DIR": f"{tools}/$CI_JOB_NAME",
        "UV_TOOL_BIN_DIR": f"{tools}/$CI_JOB_NAME/bin",
        # Training is tested elsewhere, at length.
        "PYTEST_ADDOPTS": "--deselect=tests/test_trainer.py",
    }
    return gitlab_ci_local.run(
        project,
        *jobs,
        variables=variables,
        tools={},
        # PyTorch as it is in the cache: the index that has it without CUDA may be out of reach.
        options=["--unset-variable", "UV_TORCH_BACKEND"],
        environment={**os.environ, "PATH": os.pathsep.join([str(Path(uv()).parent), os.environ["PATH"]])},
        timeout=1800,
    )


def test_the_jobs_that_need_no_cloud_pass(project: Path) -> None:
    done = run(project, *JOBS)
    assert done.returncode == 0, done.stdout + done.stderr
    for job in JOBS:
        assert re.search(rf"PASS .*{job}", done.stdout), done.stdout
    for command in ("mx lint", "pytest", "mx build docs", "mx build package"):
        assert f"The same on your machine: {command}\n" in done.stdout
    # What the next jobs and GitLab itself take from them came back.
    assert json.loads((project / "build/reports/lint.json").read_text()) == []
    assert (
        float(ElementTree.parse(project / "build/reports/coverage.xml").getroot().attrib["line-rate"]) > 0.5
    )
    tests = ElementTree.parse(project / "build/reports/junit.xml").getroot()[0].attrib
    assert int(tests["tests"]) > 15
    assert (tests["failures"], tests["errors"]) == ("0", "0")
    assert (project / "docs/_build/html/index.html").is_file()
    assert sorted(path.suffix for path in (project / "dist").glob("digits_model-*")) == [".gz", ".whl"]
    assert re.search(r"PASS .*mx-test.* \d+% coverage", done.stdout), "GitLab cannot read the coverage"


def test_a_red_job_says_why(project: Path) -> None:
    """Findings are in the log, in the report, and in the exit code."""
    source = project / "src/digits_model/task.py"
    before = source.read_text()
    source.write_text(before + "import os\n")
    try:
        git(project, "add", "--all")
        done = run(project, "mx-lint")
    finally:
        source.write_text(before)
    assert done.returncode != 0
    assert "src/digits_model/task.py" in done.stdout
    assert "F401" in done.stdout
    report = json.loads((project / "build/reports/lint.json").read_text())
    assert any(finding["location"]["path"] == "src/digits_model/task.py" for finding in report)
