"""The Environment generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

from mxdev import Generator, Tree, argument, option
from mxdev.generator import Pattern, Values
from mxdev_generators.environment import naming
from mxdev_generators.names import environments as names
from mxdev_generators.project.naming import (
    ACCOUNTS,
    PROJECT_ID,
    account_id,
    bucket_problems,
)
from mxdev_generators.project.platform import refusal

_NAME_LENGTH = 40
NAME = Pattern(
    names.FORM,
    "2 to 20 lower-case letters, digits and single dashes, beginning with a letter and not ending with a dash",
    metavar="NAME",
    check=names.check,
)
CLOUD_PROJECT = Pattern(rf"(?:{PROJECT_ID.regex.pattern})?", f"{PROJECT_ID.form}, or empty", metavar="ID")


def _same_accounts(first: str, whole: str, name: str) -> list[str]:
    """What is wrong where both would have the same service account: ids end after so many characters; usually nothing."""
    same = [role for role in naming.ROLES if account_id(whole, role) == account_id(first, role)]
    if not same:
        return []
    return [
        f"NAME {name}: {whole} and {first} would have the same service account {account_id(whole, same[0])} in the same cloud "
        "project. Give the environment one of its own: --cloud-project ID."
    ]


class Environment(Generator):
    """Another place for the whole project, such as staging or production."""

    requires = ("skeleton",)
    arguments = (argument("NAME", type=NAME, help="The environment's name, such as production."),)
    instance_argument = "NAME"
    options = (
        option("--cloud-project", type=CLOUD_PROJECT, default="",
               help="A Google Cloud project of its own, which must exist; empty: the project's."),
    )  # fmt: skip
    example = "mx generate Environment production --cloud-project acme-production"

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """There has to be a cluster, and the names that are made must fit what they name."""
        project = values.of_project
        found = refusal(cls.__name__, project.cloud)
        whole = naming.namespace(project.name, values.name)
        if len(whole) > _NAME_LENGTH:
            found.append(
                f"NAME {values.name} makes {whole}, which has {len(whole)} characters; a cluster's name has at most {_NAME_LENGTH}."
            )
        if values.cloud_project and project.cloud != "gcp":
            found.append(
                f"--cloud-project {values.cloud_project} is for Google Cloud; this project runs on a cluster of your own."
            )
        if project.cloud == "gcp" and (values.cloud_project or project.project_id) == project.project_id:
            found += _same_accounts(project.name, whole, values.name)
        return [
            *found,
            *bucket_problems(project.cloud, values.cloud_project or project.project_id, whole),
        ]

    def variables(self) -> dict[str, Any]:
        """The options, and the names of what is the environment's own."""
        values = super().variables()
        project = self.values.of_project
        own = naming.own(project, self.values)
        return {
            **values,
            "first": project.name,
            "cloud": project.cloud,
            "own": own,
            "accounts": {role: account_id(own.name, role) for role in ACCOUNTS},
            "replace": naming.replacements(naming.first(project), own),
        }

    def generate(self, tree: Tree) -> None:
        """Render what the environment has of its own."""
        tree.render("templates")
        name, cloud = self.values.name, self.values.of_project.cloud
        tree.next_step(f"mx up -E {name} --dry-run", "shows what would come up, and where")
        if cloud == "gcp":
            tree.next_step(
                f"mx infra init -E {name}",
                "gives it a state of its own, in the bucket of the project's state",
            )
        else:
            tree.next_step(
                f"mx connect -E {name} --context CONTEXT", "says which cluster it is on; each person does it"
            )
