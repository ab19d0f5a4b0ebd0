"""The program that deploys, against moto and a double of what SSM says: each ends as what it is."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from ec2_world import Aws, account, aws, rendered, unzipped

from mxdev_ec2 import program
from mxdev_ec2.program import DeployError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered(tmp_path_factory.mktemp("rendered"))


@pytest.fixture(scope="module", autouse=True)
def shared_account() -> Iterator[None]:
    with account():
        yield


@pytest.fixture
def cloud(folder: Path) -> Aws:
    return aws(folder)


@pytest.fixture
def ready(cloud: Aws) -> Aws:
    cloud.instances("running", "terminated")
    return cloud


def test_a_deploy_that_succeeds(ready: Aws) -> None:
    ready.ssm.script = ["", "Pending", "InProgress", "InProgress", "Success"]
    program.deploy(ready.world, "abc")
    [command] = ready.commands()
    given = command["Parameters"]
    [source] = given["SourceInfo"]
    url = json.loads(source)["path"]
    assert url.startswith("https://churn-deploy-123456789012.s3.eu-central-1.amazonaws.com/bundles/")
    assert url.count("://") == 1
    key = url.partition(".com/")[2]
    stored = ready.world.client("s3").get_object(Bucket="churn-deploy-123456789012", Key=key)["Body"].read()
    assert set(unzipped(stored)) == {"compose.yaml", "playbook.yml"}
    [extra] = given["ExtraVariables"]
    assert extra == "SSM=True release=abc registry=123456789012.dkr.ecr.eu-central-1.amazonaws.com"
    assert not set(extra) & set("|:();&")  # the document refuses them
    assert ready.said[-1] == "abc runs: https://churn.acme.example"


def test_addresses_in_china_have_their_own_ending(ready: Aws) -> None:
    settings = replace(ready.world.settings, region="cn-north-1")
    world = replace(ready.world, settings=settings)
    url = program.upload(world)
    assert url.startswith("https://churn-deploy-123456789012.s3.cn-north-1.amazonaws.com.cn/bundles/")
    assert program.registry(world) == "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"


def test_the_request_has_the_form_that_aws_wants(ready: Aws) -> None:
    """moto takes more than AWS does; the client's own model is asked."""
    from botocore.validate import ParamValidator

    shape = ready.ssm.inner.meta.service_model.operation_model("SendCommand").input_shape
    sent: list[dict[str, object]] = []

    def keep(**given: object) -> dict[str, dict[str, str]]:
        sent.append(given)
        return {"Command": {"CommandId": "c"}}

    ready.ssm.__dict__["send_command"] = keep
    program.send(ready.world, "i-0123456789abcdef0", "abc")
    assert not ParamValidator().validate(sent[0], shape).has_errors()
    assert 30 <= int(str(sent[0]["TimeoutSeconds"])) <= 2592000


@pytest.mark.parametrize(
    ("status", "details", "words"),
    [
        ("Failed", "Failed", "the log above says why, and what runs now"),
        ("TimedOut", "DeliveryTimedOut", "SSM did not reach the instance"),
        ("TimedOut", "ExecutionTimedOut", "it ran out of its time"),
        ("TimedOut", "Delivery Timed Out", "SSM did not reach the instance"),
        ("Cancelled", "Cancelled", "somebody stopped it"),
        ("Failed", "Undeliverable", "there is no such instance for SSM"),
        ("Failed", "Terminated", "SSM stopped it"),
        ("SomethingNew", "SomethingNew", "SomethingNew"),
    ],
)
@pytest.mark.parametrize(
    "before", [[], ["", "Pending", "InProgress"], ["InProgress"] * 216], ids=["early", "later", "late"]
)
def test_everything_but_success_is_red_and_shows_its_log(
    ready: Aws, status: str, details: str, words: str, before: list[str | tuple[str, str]]
) -> None:
    ready.ssm.script = [*before, (status, details)]

    def sent_with_a_log(**given: object) -> object:
        made = ready.ssm.inner.send_command(**given)
        ready.logged(
            f"{made['Command']['CommandId']}/i-1/runShellScript/stdout", [f"line {at}" for at in range(7)]
        )
        ready.logged(f"{made['Command']['CommandId']}/i-1/runShellScript/stderr", ["went wrong"])
        return made

    ready.ssm.__dict__["send_command"] = sent_with_a_log
    with pytest.raises(DeployError, match=words):
        program.deploy(ready.world, "abc")
    assert [line for line in ready.said if line.startswith("line")] == [f"line {at}" for at in range(7)]
    assert "went wrong" in ready.said


