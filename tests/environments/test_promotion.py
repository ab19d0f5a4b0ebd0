"""A commit goes from one environment to the next, each time once somebody has agreed; in each pipeline, and in Terraform."""

from __future__ import annotations

import itertools
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
# What changes where pipelines apply Terraform, too: in an environment, and in the first one.
_STATES = "resource.type != 'storage.googleapis.com/Object' || resource.name.startsWith('projects/_/buckets/acme-ml-tfstate/objects/"
MOCKED_APPLIED = MOCKED.replace(
    """google_project_iam_member.gitlab.role == "roles/container.admin" && google_project_iam_member.github.role == "roles/container.admin" && """,
    """google_project_iam_member.gitlab.role == "roles/container.clusterViewer" && google_project_iam_member.github.role == "roles/container.clusterViewer" && google_project_iam_member.cloud_build_promote[0].role == "roles/owner" && """,
).replace(
    """  assert {
    condition     = length(google_cloudbuild_trigger.events)""",
    f"""  assert {{
    condition     = toset(keys(google_project_iam_member.gitlab_terraform)) == toset(["apply roles/owner"]) && toset(keys(google_project_iam_member.github_terraform)) == toset(["apply roles/owner"])
    error_message = "Here nobody but a promotion acts."
  }}

  assert {{
    condition     = endswith(google_iam_workload_identity_pool_provider.gitlab_terraform["apply"].attribute_condition, "assertion.ref_protected == 'true' && assertion.ref_type == 'branch' && assertion.environment == 'NAME'") && endswith(google_iam_workload_identity_pool_provider.github_terraform["apply"].attribute_condition, "assertion.ref == 'refs/heads/main' && assertion.environment == 'NAME'")
    error_message = "Only a job of this environment, which somebody approves, applies."
  }}

  assert {{
    condition     = google_storage_bucket_iam_member.gitlab_terraform["apply"].condition[0].expression == "{_STATES}churn/NAME/')" && google_storage_bucket_iam_member.github_terraform["apply"].condition[0].expression == "{_STATES}churn/NAME/')"
    error_message = "It writes the state of this environment, and of no other."
  }}

  assert {{
    condition     = alltrue([for grants in [google_project_iam_member.gitlab_preview, google_project_iam_member.github_preview] : join(" ", keys(grants)) == (var.project_id == "acme-ml" ? "" : "roles/iam.securityReviewer roles/viewer")])
    error_message = "What shows a plan reads here, and does no more."
  }}

  assert {{
    condition     = length(google_project_iam_member.gitlab_first) == (var.project_id == "acme-ml" ? 0 : 1) && alltrue([for grant in concat(google_project_iam_member.gitlab_first, google_project_iam_member.github_first) : grant.project == "acme-ml" && grant.role == "roles/iam.securityReviewer"])
    error_message = "In the first cloud project it reads rights, and gives none."
  }}

  assert {{
    condition     = length(google_service_account.cloud_build_preview) == 0 && length(google_storage_bucket_iam_member.cloud_build_states) == 0 && length(google_cloudbuild_trigger.preview) == 0 && alltrue([for grant in google_project_iam_member.cloud_build_preview : grant.member == "serviceAccount:churn-preview@acme-ml.iam.gserviceaccount.com"])
    error_message = "Builds that show plans start in one place."
  }}

  assert {{
    condition     = length(google_cloudbuild_trigger.events)""",
)
_ACCOUNT = """override_resource {
  target          = google_service_account.cloud_build_promote"""
