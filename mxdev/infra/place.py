"""Where a project's Terraform lies, and the names that are written there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mxdev.errors import Refused
from mxdev.project import cloudless, environments, tfvars
from mxdev.project.project import Project
from mxdev.system.files import plain

FOLDER = tfvars.FOLDER
ENVIRONMENTS = "environments"
# name = "text", also in a block
_WRITTEN = re.compile(r'^[ \t]*([A-Za-z_]\w*)[ \t]*=[ \t]*"([^"\\$%]*)"', re.MULTILINE)


@dataclass(frozen=True)
class Place:
    """A project's Terraform.

    Attributes:
        folder: the folder that Terraform runs in.
        name: what a person types before data is destroyed: the project's name, or the environment's.
        environment: one of several, with values and a state of its own; None: the project's only or first one.
    """

    folder: Path
    name: str
    environment: str | None = None

    @property
    def data(self) -> Path:
        """Where Terraform keeps what it downloaded and which backend it uses; TF_DATA_DIR moves it."""
        base = self.folder / (os.environ.get("TF_DATA_DIR") or ".terraform")
        return base / ENVIRONMENTS / self.environment if self.environment else base

    @property
    def root(self) -> Path:
        """The project."""
        return self.folder.parent.parent

    @property
    def values(self) -> tuple[str, ...]:
        """The files of values that Terraform does not find by itself, relative to the folder."""
        return (f"{ENVIRONMENTS}/{self.environment}.tfvars",) if self.environment else ()

    def code(self) -> Iterator[str]:
        """The lines of all .tf files but comments."""
        for path in sorted(self.folder.glob("*.tf")):
            for line in plain.read(path).decode("utf-8", "replace").splitlines():
                if not line.lstrip().startswith(("#", "//")):
                    yield line

    def setting(self, key: str) -> str | None:
        """The text that Terraform is told for a variable, here or in the first environment; None if it is told none.

        Raises:
            MxError: only Terraform knows it, or a file of values cannot be read.
        """
        return tfvars.text(tfvars.told(self.root, self.environment), key) or None

    def written(self, key: str, file: str) -> str | None:
        """The value of `key = "value"` in a .tf file of the folder; None if there is no such line, or no such file."""
        try:
            data = plain.read(self.folder / file)
        except OSError:
            return None
        lines = _WRITTEN.findall(data.decode("utf-8", "replace"))
        return next((text for name, text in lines if name == key and text), None)

    def command(self, verb: str) -> str:
        """A command of `mx infra` for this environment."""
        return environments.command(f"mx infra {verb}", self.environment)

    def commands(self, text: str) -> str:
        """`text` with the commands that it names made those of this environment."""
        return environments.commands(text, self.environment)

    def shown(self, file: str) -> str:
        """A file of the folder, as a person in the project would name it."""
        return f"{FOLDER}/{file}"


def find(root: Path, environment: str | None = None) -> Place:
    """The Terraform of the project in `root`, or of one of its environments.

    Raises:
        Refused: it has none, or no such environment.
        MxError: the project cannot be read.
    """
    project = Project.load(root)
    options = project.options
    if environment is not None:
        environments.find(project, environment)
    folder = root / FOLDER
    if not any(folder.glob("*.tf")):
        on_existing = options.get("cloud") == "existing"
        raise Refused(
            f"There is no Terraform here: {FOLDER} has no .tf file.",
            hint="This project runs on a cluster that exists already (cloud: existing), so there is nothing to make."
            if on_existing
            else cloudless.way_out(options) or "`mx generate MLProjectSkeleton` renders it.",
        )
    place = Place(folder, str(options.get("name") or root.name))
    return place if environment is None else _of_environment(place, environment)


def _of_environment(place: Place, environment: str) -> Place:
    found = Place(place.folder, place.name, environment)
    for key in ("name", "bucket_prefix"):
        own = tfvars.text(tfvars.of_file(place.root, f"{FOLDER}/{found.values[0]}"), key) or None
        first = place.setting(key)
        missing = own is None and (first is not None or key == "name")
        if missing or (own is not None and own == first):
            raise _shared(found, key)
    return Place(place.folder, found.setting("name") or place.name, environment)


def _shared(place: Place, key: str) -> Refused:
    return Refused(
        f'{place.shown(place.values[0])} has to say `{key} = "..."`, another than terraform.tfvars.',
        hint="What Terraform makes is named after it, and two environments cannot have the same.",
    )