@pytest.mark.parametrize("last", ["", "Pending", "InProgress", "Delayed", "Cancelling"])
def test_a_poll_that_runs_out_is_red(ready: Aws, last: str) -> None:
    ready.ssm.script = [last]
    with pytest.raises(DeployError, match=f"still {last or 'Pending'} after its time"):
        program.deploy(ready.world, "abc")
    assert 1080 <= ready.clock[0] < 1100


def test_an_end_in_the_last_moment_counts(ready: Aws) -> None:
    ready.ssm.script = ["InProgress"] * 216 + ["Success"]
    program.deploy(ready.world, "abc")
    assert ready.clock[0] == 1080


def test_no_instance(cloud: Aws) -> None:
    cloud.instances("running", name="another")
    with pytest.raises(DeployError, match="There is no instance called churn in eu-central-1"):
        program.deploy(cloud.world, "abc")


def test_several_instances(cloud: Aws) -> None:
    made = cloud.instances("running", "running", "stopped")
    with pytest.raises(DeployError, match="2 running instances are called churn") as caught:
        program.deploy(cloud.world, "abc")
    assert all(one in str(caught.value) for one in made[:2])


def test_a_stopped_instance(cloud: Aws) -> None:
    [one] = cloud.instances("stopped")
    with pytest.raises(DeployError, match=rf"{one} is stopped.*aws ec2 start-instances"):
        program.deploy(cloud.world, "abc")


def test_a_stopped_one_beside_the_running_one_is_no_matter(ready: Aws) -> None:
    ready.instances("stopped")
    program.deploy(ready.world, "abc")


def test_an_image_that_nobody_pushed(ready: Aws) -> None:
    with pytest.raises(DeployError, match=r"no image .*/churn:nope"):
        program.deploy(ready.world, "nope")
    assert ready.commands() == []


def test_a_tag_that_is_none(ready: Aws) -> None:
    with pytest.raises(DeployError, match="cannot be the tag"):
        program.deploy(ready.world, "abc registry=evil")


@pytest.mark.parametrize("status", ["Pending", "InProgress", "Delayed", "Cancelling"])
def test_a_deploy_in_flight_blocks_the_next(ready: Aws, status: str) -> None:
    program.deploy(ready.world, "abc")
    [first] = ready.commands()
    ready.ssm.said[first["CommandId"]] = status
    with pytest.raises(DeployError, match="A deploy of abc is in flight") as caught:
        program.deploy(ready.world, "def")
    assert first["CommandId"] in str(caught.value)
    assert len(ready.commands()) == 1


def test_rollback_goes_to_what_ran_before_and_not_to_what_failed(ready: Aws) -> None:
    program.deploy(ready.world, "abc")
    ready.ssm.script = ["Failed"]
    with pytest.raises(DeployError):
        program.deploy(ready.world, "def")
    ready.ssm.script = ["Success"]
    program.deploy(ready.world, "ghi")
    program.rollback(ready.world)
    assert "release=abc" in ready.commands()[-1]["Parameters"]["ExtraVariables"][0]


def test_a_dry_run_counts_for_nothing_afterwards(ready: Aws) -> None:
    program.deploy(ready.world, "abc")
    program.run(ready.world, "deploy", "def", check=True)
    assert ready.commands()[-1]["Parameters"]["Check"] == ["True"]
    assert ready.said[-1] == "def could be deployed."
    program.status(ready.world)
    assert any(": abc runs" in line for line in ready.said)
    assert any("(dry run)" in line for line in ready.said)


def test_rollback_without_a_release_before(ready: Aws) -> None:
    program.deploy(ready.world, "abc")
    with pytest.raises(DeployError, match="rollback --to TAG"):
        program.rollback(ready.world)
    program.rollback(ready.world, "def")


