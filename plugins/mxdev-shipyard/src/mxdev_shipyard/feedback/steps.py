"""The steps of the loop: labels go in, and a version of the data set comes of them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from mxdev import State, Step

from mxdev_shipyard.experiment import place
from mxdev_shipyard.feedback.store import EVALUATION, RECORD, TRAINING, Store
from mxdev_shipyard.feedback.table import Table, latest

_TRIES = 3


@dataclass(frozen=True, kw_only=True)
class Labelled(Step):
    """Corrected labels are in S3 and count, under the digest of what they say: the same labels are there once, as new as they were added last."""

    store: Store
    labels: Table
    permissions: tuple[str, ...] = ("s3:GetObject", "s3:ListBucket", "s3:PutObject")

    @property
    def address(self) -> place.Address:
        """Where they are."""
        return self.store.at(f"feedback/labels/{place.digest(self.labels.text().encode())}.csv")

    def look(self) -> State:
        """Whether all that are there say the same with them as without: labels that others corrected since are no longer there."""
        new = self._new()
        return (
            State.create(f"{new} of {len(self.labels.rows)} labels")
            if new
            else State.done("all labels are there")
        )

    def do(self, say: Any) -> None:
        """Put them there, as the newest."""
        for left in reversed(range(_TRIES)):
            place.write(self.address, self.labels.text().encode(), self.store.settings.region)
            if not left or not self._new():
                return
            time.sleep(1)  # S3 tells times in whole seconds: others were put there within this one

    def _new(self) -> int:
        """How many of them do not count."""
        known, wanted = latest(self.store.labels().values()), latest([self.labels])
        return sum(key not in known or known[key][1] != label for key, (_, label) in wanted.items())


@dataclass(frozen=True, kw_only=True)
class DataSet(Step):
    """The newest version of the data set has all labels; `version` is the name of the next one, its time."""

    store: Store
    version: str
    permissions: tuple[str, ...] = ("s3:GetObject", "s3:ListBucket", "s3:PutObject")

    def look(self) -> State:
        """What the labels change of the newest version."""
        versions = self.store.versions()
        if not versions:
            return State.blocked(
                f"there is no data set at {self.store.at('data')}/TIME/{TRAINING}",
                "Put a first version there by hand: training.csv and evaluation.csv.",
            )
        base, wanted, _ = self._wanted(versions[0])
        if wanted.text() == base.text():
            return State.done(f"{versions[0]} has all labels")
        new = len(wanted.rows) - len(base.rows)
        changed = sum(before != after for before, after in zip(base.rows, wanted.rows, strict=False))
        return State.create(f"{self.version}: {versions[0]} with {new} more, {changed} corrected")

    def do(self, say: Any) -> None:
        """Write the version: the training set last, because it makes a version whole."""
        [newest, *_] = self.store.versions()
        _, wanted, names = self._wanted(newest)
        evaluation = place.read(self.store.at(f"data/{newest}/{EVALUATION}"), self.store.settings.region)
        record = {"base": newest, "labels": names, "training": place.digest(wanted.text().encode())}
        files = [(RECORD, json.dumps(record, indent=2).encode() + b"\n"), (TRAINING, wanted.text().encode())]
        if evaluation is not None:  # as it is, so that trainings stay comparable
            files.insert(0, (EVALUATION, evaluation))
        for name, data in files:
            place.write(self.store.at(f"data/{self.version}/{name}"), data, self.store.settings.region)
        say(str(self.store.at(f"data/{self.version}")))

    def _wanted(self, newest: str) -> tuple[Table, Table, list[str]]:
        """The newest version's training set, that with all labels, and the files of these."""
        base = self.store.data(newest, TRAINING)
        labels = self.store.labels()
        evaluated: tuple[tuple[str, ...], ...] = ()
        if place.read(self.store.at(f"data/{newest}/{EVALUATION}"), self.store.settings.region) is not None:
            evaluated = tuple(instance for instance, _ in self.store.data(newest, EVALUATION).rows)
        # What a model is measured by, it must not have learnt.
        return base, base.corrected(labels.values(), without=evaluated), list(labels)
