"""What the pipeline depends on, with its types. The values are in `conf/`; Hydra checks them against these classes."""

from dataclasses import dataclass
from typing import cast

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from .records import Format

# What the pipeline, its folders in the bucket and its configuration are called.
NAME = __package__.rpartition(".")[2]
LOCAL, DATAFLOW = RUNNERS = ("local", "dataflow")


@dataclass
class Dataflow:
    """Where Google's Dataflow runs it; `infrastructure/pipelines.yaml` says it to `mx data run`."""

    project: str
    region: str
    subnetwork: str
    service_account: str
    image: str
    temporary: str
    workers: int


@dataclass
class Config:
    """All of it."""

    bucket: str
    reads: str
    shards: int
    row_group: int
    most_rejected: float
    records: Format
    runner: str
    processes: int
    version: str
    look: bool
    answer: str
    dataflow: Dataflow


def register() -> None:
    """Make the classes known to Hydra, as the bases that `conf/*.yaml` name in their defaults."""
    ConfigStore.instance().store(name=f"{NAME}_schema", node=Config)


def typed(config: DictConfig) -> Config:
    """The typed form of what Hydra composed.

    Raises:
        ValueError: a value is none of those that there are.
    """
    made = cast(Config, OmegaConf.to_object(config))
    if made.runner not in RUNNERS:
        raise ValueError(f"runner is {made.runner!r}; it is one of {', '.join(RUNNERS)}")
    for name in ("shards", "row_group", "processes"):
        if getattr(made, name) < 1:
            raise ValueError(f"{name} is {getattr(made, name)}; it is at least 1")
    if made.runner == DATAFLOW and "://" not in made.bucket:
        raise ValueError(f"Dataflow does not reach {made.bucket}: bucket has to be gs://…")
    made.bucket, made.reads = made.bucket.rstrip("/"), made.reads.strip("/")
    if made.reads.partition("/")[0] in ("", NAME, "dataflow", "rejected"):
        raise ValueError(
            f"reads is {made.reads!r}, and {NAME} writes there itself; it is another folder of the bucket"
        )
    made.records.check()
    return made
