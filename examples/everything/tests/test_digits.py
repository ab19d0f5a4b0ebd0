"""The digits: the data is what it was, the network sees it, and training is good enough.

This file is about the content of task.py. When that is about something else, so must this be.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.metrics import confusion_matrix as reference

from everything import evaluation, task, trainer
from everything.data import Version

SHA256 = "faf2d98f61250c1cdc0b114323133d3c58da04f5c5d28bb78e4bde3c936a75b1"
ADVICE = (
    "task.py is not about the digits any more. Write tests of your own data and network in place of tests/test_digits.py: "
    "that no example is in two parts, how good training has to be, what the metrics count."
)


@pytest.fixture(scope="module", autouse=True)
def _about_digits():
    wanted = ("load", "sha256", "split_indices", "DigitClassifier", "draw", "CLASSES")
    if not all(hasattr(task, name) for name in wanted):
        pytest.fail(ADVICE, pytrace=False)


@pytest.fixture
def digits(trainer_config):
    return trainer_config().task


@pytest.fixture
def parts(digits):
    """The indices of training, validation and test data."""
    return task.split_indices(load_digits().target, digits)


@pytest.fixture
def model(digits):
    torch.manual_seed(0)
    return digits.model()


@pytest.fixture(scope="module")
def trained_run(trainer_config):
    """A whole training run with the configuration as it stands, done once for all tests."""
    return mlflow.get_run(trainer.run(trainer_config()))


def test_the_data_has_not_changed(digits):
    assert digits.datasets().version() == Version(SHA256), ADVICE


def test_every_image_is_in_exactly_one_part(parts):
    assert Counter(np.concatenate(parts).tolist()) == Counter(range(1797)), ADVICE


def test_parts_have_the_sizes_that_the_configuration_says(digits):
    data = digits.datasets()
    assert [len(part) for part in (data.train, data.validation, data.test)] == [1167, 270, 360]


def test_images_and_labels_belong_together(digits, parts):
    bunch, data = load_digits(), digits.datasets()
    for indices, part in zip(parts, (data.train, data.validation, data.test), strict=True):
        images, labels = part.tensors
        np.testing.assert_array_equal(images.numpy(), bunch.images[indices])
        np.testing.assert_array_equal(labels.numpy(), bunch.target[indices])
        assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)


def test_no_image_is_in_two_parts(digits):
    data = digits.datasets()
    seen = [
        {image.numpy().tobytes() for image in part.tensors[0]}
        for part in (data.train, data.validation, data.test)
    ]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]


def test_every_class_has_its_share_of_every_part(parts):
    labels = load_digits().target
    whole = np.bincount(labels) / 1797
    for part in parts:
        share = np.bincount(labels[part], minlength=10) / len(part)
        np.testing.assert_allclose(share, whole, atol=0.01)


def test_the_test_data_depends_on_its_own_seed_only(digits, parts, trainer_config):
    def test_part(config):
        return task.split_indices(load_digits().target, config)[2].tolist()

    assert test_part(trainer_config("seed=99").task) == parts[2].tolist()
    assert test_part(replace(digits, validation_fraction=0.05)) == parts[2].tolist()
    assert test_part(replace(digits, split_seed=digits.split_seed + 1)) != parts[2].tolist()


def test_the_network_takes_raw_pixels(model):
    model.eval()
    scaled = []
    model.layers[0].register_forward_pre_hook(lambda _layer, inputs: scaled.append(inputs[0]))
    assert model(torch.full((7, 8, 8), 16.0)).shape == (7, 10)
    torch.testing.assert_close(scaled[0], torch.ones(7, 1, 8, 8))


def test_dropout_is_for_training(digits, model):
    images = digits.example()
    model.train()
    assert not torch.equal(model(images), model(images))


def test_metrics_agree_with_scikit_learn(digits):
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(500, 10, generator=generator)
    labels = torch.randint(10, (500,), generator=generator)
    truth, predicted = labels.numpy(), logits.argmax(dim=1).numpy()
    counts = digits.counts(logits, labels)
    assert counts["confusion"].tolist() == reference(truth, predicted).tolist()
    assert digits.metrics(counts)["accuracy"] == accuracy_score(truth, predicted)


def test_the_picture_shows_every_count():
    matrix = torch.zeros(10, 10, dtype=torch.int64)
    matrix[3, 5], matrix[4, 4] = 2, 31
    (axes,) = task.draw(matrix).axes
    assert {(*text.get_position(), text.get_text()) for text in axes.texts} == {
        (5, 3, "2"),
        (4, 4, "31"),
    }
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "label")


def test_training_is_good_enough(trained_run):
    assert trained_run.data.metrics["test_accuracy"] >= 0.95


def test_the_logged_accuracy_is_that_of_the_logged_model(trained_run, digits):
    model = mlflow.pyfunc.load_model(f"runs:/{trained_run.info.run_id}/model")
    images, labels = digits.datasets().test.tensors
    predicted = model.predict(images.numpy()).argmax(axis=1)
    expected = accuracy_score(labels.numpy(), predicted)
    assert trained_run.data.metrics["test_accuracy"] == pytest.approx(expected)


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
    assert found.metrics["accuracy"] == trained_run.data.metrics["test_accuracy"]
