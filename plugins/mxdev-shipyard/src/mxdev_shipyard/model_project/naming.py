"""What a model, its repository and its addresses may be called."""

from __future__ import annotations

import re

from mxdev.generator import Pattern

MODEL = r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){1,39}"


def repository_of(model: str) -> str:
    """The repository of a model: `deploy-iris-model` for `iris`."""
    return f"deploy-{model}-model"


def model_of(repository: str) -> str | None:
    """The model of a repository: `iris` for `deploy-iris-model`; None if it is not called so."""
    found = re.fullmatch(rf"deploy-({MODEL})-model", repository)
    return found[1] if found else None


class _Repository(Pattern):
    """A repository's name; for a model's name alone it says the repository's."""

    def nearest(self, text: str) -> str | None:
        """The repository of the model that was meant."""
        plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
        plain = plain.removeprefix("deploy-").removesuffix("-model")
        guess = repository_of(plain)
        return guess if self.regex.fullmatch(guess) else None


REPOSITORY = _Repository(
    rf"deploy-{MODEL}-model",
    "deploy-MODEL-model, with a model of 2 to 40 lower-case letters, digits and single dashes",
    metavar="NAME",
)
URL = Pattern(
    r"https?://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._~/@?=&+-]*)?",
    "an address that begins with https:// or http://",
    metavar="URL",
)
EMAIL = Pattern(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", "an e-mail address", metavar="EMAIL")
BUCKET = Pattern(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of an S3 bucket", metavar="BUCKET")
REGISTRY = Pattern(
    r"[a-z0-9.-]+(?::\d+)?(?:/[a-z0-9._/-]+)?",
    "a registry's host, and a path if there is one",
    metavar="HOST",
)
PIPELINES = Pattern(
    r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+",
    "a project of GitLab such as platform/pipelines",
    metavar="PROJECT",
)
