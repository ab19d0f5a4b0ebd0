"""The MLProjectSkeleton generator: what it asks and what it renders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from mxdev import Generator, Tree, argument, option
from mxdev.generator import Values
from mxdev_generators.images.table import for_python, image
from mxdev_generators.ml_project_skeleton import devspace, laptop, tasks
from mxdev_generators.names.rules import package_name
from mxdev_generators.project import platform
from mxdev_generators.project.gpus import cluster_zone, zones
from mxdev_generators.project.machines import MACHINES, node_label, pod_size
from mxdev_generators.project.mx_source import MX_SOURCE, index, install_line, requirement
from mxdev_generators.project.naming import (
    ACCOUNTS,
    DOMAIN,
    ENGINEER,
    MIRROR,
    PROJECT_ID,
    PROJECT_NAME,
    REGION,
    ZONE,
    account_id,
    bucket_prefix,
    bucket_problems,
    default_project_id,
)
from mxdev_generators.project.package_index import PACKAGE_INDEX, docker_argument, docker_login
from mxdev_generators.project.terraform_tests import head

_DATABASE = Path(__file__).with_name("scripts") / "database.py"


def _on_google(values: Mapping[str, Any]) -> bool:
    return bool(values["cloud"] == "gcp")


def _on_cluster(values: Mapping[str, Any]) -> bool:
    return bool(values["cloud"] != "none")


class MLProjectSkeleton(Generator):
    """A project that trains, tests, documents and deploys itself."""

    scope = "new"
    provides = ("skeleton",)
    arguments = (
        argument("NAME", type=PROJECT_NAME, help="The project's name, such as churn-model.", shared=True),
    )
    options = (
        option("--description", default="A machine-learning project.", help="What it is for, in one sentence.",
               shared=True),
        option("--task", type=click.Choice(list(tasks.EXAMPLES)), default="image",
               help="What the project learns until you put your own data in its place: images, a table, or texts."),
        option("--client", default="", help="Whom it is for.", shared=True),
        option("--cloud", type=click.Choice(["gcp", "existing", "none"]), default="gcp", ask=True, shared=True, prompt="Cloud",
               help="gcp: with Terraform for Google Cloud; existing: bring your own cluster; none: this machine only."),
        option("--project-id", type=PROJECT_ID, default=default_project_id, ask=_on_google, shared=True, found="gcloud-project",
               prompt="Google Cloud project",
               help="The Google Cloud project's id; the project must exist."),
        option("--region", type=REGION, default="europe-west4", ask=_on_google, shared=True, prompt="Region", help="The cloud region."),
        option("--accelerator", type=click.Choice(["none", "nvidia-t4", "nvidia-l4", "nvidia-a100"]), default="none",
               ask=_on_cluster, shared=True, prompt="GPU", help="The GPU of the cluster's training nodes."),
        option("--zone", type=ZONE, default="auto", shared=True,
               help="The zone of the cluster; auto: one of the region that has the GPU; empty: a regional cluster, three times as dear while idle."),
        option("--domain", type=DOMAIN, default="", shared=True, help="The domain that services get names in, if any."),
        option("--engineer", type=ENGINEER, multiple=True, shared=True, found="gcloud-account",
               help="Email of an engineer, or 'Name <email>'; may be given several times."),
        option("--python", type=click.Choice(["3.11", "3.12", "3.13"]), default="3.11", shared=True,
               help="The oldest Python the project supports, and that of its image."),
        option("--training-hours", type=click.IntRange(1, 8760), default=72, shared=True,
               help="After how many hours a training job on the cluster is stopped, also if it hangs."),
        option("--platform", type=click.Choice(["linux/amd64", "linux/arm64"]), default="linux/amd64", shared=True,
               help="What images are built for, on whatever machine: the processor of the cluster's nodes."),
        option("--docker-mirror", type=MIRROR, default="", shared=True,
               help="Where images of Docker Hub are pulled from, such as mirror.gcr.io; empty: Docker Hub, which limits pulls."),
        *platform.OPTIONS,
        MX_SOURCE,
        PACKAGE_INDEX,
        option("--skip-git", is_flag=True, help="Do not run `git init` where there is no repository."),
    )  # fmt: skip
    example = 'mx generate MLProjectSkeleton churn-model --description "Predict which customers leave."'

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """Names and zones fit the cloud, Google's machines with a GPU have Intel's or AMD's processors, the parts of the platform fit."""
        found = [*platform.problems(values), *bucket_problems(values.cloud, values.project_id, values.name)]
        if values.zone not in ("", "auto") and not str(values.zone).startswith(f"{values.region}-"):
            found.append(
                f"--zone {values.zone} is not in --region {values.region}; set both to match, or leave the zone empty."
            )
        if values.cloud == "gcp" and values.accelerator != "none" and values.platform != "linux/amd64":
            found.append(
                f"--platform {values.platform}: Google Cloud's machines with {values.accelerator} are linux/amd64."
            )
        return found

    def variables(self) -> dict[str, Any]:
        """The options, and the names that are made from them."""
        values = super().variables()
        prefix = bucket_prefix(self.values.project_id, self.values.name)
        accounts = {f"{role}_account": account_id(self.values.name, role) for role in ACCOUNTS}
        return {
            **values,
            "terraform_test": head({"gpu_driver": '"google"', "engineers": "[]", "leads": "[]"}),
            **accounts,
            "gpu_zones": zones(),
            "zone": cluster_zone(values),
            "package": package_name(self.values.name),
            "example": tasks.EXAMPLES[self.values.task],
            "bucket_prefix": prefix,
            "mx_requirement": requirement(values["mx_source"], values["mx_version"]),
            "mx_index": index(values["mx_source"]),
            "mx_install": install_line(values["mx_source"], values["mx_version"]),
            "node": node_label(self.values.cloud, self.values.accelerator),
            "pod": pod_size(self.values.cloud, self.values.accelerator),
            "dockerfile_image": image("dockerfile", values, short=True),
            "uv_image": image("uv", values, short=True),
            "python_image": image(for_python("python-slim", values["python"]), values, short=True),
            # For templates of a project's own, in .mx/overrides.
            "docker_hub": f"{values['docker_mirror']}/" if values["docker_mirror"] else "",
            "docker_argument": docker_argument(values),
            "docker_login": docker_login(values),
            "machine": MACHINES.get(self.values.accelerator) if self.values.cloud == "gcp" else None,
            **platform.variables(values, prefix, accounts["mlflow_account"]),
            "database_script": _DATABASE.read_text("utf-8").rstrip(),
        }

    def _keeps(self, template: str) -> bool:
        """Whether the template at this path is rendered."""
        here = self.values.cloud != "none" or laptop.keeps(template)
        return here and tasks.is_common(template, self.values.task)

    def generate(self, tree: Tree) -> None:
        """Render the templates, the head of devspace.yaml and its two deployments."""
        tree.render("templates", keep=self._keeps)
        if own := tasks.folder(self.values.task):
            tree.render(own)
        if self.values.cloud == "none":
            tree.render(laptop.FOLDER)
        else:
            for address, value in devspace.sections(self.variables()):
                tree.section("devspace.yaml", address, value)
        if not self.values.skip_git:
            tree.repository()
        if self.values.package_index:
            tree.next_step(
                "export UV_INDEX_PRIVATE_USERNAME=USER UV_INDEX_PRIVATE_PASSWORD=TOKEN",
                f"the login of {self.values.package_index}, if it wants one; ~/.netrc and a keyring do as well",
            )
        tree.next_step("mx flow run --setup", "makes the project's environment and trains the model")
        tree.next_step("mx flow ui", "shows the run")
        tree.next_step("mx lint", "checks every file against the style guide")
        if self.values.cloud == "gcp" and self.values.project_id == default_project_id(self.values):
            tree.next_step(
                "mx set project-id=ID",
                f"the id of your Google Cloud project, before you use the cloud: {self.values.project_id} is only made from the "
                "project's name",
            )
