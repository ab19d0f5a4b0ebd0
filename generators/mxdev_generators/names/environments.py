"""What an environment of a project may be called, for the generator that makes one and the pipelines that promote to it."""

from __future__ import annotations

from mxdev_generators.names import rules

FORM = r"[a-z](?:[a-z0-9]|-(?!-)){0,18}[a-z0-9]"
# Names that a pipeline's own environments have.
_TAKEN = ("terraform", "github-pages")


def check(name: str) -> str | None:
    """Why a name of that form is refused; None: it is not."""
    if name in _TAKEN:
        return f"{name} is the name of an environment that pipelines have already"
    return rules.refusal(name, rules.ENVIRONMENT_NAME, longest=20, ending="-stage")
