"""The jobs that model projects get from the central pipeline, really run by gitlab-ci-local: the pipeline comes from a Git server, AWS is moto's."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
import shipyard_aws as cloud
import shipyard_environment
import shipyard_platform
import yaml
from mxdev.testing import contents, mx, once, render
from mxdev.version import __version__
from shipyard_aws import REPOSITORY
from shipyard_platform import TOKEN, Platform

from mxdev_shipyard.pipelines.options import PACKAGE

DATA = f"s3://{cloud.BUCKET}/{REPOSITORY}/data/2026-01-01T00:00:00Z"
Tell = Callable[[Callable[[Path], None]], str]
# Doubles of what installs: the packages are here already, and a job that asks for others fails.
INSTALLS = f"""\
case "$*" in
  "install --quiet {PACKAGE}") ;;
  "install --quiet --require-hashes -r requirements.txt -r requirements-dev.txt") cat requirements.txt requirements-dev.txt > /dev/null ;;
  *) echo "nobody expected pip $*" >&2; exit 9 ;;
esac"""


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A Git server with the central pipeline under its tag."""
    folder = tmp_path_factory.mktemp("git")
    with shipyard_platform.served(folder) as served, pytest.MonkeyPatch.context() as patch:
        served.repository("shipyard/pipelines.git")
        made = mx("generate", "PromotionPipeline", "pipelines", "--no-input", "--skip-git", cwd=folder)
        assert made.code == 0, made.stderr
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"], ["tag", "v1"]):
            git(folder / "pipelines", *command)
        git(folder / "pipelines", "push", "-q", str(folder / "shipyard/pipelines.git"), "main", "v1")
        # As the credential helper of a person: gitlab-ci-local clones what is included.
        for name, value in shipyard_platform.credentials().items():
            patch.setenv(name, value)
        yield served


