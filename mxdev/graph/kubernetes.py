"""What of Kubernetes' objects a picture needs: pods, whom they talk to, and how they are reached."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Object = Mapping[str, Any]

# Kinds that run pods for good or again and again; a job runs once.
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "ReplicaSet")
_URL_HOST = re.compile(r"(?://|@)([A-Za-z0-9][A-Za-z0-9.-]*)")
_BUCKET = re.compile(r"\b(gs|s3|s3a|az|abfss?)://([A-Za-z0-9][A-Za-z0-9._-]*)")
# What mx and MLflow write in place of the image of a training.
_FILLED_IN = re.compile(r"replaced-by-")


def name_of(thing: Object) -> str:
    """The name of an object."""
    return str((thing.get("metadata") or {}).get("name") or "")


def pods(thing: Any) -> Iterator[Object]:
    """The pod specs that an object holds, however deep: those with containers."""
    if isinstance(thing, dict):
        if isinstance(thing.get("containers"), list):
            yield thing
            return
        for inner in thing.values():
            yield from pods(inner)
    elif isinstance(thing, list):
        for inner in thing:
            yield from pods(inner)


def is_training(thing: Object) -> bool:
    """Whether an object is a template that mx fills in for a run."""
    images = [str(one.get("image") or "") for pod in pods(thing) for one in _containers(pod)]
    return any(map(_FILLED_IN.search, (name_of(thing), *images)))


def images(thing: Object) -> list[str]:
    """The images of an object's containers, without tag and digest; those that are filled in are left out."""
    found = [str(one.get("image") or "") for pod in pods(thing) for one in _containers(pod)]
    bare = [re.sub(r"(@.*|:[^/]*)$", "", image) for image in found if not _FILLED_IN.search(image)]
    return list(dict.fromkeys(filter(None, bare)))


def account(thing: Object) -> str:
    """The service account of an object's pods; empty: none is named."""
    return next((str(pod.get("serviceAccountName") or "") for pod in pods(thing)), "")


def labels(thing: Object) -> Mapping[str, str]:
    """The labels of the pods of an object."""
    here: Any = thing.get("spec") or {}
    for key in ("jobTemplate", "spec"):
        here = here.get(key, here) if isinstance(here, dict) else {}
    template = here.get("template") if isinstance(here, dict) else None
    meta = (template or {}).get("metadata") or thing.get("metadata") or {}
    return {str(key): str(value) for key, value in (meta.get("labels") or {}).items()}


def _containers(pod: Object) -> Iterator[Object]:
    for key in ("initContainers", "containers"):
        yield from (one for one in pod.get(key) or () if isinstance(one, dict))


def _texts(thing: Object) -> Iterator[tuple[str, str]]:
    """The words of containers' commands, and the values of their environment with the variable's name."""
    for pod in pods(thing):
        for one in _containers(pod):
            yield from (("", str(part)) for key in ("command", "args") for part in one.get(key) or ())
            for variable in one.get("env") or ():
                # Which names a server answers to is no call of any.
                if isinstance(variable, dict) and "ALLOWED" not in str(variable.get("name")):
                    yield str(variable.get("name")), str(variable.get("value") or "")


def called(thing: Object) -> list[str]:
    """The hosts that the pods of an object are told of, without a domain: what may be the name of a Service."""
    found: dict[str, None] = {}
    for variable, text in _texts(thing):
        hosts = [text.partition(":")[0]] if variable.endswith("HOST") else _URL_HOST.findall(text)
        found |= dict.fromkeys(host.partition(".")[0] for host in hosts)
    return list(found)


def buckets(thing: Object) -> list[tuple[str, str]]:
    """The buckets that the pods of an object are told of: scheme and name."""
    return list(dict.fromkeys(pair for _, text in _texts(thing) for pair in _BUCKET.findall(text)))


def tracks(thing: Object) -> bool:
    """Whether an object runs MLflow's server."""
    return any(
        "mlflow" in words and "server" in words
        for pod in pods(thing)
        for one in _containers(pod)
        if (words := [str(word) for word in (*(one.get("command") or ()), *(one.get("args") or ()))])
    )
