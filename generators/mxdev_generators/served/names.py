"""What names the model that is served, the image that serves it, and the objects of the cluster."""

from __future__ import annotations

from mxdev.generator import Pattern
from mxdev_generators.names import rules

_ALIAS = r"[A-Za-z](?:[A-Za-z0-9_-]{0,62})"

MODEL = Pattern(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?)?",
    "the name of a registered model (letters, digits, dots, dashes, underscores), or empty",
    metavar="MODEL",
)
ALIAS = Pattern(_ALIAS, "the alias of a registered model, such as candidate", metavar="ALIAS")
ALIAS_OR_NONE = Pattern(
    f"(?:{_ALIAS})?", "the alias of a registered model, such as candidate", metavar="ALIAS"
)
TAG = Pattern(
    r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}",
    "the tag of an image: a commit, as `mx build image` names it",
    check=lambda tag: "latest is another image every day; take a commit" if tag == "latest" else None,
    metavar="COMMIT",
)
BUCKET = Pattern(
    r"(?:(?:gs|s3|abfs)://[a-z0-9][a-z0-9._-]*(?:/[A-Za-z0-9._-]+)*)?",
    "a folder in a bucket, such as gs://acme-data/requests, or empty",
    check=rules.refused_uri,
    metavar="URL",
)
# What a cluster or the Dockerfile has under that name already.
_TAKEN = frozenset(
    ["base", "debug", "dev", "edge", "jupyter", "mlflow", "postgresql", "python", "requirements", "run", "uv"]
)


def dns_label(name: str) -> str:
    """What the cluster calls it, and its stage in the Dockerfile, from the name of its module."""
    return name.replace("_", "-")


def taken(name: str) -> str | None:
    """Why the name of a module is none of an image, as the end of a sentence: the project has it for something else."""
    label = dns_label(name)
    if label in _TAKEN:
        return f"the project has an image or a service called {label} already"
    return rules.problem(label, (rules.STAGE,))
