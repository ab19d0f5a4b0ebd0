"""The environment and the configuration that Git runs with, whatever the caller and the repository say."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping

# Where the person's own settings are, which a repository cannot say.
_OF_THE_PERSON = frozenset({"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"})
# How the person reaches a server; only for what talks to one.
_OF_THE_NETWORK = re.compile(
    r"GIT_(SSH|SSH_COMMAND|SSH_VARIANT|ASKPASS|SSL_\w+|HTTP_\w+|PROXY_\w+|ALLOW_PROTOCOL|PROTOCOL\w*|EXEC_PATH|TRACE\w*"
    r"|CURL_VERBOSE|CONFIG_COUNT|CONFIG_(KEY|VALUE)_\d+)"
)


# Laid over all configuration files. An empty value of core.fsmonitor is "none" for every version of Git. `git diff` heeds
# GIT_OPTIONAL_LOCKS not, so it must not refresh the index: `--name-status` then lists as M also what was only touched.
_PINNED = (
    "core.fsmonitor=", f"core.hooksPath={os.devnull}", "core.pager=cat", "core.quotePath=false", "core.editor=:",
    "safe.bareRepository=explicit", "protocol.ext.allow=never", "protocol.fd.allow=never", "submodule.recurse=false",
    "log.showSignature=false", "log.follow=false", "log.mailmap=false", "color.ui=false", "column.ui=never",
    "diff.renames=true", "diff.renameLimit=1000", "diff.noprefix=false", "diff.mnemonicPrefix=false",
    "diff.relative=false", "diff.autoRefreshIndex=false", "diff.wsErrorHighlight=none", "diff.colorMoved=no",
    "diff.submodule=short", "status.renames=true", "status.branch=false", "status.showStash=false", "i18n.logOutputEncoding=UTF-8",
)  # fmt: skip


def misleading(environment: Iterable[str]) -> set[str]:
    """The variables among `environment` that lead Git to another repository (a hook sets them) or change its answers.

    How the person reaches servers is not among them.
    """
    return {name for name in environment if not is_kept(name, network=True)}


def as_variables(environment: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """What makes a Git that another program runs behave as it does here.

    Args:
        environment: what that program gets; configuration that is in it stays.
        more: more configuration.
    """
    count = environment.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isdecimal() else 0
    pinned = {name: value for name, _, value in (setting.partition("=") for setting in _PINNED)}
    settings = {**pinned, **more}
    found = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_CONFIG_COUNT": str(first + len(settings)),
    }
    for index, (name, value) in enumerate(settings.items(), first):
        found |= {f"GIT_CONFIG_KEY_{index}": name, f"GIT_CONFIG_VALUE_{index}": value}
    return found


def is_kept(name: str, *, network: bool) -> bool:
    """Whether Git may see a variable of the caller's; with `network`, also those by which a person reaches servers."""
    if not name.upper().startswith("GIT_"):
        return True
    return name in _OF_THE_PERSON or (network and _OF_THE_NETWORK.fullmatch(name) is not None)


def always() -> dict[str, str]:
    """No question, no translated message, no write of the index that nobody asked for, no object from a server."""
    return {
        "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_PAGER": "cat",
    }  # fmt: skip


def as_arguments(more: Collection[str] = ()) -> list[str]:
    """The configuration that is laid over all files, and more of it ("name=value"), as arguments of Git."""
    return [word for setting in (*_PINNED, *more) for word in ("-c", setting)]
