"""What the monitoring depends on; `conf/scores_monitoring.yaml` says what each value means."""

from dataclasses import dataclass, field
from typing import cast

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

# The name of the file in `conf/`.
CONFIG = "scores_monitoring"


@dataclass
class Settings:
    """The values of `conf/scores_monitoring.yaml`; Hydra checks them against these types."""

    endpoint: str
    registered: str
    log: str
    results: str
    hours: float
    most_rows: int
    least_rows: int
    reference_rows: int
    sample_rows: int
    most_features: int
    alpha: float
    psi: float
    distance: float
    missing: float
    out_of_range: float
    flood_factor: float
    flood_least: int
    near: float
    far: float
    error: float
    names: list[str] = field(default_factory=list)


def register() -> None:
    """Make the class known to Hydra, as the base that `conf/scores_monitoring.yaml` names in its defaults."""
    store = ConfigStore.instance()
    store.store(name="scores_monitoring_schema", node=Settings)


def typed(config: DictConfig) -> Settings:
    """The typed form of what Hydra composed."""
    return cast(Settings, OmegaConf.to_object(config))
