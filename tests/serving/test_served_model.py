"""SeldonDeployment: a real model behind KServe's real server answers as the model answers; its manifests fit the engines' definitions."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import jsonschema
import pytest
import yaml
from benchmark_code import benchmark
from ml_environment import made
from terraform_mirror import shared_folder

from mxdev.testing import mx, render_all, text

pytestmark = pytest.mark.noted()

REQUIREMENTS = ("kserve>=0.21,<0.22", "mlflow>=3.12,<4", "scikit-learn>=1.6,<2", "fsspec>=2025.3")
MANIFEST = "infrastructure/kubernetes/apps/scores/server.yaml"
# Trains a model in no time, registers it twice, the second time without a signature, and prints its answers.
TRAIN = """
import json, mlflow, numpy as np
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient
from sklearn.linear_model import LinearRegression
x = np.arange(12, dtype=np.float32).reshape(4, 3) ** 1.5
y = x @ np.array([1.0, -2.0, 0.5], dtype=np.float32) + 3
model = LinearRegression().fit(x, y)
mlflow.set_experiment(experiment_id=mlflow.create_experiment("e", "file://" + __import__("os").path.abspath("artifacts")))
for alias, signature in (("candidate", infer_signature(x, model.predict(x))), ("unsigned", None)):
    with mlflow.start_run():
        logged = mlflow.sklearn.log_model(model, name="model", signature=signature, pip_requirements=["mlflow"],
                                          serialization_format="cloudpickle")
        version = mlflow.register_model(logged.model_uri, "churn-model")
        MlflowClient().set_registered_model_alias("churn-model", alias, version.version)
print(json.dumps([x.tolist(), model.predict(x).tolist()]))
"""


@pytest.fixture(scope="module")
def python() -> Path:
    return made("serving", REQUIREMENTS)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an endpoint `scores`."""
    folder = tmp_path_factory.mktemp("serving")
    options = ("--no-input", "--skip-git", "--domain=ml.example.com")
    assert mx("generate", "MLProjectSkeleton", "churn-model", *options, cwd=folder).code == 0
    done = mx("generate", "SeldonDeployment", "scores", "--no-input", cwd=folder / "churn-model")
    assert done.code == 0, done.stderr
    # The project's package imports Hydra and PyTorch in some modules; the server needs none of them.
    return folder / "churn-model"


class Place:
    """Where the programs run, and what they are told."""

    def __init__(self, python: Path, project: Path, folder: Path) -> None:
        self.python, self.folder = python, folder
        self.environ = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")} | {
            "PYTHONPATH": str(project / "src"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/runs.db",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, *arguments], cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=120
        )  # fmt: skip


