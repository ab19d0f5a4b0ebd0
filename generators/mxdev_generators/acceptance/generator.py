"""The Acceptance generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

import click

from mxdev import Generator, Tree, option
from mxdev.generator import Pattern, Values
from mxdev_generators.acceptance import pipelines
from mxdev_generators.ci.options import SCHEDULE, cron
from mxdev_generators.names.rules import package_name
from mxdev_generators.project import package_index
from mxdev_generators.project.machines import node_label, pod_size
from mxdev_generators.project.platform import image_registry
from mxdev_generators.served.names import ALIAS, MODEL, TAG

METRIC = Pattern(
    r"[A-Za-z_][A-Za-z0-9_]{0,62}", "a metric of the evaluation, such as accuracy or loss", metavar="METRIC"
)


class Acceptance(Generator):
    """A gate for trained models: the candidate is compared with the accepted one on the same test data."""

    requires = ("MLProjectSkeleton",)
    options = (
        option("--model", type=MODEL, default="", help="The registered model; empty: it is called as the project."),
        option("--candidate", type=ALIAS, default="candidate", help="The alias of the version that is decided on."),
        option("--accepted", type=ALIAS, default="champion", help="The alias that an accepted version gets."),
        option("--metric", type=METRIC, default="loss", help="What is compared: a metric of the evaluation."),
        option("--better", type=click.Choice(["less", "more"]), default="less", help="Which value of it is better."),
        option("--decide", type=click.Choice(["rule", "person"]), default="rule",
               help="rule: a candidate that is no worse is accepted; person: it waits until somebody says yes."),
        option("--schedule", type=SCHEDULE, default="",
               help="When a candidate is trained by itself, in UTC, as in crontab: '17 3 * * 1'; empty: never."),
        option("--ci", type=click.Choice(["none", "github", "gitlab"]), default="none",
               help="What does it in a project without a cluster; with a cluster, that does."),
        option("--train", type=click.Choice(["new-data", "always"]), default="new-data",
               help="Whether it does so only where the data is new, or at every hour of the schedule."),
        option("--tag", type=TAG, default="none",
               help="Which image trains then on the cluster: the commit that `mx build image run` built; none: nothing was built yet."),
    )  # fmt: skip
    example = "mx generate Acceptance --metric accuracy --better more"

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """Without a cluster and a CI there is nothing that could start a training by itself."""
        if values.schedule and values.cloud == "none" and values.ci == "none":
            return [
                "--schedule needs something that starts a training, and this project has no cluster (cloud=none). Say which CI "
                "does it, with `--ci github` or `--ci gitlab`; or leave the schedule out, and have a machine of yours run "
                "`mx flow run -e accept -P train=new-data` at those hours."
            ]
        return []

    def variables(self) -> dict[str, Any]:
        """The options, and what is made from them and the project's."""
        values = super().variables()
        project = self.values.of_project
        cluster = project.cloud != "none"
        return {
            **values,
            "package": package_name(project.name),
            "model": values["model"] or project.name,
            "pod": pod_size(project.cloud, project.accelerator) if cluster else None,
            "node": node_label(project.cloud, project.accelerator),
            "image_registry": image_registry(project) if cluster else None,
        }

    def generate(self, tree: Tree) -> None:
        """Render module, configuration, test and schedule, and add the entry point to MLproject."""
        tree.render("templates")
        values = self.variables()
        tree.section(
            "MLproject",
            "entry_points.accept",
            {
                "parameters": {
                    "decide": {"type": "string", "default": values["decide"]},
                    "train": {"type": "string", "default": "never"},
                },
                "command": f"python -m {values['package']}.acceptance decide={{decide}} train={{train}}",
            },
        )
        tree.next_step(
            f"python -m {values['package']}.trainer registry.registered_model_name={values['model']}",
            f"trains a model, and registers it with the alias {values['candidate']}",
        )
        tree.next_step(
            "mx flow run -e accept", "compares it with the accepted one, and accepts or refuses it"
        )
        if values["schedule"] and self.values.of_project.cloud == "none":
            self._in_ci(tree, {**values["project"], **values})
        elif values["schedule"]:
            self._on_cluster(tree, values)

    def _in_ci(self, tree: Tree, values: dict[str, Any]) -> None:
        if values["ci"] == "github":
            tree.file(pipelines.GITHUB, pipelines.github(values))
            where = "Settings > Secrets and variables > Actions > Variables on GitHub"
            setting = "gh secret set {}"
        else:
            tree.file(pipelines.GITLAB, pipelines.gitlab(values))
            tree.section(".gitlab-ci.yml", f"include[local={pipelines.GITLAB}]", {"local": pipelines.GITLAB})
            where = (
                f"Settings > CI/CD > Variables on GitLab; Build > Pipeline schedules: {cron(values)} (UTC)"
            )
            setting = "glab variable set {} --masked"
        for name in package_index.login(values):
            tree.next_step(setting.format(name), f"the login of {values['package_index']}")
        tree.next_step(
            "git push", f"then the address of the tracking server goes into MLFLOW_TRACKING_URI in {where}"
        )

    def _on_cluster(self, tree: Tree, values: dict[str, Any]) -> None:
        tree.section(
            "devspace.yaml",
            "deployments.acceptance",
            {
                "namespace": self.values.of_project.name,
                "updateImageTags": False,
                "kubectl": {"manifests": ["infrastructure/kubernetes/acceptance/"]},
            },
        )
        if values["tag"] == "none":
            tree.next_step("mx build image run --push", "builds the image, named after the commit")
            tree.next_step(
                f"mx set {self.instance}.tag=COMMIT", "says which image trains; `mx build image` named it"
            )
        tree.next_step("mx deploy acceptance", "brings the schedule to the cluster")
