"""What the tests share: configurations, a tracking store of their own, and no network."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from toy import Toy, ToyConfig

import everything
from everything import config, tracking, trainer

CONF = str(Path(everything.__file__).parent / "conf")


def composed(name: str, *overrides: str) -> DictConfig:
    """What Hydra composes of `conf/NAME.yaml` and these overrides."""
    config.register()
    with initialize_config_dir(CONF, version_base="1.3"):
        return compose(name, list(overrides))


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Refuse every connection, also of a library that would phone home."""

    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            raise OSError(f"the tests have no network: {address}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setattr(socket.socket, "connect", refuse)
        yield


@pytest.fixture(scope="session", autouse=True)
def _store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A tracking store for the tests alone, whatever the environment names."""
    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
            patch.delenv(name)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
        mlflow.create_experiment("tests", (folder / "artifacts").as_uri())
        yield


@pytest.fixture(scope="session")
def trainer_config() -> Callable[..., config.TrainerConfig]:
    """Make the configuration of a run of the project's own task: `trainer_config("training.epochs=1")`."""

    def make(*overrides: str) -> config.TrainerConfig:
        overrides = ("experiment=tests", "training.device=cpu", *overrides)
        return config.trainer_config(composed("trainer", *overrides))

    return make


@pytest.fixture(scope="session")
def toy_config(trainer_config: Callable[..., config.TrainerConfig]) -> Callable[..., ToyConfig]:
    """Make the configuration of a short run of the tests' task: `toy_config("seed=2", streamed=True)`."""

    def make(*overrides: str, **task: Any) -> ToyConfig:
        short = ("training.epochs=2", "training.batch_size=16", "training.learning_rate=0.02")
        made = trainer_config(*short, *overrides)
        return ToyConfig(made.experiment, made.seed, Toy(**task), made.training, made.registry)

    return make


@pytest.fixture(scope="session")
def toy_run(toy_config: Callable[..., ToyConfig]) -> mlflow.entities.Run:
    """A whole run of the tests' task, done once for all tests."""
    return mlflow.get_run(trainer.run(toy_config("training.epochs=12")))


@pytest.fixture(scope="session")
def evaluation_config() -> Callable[..., config.EvaluationConfig]:
    """Make the configuration of an evaluation."""

    def make(*overrides: str) -> config.EvaluationConfig:
        overrides = ("experiment=tests", "device=cpu", *overrides)
        return config.evaluation_config(composed("evaluation", *overrides))

    return make


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """The weights of the models that are logged, by run. They are only noted: to export them takes longer than to train them."""
    noted: dict[str, dict[str, Any]] = {}

    def note(model: torch.nn.Module, *_arguments: Any) -> str:
        noted[mlflow.active_run().info.run_id] = model.state_dict()
        return ""

    monkeypatch.setattr(tracking, "log_model", note)
    return noted
