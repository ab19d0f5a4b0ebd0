#!/usr/bin/env python3
"""Builds the definition of the pipeline, and uploads it: the platform then makes or changes the pipeline and its schedule.

`build` needs nothing but Python; `upload` needs boto3 and a login to AWS.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import definition
import search

HERE = Path(__file__).resolve().parent
# The definition comes last: its upload is what the platform acts on.
FILES = ("configuration.schema.json", "schedule.json", "definition.json")


class PipelineError(Exception):
    """What went wrong, and what to do about it."""


def build(out: Path, tag: str) -> None:
    """Write the definition, the schedule and the configuration's schema into `out`.

    Raises:
        PipelineError: the definition is one that SageMaker would refuse.
    """
    given = definition.settings(HERE)
    made = definition.build(given, tag)
    schema = json.loads((HERE / "configuration.schema.json").read_text(encoding="utf-8"))
    wrong = definition.problems(made)
    if given["search"]:
        wrong += search.problems(given["search"], set(definition.METRICS), schema["properties"])
    if wrong:
        raise PipelineError(
            "The definition is not sound:\n" + "\n".join(f"  {one}" for one in wrong)
        )
    out.mkdir(parents=True, exist_ok=True)
    for name, data in zip(FILES, (schema, given["schedule"], made), strict=True):
        (out / name).write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def upload(out: Path, tag: str) -> list[str]:
    """Upload what was built, and make the configuration, empty, where there is none. What was done, in lines.

    Raises:
        PipelineError: settings are still the example's, nothing was built for `tag`, or the bucket keeps no versions.
    """
    import boto3

    given = definition.settings(HERE)
    if lacks := definition.placeholders(given):
        raise PipelineError("Nothing was uploaded:\n" + "\n".join(f"  {one}" for one in lacks))
    built = {name: _built(out / name) for name in FILES}
    if built["definition.json"] != definition.build(given, tag):
        raise PipelineError(
            f"{out} was not built for {tag}, or settings.json has changed: run `build --tag {tag}`."
        )
    session = boto3.Session(region_name=given["region"])
    s3 = session.client("s3")
    bucket, name = given["bucket"], given["name"]
    done = [_configuration(session.client("ssm"), name)]
    for file in FILES:
        put = s3.put_object(
            Bucket=bucket,
            Key=f"pipelines/{name}/{file}",
            Body=(out / file).read_bytes(),
            ContentType="application/json",
            Metadata={"tag": tag},
        )
        # The definition is the last file: without versions it is not uploaded.
        if "VersionId" not in put:
            raise PipelineError(
                f"The bucket {bucket} keeps no versions, so that an upload could not be taken back. Enable them."
            )
        done.append(f"s3://{bucket}/pipelines/{name}/{file} is version {put['VersionId']}")
    return done


def network(outputs: str) -> None:
    """Write network.json from what `terraform output -json` prints in the platform's repository.

    Raises:
        PipelineError: it lacks an output, or a step has no security group.
    """
    try:
        found = {name: it["value"] for name, it in json.loads(outputs).items()}
        steps = definition.settings(HERE)["steps"]
        made = {
            "subnets": sorted(found["private_subnets"]),
            "security_groups": {step: found["step_groups"][step] for step in steps},
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PipelineError(
            f"That is not what `terraform output -json` prints for the platform: {error!r}"
        ) from error
    text = json.dumps(made, indent=2) + "\n"
    (HERE / "network.json").write_text(text, encoding="utf-8")


def _built(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PipelineError(f"{path} cannot be read: {error}. Run `build` first.") from error


def _configuration(ssm: Any, name: str) -> str:
    """Make the parameter, empty. One that is there keeps what people have set."""
    parameter = f"/sagemaker/{name}/configuration"
    try:
        ssm.put_parameter(
            Name=parameter,
            Description=f"Configuration of the training pipeline {name}.",
            Type="String",
            Value="{}",
            Overwrite=False,
        )
    except ssm.exceptions.ParameterAlreadyExists:
        return f"{parameter} is there already"
    return f"{parameter} was made, empty: `mx sagemaker config {name}` says who owes what"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, text in (
        ("build", "build the definition, the schedule and the schema"),
        ("upload", "upload what was built"),
        ("images", "print the name of each step's image"),
        ("network", "write network.json from the platform's outputs, on stdin"),
    ):
        one = verbs.add_parser(verb, help=text)
        one.add_argument("--tag", default="local", help="the tag of the images: in CI the commit")
        one.add_argument("--out", type=Path, default=HERE / "build", help="where the files are")
    given = parser.parse_args(arguments)
    try:
        if given.verb == "images":
            own = definition.settings(HERE)
            for step in own["steps"]:
                print(step, definition.image(own, step, given.tag))
        elif given.verb == "network":
            network(sys.stdin.read())
        elif given.verb == "build":
            build(given.out, given.tag)
            print(f"{given.out / 'definition.json'} is built for the images {given.tag}")
        else:
            print("\n".join(_reached(given.out, given.tag)))
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _reached(out: Path, tag: str) -> list[str]:
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise PipelineError("boto3 is missing: pip install boto3") from error
    try:
        return upload(out, tag)
    except (BotoCoreError, ClientError) as error:
        raise PipelineError(f"AWS refused or could not be reached: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
