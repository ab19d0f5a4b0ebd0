"""The contract of the wrappers on real models, and the service under load, run by `test_sagemaker_serving.py` where the frameworks are installed."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from serving import frameworks, inputs, models
from serving.inputs import InvalidInput
from serving.rest import application

ROWS = [{"a": 0.1, "b": 0.2}, {"a": 3.0, "b": 2.5}, {"a": 0.0, "b": 3.0}]
X = [[row["a"], row["b"]] for row in ROWS]
FIELDS = [{"name": "a", "type": "number"}, {"name": "b", "type": "number"}]


def scikit_learn(folder: Path) -> list[Any]:
    """As the training pipeline writes it: fitted on named columns, and no model.json."""
    import joblib
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(pd.DataFrame(ROWS), [0, 1, 1])
    joblib.dump(model, folder / "model.joblib")
    return list(model.predict(pd.DataFrame(ROWS)).tolist())


def scikit_learn_probabilities(folder: Path) -> list[Any]:
    import joblib
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(pd.DataFrame(ROWS), ["no", "yes", "yes"])
    joblib.dump(model, folder / "model.joblib")
    (folder / "model.json").write_text(json.dumps({"wrapper": "scikit-learn", "method": "predict_proba"}))
    return list(model.predict_proba(pd.DataFrame(ROWS)).tolist())


def _torch(folder: Path) -> Any:
    import torch

    (folder / "model.json").write_text(json.dumps({"inputs": FIELDS}))
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.9))


def torch_script(folder: Path) -> list[Any]:
    import torch

    module = _torch(folder)
    torch.jit.save(torch.jit.script(module), folder / "model.pt")
    return list(module.eval()(torch.tensor(X)).tolist())


def torch_module(folder: Path) -> list[Any]:
    import torch

    module = _torch(folder)
    torch.save(module, folder / "model.pth")
    return list(module.eval()(torch.tensor(X)).tolist())


def keras_model(folder: Path) -> list[Any]:
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save(folder / "model.keras")
    (folder / "model.json").write_text(json.dumps({"inputs": FIELDS}))
    return list(np.asarray(model.predict(np.asarray(X, "float32"), verbose=0)).tolist())


def onnx_graph(folder: Path) -> list[Any]:
    from skl2onnx import to_onnx
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(X, [1.0, 2.0, 3.0])
    (folder / "model.onnx").write_bytes(to_onnx(model, np.asarray(X, "float32")).SerializeToString())
    (folder / "model.json").write_text(json.dumps({"wrapper": "onnx", "inputs": FIELDS}))
    return [[one] for one in model.predict(X).tolist()]


CUSTOM = """
from serving.wrapper import Wrapper

class Sum(Wrapper):
    def load(self):
        self.factor = self.settings["factor"]

    def transform(self, rows):
        return [self.factor * (row["a"] + row["b"]) for row in rows]
