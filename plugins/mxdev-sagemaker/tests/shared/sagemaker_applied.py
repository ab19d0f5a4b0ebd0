"""An account of moto's to which Terraform applies both stacks, and what is found there afterwards.

moto cannot make a domain of Studio that can be found again, nor code repositories and profiles of users, and does not tell the tags of what
scales: those are left out here. It takes more than AWS does, so what is shown is that the stacks can be applied, and that what they
make fits together.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import settings
from moto.server import ThreadedMotoServer
from mxdev.testing import module, once
from sagemaker_terraform import WITH, against, generated, zipped

REGION = "eu-central-1"
ELSEWHERE = "eu-west-1"
ACCOUNT = "123456789012"
REST = {
    "model": "churn",
    "version": "1",
    "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/acme-ml/serving:1",
    "model_data": f"s3://acme-ml-platform-{ACCOUNT}/models/churn/1/model.tar.gz",
}
DEPLOYED = {
    "rest/churn-1": REST,
    "rest/churn-2": {**REST, "version": "2", "count": 2},
    "async/churn-1": REST,
    "batch/churn-1": {
        **REST,
        "schedule": "cron(30 1 * * ? *)",
        "timezone": "Europe/Prague",
        "done_by": "06:00",
        "input": f"s3://acme-ml-vision-x-{ACCOUNT}/rows",
    },
}


@dataclass
class World:
    """An account to which both stacks are applied.

    Attributes:
        url: moto's address.
    """

    platform: Path
    deployments: Path
    url: str = ""

    def client(self, service: str, region: str = REGION) -> Any:
        """A client of it."""
        return boto3.Session("test", "test", region_name=region).client(service, endpoint_url=self.url)


def applied(folder: Path) -> dict[str, Any]:
    """What there is after both were applied, and what the functions did; it is looked up once for the same stacks and functions."""
    platform = generated(folder, "SageMakerPlatform", "acme-ml")
    # In another region: both stacks can be applied at the same time then.
    options = ("--platform", "acme-ml", "--aws-region", ELSEWHERE)
    deployments = generated(folder, "Deployments", "deployments", *options)
    without_studio(platform)
    (deployments / "terraform/scaling.tf").unlink()
    without_waiting(platform)
    for key, data in DEPLOYED.items():
        (deployments / f"deployments/{key}.json").write_text(json.dumps(data))
    world = World(platform, deployments)
    data: dict[str, Any] = json.loads(once(what_counts(world), lambda: json.dumps(look(world))))
    return data


def what_counts(world: World) -> list[Path]:
    """The files that are applied or run, and those that look: a word in a README, or a test of a repository's own, changes nothing here."""
    found = [Path(__file__), WITH]
    found += [world.deployments / "deployments", world.platform / "terraform/modules"]
    for repository in (world.platform, world.deployments):
        found += sorted(repository.glob("terraform/*.tf"))
        found += sorted(handler.parent for handler in repository.glob("lambdas/*/handler.py"))
    return found


def look(world: World) -> dict[str, Any]:
    """Apply both stacks, and look at what is there."""
    server = ThreadedMotoServer(port=0, verbose=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "ACM_VALIDATION_WAIT", 0)
        server.start()
        try:
            world.url = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
            parameter_for_deployments(world)
            environments = {}
            for repository, region in ((world.platform, REGION), (world.deployments, ELSEWHERE)):
                zipped(repository)
                environments[repository] = against(repository / "terraform", world.url, region)
            running = [apply(repository, env) for repository, env in environments.items()]
            for process in running:
                told, _ = process.communicate(timeout=500)
                assert process.returncode == 0, told[-6000:]
            return {**of_platform(world), **of_deployments(world), **of_functions(world, patch)}
        finally:
            server.stop()


def without_studio(platform: Path) -> None:
    """Take away what moto cannot make."""
    (platform / "terraform/studio.tf").unlink()
    parameter = platform / "terraform/deployments.tf"
    parameter.write_text(parameter.read_text().replace("aws_sagemaker_domain.this.id", '"d-moto"'))


def without_waiting(platform: Path) -> None:
    """Take away what is looked at for a minute after it was made, and of which nothing is asked here: when old objects go."""
    storage = platform / "terraform/storage.tf"
    head, _, rest = storage.read_text().partition('resource "aws_s3_bucket_lifecycle_configuration"')
    assert rest
    storage.write_text(head + rest.partition("\n}\n")[2])


def parameter_for_deployments(world: World) -> None:
    """What the platform would have told, of things that are made here."""
    ec2, balancers = world.client("ec2", ELSEWHERE), world.client("elbv2", ELSEWHERE)
    vpc = ec2.create_vpc(CidrBlock="10.80.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.80.{at}.0/24", AvailabilityZone=f"{ELSEWHERE}{zone}")["Subnet"]["SubnetId"]
        for at, zone in enumerate("ab")
    ]  # fmt: skip
    group = ec2.create_security_group(GroupName="balancer", Description="-", VpcId=vpc)["GroupId"]
    balancer = balancers.create_load_balancer(Name="other", Subnets=subnets)["LoadBalancers"][0]
    listener = balancers.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80,
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    )["Listeners"][0]["ListenerArn"]  # fmt: skip
    told = {
        "bucket": f"acme-ml-platform-{ACCOUNT}",
        "boundary": f"arn:aws:iam::{ACCOUNT}:policy/acme-ml-deployed",
        "hostname": "ml.example.com",
        "listener": listener,
        "balancer_group": group,
        "vpc": vpc,
        "private_subnets": subnets,
        "registries": f"arn:aws:ecr:{ELSEWHERE}:{ACCOUNT}:repository/acme-ml/*",
    }
    ssm = world.client("ssm", ELSEWHERE)
    ssm.put_parameter(Name="/acme-ml/platform", Type="String", Value=json.dumps(told))


