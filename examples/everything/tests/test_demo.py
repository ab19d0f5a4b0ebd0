"""The page `demo`: what it shows of the registered model, and what it makes of uploads."""

import io
from pathlib import Path

import mlflow
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from everything import config, tracking
from everything.demo import model, upload

PAGE = Path(model.__file__).with_name("page.py")
NAME, ALIAS = "page-demo", "shown"
DATA = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def shown(trainer_config):
    """A model that has learned nothing, in the registry as the trainer would put it there."""
    task = trainer_config().task
    experiment = mlflow.get_experiment_by_name("tests").experiment_id
    with mlflow.start_run(experiment_id=experiment):
        mlflow.log_param(tracking.DATA, DATA)
        mlflow.log_metrics({"test_accuracy": 0.875, "train_loss": 1.0})
        uri = tracking.log_model(task.model().eval(), task.example())
        tracking.register_model(uri, config.RegistryConfig(NAME, ALIAS), {"accuracy": 0.875})
    return model.load(NAME, ALIAS, "tests")


@pytest.fixture
def page(shown, monkeypatch):
    monkeypatch.setenv("MODEL_NAME", NAME)
    monkeypatch.setenv("MODEL_ALIAS", ALIAS)
    return AppTest.from_file(str(PAGE), default_timeout=60)


def texts(page):
    """Everything that the page shows as text."""
    return [one.value for one in (*page.markdown, *page.code, *page.error)]


def test_the_registry_says_what_is_shown(shown, trainer_config):
    assert shown.metrics == {"accuracy": 0.875}
    assert shown.data == DATA
    assert torch.equal(shown.example, trainer_config().task.example()[:1])
    (prediction,) = model.predict(shown, shown.example)
    assert prediction.confidence == max(prediction.shares.values())
    assert prediction.shares[prediction.label] == prediction.confidence
    assert sum(prediction.shares.values()) == pytest.approx(1)


def test_a_model_that_is_not_there_is_said():
    with pytest.raises(model.NoModelError, match="no version of missing with the alias shown"):
        model.load("missing", ALIAS, "tests")


def test_the_page_shows_the_model_and_a_prediction(page, shown):
    page.run()
    assert not page.exception
    assert DATA in texts(page)
    (metric,) = page.metric
    assert (metric.label, metric.value) == ("accuracy on the test data", "0.875")
    page.toggle[0].set_value(True).run()
    assert not page.exception
    (prediction,) = model.predict(shown, shown.example)
    values = {one.label: one.value for one in page.metric}
    assert values["Prediction"] == prediction.label
    assert values["Confidence"] == f"{prediction.confidence:.1%}"


def test_the_page_says_that_there_is_no_model(page, monkeypatch):
    monkeypatch.setenv("MODEL_NAME", "missing")
    page.run()
    assert not page.exception
    assert "no version of missing" in page.error[0].value


def drawn(paper, ink):
    """A PNG of a bar: 32 pixels high and wide."""
    image = Image.new("L", (32, 32), paper)
    image.paste(ink, (12, 4, 20, 28))
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def test_an_image_becomes_pixels(shown):
    inputs = upload.read(drawn(255, 0), shown.size)
    assert inputs.shape == (1, *shown.size)
    assert inputs.dtype == shown.example.dtype
    assert inputs.min() == 0
    assert inputs.max() == upload.MAX_PIXEL
    # Light ink on dark paper is the same.
    assert torch.equal(upload.read(drawn(0, 255), shown.size), inputs)


def test_an_upload_is_predicted(page):
    page.run()
    page.file_uploader[0].set_value(("bar.png", drawn(255, 0), "image/png")).run()
    assert not page.exception
    assert "Prediction" in [one.label for one in page.metric]


@pytest.mark.parametrize("data", [b"", b"no image", drawn(255, 0)[:60]])
def test_what_is_no_image_is_said(data):
    with pytest.raises(upload.UploadError, match="no image that can be read"):
        upload.read(data, (8, 8))
