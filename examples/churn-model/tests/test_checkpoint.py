"""A run that was interrupted goes on, and becomes what it would have been."""

import os
import pickle

import mlflow
import pytest
import torch
from mlflow.tracking import MlflowClient

from churn_model import checkpoint, trainer
from churn_model.model import DigitClassifier

EVERY_TWO = ("training.epochs=5", "training.checkpoint_every=2")


class Interrupt(BaseException):
    """What no one catches on the way."""


@pytest.fixture(scope="module")
def never(trainer_config):
    """The id of the same run that nobody interrupted."""
    return trainer.run(trainer_config(*EVERY_TWO))


@pytest.fixture
def interrupted(trainer_config, monkeypatch):
    """The id of a run that was interrupted in its fifth epoch, with checkpoints after the second and the fourth."""
    note = checkpoint.Progress.note

    def interrupt(progress, loss):
        if progress.epoch == 4:
            raise Interrupt
        note(progress, loss)

    experiment = mlflow.get_experiment_by_name("tests").experiment_id
    run_id = MlflowClient().create_run(experiment).info.run_id
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_RUN_ID", run_id)
        patch.setattr(checkpoint.Progress, "note", interrupt)
        with pytest.raises(Interrupt):
            trainer.run(trainer_config(*EVERY_TWO))
    assert mlflow.get_run(run_id).info.status == "FAILED"
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    return run_id


@pytest.fixture
def replace(interrupted, tmp_path):
    """Put other bytes in the place of a checkpoint."""

    def put(name, data):
        (tmp_path / name).write_bytes(data)
        MlflowClient().log_artifact(interrupted, tmp_path / name, checkpoint.FOLDER)

    return put


def metrics(run_id):
    names = mlflow.get_run(run_id).data.metrics
    history = MlflowClient().get_metric_history
    return {name: [(entry.step, entry.value) for entry in history(run_id, name)] for name in names}


@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
def test_it_becomes_what_it_would_have_been(
    never, interrupted, trainer_config, monkeypatch, damaged, replace
):
    if damaged:
        replace("one.pt", checkpoint.last(interrupted)[:-100])
    epochs, warned = [], []
    monkeypatch.setattr(checkpoint.log, "warning", lambda _text, path, _run_id: warned.append(path))
    save = checkpoint.save

    def spy(progress, every):
        epochs.append(progress.epoch)
        save(progress, every)

    monkeypatch.setattr(checkpoint, "save", spy)
    assert trainer.run(trainer_config(*EVERY_TWO)) == interrupted
    assert epochs == ([3, 4, 5] if damaged else [5])
    assert warned == (["checkpoint/one.pt"] if damaged else [])
    assert metrics(interrupted) == metrics(never)
    assert [step for step, _ in metrics(interrupted)["train_loss"]] == [1, 2, 3, 4, 5]
    models = [mlflow.pytorch.load_model(f"runs:/{run_id}/model") for run_id in (interrupted, never)]
    torch.testing.assert_close(*[model.state_dict() for model in models], rtol=0, atol=0)
    assert mlflow.get_run(interrupted).info.status == "FINISHED"


def test_a_checkpoint_cannot_run_code(interrupted, replace, tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trap"),)

    for name in checkpoint.NAMES:
        replace(name, pickle.dumps(Trap()))
    assert checkpoint.last(interrupted) is None
    assert not (tmp_path / "trap").exists()


def test_zero_is_never(trainer_config):
    run_id = trainer.run(trainer_config("training.epochs=1", "training.checkpoint_every=0"))
    assert checkpoint.last(run_id) is None


def test_the_best_weights_are_those_of_the_best_epoch(trainer_config):
    model = DigitClassifier(trainer_config().model)
    progress = checkpoint.Progress(model, torch.optim.SGD(model.parameters()))
    progress.note(1.0)
    best = [value.clone() for value in model.state_dict().values()]
    torch.nn.init.zeros_(model.layers[0].weight)
    progress.note(2.0)
    assert (progress.epoch, progress.best_loss) == (2, 1.0)
    torch.testing.assert_close(list(progress.best_weights.values()), best)
    again = DigitClassifier(trainer_config().model)
    restored = checkpoint.Progress(again, torch.optim.SGD(again.parameters()))
    restored.load(progress.dump())
    assert (restored.epoch, restored.best_loss) == (2, 1.0)
    torch.testing.assert_close(list(restored.best_weights.values()), best)
    torch.testing.assert_close(again.state_dict(), model.state_dict())
