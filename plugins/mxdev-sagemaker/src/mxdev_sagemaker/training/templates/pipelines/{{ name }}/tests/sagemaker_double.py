"""A double of SageMaker: it walks the definition as it is uploaded, and runs each step's script as a process.

It is no container: the packages are those of this interpreter, and instances, roles and networks are taken as given. Data goes
through S3 as in a run: what a step reads is fetched from where the step before has put it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FOLDER = Path(__file__).resolve().parents[1]
SCRIPTS = {
    "processing": "process.py",
    "training": "train.py",
    "evaluation": "evaluate.py",
    "registration": "register.py",
}
Json = dict[str, Any]


class StepFailedError(Exception):
    """A script ended with another code than 0: what it said."""


@dataclass
class Run:
    """One execution of a pipeline.

    Attributes:
        definition: what was uploaded.
        s3: a client of S3.
        work: an empty folder.
        execution: the id of the execution.
        said: what each step printed.
    """

    definition: Json
    s3: Any
    work: Path
    execution: str = "run1"
    said: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)

    def walk(self) -> None:
        """Run all steps in their order. StepFailedError if one fails; those after it do not run."""
        for step in self.definition["Steps"]:
            root = self.work / self.execution / step["Name"]
            root.mkdir(parents=True)
            if step["Type"] == "Training":
                self._training(step, root)
            else:
                self._processing(step, root)

    def value(self, given: Any) -> Any:
        """What a part of the definition means in this run."""
        if isinstance(given, dict) and set(given) == {"Std:Join"}:
            join = given["Std:Join"]
            return join["On"].join(str(self.value(part)) for part in join["Values"])
        if isinstance(given, dict) and set(given) == {"Get"}:
            return self._get(given["Get"])
        return given

    def _get(self, reference: str) -> Any:
        head, _, rest = reference.partition(".")
        if head == "Execution":
            arn = (
                f"arn:aws:sagemaker:eu-central-1:123456789012:pipeline/p/execution/{self.execution}"
            )
            return {"PipelineExecutionId": self.execution, "PipelineExecutionArn": arn}[rest]
        if head == "Parameters":
            named = {one["Name"]: one["DefaultValue"] for one in self.definition["Parameters"]}
            return named[rest]
        name, _, rest = rest.partition(".")
        if rest == "ModelArtifacts.S3ModelArtifacts":
            return self.artifacts[name]
        step = next(one for one in self.definition["Steps"] if one["Name"] == name)
        outputs = step["Arguments"]["ProcessingOutputConfig"]["Outputs"]
        wanted = rest.split("'")[1]
        found = next(one for one in outputs if one["OutputName"] == wanted)
        return self.value(found["S3Output"]["S3Uri"])

    def _processing(self, step: Json, root: Path) -> None:
        arguments = step["Arguments"]
        for one in arguments["ProcessingInputs"]:
            source = one["S3Input"]
            self._download(self.value(source["S3Uri"]), _under(root, source["LocalPath"]))
        environment = {
            name: str(self.value(value)) for name, value in arguments["Environment"].items()
        }
        self._script(step["Name"], arguments["AppSpecification"]["ImageUri"], root, environment)
        for one in arguments.get("ProcessingOutputConfig", {"Outputs": []})["Outputs"]:
            target = one["S3Output"]
            self._upload(_under(root, target["LocalPath"]), self.value(target["S3Uri"]))

    def _training(self, step: Json, root: Path) -> None:
        arguments = step["Arguments"]
        for channel in arguments["InputDataConfig"]:
            uri = self.value(channel["DataSource"]["S3DataSource"]["S3Uri"])
            self._download(uri, root / "input/data" / channel["ChannelName"])
        image = arguments["AlgorithmSpecification"]["TrainingImage"]
        self._script(step["Name"], image, root, {}, "train")
        archive = root / "model.tar.gz"
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(root / "model", arcname=".")
        uri = f"{self.value(arguments['OutputDataConfig']['S3OutputPath'])}/job/output/model.tar.gz"
        place = urlsplit(uri)
        self.s3.upload_file(str(archive), place.netloc, place.path.lstrip("/"))
        self.artifacts[step["Name"]] = uri

    def _script(
        self, name: str, image: str, root: Path, environment: dict[str, str], *arguments: str
    ) -> None:
        folder = FOLDER / "steps" / name.lower()
        if f"-{folder.name}-" not in image:
            raise StepFailedError(f"{name} runs {image}, which is the image of another step")
        done = subprocess.run(
            [sys.executable, folder / SCRIPTS[folder.name], *arguments],
            env={
                **os.environ,
                **environment,
                "ML_ROOT": str(root),
                "PYTHONPATH": str(FOLDER / "steps"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        self.said[name] = done.stdout
        if done.returncode:
            raise StepFailedError(f"{name}: {done.stderr}")

    def _download(self, uri: str, folder: Path) -> None:
        place = urlsplit(uri)
        prefix = place.path.lstrip("/")
        pages = self.s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=place.netloc, Prefix=prefix):
            for item in page.get("Contents", ()):
                own = item["Key"].removeprefix(prefix).lstrip("/") or Path(prefix).name
                path = folder / own
                path.parent.mkdir(parents=True, exist_ok=True)
                self.s3.download_file(place.netloc, item["Key"], str(path))

    def _upload(self, folder: Path, uri: str) -> None:
        place = urlsplit(uri)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                key = f"{place.path.lstrip('/')}/{path.relative_to(folder).as_posix()}"
                self.s3.upload_file(str(path), place.netloc, key)


def _under(root: Path, path: str) -> Path:
    return root / path.removeprefix("/opt/ml/")
