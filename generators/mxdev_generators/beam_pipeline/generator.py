"""The BeamPipeline generator: what it asks and what it renders."""

from __future__ import annotations

import hashlib
from typing import Any

import click

from mxdev import Generator, Tree, argument, option
from mxdev.generator import Pattern, Values
from mxdev_generators.beam_pipeline import image
from mxdev_generators.dataset.generator import PATH
from mxdev_generators.names.modules import module_name
from mxdev_generators.names.rules import package_name
from mxdev_generators.project.naming import bucket_prefix
from mxdev_generators.project.platform import refusal
from mxdev_generators.project.terraform_tests import head
from mxdev_generators.served.names import dns_label, taken

COLUMN = Pattern(
    r"[A-Za-z_][A-Za-z0-9_]{0,29}:(?:float|int|bool|string)",
    "a name and a type, such as age:int; types are float, int, bool and string",
    metavar="NAME:TYPE",
)
DEFAULT_COLUMNS = ("value:float", "label:string")
# Folders of the bucket that every pipeline writes to, beside that of its name.
_WRITTEN = ("dataflow", "rejected")
# Folders of the bucket that are something else.
_FOLDERS = frozenset([*_WRITTEN, "labels", "raw"])


def _taken(name: str) -> str | None:
    if name in _FOLDERS:
        return f"the data bucket has a folder called {name} for something else"
    return taken(name)


class BeamPipeline(Generator):
    """From raw files in the data bucket to checked data that the trainer reads, by Apache Beam."""

    requires = ("MLProjectSkeleton",)
    arguments = (
        argument("NAME", type=module_name("_pipeline", _taken), help="The pipeline's name, such as visits."),
    )
    instance_argument = "NAME"
    options = (
        option("--kind", type=click.Choice(["table", "images"]), default="table",
               help="What it reads: tables (CSV, JSON lines), or images in folders named for their classes."),
        option("--reads", type=PATH, default="", help="The folder of the bucket with the raw files; empty: raw/NAME."),
        option("--column", type=COLUMN, multiple=True, help="A column of a record, such as age:int; given once for each."),
    )  # fmt: skip
    example = "mx generate BeamPipeline visits --column age:int --column left:bool"

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """It needs an image and a bucket, and its columns fit what it reads."""
        if refused := refusal(cls.__name__, values.cloud):
            return refused
        found = []
        if values.reads.startswith("/"):
            found.append(f"--reads {values.reads} is a folder of the bucket, and begins without a slash.")
        first = values.reads.partition("/")[0]
        if first in (values.name, *_WRITTEN):
            found.append(
                f"--reads {values.reads} is in a folder that the pipeline writes to: {first}. "
                f"Take another, such as raw/{values.name}."
            )
        if values.column and values.kind != "table":
            found.append("--column is for tables; images have none.")
        names = [column.partition(":")[0] for column in values.column]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            found.append(f"--column {doubled[0]} is given twice.")
        return found

    def variables(self) -> dict[str, Any]:
        """The names that are made from the pipeline's and the project's, and the columns."""
        values = super().variables()
        project, label = self.values.of_project, dns_label(values["name"])
        # Several projects may share one cloud project, and an account's id has room for 30 characters.
        digest = hashlib.sha256(f"{project.name}/{label}".encode()).hexdigest()[:6]
        columns = [column.split(":") for column in values["column"] or DEFAULT_COLUMNS]
        return {
            **values,
            "terraform_test": head({"engineers": '["ada@example.com"]', "leads": "[]"}),
            "label": label,
            "package": package_name(project.name),
            "reads": values["reads"] or f"raw/{values['name']}",
            "columns": [{"name": name, "type": kind} for name, kind in columns],
            "boot_image": image.boot(project),
            "account": f"{label[:16].rstrip('-')}-beam-{digest}",
        }

    def generate(self, tree: Tree) -> None:
        """Render module, configuration, tests and what it runs as; add image, requirement and its line of `mx data run`."""
        values = self.variables()
        project, label, name = self.values.of_project, values["label"], values["name"]
        tree.render("templates")
        tree.render(f"{values['kind']}_templates")
        image.add(tree, self.instance, project)
        entry: dict[str, Any] = {
            "title": f"{values['reads']} becomes a version of {name}",
            "module": f"{values['package']}.{name}",
            "image": label,
            "requires": {"apache_beam": image.requirement(project)},
        }
        if project.cloud == "gcp":
            prefix = bucket_prefix(project.project_id, project.name)
            entry["dataflow"] = {
                "project": str(project.project_id),
                "region": str(project.region),
                "subnetwork": f"{project.name}-nodes",
                "service_account": f"{values['account']}@{project.project_id}.iam.gserviceaccount.com",
                "temporary": f"gs://{prefix}-data/dataflow/{name}",
            }
        else:
            entry["job"] = f"infrastructure/kubernetes/pipelines/{label}.yaml"
        tree.section("infrastructure/pipelines.yaml", f"pipelines.{name}", entry)
        tree.next_step("mx flow run --setup", "installs Apache Beam, too")
        tree.next_step(f"mx data upload FOLDER --as {values['reads']}", "brings raw files to the bucket")
        tree.next_step(f"mx data run {name}", "makes a version of the data of them, on this machine")
        if project.cloud == "gcp":
            tree.next_step(
                "terraform -chdir=infrastructure/terraform apply", "makes what the workers on Dataflow run as"
            )
        tree.next_step(f"mx build image {label} --push", "builds the image, named after the commit")
        where = "dataflow" if project.cloud == "gcp" else "cluster"
        tree.next_step(f"mx data run {name} --on {where}", "makes the same version there")
