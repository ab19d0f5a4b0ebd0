"""`mx flow connect` as a process, with a kubectl that forwards to a server of the test."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from control_plane.programs import free_port
from flow_projects import MX, clean, mx, project, seen, with_environment

from mxdev.flow import connection, words

# Forwards to the port that the file `pod` names, and ends as kubectl does when nothing is there. What is in the file
# `refusal` it says instead. Its process ids are in `pids`, its arguments in `arguments`.
KUBECTL = """\
import os, socket, sys, threading
from pathlib import Path
here = Path({here!r})
arguments = sys.argv[1:]
if "version" in arguments:
    print("Client Version: v1.36.3")
    sys.exit()
if "current-context" in arguments:
    print("kind-test")
    sys.exit()
with (here / "pids").open("a") as file:
    print(os.getpid(), file=file)
(here / "arguments").write_text("\\n".join(arguments))
if (here / "refusal").exists():
    print("E1121 15:00:34.632311   11591 memcache.go:265] noise", file=sys.stderr)
    print((here / "refusal").read_text(), file=sys.stderr)
    sys.exit(1)
local = int(next(a for a in arguments if a[0].isdigit()).partition(":")[0])
listener = socket.create_server(("127.0.0.1", local))
print("Forwarding from 127.0.0.1", flush=True)
def pump(a, b):
    while data := a.recv(65536):
        b.sendall(data)
    b.shutdown(socket.SHUT_WR)
