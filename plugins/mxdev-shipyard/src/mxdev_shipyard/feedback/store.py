"""Where feedback is in S3, beside a model's weights and data."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mxdev.errors import MxError

from mxdev_shipyard.experiment import place
from mxdev_shipyard.feedback import table
from mxdev_shipyard.feedback.table import Served, Table
from mxdev_shipyard.onboarding.settings import Settings

TRAINING, EVALUATION, RECORD = "training.csv", "evaluation.csv", "dataset.json"
_VERSION = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)/training\.csv")


@dataclass(frozen=True)
class Store:
    """A model's part of the bucket."""

    settings: Settings
    repository: str

    def at(self, path: str) -> place.Address:
        """What lies at a path of the model's part."""
        return place.Address(self.settings.bucket, f"{self.repository}/{path}")

    def predictions(self) -> list[Served]:
        """What the service has sampled."""
        folder = self.at("feedback/predictions")
        lines: list[str] = []
        for name in sorted(place.below(folder, self.settings.region)):
            lines += self._text(folder / name).splitlines()
        return table.served(lines)

    def labels(self) -> dict[str, Table]:
        """The corrected labels by the names of their files, the oldest first."""
        folder = self.at("feedback/labels")
        found = place.below(folder, self.settings.region)
        ordered = sorted(found, key=lambda name: (str(found[name]["LastModified"]), name))
        return {name: table.parse_labels(self._text(folder / name), str(folder / name)) for name in ordered}

    def versions(self) -> list[str]:
        """The versions of the data set that are whole, the newest first: the training set is written last."""
        names = place.below(self.at("data"), self.settings.region)
        return sorted((found[1] for name in names if (found := _VERSION.fullmatch(name))), reverse=True)

    def data(self, version: str, name: str) -> Table:
        """A file of a version."""
        address = self.at(f"data/{version}/{name}")
        return table.parse(self._text(address), str(address))

    def _text(self, address: place.Address) -> str:
        data = place.read(address, self.settings.region)
        if data is None:
            raise MxError(f"There is nothing at {address}.")
        return data.decode("utf-8", "replace")
