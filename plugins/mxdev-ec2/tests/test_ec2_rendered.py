"""What Ec2ModelServer renders, by the tools that read it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ec2_world import HERE, rendered
from mxdev.testing import mx, terraform_settings

BIN = Path(sys.executable).parent
CHOICES = [("oidc", "caddy", "shipyard-models"), ("user", "load-balancer", "")]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every choice once, in a folder each."""
    return {
        auth: rendered(tmp_path_factory.mktemp(auth), auth=auth, https=https, weights_bucket=bucket)
        for auth, https, bucket in CHOICES
    }


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("auth", ["oidc", "user"])
def test_terraform_with_the_real_provider(both: dict[str, Path], tmp_path: Path, auth: str) -> None:
    folder, env = both[auth] / "terraform", terraform_settings(tmp_path)
    run("terraform", "fmt", "-check", "-diff", "-recursive", cwd=folder)
    run("terraform", "init", "-backend=false", "-input=false", cwd=folder, env=env)
    run("terraform", "validate", cwd=folder, env=env)
    assert ", 0 failed" in run("terraform", "test", cwd=folder, env=env)


def test_no_port_for_ssh_and_no_key(both: dict[str, Path]) -> None:
    for folder in both.values():
        text = "\n".join(path.read_text() for path in folder.rglob("*.tf"))
        assert "key_name" not in text
        assert "aws_iam_access_key" not in text
        ports = [line for line in text.splitlines() if "from_port" in line or "http = 80" in line]
        assert ports
        assert not any("22" in line.split("=")[-1].split() for line in ports)


def test_the_identity_is_of_one_project_and_one_branch(both: dict[str, Path]) -> None:
    text = (both["oidc"] / "terraform/gitlab.tf").read_text()
    assert 'values   = ["project_path:${var.gitlab_project}:ref_type:branch:ref:main"]' in text
    assert "StringLike" not in text
    assert "A user whose key never expires" in (both["user"] / "terraform/gitlab.tf").read_text()


def test_yaml_shell_and_python(both: dict[str, Path], tmp_path: Path) -> None:
    config = "{extends: default, rules: {line-length: {max: 160}, braces: {max-spaces-inside: 1}}}"
    for folder in both.values():
        files = [folder / name for name in ("compose.yaml", "gitlab-ci.yml", "playbook.yml")]
        run(BIN / "yamllint", "--strict", "-d", config, *files, cwd=folder)
        run(BIN / "shellcheck", "terraform/user_data.sh", cwd=folder)
        run(BIN / "ruff", "check", "--isolated", "--select", "E,F,W,I,B,UP,SIM,PTH,N", "--ignore", "E501,N802",
            "ec2.py", "dummy/server.py", cwd=folder)  # fmt: skip
        run(
            BIN / "ruff",
            "format",
            "--isolated",
            "--line-length",
            "110",
            "--check",
            "ec2.py",
            "dummy",
            cwd=folder,
        )
        run(BIN / "hadolint", "dummy/Dockerfile", cwd=folder)


def test_the_first_failure_ends_user_data(both: dict[str, Path], tmp_path: Path) -> None:
    """Run with doubles of what it calls; apt's second call fails. cloud-init takes 16 KB that begin with `#!`."""
    script = both["oidc"] / "terraform/user_data.sh"
    assert script.read_bytes().startswith(b"#!/bin/bash\n")
    assert script.stat().st_size < 16_384
    for name in ("apt-get", "systemctl", "python3", "ln"):
        double = tmp_path / name
        ends = 'case "$*" in *install*) exit 100 ;; esac' if name == "apt-get" else ""
        double.write_text(f'#!/bin/sh\necho "{name} $*" >> "{tmp_path}/calls"\n{ends}\n')
        double.chmod(0o755)
    done = subprocess.run(
        ["/bin/bash", script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, check=False
    )
    assert done.returncode == 100
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.split()[-1] for call in calls] == ["update", "unzip"]
    assert all("DPkg::Lock::Timeout=600" in call for call in calls)


def test_the_compose_file(both: dict[str, Path]) -> None:
    caddy = yaml.safe_load((both["oidc"] / "compose.yaml").read_text())["services"]
    assert set(caddy) == {"server", "caddy"}
    assert "ports" not in caddy["server"]
    alone = yaml.safe_load((both["user"] / "compose.yaml").read_text())["services"]
    assert alone["server"]["ports"] == ["8080:8080"]
    for services in (caddy, alone):
        check = services["server"]["healthcheck"]["test"]
        assert "http://127.0.0.1:8080/health" in check[-1]


def test_the_dummy_server_is_healthy(both: dict[str, Path]) -> None:
    """Its health check, as the compose file has it, run against it."""
    import socket
    import time

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    services = yaml.safe_load((both["oidc"] / "compose.yaml").read_text())["services"]
    check = [part.replace(":8080", f":{port}") for part in services["server"]["healthcheck"]["test"][1:]]
    command = [sys.executable, both["oidc"] / "dummy/server.py"]
    with subprocess.Popen(
        command, env={**os.environ, "PORT": str(port)}, stderr=subprocess.DEVNULL
    ) as server:
        try:
            for _ in range(50):
                if subprocess.run(check, capture_output=True, check=False).returncode == 0:
                    return
                time.sleep(0.1)
            pytest.fail("the health check never passed")
        finally:
            server.terminate()


def test_in_any_folder_with_a_dockerfile(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / ".gitlab-ci.yml").write_text("# mine\nstages: [build, deploy]\n")
    done = mx("generate", "Ec2ModelServer", "--no-input", cwd=tmp_path)
    assert done.code == 0, done.stdout + done.stderr
    assert (tmp_path / "Dockerfile").read_text() == "FROM scratch\n"
    pipeline = (tmp_path / ".gitlab-ci.yml").read_text()
    assert pipeline.startswith("# mine\nstages: [build, deploy]\n")
    assert yaml.safe_load(pipeline)["include"] == [{"local": f"{HERE}/gitlab-ci.yml"}]
    assert os.access(tmp_path / HERE / "ec2.py", os.X_OK)
    assert mx("update", cwd=tmp_path).code == 0


def test_in_a_project_of_mx(tmp_path: Path) -> None:
    made = mx("generate", "MLProjectSkeleton", "churn", "--no-input", "--skip-git", cwd=tmp_path)
    assert made.code == 0, made.stderr
    done = mx("generate", "Ec2ModelServer", "--no-input", cwd=tmp_path / "churn")
    assert done.code == 0, done.stdout + done.stderr
    assert (tmp_path / "churn" / HERE / "playbook.yml").is_file()
