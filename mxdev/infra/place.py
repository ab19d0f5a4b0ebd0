"""Where a project's Terraform lies, and the names that are written there."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from mxdev.errors import Refused
from mxdev.project.project import Project

FOLDER = "infrastructure/terraform"
_SETTING = r'^[ \t]*{key}[ \t]*=[ \t]*"([^"\n]+)"'


@dataclass(frozen=True)
class Place:
    """A project's Terraform.

    Attributes:
        folder: the folder that Terraform runs in.
        name: the project's name, which a person types before data is destroyed.
    """

    folder: Path
    name: str

    @property
    def data(self) -> Path:
        """Where Terraform keeps what it downloaded and which backend it uses; TF_DATA_DIR moves it."""
        return self.folder / (os.environ.get("TF_DATA_DIR") or ".terraform")

    def setting(self, key: str, file: str = "terraform.tfvars") -> str | None:
        """The value of `key = "value"` in a file of the folder; None if there is no such line, or no such file."""
        try:
            text = (self.folder / file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        found = re.search(_SETTING.format(key=re.escape(key)), text, re.MULTILINE)
        return found[1] if found else None

    def shown(self, file: str) -> str:
        """A file of the folder, as a person in the project would name it."""
        return f"{FOLDER}/{file}"


def find(root: Path) -> Place:
    """The Terraform of the project in `root`.

    Raises:
        Refused: it has none.
        MxError: the project cannot be read.
    """
    options = Project.load(root).options
    folder = root / FOLDER
    if not any(folder.glob("*.tf")):
        on_existing = options.get("cloud") == "existing"
        raise Refused(
            f"There is no Terraform here: {FOLDER} has no .tf file.",
            hint="This project runs on a cluster that exists already (cloud: existing), so there is nothing to make."
            if on_existing
            else "`mx generate MLProjectSkeleton` renders it.",
        )
    return Place(folder, str(options.get("name") or root.name))
