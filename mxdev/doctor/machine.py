"""The doctor's looks at the machine: tools, plugins, clock, disk."""

from __future__ import annotations

import shutil
import ssl
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, Request, build_opener

from mxdev.connect.steps import NO_PLUGIN, PLUGIN
from mxdev.deploy.tools import DEVSPACE, HELM
from mxdev.doctor.finding import Finding
from mxdev.errors import MxError
from mxdev.system import programs
from mxdev.system.programs import MissingTool, Tool
from mxdev.system.user_dirs import cache_folder

# Below so much free room, in bytes, an environment or an image does not fit.
ROOM = 2 * 1024**3
# A clock that is further off than this, in seconds, makes logins fail.
SKEW = 60.0


def tools(*, cluster: bool, gcp: bool, charts: bool) -> Iterator[Finding]:
    """The programs that the project needs, with their versions; and those that are better to have.

    Args:
        cluster: it has deployments.
        gcp: it runs on Google Cloud.
        charts: it has deployments that are Helm charts.
    """
    needed: list[str | Tool] = ["git"]
    needed += ["kubectl"] if cluster else []
    needed += ["terraform", "gcloud"] if gcp else []
    for tool in needed:
        yield _tool(tool)
    if gcp:
        yield _plugin()
    if not cluster:
        return
    devspace = _tool(DEVSPACE)
    helm = _tool(HELM) if charts else None
    if programs.locate(DEVSPACE) is None:
        instead = helm is None or helm.state == "ok"
        text = "missing; kubectl and Helm do the same" if instead else "missing, and so is Helm"
        devspace = Finding(
            devspace.name, devspace.title, "unknown" if instead else "problem", text,
            "" if instead else f"Install one of them: {DEVSPACE.install}",
        )  # fmt: skip
        if helm is not None and not instead:
            yield helm
    yield devspace


def _tool(tool: str | Tool) -> Finding:
    name = programs.get(tool).name
    try:
        found = programs.find(tool)
    except MissingTool as error:
        return Finding(f"tool-{name}", name, "problem", error.reason, error.hint or "")
    except MxError as error:
        return Finding(f"tool-{name}", name, "problem", error.message, error.hint or "")
    return Finding(f"tool-{name}", name, "ok", found.version)


def _plugin() -> Finding:
    name = PLUGIN.name
    if programs.locate(PLUGIN) is None:
        return Finding(f"tool-{name}", name, "problem", NO_PLUGIN, PLUGIN.install)
    return Finding(f"tool-{name}", name, "ok")


def plugins() -> Iterator[Finding]:
    """The installed plugins of mx, and which of them are broken."""
    from mxdev.plugins import registry

    for plugin in registry.looked_at_again():
        title = f"plugin {plugin.dist} {plugin.version}"
        if plugin.error:
            remedy = (
                f"`mx plugins --check` says more; `pip install --upgrade {plugin.dist}`, or uninstall it."
            )
            yield Finding(f"plugin-{plugin.dist}", title, "problem", plugin.error, remedy)
        else:
            yield Finding(f"plugin-{plugin.dist}", title, "ok")


def disk(root: Path | None) -> Iterator[Finding]:
    """The free room where the project is, and where caches are."""
    places = {"project": root, "cache": cache_folder()}
    for name, place in places.items():
        if place is None:
            continue
        there = next((one for one in (place, *place.parents) if one.is_dir()), Path("/"))
        free = shutil.disk_usage(there).free
        text = f"{free / 1024**3:.1f} GiB free at {there}"
        short = free < ROOM
        remedy = f"Make room there; {ROOM // 1024**3} GiB should be free." if short else ""
        yield Finding(f"disk-{name}", f"disk of the {name}", "problem" if short else "ok", text, remedy)


def clock(url: str | None) -> Iterator[Finding]:
    """The clock, against the one of a server.

    Args:
        url: the server; None: there is none to ask.
    """
    theirs = _date(url) if url else None
    if theirs is None:
        where = f"{url} does not answer" if url else "there is no server to compare it with"
        yield Finding("clock", "clock", "unknown", where)
        return
    off = time.time() - theirs
    if abs(off) > SKEW:
        text = f"it is {abs(off):.0f} s {'fast' if off > 0 else 'slow'}, by that of {url}: logins fail then"
        yield Finding(
            "clock",
            "clock",
            "problem",
            text,
            "Let the system set its time (NTP): `timedatectl set-ntp true`.",
        )
    else:
        yield Finding("clock", "clock", "ok", f"within {SKEW:.0f} s of {url}")


def _date(url: str) -> float | None:
    """What time a server says it is, in seconds since 1970. Nothing is sent, and only its date is believed."""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    request = Request(url, method="HEAD")  # noqa: S310 (https, or the address of the person's own cluster)
    try:
        with build_opener(HTTPSHandler(context=unchecked)).open(request, timeout=5) as answer:
            said = answer.headers.get("Date")
    except HTTPError as refused:  # which has a date, too
        said = refused.headers.get("Date")
    except (OSError, ValueError):
        return None
    try:
        return parsedate_to_datetime(said).timestamp() if said else None
    except ValueError:
        return None
