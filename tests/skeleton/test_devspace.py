"""`devspace.yaml` of a rendered project: its scripts run with stand-ins for DevSpace's commands and for kubectl."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from checks_kubernetes import check_devspace

from mxdev.testing import contents, render, write

# Plays the cluster: a folder is the namespace, a file an object. Every command line is written down.
KUBECTL = """\
#!/usr/bin/env bash
echo "$*" >> "$CLUSTER/.commands"
[ "$1 $2 $3 $4" = "--context here --namespace churn-model" ] || exit 64
shift 4
verb=$1 kind=$2 name=$3
case "$verb $kind" in
  "get secret" | "get persistentvolumeclaim")
    [ -z "${UNREACHABLE-}" ] || { echo "Unable to connect to the server" >&2; exit 1; }
    if [ -e "$CLUSTER/$name" ]; then echo "$kind/$name"
    elif [[ "$*" != *--ignore-not-found* ]]; then echo "NotFound" >&2; exit 1
    fi ;;
  "create secret")
    name=$4
    [ -z "${FORBIDDEN-}" ] || exit 1
    [ -z "${FASTER-}" ] || printf 'theirs' > "$CLUSTER/$name"
    [ ! -e "$CLUSTER/$name" ] || { echo "AlreadyExists" >&2; exit 1; }
    [ "$5" = "--from-file=password=/dev/stdin" ] && cat > "$CLUSTER/$name" ;;
  *) exit 64 ;;
esac
"""
DEVSPACE = """\
for command in create_deployments purge_deployments run_dependencies ensure_pull_secrets stop_dev build_images; do
  eval "$command() { echo $command \\"\\$@\\"; }"
