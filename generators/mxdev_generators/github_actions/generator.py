"""The GitHubActions generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

from mxdev import Generator, Tree, option
from mxdev_generators.ci.options import (
    BRANCH,
    NUMBER,
    account,
    common,
    identity_pool,
    own_registry,
    publish_docs,
)
from mxdev_generators.github_actions import workflows


class GitHubActions(Generator):
    """Workflows for GitHub: lint, test, docs, package, images, training."""

    requires = ("MLProjectSkeleton",)
    options = (
        option("--repository-id", type=NUMBER, default="0",
               help="The repository's number: the only one that Google Cloud lets in."),
        option("--branch", type=BRANCH, default="main", help="The default branch."),
        publish_docs("on GitHub Pages: public, even from a private repository (except with GitHub Enterprise Cloud)"),
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
            self._own_cluster(tree, values)
        tree.next_step(f"git push origin HEAD:{values['branch']}", self._pages())

    def _own_cluster(self, tree: Tree, values: dict[str, Any]) -> None:
        """What lets jobs train on a cluster of one's own, and the cluster pull what they built."""
        tree.next_step(
            "gh secret set KUBECONFIG < FILE",
            "a kubeconfig that may create, watch and delete jobs in the namespace of the project, and no more; without it "
            "nothing is trained",
        )
        if own_registry(values):
            tree.next_step("gh secret set REGISTRY_USER", f"who pushes images to {own_registry(values)}")
            tree.next_step("gh secret set REGISTRY_PASSWORD", "that user's password or token")

    def _pages(self) -> str:
        if self.values.publish_docs:
            return (
                "before that, on GitHub: Settings > Pages > Source: GitHub Actions; the documentation is public then, "
                "whoever may read the repository"
            )
        return "starts the first of these workflows; its documentation is an artifact, which --publish-docs makes public"
