"""Names: what each of them may look like, and those that are made from others. Limits are the cloud's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from mxdev.freetext import FreeText
from mxdev.generator import ParamType, Pattern
from mxdev_generators.names import rules
from mxdev_generators.project.regions import unknown_region

ACCOUNTS = ("nodes", "trainer", "mlflow")
ACCOUNT_LENGTH = 30
_BUCKET_PREFIX_LENGTH = 50
_NAME_LENGTH = 40


def _check_name(name: str) -> str | None:
    return rules.refusal(name, rules.PROJECT_NAME, longest=_NAME_LENGTH, ending="-model")


PROJECT_NAME = Pattern(
    r"[a-z](?:[a-z0-9]|-(?!-)){0,38}[a-z0-9]",
    "2 to 40 lower-case letters, digits and single dashes, beginning with a letter and not ending with a dash "
    "(it names the package and the Kubernetes namespace)",
    metavar="NAME",
    check=_check_name,
)
PROJECT_ID = Pattern(
    r"[a-z][a-z0-9-]{4,28}[a-z0-9]",
    "6 to 30 lower-case letters, digits and dashes, beginning with a letter (Google Cloud's rule)",
    metavar="ID",
)
REGION = Pattern(
    r"[a-z]+-[a-z]+[0-9]+", "a region such as europe-west4", metavar="REGION", check=unknown_region
)
ZONE = Pattern(
    r"(?:auto|[a-z]+-[a-z]+[0-9]+-[a-z])?", "a zone such as europe-west4-a, auto, or empty", metavar="ZONE"
)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = Pattern(
    rf"(?:(?=.{{4,200}}$){_LABEL}(?:\.{_LABEL})*\.[a-z][a-z0-9-]*[a-z0-9])?",
    "a DNS name in lower case, such as ml.example.com, or empty",
    metavar="DOMAIN",
)
MIRROR = Pattern(
    r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]+)?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)?",
    "a registry that has Docker Hub's images, such as mirror.gcr.io or registry.example.com/docker-hub, or empty",
    metavar="REGISTRY",
)
_EMAIL = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._+-]*@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+"
)
_NAMED = re.compile(r"(?P<name>.*?)\s*<(?P<email>[^<>\s]+)>", re.DOTALL)


@dataclass(frozen=True)
class Engineer:
    """A person with access: an email of plain characters, and a name that is free text (may be empty)."""

    email: str
    name: FreeText


class EngineerType(ParamType):
    """`ada@example.com` or `Ada Lovelace <ada@example.com>`."""

    name = "email"
    envvar_list_splitter = ","  # a name has blanks

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Engineer:
        """Split the value; click's BadParameter if the email is none."""
        text = str(value)
        named = _NAMED.fullmatch(text.strip())
        email = named["email"] if named else text.strip()
        local = email.partition("@")[0]
        if (
            not _EMAIL.fullmatch(email)
            or len(email) > 254
            or len(local) > 64
            or ".." in local
            or local.endswith(".")
        ):
            self.fail(f"{text!r} is neither an email nor 'Name <email>'", param, ctx)
        return Engineer(email, FreeText(named["name"] if named else ""))


ENGINEER = EngineerType()


def default_project_id(values: Mapping[str, Any]) -> str:
    """The project's name, made to fit Google Cloud's rule for project ids."""
    name = str(values["name"])
    for word in rules.RESTRICTED:
        name = name.replace(word, f"{word[0]}-{word[1:]}")
    name = name[:ACCOUNT_LENGTH].rstrip("-")
    return name if len(name) >= 6 else f"{name}-project"


def bucket_prefix(project_id: str, name: str) -> str:
    """What the project's bucket names begin with: unique in the world because the cloud project's id is."""
    if name == project_id:
        return project_id
    return f"{project_id}-{name}"[:_BUCKET_PREFIX_LENGTH].rstrip("-")


def bucket_problems(cloud: str, project_id: str, name: str) -> list[str]:
    """What Google Cloud has against the project's id and the names of its buckets, in sentences that name the options."""
    if cloud != "gcp":
        return []
    if why := rules.problem(project_id, (rules.CLOUD_PROJECT,)):
        return [
            f"--project-id {project_id} cannot be the id of a project: {why}. Take that of one that exists."
        ]
    prefix = bucket_prefix(project_id, name)
    for spelling, value, bucket in (("--project-id", project_id, project_id), ("NAME", name, prefix)):
        if why := rules.problem(bucket, (rules.BUCKET,)):
            return [
                f"{spelling} {value} would stand in the names of buckets, such as {bucket}-data: {why}. "
                "Take another one; with --cloud existing there are no buckets."
            ]
    return []


def account_id(name: str, role: str) -> str:
    """The id of the service account for `role`: 6 to 30 characters."""
    return f"{name[: ACCOUNT_LENGTH - len(role) - 1].rstrip('-')}-{role}"