@pytest.fixture(scope="module")
def project(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A model of flowers, pushed nowhere yet, and its account, where a data set lies."""
    root = shipyard_environment.project(tmp_path_factory.mktemp("jobs"), "--architecture", "tabular")
    git(root, "init", "-q")
    git(root, "remote", "add", "origin", f"{platform.url}/shipyard/models/{REPOSITORY}.git")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "one")
    with cloud.account():
        for name, shift in (("training", 0.0), ("evaluation", 0.05)):
            cloud.put(f"data/2026-01-01T00:00:00Z/{name}.csv", cloud.flowers(shift))
        shutil.copy(platform.folder / "pipelines/experiment.yml", root.parent)
        (root.parent / "settings").mkdir()
        cloud.settings(root.parent / "settings")
        yield root


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Tell a story once for the same plugin and what it renders: the jobs start programs that take seconds each."""
    import mxdev_shipyard

    rendered = [contents(render(name, name=REPOSITORY)) for name in ("ModelProject", "PromotionPipeline")]
    helpers = [Path(module.__file__ or "") for module in (cloud, shipyard_environment, shipyard_platform)]
    plugin = Path(mxdev_shipyard.__file__).parent
    what = [request.node.name, __version__, rendered, plugin, Path(__file__), *helpers]
    return lambda story: once(what, lambda: str(story(request.getfixturevalue("project"))))


def jobs(
    project: Path, *names: str, options: Sequence[str] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run jobs as on the default branch, with the platform's settings in the variable of the group."""
    local = pytest.importorskip("gitlab_ci_local", reason="gitlab-ci-local is installed by mx's own tests")
    model = project.parent / "model/bin/python"
    interpreter = f'exec env -u PYTHONPATH "{shipyard_environment.python()}" "$@"'
    # What the model pins has been installed once, by its hashes: what makes an environment makes a door to that one.
    door = f'#!/bin/sh\n[ "$1 $2" != "-m pip" ] || {{ shift 2; exec pip "$@"; }}\n{interpreter}\n'
    tools = {
        "apt-get": "exit 0",
        "pip": INSTALLS,
        "mx": f'exec "{sys.executable}" -m mxdev "$@"',
        "snitch": f'exec "{sys.executable}" -c "from mxdev_shipyard.standards.command import main; main()" "$@"',
        "python": f"""\
[ "$1 $2" = "-m venv" ] || {interpreter}
mkdir -p "{model.parent}"
cat > "{model}" <<'END'
{door}END
chmod +x "{model}"
""",
    }
    given = {
        "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
        # GitLab gives the token; and gitlab-ci-local says that the project lies in a folder that is not there.
        "AWS_ID_TOKEN": "token-of-a-job",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(project.parent / "token"),
        "MODEL_PYTHON": str(model),
        "SHIPYARD_SETTINGS": (project.parent / "settings/shipyard.yaml").read_text(),
        "SHIPYARD_READ_TOKEN": TOKEN,
        **variables,
    }
    keys = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done: subprocess.CompletedProcess[str] = local.run(
        project, *names, variables=given, tools=tools, options=options, environment=keys
    )
    return done


def test_standards_and_tests_are_green_and_what_they_found_is_kept(tell: Tell) -> None:
    def story(project: Path) -> None:
        # The copies that jobs run in are left, because a report of GitLab's is no artifact to gitlab-ci-local.
        done = jobs(project, "standards", "test", options=["--no-cleanup"])
        assert done.returncode == 0, done.stdout + done.stderr
        for job, report in (("standards", "standards.xml"), ("test", "tests.xml")):
            file = project / f".gitlab-ci-local/builds/{job}/{report}"
            suite = ElementTree.parse(file).getroot()[0].attrib
            assert int(suite["tests"]) > 10, report
            assert (suite["failures"], suite["errors"]) == ("0", "0"), report
        assert re.search(r"PASS .*test.* \d+(\.\d+)?% coverage", done.stdout), (
            "GitLab cannot read the coverage"
        )

    tell(story)


def test_a_lost_predict_is_red(tell: Tell) -> None:
    def story(project: Path) -> None:
        before = (project / "serve.py").read_text()
        (project / "serve.py").write_text(before.replace("def predict", "def foretell"))
        try:
            done = jobs(project, "standards")
        finally:
            (project / "serve.py").write_text(before)
        assert done.returncode != 0
        assert "IrisModel has no predict()" in done.stdout + done.stderr

    tell(story)


def test_an_experiment_trains_stores_and_compares(tell: Tell) -> None:
    """The child pipeline, by its own file, because gitlab-ci-local starts none of another project."""

    def story(project: Path) -> None:
        (project / "experiment.yml").write_bytes((project.parent / "experiment.yml").read_bytes())
        variables = yaml.safe_load((project / ".gitlab-ci.yml").read_text())["variables"]
        given = {"TRAINING": f"{DATA}/training.csv", "EVALUATION": f"{DATA}/evaluation.csv"}
        done = jobs(project, options=["--file", "experiment.yml"], **variables, **given)
        assert done.returncode == 0, done.stdout + done.stderr
        record = json.loads((project / "experiment/experiment.json").read_text())
        assert (record["training"], record["architecture"]) == (given["TRAINING"], "tabular")
        assert f"models/{record['trained']}/model.npz" in cloud.keys("models/")
        assert "| nothing runs |" in (project / "experiment/comparison.md").read_text()
        assert (project / "experiment/metrics.txt").read_text().endswith("# EOF\n")
        assert (project.parent / "token").stat().st_mode & 0o77 == 0

    tell(story)


def test_feedback_makes_a_version_and_says_where_it_is(tell: Tell) -> None:
    def story(project: Path) -> None:
        row = "5.00,3.40,1.50,0.20,virginica"
        cloud.put("feedback/labels/of-a-person.csv", f"sl,sw,pl,pw,label\n{row}\n")
        done = jobs(project, "feedback", CI_PIPELINE_SOURCE="schedule")
        assert done.returncode == 0, done.stdout + done.stderr
        lines = (project / "data.env").read_text().splitlines()
        assert [line.partition("=")[0] for line in lines] == ["TRAINING", "EVALUATION"]
        training, evaluation = (line.partition(f"{REPOSITORY}/")[2] for line in lines)
        assert not training.startswith(DATA.partition(f"{REPOSITORY}/")[2])
        assert row in cloud.get(training).decode()
        assert cloud.get(evaluation).decode() == cloud.flowers(0.05)

    tell(story)
