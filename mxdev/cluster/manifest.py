"""Job templates and what becomes of them: a file + image + command + environment -> a manifest. Nothing is run here.

Three kinds of job are known: Kubernetes' own Job, the PyTorchJob of Kubeflow's training operator, and the TrainJob of
Kubeflow's trainer. What differs between them is in `KINDS` and in three small functions.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mxdev.errors import MxError
from mxdev.sections.yaml.loader import loader
from mxdev.sections.yaml.write import render_entry
from mxdev.system.files import plain

Manifest = dict[str, Any]

# On every job that mx submits, and on its pods.
MANAGED_BY = {"app.kubernetes.io/managed-by": "mx"}
# Which run a job belongs to; what tells our job from another's of the same name.
RUN_LABEL = "mlflow-run-id"

_Fill = Callable[[Manifest, str, Mapping[str, Any], Mapping[str, str]], None]


@dataclass(frozen=True)
class JobKind:
    """What differs from kind to kind of job.

    Attributes:
        name: "Job", "PyTorchJob", "TrainJob".
        resource: what kubectl calls it, with its group: the same word may mean something else in another group.
        api_version: `apiVersion` of the manifest.
        pod_label: the label that its pods bear, with the job's name as its value.
        done: the type of the condition that means success.
        container: the name of the container that trains; "": the pod's first.
    """

    name: str
    resource: str
    api_version: str
    pod_label: str
    done: str
    container: str = ""
    fill: _Fill = field(repr=False, kw_only=True)


@dataclass(frozen=True)
class JobRef:
    """Which job, in the namespace of a Kubectl."""

    kind: JobKind
    name: str

    @property
    def words(self) -> tuple[str, str]:
        """How kubectl is told of it."""
        return (self.kind.resource, self.name)

    def __str__(self) -> str:
        return f"{self.kind.name} {self.name}"


def problem_of(thing: Mapping[str, Any]) -> str:
    """Why a mapping cannot be an object of Kubernetes, whoever wrote it; "" if it can."""
    metadata = thing.get("metadata", {})
    if not isinstance(metadata, dict):
        return "`metadata` is no mapping" if metadata is not None else "`metadata` is empty"
    for key, value in (("spec", thing.get("spec")), ("metadata.labels", metadata.get("labels"))):
        if not isinstance(value, dict | None):
            return f"`{key}` is no mapping"
    if not isinstance(metadata.get("namespace"), str | None):
        return "`metadata.namespace` is no text"
    try:
        return "" if _ends(thing, set(), set()) else "an alias stands for what it is in itself"
    except RecursionError:
        return "it is nested too deeply"


def _ends(value: Any, above: set[int], seen: set[int]) -> bool:
    """Whether no list or mapping holds itself."""
    if not isinstance(value, dict | list) or id(value) in seen:
        return True
    if id(value) in above:
        return False
    above.add(id(value))
    ends = all(_ends(one, above, seen) for one in (value.values() if isinstance(value, dict) else value))
    above.discard(id(value))
    seen.add(id(value))
    return ends


def read(path: Path) -> Manifest:
    """Read a job's template.

    Raises:
        MxError: it is not there, is no YAML, or is not a job that mx can fill in.
    """
    import yaml

    try:
        documents = [part for part in yaml.load_all(plain.text(path), Loader=loader()) if part is not None]
    except FileNotFoundError:
        raise MxError(
            f"{path} is missing: it is the template of the job that is submitted.",
            hint="`mx generate` lists the generators; one that trains on a cluster renders it.",
        ) from None
    except (OSError, ValueError, RecursionError) as problem:
        raise MxError(f"{path} cannot be read: {problem}.") from problem
    except yaml.YAMLError as problem:
        raise MxError(f"{path} is not valid YAML: {problem}") from problem
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise MxError(f"{path} holds {len(documents)} YAML documents; a template is one, the job.")
    if odd := problem_of(documents[0]):
        raise MxError(f"{path} is no job: {odd}.", hint="Put its YAML right.")
    try:
        kind_of(documents[0])
    except MxError as problem:
        raise MxError(f"{path}: {problem.message}", hint=problem.hint) from None
    return documents[0]


def kind_of(manifest: Mapping[str, Any]) -> JobKind:
    """The kind of a job's manifest.

    Raises:
        MxError: mx does not know it.
    """
    for kind in KINDS:
        if (manifest.get("apiVersion"), manifest.get("kind")) == (kind.api_version, kind.name):
            return kind
    known = ", ".join(f"{kind.name} ({kind.api_version})" for kind in KINDS)
    raise MxError(
        f"a job of kind {manifest.get('kind')} ({manifest.get('apiVersion')}) is not known.",
        hint=f"Known are {known}.",
    )


def kind_named(name: str) -> JobKind:
    """The kind called `name`.

    Raises:
        MxError: mx does not know it.
    """
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise MxError(f"A job of kind {name} is not known; known are {', '.join(kind.name for kind in KINDS)}.")


def ref(manifest: Mapping[str, Any]) -> JobRef:
    """Which job a filled-in manifest makes."""
    return JobRef(kind_of(manifest), manifest["metadata"]["name"])


def fill(
    template: Mapping[str, Any],
    *,
    name: str,
    image: str,
    command: str,
    environment: Mapping[str, str],
    labels: Mapping[str, str],
) -> Manifest:
    """The manifest of one job; `template` stays as it is.

    Args:
        template: what `read` returned.
        name: the job's name, a DNS label.
        image: the image of the container that trains.
        command: a line for bash, as manifests have it: Kubernetes makes `$` of `$$`, and a variable's value of `$(NAME)`.
        environment: variables of that container; they replace those of the same name.
        labels: labels of the job and of its pods, besides those that the template has.

    Raises:
        MxError: the template lacks the place for one of them.
    """
    manifest: Manifest = copy.deepcopy(dict(template))
    metadata = _mapping(manifest, "metadata")
    metadata["name"] = name
    metadata.pop("generateName", None)
    _mapping(metadata, "labels").update(labels)
    container = {"image": image, "command": ["bash", "-c", command], "env": dict(environment)}
    kind_of(manifest).fill(manifest, name, container, labels)
    return manifest


def check(template: Mapping[str, Any]) -> None:
    """Look at every place of a template that `fill` would fill in.

    Raises:
        MxError: one is lacking, or is something else.
    """
    fill(template, name="", image="", command="", environment={}, labels={})


def dump(manifest: Mapping[str, Any]) -> str:
    """The manifest as YAML, in the order in which people write it; every reader takes it for the same.

    PyYAML would leave text such as `0123456789` or `12e34` bare, which a run's id may be and which Go takes for a number.
    """
    return "".join(render_entry(key, value) for key, value in manifest.items())


def _fill_job(manifest: Manifest, name: str, container: Mapping[str, Any], labels: Mapping[str, str]) -> None:
    """As MLflow's own backend does it: the first container, which also gets the job's name."""
    pod = _at(manifest, "spec", "template")
    _fill_pod(pod, container, labels)
    pod["spec"]["containers"][0]["name"] = name


def _fill_pytorch(
    manifest: Manifest, name: str, container: Mapping[str, Any], labels: Mapping[str, str]
) -> None:
    """The container `pytorch` of every replica."""
    _at(manifest, "spec", "pytorchReplicaSpecs")
    for replica in _mapping(manifest["spec"], "pytorchReplicaSpecs"):
        _fill_pod(
            _at(manifest, "spec", "pytorchReplicaSpecs", replica, "template"), container, labels, "pytorch"
        )


def _fill_train(
    manifest: Manifest, name: str, container: Mapping[str, Any], labels: Mapping[str, str]
) -> None:
    """The trainer's own fields. Pods can be labelled by a patch of the runtime only."""
    _set(_mapping(_at(manifest, "spec"), "trainer"), container)
    patches = _mappings(manifest["spec"], "runtimePatches")
    pods = {"spec": {"template": {"metadata": {"labels": dict(labels)}}}}
    jobs = {"replicatedJobs": [{"name": TRAIN_NODES, "template": pods}]}
    # The trainer's webhook wants a manager in the form domain/name.
    patches.append({"manager": "mx/labels", "trainingRuntimeSpec": {"template": {"spec": jobs}}})


