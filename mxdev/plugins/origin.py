"""Where mx itself was installed from, as a project says it so that colleagues and pipelines get the same (PEP 610)."""

from __future__ import annotations

import contextlib
import json
import os
import sys

from mxdev.plugins.model import CORE

# Looked for by hand: every rendering asks, and importing importlib.metadata costs more than the rendering of a small project.
# ruff: noqa: PTH123, PTH208


def of_mx() -> str | None:
    """`index`; `git+URL@COMMIT` of a Git repository; None for a folder or a file of this machine, which nobody else has.

    `direct_url.json` in the metadata of a distribution says where it came from if that was not an index (PEP 610).
    """
    metadata = _metadata()
    if metadata is None:
        return None
    try:
        with open(f"{metadata}/direct_url.json", encoding="utf-8") as stream:
            text = stream.read()
    except FileNotFoundError:
        return "index"
    except (OSError, ValueError):
        return None
    try:
        direct = json.loads(text)
        url, git = str(direct["url"]), direct.get("vcs_info")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(git, dict) or git.get("vcs") != "git" or url.startswith("file:"):
        return None
    return f"git+{url}@{git.get('commit_id', '')}".rstrip("@")


def _metadata() -> str | None:
    """The folder of mx's own metadata: the first on `sys.path`, as Python itself would find it."""
    start = (
        CORE.replace("-", "_") + "-"
    )  # the specification of installed distributions has the name in this form
    for folder in filter(os.path.isabs, sys.path):
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                if name.startswith(start) and name.endswith(".dist-info"):
                    return f"{folder}/{name}"
    return None
