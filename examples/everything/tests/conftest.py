"""What the tests share: the divided data, and one whole training run in a store of its own."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

import everything
from everything import config, data, trainer

CONF = str(Path(everything.__file__).parent / "conf")


def composed(name: str, *overrides: str) -> DictConfig:
    """What Hydra composes of `conf/NAME.yaml` and these overrides."""
    config.register()
    with initialize_config_dir(CONF, version_base="1.3"):
        return compose(name, list(overrides))


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Refuse every connection, also of a library that would phone home."""

    def refuse(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            raise OSError(f"the tests have no network: {address}")

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
    """Make the configuration of a training run: `trainer_config("training.epochs=1")`."""

    def make(*overrides: str) -> config.TrainerConfig:
        overrides = ("experiment=tests", "training.device=cpu", *overrides)
        return config.trainer_config(composed("trainer", *overrides))

    return make


@pytest.fixture(scope="session")
def evaluation_config() -> Callable[..., config.EvaluationConfig]:
    """Make the configuration of an evaluation."""

    def make(*overrides: str) -> config.EvaluationConfig:
        overrides = ("experiment=tests", "device=cpu", *overrides)
        return config.evaluation_config(composed("evaluation", *overrides))

    return make


@pytest.fixture(scope="session")
def digits(trainer_config: Callable[..., config.TrainerConfig]) -> data.Digits:
    """The data, divided as it is for training."""
    return data.load(trainer_config().data)


@pytest.fixture(scope="session")
def trained_run(trainer_config: Callable[..., config.TrainerConfig]) -> mlflow.entities.Run:
    """A whole training run with the configuration as it stands, done once for all tests."""
    return mlflow.get_run(trainer.run(trainer_config()))
