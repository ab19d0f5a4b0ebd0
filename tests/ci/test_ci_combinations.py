"""The CI generators together, in the combinations that differ: linted, checked against schemas, applied twice, taken back."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from checks_checkov import run_checkov
from checks_ci import check_actionlint, check_schemas, check_scripts, check_tflint, check_zizmor
from checks_terraform import check_terraform

from mxdev.testing import mx, render, text
from mxdev_generators.project.naming import account_id

WEEKLY = "17 3 * * 1"
GITLAB, GITHUB, CLOUD_BUILD = "GitLabCI", "GitHubActions", "CloudBuildDefaultConfig"
# Every pair of: generators, cloud, source of mx, schedule, repository; and the skeleton's choices that reach a CI.
ROWS: dict[str, tuple[list[str], dict[str, list[str]]]] = {
    "all, with nothing said": ([], {GITLAB: [], GITHUB: [], CLOUD_BUILD: []}),
    "all, with everything said": (
        ["--zone=europe-west4-a", "--python=3.13", "--accelerator=nvidia-l4", "--engineer=ada@example.com",
         "--docker-mirror=mirror.gcr.io", "--training-hours=5"],
        {
            GITLAB: ["--repository-id=4711", "--gitlab-url=https://git.example.com:8443", f"--schedule={WEEKLY}",
                     "--mx-source=https://pypi.example.com/simple/", "--stage=ml", "--publish-docs",
                     "--image-runner=saas-linux-medium-amd64", "--branch=trunk", "--watch-minutes=150", "--terraform=apply", "--environments=staging,production"],
            GITHUB: ["--repository-id=4711", "--branch=ours/next", f"--schedule={WEEKLY}",
                     "--mx-source=git+https://git.example.com/tools/mx-devtool.git", "--publish-docs", "--terraform=apply"],
            CLOUD_BUILD: ["--repository=https://github.com/acme/churn.git", "--app-installation=4711",
                          f"--schedule={WEEKLY}", "--mx-source=https://pypi.example.com/simple/", "--terraform=apply"],
        },
    ),
    "all, beside a cluster": (
        ["--cloud=existing", "--python=3.12"],
        {GITLAB: [f"--schedule={WEEKLY}", "--environments=qa"], GITHUB: [f"--schedule={WEEKLY}"], CLOUD_BUILD: []},
    ),
    "GitLab alone": ([], {GITLAB: ["--repository-id=4711"]}),
    "GitHub alone, beside a cluster": (["--cloud=existing"], {GITHUB: []}),
    "Cloud Build alone, from GitLab": (
        [], {CLOUD_BUILD: ["--repository=https://gitlab.com/acme/ml/churn.git", "--branch=trunk"]}
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=ROWS.values(), ids=ROWS)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one row of the above."""
    skeleton, generators = request.param
    folder = tmp_path_factory.mktemp("combination")
    done = mx(
        "generate", "MLProjectSkeleton", "churn-model", *skeleton, "--no-input", "--skip-git", cwd=folder
    )
    assert done.code == 0, done.stderr
    for name, options in generators.items():
        done = mx("generate", name, *options, "--no-input", cwd=folder / "churn-model")
        assert done.code == 0, done.stderr
    return folder / "churn-model"


def present(project: Path) -> list[str]:
    """The CI generators of a project."""
    names = [path.stem for path in (project / ".mx/generators").iterdir()]
    return sorted(name for name in names if name != "MLProjectSkeleton")


def test_lint_finds_nothing(project: Path) -> None:
    done = mx("lint", "--require-all", cwd=project)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr


def test_schemas_and_zizmor(project: Path) -> None:
    assert check_schemas(project) == []
    assert check_zizmor(project) == []


def test_actionlint_and_shellcheck(project: Path) -> None:
    assert check_actionlint(project) == []
    assert check_scripts(project) == []


def test_terraform(project: Path) -> None:
    folder = project / "infrastructure/terraform"
    if not folder.exists():
        assert "cloud: existing" in (project / "mx.yaml").read_text()
        return
    assert check_terraform(folder) == []
    report = run_checkov(folder, "terraform")
    assert report.failed == []
    assert all(len(reason.split()) >= 5 for _, reason in report.waived)


def test_tflint(project: Path) -> None:
    folder = project / "infrastructure/terraform"
    assert not folder.exists() or check_tflint(folder) == []


def test_again_and_back(project: Path) -> None:
    """Generating again changes nothing; destroying takes everything back, in any order."""
    for name in present(project):
        answer = json.loads(mx("generate", name, "--json", cwd=project).stdout)
        assert (name, answer["outcome"]) == (name, "nothing")
    for name in present(project):
        done = mx("destroy", name, "--no-input", cwd=project)
        assert done.code == 0, done.stderr
    left = [path.relative_to(project).as_posix() for path in project.rglob("*") if ".mx" not in path.parts]
    assert not [path for path in left if re.search(r"gitlab|github|cloud_?build", path)], left


