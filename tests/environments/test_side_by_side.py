"""Two environments on one real API server: each has a namespace and a context of its own, and one goes without the other."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from control_plane.control_plane import ControlPlane
from deploy.deployed import Deployed

from mxdev.testing import mx


def test_two_environments_on_one_cluster(tmp_path: Path, control_plane: ControlPlane) -> None:
    project = Deployed(tmp_path, control_plane)
    namespaces = {name: f"{project.name}-{name}" for name in ("staging", "production")}
    control_plane.made.extend(namespaces.values())
    for name in namespaces:
        done = mx("generate", "Environment", name, "--no-input", cwd=project.root)
        assert done.code == 0, done.stderr
        up = project.mx("up", "-E", name, "--context", "mx-tests")
        assert up.code == 0, up.stderr
        assert f"`mx down -E {name}`" in up.stderr

    def stateful(namespace: str) -> list[str]:
        listed = control_plane.get("statefulsets", "--namespace", namespace)["items"]
        return [one["metadata"]["name"] for one in listed]

    assert [stateful(one) for one in namespaces.values()] == [stateful(namespaces["staging"])] * 2 != [[], []]
    # Without -E it is the project's own, which nobody has brought up.
    assert f"mx-{project.name}\n" not in Path(project.env["KUBECONFIG"]).read_text()
    assert project.names("statefulsets") == []

    # Jobs of each are looked for in its own namespace, by the context that `mx up -E` made.
    job = yaml.safe_load((project.root / "infrastructure/kubernetes/train_job.yaml").read_text())
    run = "a" * 32
    labels = {"app.kubernetes.io/managed-by": "mx", "mlflow-run-id": run}
    job["metadata"] = {"name": f"{project.name}-{run[:10]}", "labels": labels}
    job["spec"]["template"]["spec"]["containers"][0] |= {"image": "none", "command": ["true"]}
    control_plane.kubectl(
        "apply", "--namespace", namespaces["production"], "--filename", "-", input=json.dumps(job)
    )
    jobs = [
        json.loads(project.mx("flow", "status", "-E", name, "--json").stdout)["jobs"] for name in namespaces
    ]
    assert [[(one["run_id"], one["namespace"]) for one in found] for found in jobs] == [
        [], [(run, namespaces["production"])]
    ]  # fmt: skip

    down = project.mx("down", "-E", "staging")
    assert down.code == 0, down.stderr
    assert "mx purge -E staging --context CONTEXT --volumes" in down.stdout
    assert stateful(namespaces["staging"]) == []
    assert stateful(namespaces["production"]) != []
    contexts = Path(project.env["KUBECONFIG"]).read_text()
    assert f"mx-{project.name}-staging" not in contexts
    assert f"mx-{project.name}-production" in contexts
    assert project.mx("doctor", "-E", "production").stdout.count("ready") >= 1
    again = project.mx("up", "-E", "production")
    assert "all of it holds" in again.stdout, again.stdout + again.stderr
