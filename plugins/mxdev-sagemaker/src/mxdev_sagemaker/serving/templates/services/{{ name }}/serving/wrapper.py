"""The one class behind which every model stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from serving.inputs import Inputs


class Wrapper(ABC):
    """A model of any framework.

    It is made with the folder that was unpacked from model.tar.gz; then `load` is called once, and `transform` for each batch, one at a
    time.

    Attributes:
        folder: where the model's files are.
        settings: what its `model.json` says, `{}` without one.
        inputs: what a row must have; from `model.json`, or set by `load` where the model itself knows.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], inputs: Inputs) -> None:
        self.folder = folder
        self.settings = settings
        self.inputs = inputs

    @abstractmethod
    def load(self) -> None:
        """Make the model ready to answer, so that the first answer takes no longer than the others."""

    @abstractmethod
    def transform(self, rows: list[dict[str, Any]]) -> list[Any]:
        """One answer for each row, in their order; each is what JSON can say.

        Args:
            rows: one or more, checked against `inputs`. A transform may be called again for the same rows: it must change nothing.
        """

    def file(self, *suffixes: str) -> Path:
        """The model's own file: the one that `model.json` names, or the only one that ends so.

        Raises:
            FileNotFoundError: there is none, or more than one.
        """
        if named := self.settings.get("file"):
            path = self.folder / str(named)
            if not path.resolve().is_relative_to(self.folder.resolve()) or not path.is_file():
                raise FileNotFoundError(f"model.json names {named}, which is not in the model")
            return path
        found = sorted(path for path in self.folder.rglob("*") if path.suffix in suffixes)
        if len(found) != 1:
            names = ", ".join(str(path.relative_to(self.folder)) for path in found) or "none"
            raise FileNotFoundError(
                f"one file that ends in {' or '.join(suffixes)} is wanted, and there is {names}: "
                "name it in model.json"
            )
        return found[0]
