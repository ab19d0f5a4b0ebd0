"""A pipeline's world for the job that trains: a cluster that runs pods, a tracking server in it, and what a CI's machine has.

Real are the API server, the Job controller, kubectl, MLflow's server and mx. Doubles are named as such below.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster_fixtures import NodeRunner
from control_plane.control_plane import ControlPlane
from control_plane.node import Node, Place
from control_plane.programs import free_port
from extract import gitlab_jobs
from flow_projects import environment, install
from ml_environment import uv

from mxdev.environment import setup
from mxdev.flow.cluster.mlflow_rest import Server
from mxdev.testing import mx

COMMIT = "0123456789abcdef0123456789abcdef01234567"

# Doubles of programs that a CI's machine has, by name. `uv` has installed mx already; `curl` answers for Google, which says
# where the cluster is, and is the real one for everything else.
_UV = '#!/bin/sh\ncase "$*" in "tool install "*) ;; "tool dir --bin") echo {tools} ;; *) exec {uv} "$@" ;; esac\n'
_CURL = """\
#!/bin/sh
case "$*" in
  *https://container.googleapis.com/*) read -r header; test "$header" = 'header = "Authorization: Bearer {token}"' || exit 22
    echo '{{"controlPlaneEndpointsConfig": {{"dnsEndpointConfig": {{"endpoint": "{server}"}}}}}}' ;;
  *) exec {curl} "$@" ;;
