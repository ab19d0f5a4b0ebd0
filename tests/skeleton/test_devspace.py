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


# Writes down what it is asked; a Job fails if `$FAILS` says so. The real one fills in the image, which needs no cluster.
RECORDER = """\
#!/usr/bin/env bash
case "$*" in
  *"set image --local"*) exec {kubectl} "$@" ;;
esac
echo "$*" >> "$CLUSTER/.commands"
case "$*" in
  *"--filename -") cat >> "$CLUSTER/applied.yaml" ;;
  *"get namespace"*) echo "namespace/churn-model" ;;
  *condition=complete*) [ -z "${{FAILS-}}" ] ;;
esac
"""


@pytest.fixture
def recorder(cluster: Path, tmp_path: Path) -> Path:
    """A kubectl that writes down what it is asked; a double."""
    real = shutil.which("kubectl", path=os.environ["PATH"].partition(os.pathsep)[2])
    if real is None:
        pytest.skip("kubectl is not installed")
    (tmp_path / "bin" / "kubectl").write_text(RECORDER.format(kubectl=real))
    return cluster


def asked(cluster: Path) -> list[str]:
    """What kubectl was asked, without the part that all have."""
    lines = (cluster / ".commands").read_text().splitlines()
    prefix = "--context here --namespace churn-model "
    return [
        line.removeprefix("--context here ").removeprefix(prefix.removeprefix("--context here "))
        for line in lines
    ]


def command(
    name: str, *arguments: str, cwd: Path | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command of devspace.yaml as `devspace run NAME ARGUMENT...` does."""
    script = config(**options)["commands"][name]["command"].replace("${DEVSPACE_CONTEXT}", "here")
    return subprocess.run(
        ["bash", "-e", "-c", script, "devspace", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cloud", "server"), [("gcp", "deployment/mlflow"), ("existing", "statefulset/mlflow")]
)
def test_a_restore_stops_the_server_and_starts_it_again(cloud: str, server: str, recorder: Path) -> None:
    done = command("restore-database", "nightly/2026-01-31T02-17-04Z.dump", cloud=cloud)
    assert done.returncode == 0, done.stderr
    calls = asked(recorder)
    assert calls[0] == f"scale {server} --replicas=0"
    assert calls[1].startswith("wait --for=delete pod --selector=app.kubernetes.io/name=mlflow ")
    created = calls.index("create --filename infrastructure/kubernetes/restore_database.yaml")
    named = calls.index(
        "create configmap restore-database --from-literal=dump=nightly/2026-01-31T02-17-04Z.dump"
    )
    assert 1 < named < created < calls.index(f"scale {server} --replicas=1")
    assert calls[-1].startswith(f"rollout status {server} ")


def test_a_restore_that_fails_says_so_and_the_server_runs_again(
    recorder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILS", "1")
    assert command("restore-database", "nightly/none.dump").returncode != 0
    assert asked(recorder)[-1] == "scale deployment/mlflow --replicas=1"
    assert any(call.startswith("logs --all-containers") for call in asked(recorder))


@pytest.mark.parametrize("arguments", [(), ("one", "two")])
def test_a_restore_wants_one_dump(arguments: tuple[str, ...], recorder: Path) -> None:
    done = command("restore-database", *arguments)
    assert done.returncode == 1
    assert "devspace run list-backups" in done.stderr
    assert not (recorder / ".commands").exists()


def test_dumps_are_listed_by_the_server(recorder: Path) -> None:
    assert command("list-backups").returncode == 0
    assert asked(recorder) == [
        "exec deployment/mlflow --container mlflow -- python /scripts/database.py list"
    ]


@pytest.fixture
def committed(tmp_path: Path) -> tuple[Path, str]:
    """A rendered project with one commit, and its name."""
    project = tmp_path / "project"
    write(render("MLProjectSkeleton", name="churn-model", accelerator="nvidia-l4"), project)
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "first"]):
        subprocess.run([*git, *words], cwd=project, check=True)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=project, check=True, capture_output=True, text=True
    )
    return project, head.stdout.strip()


def test_the_smoke_test_gets_the_image_of_the_commit(recorder: Path, committed: tuple[Path, str]) -> None:
    project, commit = committed
    script = hook("cuda-smoke-test")["command"]
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    image = f"europe-west4-docker.pkg.dev/churn-model/churn-model/run:{commit}"
    [job] = yaml.safe_load_all((recorder / "applied.yaml").read_text())
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == image
    assert image in done.stdout
    assert "mx build image run --push" in done.stdout


def test_without_a_commit_there_is_no_image_to_test(recorder: Path, tmp_path: Path) -> None:
    """It does not hold up a deploy; run by hand it is an error."""
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    script = hook("cuda-smoke-test")["command"]
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0
    assert "there is none yet" in done.stderr
    assert command("cuda-smoke-test", cwd=tmp_path).returncode == 1
    assert not (recorder / ".commands").exists()


def test_another_image_can_be_tested(recorder: Path, committed: tuple[Path, str]) -> None:
    done = command("cuda-smoke-test", "ghcr.io/acme/churn/run:abc", cwd=committed[0])
    assert done.returncode == 0, done.stderr
    [job] = yaml.safe_load_all((recorder / "applied.yaml").read_text())
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "ghcr.io/acme/churn/run:abc"
    assert asked(recorder)[-1].startswith("--namespace churn-model wait") or "wait --for=condition=complete" in asked(recorder)[-1]  # fmt: skip
