"""A commit goes from one environment to the next, each time once somebody has agreed; in each pipeline, and in Terraform."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from checks_terraform import run_terraform
from terraform_mirror import cli_configuration

from mxdev.testing import mx, render, text

CIS = ("GitLabCI", "GitHubActions", "CloudBuildDefaultConfig")
GITLAB, GITHUB = ".gitlab/mx.gitlab-ci.yml", ".github/workflows/mx-jobs.yaml"
BUILDS = "infrastructure/cloudbuild"
MOCKED = """\
mock_provider "google" {
  source = "./tests/mocks"
}

override_data {
  target = data.google_project.cloud_build
  values = {
    number = "1234"
  }
}

run "names_and_rights" {
  command = plan

  assert {
    condition     = google_container_cluster.main.name == "churn-NAME" && google_service_account.trainer.account_id == "churn-NAME-trainer"
    error_message = "The cluster and the accounts are the environment's."
  }

  assert {
    condition     = google_service_account.gitlab.account_id == "churn-NAME-gitlab" && google_service_account.github.account_id == "churn-NAME-github" && google_service_account.cloud_build.account_id == "churn-NAME-build"
    error_message = "Pipelines act as accounts of the environment's own."
  }

  assert {
    condition     = endswith(google_iam_workload_identity_pool_provider.gitlab.attribute_condition, " && assertion.environment == 'NAME'") && endswith(google_iam_workload_identity_pool_provider.github.attribute_condition, " && assertion.environment == 'NAME'")
    error_message = "Only a job of this environment, which somebody approves, is let in."
  }

  assert {
    condition     = google_project_iam_member.gitlab.role == "roles/container.admin" && google_project_iam_member.github.role == "roles/container.admin" && google_project_iam_member.cloud_build_promote[0].member == "serviceAccount:churn-promote@acme-ml.iam.gserviceaccount.com"
    error_message = "What is promoted is deployed."
  }

  assert {
    condition     = length(google_artifact_registry_repository_iam_member.NAME_images) == 1 && google_artifact_registry_repository_iam_member.NAME_images[0].project == "acme-ml"
    error_message = "Nodes pull what the project has built."
  }

  assert {
    condition     = length(google_cloudbuild_trigger.events) == 0 && length(google_cloudbuild_trigger.promote) == 0 && length(google_service_account.cloud_build_promote) == 0
    error_message = "Builds start in one place."
  }
}
"""
FIRST = """\
mock_provider "google" {
  source = "./tests/mocks"
}

override_data {
  target = data.google_project.cloud_build
  values = {
    number = "1234"
  }
}

override_resource {
  target          = google_service_account.cloud_build
  override_during = plan
  values = {
    id   = "projects/acme-ml/serviceAccounts/churn-build@acme-ml.iam.gserviceaccount.com"
    name = "projects/acme-ml/serviceAccounts/churn-build@acme-ml.iam.gserviceaccount.com"
  }
}

override_resource {
  target          = google_service_account.cloud_build_promote
  override_during = plan
  values = {
    id    = "projects/acme-ml/serviceAccounts/churn-promote@acme-ml.iam.gserviceaccount.com"
    name  = "projects/acme-ml/serviceAccounts/churn-promote@acme-ml.iam.gserviceaccount.com"
    email = "churn-promote@acme-ml.iam.gserviceaccount.com"
  }
}

variables {
  engineers = ["ada@example.com"]
  leads     = ["bob@example.com"]
}

run "promotions" {
  command = plan

  variables {
    cloud_build_repository = "https://gitlab.com/acme/ml/churn.git"
  }

  assert {
    condition     = google_service_account.cloud_build_promote[0].account_id == "churn-promote" && alltrue([for trigger in google_cloudbuild_trigger.promote : trigger.service_account == google_service_account.cloud_build_promote[0].id]) && google_cloudbuild_trigger.events["push"].service_account == google_service_account.cloud_build.id
    error_message = "Promotions act as an account of their own, which no push has."
  }

  assert {
    condition     = length(google_project_iam_member.cloud_build_promote) == 0 && toset(keys(google_service_account_iam_member.cloud_build_promote)) == toset(["bob@example.com"])
    error_message = "Its rights are elsewhere, and here only leads act as it."
  }

  assert {
    condition     = google_project_iam_member.cloud_build_logs["promote"].member == "serviceAccount:churn-promote@acme-ml.iam.gserviceaccount.com"
    error_message = "Promotions write logs."
  }
}

run "first" {
  command = plan

  assert {
    condition     = google_service_account.gitlab.account_id == "churn-gitlab" && google_project_iam_member.gitlab.role == "roles/container.clusterViewer" && endswith(google_iam_workload_identity_pool_provider.gitlab.attribute_condition, "ref_protected == 'true'")
    error_message = "The first environment is as it was."
  }

  assert {
    condition     = alltrue([for name in ["staging", "production"] : google_cloudbuild_trigger.promote[name].approval_config[0].approval_required])
    error_message = "A promotion waits for somebody."
  }

  assert {
    condition     = length(google_artifact_registry_repository_iam_member.staging_images) == 0
    error_message = "Another environment's rights are not this one's."
  }
}
"""


@pytest.fixture(scope="module")
def promoted(gcp: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with all three pipelines, which promote through both environments."""
    root = Path(shutil.copytree(gcp, tmp_path_factory.mktemp("promoted") / "churn"))
    more = {"CloudBuildDefaultConfig": ["--repository=https://gitlab.com/acme/ml/churn.git"]}
    for name in CIS:
        done = mx(
            "generate", name, *more.get(name, []), "--no-input", cwd=root, env={"MX_OPT_MX_SOURCE": "index"}
        )
        assert done.code == 0, done.stderr
    done = mx("set", "environments=staging,production", "--no-input", cwd=root)
    assert done.code == 0, done.stderr
    return root


