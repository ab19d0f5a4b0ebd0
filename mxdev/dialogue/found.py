"""What can be found out on this machine need not be asked: the branch that Git has, the project and the account that gcloud works with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from mxdev.plugins.defaults import Default
from mxdev.system import git

Find = Callable[[str], Default | None]


def finder(folder: Path, environment: Mapping[str, str] | None = None) -> Find:
    """Finds values for options that say what they are (`option(..., found="git-branch")`).

    Args:
        folder: the project's folder, which may not be there yet.
        environment: default: `os.environ`.
    """
    variables = os.environ if environment is None else environment

    def find(what: str) -> Default | None:
        if what == "git-branch":
            return _branch(folder)
        if what == "gcloud-project":
            return _of_gcloud(variables, "project")
        if what == "gcloud-account":
            account = _of_gcloud(variables, "account")
            # A service account is a machine's, nobody's who is to be let in.
            return None if account is None or account.value.endswith(".gserviceaccount.com") else account
        return None

    return find


def _branch(folder: Path) -> Default | None:
    """The default branch of the remote, else the only branch that there is. One of several may be any: none is taken."""
    place = next((one for one in (folder, *folder.parents) if one.is_dir()), folder)
    try:
        repository = git.find(place)
        if repository is None:
            return None
        remote = repository.ask(
            "rev-parse", "--abbrev-ref", "--verify", "--quiet", "origin/HEAD", ok=(0, 1, 128)
        )
        name = remote.out.decode("utf-8", "replace").strip()
        if remote.code == 0 and name.startswith("origin/"):
            return Default(name.removeprefix("origin/"), "the Git remote origin")
        all_of_them = repository.ask("for-each-ref", "--format=%(refname:short)", "refs/heads").out
        names = all_of_them.decode("utf-8", "replace").split()
        if not names:  # before the first commit
            names = repository.ask("symbolic-ref", "--short", "HEAD", ok=(0, 1, 128)).out.decode().split()
    except git.GitError:  # whoever needs Git says so
        return None
    return Default(names[0], "Git") if len(names) == 1 else None


def _of_gcloud(variables: Mapping[str, str], name: str) -> Default | None:
    """A property of gcloud's `core`, as it keeps it (`gcloud topic configurations`); gcloud itself takes a second to start."""
    if value := variables.get(f"CLOUDSDK_CORE_{name.upper()}"):
        return Default(value, f"CLOUDSDK_CORE_{name.upper()}")
    home = Path(variables.get("CLOUDSDK_CONFIG") or Path(variables.get("HOME", "/")) / ".config" / "gcloud")
    active = variables.get("CLOUDSDK_ACTIVE_CONFIG_NAME")
    try:
        active = active or (home / "active_config").read_text(encoding="utf-8").strip()
        text = (home / "configurations" / f"config_{active}").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    import configparser

    settings = configparser.ConfigParser(interpolation=None)
    try:
        settings.read_string(text)
    except configparser.Error:
        return None
    value = settings.get("core", name, fallback="")
    return Default(value, f"gcloud's configuration {active}") if value else None
