"""What happens to volumes on a real API server when a project is rendered anew."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from control_plane.control_plane import ControlPlane

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


@pytest.mark.parametrize("store", ["", "s3://acme-ml/churn"])
def test_a_cluster_that_allows_little_takes_all_of_it(
    store: str, control_plane: ControlPlane, tmp_path: Path
) -> None:
    """The strictest of Kubernetes' own standards for pods, as a namespace of somebody else's cluster may have it."""
    name = f"churn-{secrets.token_hex(4)}"
    control_plane.namespace(name=name)
    labels = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]
    control_plane.kubectl("label", "namespace", name, *labels)
    options = {"cloud": "existing", "artifact_store": store, "accelerator": "nvidia-l4"}
    write(render_all("MLProjectSkeleton", name=name, **options), tmp_path)
    folder = tmp_path / MANIFESTS
    for path in (folder, folder.parent / "cuda-drivers/smoke_test.yaml", folder.parent / "train_job.yaml",
                 folder.parent / "restore_database.yaml"):  # fmt: skip
        said = control_plane.kubectl("apply", "-f", path).stderr
        assert "would violate" not in said
    kind = "deployment" if store else "statefulset"
    control_plane.kubectl("rollout", "status", "-n", name, f"{kind}/mlflow", "--timeout=180s")
    control_plane.kubectl("rollout", "status", "-n", name, "statefulset/postgresql", "--timeout=180s")


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
