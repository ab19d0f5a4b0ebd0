"""The model `wide`: a network whose sizes are configured. `python -m everything.wide` measures it.

Layers of your own go into `Network.build`. For the task to use it, its class gets a field, and `model` builds it:

    from .wide import Network

    @dataclass
    class Task:
        network: Network
        ...
        def model(self) -> nn.Module:
            return self.network.build(inputs=(8, 8), outputs=(10,))

and `conf/task/default.yaml` begins with

    defaults:
      - /model@network: wide
      - _self_
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import prod
from statistics import median
from typing import TYPE_CHECKING, Any, cast

import hydra
import mlflow
import torch
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

if TYPE_CHECKING:
    from .task import Task

log = logging.getLogger(__name__)

# What the runs that measure it are found by: the tag `stage`.
STAGE = "wide"
STEPS = 5


@dataclass
class Network:
    """The sizes of a network; `conf/model/wide.yaml` says what each value means."""

    width: int
    depth: int
    dropout: float

    def build(self, inputs: Sequence[int], outputs: Sequence[int]) -> nn.Module:
        """A network that has learned nothing yet.

        Args:
            inputs: the shape of one example, such as (8, 8).
            outputs: the shape of the answer to one, such as (10,) for ten classes; () for one number.
        """
        sizes = [prod(inputs), *[self.width] * self.depth]
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(self.dropout)]
        layers.append(nn.Linear(sizes[-1], prod(outputs)))
        layers.append(nn.Unflatten(1, tuple(outputs)) if outputs else nn.Flatten(0))
        return Layers(*layers)


class Layers(nn.Module):
    """Layers one after the other, which take whole numbers too."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, examples: Tensor) -> Tensor:
        """Answers (N, ...) to examples (N, ...)."""
        return cast(Tensor, self.layers(examples.float()))


@dataclass
class Config:
    """What a measurement depends on (`conf/wide.yaml`)."""

    experiment: str
    # A `Task`; its module may import this one, so it is known once both are there.
    task: Any
    model: Network
    batch: int


def measure(config: Config) -> dict[str, float]:
    """How large the network is, and how long a step of a training takes on this processor.

    Returns:
        `parameters`, and `milliseconds`: forwards and backwards through a batch, the median of a few.
    """
    task: Task = config.task
    example = task.example()
    with torch.no_grad():
        answers = task.model().eval()(example)
    network = config.model.build(example.shape[1:], answers.shape[1:])
    batch = example[torch.arange(config.batch) % len(example)]
    times = []
    for _ in range(STEPS):
        began = time.perf_counter()
        network(batch).sum().backward()
        times.append(1000 * (time.perf_counter() - began))
    size = sum(parameter.numel() for parameter in network.parameters())
    return {"parameters": size, "milliseconds": median(times)}


def run(config: Config) -> str:
    """Measure it in a run of its own, and log what that depended on and what came of it.

    Returns:
        The id of the run.
    """
    from . import provenance, tracking

    tracking.open_store(config.experiment)
    # `mx flow run` has started a run already; this one joins it.
    with mlflow.start_run() as active:
        mlflow.set_tag(tracking.STAGE, STAGE)
        mlflow.log_dict(asdict(config), "config.json")
        mlflow.log_params(asdict(config.model))
        tracking.log_code(provenance.code(provenance.project_root()))
        metrics = measure(config)
        mlflow.log_metrics(metrics)
    run_id: str = active.info.run_id
    words = ", ".join(f"{name} {value:g}" for name, value in metrics.items())
    log.info("%s, run %s", words, run_id)
    return run_id


def register() -> None:
    """Make the classes known to Hydra, as the bases that `conf/*.yaml` name in their defaults."""
    from . import config as configuration

    configuration.register()
    store = ConfigStore.instance()
    store.store(name="wide_schema", node=Config)


def typed(config: DictConfig) -> Config:
    """The typed form of what Hydra composed."""
    from .task import Task

    task = OmegaConf.merge(OmegaConf.structured(Task), config.task)
    found = cast(Config, OmegaConf.to_object(config))
    found.task = OmegaConf.to_object(task)
    return found


@hydra.main(version_base="1.3", config_path="conf", config_name="wide")
def main(config: DictConfig) -> None:
    """Run it with what Hydra composed of the configuration and the command line."""
    run(typed(config))


if __name__ == "__main__":
    register()
    main()
