"""A project that is deployed to the tests' control plane, under a name of its own."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from control_plane.control_plane import ControlPlane

from mxdev.testing import Outcome, mx


class Deployed:
    """A project of its own name, connected to the control plane."""

    def __init__(self, folder: Path, plane: ControlPlane, *generators: str) -> None:
        self.plane = plane
        self.name = f"t-{secrets.token_hex(4)}"
        self.root = folder / self.name
        self.bin = folder / "bin"
        self.bin.mkdir()
        config = folder / "kubeconfig"
        config.write_text(plane.kubeconfig.read_text())
        path = os.pathsep.join([str(self.bin), *os.environ["PATH"].split(os.pathsep)])
        self.env = {"KUBECONFIG": str(config), "PATH": path}
        given = (
            "generate",
            "MLProjectSkeleton",
            self.name,
            "--cloud",
            "existing",
            "--no-input",
            "--skip-git",
        )
        done = mx(*given, cwd=folder)
        assert done.code == 0, done.stderr
        for generator in generators:
            done = mx("generate", generator, "--no-input", cwd=self.root)
            assert done.code == 0, done.stderr

    def connect(self) -> None:
        done = self.mx("connect", "--context", "mx-tests")
        assert done.code == 0, done.stderr

    def mx(self, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 300) -> Outcome:
        return mx(*arguments, cwd=self.root, env={**self.env, **(env or {})}, timeout=timeout)

    def json(self, *arguments: str) -> dict[str, Any]:
        done = self.mx(*arguments, "--json")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def states(self, *arguments: str) -> dict[str, str]:
        return {step["name"]: step["state"] for step in self.json(*arguments, "--dry-run")["steps"]}

    def names(self, kind: str) -> list[str]:
        listed = self.plane.get(kind, "--namespace", self.name)["items"]
        return [one["metadata"]["name"] for one in listed if not one["metadata"].get("deletionTimestamp")]
