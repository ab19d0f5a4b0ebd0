"""Names: what each of them may look like, and those that are made from others. Limits are the cloud's own."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from mxdev.freetext import FreeText
from mxdev.generator import ParamType, Pattern

ACCOUNTS = ("nodes", "trainer", "mlflow")
_ACCOUNT_LENGTH = 30
_BUCKET_PREFIX_LENGTH = 50
# Imported by the project itself: a package of that name would hide them.
_TAKEN = frozenset(
    [
        "torch",
        "mlflow",
        "hydra",
        "sklearn",
        "numpy",
        "omegaconf",
        "matplotlib",
        "tests",
        "docs",
        "conf",
        "src",
        "mxdev",
    ]
)


def package_name(name: str) -> str:
    """The import package of a project called `name`."""
    return name.replace("-", "_")


def _check_name(name: str) -> str | None:
    package = package_name(name)
    if keyword.iskeyword(package) or keyword.issoftkeyword(package):
        return f"{name!r} cannot be the name: {package} is a keyword of Python, so it cannot be imported"
    if package in sys.stdlib_module_names:
        return f"{name!r} cannot be the name: {package} is a module of Python's standard library"
    if package in _TAKEN:
        return f"{name!r} cannot be the name: the project itself imports or contains {package}"
    return None


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
REGION = Pattern(r"[a-z]+-[a-z]+[0-9]+", "a region such as europe-west4", metavar="REGION")
ZONE = Pattern(r"(?:[a-z]+-[a-z]+[0-9]+-[a-z])?", "a zone such as europe-west4-a, or empty", metavar="ZONE")
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
        if not _EMAIL.fullmatch(email) or len(email) > 254:
            self.fail(f"{text!r} is neither an email nor 'Name <email>'", param, ctx)
        return Engineer(email, FreeText(named["name"] if named else ""))


ENGINEER = EngineerType()


def default_project_id(values: Mapping[str, Any]) -> str:
    """The project's name, made to fit Google Cloud's rule for project ids."""
    name = str(values["name"])[:_ACCOUNT_LENGTH].rstrip("-")
    return name if len(name) >= 6 else f"{name}-project"


def docker_hub(values: Mapping[str, Any]) -> str:
    """What stands before the names of Docker Hub's images: the mirror with a slash, or nothing."""
    return f"{values['docker_mirror']}/" if values["docker_mirror"] else ""


def docker_image(values: Mapping[str, Any], name: str) -> str:
    """The name of an official image of Docker Hub such as `python:3.11.15`, wherever it is pulled from."""
    mirror = docker_hub(values)
    return f"{mirror}library/{name}" if mirror else name


def bucket_prefix(project_id: str, name: str) -> str:
    """What the project's bucket names begin with: unique in the world because the cloud project's id is."""
    if name == project_id:
        return project_id
    return f"{project_id}-{name}"[:_BUCKET_PREFIX_LENGTH].rstrip("-")


def account_id(name: str, role: str) -> str:
    """The id of the service account for `role`: 6 to 30 characters."""
    return f"{name[: _ACCOUNT_LENGTH - len(role) - 1].rstrip('-')}-{role}"
