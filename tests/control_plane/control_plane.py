"""A real Kubernetes API server with scheduler, controllers, kwok's nodes and the training operator, for the tests.

`python tests/control_plane/control_plane.py FOLDER` starts one and keeps it until ^C; with `MX_TEST_CONTROL_PLANE=FOLDER`
tests use that one instead of starting their own.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import functools
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import pytest
from filelock import FileLock

from control_plane import build
from control_plane.api import Api, ApiError

# Two busy cores are slow; what takes longer than this has failed.
PATIENCE = 300.0

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
DEFAULT_OPERATORS = ("training-operator",)


@dataclass
class ControlPlane:
    """A running control plane.

    Args:
        kubeconfig: A kubeconfig with one context, `mx-tests`, whose user may do everything.
        folder: Where it keeps its files; `NAME.log` is what each program said.
        api: The API over HTTP.
        certificate: PEM files of a certificate for this machine, and of its key.
    """

    kubeconfig: Path
    folder: Path
    api: Api
    certificate: tuple[Path, Path]
    made: list[str] = field(default_factory=list)

    def kubectl(
        self, *arguments: object, input: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl on it. With `check` an error of kubectl fails the test, and shows what it said."""
        done = subprocess.run(
            self.command(*arguments), input=input, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}")
        return done

    def command(self, *arguments: object) -> list[str]:
        """The command line of kubectl on this control plane."""
        own = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.folder / 'discovery'}"]
        return ["kubectl", *own, *map(str, arguments)]

    def get(self, *arguments: object) -> Any:
        """What `kubectl get ARGUMENTS -o json` says."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json").stdout)

    def namespace(self, *, name: str | None = None, annotations: Mapping[str, str] | None = None) -> str:
        """A new namespace, ready for pods; it is removed at the end of the test. By default with a name of its own."""
        name = name or f"test-{secrets.token_hex(4)}"
        metadata = {"name": name, "annotations": dict(annotations or {})}
        self.api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        self.made.append(name)
        self.wait(f"the service account of {name}", lambda: self._account(name))
        return name

    def _account(self, namespace: str) -> bool:
        try:
            return bool(self.api.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default"))
        except ApiError as error:
            if error.code != 404:
                raise
            return False

    def operators(self, *names: str) -> None:
        """Let operators run (`training-operator`, `jobset`, `trainer`); returns when they are ready."""
        for name in names:
            build.tool(name)
            with FileLock(self.folder / "operators.lock"):
                if not (self.folder / f"{name}.ready").exists():
                    (self.folder / f"{name}.wanted").touch()
        for name in names:
            self.wait(f"the {name}", functools.partial(self._has, name))

    def _has(self, operator: str) -> bool:
        if not (self.folder / "state.json").exists():
            raise RuntimeError(f"the control plane is gone; see {self.folder}:\n{_last_words(self.folder)}")
        return (self.folder / f"{operator}.ready").exists()

    def remove_namespaces(self, names: Sequence[str]) -> None:
        """Begin to remove namespaces; nobody waits for the end of it."""
        for name in names:
            self.made.remove(name)
            with contextlib.suppress(ApiError):
                self.api.delete(f"/api/v1/namespaces/{name}")

    def wait(self, what: str, done: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Wait until `done()` is true and return what it gave; a failed test says what was waited for, and the last answer."""
        deadline = time.monotonic() + seconds
        while not (answer := done()):
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds:.0f} s for {what}; the last answer was {answer!r}")
            time.sleep(0.1)
        return answer

    def forward(self, namespace: str, port: int, to: int) -> None:
        """Let `kubectl port-forward` to `port` of the pods that kwok plays in a namespace end at `to` on this machine."""
        manifest = {
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": "ClusterPortForward",
            "metadata": {"name": f"{namespace}-{port}"},
            "spec": {
                "selector": {"matchNamespaces": [namespace]},
                "forwards": [{"ports": [port], "target": {"port": to, "address": "127.0.0.1"}}],
            },
        }
        self.kubectl("apply", "-f", "-", input=json.dumps(manifest))


@contextlib.contextmanager
def running(folder: Path, operators: Sequence[str] = DEFAULT_OPERATORS) -> Iterator[ControlPlane]:
    """The control plane of a folder: started when it does not run, shared by all who name the folder, gone with the last.

    Skips the test where Go or kubectl is missing.
    """
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed: https://kubernetes.io/docs/tasks/tools")
    for name in (*PROGRAMS, *operators):
        build.tool(name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "users").touch()
    with (folder / "users").open("rb") as users:
        with FileLock(folder / "start.lock"):
            # Waits for one that is just being stopped.
            fcntl.flock(users, fcntl.LOCK_SH)
            if not (folder / "state.json").exists():
                _start(folder)
        state = json.loads((folder / "state.json").read_text())
        api = Api(state["server"], state["token"], Path(state["authority"]))
        certificate = (folder / "server.crt", folder / "server.key")
        plane = ControlPlane(Path(state["kubeconfig"]), folder, api, certificate)
        plane.operators(*operators)
        yield plane


def _start(folder: Path) -> None:
    """Start the supervisor, which is in a session of its own: ^C here must not reach it before the tests have ended."""
    for old in [path for path in folder.iterdir() if path.name not in ("users", "start.lock")]:
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    with (folder / "supervisor.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, Path(__file__).parent / "supervisor.py", folder],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    while not (folder / "state.json").exists():
        if process.poll() is not None:
            raise RuntimeError(f"the control plane did not start; see {folder}:\n{_last_words(folder)}")
        time.sleep(0.1)


def _last_words(folder: Path) -> str:
    return (folder / "supervisor.log").read_text("utf-8", "replace")[-4000:]


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder of the control plane of this run of the tests, the same in all its workers."""
    named = os.environ.get("MX_TEST_CONTROL_PLANE")
    if named:
        return Path(named).resolve()
    base = factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "control-plane"


def main() -> None:
    """Run one until ^C."""
    parser = argparse.ArgumentParser(description="Run a Kubernetes control plane for the tests.")
    parser.add_argument("folder", type=Path, help="where it keeps its files")
    parser.add_argument("--operators", default=",".join(DEFAULT_OPERATORS), help="by default %(default)s")
    given = parser.parse_args()
    started = time.monotonic()
    with running(given.folder.resolve(), list(filter(None, given.operators.split(",")))) as plane:
        print(f"ready after {time.monotonic() - started:.1f} s; ^C ends it. To use it:")
        print(f"  export MX_TEST_CONTROL_PLANE={plane.folder} KUBECONFIG={plane.kubeconfig}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)


if __name__ == "__main__":
    main()
