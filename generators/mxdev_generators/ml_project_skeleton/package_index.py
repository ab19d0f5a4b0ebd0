"""A package index of one's own: where a project's packages come from before the default index is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev import option
from mxdev.generator import Pattern

# What uv calls it, and so what the variables of its login are called.
NAME = "private"
LOGIN = ("UV_INDEX_PRIVATE_USERNAME", "UV_INDEX_PRIVATE_PASSWORD")
_HOST = r"https://[A-Za-z0-9][A-Za-z0-9.-]*|http://(?:localhost|127\.0\.0\.1)"
# No `@`: what stands before it would be a login.
ADDRESS = Pattern(
    rf"(?:(?:{_HOST})(?::[0-9]+)?(?:/[A-Za-z0-9._~+-]+)*/?)?",
    "the address of a package index, https://host/simple/, without user and password",
    metavar="URL",
)
PACKAGE_INDEX = option(
    "--package-index", type=ADDRESS, default="", shared=True,
    help="A package index of your own, which is asked first; its login is in UV_INDEX_PRIVATE_USERNAME and UV_INDEX_PRIVATE_PASSWORD.",
)  # fmt: skip


def login(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The variables that whatever installs packages has to have, from the secrets of wherever it runs."""
    return LOGIN if values.get("package_index") else ()
