"""Where runs are recorded: the server that MLFLOW_TRACKING_URI names, else the one that `mx flow connect` reaches, else an
SQLite store in the project."""

from __future__ import annotations

import re
import socket
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mxdev.environment.local_folder import FOLDER, make_alias, plain, private_folder
from mxdev.errors import MxError
from mxdev.flow import connection
from mxdev.flow.connection import Connection
from mxdev.project import environments
from mxdev.project.project import Project
from mxdev.system import proxies

# Columns in which MLflow's SQLite store keeps absolute places of artifacts. The schema is MLflow's own; it is touched
# only when a project was moved, and only where table and column exist.
_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


@dataclass(frozen=True)
class Store:
    """A tracking store.

    Attributes:
        uri: what MLFLOW_TRACKING_URI says in the run.
        folder: the folder of the store in the project; None when the store is somebody else's.
        artifacts: the URI under which the store in the project keeps artifacts.
        connection: the `mx flow connect` by which it is reached.
    """

    uri: str
    folder: Path | None = None
    artifacts: str | None = None
    connection: Connection | None = None

    @property
    def is_server(self) -> bool:
        """Whether a browser can open it as it is."""
        return self.uri.startswith(("http://", "https://"))


def store(root: Path, environ: Mapping[str, str], environment: str | None = None) -> Store:
    """The store that runs of the project go to. Nothing is written yet.

    Args:
        root: the project.
        environ: the environment variables.
        environment: `-E`; the server of that environment, and no other.

    Raises:
        Refused: there is no such environment.
        MxError: nothing leads to its server.
    """
    configured = environ.get("MLFLOW_TRACKING_URI", "").strip()
    if environment is not None:
        environments.find(Project.load(root), environment)
        if (own := connection.live(root, environment)) is not None:
            return Store(own.url, connection=own)
        if configured:
            _check_not_anothers(root, configured, environment)
            return Store(_absolute(configured))
        raise MxError(
            f"nothing leads to the tracking server of the environment {environment}.",
            hint=f"`mx flow connect -E {environment}`, left running in another terminal, does; or set MLFLOW_TRACKING_URI to its address.",
        )
    if configured:
        return Store(_absolute(configured))
    if (found := connection.live(root)) is not None:
        return Store(found.url, connection=found)
    folder = root.resolve() / FOLDER
    return Store(f"sqlite:///{plain(root) / FOLDER / 'mlflow.db'}", folder, (folder / "artifacts").as_uri())


def _check_not_anothers(root: Path, configured: str, environment: str) -> None:
    """Refuse an address at which another environment's server is reached.

    Raises:
        MxError: it is one.
    """
    for one in (None, *environments.names(root)):
        found = connection.live(root, one)
        if one != environment and found is not None and found.url == configured.rstrip("/"):
            raise MxError(
                f"MLFLOW_TRACKING_URI says {configured}, which is the tracking server in the namespace {found.namespace} "
                f"(by the connection of process {found.pid}), and not that of the environment {environment}.",
                hint=f"`mx flow connect -E {environment} --port PORT`, in another terminal, leads there, and counts before the variable.",
            )


def variables(place: Store) -> dict[str, str]:
    """What tells MLflow where the store is."""
    found = {"MLFLOW_TRACKING_URI": place.uri}
    if place.artifacts:
        # Where MLflow puts artifacts of experiments that training makes itself; else they litter the project.
        found["_MLFLOW_SERVER_ARTIFACT_ROOT"] = place.artifacts
    return found


def _absolute(uri: str) -> str:
    """A relative place, counted from the current folder: MLflow runs in the project's."""
    if re.fullmatch(r"sqlite:///[^/].*", uri) and uri != "sqlite:///:memory:":
        return f"sqlite:///{Path(uri.removeprefix('sqlite:///')).absolute()}"
    if ":" not in uri and not uri.startswith("databricks"):
        return str(Path(uri).absolute())
    return uri


def prepare(root: Path, place: Store) -> None:
    """Make ready what has to exist before MLflow starts; check a server before training waits minutes for it.

    Raises:
        MxError: the store cannot be used.
    """
    make_alias(root)  # the interpreter is addressed through it, wherever runs are recorded
    if place.connection is not None:
        _connected(place.connection)
        return
    if place.folder is None:
        if place.is_server:
            _reachable(place.uri)
        return
    folder = private_folder(root)
    database = folder / "mlflow.db"
    if database.exists() and database.stat().st_size:
        _follow_move(database, str(place.artifacts))


