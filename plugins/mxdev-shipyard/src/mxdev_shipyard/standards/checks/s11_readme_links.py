"""Standard 11: the README leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit

import pytest

from mxdev_shipyard.standards.model import OUT_OF_REACH, Repository, Standard, unmet

STANDARD = Standard(
    11,
    "The README has no dead link, and links to where the model is live.",
    "It is where people begin who are called at night.",
    "Mend the link, or take it out. `mx generate ModelProject` renders the table of links.",
    __file__,
)
FILE = "README.md"
_LINK = re.compile(r"(?<!\\)\[(?:[^\]\[]|\\.)*\]\(\s*<?([^)\s>]+)>?[^)]*\)")


def _links(text: str) -> Iterator[tuple[int, str]]:
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        if not fenced and not line.startswith("    "):
            yield from ((number, found) for found in _LINK.findall(line))


def _anchors(text: str) -> set[str]:
    heads = re.findall(r"^#+\s+(.+?)\s*#*$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_links_within_the_repository_lead_somewhere(repository: Repository) -> None:
    """Files are there, and headings."""
    text = repository.text(FILE)
    for line, link in _links(text):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        if parts.path and not repository.has(unquote(parts.path).lstrip("/")):
            unmet(f"the link leads to {parts.path}, which is not there", FILE, line)
        if not parts.path and parts.fragment and parts.fragment not in _anchors(text):
            unmet(f"the link leads to the heading #{parts.fragment}, which is not there", FILE, line)


def test_addresses_are_whole(repository: Repository) -> None:
    """An address has a host, and no place that somebody meant to fill."""
    for line, link in _links(repository.text(FILE)):
        parts = urlsplit(link)
        if parts.scheme in ("http", "https") and (not parts.hostname or re.search(r"[<>{}]|TODO", link)):
            unmet(f"{link} is no address", FILE, line)


def test_weights_and_data_are_named(repository: Repository) -> None:
    """Where weights and data are in S3."""
    text = repository.text(FILE)
    for part in ("models", "data"):
        if not re.search(rf"s3://[^\s`]+/{part}/", text):
            unmet(f"it does not say where s3://BUCKET/PROJECT/{part}/ is", FILE)


def test_the_live_model_is_linked(repository: Repository) -> None:
    """Where it is served: the address of KServe's protocol, version 1 or 2."""
    links = [link for _, link in _links(repository.text(FILE))]
    model = re.escape(repository.model) if repository.model else r"[^/]+"
    if not any(re.search(rf"^https?://[^/]+/v[12]/models/{model}(?:[/:].*)?$", link) for link in links):
        unmet("no link leads to the live model, https://HOST/v1/models/MODEL", FILE)


def test_addresses_answer(repository: Repository) -> None:
    """Asked over the network, if that is wanted."""
    from urllib.request import Request, urlopen

    if not repository.online:
        pytest.skip(f"{OUT_OF_REACH}: the addresses in the README; --online asks them")
    for line, link in _links(repository.text(FILE)):
        if urlsplit(link).scheme not in ("http", "https"):
            continue
        try:
            urlopen(Request(link, method="HEAD"), timeout=10).close()  # noqa: S310 (the scheme is looked at above)
        except HTTPError as error:
            if error.code in (404, 410):
                unmet(f"{link} answers {error.code}", FILE, line)
        except (URLError, OSError, ValueError) as error:
            unmet(f"{link} does not answer: {error}", FILE, line)
