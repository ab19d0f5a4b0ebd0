"""The table of what a project makes data by: `infrastructure/pipelines.yaml`, one section for each pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev.errors import MxError, UsageProblem
from mxdev.sections.yaml import values as yaml_values
from mxdev.system.files import plain

FILE = "infrastructure/pipelines.yaml"
DATAFLOW, CLUSTER = "dataflow", "cluster"


@dataclass(frozen=True)
class Pipeline:
    """One line of the table.

    Attributes:
        name: what `mx data run NAME` calls it.
        title: what it does, for a person.
        module: what is run, by the project's interpreter.
        image: what its image is called, a stage of the Dockerfile.
        requires: what must be installed beside the project, as pip takes it, by the name of its module.
        dataflow: where Google's Dataflow runs it; empty: it does not.
        job: the template of its Job on the cluster; empty: there is none.
    """

    name: str
    title: str
    module: str
    image: str
    requires: Mapping[str, str]
    dataflow: Mapping[str, str]
    job: str

    @property
    def elsewhere(self) -> list[str]:
        """Where it runs besides this machine."""
        return [DATAFLOW] * bool(self.dataflow) + [CLUSTER] * bool(self.job)


def chosen(root: Path, name: str) -> Pipeline:
    """The pipeline called `name`.

    Raises:
        UsageProblem: there is none of that name.
        MxError: the table is none, or cannot be read.
    """
    found = _read(root)
    if not found:
        raise UsageProblem(
            "The project has no pipeline yet.", hint="`mx generate BeamPipeline NAME` makes one."
        )
    if name not in found:
        listed = "\n".join(f"  mx data run {one.name}: {one.title}" for one in found.values())
        raise UsageProblem(f"The project has no pipeline called {name}. There are:\n{listed}")
    return found[name]


def _read(root: Path) -> dict[str, Pipeline]:
    path = root / FILE
    if not path.is_file():
        return {}
    whole = yaml_values.load(plain.read(path), FILE)
    entries = whole.get("pipelines") if isinstance(whole, dict) else None
    if not isinstance(entries, dict):
        raise MxError(
            f"{FILE}: `pipelines` is not a mapping.", hint="Repair the file, or take it back from Git."
        )
    return {str(name): _entry(str(name), entry) for name, entry in entries.items()}


def _entry(name: str, entry: Any) -> Pipeline:
    part = entry if isinstance(entry, dict) else {}
    texts: dict[str, Any] = {key: part.get(key, "") for key in ("title", "module", "image", "job")}
    tables: dict[str, Any] = {key: part.get(key) or {} for key in ("requires", "dataflow")}
    right = all(isinstance(text, str) for text in texts.values())
    right = right and all(
        isinstance(table, dict) and all(isinstance(text, str) for text in table.values())
        for table in tables.values()
    )
    if not right or not texts["module"] or not texts["image"]:
        raise MxError(
            f"{FILE}: pipelines.{name} must have `module` and `image`, and texts only.",
            hint=f"Take the file back from Git, or render it again: `mx update --restore {FILE}`.",
        )
    return Pipeline(
        name=name,
        title=texts["title"] or name,
        module=texts["module"],
        image=texts["image"],
        requires=tables["requires"],
        dataflow=tables["dataflow"],
        job=texts["job"],
    )
