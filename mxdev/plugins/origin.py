"""Where mx itself was installed from, as a project says it so that colleagues and pipelines get the same (PEP 610)."""

from __future__ import annotations

import json

from mxdev.plugins.model import CORE


def of_mx() -> str | None:
    """`index`; `git+URL@COMMIT` of a Git repository; None for a folder or a file of this machine, which nobody else has.

    `direct_url.json` in the metadata of a distribution says where it came from if that was no index (PEP 610).
    """
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        text = distribution(CORE).read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    if text is None:
        return "index"
    try:
        direct = json.loads(text)
        url, git = str(direct["url"]), direct.get("vcs_info")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(git, dict) or git.get("vcs") != "git" or url.startswith("file:"):
        return None
    return f"git+{url}@{git.get('commit_id', '')}".rstrip("@")
