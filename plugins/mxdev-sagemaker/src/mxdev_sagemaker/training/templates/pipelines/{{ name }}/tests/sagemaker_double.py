"""A double of SageMaker: it walks the definition as it is uploaded, and runs each step's script as a process.

It is no container: the packages are those of this interpreter, and instances, roles and networks are taken as given. Data goes
through S3 as in a run: what a step reads is fetched from where the step before has put it. A search draws at random here, whatever its strategy.
"""

from __future__ import annotations

import json
import os
import random
import re
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
    best: dict[str, str] = field(default_factory=dict)
    drawn: dict[str, dict[str, str]] = field(default_factory=dict)

    def walk(self) -> None:
        """Run all steps in their order. StepFailedError if one fails; those after it do not run."""
        for step in self.definition["Steps"]:
            root = self.work / self.execution / step["Name"]
            root.mkdir(parents=True)
            if step["Type"] == "Training":
                uri = self._training(step["Name"], step["Arguments"], root, "job", {})
                self.artifacts[step["Name"]] = uri
            elif step["Type"] == "Tuning":
                self._search(step, root)
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
        if rest == "BestTrainingJob.TrainingJobName":
            return self.best[name]
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

    def _training(
        self, name: str, arguments: Json, root: Path, job: str, drawn: dict[str, str]
    ) -> str:
        """Run a training; where its model is."""
        for channel in arguments["InputDataConfig"]:
            uri = self.value(channel["DataSource"]["S3DataSource"]["S3Uri"])
            self._download(uri, root / "input/data" / channel["ChannelName"])
        (root / "input/config").mkdir()
        (root / "input/config/hyperparameters.json").write_text(json.dumps(drawn), "utf-8")
        image = arguments["AlgorithmSpecification"]["TrainingImage"]
        self._script(name, image, root, {}, "train")
        archive = root / "model.tar.gz"
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(root / "model", arcname=".")
        output = self.value(arguments["OutputDataConfig"]["S3OutputPath"])
        uri = f"{output}/{job}/output/model.tar.gz"
        place = urlsplit(uri)
        self.s3.upload_file(str(archive), place.netloc, place.path.lstrip("/"))
        return uri

    def _search(self, step: Json, root: Path) -> None:
        """Run the trainings of a search, and note the best."""
        config = step["Arguments"]["HyperParameterTuningJobConfig"]
        training = step["Arguments"]["TrainingJobDefinition"]
        objective = config["HyperParameterTuningJobObjective"]
        (regex,) = (
            one["Regex"]
            for one in training["AlgorithmSpecification"]["MetricDefinitions"]
            if one["Name"] == objective["MetricName"]
        )
        draw, scores = random.Random(1), dict[str, float]()
        for trial in range(config["ResourceLimits"]["MaxNumberOfTrainingJobs"]):
            job, own = f"trial{trial}", root / f"trial{trial}"
            own.mkdir()
            drawn = _drawn(config["ParameterRanges"], draw)
            own_name = {"_tuning_objective_metric": objective["MetricName"]}
            uri = self._training(step["Name"], training, own, job, drawn | own_name)
            measured = re.findall(regex, self.said[step["Name"]])
            if not measured:
                raise StepFailedError(f"{job} printed no {objective['MetricName']}")
            scores[job] = float(measured[-1])
            self.artifacts[job], self.drawn[job] = uri, drawn
        pick = max if objective["Type"] == "Maximize" else min
        self.best[step["Name"]] = pick(scores, key=lambda job: scores[job])

    def _script(
        self, name: str, image: str, root: Path, environment: dict[str, str], *arguments: str
    ) -> None:
        folder = FOLDER / "steps" / ("training" if name == "Search" else name.lower())
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


def _drawn(ranges: Json, draw: random.Random) -> dict[str, str]:
    """A value of each range, as the text that SageMaker hands on."""
    values = {
        one["Name"]: str(draw.choice(one["Values"]))
        for one in ranges.get("CategoricalParameterRanges", ())
    }
    for one in ranges.get("IntegerParameterRanges", ()):
        values[one["Name"]] = str(draw.randint(int(one["MinValue"]), int(one["MaxValue"])))
    for one in ranges.get("ContinuousParameterRanges", ()):
        low, high = float(one["MinValue"]), float(one["MaxValue"])
        if one["ScalingType"] == "Logarithmic":
            values[one["Name"]] = str(low * (high / low) ** draw.random())
        else:
            values[one["Name"]] = str(draw.uniform(low, high))
    return values


def _under(root: Path, path: str) -> Path:
    return root / path.removeprefix("/opt/ml/")