FIRST_APPLIED = FIRST.replace(
    _ACCOUNT,
    _ACCOUNT.replace("promote", "preview")
    + """
  override_during = plan
  values = {
    id    = "projects/acme-ml/serviceAccounts/churn-preview@acme-ml.iam.gserviceaccount.com"
    name  = "projects/acme-ml/serviceAccounts/churn-preview@acme-ml.iam.gserviceaccount.com"
    email = "churn-preview@acme-ml.iam.gserviceaccount.com"
  }
}

"""
    + _ACCOUNT,
    1,
).replace(
    """  assert {
    condition     = google_project_iam_member.cloud_build_logs""",
    f"""  assert {{
    condition     = alltrue([for trigger in google_cloudbuild_trigger.preview : trigger.service_account == google_service_account.cloud_build_preview[0].id && length(trigger.approval_config) == 0]) && toset(keys(google_cloudbuild_trigger.preview)) == toset(["staging", "production"])
    error_message = "Plans are shown before anybody is asked."
  }}

  assert {{
    condition     = toset([for grant in google_storage_bucket_iam_member.cloud_build_states : grant.role if grant.member == "serviceAccount:churn-preview@acme-ml.iam.gserviceaccount.com"]) == toset(["roles/storage.objectViewer", "roles/storage.objectUser"]) && google_storage_bucket_iam_member.cloud_build_states["plans"].condition[0].expression == "{_STATES}plans/churn/')"
    error_message = "What shows plans reads states, and writes plans alone."
  }}

  assert {{
    condition     = strcontains(google_storage_bucket_iam_member.cloud_build_states["promote"].condition[0].expression, "objects/churn/production/')") && !strcontains(google_storage_bucket_iam_member.cloud_build_states["promote"].condition[0].expression, "default")
    error_message = "Promotions write the states that they apply, and not the first one's."
  }}

  assert {{
    condition     = toset(keys(google_project_iam_member.gitlab_terraform)) == toset(["apply roles/owner", "plan roles/iam.securityReviewer", "plan roles/viewer", "preview roles/iam.securityReviewer", "preview roles/viewer"])
    error_message = "What looks changes nothing."
  }}

  assert {{
    condition     = strcontains(google_iam_workload_identity_pool_provider.gitlab_terraform["preview"].attribute_condition, "ref_protected == 'true'") && strcontains(google_iam_workload_identity_pool_provider.github_terraform["preview"].attribute_condition, "assertion.ref == 'refs/heads/main'") && endswith(google_iam_workload_identity_pool_provider.gitlab_terraform["apply"].attribute_condition, "assertion.environment == 'terraform'")
    error_message = "No review reads another environment's state."
  }}

  assert {{
    condition     = google_storage_bucket_iam_member.gitlab_terraform["plan"].condition[0].expression == "{_STATES}churn/default.')" && length(google_storage_bucket_iam_member.gitlab_terraform["preview"].condition) == 0
    error_message = "Reviews read the first environment's state alone."
  }}

  assert {{
    condition     = google_project_iam_member.cloud_build_logs""",
)


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


