"""The start of a pipeline, which is refused until its configuration is complete."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from mxdev import State, Step
from mxdev.errors import MxError

from mxdev_sagemaker.command.aws import client, code_of, told
from mxdev_sagemaker.command.configuration import Configuration, read
from mxdev_sagemaker.command.place import Place


@dataclass(frozen=True, kw_only=True)
class Start(Step):
    """One run of the pipeline, which bears the name `run`."""

    place: Place
    run: str
    permissions: tuple[str, ...] = ("sagemaker:StartPipelineExecution", "sagemaker:ListPipelineExecutions")
    bills: tuple[str, ...] = ("the instances of the run, while its steps run",)

    def look(self) -> State:
        """Whether it runs; whether it may."""
        found = self._executions()
        if found is None:
            return State.blocked(
                f"SageMaker knows no pipeline {self.place.name}.",
                "The platform makes it when its definition is uploaded; wait a minute, or look at the log of the upsert.",
            )
        for one in found:
            if one.get("PipelineExecutionDisplayName") == self.run:
                return State.done(one["PipelineExecutionArn"])
        configuration = read(self.place)
        if configuration.problems:
            return State.blocked(
                "The configuration is not complete.",
                f"Set what is missing: mx sagemaker config {self.place.name} set KEY=VALUE",
                details=tuple(configuration.problems),
            )
        running = [
            one["PipelineExecutionArn"] for one in found if one["PipelineExecutionStatus"] == "Executing"
        ]
        return State.create(f"beside {len(running)} that runs" if running else "")

    def do(self, say: Any) -> None:
        """Start it."""
        sagemaker = client("sagemaker", self.place.region)
        with told():
            sagemaker.start_pipeline_execution(
                PipelineName=self.place.name,
                PipelineExecutionDisplayName=self.run,
                ClientRequestToken=f"{self.place.name}-{self.run}".ljust(32, "-"),
                PipelineParameters=self._parameters(sagemaker, read(self.place)),
            )

    def _parameters(self, sagemaker: Any, configuration: Configuration) -> list[dict[str, str]]:
        """Keys of the configuration that the definition has as parameters, as the schedule passes them too."""
        described = sagemaker.describe_pipeline(PipelineName=self.place.name)
        try:
            names = {one["Name"] for one in json.loads(described["PipelineDefinition"]).get("Parameters", [])}
        except (ValueError, TypeError, KeyError) as error:
            raise MxError(f"The definition of {self.place.name} on SageMaker is no JSON: {error}") from error
        return [
            {"Name": name, "Value": value if isinstance(value, str) else json.dumps(value)}
            for name, value in configuration.values.items()
            if name in names
        ]

    def _executions(self) -> list[dict[str, Any]] | None:
        from botocore.exceptions import ClientError

        sagemaker = client("sagemaker", self.place.region)
        with told():
            try:
                pages = sagemaker.get_paginator("list_pipeline_executions").paginate(
                    PipelineName=self.place.name
                )
                return [one for page in pages for one in page["PipelineExecutionSummaries"]]
            except ClientError as error:
                if code_of(error) in ("ResourceNotFound", "ValidationException"):
                    return None
                raise
