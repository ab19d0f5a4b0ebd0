"""The SeldonDeployment generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

import click

from mxdev import Generator, Tree, argument, option
from mxdev.generator import Pattern, Values
from mxdev_generators.edge.apps import APP_OPTIONS, SIDECAR_METRICS_PORT, App, expose
from mxdev_generators.edge.policies import SELECTOR
from mxdev_generators.names.modules import module_name
from mxdev_generators.names.rules import package_name
from mxdev_generators.project.naming import bucket_prefix
from mxdev_generators.project.platform import image_registry, refusal
from mxdev_generators.project.terraform_tests import head
from mxdev_generators.seldon_deployment import smoke_test
from mxdev_generators.served import shared_files
from mxdev_generators.served.names import ALIAS_OR_NONE, BUCKET, MODEL, TAG, dns_label, taken

KSERVE = "kserve>=0.21,<0.22"
PORT = 8080
LICENCES = {
    "kserve": "KServe is under the Apache License 2.0.",
    "seldon": "Seldon Core 1.17.1 is the last version under the Apache License 2.0; later ones need a licence for production.",
}
RUN = Pattern(r"(?:[0-9a-f]{32})?", "the id of a run, 32 hexadecimal digits, or empty", metavar="ID")
SHA256 = Pattern(r"(?:[0-9a-f]{64})?", "a SHA-256, 64 hexadecimal digits, or empty", metavar="SHA256")


class SeldonDeployment(Generator):
    """The project's model behind an endpoint, by KServe or Seldon Core."""

    requires = ("MLProjectSkeleton", "DeploymentInfrastructure")
    arguments = (
        argument("NAME", type=module_name("_model", taken), help="The endpoint's name, such as scores."),
    )
    instance_argument = "NAME"
    options = (
        option("--engine", type=click.Choice(["kserve", "seldon"]), default="kserve",
               help="kserve: under the Apache License; seldon: Core 1.17.1, the last version under it."),
        option("--model", type=MODEL, default="", help="The registered model; empty: it is called as the project."),
        option("--alias", type=ALIAS_OR_NONE, default="candidate", help="The alias of the version that is served."),
        option("--run", type=RUN, default="", help="Serve the model that this run logged, whatever is registered."),
        option("--sha256", type=SHA256, default="",
               help="The hash that the model's files must have; empty: the one that was approved in the registry."),
        option("--tag", type=TAG, default="none",
               help="Which image runs on the cluster: the commit that it was built of; none: nothing was built yet."),
        option("--canary-weight", type=click.IntRange(0, 100), default=0,
               help="How many of a hundred requests go to the canary; 0: none, and its objects are no longer rendered."),
        option("--canary-alias", type=ALIAS_OR_NONE, default="challenger", help="The alias of the version that the canary serves."),
        option("--canary-tag", type=TAG, default="none", help="The image of the canary; none: that of --tag."),
        option("--min-replicas", type=click.IntRange(1, 100), default=1, help="Pods at least."),
        option("--max-replicas", type=click.IntRange(1, 1000), default=3, help="Pods at most; more come when processors are busy."),
        option("--request-log", type=BUCKET, default="",
               help="Where requests and answers are written down, in files of JSON lines; empty: nowhere."),
        *APP_OPTIONS,
    )  # fmt: skip
    example = "mx generate SeldonDeployment scores"

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """It needs a cluster, and its numbers fit."""
        if refused := refusal(cls.__name__, values.cloud):
            return refused
        found = []
        if values.min_replicas > values.max_replicas:
            found.append(
                f"--min-replicas {values.min_replicas} is more than --max-replicas {values.max_replicas}."
            )
        if values.run and values.canary_weight:
            found.append("--canary-weight is for aliases of a registered model; leave --run empty.")
        if not values.alias and not values.run:
            found.append(
                "--alias is missing: which version of the registered model is served? Or name a --run."
            )
        if values.canary_weight and not values.canary_alias:
            found.append("--canary-alias is missing: which version does the canary serve?")
        return found

    def variables(self) -> dict[str, Any]:
        """The names that are made from the endpoint's and the project's, and what runs beside each other."""
        values = super().variables()
        project = self.values.of_project
        label = dns_label(values["name"])
        tag = values["tag"]
        parts = [{"label": label, "alias": values["alias"], "tag": tag, "sha256": values["sha256"]}]
        if values["canary_weight"]:
            canary = tag if values["canary_tag"] == "none" else values["canary_tag"]
            parts.append(
                {"label": f"{label}-canary", "alias": values["canary_alias"], "tag": canary, "sha256": ""}
            )
        return {
            **values,
            "terraform_test": head({"engineers": "[]"}),
            "label": label,
            "parts": parts,
            "package": package_name(project.name),
            "model": values["model"] or project.name,
            "image_registry": image_registry(project),
            "port": PORT,
            "metrics_port": SIDECAR_METRICS_PORT,
            "gateway_labels": SELECTOR["matchLabels"],
            "log_bucket": self._log_bucket(),
        }

    def _log_bucket(self) -> str:
        """The bucket of the request log in HCL, if Terraform can say who writes there: the project's own in every environment."""
        project = self.values.of_project
        scheme, _, path = self.values.request_log.partition("://")
        if project.cloud != "gcp" or scheme != "gs":
            return ""
        bucket = path.partition("/")[0]
        prefix = bucket_prefix(project.project_id, project.name)
        if bucket == f"{prefix}-data":
            return 'google_storage_bucket.main["data"].name'
        rest = bucket.removeprefix(prefix)
        # One that is named as the project's own are: each environment has one.
        return f'"${{var.bucket_prefix}}{rest}"' if bucket != rest and rest.startswith("-") else f'"{bucket}"'

    def generate(self, tree: Tree) -> None:
        """Render server, tests, manifests and route; add the image's stage, KServe, the deployment, and the line of `mx serve`."""
        values = self.variables()
        label, name, package = values["label"], values["name"], values["package"]
        folder = f"infrastructure/kubernetes/apps/{label}"
        tree.render("templates")
        canary = ((f"{label}-canary", values["canary_weight"]),) if values["canary_weight"] else ()
        app = App(label, values["host"], 80, values["audience"], canary=canary)
        expose(tree, app, self.values.of_project, folder)
        if values["tag"] != "none":
            tree.file(f"{folder}/smoke_test.yaml", smoke_test.manifest(values, self.values.of_project))
        command = '"python", "-m", "{{ package }}.{{ name }}"'
        shared_files.add(tree, self.instance, values, folder, KSERVE, command)
        tree.section(
            "infrastructure/serve.yaml",
            f"serve.{name}",
            {
                "title": f"The model {values['model']}, by the Open Inference Protocol",
                "command": [
                    "python",
                    "-m",
                    f"{package}.{name}",
                    "--http_host",
                    "{host}",
                    "--http_port",
                    "{port}",
                ],
                "port": PORT,
                "path": "/v2/health/ready",
                "requires": {"kserve": KSERVE},
                "rollback": ["python", "-m", f"{package}.{name}", "--roll_back"],
                "label": label,
            },
        )
        tree.say(LICENCES[values["engine"]])
        tree.next_step(
            f"python -m {package}.{name} --approve",
            "notes the hash of the model's files, once you looked at it",
        )
        tree.next_step(f"mx serve {name}", "serves it on this machine")
        brings = f"brings it to the cluster, once {values['engine']} is installed there"
        shared_files.next_steps(tree, self.instance, label, "the server's image", brings)
