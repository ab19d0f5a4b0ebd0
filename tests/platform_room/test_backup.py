"""Dumps of MLflow's database, their restore, and migrations: the rendered containers, on a real PostgreSQL and a real MLflow."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import mlflow_server
import postgres
import pytest
import yaml
from containers import Ended, Host, run_pod
from postgres import PASSWORD, Postgres

from mxdev.testing import render, text
from mxdev.tree import Tree

pytestmark = pytest.mark.noted()

FOLDER = "infrastructure/kubernetes"
RUNS = """\
import sys, mlflow
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("digits")
for number in range(3):
    with mlflow.start_run(run_name=f"run-{number}"):
        mlflow.log_metric("accuracy", number / 10)
mlflow.MlflowClient().create_registered_model("digits")
"""
DOWN = """\
import os, sys
from pathlib import Path
import mlflow.store
from alembic import command
from alembic.config import Config
folder = Path(mlflow.store.__path__[0]) / "db_migrations"
config = Config(str(folder / "alembic.ini"))
config.set_main_option("script_location", str(folder))
config.set_main_option("sqlalchemy.url", sys.argv[1])
command.downgrade(config, "-1")
"""


class World:
    """A database, what runs beside it, and the project that says how."""

    def __init__(self, server: Postgres, folder: Path, **options: Any) -> None:
        self.server = server
        self.tree = render("MLProjectSkeleton", name="digits", **options)
        images = {
            "docker.io/library/postgres": server.programs,
            "ghcr.io/mlflow/mlflow": mlflow_server.python().parent,
        }
        self.host = Host(folder, images, {"@postgresql:5432/": f"@127.0.0.1:{server.port}/"})
        self.host.environ = {"PGPORT": str(server.port), "MLFLOW_ENABLE_WORKSPACES": "false"}
        self.host.values = {
            ("mlflow-database", "password"): PASSWORD,
            ("database-scripts", "database.py"): self.object("ConfigMap", "database-scripts")["data"]["database.py"],
        }  # fmt: skip

    def object(self, kind: str, name: str) -> dict[str, Any]:
        return found(self.tree, kind, name)

    def run(self, spec: Mapping[str, Any], until: str | None = None) -> Ended:
        spec = yaml.safe_load(yaml.safe_dump(spec))
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            for variable in container.get("env", []):
                if variable == {"name": "PGHOST", "value": "postgresql"}:
                    variable["value"] = "127.0.0.1"
        return run_pod(self.host, spec, until)

    def start_server(self) -> Ended:
        """What happens before the tracking server starts."""
        kind = "StatefulSet" if self.tree.generator.values.cloud == "existing" and not self.tree.generator.values.artifact_store else "Deployment"  # fmt: skip
        return self.run(self.object(kind, "mlflow")["spec"]["template"]["spec"], until="migrate")

    def migrate_again(self) -> Ended:
        """The last of these containers again, in the pod that was started last."""
        spec = self.object("StatefulSet", "mlflow")["spec"]["template"]["spec"]
        [migrate] = [step for step in spec["initContainers"] if step["name"] == "migrate"]
        self.host.pods -= 1
        return self.run({**spec, "initContainers": [], "containers": [migrate]})

    def night(self) -> Ended:
        spec = self.object("CronJob", "database-backup")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        return self.run(spec)

    def restore(self, dump: str) -> Ended:
        self.host.values["restore-database", "dump"] = dump
        return self.run(self.object("Job", "restore-database")["spec"]["template"]["spec"])

    def dumps(self) -> list[str]:
        """What lies in the volume, the oldest first."""
        folder = self.host.kept["backups-mlflow-0"]
        return sorted(
            (path.relative_to(folder).as_posix() for path in folder.rglob("*.dump")),
            key=lambda name: name[-25:],
        )

    def listed(self) -> list[str]:
        """As `devspace run list-backups` names them."""
        script = {
            "name": "list",
            "image": "ghcr.io/mlflow/mlflow:v",
            "command": ["python", "/scripts/database.py", "list"],
        }
        kind = self.object("CronJob", "database-backup")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        keep = kind["containers"][0]
        ended = self.run({"containers": [{**keep, **script}], "volumes": kind["volumes"]})
        assert ended.failed is None, ended.said
        return ended.said.split()

    def python(self, script: str, *arguments: object) -> None:
        subprocess.run(
            [mlflow_server.python(), "-c", script, self.server.uri, *map(str, arguments)],
            env={**os.environ, **self.server.environ}, check=True, capture_output=True, text=True,
        )  # fmt: skip

    def log_runs(self) -> None:
        """Three runs and a registered model, by MLflow."""
        self.python(RUNS)

    def older_mlflow(self) -> None:
        """Make the tables those of the version before."""
        self.python(DOWN)

    def state(self) -> str:
        """All that a person would miss, and the tables that there are."""
        tables = self.server.sql(
            "SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'"
        )
        content = self.server.sql(
            "SELECT string_agg(name || status, ',' ORDER BY name) FROM runs UNION ALL "
            "SELECT string_agg(key || value, ',' ORDER BY value) FROM metrics UNION ALL "
            "SELECT string_agg(name, ',') FROM registered_models UNION ALL SELECT version_num FROM alembic_version"
        )
        return f"{tables}\n{content}"


def found(tree: Tree, kind: str, name: str) -> dict[str, Any]:
    files = [path for path in tree.files if path.startswith(FOLDER) and path.endswith(".yaml")]
    items = [item for path in files for item in yaml.safe_load_all(text(tree, path)) if item]
    [one] = [
        item for item in items if (item.get("kind"), item.get("metadata", {}).get("name")) == (kind, name)
    ]
    return dict(one)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """With a database `empty`, and one `used` in which MLflow has been."""
    with postgres.running() as running:
        running.copy("mlflow", "empty")
        world = World(running, tmp_path_factory.mktemp("first"), cloud="existing")
        ended = world.start_server()
        assert ended.failed is None, ended.said
        assert world.dumps() == [], "a new database has nothing to lose"
        world.log_runs()
        running.copy("mlflow", "used")
        yield running


@pytest.fixture
def world(server: Postgres, tmp_path: Path) -> World:
    """A cluster of one's own, whose dumps are in a volume; MLflow has been there."""
    server.copy("used", "mlflow")
    world = World(server, tmp_path, cloud="existing")
    world.host.kept["backups-mlflow-0"] = tmp_path / "backups"
    (tmp_path / "backups").mkdir()
    return world


