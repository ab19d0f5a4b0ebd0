"""What a project deploys, as one of its environments has it: the same files with other names, made anew at every look.

Nothing of it is committed: it lies in `build/environments/NAME`, which Git ignores, and is the project's own files with the
namespace and with what the environment's `replace` says. A change to a manifest reaches every environment.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from mxdev.deploy import config, hook_files, named_files
from mxdev.deploy.config import FILE
from mxdev.errors import MxError
from mxdev.project import environments
from mxdev.project.environments import Environment
from mxdev.project.project import Project
from mxdev.sections.yaml import values as yaml_values
from mxdev.system.files import plain, private

FOLDER = "build/environments"
_SOURCE = "infrastructure"
# Never deployed: Terraform has values of its own for each environment.
_LEFT_OUT = ("infrastructure/terraform", environments.FOLDER, "infrastructure/docker")


def project(of: Project, environment: str | None) -> Project:
    """`of` as the environment has it: its root has devspace.yaml and all that this names; None: `of` itself.

    Raises:
        Refused: there is no such environment.
        MxError: a file cannot be read or written, devspace.yaml names one that is not in the project, or a link leads elsewhere.
    """
    if environment is None:
        return of
    found = environments.find(of, environment)
    root = of.root / FOLDER / found.name
    first = str(of.options.get("name") or of.root.name)
    written = {path: rewritten(data, first, found) for path, data in _files(of)}
    for path in written:
        _check_no_link(of.root, root / path)
    _write(of.root / FOLDER / ".gitignore", b"*\n")
    for path, data in written.items():
        _write(root / path, data)
        _keep_executable(of.root / path, root / path)
    for stale in [stale for stale in root.rglob("*") if stale.is_file()]:
        name = stale.relative_to(root).as_posix()
        if name not in written and not name.startswith(".devspace/"):
            stale.unlink()
    return replace(of, root=root, options={**of.options, "name": found.namespace})


def rewritten(data: bytes, first: str, environment: Environment) -> bytes:
    """A file of the project as the environment has it; what is no text stays.

    The namespace `first` becomes the environment's where it is one for certain: after `namespace`, in the name of a Service
    (`mlflow.churn:5000`, `mlflow.churn.svc`), in the identity of a pod. Then what the environment's `replace` says, the
    longest first and nothing twice:

        namespace: churn                                  ->  namespace: churn-staging
        http://mlflow.churn.svc.cluster.local:5000        ->  http://mlflow.churn-staging.svc.cluster.local:5000
        churn-mlflow@acme.iam.gserviceaccount.com         ->  as `replace` says
        python -m churn.trainer                           ->  stays: it is the package
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return data
    return _replaced(_namespaced(text, first, environment.namespace), environment.replace).encode("utf-8")


def _namespaced(text: str, first: str, namespace: str) -> str:
    name = re.escape(first)
    places = (
        # namespace: churn, --namespace churn, --namespace=churn, "namespace": "churn", -n churn
        rf"(?:(?<![\w-])|(?<=--))(?:namespace[\"']?(?:: *| +|=)|(?<!-)-n +)[\"']?(?:{name})(?![\w.-])",
        # mlflow.churn.svc, mlflow.churn:5000, http://mlflow.churn/; a wildcard, too
        rf"(?<=[a-z0-9*]\.)(?:{name})(?=\.svc(?![\w-]))",
        rf"(?<![\w.*-])[a-z0-9*-]+\.(?:{name})(?=:(?:\d|\*)|/|[,\"']|$)",
        # cluster.local/ns/churn/sa/mlflow, acme.svc.id.goog[churn/mlflow]
        rf"(?:(?<=/ns/)|(?<=\[))(?:{name})(?=/)",
    )
    pattern = re.compile("|".join(places), re.MULTILINE)
    return pattern.sub(lambda found: found[0].removesuffix(first) + namespace, text)


def _replaced(text: str, pairs: Mapping[str, str]) -> str:
    """`text` with what stands in `pairs`, where it is no part of a longer name."""
    known = {old: new for old, new in pairs.items() if old}
    if not known:
        return text
    longest = sorted(known, key=lambda old: (-len(old), old))
    inner = "|".join(
        (r"(?<![\w.-])" if old[0].isalnum() else "")
        + re.escape(old)
        + (r"(?![\w-])" if old[-1].isalnum() else "")
        for old in longest
    )
    return re.sub(inner, lambda found: known[found[0]], text)


def _files(of: Project) -> Iterator[tuple[str, bytes]]:
    """What a deployment may be made of, by its path in the project: all of `infrastructure/`, and what devspace.yaml names elsewhere."""
    root = of.root
    run: set[Path] = set()
    named: set[Path] = set()
    there = {root / FILE, *(root / _SOURCE).rglob("*")}
    if (root / FILE).is_file():
        named.update(named_files.below(root, config.read(of)))
        run.update(hook_files.below(root, yaml_values.load(plain.read(root / FILE), FILE)))
    for path in sorted(there | named | run):
        name = path.relative_to(root).as_posix()
        left_out = path not in run and any(name.startswith(f"{folder}/") for folder in _LEFT_OUT)
        # A pipe that is named is refused where it is read; any other is none of a deployment's.
        is_there = path.is_file() or (path in named and plain.is_endless(path))
        if not is_there or left_out:
            continue
        if not path.resolve().is_relative_to(root.resolve()):
            raise MxError(
                f"{name} leads out of the project, so an environment cannot have it under its own names.",
                hint="Put the file itself into the project.",
            )
        try:
            yield name, plain.read(path)
        except OSError as error:
            raise MxError(f"{path} cannot be read: {error.strerror}.") from error


def _check_no_link(root: Path, path: Path) -> None:
    """Refuse a link on the way from the project to what is written: a project that somebody sent must not choose where that is.

    Raises:
        MxError: there is one.
    """
    at = root
    for part in path.relative_to(root).parts:
        at = at / part
        if at.is_symlink():
            raise MxError(
                f"{at.relative_to(root)} is a link, and mx writes an environment's files there.",
                hint="Remove the link. What lies in `build/` is made anew; nothing of it belongs into Git.",
            )


def _keep_executable(first: Path, path: Path) -> None:
    """A script that can be run can be run here, too."""
    bit = first.stat().st_mode & stat.S_IXUSR
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & stat.S_IXUSR != bit:
        path.chmod(mode & ~stat.S_IXUSR | bit)


def _write(path: Path, data: bytes) -> None:
    """Write a file that is not so already."""
    try:
        if path.is_file() and plain.read(path) == data:
            return
    except OSError:
        pass
    if not private.write(path, data):
        raise MxError(f"{path} cannot be written.", hint="Look at its owner and at its folder's.")