while True:
    client, _ = listener.accept()
    try:
        pod = socket.create_connection(("127.0.0.1", int((here / "pod").read_text())))
    except OSError:
        print("error: lost connection to pod", file=sys.stderr)
        sys.exit(1)
    for pair in ((client, pod), (pod, client)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""
JOB = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: x\n  namespace: digits\n"


class Cluster:
    """The fake kubectl, and the pod behind it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "kubectl"
        self.program.write_text(f"#!{sys.executable} -S\n{KUBECTL.format(here=str(folder))}")
        self.program.chmod(0o755)
        self.server: ThreadingHTTPServer | None = None

    def start_pod(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Health)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        (self.folder / "pod").write_text(str(self.server.server_port))

    def stop_pod(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def refuse(self, words: str | None) -> None:
        path = self.folder / "refusal"
        path.unlink(missing_ok=True) if words is None else path.write_text(words)

    @property
    def pids(self) -> list[int]:
        path = self.folder / "pids"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def environ(self, **more: str) -> dict[str, str]:
        return clean(**{"PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}", **more})


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
        self.wfile.write(b"OK")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "cluster").mkdir()
    made = Cluster(tmp_path / "cluster")
    made.start_pod()
    yield made
    made.stop_pod()
    for pid in made.pids:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = with_environment(project(tmp_path / "p"))
    template = root / words.TEMPLATES["kubernetes"]
    template.parent.mkdir(parents=True)
    template.write_text(JOB)
    return root


@pytest.fixture
def port() -> int:
    return free_port()


class Connect:
    """`mx flow connect`, running."""

    def __init__(self, root: Path, cluster: Cluster, port: int, *arguments: str) -> None:
        self.log = root.parent / f"connect-{time.monotonic_ns()}.log"
        self.process = subprocess.Popen(
            [*MX, "flow", "connect", "--port", str(port), *arguments],
            cwd=root,
            env=cluster.environ(),
            stdin=subprocess.DEVNULL,
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
        )
        running.append(self.process)

    @property
    def said(self) -> str:
        return self.log.read_text()

    def says(self, text: str, seconds: float = 60) -> None:
        until(lambda: text in self.said or self.process.poll() is not None, seconds)
        assert text in self.said, self.said

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


running: list[subprocess.Popen[bytes]] = []


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    running.clear()
    yield
    for process in running:
        process.kill()
        process.wait()


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_it_is_found_while_it_is_up(
    root: Path, cluster: Cluster, port: int, number: signal.Signals, code: int
) -> None:
    connect = Connect(root, cluster, port)
    address = f"http://127.0.0.1:{port}"
    connect.says(f"{address}\n")
    assert "connected to mlflow in the namespace digits of kind-test" in connect.said
    assert (cluster.folder / "arguments").read_text().splitlines() == [
        "--namespace", "digits", "port-forward", "service/mlflow", f"{port}:5000", "--address=127.0.0.1",
        "--pod-running-timeout=10s",
    ]  # fmt: skip
    assert connection.live(root) == connection.Connection(connect.process.pid, address, "kind-test", "digits")

    ran = mx("flow", "run", cwd=root)
    assert f"recording in {address} (the namespace digits, by `mx flow connect`)" in ran.stderr
    environment = seen(root)["environment"]
    assert isinstance(environment, dict)
    assert environment["MLFLOW_TRACKING_URI"] == address
    assert f"open     {address}/#/experiments/1/runs/abc123" in ran.stderr
    assert (
        "MLFLOW_TRACKING_URI=sqlite"
        in mx("flow", "run", "--dry-run", cwd=root, MLFLOW_TRACKING_URI="sqlite:////x.db").stdout
    )
    page = mx("flow", "ui", cwd=root)
    assert (page.returncode, page.stdout) == (0, f"{address}\n")
    assert "`mx flow connect` reaches a server" in page.stderr

    assert connect.end(number) == code
    assert connect.said.endswith("disconnected\n")
    assert not (root / connection.FILE).exists()
    assert not listens(port)
    assert not any(map(alive, cluster.pids))
    assert "sqlite" in mx("flow", "run", "--dry-run", cwd=root).stdout


def test_a_new_pod_takes_over(root: Path, cluster: Cluster, port: int) -> None:
    connect = Connect(root, cluster, port)
    connect.says("connected to")
    cluster.stop_pod()
    connect.says("the connection was lost (lost connection to pod)")
    until(lambda: len(cluster.pids) >= 3)
    ran = mx("flow", "run", cwd=root)
    assert ran.returncode == 4
    assert f"`mx flow connect` (process {connect.process.pid}) is running, but" in ran.stderr
    cluster.start_pod()
    connect.says("connected again, after ")
    assert connection.answers(f"http://127.0.0.1:{port}")
    assert connect.said.count("was lost") == 1, "said once, however often it was tried"
    assert connect.end() == 0
    assert not any(map(alive, cluster.pids))


def test_a_lost_api_server(root: Path, cluster: Cluster, port: int) -> None:
    connect = Connect(root, cluster, port)
    connect.says("connected to")
    cluster.refuse("Unable to connect to the server: dial tcp 10.0.0.1:443: i/o timeout")
    os.kill(cluster.pids[0], signal.SIGKILL)
    until(lambda: len(cluster.pids) >= 3)
    assert connection.live(root) is not None
    cluster.refuse(None)
    connect.says("connected again")
    assert connect.said.count("warning") == 1
    assert connect.end() == 0


def test_what_hangs_is_started_anew(root: Path, cluster: Cluster, port: int) -> None:
    """kubectl lives and takes connections, but behind it nothing answers: the API server is gone without a word."""
    connect = Connect(root, cluster, port)
    connect.says("connected to")
    os.kill(cluster.pids[0], signal.SIGSTOP)
    until(lambda: "nothing answers on port 5000 any more" in connect.said, 60)
    connect.says("connected again")
    assert connect.end() == 0
    assert not any(map(alive, cluster.pids))


def test_a_pod_that_is_not_there_yet_is_waited_for(root: Path, cluster: Cluster, port: int) -> None:
    cluster.refuse("error: unable to forward port because pod is not running. Current status=Pending")
    connect = Connect(root, cluster, port)
    connect.says("service/mlflow is not ready yet (unable to forward port because pod is not running.")
    assert connection.live(root) is None
    cluster.refuse(None)
    connect.says("connected to")
    assert connect.end() == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ('Error from server (NotFound): services "mlflow" not found', "mx deploy train-infrastructure"),
        ("Error from server (Forbidden): pods is forbidden", "Ask whoever looks after the cluster"),
        ("error: You must be logged in to the server (Unauthorized)", "Log in to the cluster"),
        ("The connection to the server 1.2.3.4:443 was refused - did you specify it?", "does not answer"),
    ],
)
def test_what_does_not_pass_ends_it(root: Path, cluster: Cluster, port: int, words: str, said: str) -> None:
    cluster.refuse(words)
    connect = Connect(root, cluster, port)
    assert connect.process.wait(20) == 4
    assert words in connect.said
    assert said in connect.said
    assert "noise" not in connect.said
    assert len(cluster.pids) == 1
    assert not (root / connection.FILE).exists()


def test_a_taken_port_names_its_owner(root: Path, cluster: Cluster, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        connect = Connect(root, cluster, port)
        assert connect.process.wait(20) == 4
    assert f"port {port} on 127.0.0.1 is taken by" in connect.said
    assert f"(process {os.getpid()})" in connect.said
    assert cluster.pids == []


def test_a_port_that_is_taken_meanwhile(root: Path, cluster: Cluster, port: int) -> None:
    connect = Connect(root, cluster, port)
    connect.says("connected to")
    os.kill(cluster.pids[0], signal.SIGKILL)
    until(lambda: not listens(port))
    with socket.create_server(("127.0.0.1", port)):
        assert connect.process.wait(20) == 4
    assert "is taken by" in connect.said
    assert not (root / connection.FILE).exists()


def test_a_second_one_says_that_it_is_connected(root: Path, cluster: Cluster, port: int) -> None:
    first = Connect(root, cluster, port)
    first.says("connected to")
    second = Connect(root, cluster, port)
    assert second.process.wait(20) == 0
    assert second.said == f"connected already, by process {first.process.pid}:\nhttp://127.0.0.1:{port}\n"
    other = Connect(root, cluster, port, "--namespace", "other")
    assert other.process.wait(20) == 1
    assert f"http://127.0.0.1:{port} is mlflow in the namespace digits of kind-test" in other.said
    assert connection.live(root) is not None
    assert first.end() == 0


def test_two_at_once(root: Path, cluster: Cluster, port: int) -> None:
    cluster.refuse("error: unable to forward port because pod is not running. Current status=Pending")
    first = Connect(root, cluster, port)
    first.says("is not ready yet")
    second = Connect(root, cluster, port)
    assert second.process.wait(20) == 1
    assert "just connecting" in second.said
    assert first.end() == 0
    assert not (root / connection.FILE).exists()


def test_kill_9_leaves_nothing_behind(root: Path, cluster: Cluster, port: int) -> None:
    connect = Connect(root, cluster, port)
    connect.says("connected to")
    assert connect.end(signal.SIGKILL) == -9
    assert connection.live(root) is None
    assert "sqlite" in mx("flow", "run", "--dry-run", cwd=root).stdout
    until(lambda: not any(map(alive, cluster.pids)), 5)
    assert json.loads((root / connection.FILE).read_text())["pid"] == connect.process.pid
    again = Connect(root, cluster, port)
    again.says("connected to")
    assert again.end() == 0


def test_a_file_without_its_process_is_no_connection(root: Path) -> None:
    assert connection.live(root) is None
    (root / ".mlflow").mkdir()
    file = root / connection.FILE
    # The number of a process that runs, but not of a `mx flow connect`.
    stale = {"pid": os.getpid(), "url": "http://127.0.0.1:1", "context": "", "namespace": "x"}
    for content in ("", "{", json.dumps(stale)):
        file.write_text(content)
        assert connection.live(root) is None


def test_without_a_template_the_namespace_is_asked_for(root: Path, cluster: Cluster, port: int) -> None:
    (root / words.TEMPLATES["kubernetes"]).write_text("kind: Job\n")
    connect = Connect(root, cluster, port)
    assert connect.process.wait(20) == 2
    assert "it has no metadata.namespace" in connect.said
    (root / words.TEMPLATES["kubernetes"]).unlink()
    connect = Connect(root, cluster, port)
    assert connect.process.wait(20) == 2
    assert "it does not exist" in connect.said
    assert "--namespace NAME" in connect.said
    connect = Connect(root, cluster, port, "--namespace", "ml", "--context", "prod")
    connect.says("connected to mlflow in the namespace ml of prod")
    assert (cluster.folder / "arguments").read_text().startswith("--context\nprod\n--namespace\nml\n")
    assert connect.end() == 0
