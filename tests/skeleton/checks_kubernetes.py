"""Checks of rendered Kubernetes manifests and of `devspace.yaml`, for tests of single generators and of combinations.

The schemas lie in a folder that is not part of this repository; see `terraform_mirror.shared_folder`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from terraform_mirror import shared_folder

# What DevSpace's own validation asks of names (it is in no schema).
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_IMAGE = re.compile(r".+(@sha256:[0-9a-f]{64}|:(?!latest$)[\w.-]+)")


def check_manifests(folder: Path) -> list[str]:
    """What is wrong with the manifests below `folder`; empty: nothing. Values of Helm charts (`*_values.yaml`) are left out.

    Every object fits the strict schema of its kind and has a namespace, no image floats, and no object is a Secret.
    Skips the test where the schemas are missing.
    """
    found: list[str] = []
    manifests = [path for path in sorted(folder.rglob("*.yaml")) if not path.name.endswith("_values.yaml")]
    if not manifests:
        return [f"{folder}: no manifests"]
    for path in manifests:
        if path.name == "kustomization.yaml":
            found += [f"{path.relative_to(folder)}: {problem}" for problem in _kustomization_problems(path)]
            continue
        for manifest in yaml.safe_load_all(path.read_text("utf-8")):
            where = f"{path.relative_to(folder)}: {manifest.get('kind')}/{manifest.get('metadata', {}).get('name')}"
            found += [f"{where}: {problem}" for problem in _object_problems(manifest)]
    return found


def check_devspace(path: Path) -> list[str]:
    """What is wrong with `devspace.yaml`; empty: nothing. Skips the test where the schema is missing.

    By the strict schema, by what DevSpace asks beyond it, and by what lies on the disk beside the file.
    """
    import jsonschema

    schema = json.loads(_schema("devspace-schema.strict.json").read_text("utf-8"))
    config = yaml.safe_load(path.read_text("utf-8"))
    found = [
        f"{_at(error)}: {error.message}"
        for error in jsonschema.Draft202012Validator(schema).iter_errors(config)
    ]
    names = [
        config.get("name"),
        *config.get("deployments", {}),
        *config.get("pipelines", {}),
        *config.get("images", {}),
    ]
    found += [f"DevSpace refuses the name {name!r}" for name in names if not _NAME.fullmatch(str(name))]
    for name, deployment in config.get("deployments", {}).items():
        found += [
            f"deployments.{name}: {problem}" for problem in _deployment_problems(deployment, path.parent)
        ]
    for hook in config.get("hooks", []):
        found += [f"hooks {hook.get('name')}: {problem}" for problem in _hook_problems(hook, config)]
    return found


def _deployment_problems(deployment: dict[str, Any], root: Path) -> Iterator[str]:
    helm, kubectl = deployment.get("helm"), deployment.get("kubectl")
    if (helm is None) == (kubectl is None):
        yield "wants exactly one of helm and kubectl"
        return
    files = kubectl["manifests"] if kubectl else helm.get("valuesFiles", [])
    for file in files:
        if "://" not in file and not (root / file).exists():
            yield f"{file} does not exist"
    if helm and not helm["chart"].get("version"):
        yield "the chart's version floats"


def _hook_problems(hook: dict[str, Any], config: dict[str, Any]) -> Iterator[str]:
    if sum(key in hook for key in ("command", "upload", "download", "logs", "wait")) != 1:
        yield "wants exactly one of command, upload, download, logs and wait"
    for event in hook.get("events", []):
        name = event.rpartition(":")[2]
        if name != "*" and name not in config.get("deployments", {}):
            yield f"{event} names no deployment"


def _kustomization_problems(path: Path) -> Iterator[str]:
    import jsonschema

    kustomization = yaml.safe_load(path.read_text("utf-8"))
    schema = json.loads(_schema("schemastore-kustomization.json").read_text("utf-8"))
    for error in jsonschema.Draft7Validator(schema).iter_errors(kustomization):
        yield f"{_at(error)}: {error.message}"
    for resource in kustomization["resources"]:
        if "://" in resource and not re.search(r"[?]ref=v\d+\.\d+\.\d+$", resource):
            yield f"{resource} has no fixed version"


def _object_problems(manifest: dict[str, Any]) -> Iterator[str]:
    version, kind = str(manifest.get("apiVersion")), str(manifest.get("kind"))
    validator = _validator(version, kind)
    if validator is None:
        yield f"no schema for {version} {kind}"
        return
    for error in validator.iter_errors(manifest):
        yield f"{_at(error)}: {error.message}"
    if kind == "Secret":
        yield "a secret in the repository"
    if kind not in ("Namespace", "StorageClass") and not manifest["metadata"].get("namespace"):
        yield "no namespace"
    for image in _images(manifest):
        if not _IMAGE.fullmatch(image):
            yield f"the image {image} has no fixed version"


def _images(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "image" and isinstance(inner, str):
                yield inner
            yield from _images(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _images(inner)


def _at(error: Any) -> str:
    return ".".join(map(str, error.absolute_path)) or "the whole"


def _schema(name: str) -> Path:
    path = shared_folder() / "schemas" / name
    if not path.is_file():
        pytest.skip(f"{path} is missing (MX_TEST_SHARED names the folder with the schemas)")
    return path


@functools.cache
def _definitions(path: Path) -> dict[str, Any]:
    """Kubernetes' definitions made strict: the API server drops a misspelt field, and so it must not pass here."""
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    for definition in document["$defs"].values():
        if "properties" in definition:
            definition.setdefault("additionalProperties", False)
    return document


@functools.cache
def _validator(version: str, kind: str) -> Any:
    import jsonschema
    from referencing import Registry, Resource

    group, _, number = version.rpartition("/")
    if group and (shared_folder() / "schemas" / "kubeconform" / group).is_dir():
        name = f"kubeconform/{group}/{kind.lower()}_{number}.json"
        return jsonschema.Draft202012Validator(json.loads(_schema(name).read_text("utf-8")))
    document = _definitions(_schema("kubernetes-v1.34/_definitions.json"))
    name = f"io.k8s.api.{group.partition('.')[0] or 'core'}.{number}.{kind}"
    if name not in document["$defs"]:
        return None
    registry = Registry().with_resource(document["$id"], Resource.from_contents(document))
    return jsonschema.Draft202012Validator({"$ref": f"{document['$id']}#/$defs/{name}"}, registry=registry)
