"""`mx flow sweep --jobs N`: what a search on this machine is told, so that each of its trials becomes a Job on the cluster.

The search runs in the project's interpreter, where there is no mx. It starts `python -m mxdev.flow.cluster.trial` of mx's own
interpreter for each trial, as `VARIABLE` says.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mxdev.cluster import manifest
from mxdev.errors import UsageProblem
from mxdev.flow import tracking
from mxdev.flow.cluster import options as cluster_run
from mxdev.flow.cluster import pool
from mxdev.flow.cluster.options import Options
from mxdev.flow.words import TEMPLATES

# The search that `Sweep` renders looks here.
VARIABLE = "MX_TRIALS"
# What a search has to know again when it goes on.
TAG = "mx.trials"
KUBERNETES = "kubernetes"
_NOTED = ("image", "context", "namespace", "tracking_uri", "queue")
# By which project's, as its jobs are called.
_NAME = "name"
_SUBMITTER = [sys.executable, "-P", "-m", "mxdev.flow.cluster.trial"]


def check(options: Options, at_once: int | None) -> None:
    """Refuse what makes no sense for trials that are Jobs.

    Raises:
        UsageProblem: says what.
    """
    if options.backend != KUBERNETES:
        raise UsageProblem(
            "--jobs makes each trial a Job on a cluster; here it would mean nothing.",
            hint="Add `--backend kubernetes`; on this machine `--at-once N` has N trials at a time.",
        )
    if at_once is not None:
        raise UsageProblem("--jobs says how many trials there are at a time; leave out --at-once.")
    if options.detach:
        raise UsageProblem(
            "--detach: with --jobs this machine says what is tried next, so it has to stay.",
            hint="Without --jobs the whole search is one Job, and its trials are processes there.",
        )


def told(
    root: Path,
    name: str,
    options: Options,
    store: tracking.Store,
    environ: Mapping[str, str],
    *,
    dry_run: bool,
) -> dict[str, str]:
    """The variables with which a search submits its trials.

    Args:
        root: the project.
        name: its name.
        options: what is said of the cluster.
        store: where runs are recorded.
        environ: the environment variables.
        dry_run: no cluster is asked, and nothing is built.

    Raises:
        MxError: there is no template, image, tracking server that pods reach, or cluster.
    """
    config = cluster_run.configuration(root, name, options, store, environ)
    if not dry_run:
        config = cluster_run.prepare(root, options, config)
    kept = ("template", "name", "image", "context", "namespace", "tracking_uri", "queue", "kind")
    return {VARIABLE: json.dumps({"submitter": _SUBMITTER, **{key: config[key] for key in kept}})}


def check_pool(root: Path, jobs: int, environment: str | None = None) -> None:
    """Refuse more Jobs at a time than the pool of GPU nodes can have.

    Raises:
        MxError: says how many it can have.
    """
    pool.check_jobs(root, manifest.read(root / TEMPLATES[KUBERNETES]), jobs, environment)


def tags(variables: Mapping[str, str]) -> dict[str, str]:
    """The tags by which a search that goes on finds its cluster again."""
    config = json.loads(variables[VARIABLE])
    return {TAG: json.dumps({key: config[key] for key in (*_NOTED, _NAME)})}


def is_of(tags: Mapping[str, str], name: str, namespace: str, context: str) -> bool:
    """Whether the search with these tags has its trials there, and is a project's; one that noted no project may be.

    Args:
        tags: the run's.
        name: what the names of the project's jobs begin with.
        namespace: where trials are looked for.
        context: in which cluster, as kubectl calls it.
    """
    options = recorded(tags)
    if options is None or options.namespace != namespace or options.context not in (None, context):
        return False
    return json.loads(tags[TAG]).get(_NAME) in (None, name)


def recorded(tags: Mapping[str, str]) -> Options | None:
    """What a search noted of its cluster; None: its trials were no Jobs."""
    try:
        noted: Any = json.loads(tags[TAG])
        kept = {key: None if noted[key] is None else str(noted[key]) for key in _NOTED}
    except (KeyError, TypeError, ValueError):
        return None
    return Options(
        KUBERNETES,
        image=kept["image"],
        context=kept["context"],
        namespace=kept["namespace"],
        tracking_uri=kept["tracking_uri"],
        queue=kept["queue"],
    )
