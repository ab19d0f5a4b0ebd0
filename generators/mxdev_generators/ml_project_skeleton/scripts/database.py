"""Dumps of MLflow's database. Runs in MLflow's image; pg_dump and psql run beside it, in PostgreSQL's.

    database.py pending       waits for the database, and asks for a dump (the file wanted) if a migration is due
    database.py keep KIND     keeps the file dump as KIND/TIME.dump
    database.py migrate       keeps the dump, if one was asked for, and brings the tables up to date
    database.py fetch NAME    brings NAME, as `list` names it, to the file restore
    database.py list          names all dumps, the newest last

BACKUPS says where dumps are kept: a URI that MLflow knows, or a folder. Of a folder the last KEEP of each kind stay; a
bucket has rules of its own. WORK is the folder in which files go from one program to the other.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

WORK = Path(os.environ.get("WORK", "/work"))
PATIENCE = 600.0  # seconds


def main(command: str, *arguments: str) -> None:
    """Run one of the commands above; SystemExit with a sentence where it cannot be done."""
    known: dict[str, Callable[..., None]] = {
        "pending": pending,
        "keep": keep,
        "migrate": migrate,
        "fetch": fetch,
        "list": show,
    }
    if command not in known:
        raise SystemExit(f"{command} is none of {', '.join(known)}")
    known[command](*arguments)


def pending() -> None:
    """Ask for a dump if the tables are not as this MLflow wants them. A new database has none to lose."""
    import mlflow.store
    from alembic.script import ScriptDirectory

    folder = Path(mlflow.store.__path__[0]) / "db_migrations"
    wanted, found = ScriptDirectory(str(folder)).get_current_head(), _revision()
    print(f"The tables are at {found or 'nothing yet'}; MLflow {mlflow.__version__} wants {wanted}.")
    if found not in (None, wanted):
        (WORK / "wanted").touch()


def keep(kind: str) -> None:
    """Keep the dump that lies in WORK."""
    dump = WORK / "dump"
    if not dump.is_file() or not dump.stat().st_size:
        raise SystemExit(f"there is no dump in {WORK}")
    name = f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}.dump"
    named = dump.rename(WORK / name)
    try:
        _upload(named, kind)
    except BaseException:
        named.rename(dump)  # whoever tries again finds it
        raise
    named.unlink()
    _tidy(kind)


def migrate() -> None:
    """Bring the tables up to date, after keeping the dump that was asked for."""
    wanted = WORK / "wanted"
    if wanted.exists():
        keep("before-migration")
        wanted.unlink()
    command = [sys.executable, "-m", "mlflow", "db", "upgrade", os.environ["MLFLOW_BACKEND_STORE_URI"]]
    code = subprocess.run(command, check=False).returncode
    if code:
        raise SystemExit(
            f"mlflow db upgrade ended with {code}. The database may be half migrated; the README beside "
            "train-infrastructure/ says how to restore the dump of before."
        )


def fetch(name: str) -> None:
    """Bring a dump to WORK, to be restored."""
    known = _names()
    if name not in known:
        raise SystemExit(
            f"{_root()} has no {name!r}; there are: {', '.join(known[-20:]) or 'none'}"
            + (f" and {len(known) - 20} older ones" if len(known) > 20 else "")
        )
    brought = Path(_store().download_artifacts(name, str(WORK)))
    brought.rename(WORK / "restore")
    print(f"Fetched {name} from {_root()}.")


def show() -> None:
    """Name all dumps."""
    print("\n".join(_names()))


def _upload(file: Path, kind: str) -> None:
    size = file.stat().st_size
    _store().log_artifact(str(file), kind)
    # What was not read back is not a backup.
    kept = {Path(item.path).name: item.file_size for item in _store().list_artifacts(kind)}
    if kept.get(file.name) != size:
        raise SystemExit(
            f"{kind}/{file.name} has {size} bytes, but {_root()} says {kept.get(file.name)}: it was not kept"
        )
    print(f"Kept {kind}/{file.name} ({size} bytes) in {_root()}.")


def _names() -> list[str]:
    store = _store()
    folders = [item.path for item in store.list_artifacts() if item.is_dir]
    found = [item.path for folder in folders for item in store.list_artifacts(folder) if not item.is_dir]
    return sorted(found, key=lambda path: Path(path).name)


def _revision() -> Any:
    """The revision of the tables; None where there are none. Waits for a database that is not there yet."""
    import sqlalchemy
    from alembic.migration import MigrationContext

    engine = sqlalchemy.create_engine(os.environ["MLFLOW_BACKEND_STORE_URI"])
    end, said = time.monotonic() + PATIENCE, ""
    while True:
        try:
            with engine.connect() as connection:
                return MigrationContext.configure(connection).get_current_revision()
        except sqlalchemy.exc.OperationalError as error:
            if time.monotonic() > end:
                raise SystemExit(f"the database did not answer for {PATIENCE:.0f} s: {error.orig}") from None
            if str(error.orig) != said:
                said = str(error.orig)
                print(f"Waiting for the database: {said.strip()}", flush=True)
            time.sleep(2)


def _root() -> str:
    return os.environ["BACKUPS"]


def _store() -> Any:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    return get_artifact_repository(_root())


def _tidy(kind: str) -> None:
    if "://" in _root():
        return
    last = int(os.environ.get("KEEP", "30"))
    for old in sorted((Path(_root()) / kind).glob("*.dump"))[:-last]:
        old.unlink()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