def _fill_pod(
    pod: Manifest, container: Mapping[str, Any], labels: Mapping[str, str], name: str | None = None
) -> None:
    _at(pod, "spec", "containers")
    chosen = [
        entry for entry in _mappings(pod["spec"], "containers") if name is None or entry.get("name") == name
    ]
    if not chosen:
        raise MxError(f"The job's template has a pod without a container{f' named {name}' if name else ''}.")
    _set(chosen[0], container)
    _mapping(_mapping(pod, "metadata"), "labels").update(labels)


def _set(target: Manifest, container: Mapping[str, Any]) -> None:
    """Put image, command and environment into a container, or into what stands for one."""
    environment = container["env"]
    target["image"] = container["image"]
    target["command"] = list(container["command"])
    # The image's or the template's arguments would follow the command.
    target.pop("args", None)
    kept = [entry for entry in _mappings(target, "env") if entry.get("name") not in environment]
    target["env"] = [*kept, *({"name": key, "value": value} for key, value in environment.items())]


def _mapping(parent: Manifest, key: str) -> Manifest:
    """The mapping at `key`, made if it is not there.

    Raises:
        MxError: something else is there.
    """
    if parent.get(key) is None:
        parent[key] = {}
    value: Manifest = parent[key]
    if not isinstance(value, dict):
        raise MxError(f"In the job's template `{key}` is no mapping.")
    return value


def _mappings(parent: Manifest, key: str) -> list[Manifest]:
    """The list of mappings at `key`, made if it is not there.

    Raises:
        MxError: something else is there.
    """
    if parent.get(key) is None:
        parent[key] = []
    value: list[Manifest] = parent[key]
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise MxError(f"In the job's template `{key}` is no list of mappings.")
    return value


def _at(parent: Manifest, *keys: str) -> Any:
    """What stands at a place that has to be there."""
    value: Any = parent
    for number, key in enumerate(keys):
        value = value.get(key) if isinstance(value, dict) else None
        if value is None:
            raise MxError(f"The job's template has no {'.'.join(map(str, keys[: number + 1]))}.")
    return value


# What Kubeflow's trainer calls the part of a TrainJob that trains, and the container in it.
TRAIN_NODES = "node"

KINDS = (
    JobKind("Job", "jobs.batch", "batch/v1", "batch.kubernetes.io/job-name", "Complete", fill=_fill_job),
    JobKind(
        "PyTorchJob",
        "pytorchjobs.kubeflow.org",
        "kubeflow.org/v1",
        "training.kubeflow.org/job-name",
        "Succeeded",
        "pytorch",
        fill=_fill_pytorch,
    ),
    JobKind(
        "TrainJob",
        "trainjobs.trainer.kubeflow.org",
        "trainer.kubeflow.org/v1alpha1",
        "jobset.sigs.k8s.io/jobset-name",
        "Complete",
        TRAIN_NODES,
        fill=_fill_train,
    ),
)
