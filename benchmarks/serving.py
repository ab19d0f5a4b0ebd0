"""Times KServe's ModelServer with a project's class beside a bare FastAPI, on this machine. See README.md beside this file."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import http.client
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from run import REPOSITORY, environment

REQUIREMENTS = ("kserve>=0.21,<0.22", "mlflow>=3.12,<4", "scikit-learn>=1.6,<2", "fsspec>=2025.3")
TRAIN = """
import os
import mlflow, numpy as np
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient
from sklearn.linear_model import LinearRegression
x = np.arange(12, dtype=np.float32).reshape(4, 3) ** 1.5
model = LinearRegression().fit(x, x @ np.array([1.0, -2.0, 0.5], dtype=np.float32) + 3)
mlflow.set_experiment(experiment_id=mlflow.create_experiment("e", "file://" + os.path.abspath("artifacts")))
with mlflow.start_run():
    logged = mlflow.sklearn.log_model(model, name="model", signature=infer_signature(x, model.predict(x)),
                                      pip_requirements=["mlflow"], serialization_format="cloudpickle")
version = mlflow.register_model(logged.model_uri, "bench")
MlflowClient().set_registered_model_alias("bench", "candidate", version.version)
"""
# What somebody writes who needs no protocol, no signature and no log: one worker, as KServe's server has.
BARE = """
import sys
import mlflow, numpy as np, uvicorn
from fastapi import FastAPI
app, model = FastAPI(), mlflow.pyfunc.load_model("models:/bench@candidate")
@app.post("/infer")
def infer(asked: dict) -> dict:
    given = np.asarray(asked["data"], dtype=np.float32).reshape(asked["shape"])
    return {"data": model.predict(given).tolist()}
