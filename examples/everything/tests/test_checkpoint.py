"""A run that was interrupted goes on, and becomes what it would have been."""

import os
import pickle
import resource
import signal
from contextlib import contextmanager

import mlflow
import pytest
import torch
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from everything import checkpoint, fit, stopping, trainer
from everything.checkpoint import Keeper, Progress
from everything.optimization import Optimization

EVERY_TWO = ("training.epochs=5", "training.checkpoint_every=2")
NEVER = ("training.epochs=5", "training.checkpoint_every=0")


class Interrupt(BaseException):
    """What no one catches on the way."""


@pytest.fixture(params=[False, True], ids=["in memory", "streamed"])
def settings(request, toy_config):
    """Make the configuration of a run of five epochs."""
    return lambda *overrides: toy_config(*overrides, streamed=request.param)


@pytest.fixture
def started():
    """The id of a run that waits to be joined."""
    experiment = mlflow.get_experiment_by_name("tests").experiment_id
    return MlflowClient().create_run(experiment).info.run_id


@pytest.fixture
def train(started, monkeypatch):
    """Train in this run, as a pod does that takes the place of another."""

    def join(config, *arguments):
        # MLflow forgets it once it has joined the run.
        monkeypatch.setenv("MLFLOW_RUN_ID", started)
        return trainer.run(config, *arguments)

    return join


@pytest.fixture
def the_same(started, models):
    """Whether the run has become, to the last bit, what it would have been if nobody had interrupted it."""

    def compare(config):
        never = trainer.run(config)
        assert metrics(started) == metrics(never)
        torch.testing.assert_close(models[started], models[never], rtol=0, atol=0)

    return compare


def interrupt(train, config, monkeypatch, epochs=4):
    """Train until so many epochs are done and the next one is trained, but not measured."""
    note = Progress.note

    def stop(progress, loss):
        if progress.epoch == epochs:
            raise Interrupt
        return note(progress, loss)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "note", stop)
        with pytest.raises(Interrupt):
            train(config)


def told_to_end(train, config, monkeypatch, where, at):
    """Train, and send SIGTERM at a step (counted from 1), or at a batch that is measured."""
    told, calls = stopping.Stopping(), []
    real = getattr(fit.Fit, where)

    def spy(self, *arguments):
        calls.append(1)
        if len(calls) == at:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(self, *arguments)

    before = signal.getsignal(signal.SIGTERM)
    told.listen()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(fit.Fit, where, spy)
            with pytest.raises(SystemExit) as ended:
                train(config, told)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 143


def metrics(run_id):
    names = mlflow.get_run(run_id).data.metrics
    history = MlflowClient().get_metric_history
    return {name: [(entry.step, entry.value) for entry in history(run_id, name)] for name in names}


def spied(monkeypatch):
    """The epochs that are trained from now on, and the checkpoints that are found damaged."""
    epochs, warned = [], []
    note = Progress.note
    monkeypatch.setattr(
        Progress,
        "note",
        lambda progress, loss: epochs.append(progress.epoch + 1) or note(progress, loss),
    )
    monkeypatch.setattr(checkpoint.log, "warning", lambda _text, path, _run: warned.append(path))
    return epochs, warned


def replaced(run_id, folder, name, data):
    """Put other bytes in the place of a checkpoint."""
    (folder / name).write_bytes(data)
    MlflowClient().log_artifact(run_id, folder / name, checkpoint.FOLDER)


@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
def test_it_becomes_what_it_would_have_been(
    settings, started, train, the_same, monkeypatch, damaged, tmp_path
):
    config = settings(*EVERY_TWO)
    interrupt(train, config, monkeypatch)
    assert mlflow.get_run(started).info.status == "FAILED"
    if damaged:
        whole = Keeper(started, tmp_path, 2, 0).last().read_bytes()
        replaced(started, tmp_path, "other.pt", whole[:-100])
    with monkeypatch.context() as patch:
        epochs, warned = spied(patch)
        assert train(config) == started
    assert epochs == ([3, 4, 5] if damaged else [5])
    assert warned == (["checkpoint/other.pt"] if damaged else [])
    the_same(config)
    assert [step for step, _ in metrics(started)["train_loss"]] == [1, 2, 3, 4, 5]
    assert mlflow.get_run(started).info.status == "FINISHED"


