"""`mx flow run --backend kubernetes|distributed`: which template, image and tracking server, and what is said before.

What is decided here goes to MLflow as the configuration of its project backend `mx` (`backend.py`), which makes the run
and hands the job to the cluster.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from mxdev.artifacts import image as images
from mxdev.cluster import manifest
from mxdev.cluster.kubectl import Kubectl
from mxdev.deploy import rewritten
from mxdev.errors import MxError, UsageProblem
from mxdev.flow import tracking
from mxdev.flow.cluster import pool, submitter
from mxdev.flow.declared.mlproject import MLProject
from mxdev.flow.words import TEMPLATES
from mxdev.project.project import Project
from mxdev.system import console, git

LOCAL = "local"
ENTRY = "trainer"
# What the backend `distributed` runs unless told otherwise, where MLproject has it.
DISTRIBUTED_ENTRY = "distributed"
# The variable in which MLflow's own Kubernetes backend looks.
POD_TRACKING = "KUBE_MLFLOW_TRACKING_URI"
# A run's id ends a job's name, after a dash: 40 characters leave room for what operators append.
_MOST_OF_NAME = 29
_MOST_FILES = 5
_LOOPBACK = re.compile(r"localhost|127\..*|::1")


@dataclass(frozen=True)
class Options:
    """What the command line says of the cluster.

    Attributes:
        backend: "local", "kubernetes" or "distributed".
        image: `--image`; None: the run image of the commit.
        build: build and push that first.
        registry: what its name begins with; None: the project's own.
        context: a context of the kubeconfig; None: the current one.
        namespace: None: the template's, else the context's.
        tracking_uri: where pods find the tracking server; None: see `pod_tracking`.
        detach: return once the job is submitted.
        gpus: how many all pods together have; None: as the template says.
        queue: the queue of Kueue in which the job waits; None: as the template says.
        environment: the project's environment whose job it is; None: its first one.
    """

    backend: str = LOCAL
    image: str | None = None
    build: bool = False
    registry: str | None = None
    context: str | None = None
    namespace: str | None = None
    tracking_uri: str | None = None
    detach: bool = False
    gpus: int | None = None
    queue: str | None = None
    environment: str | None = None


def check(options: Options, passed_on: Sequence[str]) -> None:
    """Refuse options that make no sense together.

    Raises:
        UsageProblem: says which.
    """
    if options.backend == LOCAL:
        given = [
            f"--{name.replace('tracking_uri', 'cluster-tracking-uri')}"
            for name, value in vars(options).items()
            if name not in ("backend", "environment") and value
        ]
        if given:
            raise UsageProblem(
                f"{', '.join(given)}: only for a run on a cluster.",
                hint="Add `--backend kubernetes` or `--backend distributed`.",
            )
        return
    if options.image and (options.build or options.registry):
        other = "--build" if options.build else "--registry"
        raise UsageProblem(f"--image names an image that is there; {other} is about the image of the commit.")
    ours = {"-b", "--backend", "-c", "--backend-config"}
    for text in passed_on:
        if text.partition("=")[0] in ours:
            raise UsageProblem(f"-- {text}: with --backend {options.backend}, mx says that to MLflow itself.")


def default_entry(project: MLProject, backend: str) -> str:
    """The entry point that a backend runs unless told otherwise."""
    if backend == "distributed" and DISTRIBUTED_ENTRY in project.entry_points:
        return DISTRIBUTED_ENTRY
    return ENTRY


def name_prefix(name: str) -> str:
    """What the names of a project's jobs begin with: the project's name as a DNS label."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:_MOST_OF_NAME].strip("-") or "run"


def configuration(
    root: Path, name: str, options: Options, store: tracking.Store, environ: Mapping[str, str]
) -> dict[str, Any]:
    """What MLflow's backend `mx` is told. Asks no cluster, and writes nothing but the files of an environment.

    Args:
        root: the project.
        name: its name.
        options: what the command line says.
        store: where the run is recorded.
        environ: the environment variables.

    Raises:
        MxError: there is no template, no commit, or no tracking server that pods reach; or the cluster cannot have so many GPUs.
    """
    files = rewritten.project(Project.load(root), options.environment).root
    path = files / TEMPLATES[options.backend]
    template = manifest.read(path)
    if options.gpus is not None:
        pool.check(root, template, options.gpus, options.environment)
    kubectl = Kubectl(options.context, options.namespace or template.get("metadata", {}).get("namespace"))
    return {
        "backend": options.backend,
        "template": str(path),
        "kind": manifest.kind_of(template).name,
        "name": name_prefix(name),
        "image": options.image or images.run_image(root, Project.load(root).options, options.registry),
        "context": options.context,
        "namespace": kubectl.namespace,
        "tracking_uri": pod_tracking(options, store, kubectl, environ),
        "detach": options.detach,
        "gpus": options.gpus,
        "queue": options.queue,
        # -P: a folder `mxdev` in the project must not be taken for mx.
        "submitter": [sys.executable, "-P", "-m", "mxdev.flow.cluster.submitter"],
    }


