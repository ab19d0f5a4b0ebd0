"""What Alerts renders: by Terraform, checkov and tflint, with the skeleton's choices that reach it; and the events that it waits for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from checks_checkov import run_checkov
from checks_ci import check_tflint
from checks_terraform import check_terraform
from cluster_fixtures import NodeRunner
from control_plane.control_plane import ControlPlane
from control_plane.node import Place
from control_plane.test_control_plane import apply

from mxdev.testing import mx, render, text

pytestmark = pytest.mark.noted()

TERRAFORM = "infrastructure/terraform"
HOSTILE = '"; evil { ${x} %{ if true } </b> שלום'
ROWS: dict[str, tuple[list[str], list[str]]] = {
    "nothing said": ([], []),
    "everything said": (
        ["--accelerator=nvidia-l4", "--engineer=ada@example.com", "--zone="],
        ["--billing-account=012345-6789AB-CDEF01", "--budget=1", "--idle-minutes=1380",
         "--alert-email=grace@example.com", f"--alert-email={HOSTILE.replace('<', '')} <linus@example.com>"],
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=ROWS.values(), ids=ROWS)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one row of the above."""
    skeleton, own = request.param
    folder = tmp_path_factory.mktemp("alerts")
    given = ("MLProjectSkeleton", "churn-model", *skeleton, "--no-input", "--skip-git")
    for arguments, place in ((given, folder), (("Alerts", *own, "--no-input"), folder / "churn-model")):
        done = mx("generate", *arguments, cwd=place)
        assert done.code == 0, done.stderr
    return folder / "churn-model"


def test_the_real_tools_find_nothing(project: Path) -> None:
    folder = project / TERRAFORM
    assert check_terraform(folder) == []
    assert check_tflint(folder) == []
    assert run_checkov(folder, "terraform").failed == []
    done = mx("lint", "--require-all", cwd=project)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr


def test_it_goes_without_a_trace(project: Path) -> None:
    assert mx("destroy", "Alerts", "--no-input", cwd=project).code == 0
    assert not [path for path in project.rglob("*alerts*") if ".mx" not in path.parts]


def test_the_next_steps_are_of_what_was_asked_for() -> None:
    def steps(**options: Any) -> str:
        return "\n".join(step.command for step in render("Alerts", name="churn", **options).next_steps)

    assert "set-quota-project" not in steps(engineer=["ada@example.com"])
    assert "mx set Alerts.alert-email=EMAIL" in steps()
    assert "mx set Alerts.alert-email" not in steps(alert_email=["ada@example.com"])
    assert "set-quota-project churn-project" in steps(billing_account="012345-6789AB-CDEF01")


def test_a_cluster_of_ones_own_has_none_and_a_wrong_account_is_refused(tmp_path: Path) -> None:
    given = ("MLProjectSkeleton", "churn", "--cloud=existing", "--no-input", "--skip-git")
    assert mx("generate", *given, cwd=tmp_path).code == 0
    done = mx("generate", "Alerts", "--no-input", cwd=tmp_path / "churn")
    assert done.code == 2
    assert "cluster of your own (cloud=existing)" in done.stderr
    done = mx("generate", "Alerts", "--billing-account=mine", "--no-input", cwd=tmp_path / "churn")
    assert done.code == 2
    assert "012345-6789AB-CDEF01" in done.stderr


def job(name: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "registry/run:abc", "command": ["false"]}
    pod = {"restartPolicy": "Never", "containers": [container]}
    whole = {"backoffLimit": 0, "template": {"spec": pod}, **spec}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": whole}


def test_kubernetes_writes_down_what_the_alert_waits_for(
    control_plane: ControlPlane, node_runner: NodeRunner, tmp_path: Path
) -> None:
    """The real controller's words for a job whose command failed, and for one that takes too long."""
    waited = re.findall(
        r'\\"(\w+(?:Exceeded|Failed))\\"', text(render("Alerts", name="churn"), f"{TERRAFORM}/alerts.tf")
    )
    assert len(waited) == 3
    with node_runner(images={"registry/run:abc": Place(tmp_path, {})}) as node:
        apply(node.plane, node.namespace, job("fails"))
        apply(node.plane, node.namespace, job("hangs", activeDeadlineSeconds=1, parallelism=0))

        def found() -> set[tuple[str, str]] | None:
            events = node.plane.get("-n", node.namespace, "events")["items"]
            seen = {
                (event["involvedObject"]["name"], event["reason"])
                for event in events
                if event["involvedObject"]["kind"] == "Job" and event["reason"] in waited
            }
            return seen if len(seen) == 2 else None

        assert control_plane.wait("both jobs to give up", found) == {
            ("fails", "BackoffLimitExceeded"),
            ("hangs", "DeadlineExceeded"),
        }