def test_what_a_night_kept_is_restored(world: World) -> None:
    before = world.state()
    ended = world.night()
    assert ended.failed is None, ended.said
    [dump] = world.dumps()
    assert dump.startswith("nightly/")

    world.server.sql(
        "DELETE FROM metrics; DELETE FROM latest_metrics; CREATE TABLE of_a_newer_mlflow (id int)"
    )
    later = world.state()
    assert later != before
    ended = world.restore(dump)
    assert ended.failed is None, ended.said
    assert "Restored: 3 runs." in ended.said
    assert world.state() == before

    # What was there before was kept, too; and a restored database can be dumped and restored again.
    [kept] = [name for name in world.listed() if name.startswith("before-restore/")]
    ended = world.restore(kept)
    assert ended.failed is None, ended.said
    assert world.state() == later


def test_a_dump_that_cannot_be_restored_changes_nothing(world: World) -> None:
    assert world.night().failed is None
    [dump] = world.dumps()
    world.server.sql("DELETE FROM metrics")
    before = world.state()
    file = world.host.kept["backups-mlflow-0"] / dump
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 2 // 3])
    ended = world.restore(dump)
    assert ended.failed == "restore", ended.said
    assert world.state() == before


def test_a_dump_that_is_not_there_is_named(world: World) -> None:
    ended = world.restore("nightly/2020-01-01T00-00-00Z.dump")
    assert ended.failed == "fetch"
    assert "has no 'nightly/2020-01-01T00-00-00Z.dump'; there are: before-restore/" in ended.said


