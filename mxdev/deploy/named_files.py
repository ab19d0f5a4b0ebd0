"""The files that deployments of devspace.yaml name: manifests, what kustomizations lead to, values and charts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mxdev.deploy.config import FILE, Deployment
from mxdev.errors import MxError
from mxdev.sections.yaml import values as yaml_values
from mxdev.system.files import plain

_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
# What in a kustomization names other folders and files.
_LEADS_TO = ("resources", "bases", "components", "configurations", "crds", "patchesStrategicMerge")
# What no deployment is made of, also where one names the whole project.
LEFT_OUT = frozenset({".git", ".mx", ".venv", "build"})


def refuse_endless(root: Path, deployment: Deployment) -> None:
    """Stop where kubectl, Helm or DevSpace would wait for a pipe or a device among the files that a deployment names.

    Raises:
        MxError: there is one, or a kustomization cannot be read.
    """
    for file in below(root, [deployment], anywhere=True):
        if plain.is_endless(file):
            raise MxError(
                f"{file} is a pipe or a device, and deployments.{deployment.name} of {FILE} names it: it would be waited for.",
                hint="Remove it, or put a file in its place.",
            )


def below(root: Path, deployments: Iterable[Deployment], *, anywhere: bool = False) -> Iterator[Path]:
    """The files, each once, in `root`; what is no file of this machine (an address, a chart of a repository) is left out.

    Args:
        root: the project.
        deployments: whose files.
        anywhere: also those outside of the project, of a folder there what is directly in it.

    Raises:
        MxError: a path leads out of the project, or is an absolute one; a kustomization cannot be read.
    """
    seen: set[Path] = set()
    for deployment in deployments:
        for path in _paths(root, deployment, anywhere):
            for file in files_in(path, root):
                if file not in seen:
                    seen.add(file)
                    yield file


def _paths(root: Path, deployment: Deployment, anywhere: bool) -> Iterator[Path]:
    kubectl, helm = deployment.kubectl or {}, deployment.helm or {}
    chart = helm.get("chart") or {}
    named = [*(kubectl.get("manifests") or []), *(helm.get("valuesFiles") or [])]
    if chart.get("path"):
        named.append(chart["path"])
    elif not chart.get("repo") and (root / str(chart.get("name") or "-")).exists():
        named.append(chart["name"])
    for name in map(str, named):
        if "://" in name:
            continue
        for path in _inside(root, root, name, deployment, anywhere):
            yield path
            if kubectl.get("kustomize"):
                yield from _kustomized(root, path, deployment, anywhere, set())


def _inside(root: Path, folder: Path, name: str, deployment: Deployment, anywhere: bool) -> list[Path]:
    """What `name` stands for in `folder`: one path, or those that its pattern fits."""
    path = Path(os.path.normpath(folder / name))
    if Path(name).is_absolute() or not path.is_relative_to(root):
        if anywhere:
            return [path, *sorted(path.iterdir())] if path.is_dir() and os.access(path, os.R_OK) else [path]
        raise MxError(
            f"{FILE}: deployments.{deployment.name} names {name}, which is no path in the project, so an environment cannot have it "
            "under its own names.",
            hint="Put the file into the project, and name it relative to devspace.yaml.",
        )
    if any(sign in name for sign in "*?["):
        try:
            return sorted(root.glob(path.relative_to(root).as_posix()))
        except ValueError as error:
            raise MxError(f"{FILE}: deployments.{deployment.name} names {name}: {error}.") from error
    return [path]


def _kustomized(
    root: Path, folder: Path, deployment: Deployment, anywhere: bool, seen: set[Path]
) -> Iterator[Path]:
    """What the kustomization in `folder` leads to, and what that leads to."""
    found = next((folder / name for name in _KUSTOMIZATIONS if (folder / name).is_file()), None)
    if found is None or found in seen:
        return
    seen.add(found)
    shown = Path(os.path.relpath(found, root)).as_posix()
    try:
        whole: Any = yaml_values.load(plain.read(found), shown)
    except OSError as error:
        raise MxError(f"{shown} cannot be read: {error.strerror}.") from error
    if not isinstance(whole, dict | None) or not all(
        isinstance((whole or {}).get(key), list | None) for key in _LEADS_TO
    ):
        raise MxError(
            f"{shown} is no kustomization: {', '.join(_LEADS_TO)} are lists.", hint="Put its YAML right."
        )
    named = [name for key in _LEADS_TO for name in (whole or {}).get(key) or [] if isinstance(name, str)]
    for name in named:
        # An address, or text of a patch.
        if "://" in name or "\n" in name or not os.path.lexists(folder / name):
            continue
        for path in _inside(root, folder, name, deployment, anywhere):
            yield path
            yield from _kustomized(root, path, deployment, anywhere, seen)


def files_in(path: Path, root: Path) -> Iterator[Path]:
    """The file itself, or a pipe, or all files of the folder `path` in the project; of the whole project what a deployment may be made of."""
    if path.is_file() or plain.is_endless(path):
        yield path
    elif path.is_dir() and path.is_relative_to(root):
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(set(folders) - LEFT_OUT) if Path(folder) == root else sorted(folders)
            yield from (Path(folder) / name for name in sorted(names))
