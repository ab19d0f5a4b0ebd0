"""The schedule of Acceptance: by the schemas and the real tools, on a real API server, and in a CI where there is no cluster."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from checks_checkov import run_checkov
from checks_ci import check_actionlint, check_schemas, check_scripts, check_zizmor
from checks_kubernetes import check_devspace, check_manifests
from control_plane.control_plane import ControlPlane
from covering import CLUSTERS, SKELETON, Row, label, rows
from golden import files

from mxdev.testing import mx, render, render_all, text, write
from mxdev_generators.acceptance import pipelines

pytestmark = pytest.mark.noted()

FOLDER = "infrastructure/kubernetes/acceptance"
CHOICES = {
    "name": ("churn-model",),
    "cloud": CLUSTERS,
    "accelerator": SKELETON["accelerator"],
    "schedule": ("17 3 * * 1", "*/20 0-6/2 1,15 * *"),
    "train": ("new-data", "always"),
    "tag": (None, "4f2a"),
}
ROWS = rows(CHOICES)


@pytest.mark.parametrize("row", ROWS, ids=map(label, ROWS))
def test_every_choice_fits_the_schemas(row: Row, tmp_path: Path) -> None:
    write(render_all("Acceptance", **row), tmp_path)
    assert check_manifests(tmp_path / FOLDER) == []
    assert check_devspace(tmp_path / "devspace.yaml") == []
    assert run_checkov(tmp_path / FOLDER, "kubernetes").failed == []
    spec = cron(tmp_path)["spec"]
    assert spec["schedule"] == row["schedule"]
    assert spec.get("suspend", False) == ("tag" not in row)
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    gpu = row["accelerator"] != "none"
    assert container["resources"]["limits"].get("nvidia.com/gpu") == ("1" if gpu else None)
    assert ("nodeSelector" in pod) == (gpu and row["cloud"] == "gcp")
    assert container["command"][-1] == f"train={row['train']}"
    assert container["image"].endswith(f"/run:{row.get('tag', 'none')}")


def cron(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((root / FOLDER / "cronjob.yaml").read_text())
    return found


def test_it_starts_a_job_on_a_cluster(tmp_path: Path, control_plane: ControlPlane) -> None:
    """On a real API server; no container runs on kwok's nodes, where a Job is complete at once."""
    space = control_plane.namespace()
    write(render_all("Acceptance", name=space, cloud="existing", schedule="17 3 * * 1", tag="4f2a"), tmp_path)
    accounts = tmp_path / "infrastructure/kubernetes/train-infrastructure/service_accounts.yaml"
    for path in (accounts, tmp_path / FOLDER):
        control_plane.kubectl("apply", "--namespace", space, "--filename", path)
    control_plane.kubectl("create", "job", "--from=cronjob/acceptance", "by-hand", "--namespace", space)

    def complete() -> bool:
        job = control_plane.get("job", "by-hand", "--namespace", space)
        conditions = job.get("status", {}).get("conditions", [])
        return any(one["type"] == "Complete" and one["status"] == "True" for one in conditions)

    control_plane.wait("the job to be complete", complete)


def test_it_comes_and_goes_with_the_cluster(tmp_path: Path) -> None:
    done = mx(
        "generate", "MLProjectSkeleton", "m1", "--cloud=existing", "--no-input", "--skip-git", cwd=tmp_path
    )
    assert done.code == 0, done.stderr
    project = tmp_path / "m1"
    before = files(project)
    assert mx("generate", "Acceptance", "--schedule=17 3 * * 1", "--no-input", cwd=project).code == 0
    done = mx("lint", cwd=project)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr
    done = mx("set", "Acceptance.tag=4f2a", "--json", cwd=project)
    assert [one["path"] for one in json.loads(done.stdout)["changes"] if one["status"] == "update"] == [
        f"{FOLDER}/cronjob.yaml"
    ]
    done = mx("set", "Acceptance.schedule=", "--json", cwd=project)
    assert json.loads(done.stdout)["outcome"] == "applied", done.stdout + done.stderr
    assert not (project / FOLDER).exists()
    assert "acceptance" not in (project / "devspace.yaml").read_text()
    assert mx("destroy", "Acceptance", "--no-input", cwd=project).code == 0
    assert files(project) == before


@pytest.fixture(scope="module")
def without_cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("laptop")
    done = mx("generate", "MLProjectSkeleton", "m1", "--cloud=none", "--no-input", "--skip-git", cwd=folder)
    assert done.code == 0, done.stderr
    return folder / "m1"


def test_without_a_cluster_and_a_ci_it_says_what_can_be_done(without_cluster: Path) -> None:
    done = mx("generate", "Acceptance", "--schedule=17 3 * * 1", "--no-input", cwd=without_cluster)
    assert done.code == 2
    assert "`--ci github` or `--ci gitlab`" in done.stderr


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_a_ci_trains_where_there_is_no_cluster(ci: str, without_cluster: Path) -> None:
    before = files(without_cluster)
    options = ("--schedule=17 3 * * 1", f"--ci={ci}", "--train=always", "--no-input")
    done = mx("generate", "Acceptance", *options, cwd=without_cluster)
    assert done.code == 0, done.stderr
    done = mx("lint", cwd=without_cluster)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr
    assert check_schemas(without_cluster) == []
    assert check_zizmor(without_cluster) == []
    assert check_actionlint(without_cluster) == []
    assert check_scripts(without_cluster) == []
    path = without_cluster / (pipelines.GITHUB if ci == "github" else pipelines.GITLAB)
    assert "m1.acceptance train=always" in path.read_text()
    assert not (without_cluster / "infrastructure").exists()
    assert mx("destroy", "Acceptance", "--no-input", cwd=without_cluster).code == 0
    assert files(without_cluster) == before


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_a_job_of_ci_has_the_login_of_the_package_index(ci: str, tmp_path: Path) -> None:
    url = "https://pypi.example.com/simple/"
    login = ["UV_INDEX_PRIVATE_USERNAME", "UV_INDEX_PRIVATE_PASSWORD"]
    options = {"name": "m1", "cloud": "none", "schedule": "17 3 * * 1", "ci": ci}
    tree = render("Acceptance", **options, package_index=url)
    said = {"github": "gh secret set {}", "gitlab": "glab variable set {} --masked"}[ci]
    steps = dict(tree.next_steps)
    assert [steps.get(said.format(name)) for name in login] == [f"the login of {url}"] * 2
    without = render("Acceptance", **options)
    assert not [command for command, _ in without.next_steps if "UV_INDEX" in command]
    if ci == "gitlab":
        return  # It gives jobs the variables of the project by itself.
    assert "UV_INDEX" not in text(without, pipelines.GITHUB)
    write(tree, tmp_path)
    workflow = yaml.safe_load(text(tree, pipelines.GITHUB))
    assert {name: workflow["env"].get(name) for name in login} == {
        name: f"${{{{ secrets.{name} }}}}" for name in login
    }
    assert check_schemas(tmp_path) == []
    assert check_zizmor(tmp_path) == []
    assert check_actionlint(tmp_path) == []


def test_a_job_of_ci_without_a_store_says_so(without_cluster: Path) -> None:
    """The machine is gone afterwards, and what it trained would be, too."""
    options = {"name": "m1", "cloud": "none", "schedule": "17 3 * * 1", "ci": "github"}
    workflow = yaml.safe_load(text(render("Acceptance", **options), pipelines.GITHUB))
    script = workflow["jobs"]["accept"]["steps"][-1]["run"]
    done = subprocess.run(
        ["bash", "-ec", script], cwd=without_cluster, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("MLFLOW_TRACKING_URI is not set")
