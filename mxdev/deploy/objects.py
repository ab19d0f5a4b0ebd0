"""The Kubernetes objects of a deployment: as its manifests say them, and as they are in the cluster."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mxdev.cluster.kubectl import Kubectl, parsed
from mxdev.cluster.manifest import problem_of
from mxdev.cluster.refusals import ClusterError
from mxdev.deploy import named_files
from mxdev.deploy.config import Deployment
from mxdev.errors import MxError, Refused
from mxdev.sections.yaml.loader import loader
from mxdev.system import programs
from mxdev.system.files import plain

Object = Mapping[str, Any]
# How long kubectl may take for one thing, in seconds: kustomize fetches from afar.
PATIENCE = 300.0
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
# What KServe and Seldon Core make a Deployment of, which no manifest names.
_SERVED = ("InferenceService", "SeldonDeployment")
_QUIET = {"KUBECTL_EXTERNAL_DIFF": None, "KUBECTL_COMMAND_HEADERS": None}


def files(root: Path, deployment: Deployment) -> list[str]:
    """What tells kubectl which manifests are meant.

    Raises:
        MxError: kubectl would wait for one of them.
    """
    part = deployment.kubectl or {}
    if part.get("inlineManifest"):
        return ["--filename=-"]
    named_files.refuse_endless(root, deployment)
    flag = "--kustomize" if part.get("kustomize") else "--filename"
    return [f"{flag}={path}" for path in part.get("manifests") or []]


def inline(deployment: Deployment) -> bytes | None:
    """What kubectl reads, if the manifests stand in devspace.yaml itself."""
    text = (deployment.kubectl or {}).get("inlineManifest")
    return str(text).encode() if text else None


def apply_arguments(deployment: Deployment) -> list[str]:
    """The arguments of `kubectl apply` that devspace.yaml gives, without those that mean nothing without DevSpace's own."""
    given = [str(one) for one in (deployment.kubectl or {}).get("applyArgs") or []]
    return [one for one in given if one != "--force=false"]


def call(
    root: Path, kubectl: Kubectl, *arguments: str, input: bytes | None = None, fine: Sequence[int] = (0,)
) -> programs.Result:
    """Run kubectl in the project's root.

    Args:
        root: the project.
        kubectl: the context and the namespace.
        arguments: its arguments.
        input: what it reads.
        fine: the exit codes that are no failure.

    Raises:
        ClusterError: it failed.
        MxError: it is missing, or did not finish in time.
    """
    command = [*programs.find("kubectl").command, *kubectl.command(*arguments)[1:]]
    done = programs.run(command, cwd=root, env=_QUIET, capture=True, input=input, timeout=PATIENCE)
    if done.code in fine:
        return done
    raise kubectl.failure(arguments, done.stderr.decode("utf-8", "replace"))


def namespace_exists(root: Path, kubectl: Kubectl, name: str) -> bool:
    """Whether the cluster has a namespace.

    Raises:
        Refused: it is being deleted: objects can be read and removed there, and none can be made.
        ClusterError: it cannot be known.
    """
    found = _namespace(root, kubectl, name)
    if found and (why := _going(found)):
        raise Refused(
            f"the namespace {name} is being deleted, and nothing can be made in it until it is gone{why}",
            hint=f"`kubectl --context {kubectl.context} get namespace {name}` finds it no more when it is gone; then again.",
        )
    return found is not None


def ending(root: Path, kubectl: Kubectl, name: str) -> str:
    """What holds a namespace that is being deleted, as the end of a sentence; empty: it is not being deleted, or nobody may look at it.

    Raises:
        ClusterError: it cannot be known for another reason.
    """
    try:
        found = _namespace(root, kubectl, name)
    except ClusterError as error:
        # A Role has rights in a namespace, and seldom that to read the namespace itself.
        if error.reason != "Forbidden":
            raise
        return ""
    return _going(found) if found else ""


