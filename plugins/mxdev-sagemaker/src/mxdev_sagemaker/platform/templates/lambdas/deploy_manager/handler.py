"""Deploy a model that was accepted: write its file into the repository of deployments, whose pipeline does the rest.

It is started by the event "SageMaker Model Package State Change". It asks SageMaker what is true now, so that an event that comes late
deploys nothing that was refused meanwhile; and it writes only what differs, so that one that comes twice makes no second commit.
"""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError
from gitlab import Repository

KINDS = ("rest", "async", "batch")
# What nobody can guess: without it the file would stop the pipeline of all deployments.
OWED = {"batch": ("schedule", "done_by", "input")}


class RefusedError(Exception):
    """The model cannot be deployed as it is registered: the message says which and why."""


@cache
def client(service: str) -> Any:
    """A client of AWS."""
    return boto3.client(service)


def handler(event: dict[str, Any], context: object = None) -> dict[str, Any]:
    """Write the deployment of the model package that the event is about; what was done.

    Raises:
        RefusedError: the package lacks what a deployment needs.
        GitLabError: GitLab did not take the file.
        ClientError: AWS refused a call. Lambda tries all of them again, and keeps the event in the queue of dead letters in the end.
    """
    detail = event["detail"]
    arn = detail["ModelPackageArn"]
    package = client("sagemaker").describe_model_package(ModelPackageName=arn)
    status = package.get("ModelApprovalStatus")
    if status != "Approved":
        return said({"model_package": arn, "did": f"nothing: its status is {status}"})
    model, version = (
        str(package.get("ModelPackageGroupName") or ""),
        package.get("ModelPackageVersion"),
    )
    if not model or not version:
        raise RefusedError(
            f"{arn} belongs to no group of model packages: its model and version are not known"
        )
    settings = wanted(model, package)
    kind = settings.pop("kind")
    written = deployment(arn, model, str(version), package)
    repository = Repository(
        os.environ["GITLAB"], os.environ["PROJECT"], os.environ["BRANCH"], token()
    )
    path = f"deployments/{kind}/{model}-{version}.json"
    did = repository.write(
        path,
        lambda there: merged(kind, there, settings, written),
        f"Deploy {model} {version}",
    )
    return said({"model_package": arn, "did": did, "path": path})


def wanted(model: str, package: dict[str, Any]) -> dict[str, Any]:
    """How the model is to be deployed: "kind", and what else the configuration of its pipeline says about it.

    The package's own metadata, `deployment`, overrides the kind.

    Raises:
        RefusedError: the kind is none, or the settings are none.
    """
    said = configured(model).get("deployment", {})
    settings = {"kind": said} if isinstance(said, str) else said
    if not isinstance(settings, dict):
        raise RefusedError(
            f"deployment in /sagemaker/{model}/configuration is neither a kind nor an object"
        )
    own = (package.get("CustomerMetadataProperties") or {}).get("deployment")
    settings = {"kind": "rest", **settings, **({"kind": own} if own else {})}
    if settings["kind"] not in KINDS:
        raise RefusedError(
            f"{model} is to be deployed as {settings['kind']!r}, which is none of {', '.join(KINDS)}"
        )
    return settings


def configured(model: str) -> dict[str, Any]:
    """The configuration of the pipeline that made the model; empty if there is none."""
    try:
        text = client("ssm").get_parameter(Name=f"/sagemaker/{model}/configuration")["Parameter"][
            "Value"
        ]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ParameterNotFound":
            return {}
        raise
    try:
        data = json.loads(text)
    except ValueError as error:
        raise RefusedError(
            f"the parameter /sagemaker/{model}/configuration is no JSON: {error}"
        ) from error
    return data if isinstance(data, dict) else {}


def deployment(arn: str, model: str, version: str, package: dict[str, Any]) -> dict[str, Any]:
    """What the registry knows of a deployment."""
    containers = (package.get("InferenceSpecification") or {}).get("Containers") or [{}]
    image, data = containers[0].get("Image"), containers[0].get("ModelDataUrl")
    if not image or not data:
        lacking = "image" if not image else "model data"
        raise RefusedError(f"{arn} has no {lacking} in its inference specification")
    return {
        "model": model,
        "version": version,
        "image": image,
        "model_data": data,
        "model_package": arn,
    }


def merged(kind: str, there: str | None, settings: dict[str, Any], written: dict[str, Any]) -> str:
    """The file: what a person set there stays, what the registry knows is written anew.

    Raises:
        RefusedError: neither the file nor the settings say what the kind needs.
    """
    before = json.loads(there) if there else settings
    if lacking := [key for key in OWED.get(kind, ()) if key not in before]:
        model = written["model"]
        raise RefusedError(
            f"{model} is a {kind}, and deployment in /sagemaker/{model}/configuration has no {', '.join(lacking)}"
        )
    return json.dumps({**before, **written}, indent=2, sort_keys=True) + "\n"


def token() -> str:
    """The token of GitLab; it is read for each event, so that a new one counts at once."""
    return str(
        client("secretsmanager").get_secret_value(SecretId=os.environ["TOKEN_SECRET"])[
            "SecretString"
        ]
    )


def said(result: dict[str, Any]) -> dict[str, Any]:
    """Write the result into the log, one line of JSON."""
    print(json.dumps(result))
    return result
