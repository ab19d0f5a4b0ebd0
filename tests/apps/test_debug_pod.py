"""DebugPod: by the schemas and the real tools, on a real API server, and what its watcher does and may do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from checks_checkov import run_checkov
from checks_kubernetes import check_devspace, check_manifests
from checks_terraform import check_terraform
from control_plane.control_plane import ControlPlane
from covering import DEBUG, Row, label, rows
from deploy.deployed import Deployed
from golden import files

from mxdev.testing import mx, render, render_all, text, write
from mxdev_generators.debug_pod.scripts import idle

pytestmark = pytest.mark.noted()

ROWS = rows(DEBUG)
FOLDER = "infrastructure/kubernetes/debug"
LONG_AGO = "2020-01-01T00:00:00.000000Z"


def stateful(tree: Any) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text(tree, f"{FOLDER}/statefulset.yaml"))
    return found


@pytest.mark.parametrize("row", ROWS, ids=map(label, ROWS))
def test_every_choice_fits_the_schemas(row: Row, tmp_path: Path) -> None:
    write(render_all("DebugPod", **row), tmp_path)
    assert check_manifests(tmp_path / FOLDER) == []
    assert check_devspace(tmp_path / "devspace.yaml") == []
    assert run_checkov(tmp_path / FOLDER, "kubernetes").failed == []
    terraform = tmp_path / "infrastructure/terraform"
    assert not terraform.exists() if row["cloud"] != "gcp" else check_terraform(terraform) == []


@pytest.mark.parametrize("row", ROWS, ids=map(label, ROWS))
def test_it_has_a_gpu_where_there_is_one_and_no_root(row: Row) -> None:
    pod = stateful(render("DebugPod", **row))["spec"]["template"]["spec"]
    jupyter, watcher = pod["containers"]
    gpu = row["accelerator"] != "none"
    assert jupyter["resources"]["limits"].get("nvidia.com/gpu") == ("1" if gpu else None)
    asked = {one["name"]: one.get("value") for one in jupyter["env"]}
    assert asked.get("TRAINING_DEVICE") == ("cuda" if gpu else None)
    assert ("tolerations" in pod) == gpu
    assert ("nodeSelector" in pod) == (gpu and row["cloud"] == "gcp")
    assert "nvidia.com/gpu" not in watcher["resources"]["limits"]
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["fsGroup"]) == (1000, 1000)
    # The account's token is mounted in the watcher alone.
    assert pod["automountServiceAccountToken"] is False
    assert [one["name"] for one in jupyter["volumeMounts"]] == ["home", "shared-memory"]


def test_both_folders_are_kept_in_step() -> None:
    tree = render("DebugPod", name="churn-model")
    found = {one.address: one.value for one in tree.sections if one.path == "devspace.yaml"}
    dev = found["dev.debug"]
    pod = stateful(tree)["spec"]["template"]
    assert dev["labelSelector"].items() <= pod["metadata"]["labels"].items()
    jupyter = next(one for one in pod["spec"]["containers"] if one["name"] == dev["container"])
    [sync] = dev["sync"]
    here, _, there = sync["path"].partition(":")
    assert here == "./"
    assert f"--ServerApp.root_dir={there}" in jupyter["args"]
    assert there.startswith(f"{jupyter['volumeMounts'][0]['mountPath']}/")
    # Nothing turns off one of the directions, and what is newer wins at the start.
    assert set(sync) == {"path", "initialSync", "excludePaths"}
    assert sync["initialSync"] == "preferNewest"
    assert {".git/", ".venv/", ".mlflow/", "*.pt"} <= set(sync["excludePaths"])
    assert f"--ServerApp.port={dev['ports'][0]['port']}" in jupyter["args"]
    assert dev["open"] == [{"url": f"http://localhost:{dev['ports'][0]['port']}/lab"}]


def test_the_image_is_that_of_the_dev_container() -> None:
    files = {path: file.data.decode() for run in [render_all("DebugPod", name="churn-model")]
             for one in run.renderings if one.tree for path, file in one.tree.files.items()}  # fmt: skip
    container = json.loads(files[".devcontainer/devcontainer.json"])
    assert container["build"]["target"] == "dev"
    image = yaml.safe_load(files[f"{FOLDER}/statefulset.yaml"])["spec"]["template"]["spec"]["containers"][0][
        "image"
    ]
    assert image.endswith("/dev:none")


def test_it_comes_and_goes_without_a_trace(tmp_path: Path) -> None:
    done = mx(
        "generate", "MLProjectSkeleton", "m1", "--no-input", "--skip-git", cwd=tmp_path,
        env={"MX_OPT_MX_SOURCE": "index"},
    )  # fmt: skip
    assert done.code == 0, done.stderr
    project = tmp_path / "m1"
    before = files(project)
    assert mx("generate", "DebugPod", "--no-input", cwd=project).code == 0
    assert '"jupyterlab>=' in (project / "pyproject.toml").read_text()
    done = mx("lint", cwd=project)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr
    manifest = project / FOLDER / "statefulset.yaml"
    manifest.write_text(manifest.read_text().replace("sizeLimit: 2Gi", "sizeLimit: 8Gi"))
    done = mx("set", "DebugPod.tag=4f2a", "--json", cwd=project)
    statuses = {one["path"]: one["status"] for one in json.loads(done.stdout)["changes"]}
    assert statuses[f"{FOLDER}/statefulset.yaml"] == "merge", done.stdout + done.stderr
    assert "/dev:4f2a\n" in manifest.read_text()
    assert "sizeLimit: 8Gi" in manifest.read_text()
    manifest.write_text(manifest.read_text().replace("sizeLimit: 8Gi", "sizeLimit: 2Gi"))
    assert mx("destroy", "DebugPod", "--no-input", cwd=project).code == 0
    assert files(project) == before


def use(
    kernels: Sequence[tuple[str, str]] = (), terminals: Sequence[str] = (), *, awake: Path, started: float = 0
) -> float:
    """When the watcher thinks the pod was used last, given what JupyterLab answers."""
    answers = {
        "/api/kernels": [{"execution_state": state, "last_activity": when} for state, when in kernels],
        "/api/terminals": [{"last_activity": when} for when in terminals],
    }
    return idle.last_use(answers.__getitem__, awake, started)


def test_what_counts_as_use(tmp_path: Path) -> None:
    awake = tmp_path / ".stay-awake"
    assert use(awake=awake, started=5) == 5
    assert use([("idle", LONG_AGO)], awake=awake) == 1577836800
    assert use([("idle", LONG_AGO)], ["2020-01-01T00:01:00Z"], awake=awake) == 1577836860
    assert use([("idle", LONG_AGO), ("busy", LONG_AGO)], awake=awake) == pytest.approx(time.time(), abs=5)
    awake.touch()
    assert use([("idle", LONG_AGO)], awake=awake) == pytest.approx(time.time(), abs=5)


class Jupyter(BaseHTTPRequestHandler):
    """A double of JupyterLab's two lists: one kernel, which did nothing for years."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        kernel = {"execution_state": "idle", "last_activity": LONG_AGO}
        self.wfile.write(json.dumps([kernel] if self.path == "/api/kernels" else []).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def jupyter() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Jupyter)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_on_a_cluster_it_waits_starts_stays_and_stops_itself(
    tmp_path: Path, control_plane: ControlPlane, jupyter: str
) -> None:
    """With the rendered hook, account, role and watcher; kwok's pods stand for the pod, and the double above for JupyterLab."""
    deployed = Deployed(tmp_path, control_plane, "DebugPod")
    deployed.connect()
    control_plane.made.append(deployed.name)

    def replicas(name: str = "debug") -> int:
        spec = control_plane.get("statefulset", name, "--namespace", deployed.name)["spec"]
        return int(spec["replicas"])

    def kubectl(*words: str | Path) -> str:
        return str(control_plane.kubectl(*words, "--namespace", deployed.name).stdout)

    done = deployed.mx("deploy", "debug")
    assert done.code == 0, done.stderr
    assert replicas() == 0
    kubectl("scale", "statefulset", "debug", "--replicas=1")
    # What changes in the manifest is deployed, and whoever works in the pod keeps it.
    manifest = deployed.root / FOLDER / "access.yaml"
    manifest.write_text(
        manifest.read_text().replace("clusterIP: None", "clusterIP: None\n  publishNotReadyAddresses: true")
    )
    assert deployed.mx("deploy", "debug").code == 0
    assert replicas() == 1

    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text(kubectl("create", "token", "debug").strip())
    config = json.loads(control_plane.kubectl("config", "view", "--raw", "--output=json").stdout)
    cluster = config["clusters"][0]["cluster"]
    shutil.copy(cluster["certificate-authority"], account / "ca.crt")
    host, _, port = cluster["server"].removeprefix("https://").partition(":")
    environment = {
        **os.environ, "HOME": str(tmp_path), "IDLE_MINUTES": "0.02", "LOOK_EVERY": "0.2", "NAMESPACE": deployed.name,
        "NAME": "debug", "KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, "ACCOUNT": str(account),
    }  # fmt: skip
    script = yaml.safe_load_all((deployed.root / FOLDER / "access.yaml").read_text())
    source = next(one["data"]["idle.py"] for one in script if one["kind"] == "ConfigMap")
    path = tmp_path / "idle.py"
    path.write_text(source.replace("http://127.0.0.1:8888", jupyter))
    watcher = subprocess.Popen(
        [sys.executable, path], env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        control_plane.wait("the pod to be stopped", lambda: replicas() == 0)
    finally:
        watcher.terminate()
        said = watcher.communicate()
    assert b"nobody has used it" in said[0], said
    # It may do this to no other set.
    with pytest.raises(OSError, match="403"):
        idle.stop(cluster["server"], deployed.name, "postgresql", account)
