"""The GitHubActions generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

from mxdev import Generator, Tree, option
from mxdev_generators.ci.options import BRANCH, NUMBER, account, common, identity_pool
from mxdev_generators.github_actions import workflows


class GitHubActions(Generator):
    """Workflows for GitHub: lint, test, docs, package, images, training."""

    requires = ("skeleton",)
    options = (
        option("--repository-id", type=NUMBER, default="0",
               help="The repository's number: the only one that Google Cloud lets in."),
        option("--branch", type=BRANCH, default="main", help="The default branch."),
        *common(),
    )  # fmt: skip
    example = "mx generate GitHubActions --repository-id 12345678"

    def variables(self) -> dict[str, Any]:
        """The options, and the names of the account that the jobs act as."""
        values = super().variables()
        return {
            **values,
            "account": account(values, "github"),
            "pool": identity_pool(values, "github"),
        }

    def generate(self, tree: Tree) -> None:
        """Render the workflows, and what they may do on Google Cloud."""
        values = self.variables()
        for path, content in workflows.render(values).items():
            tree.file(path, content)
        tree.render("templates")
        if values["cloud"] == "gcp":
            if values["repository_id"] == "0":
                tree.next_step(
                    "mx generate GitHubActions --repository-id NUMBER",
                    "with what `gh api repos/OWNER/NAME --jq .id` prints; until then no job gets into Google Cloud",
                )
            tree.next_step(
                "terraform -chdir=infrastructure/terraform apply", "makes the account that the jobs act as"
            )
            tree.next_step(
                "terraform -chdir=infrastructure/terraform output -raw github_workload_identity_provider",
                "put it into the variable GCP_WORKLOAD_IDENTITY_PROVIDER in Settings > Secrets and variables > "
                "Actions > Variables; it is no secret",
            )
        else:
            tree.next_step(
                "git add --all && git commit",
                "the variable MLFLOW_TRACKING_URI in Settings > Secrets and variables > Actions says where runs are kept",
            )
        tree.next_step(
            f"git push origin HEAD:{values['branch']}",
            "before that, on GitHub: Settings > Pages > Source: GitHub Actions, so that docs are published",
        )