@app.get("/ready")
def ready() -> dict:
    return {}
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
"""
BODY = {"shape": [1, 3], "data": [1.0, 2.0, 3.0]}
TENSOR = {"inputs": [{"name": "x", "datatype": "FP32", **BODY}]}
WARM_UP = 200


class Server(NamedTuple):
    """What answers, and how it is asked."""

    name: str
    port: int
    path: str
    body: bytes
    process: subprocess.Popen[bytes]


class Result(NamedTuple):
    """Milliseconds of single requests, sorted; requests in a second; milliseconds of the server's processor for one."""

    latencies: list[float]
    rate: float
    cpu: float

    def at(self, share: float) -> float:
        """The latency that this share of the requests does not exceed."""
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int, path: str) -> bool:
    """Whether the server is there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except OSError:
            return False


def ask(server: Server, count: int) -> list[float]:
    """So many requests one after another on one connection; the milliseconds of each.

    Raises:
        SystemExit: the server did not answer 200.
    """
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    took = []
    with contextlib.closing(connection):
        for _ in range(count):
            started = time.perf_counter()
            connection.request("POST", server.path, server.body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
            took.append(1000 * (time.perf_counter() - started))
            if answer.status != 200:
                raise SystemExit(f"{server.name} answered {answer.status}: {said[:500]!r}")
    return took


def processor(process: subprocess.Popen[bytes]) -> float:
    """Seconds of the processors that a running process has had; nan where the system has no /proc."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(server: Server, clients: int, count: int) -> Result:
    """`count` requests by so many clients at once, each on a connection of its own."""
    before, started = processor(server.process), time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        parts = list(pool.map(lambda _: ask(server, count // clients), range(clients)))
    wall, cpu = time.perf_counter() - started, processor(server.process) - before
    latencies = sorted(one for part in parts for one in part)
    return Result(latencies, len(latencies) / wall, 1000 * cpu / len(latencies))


def project(folder: Path) -> Path:
    """A project with the endpoint `bench`, by this checkout's mx."""
    mx = str(Path(sys.executable).with_name("mx"))
    more = ["--no-input"]
    make = ["generate", "MLProjectSkeleton", "churn-model", "--domain=ml.example.com", "--skip-git", *more]
    subprocess.run([mx, *make], cwd=folder, check=True, capture_output=True)
    root = folder / "churn-model"
    make = ["generate", "SeldonDeployment", "bench", "--model=bench", *more]
    subprocess.run([mx, *make], cwd=root, check=True, capture_output=True)
    return root


@contextlib.contextmanager
def servers(python: Path, folder: Path) -> Iterator[list[Server]]:
    """The bare application, and the project's server without and with its log of requests."""
    root = project(folder)
    environ = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "MODEL_"))},
        "PYTHONPATH": str(root / "src"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/runs.db",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    served = [str(python), "-m", "churn_model.bench"]
    for command in ([str(python), "-c", TRAIN], [*served, "--approve"]):
        subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True)
    infer = "/v2/models/bench/infer"
    listen = ["--http_host", "127.0.0.1"]
    wanted = [
        ("bare FastAPI", [str(python), "-c", BARE], "/ready", "/infer", BODY),
        ("ModelServer with the project's class", [*served, *listen], "/v2/health/ready", infer, TENSOR),
        ("the same, with its log of requests", [*served, *listen, "--request_log", str(folder / "log")],
         "/v2/health/ready", infer, TENSOR),
    ]  # fmt: skip
    with contextlib.ExitStack() as stack:
        found = []
        for number, (name, command, ready, path, body) in enumerate(wanted):
            port = free_port()
            told = [str(port)] if path == "/infer" else ["--http_port", str(port)]
            log = stack.enter_context((folder / f"server-{number}.log").open("wb"))
            process = subprocess.Popen([*command, *told], cwd=folder, env=environ, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            found.append((Server(name, port, path, json.dumps(body).encode(), process), ready))
        deadline = time.monotonic() + 180
        for server, ready in found:
            while not answers(server.port, ready):
                if server.process.poll() is not None or time.monotonic() > deadline:
                    logs = "\n".join(one.read_text()[-2000:] for one in sorted(folder.glob("server-*.log")))
                    raise SystemExit(f"{server.name} does not answer:\n{logs}")
                time.sleep(0.2)
        yield [server for server, _ in found]


def table(clients: int, results: dict[str, list[Result]]) -> str:
    """The medians of the rounds, in Markdown."""
    lines = [
        f"## {clients} client{'s' if clients > 1 else ''} at once", "",
        "| server | p50, ms | p99, ms | requests a second | CPU of the server, ms a request | x bare, by CPU |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    first = statistics.median(one.cpu for one in next(iter(results.values())))
    for name, rounds in results.items():
        p50, p99, rate, cpu = (
            statistics.median(values)
            for values in zip(
                *((one.at(0.5), one.at(0.99), one.rate, one.cpu) for one in rounds), strict=True
            )
        )
        lines.append(f"| {name} | {p50:.2f} | {p99:.2f} | {rate:.0f} | {cpu:.2f} | {cpu / first:.2f} |")
    return "\n".join(lines) + "\n"


def page(tables: Sequence[str], python: Path, given: argparse.Namespace, load: float) -> str:
    """The page of the documentation."""
    shown = "import importlib.metadata as m; print(', '.join(f'{n} {m.version(n)}' for n in ('kserve', 'fastapi', 'uvicorn', 'mlflow', 'scikit-learn')))"
    about = subprocess.run(
        [str(python), "-c", shown], capture_output=True, text=True, check=True
    ).stdout.strip()
    return "\n".join([
        "# What serving costs", "",
        "Written by `python benchmarks/serving.py --publish`; see `benchmarks/README.md`. One linear model and one row a request, so that nearly all of it is the",
        "server's own work: the protocol, the check of the signature, the answer's types. A model that takes 50 ms takes them behind both. Each server is one process,",
        "and is asked on loopback by clients that run on the same processors.", "",
        f"`python benchmarks/serving.py --requests {given.requests} --rounds {given.rounds} --clients {' '.join(map(str, given.clients))}`, {datetime.date.today()}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors; Python {platform.python_version()}, {about}.",
        f"Medians of {given.rounds} rounds of {given.requests} requests, in turns. What else ran beside it: a load of {load:.1f} when it began and of {os.getloadavg()[0]:.1f} when it ended.",
        "The CPU time of the server (user and system) is what other programs disturb least, so the ratio is its.", "",
        *tables,
    ])  # fmt: skip


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000, help="counted requests of each round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each server, in turns")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8], help="how many ask at once")
    parser.add_argument("--python", type=Path, help="an interpreter with KServe, MLflow and scikit-learn")
    parser.add_argument("--publish", action="store_true", help="write docs/benchmarks-serving.md")
    given = parser.parse_args()
    python: Path = given.python or environment("serving", *REQUIREMENTS) / "python"
    load, tables = os.getloadavg()[0], []
    folder = Path(tempfile.mkdtemp())
    try:
        with servers(python, folder) as found:
            for server in found:
                ask(server, WARM_UP)
            for clients in given.clients:
                results: dict[str, list[Result]] = {server.name: [] for server in found}
                for _ in range(given.rounds):
                    for server in found:
                        results[server.name].append(measure(server, clients, given.requests))
                tables.append(table(clients, results))
                print(tables[-1])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if given.publish:
        text = page(tables, python, given, load)
        (REPOSITORY / "docs" / "benchmarks-serving.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
