"""Runs the containers of a rendered pod as local processes, one after the other: a kubelet without containers.

What an image is on this machine is said by name; a volume is a folder, and its mount path is replaced by that folder wherever
a command or a variable names it. Probes, users and limits are not looked at.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Host:
    """What stands for the cluster.

    Attributes:
        folder: where volumes are.
        images: by the name of an image without its tag, the folder that comes first on PATH.
        replaced: texts in variables and commands that are something else here, such as the name of a service.
        values: what a key of a Secret or ConfigMap holds, by (object, key).
        environ: variables that every container gets besides.
        kept: volumes by their claim or volume name; others begin empty in every pod.
    """

    folder: Path
    images: Mapping[str, Path]
    replaced: Mapping[str, str] = field(default_factory=dict)
    values: dict[tuple[str, str], str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    kept: dict[str, Path] = field(default_factory=dict)
    pods: int = 0


@dataclass(frozen=True)
class Ended:
    """A pod that ended: the container that failed, None if all were well, and what all of them said."""

    failed: str | None
    said: str


def run_pod(host: Host, spec: Mapping[str, Any], until: str | None = None) -> Ended:
    """Run the init containers of a pod, then its containers, until one fails or `until` has ended."""
    host.pods += 1
    own = host.folder / f"pod-{host.pods}"
    said = []
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        done = _run(host, own, spec, container)
        said.append(done.stdout)
        if done.returncode:
            return Ended(container["name"], "".join(said))
        if container["name"] == until:
            break
    return Ended(None, "".join(said))


def _run(
    host: Host, own: Path, spec: Mapping[str, Any], container: Mapping[str, Any]
) -> subprocess.CompletedProcess[str]:
    mounts = {
        mount["mountPath"]: _volume(host, own, _named(spec, mount["name"]))
        for mount in container.get("volumeMounts", [])
    }
    variables = {item["name"]: _value(host, item) for item in container.get("env", [])}
    own_path = host.images[re.split(r"@|:(?=[^/]*$)", container["image"])[0]]
    environ = {
        "PATH": f"{own_path}{os.pathsep}/usr/bin{os.pathsep}/bin",
        **host.environ,
        **{name: _here(host, mounts, value) for name, value in variables.items()},
    }
    if "/work" in mounts:
        environ["WORK"] = str(mounts["/work"])
    command = [
        _here(host, mounts, re.sub(r"\$\((\w+)\)", lambda found: variables.get(found[1], found[0]), part))
        for part in container["command"]
    ]
    return subprocess.run(
        command, env=environ, cwd=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        timeout=300,
    )  # fmt: skip


def _named(spec: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: list[Mapping[str, Any]] = [volume for volume in spec.get("volumes", []) if volume["name"] == name]
    return found[0] if found else {"name": name, "persistentVolumeClaim": {"claimName": f"{name}-mlflow-0"}}


def _volume(host: Host, own: Path, volume: Mapping[str, Any]) -> Path:
    claim = volume.get("persistentVolumeClaim", {}).get("claimName")
    config = volume.get("configMap", {}).get("name")
    folder = host.kept.setdefault(claim, host.folder / claim) if claim else own / str(volume["name"])
    folder.mkdir(parents=True, exist_ok=True)
    for (name, key), value in host.values.items():
        if name == config:
            (folder / key).write_text(value)
    return folder


def _value(host: Host, item: Mapping[str, Any]) -> str:
    source = item.get("valueFrom")
    if source is None:
        return str(item["value"])
    reference = source.get("secretKeyRef") or source["configMapKeyRef"]
    return host.values[reference["name"], reference["key"]]


def _here(host: Host, mounts: Mapping[str, Path], text: str) -> str:
    known = {**host.replaced, **{path: str(folder) for path, folder in mounts.items()}}
    paths = "|".join(rf"(?<![\w./]){re.escape(path)}(?![\w.-])" for path in mounts)
    names = "|".join(map(re.escape, host.replaced))
    pattern = "|".join(filter(None, [names, paths]))
    return re.sub(pattern, lambda found: known[found[0]], text) if pattern else text
