"""Training: repeatable, on the right data, and logged whole. What is learned does not matter here (toy.py)."""

import sys
import threading
from dataclasses import replace

import mlflow
import pytest
import torch
from mlflow.tracking import MlflowClient
from toy import Toy, ToyConfig

from churn_model import config, evaluation, fit, tracking, trainer
from churn_model.data import Version
from churn_model.data.loader import Loader
from churn_model.processes import Processes

ALONE = Processes(0, 1, torch.device("cpu"))


def history(run_id: str, metric: str) -> list[float]:
    """The values of a metric, by epoch."""
    return [entry.value for entry in MlflowClient().get_metric_history(run_id, metric)]


def fitted(settings: ToyConfig, folder):
    """The model after training, and the validation loss of each epoch; nothing is logged."""
    torch.manual_seed(settings.seed)
    model, losses = settings.task.model(), []
    fitting = fit.Fit(model, settings, settings.task.datasets(), ALONE, folder)
    fitting.run(lambda _progress, metrics: losses.append(metrics["validation_loss"]))
    return model, losses


def test_it_learns(toy_run):
    assert toy_run.data.metrics["test_accuracy"] >= 0.8


@pytest.mark.parametrize("streamed", [False, True], ids=["in memory", "streamed"])
def test_two_runs_give_the_same_metrics(toy_config, streamed, models):
    first, second = (mlflow.get_run(trainer.run(toy_config(streamed=streamed))) for _ in range(2))
    assert first.data.metrics == second.data.metrics
    assert first.info.run_name != second.info.run_name


def test_another_seed_gives_another_run(toy_config, models):
    first, second = trainer.run(toy_config()), trainer.run(toy_config("seed=2"))
    assert history(first, "train_loss") != history(second, "train_loss")


def test_workers_change_nothing(toy_config, tmp_path):
    for streamed in (False, True):
        settings = (toy_config(f"training.workers={n}", streamed=streamed) for n in (0, 2))
        (_, alone), (_, helped) = (fitted(one, tmp_path) for one in settings)
        assert alone == helped


def test_only_training_data_is_trained_on(toy_config, monkeypatch, models):
    seen = []
    make = Toy.model

    def spied(self):
        model = make(self)

        def spy(module, inputs):
            if module.training:
                seen.extend(inputs[0].tolist())

        model.register_forward_pre_hook(spy)
        return model

    monkeypatch.setattr(Toy, "model", spied)
    settings = toy_config()
    trainer.run(settings)
    points = settings.task.datasets().train.tensors[0].tolist()
    assert sorted(seen) == sorted(2 * points)


def test_the_best_epoch_is_kept(toy_config, tmp_path):
    settings = toy_config("training.epochs=4", dropout=0.5, wrong=True)
    model, losses = fitted(settings, tmp_path)
    assert not model.training
    assert losses[0] < losses[1] < losses[2] < losses[3]
    datasets = settings.task.datasets()
    loader = Loader(datasets.validation, datasets.collate, settings.training, ALONE)
    report = evaluation.measure(settings.task, model, loader, ALONE)
    assert report.metrics["loss"] == losses[0]


def test_training_ends_when_it_gets_no_better(toy_config, tmp_path):
    settings = toy_config("training.epochs=9", "training.patience=3", "training.learning_rate=0")
    _, losses = fitted(settings, tmp_path)
    # Nothing is learned: the first epoch is the best.
    assert len(losses) == 4


def test_a_loss_that_is_no_number_ends_it(toy_config, tmp_path):
    with pytest.raises(FloatingPointError, match=r"epoch 1 is (nan|inf).* training.learning_rate"):
        fitted(toy_config("training.learning_rate=1e30"), tmp_path)


def test_validation_that_is_no_number_ends_it(toy_config, tmp_path, monkeypatch):
    part = Toy.part

    def spoiled(self, seed, size):
        made = part(self, seed, size)
        if seed == 1:
            made.tensors[0][3] = float("nan")
        return made

    monkeypatch.setattr(Toy, "part", spoiled)
    with pytest.raises(FloatingPointError, match=r"validation loss of epoch 1 is nan.*tion data"):
        fitted(toy_config(), tmp_path)


@pytest.mark.parametrize("overrides", [("training.batch_size=19",), ("training.accumulate=16",)])
def test_a_single_example_is_refused_before_the_training(
    toy_config, tmp_path, monkeypatch, overrides
):
    """96 examples: one is left for the last step, or each part has one."""
    steps = []
    monkeypatch.setattr(fit.Fit, "_wish", lambda self: steps.append(self) or fit.GO_ON)
    settings = toy_config("training.epochs=1", *overrides)
    fitted(settings, tmp_path)
    assert steps, "a network without such a layer takes it"
    steps.clear()
    normalized = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    monkeypatch.setattr(Toy, "model", lambda self: normalized)
    with pytest.raises(ValueError, match=r"has one example.*, of 96 examples in all"):
        fitted(settings, tmp_path)
    assert steps == []
    fitted(toy_config("training.epochs=1"), tmp_path)