def _namespace(root: Path, kubectl: Kubectl, name: str) -> Object | None:
    found = call(root, kubectl, "get", "namespace", name, "--ignore-not-found", "--output=json")
    text = found.stdout.decode("utf-8", "replace").strip()
    return parsed(text, "get") if text else None


def _going(namespace: Object) -> str:
    status = namespace.get("status") or {}
    if status.get("phase") != "Terminating":
        return ""
    held = [
        str(one.get("message"))
        for one in status.get("conditions") or ()
        if one.get("status") == "True" and one.get("message")
    ]
    return f": {'; '.join(held)}" if held else ": its objects are removed first"


def differs(root: Path, kubectl: Kubectl, deployment: Deployment) -> str:
    """What `kubectl diff` says would change; empty: nothing.

    Raises:
        ClusterError: it cannot be known.
    """
    side = ["--server-side", "--force-conflicts"] if "--server-side" in apply_arguments(deployment) else []
    try:
        done = call(
            root, kubectl, "diff", *side, *files(root, deployment), input=inline(deployment), fine=(0, 1)
        )
    except ClusterError as error:
        # A kind that this very deployment brings: nothing of it is there yet.
        if error.reason == "NoKind":
            return "kinds that the cluster does not know yet"
        raise
    if done.code == 1 and not done.stdout.strip():
        raise kubectl.failure(("diff",), done.stderr.decode("utf-8", "replace"))
    names = re.findall(r"^diff .*/(\S+)$", done.stdout.decode("utf-8", "replace"), re.MULTILINE)
    return _named(names) if done.code else ""


def _named(names: Sequence[str]) -> str:
    """Objects as `kubectl diff` names its files (`apps.v1.Deployment.churn.mlflow`), for a person."""
    short = []
    for name in names:
        match = re.search(r"\.?(?:v\d\w*)\.([A-Z]\w*)\.[^.]*\.(.+)$", name)
        short.append(f"{match[1]} {match[2]}" if match else name)
    return f"{', '.join(short[:3])}{f' and {len(short) - 3} more' if len(short) > 3 else ''}" or "something"


def there(root: Path, kubectl: Kubectl, deployment: Deployment) -> list[Object]:
    """The objects of the deployment that are in the cluster; of a chart its workloads."""
    if deployment.helm is not None:
        label = f"--selector=app.kubernetes.io/instance={deployment.release}"
        kinds = ",".join(kind.lower() for kind in _WORKLOADS)
        done = call(root, kubectl, "get", kinds, label, "--output=json")
    else:
        words = ("get", *files(root, deployment), "--ignore-not-found", "--output=json")
        try:
            done = call(root, kubectl, *words, input=inline(deployment))
        except ClusterError as error:
            if error.reason == "NoKind":
                return []
            raise
    text = done.stdout.decode("utf-8", "replace").strip()
    if not text:
        return []
    found = parsed(text, "get")
    items: list[Object] = found["items"] if found.get("kind") == "List" else [found]
    return items


def workloads(objects: Sequence[Object]) -> list[Object]:
    """Those that run pods for good, themselves or by a Deployment that a controller makes of them."""
    return [one for one in objects if one.get("kind") in (*_WORKLOADS, *_SERVED)]


def pod_labels(workload: Object) -> dict[str, str]:
    """The labels by which the pods of a workload are found; none, when it gives them none. Pure."""
    spec = workload.get("spec") or {}
    if workload["kind"] == "InferenceService":
        return dict((spec.get("predictor") or {}).get("labels") or {})
    if workload["kind"] == "SeldonDeployment":
        parts = [part for one in spec.get("predictors") or () for part in one.get("componentSpecs") or ()]
        return dict(((parts[0].get("metadata") or {}).get("labels") or {}) if parts else {})
    return dict((spec.get("selector") or {}).get("matchLabels") or {})


