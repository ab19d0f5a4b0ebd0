"""bootstrap.sh, which makes the bucket of Terraform's state, against a `gcloud` that writes down what it is asked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from mxdev.testing import render, write

# What it knows of the world lies in files: `project` (its number) and `bucket` (the number of its owner).
GCLOUD = """#!{python}
import pathlib, sys
world, words = pathlib.Path({world!r}), sys.argv[1:]
with (world / "calls").open("a") as calls:
    calls.write(" ".join(words) + "\\n")
project, bucket = world / "project", world / "bucket"
if words[:2] == ["projects", "describe"]:
    sys.exit("no such project") if not project.exists() else print(project.read_text())
elif words[:3] == ["storage", "buckets", "describe"]:
    sys.exit("404") if not bucket.exists() else print(bucket.read_text() if "--raw" in words else "name")
elif words[:3] == ["storage", "buckets", "create"]:
    sys.exit("409: the name is taken") if (world / "taken").exists() else bucket.write_text(project.read_text())
elif words[:2] != ["services", "enable"] and words[:3] != ["storage", "buckets", "update"]:
    sys.exit("unexpected: " + " ".join(words))
"""


@dataclass
class World:
    """A rendered project, and a Google Cloud of files."""

    folder: Path
    path: Path
    script: Path

    def run(self, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.script],
            cwd=cwd,
            env={"PATH": str(self.path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def calls(self) -> list[str]:
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def world(tmp_path: Path) -> World:
    project = tmp_path / "a project, \"quoted\" and 'ünïcode'"
    write(
        render("MLProjectSkeleton", name="churn-model", project_id="acme-churn", region="us-east1"), project
    )
    path, folder = tmp_path / "bin", tmp_path / "world"
    path.mkdir()
    folder.mkdir()
    for name in ("bash", "env", "sed", "head", "dirname", "cat", "tr", "sort", "xargs"):
        found = shutil.which(name)
        assert found, f"{name} is not installed"
        (path / name).symlink_to(found)
    (path / "gcloud").write_text(GCLOUD.format(python=sys.executable, world=str(folder)))
    (path / "gcloud").chmod(0o755)
    (folder / "project").write_text("123456")
    return World(folder, path, project / "infrastructure/terraform/bootstrap.sh")


def test_makes_the_bucket(world: World) -> None:
    done = world.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert "gs://acme-churn-tfstate is ready" in done.stdout
    described, enabled, asked, created, checked, updated = world.calls()
    assert described.startswith("projects describe acme-churn ")
    assert enabled.startswith("services enable --project acme-churn ")
    assert {"cloudresourcemanager.googleapis.com", "compute.googleapis.com"} <= set(enabled.split())
    assert asked.startswith("storage buckets describe gs://acme-churn-tfstate ")
    assert created.startswith(
        "storage buckets create gs://acme-churn-tfstate --project acme-churn --location us-east1 "
    )
    assert {"--uniform-bucket-level-access", "--public-access-prevention"} <= set(created.split())
    assert checked.startswith("storage buckets describe gs://acme-churn-tfstate --raw ")
    assert updated.startswith("storage buckets update gs://acme-churn-tfstate ")
    assert {"--versioning", "--uniform-bucket-level-access", "--public-access-prevention"} <= set(
        updated.split()
    )


def test_switches_on_every_service_that_terraform_needs(tmp_path: Path, world: World) -> None:
    """What was switched on a moment ago still refuses, so nothing is left for Terraform to switch on."""
    write(
        render("CloudBuildDefaultConfig", name="churn-model", project_id="acme-churn"),
        world.script.parents[2],
    )
    folder = world.script.parent
    needed = {
        service
        for path in folder.glob("*.tf")
        for block in re.findall(r"(?:services|for_each) *= toset\(\[(.*?)\]\)", path.read_text(), flags=re.S)
        for service in re.findall(r'"([a-z]+\.googleapis\.com)"', block)
    }
    assert {
        "container.googleapis.com",
        "cloudscheduler.googleapis.com",
        "secretmanager.googleapis.com",
    } <= needed
    (folder / "many.tf").write_text(
        "".join(
            f'# "no.googleapis.com"\n"service{letter}.googleapis.com",\n'
            for letter in "abcdefghijklmnopqrstuvwxyz"
        )
    )
    assert world.run().returncode == 0
    calls = [call.split() for call in world.calls() if call.startswith("services enable ")]
    assert all(len(call) - 4 <= 20 for call in calls), "Google takes twenty at a time"
    enabled = [service for call in calls for service in call[4:]]
    assert needed | {"servicea.googleapis.com", "servicez.googleapis.com"} <= set(enabled)
    assert "no.googleapis.com" not in enabled
    assert sorted(enabled) == sorted(set(enabled))


def test_makes_it_once(world: World) -> None:
    assert world.run().returncode == 0
    assert world.run().returncode == 0
    assert len([call for call in world.calls() if "buckets create" in call]) == 1
    assert len([call for call in world.calls() if "buckets update" in call]) == 2


def test_runs_from_anywhere(world: World, tmp_path: Path) -> None:
    assert world.run(cwd=tmp_path).returncode == 0


def test_the_project_must_exist(world: World) -> None:
    (world.folder / "project").unlink()
    done = world.run()
    assert done.returncode == 1
    assert "cannot see the project acme-churn" in done.stderr
    assert "gcloud projects create acme-churn" in done.stderr
    assert len(world.calls()) == 1


def test_refuses_the_bucket_of_a_stranger(world: World) -> None:
    (world.folder / "bucket").write_text("666")
    done = world.run()
    assert done.returncode == 1
    assert "gs://acme-churn-tfstate belongs to another project (number 666)" in done.stderr
    assert not [call for call in world.calls() if "create" in call or "update" in call]


def test_a_name_that_is_taken_is_an_error(world: World) -> None:
    (world.folder / "taken").touch()
    done = world.run()
    assert done.returncode == 1
    assert "409" in done.stderr
    assert "ready" not in done.stdout


def test_says_what_is_missing(world: World) -> None:
    (world.path / "gcloud").unlink()
    done = world.run()
    assert done.returncode == 1
    assert "gcloud is not installed: https://" in done.stderr


@pytest.mark.parametrize(("file", "key"), [("terraform.tfvars", "project_id"), ("backend.tf", "bucket")])
def test_a_missing_answer_stops_it(world: World, file: str, key: str) -> None:
    path = world.script.with_name(file)
    path.write_text(
        "\n".join(line for line in path.read_text().splitlines() if not line.strip().startswith(key))
    )
    done = world.run()
    assert done.returncode == 1
    assert f"there is no line '{key} = \"...\"' in {file}" in done.stderr
    assert world.calls() == []


def test_shellcheck_has_nothing_to_say(world: World) -> None:
    shellcheck = shutil.which(
        "shellcheck", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    if shellcheck is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run([shellcheck, world.script], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")
