"""Where runs are recorded."""

from __future__ import annotations

import socket
import sqlite3
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from mxdev.environment import local_folder
from mxdev.errors import MxError
from mxdev.flow import connection, tracking
from mxdev.flow.connection import Connection

ODD = [
    "plain",
    "sp ace",
    "quo'te\"s",
    "ha#sh",
    "per%41cent",
    "que?stion",
    "ünï-日本",
    "back\\slash",
    "dol$lar",
]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", ODD)
def test_the_store_in_the_project_has_a_uri_for_any_path(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    root.mkdir()
    store = tracking.store(root, {})
    assert not (root / ".mlflow").exists(), "looking writes nothing"
    tracking.prepare(root, store)
    place = store.uri.removeprefix("sqlite:///")
    assert not set(place) & set("?%")
    assert Path(place).parent.resolve() == root / ".mlflow"
    assert Path(unquote(urlsplit(str(store.artifacts)).path)) == root / ".mlflow" / "artifacts"
    assert (root / ".mlflow" / ".gitignore").read_text() == "*\n"


def test_a_cache_folder_that_is_odd_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MX_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "100%"))
    with pytest.raises(MxError, match="XDG_CACHE_HOME"):
        tracking.store(tmp_path / "50%", {})


def test_the_alias_lies_in_the_folder_that_mx_s_caches_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MX_CACHE_DIR", str(tmp_path / "cache"))
    assert local_folder.plain(tmp_path / "50%").is_relative_to(tmp_path / "cache")


def test_an_interpreter_in_an_odd_project_is_reached_through_the_alias(tmp_path: Path) -> None:
    root = tmp_path / "50%"
    (root / ".venv" / "bin").mkdir(parents=True)
    python = root / ".venv" / "bin" / "python"
    python.symlink_to("/bin/sh")
    local_folder.make_alias(root)
    local_folder.make_alias(root)
    through = local_folder.through(root, python)
    assert "%" not in str(through)
    assert through.parent.samefile(python.parent)
    assert local_folder.through(root, Path("/bin/sh")) == Path("/bin/sh")


def test_a_configured_store_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for given, wanted in {
        "http://mlflow:5000": "http://mlflow:5000",
        "sqlite:////abs/x.db": "sqlite:////abs/x.db",
        "sqlite:///x.db": f"sqlite:///{tmp_path}/x.db",
        "runs": f"{tmp_path}/runs",
        "databricks": "databricks",
        "postgresql+psycopg2://u@h/d": "postgresql+psycopg2://u@h/d",
    }.items():
        store = tracking.store(tmp_path / "p", {"MLFLOW_TRACKING_URI": given})
        assert (store.uri, store.folder, store.artifacts) == (wanted, None, None)
    assert tracking.store(tmp_path, {"MLFLOW_TRACKING_URI": " "}).folder == tmp_path / ".mlflow"


def test_no_password_is_shown() -> None:
    store = tracking.Store("https://me:secret@host/mlflow/")
    assert tracking.shown(store) == "https://me:***@host/mlflow/"
    assert tracking.page(store) == "https://host/mlflow"


def test_a_server_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MxError, match=r"me:\*\*\*@127\.0\.0\.1:1 .*does not answer"):
        tracking.prepare(tmp_path, tracking.Store("http://me:secret@127.0.0.1:1"))


def test_a_moved_store_follows_its_project(tmp_path: Path) -> None:
    old = "file:///somewhere/p/.mlflow/artifacts"
    folder = local_folder.private_folder(tmp_path)
    connection = sqlite3.connect(folder / "mlflow.db")
    connection.execute("CREATE TABLE experiments (artifact_location)")
    connection.execute("CREATE TABLE runs (artifact_uri)")
    elsewhere = ["s3://bucket/x", f"{old}-not/1", None]
    connection.executemany(
        "INSERT INTO experiments VALUES (?)", [(x,) for x in [f"{old}/0", old, *elsewhere]]
    )
    connection.execute("INSERT INTO runs VALUES (?)", (f"{old}/abc/artifacts",))
    connection.commit()
    store = tracking.store(tmp_path, {})
    tracking.prepare(tmp_path, store)
    new = store.artifacts
    places = [
        row[0] for row in connection.execute("SELECT artifact_location FROM experiments ORDER BY rowid")
    ]
    assert places == [f"{new}/0", new, *elsewhere]
    assert connection.execute("SELECT artifact_uri FROM runs").fetchall() == [(f"{new}/abc/artifacts",)]


def test_a_damaged_store_is_named_and_kept(tmp_path: Path) -> None:
    database = local_folder.private_folder(tmp_path) / "mlflow.db"
    database.write_bytes(b"no database at all, and long enough to be looked at" * 40)
    with pytest.raises(MxError, match=r"mlflow\.db is damaged"):
        tracking.prepare(tmp_path, tracking.store(tmp_path, {}))
    assert database.exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / ".mlflow").write_text("a file")
    with pytest.raises(MxError, match=r"\.mlflow cannot be made"):
        tracking.prepare(tmp_path, tracking.store(tmp_path, {}))


def test_a_proxy_that_mlflow_would_ask_for_the_connection(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It goes to no port of this machine, and MLflow would try for minutes."""
    found = Connection(1, "http://127.0.0.1:5000", "", "ml")
    store = tracking.Store(found.url, connection=found)
    monkeypatch.setattr(connection, "answers", lambda _url: True)
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    tracking.prepare(tmp_path, store)
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    with pytest.raises(MxError, match=r"ask the proxy for it\.\n.*no_proxy=127\.0\.0\.1"):
        tracking.prepare(tmp_path, store)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    tracking.prepare(tmp_path, store)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.8.8.8"])
def test_a_proxy_that_mlflow_would_ask_for_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    place = tracking.store(tmp_path, {"MLFLOW_TRACKING_URI": f"http://{host}:5000"})
    monkeypatch.setenv("http_proxy", "http://user:word@proxy:3128")
    with pytest.raises(MxError, match=r"ask the proxy http://user:\*\*\*@proxy:3128 for it\.\n.*no_proxy="):
        tracking.prepare(tmp_path, place)


def test_a_proxy_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        proxy = f"127.0.0.1:{taken.getsockname()[1]}"
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    place = tracking.store(tmp_path, {"MLFLOW_TRACKING_URI": "http://mlflow.example.com"})
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(MxError, match=rf"through the proxy http://{proxy}, which does not answer"):
        tracking.prepare(tmp_path, place)
