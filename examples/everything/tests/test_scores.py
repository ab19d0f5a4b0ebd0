"""The endpoint `scores`: a request that fits is answered as the model answers, and what does not fit is said."""

import json
import time

import mlflow
import numpy as np
import pytest
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient

from everything import scores as served

weights, inputs = served.weights, served.signature.inputs
DoesNotFitError, Given = served.signature.DoesNotFitError, served.signature.Given
NotLoadedError, Source = served.weights.NotLoadedError, served.weights.Source
RequestLog = served.request_log.RequestLog
SOURCE = Source("sums", "candidate")


class Sums(mlflow.pyfunc.PythonModel):
    """The sum of each row."""

    def predict(self, context, model_input, params=None):
        return np.asarray(model_input).sum(axis=1)


TWO = np.ones((2, 3), dtype=np.float32)
SIGNATURE = infer_signature(TWO, TWO.sum(axis=1))


def request(**changed):
    asked = {"name": "x", "datatype": "FP32", "shape": (2, 3), "data": [1, 2, 3, 4, 5, 6]}
    return [Given(**{**asked, **changed})]


def test_a_request_that_fits_is_an_array():
    assert inputs(SIGNATURE, request()).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert inputs(SIGNATURE, request(shape=(1, 3), data=[[1, 2, 3]])).dtype == np.float32


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({"datatype": "INT64"}, "'x': the datatype is INT64, not FP32"),
        ({"shape": (3, 2)}, r"'x': the shape is \[3, 2\], not \[-1, 3\]"),
        ({"shape": (6,)}, r"'x': the shape is \[6\]"),
        ({"data": [1, 2, 3]}, r"'x': 3 values, and the shape \[2, 3\] has 6"),
        ({"data": ["many"] * 6}, "'x': the data is not FP32"),
    ],
)
def test_a_request_that_does_not_fit_names_the_field(changed, answer):
    with pytest.raises(DoesNotFitError, match=answer):
        inputs(SIGNATURE, request(**changed))


def test_columns_are_known_by_name():
    import pandas as pd

    signature = infer_signature(pd.DataFrame({"size": [1.0], "city": ["Ulm"]}))
    size, city = Given("size", "FP64", (1,), [2.5]), Given("city", "BYTES", (1,), ["Bonn"])
    assert inputs(signature, [city, size]).to_dict("list") == {"size": [2.5], "city": ["Bonn"]}
    with pytest.raises(DoesNotFitError, match="'city' is missing"):
        inputs(signature, [size])
    with pytest.raises(DoesNotFitError, match="'age' is not known"):
        inputs(signature, [size, city, Given("age", "FP64", (1,), [2])])
    with pytest.raises(DoesNotFitError, match="different lengths"):
        inputs(signature, [size, Given("city", "BYTES", (2,), ["a", "b"])])


def test_a_model_without_a_signature_is_refused():
    with pytest.raises(DoesNotFitError, match="no signature"):
        inputs(None, request())


@pytest.fixture
def registered(tmp_path, monkeypatch):
    """A registered model, and where its files are."""
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/runs.db")
    experiment = mlflow.create_experiment("tests", (tmp_path / "artifacts").as_uri())
    with mlflow.start_run(experiment_id=experiment):
        mlflow.pyfunc.log_model(
            name="model",
            python_model=Sums(),
            signature=SIGNATURE,
            pip_requirements=["mlflow"],
            registered_model_name="sums",
        )
    MlflowClient().set_registered_model_alias("sums", "candidate", "1")
    return tmp_path / "artifacts"


def test_only_an_approved_model_is_loaded_and_only_as_it_was(registered):
    with pytest.raises(NotLoadedError, match=r"nobody approved sums@candidate .* do it"):
        weights.load(SOURCE, "do it")
    digest = weights.approve(SOURCE)[1]
    found, model = weights.load(SOURCE, "do it")
    assert (found.version, found.approved) == ("1", digest)
    assert model.predict(TWO).tolist() == [3, 3]
    with pytest.raises(NotLoadedError, match=f"hash is {digest}, and {'0' * 64} was noted"):
        weights.load(SOURCE, "do it", "0" * 64)
    (pickled,) = registered.rglob("python_model.pkl")
    pickled.write_bytes(pickled.read_bytes() + b"x")
    with pytest.raises(NotLoadedError, match="are not those that were approved"):
        weights.load(SOURCE, "do it")
    with pytest.raises(NotLoadedError, match="sums@nobody is not to be had"):
        weights.load(Source("sums", "nobody"), "do it")


def test_requests_are_written_beside_the_serving(tmp_path):
    requests = RequestLog(str(tmp_path), seconds=0.1)
    assert all(requests.note({"number": number}) for number in range(5))
    requests.close()
    lines = [line for file in tmp_path.rglob("*.jsonl") for line in file.read_text().splitlines()]
    assert sorted(json.loads(line)["number"] for line in lines) == list(range(5))


def test_what_does_not_fit_in_the_queue_is_dropped_and_counted(tmp_path, monkeypatch):
    requests = RequestLog(str(tmp_path), room=3, batch=1, seconds=0.01)
    # As slow as a bucket may be.
    monkeypatch.setattr(requests, "_write", lambda records: time.sleep(1))
    started = time.monotonic()
    kept = [requests.note({"number": number}) for number in range(50)]
    assert time.monotonic() - started < 0.5
    assert kept.count(False) == requests.dropped >= 45