@pytest.mark.parametrize(
    ("generator", "given", "message"),
    [
        (GITLAB, "--repository-id=acme/churn", "the number of the repository"),
        (GITLAB, "--gitlab-url=http://git.example.com", "https://"),
        (GITHUB, "--schedule=every day", "five fields as in crontab"),
        (GITHUB, "--schedule=0 0 * * 1; rm", "five fields as in crontab"),
        (GITHUB, "--schedule=60 0 * * 1", "'60' is not within 0 and 59"),
        (GITLAB, "--schedule=0 0 * * 1,7", "'1,7' is not within 0 and 6"),
        (CLOUD_BUILD, "--schedule=*/0 0 * * 1", "'*/0' is not within"),
        (GITHUB, "--mx-source=pypi", "git+https://"),
        (GITHUB, "--watch-minutes=331", "1<=x<=330"),
        (GITLAB, "--image-runner=two words", "the tag of a runner"),
        (CLOUD_BUILD, "--repository=git@github.com:acme/churn.git", "https://github.com/acme/churn.git"),
        (CLOUD_BUILD, "--repository=https://github.com/acme/churn.git", "--app-installation is needed"),
    ],
)
def test_wrong_values_are_refused(generator: str, given: str, message: str, tmp_path: Path) -> None:
    assert mx("generate", "MLProjectSkeleton", "ab", "--no-input", "--skip-git", cwd=tmp_path).code == 0
    done = mx("generate", generator, given, "--no-input", cwd=tmp_path / "ab")
    assert done.code == 2
    assert message in done.stderr
    assert present(tmp_path / "ab") == []


def evaluated(generator: str, name: str, folder: Path) -> dict[str, list[str]]:
    """The ids that a generator's Terraform makes, by what they are of, as the real Terraform evaluates them."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    tree = render(generator, name=name, project_id="a-project-of-thirty-characters")
    (terraform,) = (text(tree, path) for path in tree.files if path.endswith(".tf"))
    found: dict[str, list[str]] = {}
    for kind in ("account_id", "workload_identity_pool_id"):
        for expression in re.findall(rf'{kind}\s+= ((?:"|replace).*)', terraform):
            source = f'variable "name" {{\n  default = "{name}"\n}}\n'
            (folder / "main.tf").write_text(source)
            done = subprocess.run(
                ["terraform", "console"],
                input=expression,
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            found.setdefault(kind, []).append(done.stdout.strip().strip('"'))
    return found


@pytest.mark.parametrize("generator", [GITLAB, GITHUB, CLOUD_BUILD])
@pytest.mark.parametrize(
    "name", ["a-name-of-forty-characters-is-a-long-one", "a-dash-at-the-ends-it-x", "churn"]
)
def test_names_fit_and_are_those_of_the_manifests(generator: str, name: str, tmp_path: Path) -> None:
    found = evaluated(generator, name, tmp_path)
    for one in (one for ids in found.values() for one in ids):
        assert 6 <= len(one) <= 30, one
        assert re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", one), one
    roles = {GITLAB: ["gitlab"], GITHUB: ["github"], CLOUD_BUILD: ["build", "review", "schedule"]}[generator]
    assert found["account_id"] == [account_id(name, role) for role in roles]


@pytest.mark.parametrize("generator", [GITLAB, GITHUB])
def test_no_pool_begins_with_google_s_own_letters(generator: str, tmp_path: Path) -> None:
    found = evaluated(generator, "gcp-churn", tmp_path)
    role = {GITLAB: "gitlab", GITHUB: "github"}[generator]
    assert found == {
        "account_id": [f"gcp-churn-{role}"],
        "workload_identity_pool_id": [f"ci-churn-{role}"],
    }


@pytest.mark.parametrize("schedule", ["*/15 0-5,23 1 12 0", "0-30/10 * * * 1-5", "59 23 31 12 6"])
def test_schedules(schedule: str) -> None:
    assert f"cron: {schedule}" in text(
        render(GITHUB, name="churn-model", schedule=schedule), ".github/workflows/mx-train.yaml"
    ).replace('"', "")


@pytest.mark.parametrize("generator", [GITLAB, GITHUB, CLOUD_BUILD])
def test_help_says_what_it_adds(generator: str, tmp_path: Path) -> None:
    done = mx("generate", generator, "--help", cwd=tmp_path)
    assert done.code == 0
    for heading in ("What it adds:", "Example:", "Next steps:"):
        assert f"\n{heading}\n" in done.stdout
