"""The StreamlitApp generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

from mxdev import Generator, Tree, argument, option
from mxdev.generator import Values
from mxdev_generators.edge.apps import APP_OPTIONS, MESHED, App, expose
from mxdev_generators.edge.policies import SELECTOR
from mxdev_generators.names.modules import module_name
from mxdev_generators.names.rules import package_name
from mxdev_generators.project.platform import image_registry, refusal
from mxdev_generators.served import shared_files
from mxdev_generators.served.names import ALIAS, MODEL, TAG, dns_label, taken

STREAMLIT = "streamlit>=1.60,<2"
PORT = 8501


class StreamlitApp(Generator):
    """A page that shows what the project's model makes of an upload."""

    requires = ("MLProjectSkeleton", "DeploymentInfrastructure")
    arguments = (argument("NAME", type=module_name("_page", taken), help="The page's name, such as demo."),)
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
        """It needs a cluster."""
        return refusal(cls.__name__, values.cloud)

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
        # The page lives in a websocket: a request that ends after a minute would take it away.
        app = App(label, values["host"], PORT, values["audience"], timeout="3600s")
        expose(tree, app, self.values.of_project, folder)
        command = '"streamlit", "run", "src/{{ package }}/{{ name }}/page.py"'
        shared_files.add(tree, self.instance, values, folder, STREAMLIT, command)
        tree.section("infrastructure/serve.yaml", f"serve.{name}", self._served())
        tree.next_step(
            f"python -m {package}.trainer registry.registered_model_name={values['model']}",
            f"trains a model, and registers it with the alias candidate, which {name} shows",
        )
        tree.next_step(f"mx serve {name}", "shows the page on this machine")
        shared_files.next_steps(tree, self.instance, label, "the page's image", "brings it to the cluster")

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
