"""The GitLabCI generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

from mxdev import Generator, Tree, option
from mxdev.generator import Pattern, Values
from mxdev_generators.ci import access, promotion, terraform
from mxdev_generators.ci.options import (
    BRANCH,
    NUMBER,
    account_email,
    account_in_terraform,
    common,
    cron,
    own_registry,
    pool_in_terraform,
    publish_docs,
)
from mxdev_generators.gitlab_ci import pipeline
from mxdev_generators.project import package_index
from mxdev_generators.project.mx_source import missing
from mxdev_generators.project.platform import refusal
from mxdev_generators.project.terraform_tests import head

_STAGE = Pattern(
    r"\.?[A-Za-z][A-Za-z0-9_-]*", "a stage of the pipeline: letters, digits, dashes", metavar="STAGE"
)
_RUNNER = Pattern(
    r"(?:[A-Za-z0-9][A-Za-z0-9._-]*)?",
    "the tag of a runner: letters, digits, dashes, dots, or empty",
    metavar="TAG",
)
_URL = Pattern(
    r"https://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?", "https:// and the name of the server", metavar="URL"
)


class GitLabCI(Generator):
    """A pipeline for GitLab: lint, test, docs, package, images, training."""

    requires = ("skeleton",)
    options = (
        option("--repository-id", type=NUMBER, default="0",
               help="The project's number on GitLab (Settings > General): the only one that Google Cloud lets in."),
        option("--branch", type=BRANCH, default="main", help="The default branch.", found="git-branch"),
        option("--gitlab-url", type=_URL, default="https://gitlab.com", help="The GitLab server."),
        option("--stage", type=_STAGE, default="test",
               help="The stage of all jobs: one that .gitlab-ci.yml knows, if it has stages of its own."),
        option("--image-runner", type=_RUNNER, default="",
               help="The tag of the runners that build images, such as saas-linux-medium-amd64; empty: any runner."),
        terraform.OPTION,
        publish_docs("on GitLab Pages: public unless Settings > General > Visibility says otherwise"),
        *common(),
    )  # fmt: skip
    example = "mx generate GitLabCI --repository-id 12345678"

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """They build images and train on a cluster, and install mx, so somebody has to say where from."""
        return [*refusal(cls.__name__, values.cloud), *missing(cls.__name__, values.mx_source)]

    def variables(self) -> dict[str, Any]:
        """The options, and the names of the account that the jobs act as."""
        values = super().variables()
        return {
            **values,
            "terraform_test": head({"engineers": "[]", "gitlab_project": '"4711"'}),
            "account": account_in_terraform("gitlab"),
            "pool": pool_in_terraform("gitlab"),
            "promoted": promotion.namespaces(values),
            "preview_email": account_email(values, f"gitlab-{terraform.PREVIEW}"),
            **{
                f"{role}_account": account_in_terraform(f"gitlab-{role}")
                for role in (*terraform.ROLES.values(), terraform.PREVIEW)
            },
        }

    def generate(self, tree: Tree) -> None:
        """Render the jobs, an include of them in .gitlab-ci.yml, and what they may do on Google Cloud."""
        values = self.variables()
        tree.file(pipeline.PATH, pipeline.render(values))
        tree.section(".gitlab-ci.yml", f"include[local={pipeline.PATH}]", {"local": pipeline.PATH})
        tree.render("templates")
        self._next_steps(tree, values)

    def _next_steps(self, tree: Tree, values: dict[str, Any]) -> None:
        settings = "Settings > CI/CD > Variables"
        if values["cloud"] == "gcp":
            if values["repository_id"] == "0":
                tree.next_step(
                    "mx generate GitLabCI --repository-id NUMBER",
                    "with the number that GitLab shows in Settings > General; until then no job gets into Google Cloud",
                )
            tree.next_step(
                "infrastructure/terraform/bootstrap.sh && terraform -chdir=infrastructure/terraform apply",
                "makes the account that the jobs act as",
            )
            tree.next_step(
                "terraform -chdir=infrastructure/terraform output -raw gitlab_workload_identity_provider",
                f"put it into the variable GCP_WORKLOAD_IDENTITY_PROVIDER in {settings}; it is not a secret",
            )
        access.add(tree, values, "gitlab", "gitlab")
        for name in package_index.login(values):
            tree.next_step(
                f"glab variable set {name} --masked",
                f"the login of {values['package_index']}, which jobs find in their environment; or in {settings}",
            )
        if values["cloud"] != "gcp":
            self._own_cluster(tree, values, settings)
        schedule = f"; Build > Pipeline schedules: {cron(values)} (UTC)" if values["schedule"] else ""
        pages = (
            "; Settings > General > Visibility > Pages: who sees the documentation, which is everybody unless you choose"
            if values["publish_docs"]
            else ""
        )
        if values["cloud"] == "gcp" and values["terraform"] == "apply":
            schedule += f"; Settings > CI/CD > Protected environments: {terraform.ENVIRONMENT}, for whoever must approve what Terraform applies"
        self._promotion(tree, values, settings)
        tree.next_step(
            f"git push origin HEAD:{values['branch']}",
            f"then, on GitLab: Settings > Repository > Default branch: {values['branch']}, and Protected tags: v*, of which releases "
            "are made" + schedule + pages,
        )

    def _promotion(self, tree: Tree, values: dict[str, Any], settings: str) -> None:
        """What each environment needs before a commit can be promoted to it."""
        for name in promotion.names(values):
            if values["cloud"] == "gcp":
                command = f"mx infra output -E {name} gitlab_workload_identity_provider"
                what = "the variable GCP_WORKLOAD_IDENTITY_PROVIDER, and its Google Cloud project that of GCP_PROJECT_ID,"
            else:
                command = (
                    f"kubectl --namespace {values['name']}-{name} create token gitlab-access --duration 8760h"
                )
                what = "the token in a kubeconfig that may deploy there is that of KUBECONFIG_FILE"
            tree.next_step(
                command,
                f"{what} in {settings} with the environment {name}; Settings > CI/CD > Protected environments: {name}, for "
                "whoever must approve",
            )

    def _own_cluster(self, tree: Tree, values: dict[str, Any], settings: str) -> None:
        """What lets jobs train on a cluster of one's own, and push to a registry of one's own."""
        own = own_registry(values)
        also = f"; REGISTRY_USER and REGISTRY_PASSWORD are who pushes images to {own}" if own else ""
        tree.next_step(
            f"kubectl --namespace {values['name']} create token gitlab-access --duration 8760h",
            f"prints the token for a kubeconfig, which goes into the variable KUBECONFIG_FILE, of type File, in {settings}; "
            f"without it nothing is trained{also}",
        )