"""


def custom(folder: Path) -> list[Any]:
    """Code of the image; the fixture puts it where Python looks."""
    (folder / "model.json").write_text(
        json.dumps({"wrapper": "own_wrapper:Sum", "factor": 2, "inputs": FIELDS})
    )
    return [2 * (row["a"] + row["b"]) for row in ROWS]


MAKERS: list[Callable[[Path], list[Any]]] = [
    scikit_learn, scikit_learn_probabilities, torch_script, torch_module, keras_model, onnx_graph, custom,
]  # fmt: skip


def archive(folder: Path, make: Callable[[Path], list[Any]]) -> tuple[Path, list[Any]]:
    """A model.tar.gz, and what its model says of ROWS."""
    (folder / "files").mkdir(parents=True)
    expected = make(folder / "files")
    with tarfile.open(folder / "model.tar.gz", "w:gz") as tar:
        tar.add(folder / "files", ".")
    return folder / "model.tar.gz", expected


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("image")
    (folder / "own_wrapper.py").write_text(CUSTOM)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_the_contract(make: Callable[[Path], list[Any]], tmp_path: Path, own: Path) -> None:
    path, expected = archive(tmp_path, make)
    model = models.loaded("m", "1", str(path))
    answers = model.wrapper.transform(ROWS)
    np.testing.assert_allclose(answers, expected, rtol=1e-4)
    # One at a time or together, and again: the same.
    np.testing.assert_allclose([model.wrapper.transform([row])[0] for row in ROWS], expected, rtol=1e-4)
    np.testing.assert_allclose(model.wrapper.transform(ROWS), expected, rtol=1e-4)
    json.dumps(answers, allow_nan=False)
    # It says itself what it does not take, and names it.
    with pytest.raises(InvalidInput, match=r"instances\[1\]\.b: is missing"):
        model.wrapper.inputs.check([ROWS[0], {"a": 1}], 10)
    with pytest.raises(InvalidInput, match=r"instances\[0\]\.c: is no input of this model: it knows a, b"):
        model.wrapper.inputs.check([{**ROWS[0], "c": 1}], 10)


def test_models_that_know_the_length_of_their_input(tmp_path: Path) -> None:
    import joblib
    import keras
    from sklearn.linear_model import LinearRegression

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    joblib.dump(LinearRegression().fit(X, [1, 2, 3]), tmp_path / "a/model.joblib")
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "b/model.keras")
    for name in ("a", "b"):
        wrapper = models.loaded("m", "1", str(tmp_path / name)).wrapper
        assert len(wrapper.transform([{"x": [1.0, 2.0]}])) == 1
        with pytest.raises(InvalidInput, match=r"instances\[0\]\.x: is a list: give numbers in the shape 2"):
            wrapper.inputs.check([{"x": [1.0]}], 10)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    folder = tmp_path_factory.mktemp("two")
    first, _ = archive(folder / "1", scikit_learn)
    second, _ = archive(folder / "2", onnx_graph)
    return [
        {"model": "iris", "version": "1", "data": str(first)},
        {"model": "iris", "version": "2", "data": str(second)},
    ]


def test_versions_side_by_side_each_with_its_documentation(two: list[dict[str, str]]) -> None:
    client = TestClient(application(models.deployed({"MODELS": json.dumps(two)})))
    one = client.post("/predictions/iris/1/predict", json={"instances": ROWS}).json()
    other = client.post("/predictions/iris/2/predict", json={"instances": ROWS}).json()
    assert (one["version"], other["version"]) == ("1", "2")
    assert one["predictions"] == [0, 1, 1] != other["predictions"]
    assert [found["version"] for found in client.get("/health").json()["models"]] == ["1", "2"]
    assert client.get("/predictions/iris/2/health").json()["status"] == "ok"
    page = client.get("/predictions/iris/2/docs")
    assert "/predictions/iris/2/openapi.json" in page.text
    schema = client.get("/predictions/iris/2/openapi.json").json()
    body = schema["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["instances"]["items"]["properties"] == {
        "a": {"type": "number"},
        "b": {"type": "number"},
    }
    gone = client.post("/predictions/iris/3/predict", json={"instances": ROWS})
    assert gone.status_code == 404
    assert "no model is served at /predictions/iris/3/predict" in gone.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"{", 422, "body"),
        (b"[" * 100_000, 422, "body"),
        (b"[]", 422, "body"),
        (b"{}", 422, "instances"),
        (b'{"instances": []}', 422, "instances"),
        (b'{"rows": [1]}', 422, "rows"),
        (b'{"instances": [1]}', 422, "instances[0]"),
        (b'{"instances": [{"a": 1, "b": "2"}]}', 422, "instances[0].b"),
        (b'{"instances": [{"a": 1, "b": NaN}]}', 422, "instances[0].b"),
        (b'{"instances": [{"a": 1, "b": 1' + b"0" * 400 + b"}]}", 422, "instances[0].b"),
        (b'{"instances": [{"a": 1, "b": true}]}', 422, "instances[0].b"),
        (b'{"instances": [{"a": 1, "b": 2}, {"b": 2}]}', 422, "instances[1].a"),
        (b'{"instances": [' + b",".join([b"{}"] * 1001) + b"]}", 422, "instances"),
        (b" " * ((8 << 20) + 1), 413, "body"),
    ],
    ids=range(14),
)
def test_what_does_not_fit_is_named(two: list[dict[str, str]], body: bytes, status: int, field: str) -> None:
    client = TestClient(
        application(models.deployed({"MODELS": json.dumps(two[1:])})), raise_server_exceptions=False
    )
    told = client.post("/predictions/iris/2/predict", content=body)
    assert (told.status_code, told.json()["detail"][0]["field"]) == (status, field), told.text


def test_what_only_the_model_knows_not_to_fit_is_named_too(two: list[dict[str, str]]) -> None:
    client = TestClient(application(models.deployed({"MODELS": json.dumps(two[:1])})))
    told = client.post("/predictions/iris/1/predict", json={"instances": [ROWS[0], {"a": 1, "b": "blue"}]})
    assert (told.status_code, told.json()["detail"][0]["field"]) == (422, "instances[1].b")


def test_what_is_left_out_and_an_answer_that_is_none(tmp_path: Path, own: Path) -> None:
    """A graph of ONNX has NaN for a number that may be left out; what it then answers is told, and breaks nobody else's request."""

    def graph(folder: Path) -> list[Any]:
        expected = onnx_graph(folder)
        fields = [FIELDS[0], {**FIELDS[1], "required": False}]
        (folder / "model.json").write_text(json.dumps({"wrapper": "onnx", "inputs": fields}))
        return expected

    path, expected = archive(tmp_path, graph)
    said = [{"model": "m", "version": "1", "data": str(path)}]
    client = TestClient(
        application(models.deployed({"MODELS": json.dumps(said)})), raise_server_exceptions=False
    )
    told = client.post("/predictions/m/1/predict", json={"instances": [ROWS[0], {"a": 1.0}]})
    assert told.status_code == 500
    (problem,) = told.json()["detail"]
    assert problem["field"] == "predictions[1]"
    assert "the model's answer is no JSON" in problem["problem"]
    good = client.post("/predictions/m/1/predict", json={"instances": [ROWS[0]]})
    np.testing.assert_allclose(good.json()["predictions"], expected[:1], rtol=1e-4)


