"""A release of a model in an environment: the image and the weights that its manifest names."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev import State, Step
from mxdev.errors import MxError

from mxdev_shipyard.onboarding import aws, git
from mxdev_shipyard.onboarding.settings import Settings
from mxdev_shipyard.promotion.manifest import Release


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
                return _absent(self._path, self.environment)
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
            self.settings.environments[self.environment], _subject(self.model, self.release.tag), write, say
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
    """The manifest names the release before the one that it names: `from_commit` is the commit that it goes back from."""

    settings: Settings
    environment: str
    model: str
    repository: str
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
            now = _at(root, history[0][0], self._path) if history else None
            if not (root / self._path).exists():
                return _absent(self._path, self.environment)
            if not history or history[0][0] != self.from_commit:
                return State.done(now.tag if now else "nothing")
            before = self._before(root)
        if before is None:
            return State.blocked("there is no release before this one", "Promote another one.")
        return State.change(f"from {now.tag if now else 'nothing'} to {before.tag} with {before.weights}")

    def do(self, say: Any) -> None:
        """Commit image and weights of the release before; what else was changed by hand stays."""

        def write(root: Path) -> None:
            before, place = self._before(root), root / self._path
            if before is not None and place.exists() and _history(root, self._path)[0][0] == self.from_commit:
                text = place.read_text("utf-8")
                place.write_text(before.put_into(text, self.settings.registry, self.repository), "utf-8")

        git.change(
            self.settings.environments[self.environment],
            f"{self.model} goes back to the release before",
            write,
            say,
            whole=True,
        )

    def _before(self, root: Path) -> Release | None:
        """The newest release that was promoted before what runs was, and is another.

        Only what a promotion committed counts: a hand edit of the manifest, and a way back, are no releases of their own.
        """
        history = _history(root, self._path)
        if not history:
            return None
        now = _at(root, history[0][0], self._path)
        promoted = [
            found
            for commit, subject in history
            if subject.startswith(_subject(self.model, ""))
            and (found := _at(root, commit, self._path))
            and subject == _subject(self.model, found.tag)
        ]
        since = promoted.index(now) if now in promoted else 0
        return next((one for one in promoted[since:] if one != now), None)


def _absent(path: str, environment: str) -> State:
    return State.blocked(f"{path} is not in the manifests of {environment}", "Run `mx onboard` first.")


def newest(address: str, model: str) -> str:
    """The newest commit of a model's manifest; empty if there is none."""
    with tempfile.TemporaryDirectory() as folder:
        history = _history(git.clone(address, folder, whole=True), f"{model}/inferenceservice.yaml")
    return history[0][0] if history else ""


def _subject(model: str, tag: str) -> str:
    """What the commit of a promotion is called: a promotion is known again by it."""
    return f"{model} is {tag}"


def _history(root: Path, path: str) -> list[tuple[str, str]]:
    """The commits of a file and their subjects, the newest first."""
    lines = git.run("log", "--format=%H %s", "--", path, cwd=root).splitlines()
    return [(commit, subject) for commit, _, subject in (line.partition(" ") for line in lines)]


def _at(root: Path, commit: str, path: str) -> Release | None:
    """What the manifest of a commit names; None if it was removed by it."""
    try:
        return Release.of(git.run("show", f"{commit}:{path}", cwd=root))
    except MxError:
        return None
