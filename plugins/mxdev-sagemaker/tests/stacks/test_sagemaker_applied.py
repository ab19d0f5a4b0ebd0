"""Both stacks, applied by Terraform to moto's AWS, and the functions run there with what Terraform gave them: see `sagemaker_applied.py`.

What is found there is kept for the same stacks and functions: most of it is waiting.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto.events.models import EventPattern
from sagemaker_applied import ACCOUNT, applied


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What there is after both were applied, and what the functions did."""
    return applied(tmp_path_factory.mktemp("applied"))


def test_what_is_global_is_there(found: dict[str, Any]) -> None:
    assert {"acme-ml-experiments", "acme-ml-training", "acme-ml-deployments"} <= set(found["roles"])
    assert set(found["groups"]) == {"acme-ml-users", "acme-ml-developers"}
    assert set(found["registries"]) == {"acme-ml/base", "acme-ml/serving", "acme-ml/steps"}
    assert found["listeners"] == {"80": "redirect", "443": "fixed-response"}


def test_neither_role_may_accept_a_model(found: dict[str, Any]) -> None:
    (registers,) = [
        one
        for one in json.loads(found["may"]["training"])["Statement"]
        if "sagemaker:CreateModelPackage" in one["Action"]
    ]
    # As a draft only: registering it as accepted would be accepting it.
    assert registers["Condition"] == {
        "StringEquals": {"sagemaker:ModelApprovalStatus": "PendingManualApproval"}
    }
    assert "sagemaker:UpdateModelPackage" not in found["may"]["training"]
    assert "ModelPackage" not in found["may"]["experiments"].replace("List*", "").replace("Describe*", "")


def test_developers_may_what_mx_sagemaker_does(found: dict[str, Any]) -> None:
    may = {one["Sid"]: one for one in json.loads(found["may"]["develop"])["Statement"]}
    here = f"eu-central-1:{ACCOUNT}"
    assert may["Configure"]["Resource"] == f"arn:aws:ssm:{here}:parameter/sagemaker/*/configuration"
    assert may["Start"]["Resource"] == f"arn:aws:sagemaker:{here}:pipeline/*"
    assert may["Decide"]["Resource"] == f"arn:aws:sagemaker:{here}:model-package/*"
    assert may["Schemas"]["Resource"] == (
        f"arn:aws:s3:::acme-ml-platform-{ACCOUNT}/pipelines/*/configuration.schema.json"
    )


@pytest.mark.parametrize(
    ("event", "function"),
    [
        ({"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": f"acme-ml-platform-{ACCOUNT}"},
          "object": {"key": "pipelines/churn/definition.json"}}}, "acme-ml-pipeline-upsert"),
        ({"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": f"acme-ml-platform-{ACCOUNT}"},
          "object": {"key": "models/churn/definition.json"}}}, None),
        ({"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": f"acme-ml-platform-{ACCOUNT}"},
          "object": {"key": "pipelines/churn/data/2026-01-31.csv"}}}, "acme-ml-pipeline-upsert"),
        ({"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": f"acme-ml-platform-{ACCOUNT}"},
          "object": {"key": "pipelines/churn/runs/1/train/train.csv"}}}, None),
        ({"source": "aws.ssm", "detail-type": "Parameter Store Change",
          "detail": {"name": "/sagemaker/churn/configuration", "operation": "Update"}}, "acme-ml-pipeline-upsert"),
        ({"source": "aws.ssm", "detail-type": "Parameter Store Change",
          "detail": {"name": "/sagemaker/churn/configuration", "operation": "Delete"}}, None),
        ({"source": "aws.sagemaker", "detail-type": "SageMaker Model Package State Change",
          "detail": {"ModelPackageGroupName": "churn", "ModelApprovalStatus": "Approved"}}, "acme-ml-deploy-manager"),
        ({"source": "aws.sagemaker", "detail-type": "SageMaker Model Package State Change",
          "detail": {"ModelPackageGroupName": "churn", "ModelApprovalStatus": "Rejected"}}, None),
    ],
)  # fmt: skip
def test_which_event_starts_what(found: dict[str, Any], event: dict[str, Any], function: str | None) -> None:
    """The applied patterns, by moto's own matching."""
    matched = [
        found["targets"][name]
        for name, pattern in found["patterns"].items()
        if EventPattern.load(pattern).matches_event(event)
    ]
    assert matched == ([function] if function else [])


def test_the_upsert_works_with_what_terraform_gave_it(found: dict[str, Any]) -> None:
    assert (found["upsert"]["did"], found["upsert"]["schedule"]) == ("created", "ENABLED")
    assert found["starts"]
    assert (found["runs_as"], found["started_by"]) == ("acme-ml-training", "acme-ml-schedules")
    assert found["runtime"] == ["python3.13", "handler.handler"]


def test_versions_are_served_side_by_side(found: dict[str, Any]) -> None:
    assert found["paths"] == ["/predictions/churn/1/*", "/predictions/churn/2/*"]
    assert found["counts"] == [1, 2]


def test_each_container_knows_what_it_serves(found: dict[str, Any]) -> None:
    environments = [
        {one["name"]: one["value"] for one in container["environment"]} for container in found["containers"]
    ]
    assert sorted(one["MODEL_VERSION"] for one in environments if "ROOT_PATH" in one) == ["1", "2"]
    assert all(
        one["ROOT_PATH"] == f"/predictions/churn/{one['MODEL_VERSION']}" for one in environments if "ROOT_PATH" in one
    )  # fmt: skip
    (batch,) = [one for one in environments if "INPUT" in one]
    assert batch["OUTPUT"] == f"s3://acme-ml-platform-{ACCOUNT}/batch/churn/1"
    assert (batch["DONE_BY"], batch["TIMEZONE"]) == ("06:00", "Europe/Prague")


def test_a_queue_has_its_dead_letters_and_its_function(found: dict[str, Any]) -> None:
    own = [name for name in found["queues"] if name.startswith("acme-ml-deployed-churn-1-")]
    assert len(own) == 2
    assert own[1] == f"{own[0]}-dead-letters"
    assert own[0] in found["functions"]
    assert found["mappings"] == 1


def test_a_batch_is_started_and_looked_at(found: dict[str, Any]) -> None:
    assert sorted(found["schedules"].values()) == ["cron(0 6 * * ? *)", "cron(30 1 * * ? *)"]
    assert all("<aws.scheduler.scheduled-time>" in text for text in found["inputs"])
    assert [name.rpartition("-")[2] for name in found["alarms"] if name.endswith("-late")] == ["late"]
