"""destroy.sh, which takes a project down, against doubles of `gcloud` and `terraform` that write down what they are asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mxdev.testing import render, write

# Both know nothing but which disks there are (the file `disks`) and whether the state has buckets (`state`).
DOUBLE = """#!{python}
import pathlib, sys
world, words = pathlib.Path({world!r}), [{name!r}, *sys.argv[1:]]
with (world / "calls").open("a") as calls:
    calls.write(" ".join(words) + "\\n")
if words[:4] == ["gcloud", "compute", "disks", "list"]:
    print((world / "disks").read_text(), end="")
elif words[:3] == ["terraform", "state", "list"]:
    print((world / "state").read_text(), end="")
elif words[:2] == ["terraform", (world / "fails").read_text()]:
    sys.exit("Error: it does not go")
"""
DISK = 'pvc-{number}\teurope-west4-b\t{{"kubernetes.io/created-for/pvc/name":"data-postgresql-0","kubernetes.io/created-for/pvc/namespace":"{namespace}"}}\n'


@dataclass
class World:
    """A rendered project beside doubles of the programs that the script calls."""

    folder: Path
    path: Path
    script: Path

    def run(self, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.script, *arguments], env={"PATH": str(self.path)}, input=said, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip

    def calls(self, program: str = "") -> list[str]:
        file = self.folder / "calls"
        return [
            call
            for call in (file.read_text().splitlines() if file.exists() else [])
            if call.startswith(program)
        ]


@pytest.fixture
def make(tmp_path: Path) -> Any:
    def world(**options: Any) -> World:
        project = tmp_path / "a project"
        write(render("MLProjectSkeleton", name="churn-model", project_id="acme-churn", **options), project)
        path, folder = tmp_path / "bin", tmp_path / "world"
        path.mkdir()
        folder.mkdir()
        for name in ("bash", "env", "sed", "head", "dirname", "grep", "cut"):
            found = shutil.which(name)
            assert found, f"{name} is not installed"
            (path / name).symlink_to(found)
        for name in ("gcloud", "terraform"):
            (path / name).write_text(DOUBLE.format(python=sys.executable, world=str(folder), name=name))
            (path / name).chmod(0o755)
        (folder / "fails").write_text("nothing")
        (folder / "state").write_text('google_storage_bucket.main["data"]\n')
        (folder / "disks").write_text(DISK.format(number=1, namespace="churn-model") + DISK.format(number=2, namespace="churn"))  # fmt: skip
        return World(folder, path, project / "infrastructure/terraform/destroy.sh")

    return world


def test_what_cannot_be_made_again_stays(make: Any) -> None:
    world = make()
    done = world.run()
    assert (done.returncode, done.stderr) == (0, "")
    unprotected, listed, forgotten, destroyed = world.calls("terraform")
    assert (
        unprotected == "terraform apply -var deletion_protection=false -target=google_container_cluster.main"
    )
    assert listed == "terraform state list"
    assert forgotten == "terraform state rm google_storage_bucket.main"
    assert destroyed == "terraform destroy -var deletion_protection=false"
    assert [call for call in world.calls("gcloud") if " list " not in call] == []
    for left in ("gs://acme-churn-churn-model-data", "gs://acme-churn-churn-model-artifacts",
                 "gs://acme-churn-churn-model-backups", "the disk pvc-1 in europe-west4-b", "gs://acme-churn-tfstate"):  # fmt: skip
        assert f"  {left}" in done.stdout
    assert "pvc-2" not in done.stdout, "the disk of another project"


def test_it_goes_on_where_it_stopped(make: Any) -> None:
    world = make()
    (world.folder / "state").write_text("google_compute_network.main\n")
    assert world.run().returncode == 0
    assert "terraform state rm google_storage_bucket.main" not in world.calls()
    assert world.calls("terraform")[-1] == "terraform destroy -var deletion_protection=false"


def test_with_data_everything_goes_once_somebody_has_said_so(make: Any) -> None:
    world = make(database="cloud-sql")
    done = world.run("--with-data", said="churn-model\n")
    assert done.returncode == 0, done.stderr
    first, *others = world.calls()
    assert first.endswith("-target=google_container_cluster.main -target=google_sql_database_instance.main")
    removed = [call for call in others if " storage rm " in call]
    assert [call.rpartition(" ")[2] for call in removed] == [
        f"gs://acme-churn-churn-model-{bucket}/**" for bucket in ("artifacts", "backups", "data")
    ]
    assert all("--all-versions" in call for call in removed)
    assert "terraform state rm google_storage_bucket.main" not in others
    assert [call for call in others if "disks delete" in call] == [
        "gcloud compute disks delete --quiet --project acme-churn --zone europe-west4-b pvc-1"
    ]
    assert "gcloud sql backups list" in done.stdout


@pytest.mark.parametrize("answer", ["", "yes\n", "churn\n"])
def test_any_other_answer_changes_nothing(make: Any, answer: str) -> None:
    world = make()
    done = world.run("--with-data", said=answer)
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr
    assert world.calls() == []


@pytest.mark.parametrize("step", ["apply", "destroy"])
def test_a_step_that_fails_ends_it(make: Any, step: str) -> None:
    world = make()
    (world.folder / "fails").write_text(step)
    done = world.run()
    assert done.returncode != 0
    assert "Done" not in done.stdout
    assert not [call for call in world.calls() if "storage rm" in call or "disks delete" in call]


def test_an_option_that_is_none_is_refused(make: Any) -> None:
    world = make()
    done = world.run("--force")
    assert (done.returncode, world.calls()) == (1, [])
    assert "there is --with-data" in done.stderr


def test_the_buckets_are_those_that_terraform_makes(make: Any) -> None:
    world = make()
    (made,) = [
        line
        for line in world.script.with_name("storage.tf").read_text().splitlines()
        if "buckets = toset(" in line
    ]
    script = world.script.read_text()
    assert all(f'"$prefix-{bucket}"' in script for bucket in made.split('"')[1::2])
    assert script.count('"$prefix-') == len(made.split('"')[1::2])


def test_shellcheck_has_nothing_to_say(make: Any) -> None:
    shellcheck = shutil.which(
        "shellcheck", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    if shellcheck is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(
        [shellcheck, make().script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "")
