"""The saver with pandas, NumPy, joblib, scikit-learn, PyTorch, Keras and ONNX, run by `test_sagemaker_saver.py` where they are installed."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mxdev_saver as saver
import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[saver.Saver]:
    import boto3
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "of-the-tests")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="acme")
        client.put_bucket_versioning(Bucket="acme", VersioningConfiguration={"Status": "Enabled"})
        yield saver.Saver("acme", client=client, index=tmp_path / "index.sqlite")


def test_frames(store: saver.Saver) -> None:
    frame = pd.DataFrame(
        {"n": [1, 2], "x": [0.5, None], "t": ["ä", "b,c"], "d": [datetime.datetime(2026, 1, day) for day in (1, 2)]}
    )  # fmt: skip
    store.put(filename="frame.parquet", dataframe=frame, metadata={"rows": 2})
    pd.testing.assert_frame_equal(store.get(filename="frame.parquet"), frame)
    store.put(filename="frame.csv", dataframe=frame[["n", "x", "t"]])
    pd.testing.assert_frame_equal(store.get(filename="frame.csv"), frame[["n", "x", "t"]])


def test_a_frame_that_would_not_come_back_is_refused(store: saver.Saver) -> None:
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    levels = pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")]))
    for frame, name, why in (
        (pd.DataFrame(), "a.csv", "it has no column"),
        (twice, "a.csv", "one line of names, each once"),
        (levels, "a.csv", "one line of names"),
        (twice, "a.parquet", "this DataFrame cannot be stored as parquet: Duplicate column names"),
        (pd.DataFrame({"a": [1, "x"]}), "a.parquet", "cannot be stored as parquet: .*Conversion failed"),
    ):
        with pytest.raises(saver.SaverError, match=why):
            store.put(name, dataframe=frame)
    assert store.list() == []
    for name, frame in (("no-rows.csv", pd.DataFrame({"a": []})), ("empty.parquet", pd.DataFrame())):
        store.put(name, dataframe=frame)
        assert store.get(name).shape == frame.shape
    store.put("levels.parquet", dataframe=levels)
    pd.testing.assert_frame_equal(store.get("levels.parquet"), levels)


def test_arrays(store: saver.Saver) -> None:
    array = np.arange(6.0).reshape(2, 3)
    store.put("a.npy", object=array)
    store.put("a.npz", object={"x": array, "y": array + 1})
    np.testing.assert_array_equal(store.get("a.npy"), array)
    np.testing.assert_array_equal(store.get("a.npz")["y"], array + 1)
    with pytest.raises(saver.SaverError, match=r"stored as npy: .*allow_pickle"):
        store.put("o.npy", object=np.array([object()]))


def test_scikit_learn(store: saver.Saver) -> None:
    from sklearn.linear_model import LogisticRegression

    x, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    model = LogisticRegression().fit(x, y)
    for name in ("model.joblib", "model.pkl"):
        store.put(name, object=model, metadata={"framework": "scikit-learn"})
        with pytest.raises(saver.Untrusted):
            store.get(name)
        np.testing.assert_allclose(store.get(name, trusted=True).predict_proba(x), model.predict_proba(x))


def test_pytorch(store: saver.Saver) -> None:
    import torch

    model = torch.nn.Linear(3, 2)
    store.put("weights.pt", object=model.state_dict())
    assert torch.equal(store.get("weights.pt")["weight"], model.weight)
    store.put("whole.pt", object=model)
    with pytest.raises(saver.Untrusted, match="state_dict"):
        store.get("whole.pt")
    assert torch.equal(store.get("whole.pt", trusted=True).weight, model.weight)


def test_keras(store: saver.Saver) -> None:
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    store.put("model.keras", object=model)
    x: Any = np.ones((1, 3), "float32")
    np.testing.assert_allclose(
        store.get("model.keras").predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6
    )
    code = keras.Sequential(
        [keras.Input((3,)), keras.layers.Lambda(lambda value: value * 2, output_shape=(3,))]
    )
    store.put("code.keras", object=code)
    with pytest.raises(saver.Untrusted, match="trusted=True"):
        store.get("code.keras")
    np.testing.assert_allclose(store.get("code.keras", trusted=True).predict(x, verbose=0), x * 2)


def test_onnx(store: saver.Saver) -> None:
    import onnx
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g",
                              [value("x", TensorProto.FLOAT, [1])], [value("y", TensorProto.FLOAT, [1])])  # fmt: skip
    model = helper.make_model(graph)
    store.put("model.onnx", object=model)
    onnx.checker.check_model(store.get("model.onnx"))
    assert store.get("model.onnx") == model