done
"""


def config(**options: Any) -> dict[str, Any]:
    tree = render("MLProjectSkeleton", **{"name": "churn-model", **options})
    found: dict[str, Any] = yaml.safe_load(contents(tree)["devspace.yaml"])
    return found


def pipeline(name: str, *arguments: str, **options: Any) -> list[str]:
    """The lines that a pipeline's commands print, run as DevSpace runs it: with `-e` and the arguments."""
    script = DEVSPACE + config(**options)["pipelines"][name]
    command = ["bash", "-e", "-c", script, "devspace", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def hook(name: str) -> dict[str, Any]:
    (found,) = [hook for hook in config()["hooks"] if hook["name"] == name]
    return found


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(KUBECTL)
    program.chmod(0o755)
    folder = tmp_path / "cluster"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CLUSTER", str(folder))
    monkeypatch.setenv("DEVSPACE_HOOK_KUBE_CONTEXT", "here")
    return folder


def before_the_database() -> subprocess.CompletedProcess[str]:
    script = hook("database-password")["command"]
    return subprocess.run(["bash", "-e", "-c", script], capture_output=True, text=True, check=False)


def test_one_deployment_is_deployed_and_purged_alone() -> None:
    assert pipeline("deploy", "train-infrastructure") == ["create_deployments train-infrastructure"]
    assert pipeline("deploy", "cuda-drivers", "x y") == ["create_deployments cuda-drivers x y"]
    assert pipeline("purge", "cuda-drivers") == ["purge_deployments cuda-drivers"]


@pytest.mark.parametrize("accelerator", ["none", "nvidia-l4"])
def test_without_a_name_all_that_the_project_wants(accelerator: str) -> None:
    lines = pipeline("deploy", accelerator=accelerator)
    excepted = " --except cuda-drivers" if accelerator == "none" else ""
    assert lines[-1] == f"create_deployments --all{excepted}"
    assert "run_dependencies --all" in lines
    assert not [line for line in lines if "build" in line]
    assert "purge_deployments --all" in pipeline("purge", accelerator=accelerator)


@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_there_are_two_deployments(cloud: str) -> None:
    deployments = config(cloud=cloud)["deployments"]
    assert list(deployments) == ["train-infrastructure", "cuda-drivers"]
    assert deployments["train-infrastructure"]["namespace"] == "churn-model"
    assert ("helm" in deployments["cuda-drivers"]) == (cloud == "existing")


def test_hooks_belong_to_one_deployment_each() -> None:
    assert hook("database-password")["events"] == ["before:deploy:train-infrastructure"]
    assert hook("cuda-smoke-test")["events"] == ["after:deploy:cuda-drivers"]
    assert hook("cuda-smoke-test-removal")["events"] == ["before:purge:cuda-drivers"]


def test_the_first_deploy_makes_a_password_and_the_second_keeps_it(cluster: Path) -> None:
    first = before_the_database()
    assert first.returncode == 0, first.stderr
    password = (cluster / "mlflow-database").read_text()
    assert re.fullmatch(r"[A-Za-z0-9_-]{40}", password)
    (cluster / "data-postgresql-0").touch()
    assert before_the_database().returncode == 0
    assert (cluster / "mlflow-database").read_text() == password
    commands = (cluster / ".commands").read_text()
    assert commands.count("create secret") == 1
    assert password not in commands + first.stdout + first.stderr


def test_passwords_differ(cluster: Path) -> None:
    found = set()
    for _ in range(3):
        assert before_the_database().returncode == 0
        found.add((cluster / "mlflow-database").read_text())
        (cluster / "mlflow-database").unlink()
    assert len(found) == 3


def test_a_database_without_its_password_stops_the_deploy(cluster: Path) -> None:
    (cluster / "data-postgresql-0").touch()
    done = before_the_database()
    assert done.returncode == 1
    assert "README.md" in done.stderr
    assert not (cluster / "mlflow-database").exists()


def test_somebody_deploys_at_the_same_moment(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTER", "1")
    assert before_the_database().returncode == 0
    assert (cluster / "mlflow-database").read_text() == "theirs"


@pytest.mark.parametrize("fault", ["UNREACHABLE", "FORBIDDEN"])
def test_a_cluster_that_says_no_stops_the_deploy(
    fault: str, cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fault, "1")
    assert before_the_database().returncode != 0
    assert not (cluster / "mlflow-database").exists()


def test_no_random_source_makes_no_password(cluster: Path, tmp_path: Path) -> None:
    (tmp_path / "bin" / "head").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin" / "head").chmod(0o755)
    assert before_the_database().returncode != 0
    assert not (cluster / "mlflow-database").exists()


@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_braces_are_devspace_variables_that_exist(cloud: str) -> None:
    """DevSpace replaces every `${...}` in its configuration, those of a shell too."""
    raw = contents(render("MLProjectSkeleton", name="churn-model", cloud=cloud))["devspace.yaml"].decode()
    assert set(re.findall(r"\$!?\{([^}]*)\}", raw)) == {"DEVSPACE_CONTEXT"}


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("namespace: churn-model", "namespaces: churn-model", "namespaces"),
        ("name: churn-model\n", "name: Churn\n", "refuses the name"),
        ("kubernetes/train-infrastructure/", "kubernetes/nowhere/", "does not exist"),
        ("before:deploy:train-infrastructure", "before:deploy:mlflow", "names no deployment"),
    ],
)
def test_the_check_sees_a_fault(before: str, after: str, problem: str, tmp_path: Path) -> None:
    write(render("MLProjectSkeleton", name="churn-model"), tmp_path)
    path = tmp_path / "devspace.yaml"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    assert any(problem in found for found in check_devspace(path))


@pytest.mark.skipif(shutil.which("devspace") is None, reason="devspace is not installed")
@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_devspace_reads_it(cloud: str, tmp_path: Path) -> None:
    write(render("MLProjectSkeleton", name="churn-model", cloud=cloud), tmp_path)
    environment = {**os.environ, "HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "none")}
    done = subprocess.run(
        ["devspace", "print", "--skip-info"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert yaml.safe_load(done.stdout)["deployments"].keys() == {"train-infrastructure", "cuda-drivers"}
