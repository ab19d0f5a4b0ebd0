"""What can be configured, with its types. The values are in `conf/`; Hydra checks them against these classes."""

from dataclasses import asdict, dataclass
from typing import Any, cast

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf


@dataclass
class DataConfig:
    """How the data is divided. `split_seed` is not the training seed: all runs share one test set."""

    split_seed: int
    validation_fraction: float
    test_fraction: float


@dataclass
class ModelConfig:
    """The size of the network."""

    channels: int
    hidden: int
    dropout: float


@dataclass
class TrainingConfig:
    """How the network is trained.

    `batch_size` is that of all processes together. `device` is `auto`, or any name that PyTorch knows; `threads`
    counts on the CPU only. Every `checkpoint_every` epochs the run can be continued from; 0: never.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    device: str
    threads: int
    checkpoint_every: int


@dataclass
class TrainerConfig:
    """Everything that a training run depends on (`conf/trainer.yaml`)."""

    experiment: str
    seed: int
    data: DataConfig
    model: ModelConfig
    training: TrainingConfig


@dataclass
class EvaluationConfig:
    """Which run is evaluated (`conf/evaluation.yaml`)."""

    experiment: str
    run_id: str
    device: str


def register() -> None:
    """Make the classes known to Hydra, as the bases that `conf/*.yaml` name in their defaults."""
    store = ConfigStore.instance()
    store.store(name="trainer_schema", node=TrainerConfig)
    store.store(name="evaluation_schema", node=EvaluationConfig)


def trainer_config(config: DictConfig) -> TrainerConfig:
    """The typed form of what Hydra composed, or of what a run has logged."""
    merged = OmegaConf.merge(OmegaConf.structured(TrainerConfig), config)
    return cast(TrainerConfig, OmegaConf.to_object(merged))


def evaluation_config(config: DictConfig) -> EvaluationConfig:
    """The typed form of what Hydra composed."""
    return cast(EvaluationConfig, OmegaConf.to_object(config))


def flat(config: TrainerConfig) -> dict[str, Any]:
    """All values by their full names: `{"training.epochs": 30, ...}`."""
    pending, values = dict(asdict(config)), {}
    while pending:
        name = next(iter(pending))
        value = pending.pop(name)
        if isinstance(value, dict):
            pending.update({f"{name}.{key}": item for key, item in value.items()})
        else:
            values[name] = value
    return values
