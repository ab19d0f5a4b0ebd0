"""The table of images: what each is called, with its tag and digest, and where a project pulls it from."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("images.toml")
HUB = "docker.io/"
OFFICIAL = "docker.io/library/"


@dataclass(frozen=True)
class Image:
    """An image of others.

    Attributes:
        name: with its registry, without a tag.
        tag: empty where a chart says it.
        digest: `sha256:...`, or empty where none is known.
        date: when the digest was looked up.
        source: who said so.
    """

    name: str
    tag: str = ""
    digest: str = ""
    date: datetime.date | None = None
    source: str = ""

    @property
    def version(self) -> str:
        """What stands behind the colon: the tag, and the digest where one is known."""
        return f"{self.tag}@{self.digest}" if self.digest else self.tag


@cache
def table() -> Mapping[str, Image]:
    """All images by key."""
    return {key: Image(**entry) for key, entry in tomllib.loads(FILE.read_text("utf-8")).items()}


def repository(key: str, values: Mapping[str, Any], *, short: bool = False) -> str:
    """The name of an image without its tag, wherever the project pulls it from.

    Args:
        key: of the table.
        values: the project's options by key, of which `docker_mirror` counts.
        short: whether Docker itself reads it, which knows Docker Hub without its name; nodes may look elsewhere.
    """
    name = table()[key].name
    if not name.startswith(HUB):
        return name
    if values["docker_mirror"]:
        return f"{values['docker_mirror']}/{name.removeprefix(HUB)}"
    return name.removeprefix(OFFICIAL).removeprefix(HUB) if short else name


def image(key: str, values: Mapping[str, Any], *, short: bool = False) -> str:
    """What is pulled: the name, the tag, and the digest where one is known, such as `docker.io/library/redis:7.4.9@sha256:...`.

    Args: as for `repository`.
    """
    version = table()[key].version
    name = repository(key, values, short=short)
    return f"{name}:{version}" if version else name


def pinned(key: str) -> bool:
    """Whether an image is pulled by its digest."""
    return bool(table()[key].digest)


def for_python(key: str, python: str) -> str:
    """The key of an image that there is for each Python, such as `python311-slim` for `python-slim`.

    Args:
        key: the family: `python`, `python-slim` or `beam-python`.
        python: 3.11, for instance.
    """
    family, dash, kind = key.partition("-") if key.startswith("python") else (key, "", "")
    return f"{family}{python.replace('.', '')}{dash}{kind}"
