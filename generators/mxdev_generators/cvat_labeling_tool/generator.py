"""The CVATLabelingTool generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

import click

from mxdev import Generator, Tree, option
from mxdev.generator import Pattern, Values
from mxdev_generators.cvat_labeling_tool import devspace
from mxdev_generators.edge.apps import App, expose
from mxdev_generators.edge.certificates import gateway
from mxdev_generators.edge.names import AUDIENCE, HOST, address
from mxdev_generators.edge.text import documents
from mxdev_generators.images.table import image, pinned, repository, table
from mxdev_generators.names import rules
from mxdev_generators.project.platform import OBJECT_NAME, refusal

DATA = Pattern(
    r"(?:(?:gs|s3)://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](?:/[A-Za-z0-9._=-]+)*|/?[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_.-]+)*)?",
    "gs://BUCKET/PATH, s3://BUCKET/PATH, a folder, or empty (on Google Cloud the bucket that Terraform makes)",
    check=rules.refused_uri,
    metavar="URI",
)
FRONTEND = "cvat-frontend-service"
FOLDER = "infrastructure/kubernetes/cvat"
# What the chart's own ingress leads to the backend; all else is the frontend's.
BACKEND_PATHS = ("/api", "/admin", "/static", "/django-rq", "/profiler")


class CVATLabelingTool(Generator):
    """Label images with CVAT, and train on what comes back."""

    requires = ("MLProjectSkeleton", "DeploymentInfrastructure")
    options = (
        option("--audience", type=AUDIENCE, default="labellers",
               help="Who may open it: engineers, clients, labellers, or public, which is everybody."),
        option("--host", type=HOST, default="labeling", help="Its name below the project's part of the domain."),
        option("--volumes", type=click.Choice(["one-node", "shared"]), default="one-node",
               help="one-node: a disk, and all of CVAT on the node that has it; shared: a volume that pods on many nodes mount."),
        option("--shared-class", type=OBJECT_NAME, default="",
               help="With --volumes shared: the class of such volumes; empty on Google Cloud: standard-rwx, which is Filestore."),
        option("--volume-size", type=click.IntRange(10, 65536), default=100, help="GiB for the images that are being labelled."),
        option("--data", type=DATA, default="", shared=True,
               help="Where the project's data lies; empty: on Google Cloud the bucket that Terraform makes."),
    )  # fmt: skip
    example = "mx generate CVATLabelingTool --labellers @labels.example"

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """It needs a cluster, and shared volumes a class."""
        if refused := refusal(cls.__name__, values.cloud):
            return refused
        if values.volumes == "shared" and values.cloud != "gcp" and not values.shared_class:
            return [
                "--volumes shared needs --shared-class, a class whose volumes pods on many nodes mount at once "
                "(`kubectl get storageclass` lists them)."
            ]
        if values.shared_class and values.volumes != "shared":
            return [f"--shared-class {values.shared_class} goes with --volumes shared."]
        return []

    def variables(self) -> dict[str, Any]:
        """The options, and what is made of them."""
        values = super().variables()
        own_class = values["cloud"] == "gcp" and values["database"] == "in-cluster"
        return {
            **values,
            "version": table()["cvat-server"].tag,
            "address": address(self._host, values),
            "server_repository": repository("cvat-server", values),
            "server_pinned": pinned("cvat-server"),
            "redis_pinned": pinned("redis"),
            "server_image": image("cvat-server", values),
            "ui_repository": repository("cvat-ui", values),
            "opa_image": repository("cvat-opa", values),
            "kvrocks_image": repository("cvat-kvrocks", values),
            "postgres_image": image("postgres", values),
            "redis_image": image("redis", values),
            "volume_class": values["storage_class"] or (f"{values['name']}-retain" if own_class else ""),
            "shared_class": values["shared_class"] or ("standard-rwx" if values["cloud"] == "gcp" else ""),
        }

    @property
    def _host(self) -> str:
        return self.values.host or "labeling"

    def generate(self, tree: Tree) -> None:
        """Render databases, first user, backup and route, and the chart as a deployment."""
        values = self.variables()
        tree.render("templates")
        for at, value in devspace.sections(values):
            tree.section("devspace.yaml", at, value)
        app = App(
            name=FRONTEND, host=self._host, port=80, audience=self.values.audience, timeout="3600s",
        )  # fmt: skip
        expose(tree, app, self.values.of_project, FOLDER)
        tree.file(f"{FOLDER}/backend_route.yaml", self._backend_route(values))
        tree.next_step(
            "devspace deploy cvat-database cvat cvat-access",
            f"installs CVAT at https://{values['address']}; the Secret cvat-superuser has the first user's password",
        )
        tree.next_step("mx data upload data/images --as images", "brings images to the data bucket")
        tree.next_step(
            "mx labels create first --from images --label yes --label no",
            "has them labelled; needs cvat-sdk in the project's interpreter: uv pip install 'cvat-sdk>=2.80,<3'",
        )
        tree.next_step("mx labels export first", "writes the labels as a data set that training reads")

    def _backend_route(self, values: dict[str, Any]) -> str:
        name = "cvat-backend-service"
        host = f"{name}.{values['name']}.svc.cluster.local"
        labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": str(values["name"])}
        route = {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": name, "namespace": str(values["name"]), "labels": labels},
            "spec": {
                "hosts": [values["address"]],
                "gateways": [gateway(FRONTEND, self.values.of_project)],
                "http": [
                    {
                        "match": [{"uri": {"prefix": path}} for path in BACKEND_PATHS],
                        "timeout": "3600s",
                        "route": [{"destination": {"host": host, "port": {"number": 8080}}}],
                    }
                ],
            },
        }
        head = "CVAT's interface. Istio joins this with route.yaml, whose route without a match comes last."
        return documents(head, [route])
