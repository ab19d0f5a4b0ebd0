"""The CloudBuildDefaultConfig generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

from mxdev import Generator, Tree, option
from mxdev.generator import Pattern, Values
from mxdev_generators.ci.options import BRANCH, NUMBER, account, common, cron
from mxdev_generators.cloud_build_default_config import builds

_REPOSITORY = Pattern(
    r"(?:https://[A-Za-z0-9][A-Za-z0-9.-]*(?:/[A-Za-z0-9._-]+){2,}\.git)?",
    "the address that the repository is cloned from, such as https://github.com/acme/churn.git, or empty",
    metavar="URL",
)


def _on_github(repository: str) -> bool:
    return repository.startswith("https://github.com/")


class CloudBuildDefaultConfig(Generator):
    """Builds on Google Cloud: lint, test, docs, package, images, training."""

    requires = ("MLProjectSkeleton",)
    options = (
        option("--repository", type=_REPOSITORY, default="",
               help="What the repository is cloned from, on GitHub or GitLab; while it is empty nothing starts a build."),
        option("--app-installation", type=NUMBER, default="0",
               help="The number of the installation of Google's app on GitHub; not for GitLab."),
        option("--branch", type=BRANCH, default="main", help="The default branch."),
        *common(),
    )  # fmt: skip
    example = "mx generate CloudBuildDefaultConfig --repository https://github.com/acme/churn.git --app-installation 4711"

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """GitHub lets Cloud Build in by an app."""
        if _on_github(values.repository) and values.app_installation == "0":
            return [
                "--repository is on GitHub, so --app-installation is needed: install https://github.com/apps/google-cloud-build "
                "for the repository; the number is the end of the address that GitHub shows then."
            ]
        return []

    def variables(self) -> dict[str, Any]:
        """The options, and the names that are made from them."""
        values = super().variables()
        accounts = {f"{role}_account": account(values, role) for role in ("build", "review", "schedule")}
        return {
            **values,
            **accounts,
            "folder": builds.FOLDER,
            "docs_bucket": builds.docs_bucket(values),
            "cron": cron(values),
            "host": "github" if _on_github(values["repository"]) else "gitlab",
        }

    def generate(self, tree: Tree) -> None:
        """Render the builds, and what starts them."""
        values = self.variables()
        for path, content in builds.render(values).items():
            tree.file(path, content)
        tree.render("templates")
        if values["cloud"] != "gcp":
            self._without_terraform(tree, values)
            return
        tree.next_step(
            "terraform -chdir=infrastructure/terraform apply",
            "makes the accounts, the bucket of the documentation, and secrets that are still empty",
        )
        secret = f"gcloud secrets versions add {values['name']}-cloud-build"
        if values["host"] == "github" or not values["repository"]:
            tree.next_step(f"{secret}-github --data-file=-", "on GitHub: a token with repo and read:user")
        if values["host"] == "gitlab":
            tree.next_step(f"{secret}-api --data-file=-", "on GitLab: an access token with api")
            tree.next_step(f"{secret}-read --data-file=-", "on GitLab: an access token with read_api")
            tree.next_step(f"{secret}-webhook --data-file=-", "a word of your own that GitLab signs with")
        if not values["repository"]:
            tree.next_step(
                "mx generate CloudBuildDefaultConfig --repository URL",
                "when the secrets have values; then apply once more: that makes the triggers",
            )

    def _without_terraform(self, tree: Tree, values: dict[str, Any]) -> None:
        tree.next_step(
            f"gcloud builds submit --config {builds.FOLDER}/push.yaml --substitutions COMMIT_SHA=$(git rev-parse HEAD)",
            f"in the Google Cloud project {values['project_id']}, with the service account {values['build_account']}; "
            "a trigger at https://console.cloud.google.com/cloud-build/triggers starts it at every push",
        )
