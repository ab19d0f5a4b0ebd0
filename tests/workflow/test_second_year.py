"""The second year: renamed, moved and dropped options, other versions, plugins that are gone. With real builds and installs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from changing import World

from mxdev.errors import MxError
from mxdev.project import records as state

HEAD = "from mxdev import Generator, Tree, argument, hookimpl, lazy, option\nfrom mxdev.generator import Pattern\nimport click\n"
V1 = (
    HEAD
    + '''
class OldName(Generator):
    """Start a project."""
    scope = "new"
    arguments = (argument("NAME", type=Pattern("[a-z]+", "letters"), help="Name.", shared=True),)
    options = (
        option("--zone", type=Pattern("[a-z0-9-]+", "a zone"), default="west-1", help="Where.", shared=True),
        option("--colour", default="red", help="Colour.", type=click.Choice(["red", "blue"])),
        option("--machines", type=int, default=3, help="How many."),
        option("--gone", type=int, default=1, help="Goes."),
        option("--shared-gone", type=int, default=1, help="Goes.", shared=True),
        option("--moves", type=int, default=1, help="Moves."),
        option("--size", type=click.IntRange(1, 10), default=9, help="Size."),
    )

    def generate(self, tree: Tree) -> None:
        tree.render()
        tree.section("s.yaml", "app", {"zone": self.values.zone, "machines": self.values.machines})


class Needs(Generator):
    """Needs it."""
    requires = ("OldName",)

    def generate(self, tree: Tree) -> None:
        tree.file("needs.txt", f"{self.values.zone}\\n")


class Dropped(Generator):
    """Is in version 1 only."""
    requires = ("OldName",)

    def generate(self, tree: Tree) -> None:
        tree.file("dropped.txt", "dropped\\n")


@hookimpl
def mx_generators():
    return [OldName, Needs, Dropped]
'''
)
V2 = (
    HEAD
    + '''
class NewName(Generator):
    """Start a project."""
    scope = "new"
    formerly = ("OldName",)
    arguments = (argument("NAME", type=Pattern("[a-z]+", "letters"), help="Name.", shared=True),)
    options = (
        option("--region", type=Pattern("[a-z0-9-]+", "a region"), default="west-1", help="Where.", shared=True, formerly="--zone"),
        option("--color", default="red", help="Colour.", type=click.Choice(["red", "blue"]), formerly="--colour"),
        option("--workers", type=int, default=0, help="How many."),
        option("--moves", type=int, default=1, help="Moved to the project.", shared=True),
        option("--size", type=click.IntRange(1, 5 if LOW else 10), default=4, help="Size."),
        *((option("--must", type=int, help="New, without a default."),) if LOW else ()),
    )

    @classmethod
    def migrate(cls, options, from_version):
        if from_version.startswith("1.") and "machines" in options:
            options["workers"] = options.pop("machines") - 1
        return options

    def generate(self, tree: Tree) -> None:
        tree.render()
        tree.section("s.yaml", "app", {"region": self.values.region, "workers": self.values.workers})


class Needs(Generator):
    """Needs it."""
    requires = ("NewName",)

    def generate(self, tree: Tree) -> None:
        tree.file("needs.txt", f"{self.values.region} {self.values.workers}\\n")


class Fresh(Generator):
    """Came with version 2."""
    requires = ("NewName",)

    def generate(self, tree: Tree) -> None:
        tree.file("fresh.txt", f"{self.values.region} {self.values.workers}\\n")


@hookimpl
def mx_generators():
    return [NewName, Needs, Fresh]
'''
)
TEMPLATES = {
    "1.0.0": {"main.txt.jinja": "one {{ zone }}\n\ntwo\n\nthree {{ colour }} {{ machines }}\nfour\nfive {{ moves }} {{ size }}\n", "old.txt": "old\n"},
    "2.0.0": {"main.txt.jinja": "one {{ region }}\n\ntwo\n\nthree {{ color }} {{ workers }}\nfour\nfive of 2 {{ moves }}\n", "new.txt": "new\n"},
}  # fmt: skip


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Wheels of three versions of one plugin, really built."""
    found = {}
    folder = tmp_path_factory.mktemp("plugin")
    for version, code in (
        ("1.0.0", V1),
        ("2.0.0", V2.replace("LOW", "False")),
        ("3.0.0", V2.replace("LOW", "True")),
    ):
        source = folder / version
        package = source / "acme_second"
        (package / "templates").mkdir(parents=True)
        (package / "__init__.py").write_text(code)
        for name, text in TEMPLATES.get(version, TEMPLATES["2.0.0"]).items():
            (package / "templates" / name).write_text(text)
        (source / "pyproject.toml").write_text(
            f'[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
            f'[project]\nname = "acme-second"\nversion = "{version}"\n'
            f'[project.entry-points."mxdev.v1"]\nsecond = "acme_second"\n'
        )
        build = [
            sys.executable,
            "-c",
            "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))",
        ]
        done = subprocess.run([*build, folder], cwd=source, check=True, capture_output=True, text=True)
        found[version] = folder / done.stdout.strip()
    return found


