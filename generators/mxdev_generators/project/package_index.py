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


def docker_argument(values: Mapping[str, Any]) -> str:
    """The instruction that a stage which installs packages has before that, so that uv asks the project's own index; with its
    end of line, or empty."""
    address = values.get("package_index")
    return f'ARG UV_INDEX="{NAME}={address}"\n' if address else ""


def docker_login(values: Mapping[str, Any]) -> str:
    """The lines that the `RUN` which installs packages has between its mounts and `&&` and its command: the secrets that
    `mx build image` hands over, and how uv comes to know them. No layer of the image has any."""
    if not values.get("package_index"):
        return (
            "    --mount=type=secret,id=uv_index \\\n"
            "    if test -f /run/secrets/uv_index; then UV_INDEX=$(cat /run/secrets/uv_index) && export UV_INDEX; fi \\\n"
        )
    mounts = [f"--mount=type=secret,id={name}" for name in ("uv_index", *map(str.lower, LOGIN))]
    known = ['if test -f /run/secrets/uv_index; then UV_INDEX="$(cat /run/secrets/uv_index) $UV_INDEX"; fi']
    for name in LOGIN:
        file = f"/run/secrets/{name.lower()}"
        known.append(f"if test -f {file}; then {name}=$(cat {file}) && export {name}; fi")
    return "".join(f"    {line} \\\n" for line in (*mounts, known[0], *(f"&& {one}" for one in known[1:])))
