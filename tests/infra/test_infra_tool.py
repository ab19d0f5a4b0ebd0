"""A Terraform that is missing, too old, hangs, prints rubbish or is killed; all of it by stand-ins for the program."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from traps import plain_git

from mxdev.errors import MxError
from mxdev.infra import place, terraform
from mxdev.infra.plans import saved

VERSION = 'if words == ["version"]:\n    print("Terraform v1.11.4")\n    sys.exit()\n'
StandIn = Callable[[str, str], Path]


def test_missing(mx: Any, churn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(churn))
    result = mx("infra", "plan", cwd=churn)
    assert result.code == 4
    assert "terraform is missing" in result.err
    assert "developer.hashicorp.com/terraform/install" in result.err


def test_too_old(mx: Any, churn: Path, stand_in: StandIn) -> None:
    stand_in("terraform", 'print("Terraform v1.5.7")')
    result = mx("infra", "plan", cwd=churn)
    assert result.code == 4
    assert "terraform 1.5.7 is older than 1.10" in result.err


@pytest.mark.parametrize("command", [("plan",), ("output",), ("cost",)])
def test_exits_1_and_says_nothing(mx: Any, churn: Path, stand_in: StandIn, command: tuple[str, ...]) -> None:
    stand_in("terraform", f"{VERSION}sys.exit(1)")
    result = mx("infra", *command, cwd=churn)
    assert result.code == 4
    assert "failed (exit code 1) and said nothing" in result.err


@pytest.mark.parametrize("command", [("plan",), ("output",), ("cost",), ("destroy",)])
def test_prints_rubbish(mx: Any, churn: Path, stand_in: StandIn, command: tuple[str, ...]) -> None:
    stand_in("terraform", f'{VERSION}print("\\x1b[31mno json {{")\nif "-out" in " ".join(words):\n'
             '    pathlib.Path([w for w in words if w.startswith("-out=")][0][5:]).write_text("x")')  # fmt: skip
    result = mx("infra", *command, cwd=churn)
    assert result.code == 4
    assert "printed no JSON" in result.err
    assert "\x1b" not in result.err


def test_hangs(mx: Any, churn: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terraform, "READS", 0.5)
    stand_in("terraform", f"{VERSION}time.sleep(60)")
    began = time.monotonic()
    result = mx("infra", "output", cwd=churn)
    assert time.monotonic() - began < 20
    assert result.code == 4
    assert "did not finish in 0.5 seconds and was stopped" in result.err


def test_killed(mx: Any, churn: Path, stand_in: StandIn) -> None:
    stand_in("terraform", f"{VERSION}os.kill(os.getpid(), 9)")
    result = mx("infra", "plan", cwd=churn)
    assert result.code == 4
    assert "failed (exit code 137)" in result.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_that_ignores_control_c_ends_with_the_third(
    churn: Path, stand_in: StandIn, number: signal.Signals
) -> None:
    place = stand_in(
        "terraform",
        f"{VERSION}import signal\nfor one in (signal.SIGINT, signal.SIGTERM):\n    signal.signal(one, signal.SIG_IGN)\n"
        '(folder / "pid").write_text(str(os.getpid()))\ntime.sleep(60)',
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "mxdev", "infra", "plan"],
        cwd=churn, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not (place / "pid").exists() or not (place / "pid").read_text():
        assert process.poll() is None
        time.sleep(0.05)
    child = int((place / "pid").read_text())
    for _ in range(3):
        process.send_signal(number)
        time.sleep(0.3)
    process.communicate(timeout=30)
    assert process.returncode == 130
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


ALTER = """\
import pathlib, sys
from mxdev.infra import place, terraform
terraform.Terraform(place.find(pathlib.Path("."))).alter("state rm", "google_storage_bucket.main")
"""


def test_control_c_on_a_terminal_stops_what_follows_a_change_of_the_state(
    churn: Path, stand_in: StandIn
) -> None:
    """`terraform state rm` takes no notice of ^C, ends well, and everything would be destroyed next."""
    pty = pytest.importorskip("pty")
    stand = stand_in(
        "terraform",
        f"{VERSION}import signal\nfor one in (signal.SIGINT, signal.SIGTERM):\n    signal.signal(one, signal.SIG_IGN)\n"
        '(folder / "up").touch()\nwhile not (folder / "go").exists():\n    time.sleep(0.02)\n(folder / "removed").touch()',
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(churn)
        os.execv(sys.executable, [sys.executable, "-c", ALTER])
    ends = time.monotonic() + 30
    while not (stand / "up").exists() and time.monotonic() < ends:
        time.sleep(0.02)
    os.write(terminal, b"\x03")
    time.sleep(0.3)
    (stand / "go").touch()
    output = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while piece := os.read(terminal, 65536):
            output += piece
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert (stand / "removed").exists(), "what runs is finished"
    assert b"KeyboardInterrupt" in output, output
    assert os.waitstatus_to_exitcode(status) == -signal.SIGINT


def test_a_project_without_terraform(mx: Any, tmp_path: Path) -> None:
    (tmp_path / "mx.yaml").write_text("version: 1\noptions:\n  name: churn\n  cloud: existing\n")
    result = mx("infra", "plan", cwd=tmp_path)
    assert result.code == 1
    assert "runs on a cluster that exists already" in result.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name")
@pytest.mark.parametrize("brought", ["odd.tf", "modules/a/odd.tf", ".terraform/terraform.tfstate"])
def test_terraform_is_not_run_where_it_would_wait_for_a_pipe(
    mx: Any, churn: Path, folder: Path, stand_in: StandIn, brought: str
) -> None:
    place = stand_in("terraform", VERSION)
    (folder / brought).parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(folder / brought)
    for command in (("infra", "plan"), ("infra", "output")):
        result = mx(*command, cwd=churn)
        assert result.code == 4
        assert f"{brought} is a pipe or a device" in result.out + result.err
    assert not (place / "terraform.calls").exists()


def test_python_terraform_is_missing(
    mx: Any, churn: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in("terraform", VERSION)
    monkeypatch.setitem(sys.modules, "python_terraform", None)
    result = mx("infra", "plan", cwd=churn)
    assert result.code == 4
    assert "python-terraform is missing" in result.err


def test_a_broken_record_of_the_backend_stops_nothing(
    mx: Any, churn: Path, folder: Path, stand_in: StandIn
) -> None:
    """python-terraform itself reads that file, and fails on it."""
    stand_in("terraform", f'{VERSION}print("{{}}")')
    (folder / ".terraform").mkdir()
    (folder / ".terraform" / "terraform.tfstate").write_text("no json")
    assert mx("infra", "output", "--json", cwd=churn).json == {}


@pytest.mark.parametrize(
    "brought", [".terraform/providers", "terraform.d/plugins/example.com/a/b/1.0.0/linux_amd64"]
)
def test_providers_that_came_with_the_repository_are_not_run(
    mx: Any, churn: Path, folder: Path, stand_in: StandIn, brought: str
) -> None:
    """A clone brings `.terraform` and a lock file that fits it, or a mirror of its own: a plan would run what lies there."""
    place = stand_in("terraform", VERSION)
    (folder / brought).mkdir(parents=True)
    (folder / brought / "evil").write_text("#!/bin/sh\n")
    plain_git(churn, "init", "--quiet")
    assert mx("infra", "output", cwd=churn).code != 4 or (place / "terraform.calls").exists()
    (place / "terraform.calls").unlink(missing_ok=True)
    plain_git(churn, "add", "--force", "--all")
    for command in (("infra", "plan"), ("infra", "cost"), ("infra", "output")):
        result = mx(*command, cwd=churn)
        assert f"{brought.partition('/')[0]} is part of the repository" in result.out + result.err, command
        assert not (place / "terraform.calls").exists(), command


@pytest.mark.parametrize("command", ["plan", "cost", "apply", "destroy"])
def test_a_link_that_came_with_the_repository_is_followed_by_no_command(
    mx: Any, churn: Path, folder: Path, stand_in: StandIn, tmp_path: Path, command: str
) -> None:
    stand_in("terraform", VERSION)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    (folder / ".terraform").mkdir()
    (folder / ".terraform" / "mx").symlink_to(elsewhere)
    with pytest.raises(MxError, match="is a link"):
        saved.prepare(place.find(churn))
    plain_git(churn, "init", "--quiet")
    plain_git(churn, "add", "--force", "--all")
    result = mx("infra", command, cwd=churn)
    assert (result.code, ".terraform is part of the repository" in result.err) == (4, True), result.err
    assert elsewhere.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("command", ["apply", "destroy"])
def test_a_dry_run_writes_nothing(
    mx: Any, churn: Path, folder: Path, stand_in: StandIn, command: str
) -> None:
    stand_in("terraform", f'{VERSION}print("{{}}")')
    mx("infra", command, "--dry-run", cwd=churn)
    assert [one.name for one in folder.iterdir()] == ["main.tf"]
