"""The step of `mx data run`: the version of the data that a pipeline makes of what is in the bucket is there."""

from __future__ import annotations

import json
import secrets
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev.data import worker
from mxdev.data.pipelines import CLUSTER, DATAFLOW, Pipeline
from mxdev.environment import hydra_words
from mxdev.errors import SAYS_NO, MxError
from mxdev.steps.model import Say, State, Step


@dataclass(frozen=True, kw_only=True)
class Made(Step):
    """A version of the data is complete.

    Attributes:
        root: the project.
        pipeline: what makes it.
        on: who runs it: "local", "dataflow" or "cluster".
        uri: the bucket.
        values: values of its configuration, as Hydra takes them.
        image: that of its workers elsewhere; empty on this machine.
        python: `--python`.
        context: the cluster, as kubectl knows it; None: the one of `mx connect`.
    """

    root: Path
    pipeline: Pipeline
    on: str
    uri: str
    values: tuple[str, ...]
    image: str
    python: str | None
    context: str | None

    def look(self) -> State:
        """Ask which version it would be, and whether it is there."""
        told = self._call("look=true")
        if told["complete"]:
            return State.done(f"{told['folder']}: {_words(told['counts'])}")
        where = {DATAFLOW: f" on Dataflow, by {self.image}", CLUSTER: f" on the cluster, by {self.image}"}
        bills = ("Dataflow: its workers, while they run",) if self.on == DATAFLOW else ()
        return State.create(f"{told['source']} becomes {told['folder']}{where.get(self.on, '')}", bills=bills)

    def do(self, say: Say) -> None:
        """Make it."""
        if self.on == CLUSTER:
            self._submit(self._call("look=true")["version"])
            told = self._call("look=true")
            if not told["complete"]:
                raise MxError(f"The Job has ended, and {told['folder']} is not complete.")
        else:
            told = self._call(*self._dataflow())
        say(f"{told['folder']}: {_words(told['counts'])}")

    def _call(self, *words: str) -> dict[str, Any]:
        given = [*self.values, _value("bucket", self.uri), *words]
        return worker.call_module(self.root, self.pipeline.module, given, self.python)

    def _dataflow(self) -> list[str]:
        if self.on != DATAFLOW:
            return []
        given = {**self.pipeline.dataflow, "image": self.image}
        return ["runner=dataflow", *(_value(f"dataflow.{name}", text) for name, text in given.items())]

    def _submit(self, version: str) -> None:
        from mxdev.cluster import manifest
        from mxdev.cluster.session import Session
        from mxdev.connect import target

        words = [*self.values, _value("bucket", self.uri), _value("version", version)]
        # A Job that failed stays for a while, and this is another one.
        name = f"{self.pipeline.image}-{version}-{secrets.token_hex(2)}"
        filled = manifest.fill(
            manifest.read(self.root / self.pipeline.job),
            name=name,
            image=self.image,
            command=shlex.join(["python", "-m", self.pipeline.module, *words]).replace("$", "$$"),
            environment={},
            labels={**manifest.MANAGED_BY, manifest.RUN_LABEL: name},
        )
        with tempfile.TemporaryDirectory(prefix="mx-data-") as folder:
            report = Path(folder, "report.json")
            job = {"manifest": filled, "context": target.context(self.root, self.context), "report": report}
            Session(job).run()
            told = json.loads(report.read_text(encoding="utf-8"))
        if told["outcome"] != "succeeded":
            raise MxError(f"The Job {name} {told['outcome']}: {told['reason'] or 'see above'}", code=SAYS_NO)


def _value(name: str, text: str) -> str:
    return f"{name}={hydra_words.quoted(text, name)}"


def _words(counts: dict[str, Any]) -> str:
    return f"{counts['records']} records, {counts['rejected']} rejected"
