"""The ModelMonitoring generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

import click

from mxdev import Generator, Tree, argument, option
from mxdev.generator import Values
from mxdev_generators.edge.apps import APP_OPTIONS, MESHED, SIDECAR_METRICS_PORT, App, expose
from mxdev_generators.edge.policies import SELECTOR
from mxdev_generators.names.modules import module_name
from mxdev_generators.names.rules import package_name
from mxdev_generators.project.naming import bucket_prefix
from mxdev_generators.project.platform import image_registry, refusal
from mxdev_generators.project.terraform_tests import head
from mxdev_generators.served.names import BUCKET, MODEL, TAG, dns_label

# scikit-learn brings it, too.
SCIPY = "scipy>=1.15,<2"
PORT, METRICS_PORT = 8090, 9090
_BUCKET_LENGTH = 63
# So that the reports of each day are at the same hours.
HOURS = ["1", "2", "3", "4", "6", "8", "12", "24"]


class ModelMonitoring(Generator):
    """What an endpoint is asked, against what its model was trained on: drift, attacks, labels that come back."""

    requires = ("MLProjectSkeleton", "DeploymentInfrastructure")
    arguments = (
        argument(
            "NAME",
            type=module_name("_model"),
            help="The endpoint: the name of a SeldonDeployment, such as scores.",
        ),
    )
    instance_argument = "NAME"
    options = (
        option("--model", type=MODEL, default="", help="The registered model that it serves; empty: it is called as the project."),
        option("--request-log", type=BUCKET, default="",
               help="Where the endpoint writes requests down; empty: a bucket of its own, which Terraform makes."),
        option("--keep-days", type=click.IntRange(1, 3650), default=30, help="How long that bucket keeps requests and reports."),
        option("--every-hours", type=click.Choice(HOURS), default="1", help="How often a report is made, of the day before it."),
        option("--tag", type=TAG, default="none",
               help="Which image runs on the cluster: the commit that `mx build image run` built; none: nothing was built yet."),
        *APP_OPTIONS,
    )  # fmt: skip
    example = "mx generate ModelMonitoring scores"

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """It needs a cluster, and a place where the requests are."""
        if refused := refusal(cls.__name__, values.cloud):
            return refused
        if values.cloud != "gcp" and not values.request_log:
            return [
                "--request-log is missing: where does the endpoint write its requests down? Such as s3://acme-data/scores"
            ]
        return []

    def variables(self) -> dict[str, Any]:
        """The names that are made from the endpoint's and the project's."""
        values = super().variables()
        project = self.values.of_project
        endpoint = dns_label(values["name"])
        own = f"{endpoint}-log"
        prefix = bucket_prefix(project.project_id, project.name) if project.cloud == "gcp" else ""
        room = _BUCKET_LENGTH - len(own) - 1
        bucket = f"{prefix[:room].rstrip('-')}-{own}"
        folder = values["request_log"].rstrip("/") or f"gs://{bucket}"
        every = int(values["every_hours"])
        hours = {1: "*", 24: "0"}.get(every, f"*/{every}")
        return {
            **values,
            "terraform_test": head({"engineers": "[]"}),
            "schedule": f"7 {hours} * * *",
            # Two that did not come, and half an hour for the second.
            "stale": 2 * 3600 * every + 1800,
            "module": f"{values['name']}_monitoring",
            "label": f"{endpoint}-monitoring",
            "endpoint": endpoint,
            "package": package_name(project.name),
            "model": values["model"] or project.name,
            "image_registry": image_registry(project),
            "own_bucket_prefix": room,
            "own_bucket": "" if values["request_log"] else bucket,
            "log_folder": folder if values["request_log"] else f"{folder}/requests",
            "results": f"{folder}-monitoring" if values["request_log"] else f"{folder}/monitoring",
            # Grafana takes no more than forty characters.
            "uid": f"{project.name}-{endpoint}"[:40],
            "port": PORT,
            "metrics_port": METRICS_PORT,
            "sidecar_metrics_port": SIDECAR_METRICS_PORT,
            "meshed": MESHED,
            "gateway_labels": SELECTOR["matchLabels"],
        }

    def generate(self, tree: Tree) -> None:
        """Render package, tests, manifests, rules and dashboard; add the deployment and the line of `mx serve`."""
        values = self.variables()
        label, module, package = values["label"], values["module"], values["package"]
        folder = f"infrastructure/kubernetes/apps/{label}"
        tree.render("templates")
        app = App(label, values["host"], PORT, values["audience"])
        expose(tree, app, self.values.of_project, folder)
        tree.section(
            "devspace.yaml",
            f"deployments.{label}",
            {
                "namespace": str(values["project"].name),
                "updateImageTags": False,
                "kubectl": {"manifests": [f"{folder}/"]},
            },
        )
        tree.section("pyproject.toml", f"{self.instance} in project.dependencies", f'  "{SCIPY}",\n')
        tree.section("infrastructure/serve.yaml", f"serve.{module}", self._served(package, module))
        self._next_steps(tree, values)

    def _served(self, package: str, module: str) -> dict[str, Any]:
        """The line of the page in the table of `mx serve`."""
        command = ["python", "-m", f"{package}.{module}.page", "--host", "{host}", "--port", "{port}"]
        return {
            "title": f"The last report on {self.values.name}",
            "command": command,
            "port": PORT,
            "path": "/",
        }

    def _next_steps(self, tree: Tree, values: dict[str, Any]) -> None:
        name, label, module = values["name"], values["label"], values["module"]
        if values["own_bucket"]:
            tree.next_step(
                "terraform -chdir=infrastructure/terraform apply",
                f"makes gs://{values['own_bucket']}",
            )
        tree.next_step(
            f"mx generate SeldonDeployment {name} --request-log {values['log_folder']}",
            "has the endpoint write its requests down; the next apply lets it",
        )
        tree.next_step(
            f"python -m {values['package']}.{module}", "makes a report here, of requests on this machine"
        )
        tree.next_step(f"mx serve {module}", "shows it")
        tree.next_step("mx build image run --push", "builds the image, named after the commit")
        tree.next_step(
            f"mx set {self.instance}.tag=COMMIT", "says which image runs; `mx build image` named it"
        )
        tree.next_step(f"mx deploy {label}", "makes reports on the cluster")
