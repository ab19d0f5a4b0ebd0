"""A project whose data is in a folder, an interpreter with cvat-sdk, and the double of CVAT."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ml_environment import made

from mxdev.testing import Outcome, mx

REQUIREMENTS = ("cvat-sdk==2.80.0", "fsspec>=2025.3", "mlflow-skinny>=3.12,<4")


def interpreter() -> Path:
    """An interpreter with what a project that labels has, without PyTorch."""
    return made("labels", REQUIREMENTS)


class Project:
    """A project with a folder as its bucket."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.python, self.bucket = python, folder / "bucket"
        self.bucket.mkdir(parents=True)
        self.root = folder / "pets"
        self.root.mkdir()
        (self.root / "mx.yaml").write_text("version: 1\nname: pets\ncloud: existing\n")
        self.env: dict[str, str] = {"CVAT_USERNAME": "ada", "CVAT_PASSWORD": "a password"}
        self.url = ""

    @property
    def place(self) -> str:
        """What `--bucket` names."""
        return str(self.bucket)

    def mx(self, *words: str | Path, **more: Any) -> Outcome:
        given = ["--bucket", self.place, "--python", str(self.python)]
        if words[0] == "labels":
            given += ["--url", self.url]
        return mx(
            *map(str, words), *given, cwd=self.root, env={**self.env, **more.pop("env", {})}, timeout=120
        )

    def json(self, *words: str | Path) -> Any:
        done = self.mx(*words, "--json")
        assert done.code == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def work(self, **given: Any) -> Any:
        """Let the double's people do something."""
        request = urllib.request.Request(f"{self.url}/double/work", json.dumps(given).encode(), method="POST")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


@contextmanager
def double(python: Path) -> Iterator[str]:
    """The address of a double of CVAT that knows nothing yet."""
    script = Path(__file__).with_name("cvat_double.py")
    with subprocess.Popen([python, script], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh project whose interpreter has cvat-sdk."""
    return Project(tmp_path, interpreter())
