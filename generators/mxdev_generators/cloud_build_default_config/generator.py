"""The CloudBuildDefaultConfig generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

import click

from mxdev import Generator, Tree, option
from mxdev.generator import Pattern, Values
from mxdev_generators.ci import access, promotion, terraform
from mxdev_generators.ci.options import (
    BRANCH,
    NUMBER,
    account,
    account_email,
    account_in_terraform,
    common,
    cron,
)
from mxdev_generators.cloud_build_default_config import builds
from mxdev_generators.project.mx_source import missing
from mxdev_generators.project.platform import refusal
from mxdev_generators.project.terraform_tests import head

_REPOSITORY = Pattern(
    r"(?:https://[A-Za-z0-9][A-Za-z0-9.-]*(?:/[A-Za-z0-9._-]+){2,}\.git)?",
    "the address that the repository is cloned from, such as https://github.com/acme/churn.git, or empty",
    metavar="URL",
)

_TERRAFORM = option(
    "--terraform", type=click.Choice(["check", "apply"]), default="check",
    help="check: builds look at Terraform's form, types and tests; apply: promotions also apply an environment's, by a plan that another build has shown.",
)  # fmt: skip


def _on_github(repository: str) -> bool:
    return repository.startswith("https://github.com/")


# What `terraform test` has in the place of a project's own answers.
_TEST_VARIABLES = {
    "cloud_build_repository": '""',
    "cloud_build_app_installation": "0",
    "cloud_build_branch": '"main"',
    "cloud_build_schedule": '""',
}


class CloudBuildDefaultConfig(Generator):
    """Builds on Google Cloud: lint, test, docs, package, images, training."""

    requires = ("skeleton",)
    options = (
        option("--repository", type=_REPOSITORY, default="",
               help="What the repository is cloned from, on GitHub or GitLab; while it is empty nothing starts a build."),
        option("--app-installation", type=NUMBER, default="0",
               help="The number of the installation of Google's app on GitHub; not for GitLab."),
        option("--branch", type=BRANCH, default="main", help="The default branch.", found="git-branch"),
        _TERRAFORM,
        *common(),
    )  # fmt: skip
    example = "mx generate CloudBuildDefaultConfig --repository https://github.com/acme/churn.git --app-installation 4711"

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """Builds make images and train on a cluster, and install mx, so somebody has to say where from; GitHub lets Cloud Build in by an app."""
        found = [*refusal(cls.__name__, values.cloud), *missing(cls.__name__, values.mx_source)]
        if _on_github(values.repository) and values.app_installation == "0":
            found += [
                "--repository is on GitHub, so --app-installation is needed: install https://github.com/apps/google-cloud-build "
                "for the repository; the number is the end of the address that GitHub shows then."
            ]
        return found

    def variables(self) -> dict[str, Any]:
        """The options, and the names that are made from them."""
        values = super().variables()
        roles = ("build", "review", "schedule", builds.PROMOTE, terraform.PREVIEW)
        accounts = {f"{role}_account": account(values, role) for role in roles}
        accounts |= {f"{role}_in_terraform": account_in_terraform(role) for role in roles}
        return {
            **values,
            "terraform_test": head(
                {"engineers": '["ada@example.com"]', "leads": '["bob@example.com"]'}, _TEST_VARIABLES
            ),
            **accounts,
            "folder": builds.FOLDER,
            "docs_bucket": builds.docs_bucket(values),
            "promoted": promotion.namespaces(values),
            "promote_email": account_email(values, builds.PROMOTE),
            "preview_email": account_email(values, terraform.PREVIEW),
            "cron": cron(values),
            "host": "github" if _on_github(values["repository"]) else "gitlab",
        }

    def generate(self, tree: Tree) -> None:
        """Render the builds, and what starts them."""
        values = self.variables()
        for path, content in builds.render(values).items():
            tree.file(path, content)
        tree.render("templates")
        if values["cloud"] == "gcp":
            self._with_terraform(tree, values)
        else:
            self._without_terraform(tree, values)
        readers = ["builds", "reviews"]
        if promotion.names(values):
            readers += ["promotions", *(["previews"] if values["terraform"] == "apply" else [])]
        for secret in builds.login_secrets(values).values():
            tree.next_step(
                f"gcloud secrets create --project={values['project_id']} --data-file=- {secret}",
                f"the login of {values['package_index']}, of a user that may only read; then give the role Secret Manager Secret "
                f"Accessor for it to the accounts of {', '.join(readers[:-1])} and {readers[-1]}",
            )

    def _with_terraform(self, tree: Tree, values: dict[str, Any]) -> None:
        """The connection reads its tokens when it is made: the secrets come first, and their values by hand."""
        tree.next_step("infrastructure/terraform/bootstrap.sh", "switches on the services that builds need")
        apply = "terraform -chdir=infrastructure/terraform apply"
        if values["repository"]:
            tree.next_step(
                f"{apply} -target=google_secret_manager_secret.cloud_build",
                "makes secrets that are still empty",
            )
        else:
            tree.next_step(
                apply, "makes the accounts, the bucket of the documentation, and secrets that are still empty"
            )
        # A line break would become a part of the token.
        end = "; end it with ^D twice, not with Enter"
        secret = f"gcloud secrets versions add --project={values['project_id']} --data-file=- {values['name']}-cloud-build"
        if values["host"] == "github" or not values["repository"]:
            tree.next_step(
                f"{secret}-github",
                f"on GitHub, where https://github.com/apps/google-cloud-build must be installed: a token (classic) with repo and read:user{end}",
            )
        if values["host"] == "gitlab":
            tree.next_step(f"{secret}-api", f"on GitLab: an access token with api{end}")
            tree.next_step(f"{secret}-read", f"on GitLab: an access token with read_api{end}")
            tree.next_step(f"{secret}-webhook", f"on GitLab: a word of your own that it signs with{end}")
        if values["repository"]:
            tree.next_step(apply, "makes the rest: the accounts, the bucket, the connection and the triggers")
        else:
            tree.next_step(
                "mx generate CloudBuildDefaultConfig --repository URL",
                "when the secrets have values, on GitHub with --app-installation NUMBER; then apply once more: that makes the triggers",
            )
        access.add(tree, values, "cloud-build", "build")

    def _without_terraform(self, tree: Tree, values: dict[str, Any]) -> None:
        name, project, region = values["name"], values["project_id"], values["region"]
        create = f"gcloud artifacts repositories create --project={project} --location={region}"
        email = account_email(values, "build")
        tree.next_step(
            f"gcloud iam service-accounts create --project={project} {values['build_account']}",
            "what builds run as",
        )
        tree.next_step(
            f"gcloud iam service-accounts create --project={project} {values['review_account']}",
            "what reviews run as",
        )
        if promotion.names(values):
            secrets = [builds.kubeconfig_secret(values, to) for to in promotion.names(values)]
            secrets += builds.login_secrets(values).values()
            tree.next_step(
                f"gcloud iam service-accounts create --project={project} {values['promote_account']}",
                "what promotions run as; give it the roles Logs Writer and Secret Manager Secret Accessor, the latter for the "
                f"secrets {', '.join(secrets)} alone",
            )
        tree.next_step(f"{create} --repository-format=docker {name}", "for the images")
        tree.next_step(f"{create} --repository-format=python {name}-python", "for the package")
        tree.next_step(
            f"gcloud storage buckets create --project={project} --location={region} --uniform-bucket-level-access"
            f" --public-access-prevention gs://{values['docs_bucket']}",
            f"for the documentation; then give {email} the roles Artifact Registry Writer, Storage Object User, Secret Manager "
            f"Secret Accessor (for {builds.kubeconfig_secret(values)} alone) and Logs Writer, and reviews only the last one",
        )
        access.add(tree, values, "cloud-build", "build")
        tree.next_step(
            f"gcloud secrets create --project={project} --data-file=FILE {builds.kubeconfig_secret(values)}",
            "a kubeconfig with the token that `kubectl create token` makes for the service account cloud-build-access",
        )
        tree.next_step(
            f"gcloud builds submit --project={project} --region={region} --config={builds.FOLDER}/push.yaml"
            " --substitutions=COMMIT_SHA=$(git rev-parse HEAD)",
            "a trigger at https://console.cloud.google.com/cloud-build/triggers starts it at every push",
        )
