"""The steps that keep an experiment: its weights under their time, and what they are in the registry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev import State, Step

from mxdev_shipyard.experiment import place, training
from mxdev_shipyard.experiment.training import Record
from mxdev_shipyard.onboarding import aws
from mxdev_shipyard.onboarding.settings import Settings


def steps(settings: Settings, record: Record, repository: str, root: Path) -> list[Step]:
    """Both steps."""
    return [
        Stored(name="weights", title=f"Weights of {record.trained}", settings=settings, record=record, repository=repository, root=root),
        Described(name="registry", title=f"What {record.model} is, in the registry", needs=("weights",), early=True,
                  settings=settings, record=record, repository=repository),
    ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Stored(Step):
    """The weights, their metrics and what they were made of are in S3, below the time of the training."""

    settings: Settings
    record: Record
    repository: str
    root: Path
    permissions: tuple[str, ...] = ("s3:GetObject", "s3:PutObject", "s3:ListBucket")

    @property
    def address(self) -> place.Address:
        """Where: what a release names as its weights."""
        return place.Address(self.settings.bucket, f"{self.repository}/models/{self.record.trained}")

    def look(self) -> State:
        """Whether each is there as it is here; weights that are there are never replaced."""
        missing = []
        for name in self._names():
            there = place.read(self.address / name, self.settings.region)
            if there is None:
                missing.append(name)
            elif there != self._file(name).read_bytes():
                return State.blocked(
                    f"{self.address / name} is there already, of another training",
                    "Train once more: weights are never replaced.",
                )
        return State.create(str(self.address)) if missing else State.done(str(self.address))

    def do(self, say: Any) -> None:
        """Put them there; the weights last, so that where there are weights all else is, too."""
        for name in self._names():
            if place.read(self.address / name, self.settings.region) is None:
                place.write(self.address / name, self._file(name).read_bytes(), self.settings.region)
                say(str(self.address / name))

    def _names(self) -> tuple[str, ...]:
        return (training.RECORD, training.METRICS, training.WEIGHTS)

    def _file(self, name: str) -> Path:
        return self.root / training.FOLDER / name


@dataclass(frozen=True, kw_only=True)
class Described(Step):
    """The model's registry says its architecture, its author, and the newest training, as tags."""

    settings: Settings
    record: Record
    repository: str
    permissions: tuple[str, ...] = ("ecr:DescribeRepositories", "ecr:ListTagsForResource", "ecr:TagResource")

    def look(self) -> State:
        """Whether the tags say so; a newer training's stay."""
        with aws.told():
            arn = self._arn()
            if arn is None:
                return State.blocked(f"there is no registry {self.repository}", "Run `mx onboard` first.")
            found = self._tags(arn)
        wanted = self._wanted(found)
        differ = {key for key, value in wanted.items() if found.get(key) != value}
        return State.change(", ".join(sorted(differ))) if differ else State.done()

    def do(self, say: Any) -> None:
        """Set the tags."""
        with aws.told():
            arn = self._arn()
            tags = [{"Key": key, "Value": value} for key, value in self._wanted(self._tags(arn)).items()]
            aws.client("ecr", self.settings.region).tag_resource(resourceArn=arn, tags=tags)

    def _wanted(self, found: dict[str, str]) -> dict[str, str]:
        newest = max(found.get("shipyard:trained", ""), self.record.trained)
        tags = {"shipyard:architecture": self.record.architecture, "shipyard:trained": newest}
        # Whose registry it is decides who may onboard again, so what stands there stays.
        tags[aws.OWNER] = found.get(aws.OWNER, self.record.author)
        return {key: value for key, value in tags.items() if value}

    def _arn(self) -> str | None:
        ecr = aws.client("ecr", self.settings.region)
        try:
            found = ecr.describe_repositories(repositoryNames=[self.repository])["repositories"]
        except ecr.exceptions.RepositoryNotFoundException:
            return None
        return str(found[0]["repositoryArn"])

    def _tags(self, arn: str | None) -> dict[str, str]:
        listed = aws.client("ecr", self.settings.region).list_tags_for_resource(resourceArn=arn)
        return {tag["Key"]: tag["Value"] for tag in listed["tags"]}