def test_a_migration_is_preceded_by_a_dump(world: World) -> None:
    newest = world.state()
    world.older_mlflow()
    older = world.state()
    assert older != newest
    ended = world.start_server()
    assert ended.failed is None, ended.said
    assert world.state() == newest
    [dump] = world.dumps()
    assert dump.startswith("before-migration/")
    # Nothing is due any more.
    assert world.start_server().failed is None
    assert world.dumps() == [dump]
    assert world.restore(dump).failed is None
    assert world.state() == older


def test_a_migration_that_fails_is_said_and_can_be_undone(world: World) -> None:
    """Tables that are newer than they say: the upgrade finds what it wants to add."""
    world.server.sql("UPDATE alembic_version SET version_num = '75868b020152'")
    broken = world.state()
    ended = world.start_server()
    assert ended.failed == "migrate"
    assert "The database may be half migrated" in ended.said
    [dump] = world.dumps()
    assert world.restore(dump).failed is None
    assert world.state() == broken


def test_without_a_dump_there_is_no_migration(world: World) -> None:
    world.older_mlflow()
    older = world.state()
    store = world.host.kept["backups-mlflow-0"]
    store.rmdir()
    world.host.kept["backups-mlflow-0"] = store / "nowhere"
    (store / "nowhere").mkdir(parents=True)
    (store / "nowhere" / "before-migration").write_text("no folder")
    ended = world.start_server()
    assert ended.failed == "migrate", ended.said
    assert world.state() == older
    # The container is started again in the same pod, and the dump is still there.
    (store / "nowhere" / "before-migration").unlink()
    ended = world.migrate_again()
    assert ended.failed is None, ended.said
    assert len(world.dumps()) == 1
    assert world.state() != older


def test_a_volume_keeps_the_last_thirty(world: World) -> None:
    folder = world.host.kept["backups-mlflow-0"] / "nightly"
    folder.mkdir()
    for day in range(1, 32):
        (folder / f"2020-01-{day:02}T02-17-00Z.dump").write_text("old")
    assert world.night().failed is None
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 30
    assert names[0] == "2020-01-03T02-17-00Z.dump"


def test_an_s3_of_one_s_own(server: Postgres, tmp_path: Path) -> None:
    """As MinIO is used: by its address, with keys from a Secret."""
    server.copy("used", "mlflow")
    with mlflow_server.s3(tmp_path, "acme-ml") as address:
        world = World(server, tmp_path, cloud="existing", artifact_store="s3://acme-ml/digits",
                      artifact_endpoint=address)  # fmt: skip
        world.host.environ = {**world.host.environ, **mlflow_server.KEYS}
        before = world.state()
        ended = world.night()
        assert ended.failed is None, ended.said
        assert "in s3://acme-ml/digits/backups" in ended.said
        world.server.sql("DELETE FROM metrics")
        [dump] = world.listed()
        ended = world.restore(dump)
        assert ended.failed is None, ended.said
        assert world.state() == before


def test_a_database_that_never_answers_is_said(tmp_path: Path) -> None:
    """The server waits for its database, but not in silence and not for ever."""
    from mxdev_generators.ml_project_skeleton import scripts

    script = Path(scripts.__file__).with_name("database.py").read_text()
    script = script.replace("PATIENCE = 600.0", "PATIENCE = 1.0")
    environ = {**os.environ, "WORK": str(tmp_path), "MLFLOW_BACKEND_STORE_URI": "postgresql+psycopg2://mlflow@127.0.0.1:1/mlflow"}  # fmt: skip
    done = subprocess.run(
        [mlflow_server.python(), "-c", script, "pending"], env=environ, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 1
    assert "Waiting for the database: " in done.stdout
    assert "the database did not answer for 1 s" in done.stderr