def apply(repository: Path, env: dict[str, str]) -> subprocess.Popen[str]:
    """Begin to apply."""
    return subprocess.Popen(
        ["terraform", "apply", "-auto-approve", "-parallelism=20"],
        cwd=repository / "terraform",
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def of_platform(world: World) -> dict[str, Any]:
    """What is global."""
    iam, events = world.client("iam"), world.client("events")
    parameter = world.client("ssm").get_parameter(Name="/acme-ml/platform")["Parameter"]["Value"]
    listeners = world.client("elbv2").describe_listeners(
        LoadBalancerArn=world.client("elbv2").describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    )["Listeners"]
    return {
        "roles": [one["RoleName"] for one in iam.list_roles()["Roles"]],
        "groups": [one["GroupName"] for one in iam.list_groups()["Groups"]],
        "may": {
            role: json.dumps(iam.get_role_policy(RoleName=f"acme-ml-{role}", PolicyName=role)["PolicyDocument"])
            for role in ("experiments", "training")
        } | {
            "develop": json.dumps(iam.get_group_policy(GroupName="acme-ml-developers", PolicyName="develop")["PolicyDocument"])
        },
        "registries": [one["repositoryName"] for one in world.client("ecr").describe_repositories()["repositories"]],
        "parameter": json.loads(parameter),
        "listeners": {str(one["Port"]): one["DefaultActions"][0]["Type"] for one in listeners},
        "patterns": {one["Name"]: one["EventPattern"] for one in events.list_rules()["Rules"]},
        "targets": {
            one["Name"]: events.list_targets_by_rule(Rule=one["Name"])["Targets"][0]["Arn"].rpartition(":")[2]
            for one in events.list_rules()["Rules"]
        },
    }  # fmt: skip


def of_deployments(world: World) -> dict[str, Any]:
    """What is deployed."""

    def client(service: str) -> Any:
        return world.client(service, ELSEWHERE)

    balancers, ecs = client("elbv2"), client("ecs")
    listener = balancers.describe_listeners(
        LoadBalancerArn=balancers.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    )["Listeners"][0]["ListenerArn"]
    rules = balancers.describe_rules(ListenerArn=listener)["Rules"]
    services = ecs.list_services(cluster="acme-ml-deployed")["serviceArns"]
    queues = client("sqs").list_queues()["QueueUrls"]
    batch = client("scheduler").list_schedules(GroupName="acme-ml-deployed-batch")["Schedules"]
    tasks = ecs.list_task_definitions()["taskDefinitionArns"]
    return {
        "paths": sorted(one["Conditions"][0]["PathPatternConfig"]["Values"][0] for one in rules if one["Conditions"]),
        "counts": sorted(
            one["desiredCount"] for one in ecs.describe_services(cluster="acme-ml-deployed", services=services)["services"]
        ),
        "containers": [
            ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]["containerDefinitions"][0] for arn in tasks
        ],
        "queues": sorted(url.rpartition("/")[2] for url in queues),
        "functions": sorted(one["FunctionName"] for one in client("lambda").list_functions()["Functions"]),
        "mappings": len(client("lambda").list_event_source_mappings()["EventSourceMappings"]),
        "schedules": {
            one["Name"]: client("scheduler").get_schedule(Name=one["Name"], GroupName="acme-ml-deployed-batch")["ScheduleExpression"]
            for one in batch
        },
        "inputs": [
            client("scheduler").get_schedule(Name=one["Name"], GroupName="acme-ml-deployed-batch")["Target"]["Input"]
            for one in batch
        ],
        "alarms": sorted(one["AlarmName"] for one in client("cloudwatch").describe_alarms()["MetricAlarms"]),
    }  # fmt: skip


def of_functions(world: World, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the pipeline upsert does in the account, with the variables that Terraform gave it."""
    function = world.client("lambda").get_function(FunctionName="acme-ml-pipeline-upsert")["Configuration"]
    variables = {
        "AWS_ENDPOINT_URL": world.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        **function["Environment"]["Variables"],
    }
    for name, value in variables.items():
        patch.setenv(name, value)
    bucket = variables["BUCKET"]
    # moto takes the policy that wants HTTPS for one that refuses everybody, and moto speaks HTTP.
    world.client("s3").delete_bucket_policy(Bucket=bucket)
    for file, data in {
        "schedule.json": {"expression": "rate(1 day)", "timezone": "UTC", "role": None, "state": "ENABLED"},
        "definition.json": {"Version": "2020-12-01", "Steps": [{"Name": "Train", "Type": "Training"}]},
    }.items():
        key = f"pipelines/churn/{file}"
        world.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(data).encode())
    detail = {"bucket": {"name": bucket}, "object": {"key": "pipelines/churn/definition.json"}}
    handler = module(world.platform / "lambdas/pipeline_upsert/handler.py").handler
    result = handler({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})
    schedule = world.client("scheduler").get_schedule(Name="churn", GroupName=variables["SCHEDULE_GROUP"])
    pipeline = world.client("sagemaker").describe_pipeline(PipelineName="churn")
    return {
        "upsert": result,
        "runtime": [function["Runtime"], function["Handler"]],
        "starts": schedule["Target"]["Arn"] == pipeline["PipelineArn"],
        "runs_as": pipeline["RoleArn"].rpartition("/")[2],
        "started_by": schedule["Target"]["RoleArn"].rpartition("/")[2],
    }