def jobs(root: Path, path: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((root / path).read_text())
    return loaded


def test_gitlab_waits_for_somebody_at_each(promoted: Path) -> None:
    found = jobs(promoted, GITLAB)
    staging, production = found["mx-promote-staging"], found["mx-promote-production"]
    assert [one["job"] for one in staging["needs"]] == ["mx-image-run"]
    assert [one["job"] for one in production["needs"]] == ["mx-promote-staging"]
    assert [rule["when"] for job in (staging, production) for rule in job["rules"]] == ["manual", "manual"]
    # A job that may fail is taken as passed: then nobody would have to promote to staging first.
    assert staging["rules"][0]["allow_failure"] is False
    assert (staging["environment"], production["environment"]) == (
        {"name": "staging"},
        {"name": "production"},
    )
    assert (
        production["variables"]["GOOGLE_ACCOUNT"]
        == "churn-production-gitlab@$GCP_PROJECT_ID.iam.gserviceaccount.com"
    )
    assert "clusters/churn-production?" in str(production["script"])
    assert "clusters/churn-staging?" in str(staging["script"])


def test_github_waits_for_the_reviewers_of_each_environment(promoted: Path) -> None:
    found = jobs(promoted, GITHUB)["jobs"]
    assert (found["promote-staging"]["needs"], found["promote-production"]["needs"]) == (
        ["image-run"],
        ["promote-staging"],
    )
    assert [found[f"promote-{name}"]["environment"] for name in ("staging", "production")] == [
        "staging",
        "production",
    ]
    assert "inputs.event == 'push'" in found["promote-production"]["if"]


def test_cloud_build_has_a_build_of_its_own_for_each(promoted: Path) -> None:
    assert "promote" not in (promoted / BUILDS / "push.yaml").read_text()
    for name in ("staging", "production"):
        build = jobs(promoted, f"{BUILDS}/promote-{name}.yaml")
        assert [step["id"] for step in build["steps"]] == ["prepare", f"promote-{name}"]
        assert f"mx deploy --environment {name} " in build["steps"][1]["script"]
        assert "artifacts" not in build  # a build that finds none of them fails
        # Who builds every push has no right where a commit is promoted to.
        assert build["serviceAccount"].endswith("/churn-promote@acme-ml.iam.gserviceaccount.com")


def test_a_build_reads_the_project_that_it_deploys_to(promoted: Path) -> None:
    script = jobs(promoted, f"{BUILDS}/promote-production.yaml")["steps"][1]["script"]
    (line,) = [line for line in script.splitlines() if line.startswith("GCP_PROJECT_ID=")]
    command = ["bash", "-c", f'{line}\necho "$GCP_PROJECT_ID"']
    done = subprocess.run(command, cwd=promoted, capture_output=True, text=True, check=True)
    assert done.stdout == "acme-production\n"


def test_without_environments_nothing_is_promoted() -> None:
    for name, path in (("GitLabCI", GITLAB), ("GitHubActions", GITHUB)):
        assert "promote" not in text(render(name, name="churn-model"), path)
    assert "promote" not in text(
        render("CloudBuildDefaultConfig", name="churn-model"), "infrastructure/terraform/cloud_build.tf"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [("staging,staging", "names staging twice"), ("staging production", "commas between them")],
)
def test_a_list_that_is_none_is_refused(gcp: Path, given: str, said: str) -> None:
    done = mx("generate", "GitLabCI", f"--environments={given}", "--dry-run", "--no-input", cwd=gcp)
    assert (done.code, said in done.stderr) == (2, True), done.stderr


def test_a_promotion_deploys_to_its_environment(existing: Path, tmp_path: Path) -> None:
    """The commands of GitLab's job, really run; mx and kubectl are stand-ins that note their words."""
    tree = render("GitLabCI", name="churn", cloud="existing", mx_source="index", environments="qa")
    script = yaml.safe_load(text(tree, GITLAB))["mx-promote-qa"]["script"]
    (command,) = [line for line in script if line.startswith("mx ")]
    for name, code in (("kubectl", "echo company-cluster"), ("mx", f'echo "$@" >> {tmp_path}/words')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{code}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["sh", "-ec", command], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False, cwd=existing
    )
    assert done.returncode == 0
    words = (tmp_path / "words").read_text().split()
    assert words == ["deploy", "--environment", "qa", "--context", "company-cluster", "--yes"]
    # The same words are the real mx's: it goes as far as a cluster is needed.
    real = mx(*words[:2], "staging", *words[3:], cwd=existing, env={"KUBECONFIG": str(tmp_path / "none")})
    assert (real.code, "no context company-cluster" in real.stderr) == (1, True), real.stderr


def test_terraform_makes_each_environment_under_its_own_names(promoted: Path, tmp_path: Path) -> None:
    """`terraform test` with an environment's values on top, as `mx infra -E` gives them."""
    configuration = cli_configuration()
    folder = tmp_path / "terraform"
    shutil.copytree(promoted / "infrastructure/terraform", folder)
    for test in (folder / "tests").glob("*.tftest.hcl"):
        test.unlink()
    done = run_terraform(["init", "-backend=false", "-input=false"], folder, configuration)
    assert done.returncode == 0, done.stdout + done.stderr
    path = folder / "tests/environment.tftest.hcl"
    for name in ("staging", "production"):
        path.write_text(MOCKED.replace("NAME", name))
        given = ["test", f"-var-file=environments/{name}.tfvars"]
        done = run_terraform(given, folder, configuration)
        assert done.returncode == 0, done.stdout + done.stderr
    path.write_text(FIRST)
    done = run_terraform(["test"], folder, configuration)
    assert done.returncode == 0, done.stdout + done.stderr