esac
"""
_MX = '#!/bin/sh\nexec {python} -P -c "from mxdev.cli import main; main()" "$@"\n'


@dataclass
class World:
    """The project of a pipeline, checked out on a machine of the CI.

    Attributes:
        project: where it is.
        image: the folder that stands for its run image; the trainer there is the test's.
        node: runs the pods.
        server: the tracking server.
        environ: what every shell of the machine has.
    """

    project: Path
    image: Path
    node: Node
    server: Server
    environ: dict[str, str]
    scratch: Path
    port: int
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def trainer(self, source: str) -> None:
        """Put a double of the trainer into the image: what it does is the test's business."""
        package = self.image / self.node.namespace.replace("-", "_")
        (package / "trainer.py").write_text(source)

    def script(self, lines: list[str], *edits: tuple[str, str]) -> str:
        """What a job runs, with the places that are its machine's own: /tmp, and the port of the tracking server."""
        text = "\n".join(["set -eo pipefail", *lines, ""])
        text = text.replace("/tmp/", f"{self.scratch}/").replace("127.0.0.1:5000", f"127.0.0.1:{self.port}")
        text = text.replace("mx flow connect ", f"mx flow connect --port {self.port} ")
        for before, after in edits:
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        return text

    def start(self, script: str, **more: str) -> subprocess.Popen[str]:
        """A shell with this script, in a process group of its own."""
        shell = subprocess.Popen(
            ["bash", "-c", script], cwd=self.project, env={**self.environ, **more}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.started.append(shell)
        return shell

    def run(self, script: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a script to its end; everything that it says is its output."""
        shell = self.start(script, **more)
        output = shell.communicate(timeout=600)[0]
        return subprocess.CompletedProcess(["bash"], shell.returncode, output, "")

    def jobs(self) -> list[dict[str, Any]]:
        """The Jobs on the cluster."""
        found: list[dict[str, Any]] = self.node.plane.get("jobs.batch", "-n", self.node.namespace)["items"]
        return found

    def until(self, what: str, done: Callable[[], Any]) -> Any:
        return self.node.plane.wait(what, done, seconds=300)

    def stop(self) -> None:
        """End what is left of the shells."""
        for shell in self.started:
            if shell.poll() is None:
                os.killpg(shell.pid, signal.SIGKILL)
                shell.wait()


def make(
    plane: ControlPlane, node_runner: NodeRunner, tracking_uri: str, ml_python: Path, folder: Path, cloud: str
) -> tuple[World, dict[str, dict[str, Any]]]:
    """A world, and the jobs of its project on GitLab."""
    # The namespace has the project's name.
    name = f"churn-{secrets.token_hex(4)}"
    image, tools, scratch = (folder / part for part in ("image", "tools", "scratch"))
    for words, where in (
        (["MLProjectSkeleton", name, f"--cloud={cloud}", "--skip-git"], folder),
        (["GitLabCI"], folder / name),
    ):
        done = mx("generate", *words, "--no-input", cwd=where)
        assert done.code == 0, done.stderr
    project = folder / name
    jobs = gitlab_jobs((project / ".gitlab/mx.gitlab-ci.yml").read_text())
    registry = "registry.example.com/ml" if cloud == "existing" else jobs["mx-train"]["variables"]["REGISTRY"]
    for made in (image / name.replace("-", "_"), tools, scratch):
        made.mkdir(parents=True)
    _environment(project, ml_python)
    interpreter = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    node = node_runner(images={f"{registry}/run:{COMMIT}": Place(image, interpreter)}, namespace=name)
    # Of what is deployed before there is any training: the trainer's account, and the tracking server.
    accounts = project / "infrastructure/kubernetes/train-infrastructure/service_accounts.yaml"
    plane.kubectl("apply", "-f", accounts)
    _tracking(plane, name, int(tracking_uri.rpartition(":")[2]))
    server = plane.api.server.removeprefix("https://")
    _programs(tools, token=plane.api.token, server=server)
    kubeconfig = scratch / "of-the-project"
    kubeconfig.write_text(_kubeconfig(plane, project, name))
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("MLFLOW_", "VIRTUAL_ENV", "KUBE"))
    }
    environ = {
        **kept,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "COMMIT": COMMIT,
        "REGISTRY": registry,
        "MX_REQUIREMENT": "mx-devtool",
        # The token of the job, which GitLab's shell has before its script; and whom this machine trusts, as it does Google.
        "GOOGLE_TOKEN": plane.api.token,
        "SSL_CERT_FILE": str(plane.api.authority),
        "KUBECONFIG_FILE": str(kubeconfig),
        "KUBECACHEDIR": str(scratch / "discovery"),
    }
    return World(project, image, node, Server(tracking_uri, {}), environ, scratch, free_port()), jobs


def _kubeconfig(plane: ControlPlane, project: Path, namespace: str) -> str:
    """The kubeconfig of a CI on a cluster of one's own: that of a service account with the rights that are rendered for it."""
    access = project / "infrastructure/kubernetes/gitlab-access/access.yaml"
    plane.kubectl("apply", "-f", access)
    config = json.loads(plane.kubeconfig.read_text())
    if "cloud: existing" in (project / "mx.yaml").read_text():
        token = plane.kubectl("create", "token", "gitlab-access", "-n", namespace).stdout.strip()
        config["users"][0]["user"] = {"token": token}
    return json.dumps(config)


def _programs(tools: Path, **facts: str) -> None:
    known = {"tools": tools, "uv": uv(), "curl": shutil.which("curl"), "python": sys.executable, **facts}
    for name, text in (("uv", _UV), ("curl", _CURL), ("mx", _MX)):
        path = tools / name
        path.write_text(text.format(**known))
        path.chmod(0o755)
    # What a machine of a CI lacks, this one has.
    for name in ("apt-get", "pip"):
        (tools / name).symlink_to("/bin/true")


def _environment(project: Path, ml_python: Path) -> None:
    """The project's environment, as `mx flow run --setup` leaves it; with MLflow from that of the tests."""
    packages = environment(project / ".venv", ml_python)
    install(packages, project.name.replace("-", "_"), project)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    real = subprocess.run([ml_python, "-c", where], capture_output=True, text=True, check=True).stdout
    (packages / "ml.pth").write_text(real)
    setup._write_stamp(project / ".venv", project, "done", made=True)


def _tracking(plane: ControlPlane, namespace: str, port: int) -> None:
    """The service of the tracking server, and a pod of kwok's behind it whose port is that of the real one."""
    labels = {"app.kubernetes.io/name": "mlflow"}
    metadata = {"name": "mlflow", "namespace": namespace, "labels": labels}
    container = {"name": "mlflow", "image": "mlflow:1", "ports": [{"name": "http", "containerPort": 5000}]}
    for made in (
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata,
         "spec": {"selector": labels, "ports": [{"name": "http", "port": 5000, "targetPort": "http"}]}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
         "spec": {"nodeName": "cpu-1", "containers": [container]}},
    ):  # fmt: skip
        plane.kubectl("create", "-f", "-", input=json.dumps(made))
    plane.forward(namespace, 5000, port)
    deadline = time.monotonic() + 60
    while plane.get("pod/mlflow", "-n", namespace)["status"]["phase"] != "Running":
        assert time.monotonic() < deadline, "kwok did not start the tracking server's pod"
        time.sleep(0.2)
