"""What happens to volumes on a real API server when a project is rendered anew."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from cluster.control_plane import ControlPlane

from mxdev.testing import render_all, write

MANIFESTS = "infrastructure/kubernetes/train-infrastructure"


def claims(plane: ControlPlane, namespace: str) -> dict[str, Any]:
    items = plane.get("-n", namespace, "persistentvolumeclaims")["items"]
    return {item["metadata"]["name"]: item for item in items}


def deploy(plane: ControlPlane, folder: Path, name: str, **options: Any) -> None:
    """As DevSpace does: `--force` replaces what cannot be changed."""
    write(render_all("MLProjectSkeleton", name=name, cloud="existing", **options), folder)
    plane.kubectl("apply", "--force", "-f", folder / MANIFESTS)


def test_a_new_storage_class_leaves_the_data_where_it_is(control_plane: ControlPlane, tmp_path: Path) -> None:
    """Claims of a StatefulSet cannot be changed: it is made anew, and takes up the volumes that it had."""
    name = f"churn-{secrets.token_hex(4)}"
    control_plane.namespace(name=name)
    deploy(control_plane, tmp_path / "before", name)
    wanted = {"data-postgresql-0", "artifacts-mlflow-0", "backups-mlflow-0"}
    control_plane.wait("the volumes", lambda: wanted <= set(claims(control_plane, name)))
    before = claims(control_plane, name)

    deploy(control_plane, tmp_path / "after", name, storage_class="gp3")
    for workload in ("postgresql", "mlflow"):
        spec = control_plane.get("-n", name, f"statefulset/{workload}")["spec"]
        assert {claim["spec"]["storageClassName"] for claim in spec["volumeClaimTemplates"]} == {"gp3"}
        control_plane.kubectl("rollout", "status", "-n", name, f"statefulset/{workload}", "--timeout=180s")
    after = claims(control_plane, name)
    assert {key: item["metadata"]["uid"] for key, item in after.items()} == {
        key: item["metadata"]["uid"] for key, item in before.items()
    }
    assert all("deletionTimestamp" not in item["metadata"] for item in after.values())


def test_the_nightly_job_makes_a_job(control_plane: ControlPlane, tmp_path: Path) -> None:
    """By the CronJob's own template, as the README says for a dump now; kwok plays the pods."""
    name = f"churn-{secrets.token_hex(4)}"
    control_plane.namespace(name=name)
    deploy(control_plane, tmp_path, name)
    control_plane.kubectl("rollout", "status", "-n", name, "statefulset/mlflow", "--timeout=180s")
    control_plane.kubectl(
        "create", "job", "-n", name, "--from=cronjob/database-backup", "database-backup-now"
    )
    control_plane.kubectl(
        "wait", "-n", name, "job/database-backup-now", "--for=condition=complete", "--timeout=180s"
    )
    found = control_plane.get("-n", name, "jobs", "--selector=app.kubernetes.io/name=database-backup")[
        "items"
    ]
    assert [item["metadata"]["name"] for item in found] == ["database-backup-now"]