def rendered(root: Path, kubectl: Kubectl, deployment: Deployment) -> list[Object]:
    """The objects as the manifests say them; none of a chart.

    Raises:
        MxError: a manifest cannot be read.
    """
    import yaml

    part = deployment.kubectl or {}
    texts: list[tuple[str, bytes]] = []
    if data := inline(deployment):
        texts.append((deployment.name, data))
    for name in part.get("manifests") or []:
        if part.get("kustomize"):
            named_files.refuse_endless(root, deployment)
            texts.append((name, call(root, kubectl, "kustomize", str(name)).stdout))
            continue
        place = root / str(name)
        paths = sorted(place.glob("*.y*ml")) if place.is_dir() else [place]
        for path in paths:
            try:
                texts.append((str(path), plain.read(path)))
            except OSError as error:
                raise MxError(f"{path} cannot be read: {error.strerror}.") from error
    found: list[Object] = []
    for where, text in texts:
        try:
            found += [one for one in yaml.load_all(text, Loader=loader()) if isinstance(one, dict)]
        except (ValueError, yaml.YAMLError, RecursionError) as error:
            raise MxError(f"{where} is not valid YAML: {error}") from error
        for one in found:
            if odd := problem_of(one):
                raise MxError(f"{where} holds no object of Kubernetes: {odd}.", hint="Put its YAML right.")
    return found


def listed(root: Path, kubectl: Kubectl, *words: str) -> list[Object]:
    """The objects that `kubectl get` finds.

    Args:
        words: what is asked for, such as `pods` and a selector.

    Raises:
        ClusterError: the cluster refuses, or what kubectl printed is none.
    """
    done = call(root, kubectl, "get", *words, "--output=json")
    found: list[Object] = parsed(done.stdout.decode("utf-8", "replace"), "get").get("items", [])
    return found


def release(root: Path, kubectl: Kubectl, deployment: Deployment) -> Object | None:
    """The newest Helm release of a chart, as Helm keeps it in the cluster; None: there is none."""
    label = f"--selector=owner=helm,name={deployment.release}"
    kept = listed(root, kubectl, "secrets", label)
    try:
        newest = max(kept, key=lambda one: int(one["metadata"]["labels"].get("version", 0)), default=None)
        if newest is None:
            return None
        packed = base64.b64decode(base64.b64decode(newest["data"]["release"]))
        found: Object = json.loads(gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed)
    except (ValueError, LookupError, TypeError, OSError, EOFError) as error:
        raise MxError(
            f"Helm's record of the release {deployment.release}, a Secret in the namespace {kubectl.namespace}, cannot be read: {error}.",
            hint=f"`helm history {deployment.release} --namespace {kubectl.namespace}` says what Helm makes of it.",
        ) from error
    return found


def data_of(deployment: Deployment, objects: Sequence[Object]) -> Iterator[tuple[str, str]]:
    """What holds data of a deployment, by kind and name: volume claims, and secrets that its pods read and no manifest brings.

    For the claims of StatefulSets a name ends in `-`: the number of the pod follows.
    """
    brought = {(one.get("kind"), one["metadata"]["name"]) for one in objects}
    for one in objects:
        if one.get("kind") == "PersistentVolumeClaim":
            yield "PersistentVolumeClaim", one["metadata"]["name"]
        for claim in (one.get("spec") or {}).get("volumeClaimTemplates") or []:
            yield "PersistentVolumeClaim", f"{claim['metadata']['name']}-{one['metadata']['name']}-"
    for name in dict.fromkeys(_secrets(objects)):
        if ("Secret", name) not in brought:
            yield "Secret", name


def _secrets(value: Any) -> Iterator[str]:
    """The names of secrets that containers and volumes read; those for pulling images hold no data."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in ("secretKeyRef", "secretRef") and isinstance(inner, Mapping) and inner.get("name"):
                yield str(inner["name"])
            elif key == "secretName" and isinstance(inner, str):
                yield inner
            else:
                yield from _secrets(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _secrets(inner)
