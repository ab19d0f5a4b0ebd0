"""The two lines of a manifest that are a release: read, and changed without touching any other."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mxdev.errors import Refused

STOP = "serving.kserve.io/stop"


@dataclass(frozen=True)
class Release:
    """What runs: the image's tag and the weights' path."""

    tag: str
    weights: str

    @classmethod
    def of(cls, manifest: str) -> Release | None:
        """What a manifest names; None if it names none, or is stopped."""
        try:
            data = _read(manifest)
            container, storage = _places(data)
            if STOP in (data["metadata"].get("annotations") or {}):
                return None
            return cls(str(container["image"]).rpartition(":")[2], str(storage["value"]))
        except (Refused, KeyError, AttributeError):
            return None

    def put_into(self, manifest: str, registry: str, repository: str) -> str:
        """The manifest with this release in it, running. Comments and the order of keys stay; one that says it already stays as it is.

        Raises:
            Refused: it is no manifest of KServe with a container and its STORAGE_URI.
        """
        import yaml

        before = _read(manifest)
        data = copy.deepcopy(before)
        container, storage = _places(data)
        container["image"], storage["value"] = f"{registry}/{repository}:{self.tag}", self.weights
        annotations = data["metadata"].get("annotations") or {}
        if STOP in annotations:
            del annotations[STOP]
            if not annotations:
                del data["metadata"]["annotations"]
        if data == before:
            return manifest
        edited = _edited(manifest, container["image"], self.weights)
        if yaml.safe_load(edited) == data:
            return edited
        return str(yaml.safe_dump(data, sort_keys=False, explicit_start=True))


def _read(manifest: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(manifest)
    except (yaml.YAMLError, ValueError, RecursionError, LookupError, AttributeError) as error:
        raise Refused(f"The manifest is no YAML: {error}") from error


def _places(data: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The container, and its variable STORAGE_URI."""
    try:
        containers = data["spec"]["predictor"]["containers"]
        container = containers[_served(containers)]
        (storage,) = (one for one in container["env"] if one["name"] == "STORAGE_URI")
        data["metadata"].get("annotations")
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise Refused(
            "The manifest has no container with STORAGE_URI.", hint="`mx onboard` makes one."
        ) from error
    return container, storage


def _served(containers: list[dict[str, Any]]) -> int:
    """Which container serves: the one that KServe takes for it by its name, or the only one."""
    named = [at for at, one in enumerate(containers) if one.get("name") == "kserve-container"]
    (at,) = named or range(len(containers))
    return at


def _edited(manifest: str, image: str, weights: str) -> str:
    """The text with both values in the places of the old ones, and without the line that stops the service."""
    import yaml

    root = yaml.compose(manifest, yaml.SafeLoader)
    at = _served(yaml.safe_load(manifest)["spec"]["predictor"]["containers"])
    spans = []
    for path, node in _leaves(root, ()):
        if path[:4] != ("spec", "predictor", "containers", at):
            continue
        if path[4:] == ("image",):
            spans.append((node, image))
        if len(path) == 7 and path[4] == "env" and path[6] == "value" and _name(root, path) == "STORAGE_URI":
            spans.append((node, weights))
    for node, text in sorted(spans, key=lambda span: -span[0].start_mark.index):
        value = yaml.safe_dump(text, width=10_000).splitlines()[0]
        manifest = manifest[: node.start_mark.index] + value + manifest[node.end_mark.index :]
    # One line of its own, and the line of `annotations` too when there is no other: lines before these have not moved.
    lines = manifest.splitlines(keepends=True)
    for path, node in _leaves(root, ()):
        if path == ("metadata", "annotations", STOP):
            others = [one for one, _ in _leaves(root, ()) if one[:2] == path[:2] and one != path]
            first = node.start_mark.line - (0 if others else 1)
            del lines[first : node.start_mark.line + 1]
    return "".join(lines)


def _leaves(node: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if node.id == "mapping":
        for key, value in node.value:
            yield from _leaves(value, (*path, key.value))
    elif node.id == "sequence":
        for at, item in enumerate(node.value):
            yield from _leaves(item, (*path, at))
    else:
        yield path, node


def _name(root: Any, path: tuple[str | int, ...]) -> str:
    """The name of the variable whose value stands at `path`."""
    wanted = (*path[:6], "name")
    return next((node.value for at, node in _leaves(root, ()) if at == wanted), "")
