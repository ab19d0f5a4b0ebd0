"""What can be configured, with its types. The values are in `conf/`; Hydra checks them against these classes."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, cast

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from .device import DETERMINISTIC, PRECISIONS
from .optimization import SCHEDULES
from .task import Task

# The least that these values of `training` may be.
_LEAST = {
    "epochs": 1,
    "batch_size": 1,
    "accumulate": 1,
    "learning_rate": 0,
    "weight_decay": 0,
    "warmup_steps": 0,
    "clip_norm": 0,
    "patience": 0,
    "threads": 1,
    "workers": 0,
    # Of 0, it is as many as the largest part of the data needs.
    "window": 0,
    "checkpoint_every": 0,
    "checkpoint_minutes": 0,
}


@dataclass
class TrainingConfig:
    """How the network is trained; `conf/training/*.yaml` say what each value means."""

    epochs: int
    batch_size: int
    accumulate: int
    learning_rate: float
    weight_decay: float
    schedule: str
    warmup_steps: int
    clip_norm: float
    patience: int
    device: str
    precision: str
    tf32: bool
    deterministic: str
    threads: int
    workers: int
    prefetch: int
    window: int
    checkpoint_every: int
    checkpoint_minutes: float


@dataclass
class RegistryConfig:
    """Whether and how the model is registered (`conf/trainer.yaml`)."""

    registered_model_name: str
    alias: str


@dataclass
class TrainerConfig:
    """Everything that a training run depends on (`conf/trainer.yaml`)."""

    experiment: str
    seed: int
    task: Task
    training: TrainingConfig
    registry: RegistryConfig


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


def trainer_config(
    config: DictConfig, schema: type[TrainerConfig] = TrainerConfig
) -> TrainerConfig:
    """The typed form of what Hydra composed, or of what a run has logged.

    Args:
        schema: the class whose field `task` says which task it is.

    Raises:
        ValueError: a value is none of those that there are.
    """
    merged = OmegaConf.merge(OmegaConf.structured(schema), config)
    made = cast(TrainerConfig, OmegaConf.to_object(merged))
    # YAML takes the words for what they say.
    made.training.deterministic = made.training.deterministic.lower()
    _check("training.deterministic", made.training.deterministic, DETERMINISTIC)
    _check("training.precision", made.training.precision, PRECISIONS)
    _check("training.schedule", made.training.schedule, SCHEDULES)
    return made


def check_bounds(training: TrainingConfig) -> None:
    """Raise ValueError where a training cannot begin with a value. A run of before may have had it and be read as it is."""
    for field, least in _LEAST.items():
        value = getattr(training, field)
        # Not `<`: what is no number is not less.
        if not value >= least:
            raise ValueError(f"training.{field} is {value}; the least is {least}")
    if training.workers and training.prefetch < 1:
        raise ValueError(
            f"training.prefetch is {training.prefetch}; the least is 1 where training.workers read ahead"
        )


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


def _check(name: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise ValueError(f"{name} is {value!r}; it is one of {', '.join(known)}")