def test_what_does_not_fit_in_the_type_of_a_graph() -> None:
    fields = inputs.parsed([{"name": "n", "type": "integer", "required": False}])
    with pytest.raises(InvalidInput, match="instances: n must be int64 for this model"):
        frameworks._matrix(fields, [{"n": 10**30}], "int64")
    with pytest.raises(InvalidInput, match=r"instances\[1\]\.n: is missing: .*no empty value for int64"):
        frameworks._matrix(fields, [{"n": 1}, {}], "int64")
    whole = inputs.parsed([{"name": "x", "type": "array", "shape": [2], "required": False}])
    with pytest.raises(InvalidInput, match=r"instances\[0\]\.x: is missing"):
        frameworks._matrix(whole, [{}, {"x": [1, 2]}], "float32")


def test_the_service_under_load(two: list[dict[str, str]], tmp_path: Path) -> None:
    """A real process on loopback: warm answers in milliseconds, and every answer to the one who asked."""
    with subprocess.Popen(
        [sys.executable, "-m", "serving"], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "MODELS": json.dumps(two), "HOST": "127.0.0.1", "PORT": "0"},
    ) as process:  # fmt: skip
        try:
            assert process.stderr is not None
            lines: list[str] = []
            for line in process.stderr:
                lines.append(line)
                if "running on" in line:
                    break
            assert "iris 1 is loaded" in "".join(lines), lines
            address = lines[-1].split("running on ")[1].split()[0]
            with httpx.Client(base_url=address, timeout=30) as client:
                took = []
                for _ in range(200):
                    start = time.perf_counter()
                    assert client.post("/predictions/iris/2/predict", json={"instances": ROWS[:1]}).is_success
                    took.append((time.perf_counter() - start) * 1000)
            median, slow = statistics.median(took), statistics.quantiles(took, n=100)[98]

            def ask(number: int) -> bool:
                with httpx.Client(base_url=address, timeout=60) as client:
                    good = True
                    for at in range(25):
                        row = {"a": float(number), "b": float(at)}
                        said = client.post("/predictions/iris/2/predict", json={"instances": [row, ROWS[0]]})
                        good &= said.is_success
                        mine, other = said.json()["predictions"]
                        good &= abs(mine[0] - right([[number, at]])[0]) < 1e-2
                        good &= abs(other[0] - right([X[0]])[0]) < 1e-2
                    return good

            from sklearn.linear_model import LinearRegression

            right = LinearRegression().fit(X, [1.0, 2.0, 3.0]).predict
            start = time.perf_counter()
            with ThreadPoolExecutor(16) as pool:
                assert all(pool.map(ask, range(16)))
            rate = 400 / (time.perf_counter() - start)
            print(
                f"warm: median {median:.1f} ms, 99th of a hundred {slow:.1f} ms; 16 at once: {rate:.0f} a second"
            )
            assert median < 50, "milliseconds"
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) in (0, -signal.SIGTERM)
        finally:
            process.kill()