@pytest.fixture(scope="module")
def place(python: Path, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(python, project, tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def trained(place: Place) -> tuple[list[list[float]], list[float]]:
    """Inputs, and what the model itself makes of them."""
    done = place.run("-c", TRAIN)
    assert done.returncode == 0, done.stderr
    inputs, answers = json.loads(done.stdout.splitlines()[-1])
    return inputs, answers


@pytest.fixture(scope="module")
def server(place: Place, trained: object) -> Iterator[str]:
    """The address of the server of the approved model."""
    refused = place.run("-m", "churn_model.scores")
    assert refused.returncode == 1
    assert "nobody approved churn-model@candidate" in refused.stderr
    approved = place.run("-m", "churn_model.scores", "--approve")
    assert approved.returncode == 0, approved.stderr
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        place.python,
        "-m",
        "churn_model.scores",
        "--http_host",
        "127.0.0.1",
        "--http_port",
        str(port),
        "--request_log",
        str(place.folder / "log"),
    ]
    with (place.folder / "server.log").open("wb") as log:
        child = subprocess.Popen(command, cwd=place.folder, env=place.environ, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 90
            while True:
                try:
                    urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=5)
                    break
                except OSError:
                    said = (place.folder / "server.log").read_text()
                    assert child.poll() is None, said
                    assert time.monotonic() < deadline, said
                    time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            child.terminate()
            child.wait(30)


def ask(server: str, **changed: Any) -> tuple[int, dict[str, Any]]:
    tensor = {"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3], **changed}
    body = json.dumps({"inputs": [tensor]}).encode()
    request = Request(f"{server}/v2/models/scores/infer", body, {"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def test_the_benchmark_asks_the_server_and_stops_at_the_first_refusal(server: str) -> None:
    serving = benchmark("serving")
    path, body = "/v2/models/scores/infer", json.dumps(serving.TENSOR).encode()
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        asked = serving.Server("scores", int(server.rpartition(":")[2]), path, body, process)
        result = serving.measure(asked, 2, 20)
        assert len(result.latencies) == 20
        assert 0 < result.at(0.5) <= result.at(0.99) == result.latencies[-1]
        assert result.rate > 0
        refused = asked._replace(body=b'{"inputs": []}')
        with pytest.raises(SystemExit, match="scores answered 400"):
            serving.ask(refused, 1)


def test_the_answer_is_the_models(server: str, trained: tuple[list[list[float]], list[float]]) -> None:
    inputs, answers = trained
    status, answer = ask(server, shape=[4, 3], data=inputs)
    assert status == 200, answer
    [output] = answer["outputs"]
    assert output["shape"] == [4]
    assert output["data"] == pytest.approx(answers, rel=1e-6)
    assert (answer["model_name"], answer["model_version"]) == ("scores", "1")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"shape": [1, 2], "data": [1, 2]}, "'x': the shape is [1, 2], not [-1, 3]"),
        ({"datatype": "INT64"}, "'x': the datatype is INT64, not FP32"),
        ({"data": [1, 2]}, "'x': 2 values"),
        ({"data": ["a", "b", "c"]}, "'x': the data is not FP32"),
        ({"shape": [0, 3], "data": []}, "'x': the shape [0, 3] has no values"),
        ({"shape": [6148914691236517206, 3], "data": [1, 2]}, "'x': 2 values"),
        ({"data": [1e300, 2, 3]}, "'x': a value is infinite, or too large for FP32"),
        ({"data": [float("nan"), 2, 3]}, "a value is NaN, and the model says: Input X contains NaN"),
    ],
)
def test_what_does_not_fit_is_a_400_that_names_the_field(
    server: str, changed: dict[str, Any], words: str
) -> None:
    status, answer = ask(server, **changed)
    assert status == 400, answer
    assert words in answer["error"]


def test_metrics_count_what_was_refused(server: str) -> None:
    assert ask(server, datatype="INT64")[0] == 400
    metrics = urlopen(f"{server}/metrics", timeout=20).read().decode()
    assert 'served_refused_total{model="scores"}' in metrics
    assert "request_predict_seconds" in metrics


def test_the_smoke_test_asks_the_real_server(place: Place, server: str) -> None:
    done = place.run("-m", "churn_model.scores.smoke", server, "scores")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "scores takes inputs FP32 [-1, 3], and gives outputs FP32 [1]\n"
    code = "from churn_model.scores import smoke\nsmoke.ask(*__import__('sys').argv[1:], patience=0)"
    other = place.run("-c", code, server, "others")
    assert (other.returncode, "does not say what others takes" in other.stderr) == (1, True), other.stderr
    # A server that says one thing and takes another fails, with its own words.
    lying = code.replace("smoke.ask", "smoke.example = lambda _: {'inputs': []}\nsmoke.ask")
    refused = place.run("-c", lying, server, "scores")
    assert (refused.returncode, "scores answers 400 to what it says it takes" in refused.stderr) == (1, True)


def test_a_model_without_a_signature_does_not_start(place: Place, trained: object) -> None:
    assert place.run("-m", "churn_model.scores", "--alias", "unsigned", "--approve").returncode == 0
    done = place.run("-m", "churn_model.scores", "--alias", "unsigned")
    assert done.returncode == 1
    assert "cannot be served: the model has no signature" in done.stderr


