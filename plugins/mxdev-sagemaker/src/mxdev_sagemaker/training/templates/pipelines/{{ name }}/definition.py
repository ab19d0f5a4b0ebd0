"""The definition of the pipeline, made from settings.json and network.json; it needs no account, and nothing but Python.

The same settings and the same tag give the same bytes.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import search

HERE = Path(__file__).resolve().parent
ML = "/opt/ml"
# What the training prints, as NAME=NUMBER; the second in a search only.
METRICS = ("train:accuracy", "validation:accuracy")
# A step that AWS itself has failed is tried again; a script that fails is not.
RETRY = [
    {
        "ExceptionType": fault,
        "IntervalSeconds": 30,
        "BackoffRate": 2.0,
        "MaxAttempts": 4,
    }
    for fault in ("Step.SERVICE_FAULT", "Step.THROTTLING")
]
_REFERENCE = re.compile(r"Steps\.([A-Za-z0-9_-]+)\.|Parameters\.([A-Za-z0-9_-]+)$|Execution\.\w+$")
_OUTPUT = re.compile(r"Steps\.([A-Za-z0-9_-]+)\.ProcessingOutputConfig\.Outputs\['([^']+)'\]")

Json = dict[str, Any]


def settings(folder: Path = HERE) -> Json:
    """What settings.json says, and as `network` what network.json does. ValueError if one is no JSON."""
    read: Json = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    network = json.loads((folder / "network.json").read_text(encoding="utf-8"))
    return {**read, "network": network}


def build(given: Json, tag: str) -> Json:
    """The definition whose images bear `tag`."""
    steps = [
        _processing(given, tag),
        _search(given, tag) if given["search"] else _training(given, tag),
        _evaluation(given, tag),
        _registration(given, tag),
    ]
    return {
        "Version": "2020-12-01",
        "Metadata": {"tag": tag},
        "Parameters": [
            {
                "Name": "ConfigurationParameter",
                "Type": "String",
                "DefaultValue": f"/sagemaker/{given['name']}/configuration",
            }
        ],
        "Steps": steps,
    }


def _processing(given: Json, tag: str) -> Json:
    outputs = {name: f"{ML}/processing/{name}" for name in ("train", "test", "configuration")}
    return _job(
        given,
        tag,
        "processing",
        inputs={},
        outputs=outputs,
        environment={"CONFIGURATION_PARAMETER": {"Get": "Parameters.ConfigurationParameter"}},
    )


def _training(given: Json, tag: str) -> Json:
    return {
        "Name": "Training",
        "Type": "Training",
        "RetryPolicies": RETRY,
        "Arguments": _training_job(given, tag),
    }


def _search(given: Json, tag: str) -> Json:
    """Many trainings in place of one."""
    return {
        "Name": "Search",
        "Type": "Tuning",
        "RetryPolicies": RETRY,
        "Arguments": search.arguments(given["search"], _training_job(given, tag)),
    }


def _training_job(given: Json, tag: str) -> Json:
    own = given["steps"]["training"]
    return {
        "AlgorithmSpecification": {
            "TrainingImage": image(given, "training", tag),
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": name, "Regex": f"{name}=([0-9.]+)"} for name in METRICS],
        },
        "InputDataConfig": [
            {
                "ChannelName": name,
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": _output("Processing", name),
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            }
            for name in ("train", "configuration")
        ],
        "OutputDataConfig": {"S3OutputPath": _run(given, "models")},
        "ResourceConfig": {
            "InstanceType": own["instance"],
            "InstanceCount": 1,
            "VolumeSizeInGB": own["volume_gb"],
        },
        "RoleArn": given["role"],
        "StoppingCondition": {"MaxRuntimeInSeconds": own["max_seconds"]},
        "VpcConfig": _network(given, "training"),
    }


def _model(given: Json) -> Json:
    """Where the model is that goes on: that of the training, or of the best training of a search."""
    if not given["search"]:
        return {"Get": "Steps.Training.ModelArtifacts.S3ModelArtifacts"}
    best = {"Get": "Steps.Search.BestTrainingJob.TrainingJobName"}
    return _run(given, "models", best, "output/model.tar.gz")


def _evaluation(given: Json, tag: str) -> Json:
    return _job(
        given,
        tag,
        "evaluation",
        inputs={
            "model": _model(given),
            "test": _output("Processing", "test"),
            "configuration": _output("Processing", "configuration"),
        },
        outputs={"evaluation": f"{ML}/processing/evaluation"},
        environment={"MODEL_PACKAGE_GROUP": given["name"]},
    )


def _registration(given: Json, tag: str) -> Json:
    return _job(
        given,
        tag,
        "registration",
        inputs={
            "evaluation": _output("Evaluation", "evaluation"),
            "configuration": _output("Processing", "configuration"),
        },
        outputs={},
        environment={
            "AWS_DEFAULT_REGION": given["region"],
            "MODEL_PACKAGE_GROUP": given["name"],
            "MODEL_DATA": _model(given),
            "EVALUATION": _output("Evaluation", "evaluation"),
            "EXECUTION": {"Get": "Execution.PipelineExecutionArn"},
            "TAG": tag,
        },
    )


def _job(
    given: Json,
    tag: str,
    step: str,
    *,
    inputs: dict[str, Any],
    outputs: dict[str, str],
    environment: Json | None = None,
) -> Json:
    own = given["steps"][step]
    arguments: Json = {
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceType": own["instance"],
                "InstanceCount": 1,
                "VolumeSizeInGB": own["volume_gb"],
            }
        },
        "AppSpecification": {"ImageUri": image(given, step, tag)},
        "RoleArn": given["role"],
        "StoppingCondition": {"MaxRuntimeInSeconds": own["max_seconds"]},
        "NetworkConfig": {"VpcConfig": _network(given, step)},
        "Environment": {"AWS_DEFAULT_REGION": given["region"], **(environment or {})},
        "ProcessingInputs": [
            {
                "InputName": name,
                "S3Input": {
                    "S3Uri": uri,
                    "LocalPath": f"{ML}/processing/{name}",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
            for name, uri in inputs.items()
        ],
    }
    if outputs:
        arguments["ProcessingOutputConfig"] = {
            "Outputs": [
                {
                    "OutputName": name,
                    "S3Output": {
                        "S3Uri": _run(given, name),
                        "LocalPath": path,
                        "S3UploadMode": "EndOfJob",
                    },
                }
                for name, path in outputs.items()
            ]
        }
    return {
        "Name": step.capitalize(),
        "Type": "Processing",
        "RetryPolicies": RETRY,
        "Arguments": arguments,
    }


def image(given: Json, step: str, tag: str) -> str:
    """The whole name of the image of a step."""
    return f"{given['images']}:{given['name']}-{step}-{tag}"


def _network(given: Json, step: str) -> Json:
    return {
        "SecurityGroupIds": [given["network"]["security_groups"][step]],
        "Subnets": given["network"]["subnets"],
    }


def _run(given: Json, *what: str | Json) -> Json:
    """A place in the bucket that only this run has, so that two runs never write over each other."""
    where = f"s3://{given['bucket']}/pipelines/{given['name']}/runs"
    execution = {"Get": "Execution.PipelineExecutionId"}
    return {"Std:Join": {"On": "/", "Values": [where, execution, *what]}}


def _output(step: str, name: str) -> Json:
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri"}


def references(part: Any) -> list[str]:
    """Every `Get` below a part of a definition."""
    if isinstance(part, dict):
        own = [part["Get"]] if set(part) == {"Get"} else []
        return own + [found for value in part.values() for found in references(value)]
    if isinstance(part, list):
        return [found for value in part for found in references(value)]
    return []


def problems(definition: Json) -> list[str]:
    """What SageMaker would refuse, or what would fail only when it runs; [] if there is nothing."""
    found, seen = [], dict[str, Json]()
    parameters = {one["Name"] for one in definition["Parameters"]}
    for step in definition["Steps"]:
        name = step["Name"]
        if name in seen:
            found.append(f"two steps are called {name}")
        for reference in references(step["Arguments"]):
            found += [f"{name}: {text}" for text in _broken(reference, parameters, seen)]
        seen[name] = step
    return found


def _broken(reference: str, parameters: set[str], before: dict[str, Json]) -> list[str]:
    match = _REFERENCE.match(reference)
    if match is None:
        return [f"{reference} is no reference"]
    step, parameter = match.groups()
    if parameter and parameter not in parameters:
        return [f"{reference}: there is no parameter {parameter}"]
    if step and step not in before:
        return [f"{reference}: no step before it is called {step}"]
    output = _OUTPUT.match(reference)
    if output:
        config = before[step]["Arguments"].get("ProcessingOutputConfig", {"Outputs": []})
        if output[2] not in {one["OutputName"] for one in config["Outputs"]}:
            return [f"{reference}: {step} has no output {output[2]}"]
    return []


def placeholders(given: Json) -> list[str]:
    """What is still the example's: with it nothing can run."""
    found = []
    if given["account"] == "123456789012":
        found.append("settings.json has the account of the example, 123456789012")
    network = given["network"]
    if any(one.startswith("subnet-0000000") for one in network["subnets"]):
        found.append("network.json has the subnets of the example")
    for step, group in network["security_groups"].items():
        if group.startswith("sg-0000000"):
            found.append(f"network.json has the security group of the example for {step}")
    return found