def test_the_image_is_a_function_on_lambda(tmp_path: Path, own: Path) -> None:
    """AWS's own runtime client, with a double of Lambda's runtime interface and of S3, which notes what is written."""
    (tmp_path / "model").mkdir()
    custom(tmp_path / "model")
    events = [{"Records": [{"messageId": "1", "body": json.dumps({"id": "a", "instances": ROWS})},
                           {"messageId": "2", "body": json.dumps({"id": "b", "instances": [{"a": 1}]})}]}]  # fmt: skip
    told: list[Any] = []
    objects: dict[str, Any] = {}
    done = threading.Event()

    class Double(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def answer(self, code: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(code)
            # AWS's client, which is of C, crashes on an answer without a type.
            for name, value in {
                "Content-Length": str(len(body)),
                "Content-Type": "application/json",
                **headers,
            }.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.answer(200 if self.path in objects else 404)

        def do_PUT(self) -> None:
            assert self.headers["If-None-Match"] == "*"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            objects[self.path] = body.decode()
            self.answer(200, ETag='"1"')

        def do_GET(self) -> None:
            if not events:
                done.wait(15)
                return
            headers = {"Lambda_Runtime_Aws_Request_Id": "1", "Lambda_Runtime_Deadline_Ms": "9999999999999",
                       "Lambda_Runtime_Invoked_Function_Arn": "arn"}  # fmt: skip
            self.answer(200, json.dumps(events.pop()).encode(), **headers)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append((self.path, json.loads(body)))
            self.answer(202)
            done.set()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Double)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    environment = {
        **os.environ, "AWS_LAMBDA_RUNTIME_API": address, "MODEL_NAME": "m", "MODEL_VERSION": "1", "MODEL_DATA": str(tmp_path / "model"),
        "RESULTS": "s3://acme/async/m/1", "AWS_ENDPOINT_URL": f"http://{address}", "AWS_ACCESS_KEY_ID": "t",
        "AWS_SECRET_ACCESS_KEY": "t", "AWS_DEFAULT_REGION": "us-east-1", "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "PYTHONPATH": os.pathsep.join([str(own), os.environ["PYTHONPATH"]]),
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "serving"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            answered = done.wait(15)
        finally:
            process.kill()
            server.shutdown()
        assert process.stdout is not None
        assert answered, process.stdout.read().decode()
    assert told == [
        ("/2018-06-01/runtime/invocation/1/response", {"batchItemFailures": [{"itemIdentifier": "2"}]})
    ]
    found = {path: json.loads(body) for path, body in objects.items()}
    assert found["/acme/async/m/1/a.json"]["predictions"] == [2 * (row["a"] + row["b"]) for row in ROWS]
    assert found["/acme/async/m/1/b.error.json"]["detail"][0]["field"] == "instances[0].b"
