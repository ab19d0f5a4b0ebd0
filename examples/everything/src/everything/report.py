"""The entry point `report`: `python -m everything.report`."""

import logging
from collections.abc import Sized
from dataclasses import asdict, dataclass
from typing import cast

import hydra
import mlflow
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from . import config as configuration
from . import provenance, tracking
from .task import Task

log = logging.getLogger(__name__)

# What the runs of this entry point are found by: the tag `stage`.
STAGE = "report"


@dataclass
class Config:
    """What it depends on; `conf/report.yaml` says what each value means."""

    experiment: str
    task: Task
    part: str


def work(config: Config) -> dict[str, float]:
    """Count the examples of one part of the data. Put your own work in its place; what it returns is logged as metrics.

    Raises:
        SystemExit: the data has no such part.
    """
    datasets = config.task.datasets()
    parts = {"train": datasets.train, "validation": datasets.validation, "test": datasets.test}
    if config.part not in parts:
        raise SystemExit(f"part is {config.part!r}; it must be one of {', '.join(parts)}")
    return {"examples": len(cast(Sized, parts[config.part]))}


def run(config: Config) -> str:
    """Do the work in a run of its own, and log what it depended on and what came of it.

    Returns:
        The id of the run.
    """
    tracking.open_store(config.experiment)
    # `mx flow run` has started a run already; this one joins it.
    with mlflow.start_run() as active:
        mlflow.set_tag(tracking.STAGE, STAGE)
        mlflow.log_dict(asdict(config), "config.json")
        mlflow.log_param("part", config.part)
        tracking.log_code(provenance.code(provenance.project_root()))
        metrics = work(config)
        mlflow.log_metrics(metrics)
    run_id: str = active.info.run_id
    words = ", ".join(f"{name} {value:g}" for name, value in metrics.items())
    log.info("%s, run %s", words, run_id)
    return run_id


def register() -> None:
    """Make the classes known to Hydra, as the bases that `conf/*.yaml` name in their defaults."""
    configuration.register()
    store = ConfigStore.instance()
    store.store(name="report_schema", node=Config)


def typed(config: DictConfig) -> Config:
    """The typed form of what Hydra composed."""
    return cast(Config, OmegaConf.to_object(config))


@hydra.main(version_base="1.3", config_path="conf", config_name="report")
def main(config: DictConfig) -> None:
    """Run it with what Hydra composed of the configuration and the command line."""
    run(typed(config))


if __name__ == "__main__":
    register()
    main()