def _follow_move(database: Path, artifacts: str) -> None:
    """Correct the places of artifacts in a store that was moved or copied with its project.

    MLflow stores them absolute, so a moved project would write into its old place, and a copy into the original.

    Raises:
        MxError: the file is not a database.
    """
    marker = f"/{FOLDER}/artifacts"
    connection = sqlite3.connect(database, timeout=10)
    try:
        known = {
            (table, column)
            for table in {table for table, _ in _PLACES}
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")
        }
        if ("experiments", "artifact_location") not in known:
            return
        rows = connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
        places = {str(row[0]) for row in rows if row[0] and marker in str(row[0])}
        for old in {place[: place.rindex(marker) + len(marker)] for place in places} - {artifacts}:
            with connection:
                for table, column in _PLACES:
                    if (table, column) in known:
                        connection.execute(
                            f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608
                            f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                            (artifacts, len(old) + 1, old, len(old) + 1, f"{old}/"),
                        )
    except sqlite3.OperationalError as problem:
        raise MxError(
            f"{database} cannot be opened: {problem}.", hint="Is another program writing to it?"
        ) from problem
    except sqlite3.DatabaseError as problem:
        raise MxError(
            f"{database} is damaged: {problem}.", hint="Move it away; the next run makes a new store."
        ) from problem
    finally:
        connection.close()


def _reachable(uri: str) -> None:
    """Refuse a server that does not answer, or a proxy: MLflow itself tries for minutes.

    Raises:
        MxError: no connection, or a proxy is asked for a server on this machine.
    """
    host, proxy = urlsplit(uri).hostname or "", proxies.of_python(uri)
    server = f"the tracking server {_without_password(uri)} (MLFLOW_TRACKING_URI)"
    if proxy is not None and proxies.is_this_machine(host):
        raise MxError(
            f"{server} is on this machine, but MLflow would ask the proxy {_without_password(proxy)} for it.",
            hint=f"Let it leave this machine out: `export no_proxy={host},$no_proxy`",
        )
    try:
        _connect(uri if proxy is None else proxy)
    except (OSError, ValueError) as problem:
        if proxy is None:
            raise MxError(
                f"{server} does not answer: {problem}.",
                hint="Start it, or unset MLFLOW_TRACKING_URI to record runs in the project.",
            ) from problem
        raise MxError(
            f"{server} is asked through the proxy {_without_password(proxy)}, which does not answer: {problem}.",
            hint=f"Correct the proxy, or leave the server out of it: `export no_proxy={host},$no_proxy`",
        ) from problem


def _connect(uri: str) -> None:
    parts = urlsplit(uri)
    port = parts.port or {"https": 443, "socks5": 1080, "socks5h": 1080, "socks4": 1080}.get(parts.scheme, 80)
    socket.create_connection((parts.hostname or "", port), timeout=10).close()


def _connected(found: Connection) -> None:
    """Refuse a connection that is interrupted, or that MLflow would not take: it tries for minutes.

    Raises:
        MxError: the tracking server does not answer, or a proxy is in the way.
    """
    host = urlsplit(found.url).hostname or ""
    if proxies.of_python(found.url) is not None:
        raise MxError(
            f"the tracking server is at {found.url} (`mx flow connect`), but MLflow would ask the proxy for it.",
            hint=f"Let it leave this machine out: `export no_proxy={host},$no_proxy`",
        )
    if not connection.answers(found.url):
        raise MxError(
            f"`mx flow connect` (process {found.pid}) is running, but {found.url} does not answer.",
            hint="It says what is wrong, and tries until the server is back. "
            "End it to record runs in the project.",
        )


def page(place: Store) -> str:
    """The address of a server for a browser, without the credentials that MLflow takes from it."""
    return re.sub(r"://[^/@]*@", "://", place.uri).rstrip("/")


def shown(place: Store) -> str:
    """The store as a person may read it."""
    if place.connection is not None:
        return f"{place.uri} (the namespace {place.connection.namespace}, by `mx flow connect`)"
    return str(place.folder) if place.folder else _without_password(place.uri)


def _without_password(uri: str) -> str:
    """`uri` as it may be printed."""
    return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", uri)