@pytest.mark.parametrize(
    ("where", "at"), [("_wish", 15), ("_after_batch", 8)], ids=["step", "measuring"]
)
def test_told_to_end_it_goes_on_in_the_middle_of_an_epoch(
    settings, started, train, the_same, monkeypatch, where, at
):
    """Six steps an epoch, and three batches that are measured: both are in the third epoch."""
    config = settings(*NEVER)
    told_to_end(train, config, monkeypatch, where, at)
    assert mlflow.get_run(started).info.status == "FAILED"
    with monkeypatch.context() as patch:
        epochs, _ = spied(patch)
        train(config)
    assert epochs == [3, 4, 5]
    the_same(config)


def test_it_can_be_told_several_times(settings, train, the_same, monkeypatch):
    config = settings(*NEVER)
    for at in (4, 5, 9):
        told_to_end(train, config, monkeypatch, "_wish", at)
    train(config)
    the_same(config)


def test_a_checkpoint_by_time(toy_config, train, the_same, monkeypatch):
    config = toy_config(*NEVER, "training.checkpoint_minutes=0.000001")
    interrupt(train, config, monkeypatch, epochs=2)
    steps = []
    with monkeypatch.context() as patch:
        step = Optimization.step
        patch.setattr(
            Optimization,
            "step",
            lambda self, number, losses: steps.append(number) or step(self, number, losses),
        )
        train(config)
    assert steps == list(range(18, 30)), "the steps of the third epoch were done"
    the_same(config)


def test_before_and_after_the_training_it_ends_at_once(monkeypatch):
    told = stopping.Stopping()
    with pytest.raises(SystemExit) as ended:
        told._on_signal(signal.SIGTERM, None)
    assert ended.value.code == 143
    with told.held():
        told._on_signal(signal.SIGTERM, None)
        assert told.asked
        with pytest.raises(SystemExit):
            told._on_signal(signal.SIGTERM, None)


