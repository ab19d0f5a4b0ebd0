"""`mx sagemaker config` and `start`: what is missing and who owes it, keys that are set, and a start that is refused until then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from mxdev.errors import MxError, UsageProblem
from mxdev.testing import mx
from sagemaker_training import REGION, bucket, client, rendered, server

from mxdev_sagemaker.command import aws
from mxdev_sagemaker.command.group import sagemaker

BUCKET = "sagemaker-platform-123456789012"
COMPLETE = (
    "input_data=s3://bucket/data",
    "target=churned",
    "minimum_accuracy=0.8",
    "serving_image=123456789012.dkr.ecr.eu-central-1.amazonaws.com/lab/serving:1.0.0",
    "serving_instance=ml.m5.large",
)
DEFINITION = {"Parameters": [{"Name": "target", "Type": "String"}], "Steps": []}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("config")
    rendered(folder)
    return folder


@pytest.fixture
def account(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What CI has left after the first upload: the schema, an empty configuration, and the pipeline of the platform."""
    monkeypatch.chdir(project)
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        left_by_ci(project)
        yield


def left_by_ci(project: Path) -> None:
    bucket(BUCKET)
    schema = (project / "pipelines/churn/configuration.schema.json").read_bytes()
    client("s3").put_object(Bucket=BUCKET, Key="pipelines/churn/configuration.schema.json", Body=schema)
    client("ssm").put_parameter(Name="/sagemaker/churn/configuration", Type="String", Value="{}")
    client("sagemaker").create_pipeline(
        PipelineName="churn",
        PipelineDefinition=json.dumps(DEFINITION),
        ClientRequestToken="t" * 32,
        RoleArn="arn:aws:iam::123456789012:role/sagemaker-training",
    )


def run(*arguments: str) -> Any:
    return sagemaker.main(list(arguments), standalone_mode=False)


def stored() -> Any:
    found = client("ssm").get_parameter(Name="/sagemaker/churn/configuration")
    return json.loads(found["Parameter"]["Value"])


def executions() -> list[Any]:
    found: list[Any] = client("sagemaker").list_pipeline_executions(PipelineName="churn")[
        "PipelineExecutionSummaries"
    ]
    return found


def test_what_is_missing_and_who_owes_it(account: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("config", "churn") == 0
    said = capsys.readouterr().out
    assert "input_data is missing: the data engineer owes it" in said
    assert "target is missing: the applied scientist owes it" in said
    assert "serving_image is missing: the ML engineer owes it" in said
    assert "seed is missing" not in said
    assert run("config", "churn", "validate") == 1


def test_set_keeps_what_others_have_set_and_reads_by_the_schema(account: None) -> None:
    assert run("config", "churn", "set", "target=3") == 0
    assert run("config", "churn", "set", "minimum_accuracy=0.8", "seed=3", "deployment=async") == 0
    assert stored() == {"target": "3", "minimum_accuracy": 0.8, "seed": 3, "deployment": "async"}
    assert run("config", "churn", "set", 'deployment={"kind": "rest", "count": 2}') == 0
    assert stored()["deployment"] == {"kind": "rest", "count": 2}


def test_set_with_a_dry_run_changes_nothing(account: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("config", "churn", "set", "target=churned", "--dry-run") == 0
    assert 'nothing → "churned"' in capsys.readouterr().out
    assert stored() == {}


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        ("targt=x", "Did you mean target?"),
        ("target", "is no KEY=VALUE"),
        ("minimum_accuracy=2", "2 is greater than the maximum of 1"),
        ("minimum_accuracy=high", "is no number"),
        ("input_data=/tmp/table.csv", "does not match"),
        ("deployment=ftp", "is not valid under any"),
        ('deployment={"schedule": "rate(1 day)"}', "is not valid under any"),
    ],
)
def test_what_does_not_fit_is_not_set(account: None, pair: str, told: str) -> None:
    with pytest.raises(UsageProblem, match=told.replace("?", r"\?")):
        run("config", "churn", "set", pair)
    assert stored() == {}


