"""Standard 11: the README leads somewhere."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from itertools import count
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, unquote, urlsplit

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
# Of a link or an image, from where its text ends; an image may be the text of a link.
_LINK = re.compile(
    r"(?<!\\)\]\(\s*(<[^<>]*>|(?:[^()\s<]|\([^()\s]*\))(?:[^()\s]|\([^()\s]*\))*)(?:\s+[\"'(][^)]*)?\s*\)"
)
# After the address stands a title or nothing: else it is a sentence.
_DEFINITION = re.compile(
    r"^[ >]*\[(?!\^)[^\]]+\]:\s*(<[^<>]*>|\S+)(?:\s+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?\s*$"
)
_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines that are no code, with their numbers from 1; code within them is x."""
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        # Where backticks follow on the line, it is code within the line.
        mark = re.match(r"\s*(`{3,}(?=[^`]*$)|~{3,})", line)
        if mark and (not fence or (mark[1].startswith(fence) and not line.strip(" `~\t"))):
            fence = "" if fence else mark[1]
        elif not fence and not line.startswith("    "):
            yield number, _CODE.sub(lambda code: "x" * len(code[0]), line)


def _links(text: str) -> Iterator[tuple[int, str]]:
    for number, line in _prose(text):
        found = [*_LINK.findall(line), *_DEFINITION.findall(line)[:1]]
        yield from ((number, one.removeprefix("<").removesuffix(">")) for one in found)


def _split(link: str, line: int) -> SplitResult:
    try:
        return urlsplit(link)
    except ValueError:
        unmet(f"{link} is no address", FILE, line)


def _anchors(text: str) -> set[str]:
    """What a link may lead to: headings as GitLab and GitHub name them, and places that have an id of their own."""
    found: set[str] = set()
    lines = text.splitlines()
    for number, line in _prose(text):
        raw = lines[number - 1]
        found |= set(re.findall(r"<[^>]*\s(?:id|name)=[\"']([^\"']+)[\"']", line))
        under = lines[number] if number < len(lines) else ""
        atx = re.match(r" {0,3}#{1,6}\s+(.+?)(?:\s+#+)?\s*$", raw)
        if atx or (raw.strip() and re.fullmatch(r" {0,3}(=+|-+)\s*", under)):
            head = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", atx[1] if atx else raw.strip())
            plain = re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-")
            for name in {plain, re.sub("-+", "-", plain)}:
                again = next(at for at in count() if (f"{name}-{at}" if at else name) not in found)
                found.add(f"{name}-{again}" if again else name)
    return found


def test_links_within_the_repository_lead_somewhere(repository: Repository) -> None:
    """Files are there, and headings."""
    text = repository.text(FILE)
    for line, link in _links(text):
        parts = _split(link, line)
        if parts.scheme or parts.netloc:
            continue
        path = posixpath.normpath(unquote(parts.path).lstrip("/"))
        if parts.path and (path.split("/")[0] == ".." or not repository.has(path)):
            unmet(f"the link leads to {parts.path}, which is not there", FILE, line)
        if not parts.path and parts.fragment and parts.fragment not in _anchors(text):
            unmet(f"the link leads to the heading #{parts.fragment}, which is not there", FILE, line)


def test_addresses_are_whole(repository: Repository) -> None:
    """An address has a host, and no place that somebody meant to fill."""
    for line, link in _links(repository.text(FILE)):
        parts = _split(link, line)
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
        if _split(link, line).scheme not in ("http", "https"):
            continue
        try:
            urlopen(Request(link, method="HEAD"), timeout=10).close()  # noqa: S310 (the scheme is looked at above)
        except HTTPError as error:
            if error.code in (404, 410):
                unmet(f"{link} answers {error.code}", FILE, line)
        except (URLError, OSError, ValueError) as error:
            unmet(f"{link} does not answer: {error}", FILE, line)
