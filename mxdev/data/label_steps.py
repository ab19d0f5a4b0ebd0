"""The steps of `mx labels`: images of the bucket are tasks in CVAT, and what was labelled is a data set of the bucket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mxdev.data import worker
from mxdev.steps.model import Say, State, Step


@dataclass(frozen=True, kw_only=True)
class _InCvat(Step):
    """What is done in CVAT.

    Attributes:
        root: the project.
        job: what the script in the project's interpreter is told, with the login.
        python: `--python`.
    """

    root: Path
    job: Mapping[str, Any] = field(repr=False)
    python: str | None

    def _call(self, *, look: bool) -> dict[str, Any]:
        return worker.call(self.root, "cvat", {**self.job, "look": look}, self.python)


class Created(_InCvat):
    """Every image of a folder is in a task of the project in CVAT."""

    def look(self) -> State:
        """Ask CVAT which images it has."""
        told = self._call(look=True)
        if told["complete"]:
            return State.done(f"{told['images']} images")
        return State.create(f"{told['left']} of {told['images']} images, in {told['tasks']} new tasks")

    def do(self, say: Say) -> None:
        """Make the project and the tasks that are missing."""
        say(f"{self._call(look=False)['images']} images are in CVAT")


class Exported(_InCvat):
    """What is labelled now is a data set of the bucket, with a version of its own."""

    def look(self) -> State:
        """Ask CVAT for the labels, and the bucket for the version that they are."""
        told = self._call(look=True)
        classes = ", ".join(f"{count} {name}" for name, count in sorted(told["classes"].items()))
        why = f"{told['folder']}: {told['images']} images{f' ({classes})' if classes else ''}, {told['unlabelled']} without a label"
        return State.done(why) if told["complete"] else State.create(why)

    def do(self, say: Say) -> None:
        """Write it."""
        say(f"the data set is {self.job['uri']}/{self._call(look=False)['folder']}")
