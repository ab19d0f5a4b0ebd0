"""The DebugPod generator: what it asks and what it renders."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import click

from mxdev import Generator, Tree, option
from mxdev.generator import Values
from mxdev_generators.debug_pod import devspace, scripts
from mxdev_generators.names.rules import package_name
from mxdev_generators.project.machines import node_label, pod_size
from mxdev_generators.project.naming import account_id
from mxdev_generators.project.platform import image_registry, refusal
from mxdev_generators.project.terraform_tests import head
from mxdev_generators.served.names import TAG
from mxdev_generators.served.shared_files import TOOLS

JUPYTER = "jupyterlab>=4.4,<5"


class DebugPod(Generator):
    """JupyterLab on the cluster, in the project's own image: a GPU as if it were in your laptop."""

    requires = ("MLProjectSkeleton",)
    options = (
        option("--tag", type=TAG, default="none",
               help="Which image runs: the commit that `mx build image dev` built; none: nothing was built yet."),
        option("--idle-minutes", type=click.IntRange(5, 1440), default=60, help="After how long without use it stops."),
        option("--home-size", type=click.IntRange(1, 2000), default=20, help="Gigabytes of the volume that it keeps."),
    )  # fmt: skip
    example = "mx generate DebugPod --idle-minutes 30"

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """It needs a cluster."""
        return refusal(cls.__name__, values.cloud)

    def variables(self) -> dict[str, Any]:
        """The options, and what is made from them and the project's."""
        values = super().variables()
        project = self.values.of_project
        return {
            **values,
            "terraform_test": head({"engineers": "[]"}),
            "package": package_name(project.name),
            "pod": pod_size(project.cloud, project.accelerator),
            "node": node_label(project.cloud, project.accelerator),
            "image_registry": image_registry(project),
            "trainer_account": account_id(project.name, "trainer"),
            "idle_script": files(scripts).joinpath("idle.py").read_text("utf-8").rstrip(),
            "home": devspace.HOME,
            "port": devspace.PORT,
        }

    def generate(self, tree: Tree) -> None:
        """Render the manifests; add JupyterLab to the image, and what `devspace dev` does."""
        tree.render("templates")
        tree.section("pyproject.toml", f"{self.instance} in {TOOLS}", f'  "{JUPYTER}",\n')
        for address, value in devspace.sections(str(self.values.of_project.name)):
            tree.section("devspace.yaml", address, value)
        if self.values.of_project.cloud == "gcp":
            tree.next_step(
                "terraform -chdir=infrastructure/terraform apply", "lets the pod read the project's data"
            )
        tree.next_step("mx build image dev --push", "builds the image, named after the commit")
        tree.next_step("mx set DebugPod.tag=COMMIT", "says which image runs; `mx build image` named it")
        tree.next_step("mx deploy debug", "brings it to the cluster, where it waits without a pod")
        tree.next_step(
            "devspace dev", "starts the pod, keeps its files and yours in step, and opens JupyterLab"
        )
