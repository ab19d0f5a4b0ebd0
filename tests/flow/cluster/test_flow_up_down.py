"""The whole way on a real control plane: `mx up`, a training by `mx flow run --backend kubernetes`, `mx down`.

The node really runs what pods say. What stands for MLflow's image is its real server, on SQLite and on a free port; what stands for
PostgreSQL's does nothing, and is a double; what stands for the project's image is its commit.
"""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path

import pytest
from cluster_fixtures import NodeRunner
from cluster_projects import committed, git
from control_plane.control_plane import ControlPlane
from control_plane.node import Place
from control_plane.programs import free_port
from deploy.deployed import Deployed
from flow_projects import environment, install
from ml_environment import ml_python
from test_flow_cluster import answers, run_id, until

from mxdev.artifacts import image as images
from mxdev.project.project import Project

pytestmark = pytest.mark.noted()

__all__ = ["ml_python"]

MLFLOW = """\
#!/bin/sh
exec "{python}" -m mlflow server --host 127.0.0.1 --port {port} --workers 1 \\
  --backend-store-uri "sqlite:///{folder}/runs.db" --artifacts-destination "{folder}/artifacts"
"""


def script(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def images_of(root: Path) -> set[str]:
    """The images that the manifests of the deployment name."""
    folder = root / "infrastructure/kubernetes/train-infrastructure"
    return {
        name for path in folder.glob("*.yaml") for name in re.findall(r"^ +image: (\S+)$", path.read_text(), re.MULTILINE)
    }  # fmt: skip


def test_up_train_down(
    tmp_path: Path, control_plane: ControlPlane, node_runner: NodeRunner, ml_python: Path
) -> None:
    deployed = Deployed(tmp_path, control_plane)
    root, name = deployed.root, deployed.name
    packages = environment(root / ".venv", ml_python)
    install(packages, name.replace("-", "_"), root)
    (packages / "ml.pth").write_text(
        f"{next((ml_python.parents[1] / 'lib').glob('python*'))}/site-packages\n"
    )
    commit = committed(root)
    git(root, "clone", "--quiet", ".", "../image")

    port = free_port()
    script(tmp_path / "tools/mlflow", MLFLOW.format(python=ml_python, port=port, folder=tmp_path))
    third = Place(tmp_path, {"PATH": f"{tmp_path}/tools:/usr/bin:/bin"}, ("sleep", "600"))
    own = Place(tmp_path / "image", {
        "PYTHONPATH": str(tmp_path / "image/src"), "PATH": f"{ml_python.parent}:/usr/bin:/bin",
        "HOME": str(tmp_path), "GIT_COMMIT": commit, "OMP_NUM_THREADS": "1",
    })  # fmt: skip
    places = dict.fromkeys(images_of(root), third) | {images.run_image(root, Project.load(root).options): own}
    node_runner(images=places, namespace=name)

    up = deployed.mx("up", "--context", "mx-tests")
    assert up.code == 0, up.stdout + up.stderr
    uri = f"http://127.0.0.1:{port}"
    until(lambda: answers(uri), "the tracking server that mx up deployed")

    where = {"MLFLOW_TRACKING_URI": uri, "KUBE_MLFLOW_TRACKING_URI": uri, "VIRTUAL_ENV": ""}
    run = deployed.mx(
        "flow",
        "run",
        "--backend",
        "kubernetes",
        "-P",
        "epochs=1",
        "-P",
        "batch_size=256",
        env=where,
        timeout=600,
    )
    assert run.code == 0, run.stdout + run.stderr
    assert re.search(r"^job-0 \| .*epoch +1/1", run.stdout, re.MULTILINE), run.stdout
    asked = f"{uri}/api/2.0/mlflow/runs/get?run_id={run_id(run.stderr)}"
    with urllib.request.urlopen(asked, timeout=30) as answer:
        kept = json.load(answer)["run"]
    assert kept["info"]["status"] == "FINISHED"
    assert "test_accuracy" in {metric["key"] for metric in kept["data"]["metrics"]}
    tags = {tag["key"]: tag["value"] for tag in kept["data"]["tags"]}
    # In the cluster that mx up connected to, and in the namespace that it deployed to.
    assert (tags["mx.context"], tags["git.commit"]) == (f"mx-{name}", commit)
    assert tags["mx.job"].startswith(f"Job/{name}/")

    down = deployed.mx("down", "--yes")
    assert down.code == 0, down.stdout + down.stderr
    assert deployed.names("deployments") == deployed.names("statefulsets") == []
    assert "data-postgresql-0" in deployed.names("persistentvolumeclaims")
    until(lambda: not answers(uri), "the tracking server to end")
    assert f"mx-{name}" not in Path(deployed.env["KUBECONFIG"]).read_text()
    assert list((tmp_path / "artifacts").iterdir())
