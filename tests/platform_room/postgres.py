"""A real PostgreSQL for tests, made as the image of the project makes one: `mlflow` owns everything and has a password."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cluster.programs import free_port

PASSWORD = "a-password-of-the-tests"


@dataclass(frozen=True)
class Postgres:
    """A running server.

    Attributes:
        port: where it listens, on 127.0.0.1.
        programs: the folder of psql, pg_dump and the others, of the server's own version.
    """

    port: int
    programs: Path

    @property
    def environ(self) -> dict[str, str]:
        """What libpq reads."""
        return {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "mlflow", "PGDATABASE": "mlflow",
                "PGPASSWORD": PASSWORD}  # fmt: skip

    @property
    def uri(self) -> str:
        """What MLflow is given; the password is in the environment."""
        return f"postgresql+psycopg2://mlflow@127.0.0.1:{self.port}/mlflow"

    def copy(self, source: str, target: str) -> None:
        """Make the database `target`, in place of one that is there, from `source`; nobody may be connected to either."""
        for statement in (f"DROP DATABASE IF EXISTS {target}", f"CREATE DATABASE {target} TEMPLATE {source}"):
            self.sql(statement, "postgres")

    def sql(self, statement: str, database: str = "mlflow") -> str:
        """What a statement answers, as plain text."""
        done = subprocess.run(
            [self.programs / "psql", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-At", "-c", statement],
            env={**os.environ, **self.environ, "PGDATABASE": database}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{statement}\n{done.stderr}"
        return done.stdout.strip()


@contextlib.contextmanager
def running() -> Iterator[Postgres]:
    """Run a server with an empty database; skips the test where PostgreSQL is not installed."""
    programs = _programs()
    # Not below pytest's folder, which only its owner may enter: PostgreSQL refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="mx-postgres-"))
    user = "postgres" if os.geteuid() == 0 else None
    try:
        data, password, port = folder / "data", folder / "password", free_port()
        password.write_text(PASSWORD)
        if user:
            for path in (folder, password):
                shutil.chown(path, user)
        _run(user, programs / "initdb", "-D", data, "--username=mlflow", f"--pwfile={password}",
             "--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8")  # fmt: skip
        options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        _run(user, programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", f"-p {port} {options}", "start")  # fmt: skip
        try:
            server = Postgres(port, programs)
            subprocess.run(
                [programs / "createdb", "mlflow"],
                env={**os.environ, **server.environ, "PGDATABASE": "postgres"},
                check=True,
            )
            yield server
        finally:
            _run(user, programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(user: str | None, *command: object) -> None:
    subprocess.run(
        list(map(str, command)), user=user, check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=120
    )


def _programs() -> Path:
    beside = shutil.which("pg_ctl")
    found = [
        Path(beside).resolve().parent if beside else None,
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
    ]
    for folder in found:
        if folder and (folder / "initdb").exists():
            return folder
    pytest.skip("PostgreSQL's server is not installed (`apt-get install postgresql`)")