def test_parts_of_a_step_change_the_rounding_only(toy_config, tmp_path):
    settings = (toy_config(f"training.accumulate={n}", dropout=0) for n in (1, 3))
    losses = [fitted(one, tmp_path)[1] for one in settings]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_the_precision_is_that_of_the_configuration(toy_config, tmp_path, monkeypatch):
    kinds, loss = set(), Toy.loss

    def spy(self, outputs, labels):
        kinds.add(outputs.dtype)
        return loss(self, outputs, labels)

    monkeypatch.setattr(Toy, "loss", spy)
    for precision, kind in {"fp32": torch.float32, "bf16": torch.bfloat16}.items():
        kinds.clear()
        fitted(toy_config(f"training.precision={precision}"), tmp_path)
        assert kinds == {kind}


def test_every_epoch_is_logged(toy_run):
    for metric in ("train_loss", "validation_loss", "validation_accuracy"):
        entries = MlflowClient().get_metric_history(toy_run.info.run_id, metric)
        assert [entry.step for entry in entries] == list(range(1, 13))
    losses = history(toy_run.info.run_id, "train_loss")
    assert losses[-1] < losses[0]


def test_the_device_is_named_first(toy_config, models, monkeypatch):
    said, datasets = [], Toy.datasets
    monkeypatch.setattr(trainer.log, "info", lambda text, *values: said.append(text % values))
    monkeypatch.setattr(Toy, "datasets", lambda self: said.append("the data") or datasets(self))
    trainer.run(toy_config())
    assert said[:2] == ["device: cpu, 1 thread", "the data"]


def test_what_makes_the_run_repeatable_is_logged(toy_run, toy_config):
    run_id, settings = toy_run.info.run_id, toy_config("training.epochs=12")
    assert toy_run.data.params[tracking.DATA] == "f" * 64
    for name, value in config.flat(settings).items():
        assert toy_run.data.params[name] == str(value)
    logged = mlflow.artifacts.load_dict(f"runs:/{run_id}/config.json")
    assert config.trainer_config(logged, ToyConfig) == settings
    versions = mlflow.artifacts.load_text(f"runs:/{run_id}/requirements.txt").splitlines()
    assert f"mlflow=={mlflow.__version__}" in versions
    assert toy_run.data.tags["git.commit"]


def test_nobody_waits_for_the_version_when_training_ends_early(toy_config, monkeypatch):
    never = threading.Event()
    datasets = Toy.datasets
    slow = lambda self: replace(datasets(self), version=never.wait)  # noqa: E731
    monkeypatch.setattr(Toy, "datasets", slow)
    monkeypatch.setattr(fit.Fit, "run", lambda self, on_epoch: sys.exit(143))
    with pytest.raises(SystemExit):
        trainer.run(toy_config())
    never.set()


def test_a_version_that_cannot_be_told_ends_the_run():
    def fails():
        raise ValueError("SHA256SUMS does not name a.bin")

    with pytest.raises(ValueError, match=r"SHA256SUMS"):
        trainer.beside(fails).result()


def test_other_data_is_no_continuation(toy_run):
    with mlflow.start_run(run_id=toy_run.info.run_id):
        tracking.log_version(Version("f" * 64))
        with pytest.raises(RuntimeError, match="data has changed since the run began"):
            tracking.log_version(Version("0" * 64))


def test_the_logged_metrics_are_those_of_the_logged_model(toy_run, toy_config):
    model = mlflow.pyfunc.load_model(f"runs:/{toy_run.info.run_id}/model")
    points, labels = toy_config().task.datasets().test.tensors
    predicted = torch.from_numpy(model.predict(points.numpy())).argmax(dim=1)
    share = (predicted == labels).double().mean().item()
    assert toy_run.data.metrics["test_accuracy"] == pytest.approx(share)


def test_a_model_is_registered_once(toy_run, toy_config):
    run_id, registry = (
        toy_run.info.run_id,
        toy_config("registry.registered_model_name=toy").registry,
    )
    with mlflow.start_run(run_id=run_id):
        tracking.register_model(f"runs:/{run_id}/model", toy_config().registry, {"loss": 0.5})
        assert MlflowClient().search_registered_models() == [], "only where it has a name"
        # A run that was interrupted in between comes here twice.
        for _ in range(2):
            tracking.register_model(f"runs:/{run_id}/model", registry, {"loss": 0.5})
    version = MlflowClient().get_model_version_by_alias("toy", "candidate")
    assert (int(version.version), version.run_id, version.tags["test_loss"]) == (1, run_id, "0.5")
    assert len(MlflowClient().search_model_versions("name = 'toy'")) == 1
    mlflow.pytorch.load_model("models:/toy@candidate")


def test_a_run_that_mlflow_started_is_joined(toy_config, monkeypatch, models):
    experiment = mlflow.get_experiment_by_name("tests").experiment_id
    started = MlflowClient().create_run(experiment).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", started)
    assert trainer.run(toy_config("experiment=another")) == started
    assert mlflow.get_run(started).info.status == "FINISHED"