def test_a_start_is_refused_until_it_is_complete(account: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("config", "churn", "set", *COMPLETE[:-1]) == 0
    with pytest.raises(MxError, match="The configuration is not complete") as refused:
        run("start", "churn", "--yes")
    assert refused.value.code == 1
    assert "serving_instance is missing: the ML engineer owes it" in capsys.readouterr().out
    assert executions() == []
    assert run("config", "churn", "set", COMPLETE[-1]) == 0
    assert run("config", "churn", "validate") == 0
    with pytest.raises(MxError, match="It costs money, and nobody can be asked"):
        run("start", "churn")
    assert run("start", "churn", "--yes") == 0
    (one,) = executions()
    given = client("sagemaker").list_pipeline_parameters_for_execution(
        PipelineExecutionArn=one["PipelineExecutionArn"]
    )
    assert given["PipelineParameters"] == [{"Name": "target", "Value": "churned"}]
    assert run("start", "churn", "--yes") == 0
    assert len(executions()) == 2


def test_a_value_that_became_wrong_stops_a_start(account: None) -> None:
    values = {**json.loads('{"seed": 0.5}'), "gone": 1}
    client("ssm").put_parameter(
        Name="/sagemaker/churn/configuration", Type="String", Value=json.dumps(values), Overwrite=True
    )
    from mxdev_sagemaker.command import configuration, place

    problems = configuration.read(place.find("churn", None, None)).problems
    assert "seed is wrong, which the applied scientist owes: 0.5 is not of type 'integer'" in problems
    assert any("gone" in one and "does not know it" in one for one in problems)


class Late:
    """A double of Parameter Store's client: just before the first write somebody else sets a key; moto is alone in the world."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.others = inner, 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def put_parameter(self, **asked: Any) -> Any:
        if self.others:
            self.others -= 1
            self.inner.put_parameter(**{**asked, "Value": json.dumps({"seed": 7})})
        return self.inner.put_parameter(**asked)


def test_what_somebody_sets_at_the_same_time_is_kept(account: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from mxdev_sagemaker.command import configuration

    late = Late(client("ssm"))
    monkeypatch.setattr(configuration, "client", lambda name, region: late if name == "ssm" else client(name))
    assert run("config", "churn", "set", "target=churned") == 0
    assert stored() == {"seed": 7, "target": "churned"}


def test_what_was_never_uploaded(account: None) -> None:
    with pytest.raises(MxError, match="the pipeline fraud was never uploaded"):
        run("config", "fraud", "--bucket", BUCKET, "--region", REGION)
    with pytest.raises(UsageProblem, match=r"no pipelines/fraud/settings\.json"):
        run("config", "fraud")
    client("s3").delete_object(Bucket=BUCKET, Key="pipelines/churn/configuration.schema.json")
    with pytest.raises(MxError, match="nothing says what churn needs"):
        run("config", "churn")


def test_a_pipeline_that_the_platform_has_not_made(account: None) -> None:
    client("sagemaker").delete_pipeline(PipelineName="churn", ClientRequestToken="t" * 32)
    with pytest.raises(MxError, match="SageMaker knows no pipeline churn"):
        run("start", "churn", "--yes")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("ExpiredTokenException", "Log in again"),
        ("AccessDeniedException", "does not allow it: no"),
        ("ThrottlingException", "AWS refuses"),
    ],
)
def test_what_aws_refuses_is_told(
    account: None, monkeypatch: pytest.MonkeyPatch, code: str, told: str
) -> None:
    """By a stub of botocore, a double: moto refuses nothing."""
    from botocore.stub import Stubber

    from mxdev_sagemaker.command import configuration

    ssm = client.__wrapped__("ssm")
    with Stubber(ssm) as stub:
        stub.add_client_error("get_parameter", code, "no")
        monkeypatch.setattr(
            configuration, "client", lambda name, region: ssm if name == "ssm" else client(name)
        )
        with pytest.raises(MxError, match=told) as refused:
            run("config", "churn")
        assert isinstance(refused.value.__cause__, ClientError)
        assert refused.value.code == 4


def test_without_a_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    aws.client.cache_clear()
    with pytest.raises(MxError, match="There is no login to AWS"):
        run("config", "churn", "--bucket", BUCKET, "--region", REGION)
    with pytest.raises(MxError, match="No AWS region is known"):
        aws.client("ssm", None)
    aws.client.cache_clear()


def test_as_a_person_runs_it(project: Path) -> None:
    """Over HTTP, in a process of its own, with its exit codes."""
    with server() as env, mock_aws():
        left_by_ci(project)
        told = mx("sagemaker", "config", "churn", "validate", cwd=project, env=env)
        assert told.code == 1, told.stderr
        assert "minimum_accuracy is missing: the applied scientist owes it" in told.stdout
        refused = mx("sagemaker", "start", "churn", "--yes", cwd=project, env=env)
        assert refused.code == 1
        assert "mx sagemaker config churn set KEY=VALUE" in refused.stderr
        shown = mx("sagemaker", "config", "churn", "--json", cwd=project, env=env)
        assert json.loads(shown.stdout)["complete"] is False
