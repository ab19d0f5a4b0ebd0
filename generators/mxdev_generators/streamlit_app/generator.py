"""The StreamlitApp generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

from mxdev import Generator, Tree, argument, option
from mxdev.generator import Pattern, Values
from mxdev_generators.edge.apps import APP_OPTIONS, MESHED, App, expose
from mxdev_generators.edge.policies import SELECTOR
from mxdev_generators.ml_project_skeleton.laptop import refusal
from mxdev_generators.ml_project_skeleton.platform import image_registry
from mxdev_generators.names.modules import module_name
from mxdev_generators.names.rules import package_name
from mxdev_generators.streamlit_app.image import STAGE, STREAMLIT

PORT = 8501
MODEL = Pattern(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?)?",
    "the name of a registered model (letters, digits, dots, dashes, underscores), or empty",
    metavar="MODEL",
)
ALIAS = Pattern(
    r"[A-Za-z](?:[A-Za-z0-9_-]{0,62})",
    "the alias of a registered model, such as candidate",
    metavar="ALIAS",
)
TAG = Pattern(
    r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}",
    "the tag of an image: a commit, as `mx build image` names it",
    check=lambda tag: "latest is another image every day; take a commit" if tag == "latest" else None,
    metavar="COMMIT",
)
# What a cluster or the Dockerfile has under that name already.
_TAKEN = frozenset(
    ["base", "debug", "dev", "edge", "jupyter", "mlflow", "postgresql", "python", "requirements", "run", "uv"]
)
SECTION_OF_TOOLS = "project.optional-dependencies.dev"


def dns_label(name: str) -> str:
    """What the cluster calls a page, and its stage in the Dockerfile, from the name of its module."""
    return name.replace("_", "-")


class StreamlitApp(Generator):
    """A page that shows what the project's model makes of an upload."""

    requires = ("MLProjectSkeleton", "DeploymentInfrastructure")
    arguments = (argument("NAME", type=module_name("_page"), help="The page's name, such as demo."),)
    instance_argument = "NAME"
    options = (
        option("--model", type=MODEL, default="", help="The registered model; empty: it is called as the project."),
        option("--alias", type=ALIAS, default="candidate", help="The alias of the version that is shown."),
        option("--tag", type=TAG, default="none",
               help="Which image runs on the cluster: the commit that it was built of; none: nothing was built yet."),
        *APP_OPTIONS,
    )  # fmt: skip
    example = "mx generate StreamlitApp demo"

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """It needs a cluster, and its name is that of an image's stage and of objects of the cluster, too."""
        if refused := refusal(cls.__name__, values.cloud):
            return refused
        label = dns_label(values.name)
        if label in _TAKEN:
            return [
                f"{values.name!r} cannot be the name: the project has an image or a service called {label} already. "
                f"Take another, such as {values.name}_page."
            ]
        return []

    def variables(self) -> dict[str, Any]:
        """The names that are made from the page's and the project's."""
        values = super().variables()
        project = self.values.of_project
        return {
            **values,
            "label": dns_label(values["name"]),
            "package": package_name(project.name),
            "model": values["model"] or project.name,
            "task": project.task,
            "image_registry": image_registry(project),
            "streamlit": STREAMLIT,
            "port": PORT,
            "meshed": MESHED,
            "gateway_labels": SELECTOR["matchLabels"],
        }

    def generate(self, tree: Tree) -> None:
        """Render page, tests and manifests; add the image's stage, Streamlit, and the deployment."""
        values = self.variables()
        label, name, package = values["label"], values["name"], values["package"]
        folder = f"infrastructure/kubernetes/apps/{label}"
        tree.render("templates")
        tree.render(f"{values['task']}_templates")
        workload = {"app.kubernetes.io/name": label, "app.kubernetes.io/part-of": str(values["project"].name)}
        # The page lives in a websocket: a request that ends after a minute would take it away.
        app = App(label, values["host"], PORT, values["audience"], timeout="3600s", workload=workload)
        expose(tree, app, self.values.of_project, folder)
        tree.section(
            "infrastructure/docker/Dockerfile", self.instance, tree.text(STAGE, "the stage of the Dockerfile")
        )
        tree.section("pyproject.toml", f"{self.instance} in {SECTION_OF_TOOLS}", f'  "{STREAMLIT}",\n')
        tree.section(
            "devspace.yaml",
            f"deployments.{label}",
            {
                "namespace": str(values["project"].name),
                "updateImageTags": False,
                "kubectl": {"manifests": [f"{folder}/"]},
            },
        )
        tree.section("infrastructure/serve.yaml", f"serve.{name}", self._served())
        tree.next_step(
            f"python -m {package}.trainer registry.registered_model_name={values['model']}",
            f"trains a model, and registers it with the alias candidate, which {name} shows",
        )
        tree.next_step(f"mx serve {name}", "shows the page on this machine")
        tree.next_step(f"mx build image {label} --push", "builds the page's image, named after the commit")
        tree.next_step(
            f"mx set {self.instance}.tag=COMMIT", "says which image runs; `mx build image` named it"
        )
        tree.next_step(f"mx deploy {label}", "brings it to the cluster")

    def _served(self) -> dict[str, Any]:
        """The page's line in the table of `mx serve`."""
        values = self.variables()
        page = f"src/{values['package']}/{values['name']}/page.py"
        return {
            "title": f"The page {values['name']}",
            "command": [
                *("python", "-m", "streamlit", "run", page),
                *("--server.port={port}", "--server.address={host}", "--server.headless=true"),
                *("--client.toolbarMode=minimal", "--browser.gatherUsageStats=false"),
            ],
            "port": PORT,
            "path": "/",
            "requires": {"streamlit": STREAMLIT},
        }
