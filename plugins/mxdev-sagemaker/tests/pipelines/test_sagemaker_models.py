"""`mx sagemaker models`: list, compare, accept by a person or by tests, refuse with the reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws
from mxdev.errors import MxError, Refused, UsageProblem
from sagemaker_training import REGION, bucket, client

from mxdev_sagemaker.command.group import sagemaker


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three drafts: a good one, a bad one, and one whose run told the registry of no metrics."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        client("sagemaker").create_model_package_group(ModelPackageGroupName="churn")
        register(
            {"metric.accuracy": "0.91", "metric.f1_macro": "0.9", "minimum.accuracy": "0.8", "tag": "abc"}
        )
        register({"metric.accuracy": "0.71", "minimum.accuracy": "0.8"})
        bucket("lab")
        report = {"classification_metrics": {"accuracy": {"value": 0.5, "standard_deviation": "NaN"}}}
        client("s3").put_object(Bucket="lab", Key="evaluation.json", Body=json.dumps(report))
        register({}, "s3://lab/evaluation.json")
        yield


def register(properties: dict[str, str], report: str | None = None) -> None:
    statistics = {"ContentType": "application/json", "S3Uri": report}
    more = {"ModelMetrics": {"ModelQuality": {"Statistics": statistics}}} if report else {}
    client("sagemaker").create_model_package(
        ModelPackageGroupName="churn",
        ModelApprovalStatus="PendingManualApproval",
        CustomerMetadataProperties=properties,
        **more,
    )


def run(*arguments: str) -> Any:
    return sagemaker.main(["models", *arguments], standalone_mode=False)


def package(version: int) -> Any:
    arn = f"arn:aws:sagemaker:{REGION}:123456789012:model-package/churn/{version}"
    return client("sagemaker").describe_model_package(ModelPackageName=arn)


def test_the_list_has_the_newest_first(account: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "churn") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["VERSION", "3", "2", "1"]
    assert "draft" in lines[3]
    assert "accuracy 0.91, f1_macro 0.9" in lines[3]
    assert run("list", "churn", "--json") == 0
    assert json.loads(capsys.readouterr().out)["models"][2]["metrics"] == {"accuracy": 0.91, "f1_macro": 0.9}


def test_a_person_accepts(account: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("accept", "churn", "1", "--reason", "better", "--yes") == 0
    found = package(1)
    assert found["ModelApprovalStatus"] == "Approved"
    assert found["ApprovalDescription"].startswith("better (arn:aws:sts::123456789012:")
    assert found["CustomerMetadataProperties"]["tag"] == "abc"
    assert run("accept", "churn", "1", "--yes") == 0
    assert "Nothing is to be done" in capsys.readouterr().out
    assert package(2)["ModelApprovalStatus"] == "PendingManualApproval"


def test_acceptance_is_agreed_to_because_it_deploys(account: None) -> None:
    with pytest.raises(Refused, match="It costs money"):
        run("accept", "churn", "1")
    assert run("accept", "churn", "1", "--dry-run") == 0
    assert package(1)["ModelApprovalStatus"] == "PendingManualApproval"


def test_its_tests_accept_or_refuse_with_the_reason(account: None) -> None:
    assert run("accept", "churn", "1", "--by-tests", "--yes") == 0
    assert package(1)["ModelApprovalStatus"] == "Approved"
    assert run("accept", "churn", "2", "--by-tests", "--yes") == 1
    found = package(2)
    assert found["ModelApprovalStatus"] == "Rejected"
    assert "accuracy is 0.71, and must be 0.8 or more" in found["ApprovalDescription"]
    with pytest.raises(Refused, match="has no automatic test"):
        run("accept", "churn", "3", "--by-tests", "--yes")
    assert package(3)["ModelApprovalStatus"] == "PendingManualApproval"


GOOD = {"metric.accuracy": "0.9", "metric.f1_macro": "0.9", "minimum.accuracy": "0.8"}


@pytest.mark.parametrize(
    ("told", "code", "why"),
    [
        ({"accepted.metric.accuracy": "0.9"}, 0, "accuracy is good enough: 0.9000 after 0.9000"),
        ({"accepted.metric.accuracy": "0.91"}, 1, "accuracy is worse: 0.9000 after 0.9100"),
        ({"accepted.metric.accuracy": "0.91", "tolerance": "0.02"}, 0, "good enough: 0.9000 after 0.9100"),
        (
            {"metric.accuracy": "0.94", "accepted.metric.accuracy": "0.95", "tolerance": "0.01"},
            0,
            "0.9400 after 0.9500",
        ),
        ({"accepted.error": "ValueError: no column"}, 1, "could not be measured: ValueError: no column"),
    ],
)
def test_one_that_is_worse_than_the_accepted_is_refused(
    account: None, told: dict[str, str], code: int, why: str
) -> None:
    run("accept", "churn", "1", "--yes")
    register({**GOOD, "accepted.version": "1", **told})
    assert run("accept", "churn", "4", "--by-tests", "--yes") == code
    assert package(4)["ModelApprovalStatus"] == ("Rejected" if code else "Approved")
    assert why in package(4)["ApprovalDescription"]


def test_the_accepted_one_is_that_of_today(account: None) -> None:
    register({**GOOD, "accepted.version": "none"})
    run("accept", "churn", "1", "--yes")
    with pytest.raises(Refused, match="was measured beside none, and version 1 is accepted today"):
        run("accept", "churn", "4", "--by-tests", "--yes")
    assert package(4)["ModelApprovalStatus"] == "PendingManualApproval"
    # What is below its minimum is refused in any case, and what is accepted stays so.
    assert run("accept", "churn", "2", "--by-tests", "--yes") == 1
    assert run("accept", "churn", "1", "--by-tests", "--yes") == 0


@pytest.mark.parametrize("told", [{"accepted.metric.accuracy": "0.99"}, {"accepted.error": "no column"}])
def test_one_that_is_worse_than_what_is_accepted_no_more_is_not_refused(
    account: None, told: dict[str, str]
) -> None:
    register({**GOOD, "accepted.version": "1", **told})
    with pytest.raises(Refused, match="was measured beside version 1, and none is accepted today"):
        run("accept", "churn", "4", "--by-tests", "--yes")
    run("accept", "churn", "3", "--yes")
    with pytest.raises(Refused, match="was measured beside version 1, and version 3 is accepted today"):
        run("accept", "churn", "4", "--by-tests", "--yes")
    assert package(4)["ModelApprovalStatus"] == "PendingManualApproval"


def test_the_comparison_is_that_of_the_test(account: None, capsys: pytest.CaptureFixture[str]) -> None:
    run("accept", "churn", "1", "--yes")
    before = {"accepted.metric.accuracy": "0.95", "accepted.metric.f1_macro": "0.8"}
    register({**GOOD, "accepted.version": "1", **before})
    capsys.readouterr()
    assert run("compare", "churn") == 0
    printed = capsys.readouterr()
    head, accuracy, f1 = printed.out.splitlines()
    assert head.split() == ["METRIC", "1", "(accepted)", "4", "(draft)"]
    # On the rows of version 4: on those of its own run version 1 had 0.91.
    assert accuracy.split() == ["accuracy", "0.9500", "0.9000", "worse"]
    assert f1.split() == ["f1_macro", "0.8000", "0.9000"]
    assert printed.err == ""
    assert run("compare", "churn", "4", "1", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["same_rows"], found["worse"]) == (True, ["accuracy"])
    assert run("compare", "churn", "1", "2") == 0
    assert "the rows of its own run" in capsys.readouterr().err


@pytest.mark.parametrize("metric", ["nan", None])
def test_a_metric_that_is_no_number_or_not_there_is_refused(account: None, metric: str | None) -> None:
    register({"minimum.accuracy": "0.1", **({"metric.accuracy": metric} if metric else {})})
    assert run("accept", "churn", "4", "--by-tests", "--yes") == 1
    assert package(4)["ModelApprovalStatus"] == "Rejected"


def test_a_refusal_needs_a_reason_and_keeps_it(account: None, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageProblem, match="--reason is empty"):
        run("refuse", "churn", "2", "--reason", "  ")
    assert run("refuse", "churn", "2", "--reason", "old prices") == 0
    assert package(2)["ModelApprovalStatus"] == "Rejected"
    capsys.readouterr()
    run("list", "churn")
    line = capsys.readouterr().out.splitlines()[2]
    assert "refused" in line
    assert "old prices (arn:" in line


def test_metrics_side_by_side(account: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("compare", "churn", "1", "3") == 0
    head, accuracy, f1 = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "METRIC"
    # Version 3 told the registry nothing: its evaluation lies in S3.
    assert accuracy.split() == ["accuracy", "0.9100", "0.5000"]
    assert f1.split() == ["f1_macro", "0.9000", "-"]
    with pytest.raises(UsageProblem, match="not two versions"):
        run("compare", "churn")
    run("accept", "churn", "1", "--yes")
    capsys.readouterr()
    assert run("compare", "churn", "--json") == 0
    assert json.loads(capsys.readouterr().out)["metrics"] == {
        "1": {"accuracy": 0.91, "f1_macro": 0.9},
        "3": {"accuracy": 0.5},
    }


def test_what_is_not_there(account: None) -> None:
    with pytest.raises(MxError, match="There is no group of models fraud"):
        run("list", "fraud")
    with pytest.raises(MxError, match="churn has no version 9") as told:
        run("accept", "churn", "9", "--yes")
    assert "1, 2, 3" in str(told.value)


def test_a_refusal_of_aws_in_the_middle_is_told(account: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a stub of botocore, a double: moto refuses nothing."""
    from mxdev_sagemaker.command import decision

    denied = client.__wrapped__("sagemaker")
    with Stubber(denied) as stub:
        stub.add_client_error("update_model_package", "AccessDeniedException", "only developers")
        monkeypatch.setattr(
            decision, "client", lambda name, region: denied if name == "sagemaker" else client(name)
        )
        with pytest.raises(MxError, match="does not allow it: only developers"):
            run("accept", "churn", "1", "--yes")
    assert package(1)["ModelApprovalStatus"] == "PendingManualApproval"
