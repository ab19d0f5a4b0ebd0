"""`mx serve`: the table is read, the right line is chosen, and its program runs with the project's store, until ^C."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from mxdev.data import worker
from mxdev.environment import choose, installed, packages
from mxdev.environment.interpreter import Interpreter
from mxdev.errors import MxError, UsageProblem
from mxdev.serve import served
from mxdev.system import programs
from mxdev.testing import mx

# A program that answers every request with what it was told; the double of a model server.
SERVER = """
import http.server, json, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(json.dumps({"path": self.path, "uri": os.environ["MLFLOW_TRACKING_URI"]}).encode())
http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), Answer).serve_forever()
"""
TABLE = """\
serve:
  demo:
    title: a double
    command: [python, server.py, "{host}", "{port}"]
    port: PORT
    path: /ready
"""


def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that serves a double of a server."""
    (tmp_path / "mx.yaml").write_text("version: 1\noptions:\n  name: churn\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "churn"\nversion = "1"\n')
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "infrastructure").mkdir()
    (tmp_path / served.FILE).write_text(TABLE.replace("PORT", "8080"))
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    """An environment in which the project and MLflow count as installed: their records are there, and no code."""
    for name in ("churn-1", "mlflow-3.15"):
        record = folder / f"{name}.dist-info"
        record.mkdir(parents=True)
        project, version = name.split("-")
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n")
    return {**os.environ, "PYTHONPATH": str(folder), "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}


def test_what_is_served_answers_where_it_was_told_and_ends_with_the_command(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    chosen = port()
    environ = environment(tmp_path_factory.mktemp("places"))
    environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{project}/runs.db"
    command = [sys.executable, "-m", "mxdev", "serve", "--port", str(chosen), "--python", sys.executable]
    child = subprocess.Popen(command, cwd=project, env=environ, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                answer = json.load(urlopen(f"http://127.0.0.1:{chosen}/ready", timeout=5))
                break
            except OSError:
                assert child.poll() is None, child.stderr and child.stderr.read()
                assert time.monotonic() < deadline, "nothing answers there"
                time.sleep(0.1)
        assert answer == {"path": "/ready", "uri": environ["MLFLOW_TRACKING_URI"]}
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 0
    finally:
        child.terminate()  # not killed: it has to end its own child, which holds the same pipe
        said = child.communicate()[1]
    assert f"a double: http://127.0.0.1:{chosen}/ready" in said
    with pytest.raises(OSError, match="refused"):
        urlopen(f"http://127.0.0.1:{chosen}/ready", timeout=5)


def test_a_module_that_is_missing_is_named_with_what_installs_it(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    table = project / served.FILE
    table.write_text(table.read_text() + "    requires:\n      no_such_module: no-such-module>=3\n")
    environ = environment(tmp_path_factory.mktemp("places"))
    done = mx("serve", "demo", "--python", sys.executable, cwd=project, env=environ)
    assert done.code != 0
    assert "demo needs no_such_module" in done.stderr
    assert "pip install " in done.stderr
    assert " 'no-such-module>=3'`" in done.stderr


@pytest.mark.parametrize(
    ("uv", "pip", "words"),
    [
        ("/bin/uv", None, "/bin/uv pip install --python '/a b/python' --editable '.[gcs]'"),
        (None, "25", "'/a b/python' -m pip install --editable '.[gcs]'"),
        (None, None, "'/a b/python' -m ensurepip && '/a b/python' -m pip install --editable '.[gcs]'"),
    ],
)
def test_what_installs_is_what_this_machine_has(
    monkeypatch: pytest.MonkeyPatch, uv: str | None, pip: str | None, words: str
) -> None:
    """An environment that uv made has no pip, and not everybody has uv: `mx serve` and `mx data` say the same."""
    found = Interpreter(Path("/a b/python"), "3.11", Path("/a b"), True, None, None, None, None, pip)
    monkeypatch.setattr(packages, "uv", lambda beside=None: uv)
    assert packages.remedy(found, ["--editable", ".[gcs]"]) == words
    # Stand-ins for the environment's Python: it has no module, and it says which one the job lacks.
    monkeypatch.setattr(programs, "run", lambda *_, **__: programs.Result(1))
    what = served.Served("demo", "demo", ("python",), 1, "/", {"kserve": "kserve>=0.21"})
    with pytest.raises(MxError) as served_by_none:
        installed.check(found, what.name, what.requires)
    assert f"`{packages.remedy(found, ['kserve>=0.21'])}`" in str(served_by_none.value.hint)

    def lacks(words: list[str], *, input: bytes, **_: object) -> programs.Result:
        told = {"missing": "gcsfs", "uri": "gs://bucket", "error": "gcsfs is missing"}
        Path(json.loads(input)["answer"]).write_text(json.dumps(told))
        return programs.Result(1)

    monkeypatch.setattr(programs, "run", lacks)
    monkeypatch.setattr(choose, "choose", lambda *_, **__: found)
    with pytest.raises(MxError) as data_by_none:
        worker.call(Path(), "bucket", {})
    assert f"`{words}`" in str(data_by_none.value.hint)


def entry(name: str) -> served.Served:
    return served.Served(name, f"the {name}", ("python",), 1, "/", {})


def test_the_only_one_needs_no_name_and_one_of_several_does() -> None:
    one = {"a": entry("a")}
    assert served.chosen(one, None).name == "a"
    both = {**one, "b": entry("b")}
    assert served.chosen(both, "b").name == "b"
    with pytest.raises(UsageProblem, match=r"Which one(?s:.*)mx serve a: the a(?s:.*)mx serve b"):
        served.chosen(both, None)
    with pytest.raises(UsageProblem, match="nothing called c"):
        served.chosen(both, "c")
    with pytest.raises(UsageProblem, match="nothing to serve"):
        served.chosen({}, None)


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        ("port: PORT", "port: 0", "serve.demo must have"),
        ("port: PORT", "port: true", "serve.demo must have"),
        ("command: [", "command: [1, ", "serve.demo must have"),
        ("serve:\n", "serve: none\nrest:\n", "`serve` is not a mapping"),
        ("/ready", "ready", "serve.demo must have"),
    ],
)
def test_a_table_that_is_none_is_said(project: Path, old: str, new: str, answer: str) -> None:
    (project / served.FILE).write_text(TABLE.replace(old, new).replace("PORT", "8080"))
    with pytest.raises(MxError, match=answer):
        served.read(project)
