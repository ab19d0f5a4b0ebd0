"""Runs of this machine in `status`, `logs`, `cancel` and completion, and `run_id` by its beginning; with MLflow's tables, without MLflow."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
from flow_projects import MX, clean, mx, project, seen, with_environment

A, B, C = "a1" * 16, "a2" * 16, "b3" * 16
ROWS = [
    (A, "bold-fox", "FINISHED", 1_700_000_000_000, 1_700_000_060_000, "active"),
    (B, "calm-owl", "RUNNING", 1_700_000_100_000, None, "active"),
    (C, "gone", "FINISHED", 1_700_000_200_000, 1_700_000_260_000, "deleted"),
]


def fill(root: Path) -> Path:
    """Runs in the project's own store, as MLflow's tables have them."""
    (root / ".mlflow").mkdir(exist_ok=True)
    store = sqlite3.connect(root / ".mlflow" / "mlflow.db")
    store.execute("CREATE TABLE runs (run_uuid, name, status, start_time, end_time, lifecycle_stage)")
    store.execute("CREATE TABLE tags (key, value, run_uuid)")
    store.executemany("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?)", ROWS)
    store.execute("INSERT INTO tags VALUES ('mlflow.project.entryPoint', 'trainer', ?)", (A,))
    store.commit()
    store.close()
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fill(with_environment(project(tmp_path / "p")))


def test_the_runs_of_this_machine_need_no_cluster(root: Path) -> None:
    done = mx("flow", "status", cwd=root)
    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["RUN", "NAME", "ENTRY", "POINT", "STATUS", "STARTED"]
    assert [row.split()[:4] for row in rows] == [
        ["a2a2a2a2a2", "calm-owl", "-", "RUNNING"],
        ["a1a1a1a1a1", "bold-fox", "trainer", "FINISHED"],
    ]
    told = json.loads(mx("flow", "status", "--json", cwd=root).stdout)
    assert [run["run_id"] for run in told["runs"]] == [B, A]
    assert told["jobs"] == []
    assert told["problem"] is None


def test_a_cluster_that_cannot_be_asked_hides_no_run_of_this_machine(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    template = root / "infrastructure/kubernetes/train_job.yaml"
    template.parent.mkdir(parents=True)
    template.write_text("kind: Job\nmetadata: {name: x}\n")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    done = mx("flow", "status", cwd=root)
    assert done.returncode == 0, done.stderr
    assert "jobs on the cluster are not shown: " in done.stderr
    assert "bold-fox" in done.stdout
    asked = mx("flow", "status", "--context", "x", cwd=root)
    assert asked.returncode == 4
    assert "bold-fox" not in asked.stdout


def test_one_run(root: Path) -> None:
    done = mx("flow", "status", "a1", cwd=root)
    assert done.stdout.splitlines()[:2] == [f"run       {A} (bold-fox): FINISHED", "entry     trainer"]
    assert json.loads(mx("flow", "status", "a1", "--json", cwd=root).stdout)["status"] == "FINISHED"
    several = mx("flow", "status", "a", cwd=root)
    assert several.returncode == 2
    assert "more than one run begins with a:" in several.stderr
    cancelled = mx("flow", "cancel", "a2", cwd=root)
    assert cancelled.returncode == 1
    assert "is of this machine" in cancelled.stderr


@pytest.mark.parametrize("given", ["a1", A])
def test_a_parameter_takes_the_beginning_of_an_id(root: Path, given: str) -> None:
    mx("flow", "run", "-e", "evaluate", "-P", f"run_id={given}", cwd=root)
    call: Any = seen(root)
    assert call["arguments"][-2:] == ["-P", f"run_id={A}"]


@pytest.mark.parametrize(
    ("given", "says"),
    [("ff", "has no run ff"), ("f" * 32, "has no run"), ("a", "more than one"), (C, "has no run")],
)
def test_a_run_that_is_not_there_is_refused_before_anything_starts(root: Path, given: str, says: str) -> None:
    done = mx("flow", "run", "-e", "evaluate", "-P", f"run_id={given}", cwd=root)
    assert done.returncode == 2
    assert says in done.stderr
    assert not (root / "seen.json").exists()


def complete(line: str, cwd: Path) -> list[str]:
    """What bash is told for a line whose last word is being typed."""
    words = line.split(" ")
    environment = {"_MX_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", "from mxdev.cli import main; main()"], env={**os.environ, **environment},
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return [found.partition(",")[2] for found in done.stdout.splitlines()]


def test_what_a_shell_completes(root: Path, tmp_path: Path) -> None:
    assert complete("mx flow run -e ", root) == ["trainer", "evaluate", "fail"]
    assert complete("mx flow run -P ", root) == ["epochs=", "note="]
    assert complete("mx flow run -e evaluate -P r", root) == ["run_id="]
    assert complete("mx flow run -e evaluate -P run_id=a1", root) == [f"run_id={A}"]
    for command in ("status", "logs", "rerun", "resume", "compare"):
        assert complete(f"mx flow {command} a", root) == [B[:10], A[:10]]
    assert complete("mx flow rerun ", tmp_path) in ([], [""])
    assert complete("mx lint --rule merge", root) == ["merge-markers"]
    assert "hadolint" in complete("mx lint --skip ", root)


def test_what_a_run_printed_is_kept(root: Path) -> None:
    (root / "command.txt").write_text("echo to-stdout; echo to-stderr >&2")
    done = mx("flow", "run", cwd=root)
    assert done.stdout == "training\nto-stdout\n", "where it went before"
    assert "run abc123 begins" in done.stderr
    assert "to-stderr" in done.stderr
    kept = root / ".mlflow/logs/abc123.log"
    assert kept.stat().st_mode & 0o077 == 0
    assert {"training", "to-stdout", "to-stderr"} <= set(kept.read_text().splitlines())
    assert [path.name for path in kept.parent.iterdir()] == ["abc123.log"]


def test_what_never_became_a_run_is_not_kept(root: Path) -> None:
    assert mx("flow", "run", "-e", "evaluate", "-P", "run_id=none", cwd=root).returncode == 1
    assert list((root / ".mlflow/logs").iterdir()) == []


def test_logs_of_this_machine(root: Path) -> None:
    lost = mx("flow", "logs", "a1", cwd=root)
    assert (lost.returncode, "what it printed was not kept" in lost.stderr) == (1, True)
    (root / ".mlflow/logs").mkdir()
    (root / f".mlflow/logs/{A}.log").write_bytes(b"epoch 1\n\xff\n")
    (root / f".mlflow/logs/{B}.log").write_text("epoch 1\n")
    whole = subprocess.run(
        [*MX, "flow", "logs", "a1", "--follow"], cwd=root, capture_output=True, env=clean(), check=True
    )
    assert whole.stdout == b"epoch 1\n\xff\n"
    with subprocess.Popen(
        [*MX, "flow", "logs", "a2", "--follow"], cwd=root, stdout=subprocess.PIPE, text=True, env=clean()
    ) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "epoch 1\n"
        assert following.poll() is None
        with (root / f".mlflow/logs/{B}.log").open("a") as log:
            log.write("the end\n")
        store = sqlite3.connect(root / ".mlflow/mlflow.db")
        store.execute("UPDATE runs SET status = 'FAILED' WHERE run_uuid = ?", (B,))
        store.commit()
        store.close()
        assert following.stdout.read() == "the end\n"
        assert following.wait() == 1


def test_a_terminal_stays_one(root: Path) -> None:
    """Progress bars and debuggers ask whether they write to a terminal."""
    tell = "python -c 'import os, sys; print(os.isatty(0), os.isatty(1), os.isatty(2), os.get_terminal_size(1).columns)'"
    (root / "command.txt").write_text(tell)
    mine, its = pty.openpty()
    termios.tcsetwinsize(its, (40, 123))
    with subprocess.Popen(
        [*MX, "flow", "run"], cwd=root, stdin=its, stdout=its, stderr=its, env=clean()
    ) as child:
        os.close(its)
        seen = b""
        while True:
            try:
                data = os.read(mine, 65536)
            except OSError:
                break
            if not data:
                break
            seen += data
        assert child.wait() == 0, seen.decode()
    os.close(mine)
    assert b"True True True 123\r\n" in seen
    assert b"True True True 123\n" in (root / ".mlflow/logs/abc123.log").read_bytes()