def pod_tracking(
    options: Options, store: tracking.Store, kubectl: Kubectl, environ: Mapping[str, str]
) -> str:
    """The address at which pods find the tracking server that has the run.

    Raises:
        MxError: runs are recorded where no pod can reach, or in another cluster.
    """
    if not store.is_server:
        raise MxError(
            f"runs are recorded in {tracking.shown(store)}, which no pod of a cluster can reach.",
            hint="`mx flow connect`, left running in another terminal, leads to the tracking server of the cluster; "
            "or set MLFLOW_TRACKING_URI to a server that this machine and the cluster both reach.",
        )
    given = options.tracking_uri or environ.get(POD_TRACKING, "").strip()
    if given:
        return given
    if store.connection is not None and store.connection.context != kubectl.context:
        raise MxError(
            f"`mx flow connect` leads to the context {store.connection.context}, and the job would go to {kubectl.context}: "
            "the run would be recorded in another cluster.",
            hint="Choose one with --context, or say with --cluster-tracking-uri where pods find that server.",
        )
    namespace = store.connection.namespace if store.connection else kubectl.namespace
    parts = urlsplit(store.uri)
    if _LOOPBACK.fullmatch(parts.hostname or ""):
        return f"http://mlflow.{namespace}.svc.cluster.local:5000"
    if "@" in parts.netloc:
        console.warn(
            "the user and password in MLFLOW_TRACKING_URI do not go into the job, where others could read them; "
            "the template can take them from a Secret, as MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        )
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def say_changes(root: Path, options: Options) -> None:
    """Say which files differ from the commit that the image has.

    Raises:
        MxError: there are some, and an image is to be built.
    """
    changed = uncommitted(root)
    if not changed:
        return
    some = ", ".join(changed[:_MOST_FILES])
    more = f" and {len(changed) - _MOST_FILES} more" if len(changed) > _MOST_FILES else ""
    if options.build:
        raise MxError(
            f"there are changes that are not committed ({some}{more}), so no commit says what the image holds.",
            hint="Commit them, or leave out --build.",
        )
    if options.image:
        console.warn(f"not committed: {some}{more}. They count only if {options.image} was built with them.")
    else:
        console.warn(f"not committed, and so not in the image of this commit: {some}{more}.")


def uncommitted(root: Path) -> list[str]:
    """The files that differ from the commit, or that Git does not know; none outside of a repository.

    Raises:
        GitError: there is a repository, and Git cannot answer.
    """
    found = git.find(root)
    return [] if found is None else found.changed()


def prepare(root: Path, options: Options, config: Mapping[str, Any]) -> dict[str, Any]:
    """Make sure of the cluster and of the image before MLflow makes a run, which would only fail.

    Args:
        root: the project.
        options: what the command line says.
        config: what `configuration` returned.

    Returns:
        `config` with the context that is the current one now, whatever it will be later.

    Raises:
        MxError: there is no cluster, the template has no place for something, or the image could not be built.
    """
    submitter.filled({**config, "command": "", "environment": {}, "run_id": ""})
    context = Kubectl(options.context, config["namespace"]).context
    if options.build:
        request = images.ImageRequest(push=True, registry=options.registry)
        code = images.build(root, Project.load(root).options, request)
        if code:
            raise MxError(f"the image could not be built (exit code {code}), so nothing was submitted.")
    elif not options.image:
        console.status(f"the image of this commit is {config['image']}; --build would make sure of it")
    return {**config, "context": context or None}


def rendered(job: Mapping[str, Any]) -> str:
    """The manifest of a job, as it would be handed to the cluster, as YAML."""
    # Through JSON, since YAML would show what occurs twice as an alias.
    return manifest.dump(json.loads(json.dumps(submitter.filled(job)))).rstrip()
