"""Plans as Terraform shows them: of a rendered project, planned by `terraform test` with Google's schema, and single cases."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from checks_terraform import run_terraform
from terraform_mirror import cli_configuration

from mxdev.errors import MxError
from mxdev.infra.plans import changes, cost, show
from mxdev.infra.plans.changes import Plan
from mxdev.testing import render, write


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The plan of a project with a GPU and Cloud SQL, with what Google would answer mocked."""
    root = tmp_path_factory.mktemp("rendered")
    options = {"accelerator": "nvidia-l4", "database": "cloud-sql", "region": "europe-west4"}
    write(render("MLProjectSkeleton", name="churn", project_id="acme-churn", **options), root)
    folder, configuration = root / "infrastructure/terraform", cli_configuration()
    for words in (
        ["init", "-backend=false", "-input=false"],
        ["test", "-json", "-verbose", "-filter=tests/answers.tftest.hcl"],
    ):
        done: subprocess.CompletedProcess[str] = run_terraform(words, folder, configuration)
        assert done.returncode == 0, done.stdout + done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    (document,) = [event["test_plan"] for event in events if event["type"] == "test_plan"]
    return changes.read(document | {"format_version": document["plan_format_version"]})


def test_all_is_created_and_shown_short(rendered: Plan) -> None:
    assert rendered.summary() == f"{len(rendered.changes)} to create"
    lines = show.lines(rendered)
    assert len(lines) < len(rendered.changes) / 2
    assert any(line.startswith("    create  google_project_service (") for line in lines)
    assert "    create  google_container_cluster.main" in lines
    assert len(show.lines(rendered, every=True)) == len(rendered.changes) + 1, "and the outputs"


def test_what_is_billed(rendered: Plan) -> None:
    found = cost.read(rendered)
    assert found.unknown == ()
    items = {(item.address, item.unit): item for item in found.items}
    nodes = items['google_container_node_pool.cpu["system"]', "h of e2-standard-2"]
    assert (nodes.least, nodes.most, nodes.knob) == (730, 2190, "system_nodes (machine_type, max)")
    assert items["google_container_node_pool.gpu[0]", "h of nvidia-l4"].number() == "0 to 1,460"
    assert items["google_container_node_pool.gpu[0]", "h of g2-standard-8"].most == 2 * 730
    assert items["google_sql_database_instance.main", "h of db-g1-small"].least == 730
    assert items["google_container_cluster.main", "h of a zonal cluster"].knob == "zone"
    assert items['google_storage_bucket.main["data"]', "GB-months and requests"].number() == "by use"


def test_every_rendered_setting_that_is_named_exists(rendered: Plan) -> None:
    from mxdev_generators import ml_project_skeleton

    home = Path(str(ml_project_skeleton.__file__)).parent / "templates" / "infrastructure"
    variables = "\n".join(path.read_text() for path in home.glob("*/*") if path.name.endswith((".tf", ".tf' }}")) or "cloud_sql" in path.name)  # fmt: skip
    for item in cost.read(rendered).items:
        for knob in item.knob.partition(" (")[0].split(", "):
            name = knob.partition(".")[0]
            if name and " " not in knob and f"{name}.tf" != knob:
                assert f'variable "{name}"' in variables, item


def change(actions: list[str], kind: str = "google_storage_bucket", **more: Any) -> dict[str, Any]:
    reason = {"action_reason": more.pop("reason")} if "reason" in more else {}
    return {
        "address": f"{kind}.it",
        "mode": "managed",
        "type": kind,
        "change": {"actions": actions, "before": None, "after": None, **more},
        **reason,
    }


def read(*raw: dict[str, Any], **more: Any) -> Plan:
    return changes.read({"format_version": "1.2", "resource_changes": list(raw), **more})


@pytest.mark.parametrize(
    ("kind", "loses"),
    [
        ("google_storage_bucket", True),
        ("google_sql_database_instance", True),
        ("google_container_cluster", True),
        ("google_storage_bucket_iam_member", False),
        ("google_sql_user", False),
        ("google_container_node_pool", False),
        ("aws_s3_bucket", True),
        ("aws_s3_bucket_versioning", False),
        ("aws_s3_bucket_public_access_block", False),
        ("aws_ecr_repository_policy", False),
    ],
)
@pytest.mark.parametrize("actions", [["delete"], ["delete", "create"], ["create", "delete"]])
def test_data_that_is_lost(kind: str, loses: bool, actions: list[str]) -> None:
    plan = read(change(actions, kind))
    assert bool(plan.lost) is loses
    assert any("Data is lost for good" in line for line in show.lines(plan)) is loses


@pytest.mark.parametrize("actions", [["create"], ["update"], ["no-op"], ["forget"], ["read"]])
def test_no_data_is_lost_by_anything_else(actions: list[str]) -> None:
    assert not read(change(actions)).lost


def test_why_it_is_replaced() -> None:
    raw = change(
        ["delete", "create"],
        before={"location": "EU", "size": [1]},
        after={"location": "US", "size": [2]},
        replace_paths=[["location"], ["size", 0]],
    )
    (found,) = read(raw).changes
    assert found.why == 'location: "EU" -> "US", size[0]: 1 -> 2 cannot be changed in place'


@pytest.mark.parametrize("sensitive", [True, {"secret_data": True}])
def test_a_secret_is_never_shown(sensitive: Any) -> None:
    raw = change(
        ["update"],
        before={"secret_data": "old-hush"},
        after={"secret_data": "new-hush"},
        before_sensitive=sensitive,
        after_sensitive=sensitive,
    )
    plan = read(raw)
    assert plan.changes[0].why == "secret_data"
    assert "hush" not in "\n".join(show.lines(plan)) + show.plan_json(plan, "planned")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"size": 1}, {"size": 2}, True),
        ({"size": 1, "tags": {"a": "b"}}, {"size": 1, "tags": {}}, True),
        ({"size": 1}, None, True),
        ({"size": 1, "tags": None}, {"size": 1, "tags": {}, "rules": []}, False),
    ],
)
def test_what_was_changed_behind_its_back(before: Any, after: Any, said: bool) -> None:
    plan = read(resource_drift=[change(["update"], before=before, after=after)])
    assert show.lines(plan) == ["Changed behind Terraform's back: google_storage_bucket.it"] * said


def test_what_mx_does_not_know_is_said() -> None:
    plan = read(
        change(["create"], "google_unheard_of", after={}),
        change(["create"], "google_service_account", after={}),
    )
    assert cost.read(plan).unknown == ("google_unheard_of",)


@pytest.mark.parametrize("document", [None, [], {}, {"format_version": "2.0"}, "no plan"])
def test_no_plan(document: Any) -> None:
    with pytest.raises(MxError, match="not a plan that mx can read"):
        changes.read(document)