class Year:
    """A project, and a folder in which the plugin is installed as pip does it."""

    def __init__(self, folder: Path, wheels: dict[str, Path]) -> None:
        self.site, self.wheels, self.root = folder / "site", wheels, folder / "demo"
        self.folder = folder

    def install(self, version: str | None) -> None:
        shutil.rmtree(self.site, ignore_errors=True)
        self.site.mkdir()
        if version:
            command = [
                sys.executable,
                "-m",
                "uv",
                "pip",
                "install",
                "--quiet",
                "--offline",
                "--no-deps",
                "--target",
                self.site,
            ]
            subprocess.run([*command, self.wheels[version]], check=True)

    def mx(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(self.site), "MX_CACHE_DIR": str(self.folder / "cache")}
        return subprocess.run(
            [sys.executable, "-m", "mxdev", *arguments], cwd=cwd or self.root, env=env, capture_output=True, text=True, check=False
        )  # fmt: skip

    def ok(self, *arguments: str) -> Any:
        done = self.mx(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if "--json" in arguments else done

    def text(self, path: str) -> str:
        return (self.root / path).read_text()

    def options(self, instance: str) -> dict[str, Any]:
        return dict(yaml.safe_load(self.text(f".mx/generators/{instance}.yaml"))["options"])


@pytest.fixture
def year(tmp_path: Path, wheels: dict[str, Path]) -> Year:
    """A project that version 1 rendered."""
    year = Year(tmp_path, wheels)
    year.install("1.0.0")
    done = year.mx(
        "generate",
        "OldName",
        "demo",
        "--zone",
        "east-2",
        "--colour",
        "blue",
        "--moves",
        "7",
        "--size",
        "5",
        "--no-input",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    year.ok("generate", "Needs")
    return year


def test_version_2_updates_what_version_1_rendered(year: Year) -> None:
    main = year.root / "main.txt"
    assert main.read_text() == "one east-2\n\ntwo\n\nthree blue 3\nfour\nfive 7 5\n"
    main.write_text(main.read_text().replace("two", "two and mine"))
    year.install("2.0.0")
    status = year.ok("status", "--json")
    assert [(row["rendered_version"], row["installed_version"]) for row in status["instances"]] == [
        ("1.0.0", "2.0.0")
    ] * 2
    assert all(row["problem"] is None for row in status["instances"]), status
    assert year.mx("status", "--exit-code").returncode == 1
    done = year.ok("update")
    assert main.read_text() == "one east-2\n\ntwo and mine\n\nthree blue 2\nfour\nfive of 2 7\n"
    assert year.text("needs.txt") == "east-2 2\n"
    assert year.text("new.txt") == "new\n"
    assert not (year.root / "old.txt").exists()
    assert yaml.safe_load(year.text("s.yaml")) == {"app": {"region": "east-2", "workers": 2}}
    # Renamed, migrated, moved, dropped.
    assert sorted(path.name for path in (year.root / ".mx/generators").iterdir()) == [
        "Needs.yaml",
        "NewName.yaml",
    ]
    assert not (year.root / ".mx/pristine/OldName").exists()
    assert year.options("NewName") == {"color": "blue", "workers": 2, "size": 5}
    project = yaml.safe_load(year.text("mx.yaml"))["options"]
    assert project == {"name": "demo", "region": "east-2", "moves": 7}
    assert "has no option gone any more" in done.stderr
    assert "project option shared-gone any more" in done.stderr
    assert "project option zone" not in done.stderr
    year.ok("status", "--exit-code")
    assert year.ok("update", "--json")["outcome"] == "nothing"


def test_one_instance_at_a_time(year: Year) -> None:
    year.install("2.0.0")
    year.ok("update", "Needs")
    assert year.text("needs.txt") == "east-2 2\n"
    year.ok("generate", "Fresh")
    assert year.text("fresh.txt") == "east-2 2\n"
    year.ok("update", "NewName")
    year.ok("destroy", "Fresh")
    year.ok("status", "--exit-code")
    refused = year.mx("destroy", "NewName")
    assert refused.returncode == 1
    assert "Needs (requires NewName)" in refused.stderr


def test_a_renamed_generator_answers_to_its_old_name(year: Year) -> None:
    year.install("2.0.0")
    done = year.mx("generate", "OldName")
    assert done.returncode == 0, done.stderr
    assert "project option shared-gone any more; it is dropped." in done.stderr
    assert "generator: NewName" in year.text(".mx/generators/NewName.yaml")
    assert "requires: [NewName]" in year.text(".mx/generators/Needs.yaml")
    assert set(yaml.safe_load(year.text("mx.yaml"))["options"]) == {"name", "region", "moves"}
    year.ok("update")
    year.ok("destroy", "NewName", "--with-dependents")
    assert sorted(path.name for path in year.root.iterdir()) == [".mx"]


def test_what_belongs_to_one_that_is_not_rendered_stays(year: Year) -> None:
    year.install("2.0.0")
    year.ok("generate", "Needs")  # NewName is as version 1 rendered it: zone and moves are its own
    assert yaml.safe_load(year.text("mx.yaml"))["options"] == {"name": "demo", "zone": "east-2"}
    year.ok("update")
    assert yaml.safe_load(year.text("mx.yaml"))["options"] == {"name": "demo", "region": "east-2", "moves": 7}


@pytest.mark.parametrize("first", [["generate", "NewName"], ["update"]])
def test_a_dropped_option_is_no_stop_once_a_missing_plugin_is_settled(year: Year, first: list[str]) -> None:
    year.ok("generate", "Dropped")
    year.install("2.0.0")
    year.mx(*first)  # nobody knows what Dropped declares
    assert "shared-gone" in yaml.safe_load(year.text("mx.yaml"))["options"]
    assert "retired: [shared-gone]" in year.text(".mx/generators/NewName.yaml")
    with (year.root / "mx.yaml").open("a") as file:
        file.write("  regoin: x\n")
    year.ok("destroy", "Dropped")
    refused = year.mx("update")
    assert refused.returncode == 4
    assert "no generator here has an option regoin; did you mean region?" in refused.stderr
    text = year.text("mx.yaml")
    (year.root / "mx.yaml").write_text(text.replace("  regoin: x\n", ""))
    year.ok("update")
    assert set(yaml.safe_load(year.text("mx.yaml"))["options"]) == {"name", "region", "moves"}
    assert "retired" not in year.text(".mx/generators/NewName.yaml")


def test_set_before_the_update(year: Year) -> None:
    year.install("2.0.0")
    year.ok("set", "region=north-1")
    assert yaml.safe_load(year.text("mx.yaml"))["options"]["region"] == "north-1"
    assert "zone" not in year.text("mx.yaml")
    assert year.text("needs.txt") == "north-1 2\n"
    year.install("2.0.0")
    year.ok("set", "zone=north-2")
    assert yaml.safe_load(year.text("mx.yaml"))["options"]["region"] == "north-2"


def test_undo_of_an_update_to_a_new_version(year: Year) -> None:
    before = {
        path: path.read_bytes()
        for path in year.root.rglob("*")
        if path.is_file() and "/.mx/undo/" not in str(path) and not str(path).endswith("/.mx/lock")
    }
    year.install("2.0.0")
    year.ok("update")
    year.ok("undo")
    assert {
        path: path.read_bytes()
        for path in year.root.rglob("*")
        if path.is_file() and "/.mx/undo/" not in str(path) and not str(path).endswith("/.mx/lock")
    } == before


def test_values_that_are_not_valid_any_more_and_new_ones_without_a_default(year: Year) -> None:
    year.install("2.0.0")
    year.ok("update")
    year.ok("set", "size=9")
    year.install("3.0.0")
    for command in (["update"], ["update", "--json"], ["generate", "Fresh", "--no-input"]):
        done = year.mx(*command)
        said = done.stdout + done.stderr
        assert done.returncode == 2, said
        assert "size" in said
        assert "mx set size=VALUE" in said
        assert "mx set must=VALUE" in said
    assert "mx set size=VALUE" in year.ok("status", "--json")["instances"][1]["problem"]
    year.ok("set", "size=3", "must=1")
    assert year.options("NewName")["size"] == 3
    year.ok("status", "--exit-code")


def test_an_older_version_is_refused(year: Year) -> None:
    year.install("2.0.0")
    year.ok("update")
    year.install("1.0.0")
    done = year.mx("update", "Needs")
    assert done.returncode == 4
    assert "rendered by acme-second 2.0.0, and 1.0.0 is installed" in done.stderr
    assert "--allow-downgrade" in done.stderr
    assert year.mx("update").returncode in (0, 4)
    record = year.root / ".mx/generators/NewName.yaml"
    assert "1.0.0 is installed" in year.mx("update").stderr
    assert record.exists()


def test_allow_downgrade(year: Year) -> None:
    record = year.root / ".mx/generators/Needs.yaml"
    record.write_text(record.read_text().replace('"1.0.0"', '"1.0.1"'))
    assert year.mx("update").returncode == 4
    assert year.mx("generate", "Needs").returncode == 4
    year.ok("update", "--allow-downgrade")
    assert '"1.0.0"' in record.read_text()


def test_a_plugin_that_is_gone(year: Year, world_site: Path) -> None:
    year.ok("generate", "Dropped")
    records = {path: path.read_bytes() for path in (year.root / ".mx/generators").iterdir()}
    year.install(None)
    status = year.ok("status", "--json")
    assert all("pip install acme-second" in row["problem"] for row in status["instances"])
    assert all(row["installed_version"] is None for row in status["instances"])
    assert year.mx("status", "--exit-code").returncode == 1
    done = year.mx("update")
    assert done.returncode == 4
    assert "Needs is left as it is: The plugin acme-second" in done.stderr
    assert year.mx("update", "Needs").returncode == 4
    shutil.copytree(world_site, year.site, symlinks=True, dirs_exist_ok=True)
    assert year.mx("diff").returncode == 0
    assert {path: path.read_bytes() for path in records} == records
    # What it rendered can still be taken away, and options that it alone knows stay.
    year.ok("destroy", "Dropped")
    assert not (year.root / "dropped.txt").exists()
    assert "zone: east-2" in year.text("mx.yaml")
    assert {path: path.read_bytes() for path in records if path.exists()} == {
        p: d for p, d in records.items() if p.stem != "Dropped"
    }


def test_a_generator_that_its_plugin_dropped(year: Year) -> None:
    year.ok("generate", "Dropped")
    year.install("2.0.0")
    done = year.mx("update")
    assert done.returncode == 4
    assert "Dropped is left as it is" in done.stderr
    assert year.text("dropped.txt") == "dropped\n"
    assert year.text("needs.txt") == "east-2 2\n"
    year.ok("destroy", "Dropped")
    assert not (year.root / "dropped.txt").exists()


def test_a_project_of_a_newer_mx(world: World) -> None:
    world.base.files = {"a.txt": "a\n"}
    world.start()
    before = world.text("mx.yaml")
    for old, new, said in (
        ("version: 1", "version: 2\nwhatever: [", "newer mx"),
        ("version: 1", "version: 2", "newer mx (format 2; this mx knows up to 1)"),
        ('requires-mx: ">=', 'requires-mx: ">=9', "needs mx >=9"),
    ):
        world.write("mx.yaml", before.replace(old, new))
        tree = world.tree()
        for command in (
            ["update"],
            ["status"],
            ["diff"],
            ["generate", "WorldExtra"],
            ["set", "size=2"],
            ["destroy", "WorldBase"],
            ["undo"],
        ):
            answer = world.mx(*command)
            if "whatever" in new or command != ["undo"]:
                assert answer.code in (1, 4), command
            if "whatever" not in new and command != ["undo"]:
                assert said in answer.err, command
                assert "uv tool upgrade mx-devtool" in answer.err
        assert world.tree() == tree
    world.write("mx.yaml", before)
    world.edit(".mx/generators/WorldBase.yaml", "version: 1\n", "version: 7\n")
    answer = world.mx("update")
    assert answer.code == 4
    assert "WorldBase.yaml was written by a newer mx" in answer.err


def test_formats_are_migrated_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = {
        1: lambda data: {**data, "version": 2, "two": data["one"] + 1},
        2: lambda data: {**data, "version": 3, "three": data["two"] + 1},
    }
    monkeypatch.setattr(state, "MIGRATIONS", steps)
    monkeypatch.setattr(state, "FORMAT", 3)
    assert state.parse(b"version: 1\none: 1\n", "x") == {"version": 3, "one": 1, "two": 2, "three": 3}
    assert state.parse(b"version: 3\none: 1\n", "x") == {"version": 3, "one": 1}
    with pytest.raises(MxError, match="newer mx"):
        state.parse(b"version: 4\n", "x")


def test_there_is_a_migration_for_every_format() -> None:
    assert sorted(state.MIGRATIONS) == list(range(1, state.FORMAT))


def test_an_older_project_is_written_in_the_new_format(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.base.files = {"a.txt": "@region@\n"}
    world.start()
    monkeypatch.setattr(state, "MIGRATIONS", {1: lambda data: {**data, "version": 2}})
    monkeypatch.setattr(state, "FORMAT", 2)
    world.write("mx.yaml", "# mine\n" + world.text("mx.yaml"))
    world.ok("status")
    world.ok("set", "region=east")
    assert "version: 2\n" in world.record()
    assert yaml.safe_load(world.read("mx.yaml"))["version"] == 2
    assert "# mine" in world.text("mx.yaml")
    world.ok("status", "--exit-code")