@pytest.fixture(scope="module")
def applied(promoted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with pipelines that apply Terraform."""
    root = Path(shutil.copytree(promoted, tmp_path_factory.mktemp("applied") / "churn"))
    done = mx("set", *(f"{name}.terraform=apply" for name in CIS), "--no-input", cwd=root)
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
    [
        ("staging,staging", "names staging twice"),
        ("staging production", "commas between them"),
        ("staging,terraform", "that pipelines have already"),
        ("staging,no", "no"),
    ],
)
def test_a_list_that_is_none_is_refused(gcp: Path, given: str, said: str) -> None:
    done = mx("generate", "GitLabCI", f"--environments={given}", "--dry-run", "--no-input", cwd=gcp)
    assert (done.code, said in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    ("path", "prefix", "shown"),
    [(GITLAB, "mx-", "script"), (GITHUB, "", "steps")],
)
def test_what_somebody_agrees_to_is_the_plan_that_was_shown(
    applied: Path, path: str, prefix: str, shown: str
) -> None:
    found = jobs(applied, path)
    found = found.get("jobs", found)
    order = ["image-run", "preview-staging", "promote-staging", "preview-production", "promote-production"]
    for before, job in itertools.pairwise(order):
        needs = found[prefix + job]["needs"]
        assert [one["job"] if isinstance(one, dict) else one for one in needs] == [prefix + before]
    for name in ("staging", "production"):
        plan, promote = (str(found[f"{prefix}{job}-{name}"][shown]) for job in ("preview", "promote"))
        # Looking asks nobody, and changes nothing.
        assert "environment" not in found[f"{prefix}preview-{name}"]
        assert "when" not in str(found[f"{prefix}preview-{name}"].get("rules"))
        words = f"-lock=false -var-file=environments/{name}.tfvars -out={name}.tfplan"
        assert words in plan
        assert " apply " not in plan
        for text_ in (plan, promote):
            assert f"-backend-config=prefix=churn/{name}" in text_
        assert "terraform plan" not in promote
        assert (
            promote.index(f"apply -input=false {name}.tfplan")
            < promote.index("/clusters/")
            < promote.index("mx deploy --environment")
        )
    assert "churn-gitlab-preview@acme-ml." in str(found) or "churn-github-preview@acme-ml." in str(found)
    assert "churn-production-gitlab-apply@" in str(found) or "churn-production-github-apply@" in str(found)


def test_cloud_build_shows_the_plan_in_a_build_before(applied: Path) -> None:
    for build in ("push", "review"):
        assert "terraform-apply" not in (applied / BUILDS / f"{build}.yaml").read_text()
        assert "preview" not in (applied / BUILDS / f"{build}.yaml").read_text()
    preview, promote = (jobs(applied, f"{BUILDS}/{job}-production.yaml") for job in ("preview", "promote"))
    assert preview["serviceAccount"].endswith("/churn-preview@acme-ml.iam.gserviceaccount.com")
    script, then = (build["steps"][1]["script"] for build in (preview, promote))
    assert (
        script.index("-out=production.tfplan")
        < script.index("cat build/plan-production.txt")
        < script.index("--data-binary")
    )
    assert "apply" not in script
    assert (
        then.index('production.tfplan "https://storage')
        < then.index("apply -input=false production.tfplan")
        < then.index("mx deploy --environment")
    )
    assert "terraform plan" not in then
    for build in (preview, promote):
        assert "COMMIT=$COMMIT_SHA" in build["steps"][1]["env"]


def test_a_plan_goes_from_one_build_to_the_next(applied: Path, tmp_path: Path) -> None:
    """The commands of both builds, really run in bash; curl is a stand-in for Google's storage, which notes what it is asked."""
    (tmp_path / "curl").write_text(
        '#!/bin/bash\nread -r header; url=${*: -1}\necho "$header $url" >> $HERE/asked\n'
        'while test $# -gt 1; do case "$1" in --data-binary) cp "${2#@}" "$HERE/kept";; --output) out=$2;; esac; shift; done\n'
        'case "$url" in *alt=media) test -f "$HERE/kept" || exit 22; cp "$HERE/kept" "$out";; esac\n'
    )
    (tmp_path / "curl").chmod(0o755)
    work = tmp_path / "work"
    (work / "infrastructure/terraform").mkdir(parents=True)
    (work / "build").mkdir()
    (work / "build/plan-production.txt").write_text("one to add\n")
    plan = work / "infrastructure/terraform/production.tfplan"

    def run(job: str) -> subprocess.CompletedProcess[str]:
        script = jobs(applied, f"{BUILDS}/{job}-production.yaml")["steps"][1]["script"]
        lines = [
            line
            for line in script.splitlines()
            if "storage.googleapis.com" in line or line.startswith("cat ")
        ]
        assert lines
        env = {
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "HERE": str(tmp_path),
            "GOOGLE_OAUTH_ACCESS_TOKEN": "secret",
            "COMMIT": "abc123",
        }
        given = ["bash", "-euo", "pipefail", "-c", "\n".join(lines)]
        return subprocess.run(given, env=env, cwd=work, capture_output=True, text=True, check=False)

    none = run("promote")
    assert none.returncode == 1
    assert "No plan of the commit abc123: the trigger churn-preview-production makes it" in none.stderr
    plan.write_bytes(b"the plan")
    shown = run("preview")
    assert (shown.returncode, shown.stdout) == (0, "one to add\n"), shown.stderr
    plan.unlink()
    assert run("promote").returncode == 0
    assert plan.read_bytes() == b"the plan"
    asked = (tmp_path / "asked").read_text().splitlines()
    assert all(
        line.startswith('header = "Authorization: Bearer secret" https://storage.googleapis.com/')
        for line in asked
    )
    assert asked[1].endswith(
        "/b/acme-ml-tfstate/o?uploadType=media&name=plans/churn/production/abc123.tfplan"
    )
    assert asked[2].endswith("/b/acme-ml-tfstate/o/plans%2Fchurn%2Fproduction%2Fabc123.tfplan?alt=media")


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


@pytest.mark.parametrize(
    ("kind", "tests"), [("promoted", (MOCKED, FIRST)), ("applied", (MOCKED_APPLIED, FIRST_APPLIED))]
)
def test_terraform_makes_each_environment_under_its_own_names(
    kind: str, tests: tuple[str, str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """`terraform test` with an environment's values on top, as `mx infra -E` gives them."""
    configuration = cli_configuration()
    folder = tmp_path / "terraform"
    shutil.copytree(request.getfixturevalue(kind) / "infrastructure/terraform", folder)
    for test in (folder / "tests").glob("*.tftest.hcl"):
        test.unlink()
    done = run_terraform(["init", "-backend=false", "-input=false"], folder, configuration)
    assert done.returncode == 0, done.stdout + done.stderr
    path = folder / "tests/environment.tftest.hcl"
    of_environment, first = tests
    for name in ("staging", "production"):
        path.write_text(of_environment.replace("NAME", name))
        given = ["test", f"-var-file=environments/{name}.tfvars"]
        done = run_terraform(given, folder, configuration)
        assert done.returncode == 0, done.stdout + done.stderr
    path.write_text(first)
    done = run_terraform(["test"], folder, configuration)
    assert done.returncode == 0, done.stdout + done.stderr
