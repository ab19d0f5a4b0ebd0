"""Training: good enough, repeatable, on the right data, and logged whole."""

from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from mlflow.tracking import MlflowClient
from sklearn.metrics import accuracy_score

from churn_model import config, evaluation, processes, trainer


def history(run_id: str, metric: str) -> list[float]:
    """The values of a metric, by epoch."""
    return [entry.value for entry in MlflowClient().get_metric_history(run_id, metric)]


@pytest.fixture
def quick(trainer_config):
    """A run of two epochs."""
    return lambda *overrides: trainer.run(trainer_config("training.epochs=2", *overrides))


def test_it_is_good_enough(trained_run):
    assert trained_run.data.metrics["test_accuracy"] >= 0.95


def test_the_logged_accuracy_is_that_of_the_logged_model(trained_run, digits):
    model = mlflow.pyfunc.load_model(f"runs:/{trained_run.info.run_id}/model")
    predicted = model.predict(digits.test.images.numpy()).argmax(axis=1)
    expected = accuracy_score(digits.test.labels.numpy(), predicted)
    assert trained_run.data.metrics["test_accuracy"] == pytest.approx(expected)


def test_two_runs_give_the_same_metrics(quick):
    first, second = (mlflow.get_run(quick()) for _ in range(2))
    assert first.data.metrics == second.data.metrics
    assert first.info.run_name != second.info.run_name


def test_another_seed_gives_another_run(quick):
    first, second = quick(), quick("seed=2")
    assert history(first, "train_loss") != history(second, "train_loss")


def test_only_training_data_is_trained_on(quick, digits, monkeypatch):
    seen = []
    forward = trainer.DigitClassifier.forward

    def spy(self, pixels):
        if self.training:
            seen.extend(image.numpy().tobytes() for image in pixels)
        return forward(self, pixels)

    monkeypatch.setattr(trainer.DigitClassifier, "forward", spy)
    quick()
    assert sorted(seen) == sorted(2 * [image.numpy().tobytes() for image in digits.train.images])


def test_the_best_epoch_is_kept(trainer_config, digits):
    settings = trainer_config("training.epochs=3")
    model = trainer.DigitClassifier(settings.model)
    # With wrong labels, validation gets worse from epoch to epoch.
    validation = replace(digits.validation, labels=(digits.validation.labels + 1) % 10)
    losses = []
    trainer.fit(
        model,
        digits.train,
        validation,
        settings.training,
        lambda _progress, metrics: losses.append(metrics["validation_loss"]),
        processes.find("cpu"),
    )
    assert not model.training
    assert losses[0] < losses[1] < losses[2]
    logits = evaluation.predict(model, validation.images, torch.device("cpu"))
    loss = torch.nn.functional.cross_entropy(logits, validation.labels).item()
    assert loss == pytest.approx(losses[0])


def test_every_epoch_is_logged(trained_run, trainer_config):
    epochs = trainer_config().training.epochs
    for metric in ("train_loss", "validation_loss", "validation_accuracy"):
        entries = MlflowClient().get_metric_history(trained_run.info.run_id, metric)
        assert [entry.step for entry in entries] == list(range(1, epochs + 1))
    losses = history(trained_run.info.run_id, "train_loss")
    assert losses[-1] < losses[0] / 10


def test_what_makes_the_run_repeatable_is_logged(trained_run, trainer_config, digits):
    run_id, settings = trained_run.info.run_id, trainer_config()
    assert trained_run.data.params["data.sha256"] == digits.sha256
    for name, value in config.flat(settings).items():
        assert trained_run.data.params[name] == str(value)
    logged = mlflow.artifacts.load_dict(f"runs:/{run_id}/config.json")
    assert config.trainer_config(logged) == settings
    versions = mlflow.artifacts.load_text(f"runs:/{run_id}/requirements.txt").splitlines()
    assert f"mlflow=={mlflow.__version__}" in versions
    assert trained_run.data.tags["git.commit"]


def test_the_model_has_a_signature(trained_run):
    info = mlflow.models.get_model_info(f"runs:/{trained_run.info.run_id}/model")
    (pixels,) = info.signature.inputs.inputs
    (logits,) = info.signature.outputs.inputs
    assert (pixels.type, pixels.shape) == (np.dtype("float32"), (-1, 8, 8))
    assert (logits.type, logits.shape) == (np.dtype("float32"), (-1, 10))


def test_the_confusion_matrix_is_a_picture(trained_run):
    path = mlflow.artifacts.download_artifacts(
        run_id=trained_run.info.run_id, artifact_path="confusion_matrix.png"
    )
    assert Path(path).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_evaluation_finds_the_accuracy_again(trained_run, evaluation_config):
    found = evaluation.run(evaluation_config(f"run_id={trained_run.info.run_id}"))
    assert found == trained_run.data.metrics["test_accuracy"]


def test_evaluation_takes_the_run_that_finished_last(trained_run, quick, evaluation_config):
    last = mlflow.get_run(quick("data.split_seed=5"))
    assert evaluation.run(evaluation_config()) == last.data.metrics["test_accuracy"]


def test_evaluation_says_what_to_do_when_nothing_was_trained(evaluation_config):
    with pytest.raises(SystemExit, match=r"Train first: python -m \w+\.trainer"):
        evaluation.run(evaluation_config("experiment=empty"))


def test_a_run_that_mlflow_started_is_joined(quick, monkeypatch):
    experiment = mlflow.get_experiment_by_name("tests").experiment_id
    started = MlflowClient().create_run(experiment).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", started)
    assert quick("experiment=another") == started
    assert mlflow.get_run(started).info.status == "FINISHED"