def strict(schema: Any) -> Any:
    """A CRD's schema that refuses what it does not name, as the API server would drop it."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(value) for key, value in schema.items()}
    if schema.get("x-kubernetes-int-or-string"):
        found.pop("type", None)
    if (
        isinstance(schema.get("properties"), dict)
        and "type" in schema
        and not schema.get("x-kubernetes-preserve-unknown-fields")
    ):
        found.setdefault("additionalProperties", False)
    return found


@pytest.mark.parametrize("weight", [0, 10])
@pytest.mark.parametrize("engine", ["kserve", "seldon"])
@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_manifests_fit_the_engines_definitions(engine: str, weight: int, cloud: str) -> None:
    tree = rendered(engine, weight, cloud)
    items = list(yaml.safe_load_all(text(tree, MANIFEST)))
    kind = {"kserve": "InferenceService", "seldon": "SeldonDeployment"}[engine]
    served = [one for one in items if one["kind"] == kind]
    assert len(served) == (2 if weight else 1)
    names = {
        "kserve": "crd-kserve-v0.20.0-inferenceservices",
        "seldon": "crd-seldon-core-v1.17.1-seldondeployments",
    }
    path = shared_folder() / "schemas" / f"{names[engine]}.yaml"
    if not path.exists():
        pytest.skip(f"{path} is missing")
    versions = yaml.safe_load(path.read_text())["spec"]["versions"]
    [schema] = [
        one["schema"]["openAPIV3Schema"]["properties"]["spec"]
        for one in versions
        if one["name"] == served[0]["apiVersion"].rpartition("/")[2]
    ]
    for one in served:
        errors = jsonschema.Draft202012Validator(strict(schema)).iter_errors(one["spec"])
        assert [f"{list(error.path)}: {error.message}" for error in errors] == []


def rendered(engine: str, weight: int, cloud: str = "gcp", tag: str = "0123abc", **more: Any) -> Any:
    """What the generator renders."""
    options = {
        "name": "scores",
        "engine": engine,
        "canary_weight": weight,
        "tag": tag,
        "cloud": cloud,
        "domain": "ml.example.com",
        **more,
    }
    return render_all("SeldonDeployment", **options).renderings[-1].tree


def test_it_listens_where_it_is_told(server: str) -> None:
    """127.0.0.1 is one of many addresses of this machine; KServe itself listens at all of them."""
    port = int(server.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", port), timeout=5):
        pass


def test_the_alias_goes_back_to_the_version_before_that_was_approved(place: Place, server: str) -> None:
    moved = (
        "from mlflow.tracking import MlflowClient\n"
        "client = MlflowClient()\n"
        "client.set_registered_model_alias('churn-model', 'moved', '2')\n"
    )
    assert place.run("-c", moved).returncode == 0
    back = ("-m", "churn_model.scores", "--alias", "moved", "--roll_back")
    done = place.run(*back)
    assert (done.returncode, done.stdout) == (0, "churn-model@moved is version 1 again; it was 2\n"), (
        done.stderr
    )
    again = place.run(*back)
    assert again.returncode == 1
    assert "no version of churn-model before 1 was approved" in again.stderr


def test_a_number_with_a_fraction_is_no_whole_number(place: Place) -> None:
    code = (
        "import numpy as np\nfrom churn_model.scores import signature as s\n"
        "field = s.Field('x', 'INT64', (1,))\n"
        "print(s._array(field, s.Given('x', 'INT64', [1], [2])))\n"
        "print(s._array(field, s.Given('x', 'INT64', [1], [1.7])))"
    )
    done = place.run("-c", code)
    assert (done.stdout, done.returncode) == ("[2]\n", 1)
    assert "inputs: 'x': the data is not INT64: it is float64" in done.stderr


@pytest.mark.parametrize("engine", ["kserve", "seldon"])
def test_only_the_gateway_and_the_smoke_test_ask_and_prometheus_has_its_own_port(engine: str) -> None:
    """STRICT lets nobody outside of the mesh speak to the server's port: Prometheus reads the sidecar's, which merges the metrics."""
    tree = rendered(engine, 10)
    items = list(yaml.safe_load_all(text(tree, MANIFEST)))
    policies = [one for one in items if one["kind"] == "NetworkPolicy"]
    assert [one["metadata"]["name"] for one in policies] == ["scores", "scores-canary"]
    job = yaml.safe_load(text(tree, "infrastructure/kubernetes/apps/scores/smoke_test.yaml"))
    pod = job["spec"]["template"]["metadata"]["labels"]
    for policy in policies:
        asking, scraping = policy["spec"]["ingress"]
        who = [one["podSelector"]["matchLabels"] for one in asking["from"]]
        assert [one["port"] for one in asking["ports"]] == [8080]
        assert who[0] == {"istio": "ingressgateway"}
        assert who[1].items() <= pod.items()
        assert scraping == {"ports": [{"protocol": "TCP", "port": 15020}]}
    # A pod without a sidecar could not ask a server that has one.
    assert pod["sidecar.istio.io/inject"] == "true"


def test_another_image_or_model_is_another_smoke_test() -> None:
    """A Job cannot change: applied again under the same name it would be refused."""
    path = "infrastructure/kubernetes/apps/scores/smoke_test.yaml"
    names = [
        yaml.safe_load(text(rendered("kserve", 0, tag=tag), path))["metadata"]["name"]
        for tag in ("a", "a", "b")
    ]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(
    ("log", "cloud", "bucket"),
    [
        ("gs://acme-ml-scores-data/requests", "gcp", 'google_storage_bucket.main["data"].name'),
        ("gs://other/requests", "gcp", '"other"'),
        ("s3://other/requests", "gcp", None),
        ("", "gcp", None),
        ("gs://other/requests", "existing", None),
    ],
)
def test_terraform_lets_the_endpoint_write_its_log(log: str, cloud: str, bucket: str | None) -> None:
    tree = rendered("kserve", 0, cloud, project_id="acme-ml", request_log=log)
    path = "infrastructure/terraform/served_scores.tf"
    if bucket is None:
        assert path not in tree.files
        return
    assert f"bucket = {bucket}\n" in text(tree, path)
    assert "roles/storage.objectCreator" in text(tree, path)


def test_nothing_runs_before_there_is_an_image() -> None:
    kinds = [one["kind"] for one in yaml.safe_load_all(text(rendered("kserve", 0, tag="none"), MANIFEST))]
    assert kinds == ["ServiceAccount", "Service", "NetworkPolicy"]


def test_the_route_has_the_canarys_weight() -> None:
    route = "infrastructure/kubernetes/apps/scores/route.yaml"
    [service, *_] = yaml.safe_load_all(text(rendered("kserve", 10), route))
    targets = service["spec"]["http"][0]["route"]
    hosts = {one["destination"]["host"].partition(".")[0]: one["weight"] for one in targets}
    assert hosts == {"scores": 90, "scores-canary": 10}
    manifests = list(yaml.safe_load_all(text(rendered("kserve", 10), MANIFEST)))
    assert set(hosts) == {one["metadata"]["name"] for one in manifests if one["kind"] == "Service"}


def test_it_goes_without_a_trace(tmp_path: Path) -> None:
    assert mx("generate", "MLProjectSkeleton", "m1", "--no-input", "--skip-git", "--domain=a.example.com", cwd=tmp_path).code == 0  # fmt: skip
    root = tmp_path / "m1"
    assert mx("generate", "DeploymentInfrastructure", "--no-input", cwd=root).code == 0

    def files() -> dict[str, bytes]:
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and ".mx" not in path.parts
        }

    before = files()
    assert mx("generate", "SeldonDeployment", "scores", "--no-input", cwd=root).code == 0
    done = mx("generate", "SeldonDeployment", "scores", "--no-input", "--json", cwd=root)
    assert json.loads(done.stdout)["outcome"] == "nothing"
    assert mx("destroy", "SeldonDeployment:scores", "--no-input", cwd=root).code == 0
    assert files() == before
