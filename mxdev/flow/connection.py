"""`mx flow connect`: the tracking server of the cluster on a port of this machine, for as long as it runs.

While it is up it holds a lock (flock) on `.mlflow/connection.json`, in which other commands read where the server is. The
system drops the lock of a process that dies, however it dies, so what a killed one left is never taken for a connection.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.request import ProxyHandler, build_opener

from mxdev.errors import DONE, MxError, Refused, UsageProblem
from mxdev.flow.words import TEMPLATES
from mxdev.sections.yaml.loader import loader
from mxdev.system import console
from mxdev.system.files import plain
from mxdev.system.signals import as_control_c

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

FILE = ".mlflow/connection.json"
SERVICE = "mlflow"
PORT = 5000
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Connection:
    """A `mx flow connect` that is running.

    Attributes:
        pid: its process.
        url: where the tracking server answers.
        context: the context of the kubeconfig; empty when it has none (inside a cluster).
        namespace: where the server runs.
    """

    pid: int
    url: str
    context: str
    namespace: str


def file_of(environment: str | None) -> str:
    """The file of the connection to the tracking server of an environment; None: of the project's first one."""
    return FILE if environment is None else f"{FILE.removesuffix('.json')}-{environment}.json"


def live(root: Path, environment: str | None = None) -> Connection | None:
    """The connection of the project at `root`, or of one of its environments; None when none is up. Takes no look at the network."""
    if fcntl is None:
        return None
    try:
        path = root.resolve() / file_of(environment)
        if not path.is_file():  # a pipe would wait for who writes into it
            return None
        with path.open("rb") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                # Empty while it is still connecting.
                return Connection(**json.loads(handle.read()))
    except (OSError, ValueError, TypeError):
        pass
    return None


def answers(url: str) -> bool:
    """Whether MLflow answers at `url`; a proxy is none of its business."""
    try:
        with build_opener(ProxyHandler({})).open(f"{url}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def connect(
    root: Path, *, port: int, context: str | None, namespace: str | None, environment: str | None = None
) -> int:
    """Connect until ^C.

    Args:
        root: the project.
        port: the port on this machine.
        context: `--context`; None: the kubeconfig's current one.
        namespace: `--namespace`; None: the one of the project's job template.
        environment: `-E`; its connection is one of its own.

    Returns:
        0 after ^C, which is how it is meant to end; 128 + n after another signal; 0 at once if it is connected already.

    Raises:
        Refused: another connection of this project, to something else, is up.
        MxError: it cannot connect.
    """
    from mxdev.cluster.forward import Forward
    from mxdev.cluster.kubectl import Kubectl
    from mxdev.cluster.refusals import ClusterError
    from mxdev.system.ports import check_port

    namespace = namespace or _namespace(root)
    kubectl = Kubectl(context, namespace)
    wanted = Connection(os.getpid(), f"http://{HOST}:{port}", kubectl.context, namespace)
    if (other := live(root, environment)) is not None:
        return _already(other, wanted)
    forward = Forward(
        kubectl,
        f"service/{SERVICE}",
        host=HOST,
        local=port,
        remote=PORT,
        answers=lambda: answers(wanted.url),
        check_port=lambda: check_port(HOST, port),
    )
    where = f"{SERVICE} in the namespace {namespace}" + (f" of {wanted.context}" if wanted.context else "")
    with as_control_c() as signals, _claimed(root, environment) as file:

        def on_up(gone: float | None) -> None:
            if gone is not None:
                console.status(f"connected again, after {gone:.0f} s")
                return
            _write(file, wanted)
            console.err(f"connected to {where}; ^C ends it")
            console.out(wanted.url)
            console.flush()

        console.status(f"connecting to {where}")
        try:
            forward.keep_up(on_up)
        except ClusterError as problem:
            if problem.reason == "NotFound":
                problem.hint = (
                    "`mx deploy train-infrastructure` deploys it; or name another --namespace or --context."
                )
            raise
        except KeyboardInterrupt:
            console.status("disconnected")
    number = signals.arrived or signal.SIGINT
    return DONE if number == signal.SIGINT else 128 + number


def _already(other: Connection, wanted: Connection) -> int:
    """What is said when a connection is up.

    Raises:
        Refused: it leads elsewhere.
    """
    if (other.url, other.context, other.namespace) == (wanted.url, wanted.context, wanted.namespace):
        console.err(f"connected already, by process {other.pid}:")
        console.out(other.url)
        return DONE
    raise Refused(
        f"this project is connected already: {other.url} is {SERVICE} in the namespace {other.namespace}"
        + (f" of {other.context}" if other.context else "")
        + f" (process {other.pid}).",
        hint=f"End that first: ^C there, or `kill {other.pid}`.",
    )


def _namespace(root: Path) -> str:
    """The namespace that the project's job template names: its runs and their tracking server share one.

    Raises:
        MxError: there is no such template, or it names none.
    """
    import yaml

    path = root / TEMPLATES["kubernetes"]
    try:
        job = yaml.load(plain.text(path), Loader=loader())  # noqa: S506 (a safe loader)
        return str(job["metadata"]["namespace"])
    except (OSError, ValueError, RecursionError, yaml.YAMLError, TypeError, KeyError) as problem:
        raise UsageProblem(
            f"{path} does not say in which namespace the tracking server runs "
            f"({'it does not exist' if isinstance(problem, FileNotFoundError) else 'it has no metadata.namespace'}).",
            hint="Say it: `mx flow connect --namespace NAME`.",
        ) from problem


@contextlib.contextmanager
def _claimed(root: Path, environment: str | None) -> Iterator[BinaryIO]:
    """Hold the connection file of a project; it is gone afterwards.

    Raises:
        Refused: another process holds it.
        MxError: it cannot be made, or the file system knows no locks.
    """
    from mxdev.environment.local_folder import private_folder

    path = private_folder(root) / Path(file_of(environment)).name
    if fcntl is None:
        raise MxError("`mx flow connect` needs flock(2), which this system does not have.")
    try:
        file = _locked(path)
    except OSError as problem:
        raise MxError(f"{path} cannot be made or locked: {problem.strerror or problem}.") from problem
    with file:
        file.truncate(0)
        try:
            yield file
        finally:
            path.unlink(missing_ok=True)


def _locked(path: Path) -> BinaryIO:
    """`path`, opened and locked.

    Raises:
        Refused: another process holds it.
    """
    # Whoever asks whether a connection is up holds the lock for a moment.
    deadline = time.monotonic() + 1
    while True:
        file = path.open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # One that just ended may have removed the file between the two calls above.
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except BlockingIOError as problem:
            if time.monotonic() > deadline:
                file.close()
                raise Refused(
                    "another `mx flow connect` of this project is just connecting; look at what it says."
                ) from problem
        except BaseException:
            file.close()
            raise
        file.close()
        time.sleep(0.05)


def _write(file: BinaryIO, connection: Connection) -> None:
    file.truncate(0)
    file.write(json.dumps(asdict(connection)).encode())
    file.flush()