def test_a_checkpoint_cannot_run_code(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trap"),)

    path = tmp_path / "one.pt"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises((pickle.UnpicklingError, RuntimeError)):
        checkpoint.read(path)
    torch.save({"progress": Trap()}, path)
    with pytest.raises(pickle.UnpicklingError):
        checkpoint.read(path)
    assert not (tmp_path / "trap").exists()


def test_one_that_cannot_be_read_now_is_no_new_beginning(toy_config, train, models, monkeypatch):
    interrupt(train, toy_config(*EVERY_TWO), monkeypatch)

    def away(**_arguments):
        raise OSError("the store does not answer")

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", away)
    with pytest.raises(RuntimeError, match=r"cannot be read: the store does not answer"):
        train(toy_config(*EVERY_TWO))


@pytest.fixture
def full():
    """Within it, no file gets larger than a few bytes: the operating system refuses it, as on a full disk."""

    @contextmanager
    def limited():
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


def test_on_a_full_disk_the_checkpoint_before_stays(started, tmp_path, monkeypatch, full):
    said = []
    monkeypatch.setattr(checkpoint.log, "warning", lambda text, *values: said.append(text % values))
    keeper = Keeper(started, tmp_path, 1, 0)
    keeper.keep(Progress(epoch=1), {"weights": torch.ones(1000)})
    for _ in range(2):
        with full():
            keeper.keep(Progress(epoch=2, step=3), {"weights": torch.zeros(1000)})
    assert len(said) == 2
    assert "no checkpoint is kept after epoch 2 and 3 steps, training goes on: " in said[0]
    assert "MB are free on its disk" in said[0]
    assert list(tmp_path.iterdir()) == []
    progress, state = checkpoint.read(Keeper(started, tmp_path, 1, 0).last())
    assert (progress.epoch, state["weights"].sum().item()) == (1, 1000)
    keeper.keep(Progress(epoch=3), {"weights": torch.zeros(1000)})
    assert checkpoint.read(Keeper(started, tmp_path, 1, 0).last())[0].epoch == 3


def test_weights_that_cannot_be_written_leave_those_before(tmp_path, full):
    path = tmp_path / "best.pt"
    checkpoint.save({"weights": torch.ones(1000)}, path)
    with full(), pytest.raises(OSError, match=r"best.pt cannot be written: .* MB are free"):
        checkpoint.save({"weights": torch.zeros(1000)}, path)
    assert torch.load(path)["weights"].sum() == 1000


def test_a_store_that_is_away_ends_no_training(started, tmp_path, monkeypatch):
    keeper = Keeper(started, tmp_path, 1, 0)
    keeper.keep(Progress(epoch=1), {})

    def away(*_arguments, **_named):
        raise OSError("the store does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(mlflow, "log_artifact", away)
        keeper.keep(Progress(epoch=2), {})
    assert checkpoint.read(Keeper(started, tmp_path, 1, 0).last())[0].epoch == 1


def test_tags_that_cannot_be_set_leave_the_last_good_one(started, tmp_path, monkeypatch):
    keeper = Keeper(started, tmp_path, 1, 0)
    for epoch in (1, 2):
        keeper.keep(Progress(epoch=epoch), {})

    def away(*_arguments):
        raise MlflowException("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_tag", away)
        for epoch in (3, 4):
            keeper.keep(Progress(epoch=epoch), {})
    assert checkpoint.read(Keeper(started, tmp_path, 1, 0).last())[0].epoch == 2
    keeper.keep(Progress(epoch=5), {})
    assert checkpoint.read(Keeper(started, tmp_path, 1, 0).last())[0].epoch == 5


def test_a_gradient_that_is_no_number_is_not_kept(
    toy_config, started, train, tmp_path, monkeypatch
):
    """The losses up to here are finite; the weights are not."""
    step, seen = Optimization.step, []

    def spoiled(self, number, losses):
        if number == 3:
            seen.append(self._parameters[0].register_hook(lambda gradient: gradient * float("nan")))
        step(self, number, losses)

    monkeypatch.setattr(Optimization, "step", spoiled)
    with pytest.raises(FloatingPointError, match=r"0 and 4 steps .*'0.weight' are no numbers"):
        train(toy_config("training.checkpoint_minutes=0.000001"))
    assert seen
    progress, state = checkpoint.read(Keeper(started, tmp_path, 0, 0).last())
    assert progress.step == 3
    assert all(tensor.isfinite().all() for tensor in state["model"].values())


def test_weights_that_are_no_numbers_are_not_kept(toy_config, started, train, tmp_path):
    config = toy_config("training.learning_rate=1e30", "training.checkpoint_minutes=0.000001")
    with pytest.raises(FloatingPointError):
        train(config)
    found = Keeper(started, tmp_path, 0, 0).last()
    weights = checkpoint.read(found)[1]["model"] if found else {}
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_zero_is_never(toy_config, models, tmp_path):
    run_id = trainer.run(toy_config(*NEVER, "training.checkpoint_minutes=0"))
    assert Keeper(run_id, tmp_path, 0, 0).last() is None


def test_the_best_epoch_so_far_is_remembered(toy_config, started, train, the_same, monkeypatch):
    """It is the first one, before the checkpoint."""
    config = toy_config(*EVERY_TWO, wrong=True)
    interrupt(train, config, monkeypatch)
    train(config)
    losses = [value for _, value in metrics(started)["validation_loss"]]
    assert losses[0] == min(losses)
    the_same(config)


def test_with_another_number_of_processes_the_loss_of_the_epoch_is_whole(toy_config, tmp_path):
    settings = toy_config()
    processes = [trainer.Processes(rank, 3, torch.device("cpu")) for rank in range(3)]
    losses = []
    for process in processes:
        one = fit.Fit(settings.task.model(), settings, settings.task.datasets(), process, tmp_path)
        one.progress = Progress(losses=[1.0, 2.0])
        one._take_losses()
        losses.append(one._losses.item())
    assert losses == [3.0, 0.0, 0.0]
