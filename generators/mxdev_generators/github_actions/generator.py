"""The GitHubActions generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

from mxdev import Generator, Tree, option
from mxdev.generator import Values
from mxdev_generators.ci import access, promotion, terraform
from mxdev_generators.ci.options import (
    BRANCH,
    NUMBER,
    account_email,
    account_in_terraform,
    common,
    own_registry,
    pool_in_terraform,
    publish_docs,
)
from mxdev_generators.github_actions import workflows
from mxdev_generators.project import package_index
from mxdev_generators.project.mx_source import missing
from mxdev_generators.project.platform import refusal
from mxdev_generators.project.terraform_tests import head


class GitHubActions(Generator):
    """Workflows for GitHub: lint, test, docs, package, images, training."""

    requires = ("skeleton",)
    options = (
        option("--repository-id", type=NUMBER, default="0",
               help="The repository's number: the only one that Google Cloud lets in."),
        option("--branch", type=BRANCH, default="main", help="The default branch.", found="git-branch"),
        terraform.OPTION,
        publish_docs("on GitHub Pages: public, even from a private repository (except with GitHub Enterprise Cloud)"),
        *common(),
    )  # fmt: skip
    example = "mx generate GitHubActions --repository-id 12345678"

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """They build images and train on a cluster, and install mx, so somebody has to say where from."""
        return [*refusal(cls.__name__, values.cloud), *missing(cls.__name__, values.mx_source)]

    def variables(self) -> dict[str, Any]:
        """The options, and the names of the account that the jobs act as."""
        values = super().variables()
        return {
            **values,
            "terraform_test": head(
                {"engineers": "[]", "github_repository": '"4711"', "github_branch": '"main"'}
            ),
            "account": account_in_terraform("github"),
            "pool": pool_in_terraform("github"),
            "promoted": promotion.namespaces(values),
            "preview_email": account_email(values, f"github-{terraform.PREVIEW}"),
            **{
                f"{role}_account": account_in_terraform(f"github-{role}")
                for role in (*terraform.ROLES.values(), terraform.PREVIEW)
            },
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
                "infrastructure/terraform/bootstrap.sh && terraform -chdir=infrastructure/terraform apply",
                "makes the account that the jobs act as",
            )
            tree.next_step(
                "terraform -chdir=infrastructure/terraform output -raw github_workload_identity_provider",
                "put it into the variable GCP_WORKLOAD_IDENTITY_PROVIDER in Settings > Secrets and variables > "
                "Actions > Variables; it is not a secret",
            )
        access.add(tree, values, "github", "github")
        for name in package_index.login(values):
            tree.next_step(f"gh secret set {name}", f"the login of {values['package_index']}")
        if values["cloud"] != "gcp":
            self._own_cluster(tree, values)
        self._promotion(tree, values)
        tree.next_step(f"git push origin HEAD:{values['branch']}", self._before_the_push())

    def _promotion(self, tree: Tree, values: dict[str, Any]) -> None:
        """What each environment needs before a commit can be promoted to it."""
        for name in promotion.names(values):
            where = (
                f"in Settings > Environments > {name}, with Required reviewers: without them nobody is asked"
            )
            if values["cloud"] == "gcp":
                tree.next_step(
                    f"mx infra output -E {name} github_workload_identity_provider",
                    f"its variable GCP_WORKLOAD_IDENTITY_PROVIDER, and its Google Cloud project as GCP_PROJECT_ID, {where}",
                )
            else:
                tree.next_step(
                    f"kubectl --namespace {values['name']}-{name} create token github-access --duration 8760h",
                    f"a token for a kubeconfig, its secret KUBECONFIG, of an account that may deploy there, {where}",
                )

    def _own_cluster(self, tree: Tree, values: dict[str, Any]) -> None:
        """What lets jobs train on a cluster of one's own, and push to a registry of one's own."""
        tree.next_step(
            "gh secret set KUBECONFIG < FILE",
            "a kubeconfig with the token that `kubectl create token` makes for the service account github-access; without it "
            "nothing is trained",
        )
        if own_registry(values):
            tree.next_step("gh secret set REGISTRY_USER", f"who pushes images to {own_registry(values)}")
            tree.next_step("gh secret set REGISTRY_PASSWORD", "that user's password or token")

    def _before_the_push(self) -> str:
        """What is to be set on GitHub before the first push."""
        said = []
        if self.values.cloud == "gcp":
            said.append(
                f"Settings > Rules > Rulesets: protect {self.values.branch} and tags v*, without which no job gets into "
                "Google Cloud"
            )
        if self.values.cloud == "gcp" and self.values.terraform == "apply":
            said.append(
                f"Settings > Environments > {terraform.ENVIRONMENT}: who must approve what Terraform applies"
            )
        if self.values.publish_docs:
            said.append(
                "Settings > Pages > Source: GitHub Actions; the documentation is public then, whoever may read the repository"
            )
        if said:
            return f"before that, on GitHub: {'; '.join(said)}"
        return "starts the first of these workflows"