def test_status_and_logs(ready: Aws) -> None:
    with pytest.raises(DeployError, match="remembers no deploy"):
        program.logs(ready.world)
    program.deploy(ready.world, "abc")
    ready.logged(f"{ready.commands()[0]['CommandId']}/i-1/x/stdout", ["one", "two", "three"])
    program.run(ready.world, "status")
    assert "abc runs (https://churn.acme.example)" in "\n".join(ready.said)
    program.run(ready.world, "logs")
    assert ready.said[-3:] == ["one", "two", "three"]


def test_what_aws_refuses_is_an_error_for_a_person(cloud: Aws) -> None:
    other = replace(cloud.world, settings=replace(cloud.world.settings, service="other"))
    with pytest.raises(DeployError, match=r"AWS refused or could not be reached.*RepositoryNotFound"):
        program.run(other, "has-image", "abc")


def test_has_image_and_image(ready: Aws) -> None:
    assert program.run(ready.world, "has-image", "abc") == 0
    assert program.run(ready.world, "has-image", "nope") == 1
    program.run(ready.world, "image", "abc")
    assert ready.said == ["123456789012.dkr.ecr.eu-central-1.amazonaws.com/churn:abc"]


def test_login_keeps_what_stands_in_docker_s_configuration(ready: Aws, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"auths": {"other": {}}, "proxies": {}}')
    program.login(ready.world, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert set(config["auths"]) == {"other", "123456789012.dkr.ecr.eu-central-1.amazonaws.com"}
    auth = config["auths"]["123456789012.dkr.ecr.eu-central-1.amazonaws.com"]["auth"]
    assert base64.b64decode(auth).startswith(b"AWS:")
    assert (tmp_path / "config.json").stat().st_mode & 0o77 == 0


def test_the_same_files_are_the_same_bundle(folder: Path) -> None:
    assert program.bundle(folder) == program.bundle(folder)


def test_a_log_that_cannot_be_read_hides_no_end(ready: Aws) -> None:
    ready.ssm.script = [("Failed", "Failed")]
    logs = ready.world.client("logs")

    def refused(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetLogEvents")

    logs.__dict__["get_log_events"] = refused
    send = ready.ssm.inner.send_command

    def sent(**given: object) -> object:
        made = send(**given)
        ready.logged(f"{made['Command']['CommandId']}/i-1/stdout", ["a line"])
        return made

    ready.ssm.__dict__["send_command"] = sent
    try:
        with pytest.raises(DeployError, match="The deploy of abc ended as Failed"):
            program.deploy(ready.world, "abc")
    finally:
        logs.__dict__.pop("get_log_events")
    assert any(line.startswith("Its log cannot be read: ") for line in ready.said)


def test_the_weights_of_a_release_are_fetched(ready: Aws, tmp_path: Path) -> None:
    s3 = ready.world.client("s3")
    address = "s3://churn-deploy-123456789012/deploy-iris-model/models/2026-01-31T12:00:00Z"
    key = address.removeprefix("s3://churn-deploy-123456789012/")
    for name, data in (("model.npz", b"weights"), ("more/words.txt", b"a"), ("", b"")):
        s3.put_object(Bucket="churn-deploy-123456789012", Key=f"{key}/{name}", Body=data)
    s3.put_object(Bucket="churn-deploy-123456789012", Key=f"{key}5/other", Body=b"b")
    program.weights(ready.world, address, tmp_path)
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"model.npz", "more/words.txt"}
    assert (tmp_path / "model.npz").read_bytes() == b"weights"
    with pytest.raises(DeployError, match=r"There are no weights at s3://churn.*train first"):
        program.weights(ready.world, address.replace("2026", "1970"), tmp_path)
    with pytest.raises(DeployError, match="is no s3://BUCKET/PATH"):
        program.weights(ready.world, "", tmp_path)
    for evil in ("../../evil", f"{tmp_path}/evil"):
        s3.put_object(Bucket="churn-deploy-123456789012", Key=f"{key}/{evil}", Body=b"b")
        with pytest.raises(DeployError, match="would lie outside"):
            program.weights(ready.world, address, tmp_path / "in")
        s3.delete_object(Bucket="churn-deploy-123456789012", Key=f"{key}/{evil}")
    assert not list(tmp_path.rglob("evil"))
