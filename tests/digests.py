"""Asks registries for the digests of the images that projects pull: `python tests/digests.py [KEY ...]`.

What a registry says goes into `images.toml`, with the day; what it does not say stays as it was. The last lines name
each image that could not be looked up, and why; the exit code is 1 then, and 2 for a key that the table does not have.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPMessage
from pathlib import Path

import tomlkit

from mxdev_generators.images.table import FILE, HUB

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
ACCEPT = ", ".join(
    [*INDEXES, "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"]
)  # fmt: skip
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SECONDS = 20
# A manifest is some kilobytes; a registry allows 4 MB.
_MOST = 4 * 1024 * 1024
HOSTS = {HUB.rstrip("/"): "registry-1.docker.io"}


class UnknownError(Exception):
    """What the registry did not say, in a sentence."""


def address(registry: str) -> str:
    """Where a registry answers: Docker Hub elsewhere than its name, one on this machine without TLS."""
    host = HOSTS.get(registry, registry)
    return f"{'http' if host.startswith(('127.0.0.1:', 'localhost:')) else 'https'}://{host}"


def digest(name: str, tag: str) -> str:
    """What the registry has under a tag now, `sha256:...`: an index's digest where there is one.

    Args:
        name: the image with its registry, such as `docker.io/library/redis`.
        tag: of it.

    Raises:
        UnknownError: it cannot be reached, does not have the tag, or says a digest that is not that of its bytes.
    """
    registry, _, repository = name.partition("/")
    url = f"{address(registry)}/v2/{repository}/manifests/{urllib.parse.quote(tag)}"
    headers = {"Accept": ACCEPT}
    try:
        said, _ = _ask(url, "HEAD", headers)
    except urllib.error.HTTPError as refused:
        if refused.code != 401:
            raise UnknownError(f"{registry} answers {refused.code} for {repository}:{tag}") from None
        headers["Authorization"] = f"Bearer {_token(refused.headers, repository)}"
        try:
            said, _ = _ask(url, "HEAD", headers)
        except (OSError, HTTPException) as error:
            raise UnknownError(f"{registry} with a token: {error}") from None
    except (OSError, HTTPException) as error:
        raise UnknownError(f"{registry} cannot be reached: {error}") from None
    found = said.get("Docker-Content-Digest", "")
    if not _DIGEST.fullmatch(found):
        raise UnknownError(f"{registry} says {found!r} for {repository}:{tag}, which is no SHA-256")
    try:
        _, body = _ask(f"{url.rpartition('/')[0]}/{found}", "GET", headers)
    except (OSError, HTTPException) as error:
        raise UnknownError(f"{registry} does not hand out {found}: {error}") from None
    if (real := f"sha256:{hashlib.sha256(body).hexdigest()}") != found:
        raise UnknownError(f"{registry} says {found} for {repository}:{tag}, and sends bytes of {real}")
    return found


def _ask(url: str, method: str, headers: dict[str, str]) -> tuple[HTTPMessage, bytes]:
    request = urllib.request.Request(url, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        return answer.headers, answer.read(_MOST)


def _token(headers: HTTPMessage, repository: str) -> str:
    """An anonymous token, from where the challenge of a registry points."""
    challenge = headers.get("WWW-Authenticate", "")
    kind, _, rest = challenge.partition(" ")
    asked = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    if kind.lower() != "bearer" or not asked.get("realm", "").startswith(("https://", "http://127.0.0.1:")):
        raise UnknownError(f"the registry wants a login that needs more than a token: {challenge!r}")
    query = {"scope": asked.get("scope", f"repository:{repository}:pull")}
    if "service" in asked:
        query["service"] = asked["service"]
    try:
        _, body = _ask(f"{asked['realm']}?{urllib.parse.urlencode(query)}", "GET", {})
        answer = json.loads(body)
        return str(answer.get("token") or answer["access_token"])
    except (OSError, HTTPException, ValueError, KeyError) as error:
        raise UnknownError(f"{asked['realm']} gives no token: {error!r}") from None


def renew(
    path: Path, keys: list[str], today: datetime.date, look_up: Callable[[str, str], str] = digest
) -> list[str]:
    """Write what registries say into the table, and return what they did not say, in sentences.

    Args:
        path: the table.
        keys: of it; empty: all that have a tag.
        today: what is written as the day.
        look_up: from a name and a tag to a digest; UnknownError where there is none.
    """
    document = tomlkit.parse(path.read_text("utf-8"))
    unknown = []
    for key in keys or list(document):
        entry = document[key]
        if not entry.get("tag"):
            if keys:
                unknown.append(f"{key}: no tag of it is in the table; the chart that installs it says which")
            continue
        try:
            found = look_up(str(entry["name"]), str(entry["tag"]))
        except UnknownError as error:
            unknown.append(f"{key}: {error}")
            continue
        print(f"{key}: {found}" + ("" if entry.get("digest") == found else " (new)"))
        entry.update({"digest": found, "date": today, "source": "registry"})
        path.write_text(_replaced(path.read_text("utf-8"), key, dict(entry)), "utf-8")
    return unknown


def _replaced(text: str, key: str, entry: dict[str, object]) -> str:
    """The table's text with other lines below one header; tomlkit would put new ones behind the blank line."""
    lines = tomlkit.dumps({key: {field: tomlkit.item(value).unwrap() for field, value in entry.items()}})
    head = re.compile(rf"^\[{re.escape(key)}\]\n(?:[^\n\[#]+\n)*", re.MULTILINE)
    return head.sub(lambda _: lines, text, count=1)


def main(keys: list[str]) -> int:
    """Renew the table in this checkout; the exit code."""
    if strange := [key for key in keys if key not in tomlkit.parse(FILE.read_text("utf-8"))]:
        print(f"{', '.join(strange)}: not in {FILE}", file=sys.stderr)
        return 2
    unknown = renew(FILE, keys, datetime.datetime.now(datetime.UTC).date())
    for line in unknown:
        print(f"left as it is: {line}", file=sys.stderr)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
