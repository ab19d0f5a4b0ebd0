"""A package index of one's own that pyproject.toml names, and how uv, pip and image builds log in to it.

The address is in the repository, the login never is: uv reads it from the environment, from `.netrc` or from a keyring.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from mxdev.environment.interpreter import pyproject
from mxdev.errors import MxError

_PIP = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE")
# What uv and pip say where an index does not know them.
_REFUSED = re.compile(r"\b40[13]\b|unauthorized|forbidden|missing credentials", re.IGNORECASE)


def named(root: Path) -> dict[str, str]:
    """The addresses of the package indexes of `[[tool.uv.index]]`, by their names."""
    listed = pyproject(root).get("tool", {}).get("uv", {}).get("index", [])
    entries = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return {str(one["name"]): str(one["url"]) for one in entries if one.get("name") and one.get("url")}


def variables(name: str) -> tuple[str, str]:
    """The variables in which uv looks for the user and the password of the index called `name`."""
    upper = re.sub(r"[^A-Z0-9]", "_", name.upper())
    return f"UV_INDEX_{upper}_USERNAME", f"UV_INDEX_{upper}_PASSWORD"


def logins(root: Path, environ: Mapping[str, str]) -> list[str]:
    """The variables with logins of the project's indexes that are set."""
    return [key for name in named(root) for key in variables(name) if environ.get(key)]


def remedy(root: Path, said: str) -> str | None:
    """What to do where an index of the project refused an installation; None: it did not.

    Args:
        root: the project.
        said: what the installer said.
    """
    for name, url in named(root).items():
        if _REFUSED.search(said) and (urlsplit(url).hostname or url) in said:
            user, password = variables(name)
            return (
                f"The package index {url} wants a login: set {user} and {password}, or put it into ~/.netrc; "
                "with UV_KEYRING_PROVIDER=subprocess and a user, uv asks the keyring for the password."
            )
    return None


def check_pip(root: Path, environ: Mapping[str, str]) -> None:
    """Refuse pip where the project has an index of its own and pip is not told of it.

    Raises:
        MxError: says what to do.
    """
    if (indexes := named(root)) and not any(environ.get(key) for key in _PIP):
        raise MxError(
            f"packages come from {', '.join(indexes.values())}, of which pip does not know.",
            hint="Install uv, which asks that index first. Or tell pip by PIP_INDEX_URL; with PIP_EXTRA_INDEX_URL it takes the higher "
            "version of two packages of the same name, whoever has published it.",
        )
