"""A release of a model in an environment: the image and the weights that its manifest names."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev import State, Step
from mxdev.errors import Refused

from mxdev_shipyard.onboarding import aws, git
from mxdev_shipyard.onboarding.settings import Settings

STOP = "serving.kserve.io/stop"


@dataclass(frozen=True)
class Release:
    """What runs: the image's tag and the weights' path."""

    tag: str
    weights: str

    def put_into(self, manifest: str, registry: str, repository: str) -> str:
        """The manifest with this release in it, running.

        Raises:
            Refused: it is no manifest of KServe with a container and its STORAGE_URI.
        """
        import yaml

        try:
            data = yaml.safe_load(manifest)
            (container,) = data["spec"]["predictor"]["containers"]
            (storage,) = (one for one in container["env"] if one["name"] == "STORAGE_URI")
            annotations = data["metadata"].get("annotations") or {}
        except (KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
            raise Refused(
                "The manifest has no container with STORAGE_URI.", hint="`mx onboard` makes one."
            ) from error
        container["image"], storage["value"] = f"{registry}/{repository}:{self.tag}", self.weights
        annotations.pop(STOP, None)
        if not annotations:
            data["metadata"].pop("annotations", None)
        return str(yaml.safe_dump(data, sort_keys=False, explicit_start=True))


@dataclass(frozen=True, kw_only=True)
class Promote(Step):
    """A release is what an environment's manifest names."""

    settings: Settings
    environment: str
    model: str
    repository: str
    release: Release
    permissions: tuple[str, ...] = (
        "ecr:DescribeImages",
        "s3:ListBucket",
        "Git: push to the repository of manifests",
    )

    @property
    def _path(self) -> str:
        return f"{self.model}/inferenceservice.yaml"

    def look(self) -> State:
        """Whether it is, and whether image and weights are there."""
        if lacks := self._missing():
            return State.blocked(lacks, "Build the image, or train, first.")
        with tempfile.TemporaryDirectory() as folder:
            place = git.clone(self.settings.environments[self.environment], folder) / self._path
            if not place.exists():
                return State.blocked(
                    f"{self._path} is not in the manifests of {self.environment}", "Run `mx onboard` first."
                )
            text = place.read_text("utf-8")
        if self.release.put_into(text, self.settings.registry, self.repository) == text:
            return State.done(f"{self.release.tag} with {self.release.weights}")
        return State.change(f"to {self.release.tag} with {self.release.weights}")

    def do(self, say: Any) -> None:
        """Commit it."""

        def write(root: Path) -> None:
            place = root / self._path
            place.write_text(
                self.release.put_into(place.read_text("utf-8"), self.settings.registry, self.repository),
                "utf-8",
            )

        git.change(
            self.settings.environments[self.environment], f"{self.model} is {self.release.tag}", write, say
        )

    def _missing(self) -> str:
        found = re.fullmatch(r"s3://([^/]+)/(.+?)/?", self.release.weights)
        if found is None:
            return f"{self.release.weights} is no path in S3"
        with aws.told():
            ecr = aws.client("ecr", self.settings.region)
            try:
                ecr.describe_images(repositoryName=self.repository, imageIds=[{"imageTag": self.release.tag}])
            except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
                return f"there is no image {self.repository}:{self.release.tag}"
            s3 = aws.client("s3", self.settings.region)
            listed = s3.list_objects_v2(Bucket=found[1], Prefix=f"{found[2]}/", MaxKeys=1)
        return "" if listed.get("KeyCount") else f"there are no weights at {self.release.weights}"


@dataclass(frozen=True, kw_only=True)
class Back(Step):
    """The manifest is what it was before the newest release: `from_commit` is the commit that it goes back from."""

    settings: Settings
    environment: str
    model: str
    from_commit: str
    permissions: tuple[str, ...] = ("Git: push to the repository of manifests",)

    @property
    def _path(self) -> str:
        return f"{self.model}/inferenceservice.yaml"

    def look(self) -> State:
        """Whether the newest commit of the manifest is still the one to go back from."""
        with tempfile.TemporaryDirectory() as folder:
            root = git.clone(self.settings.environments[self.environment], folder, whole=True)
            history = _history(root, self._path)
            if not history or history[0] != self.from_commit:
                return State.done(_release_of(root, self._path))
            if len(history) < 2 or STOP in git.run("show", f"{history[1]}:{self._path}", cwd=root):
                return State.blocked("there is no release before this one", "Promote another one.")
            return State.change(f"from {_release_of(root, self._path)}")

    def do(self, say: Any) -> None:
        """Commit what the manifest was before."""

        def write(root: Path) -> None:
            history = _history(root, self._path)
            if history[0] == self.from_commit:
                (root / self._path).write_text(
                    git.run("show", f"{history[1]}:{self._path}", cwd=root), "utf-8"
                )

        git.change(
            self.settings.environments[self.environment],
            f"{self.model} goes back to the release before",
            write,
            say,
            whole=True,
        )


def newest(address: str, model: str) -> str:
    """The newest commit of a model's manifest; empty if there is none."""
    with tempfile.TemporaryDirectory() as folder:
        history = _history(git.clone(address, folder, whole=True), f"{model}/inferenceservice.yaml")
    return history[0] if history else ""


def _history(root: Path, path: str) -> list[str]:
    return git.run("log", "--format=%H", "--", path, cwd=root).split()


def _release_of(root: Path, path: str) -> str:
    found = (
        re.search(r"image: \S+:(\S+)", (root / path).read_text("utf-8")) if (root / path).exists() else None
    )
    return found[1] if found else "nothing"
