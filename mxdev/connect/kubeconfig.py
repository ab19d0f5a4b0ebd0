"""The kubeconfig: reads contexts, and adds one of the project's own. The current context and all others stay as they are."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mxdev.errors import MxError
from mxdev.system.files import private

# Each kind of entry, and what of it stands below its name.
_KINDS = {"clusters": "cluster", "users": "user", "contexts": "context"}
# What names a file; relative to the kubeconfig, as kubectl has it.
_PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


def files() -> list[Path]:
    """The files that make up the kubeconfig, as kubectl finds them.

    Raises:
        MxError: it cannot be known, as the user has no home.
    """
    named = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    try:
        return [Path(part).absolute() for part in named] or [Path.home() / ".kube" / "config"]
    except RuntimeError:
        raise MxError(
            "HOME is not set, and this user has no home, so there is no kubeconfig.",
            hint="Set HOME, or KUBECONFIG to the path of one.",
        ) from None


def context(name: str) -> dict[str, Any] | None:
    """The context called `name`, with its `cluster` and `user` in place of their names; None: there is none.

    Files that these name are absolute: they hold in whatever file the two are written to.

    Raises:
        MxError: a file is not a kubeconfig.
    """
    whole: dict[str, dict[str, Any]] = {kind: {} for kind in _KINDS}
    for path in files():
        for kind, entries in _entries(_read(path), path).items():
            own = {other: _absolute(entry[_KINDS[kind]] or {}, path) for other, entry in entries.items()}
            whole[kind] = own | whole[kind]  # the first file that has it counts
    parts = whole["contexts"].get(name)
    if parts is None:
        return None
    cluster, user = (whole[kind].get(str(parts.get(_KINDS[kind])), {}) for kind in ("clusters", "users"))
    return {**parts, "cluster": cluster, "user": user}


def _absolute(entry: dict[str, Any], path: Path) -> dict[str, Any]:
    """An entry of the kubeconfig at `path`, with the files that it names made absolute."""
    made = {
        key: str(path.parent / value) if key in _PATHS and isinstance(value, str) and value else value
        for key, value in entry.items()
    }
    login = made.get("exec")
    if isinstance(login, dict) and os.sep in str(
        login.get("command") or ""
    ):  # else it is looked for on the PATH
        made["exec"] = {**login, "command": str(path.parent / str(login["command"]))}
    return made


def put(name: str, *, cluster: dict[str, Any], user: dict[str, Any], namespace: str) -> Path:
    """Add a context, with a cluster and a user of the same name, or replace those; returns the file that it is in.

    Raises:
        MxError: the file is not a kubeconfig, is being written by another program, or cannot be written.
    """
    import yaml

    places = files()
    having = [path for path in places if name in _entries(_read(path), path)["contexts"]]
    there = [path for path in places if path.exists()]
    path = (having or there or places)[0]
    try:
        path = path.resolve()  # a link stays a link
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(path):
            whole = _read(path) or {"apiVersion": "v1", "kind": "Config", "preferences": {}}
            entries = {
                "clusters": {"name": name, "cluster": cluster},
                "users": {"name": name, "user": user},
                "contexts": {
                    "name": name,
                    "context": {"cluster": name, "user": name, "namespace": namespace},
                },
            }
            for kind, entry in entries.items():
                others = [other for other in whole.get(kind) or [] if other.get("name") != name]
                whole[kind] = [*others, entry]
            text = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)
            if not private.write(path, text.encode()):
                raise MxError(f"{path} cannot be written.", hint="Look at its owner and at its folder's.")
    except OSError as error:
        raise MxError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold kubectl's own lock on a kubeconfig."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise MxError(
            f"{path} is being written by another program: {lock} is there.",
            hint=f"Try again; if no kubectl or gcloud runs, remove {lock}.",
        ) from None
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    from mxdev.sections.yaml import values as yaml_values

    try:
        loaded = yaml_values.load(path.read_bytes(), str(path))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise MxError(f"{path} cannot be read: {error.strerror}.") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise MxError(f"{path} is not a kubeconfig: it is not a mapping.")
    return loaded


def _entries(whole: dict[str, Any], path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for kind, what in _KINDS.items():
        entries = whole.get(kind) or []
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise MxError(f"{path} is not a kubeconfig: `{kind}` is not a list of mappings.")
        for entry in entries:
            if not isinstance(entry.get(what) or {}, dict):
                raise MxError(
                    f"{path} is not a kubeconfig: `{what}` of {entry.get('name')} is not a mapping."
                )
        found[kind] = {str(entry.get("name")): {what: None, **entry} for entry in entries}
    return found


def read_only(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The cluster and the user in a kubeconfig that has one of each.

    Raises:
        MxError: it has not.
    """
    entries = _entries(_read(path), path)
    clusters = [entry.get("cluster") for entry in entries["clusters"].values()]
    users = [entry.get("user") for entry in entries["users"].values()]
    if len(clusters) != 1 or len(users) != 1 or not clusters[0] or not users[0]:
        raise MxError(
            "`gcloud container clusters get-credentials` wrote no kubeconfig with one cluster and one user."
        )
    return dict(clusters[0]), dict(users[0])
