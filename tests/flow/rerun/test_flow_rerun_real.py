"""Runs that the real MLflow recorded are repeated; the project is a generated one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from flow_projects import clean, environment, install, mx
from ml_environment import ml_python

from mxdev import testing
from mxdev_generators.ml_project_skeleton.generator import MLProjectSkeleton

pytestmark = pytest.mark.noted()

__all__ = ["ml_python"]

# An entry point beside the skeleton's own: its data is a file that its parameter names.
LIGHT = """\
import hashlib, sys
from pathlib import Path
import mlflow
from m1 import provenance
FACTOR = 2
data = Path(sys.argv[1]).read_bytes()
with mlflow.start_run():
    mlflow.log_param("data.sha256", hashlib.sha256(data).hexdigest())
    mlflow.log_metric("sum", FACTOR * sum(data))
    code = provenance.code(provenance.project_root())
    mlflow.set_tags({"git.commit": code.commit, "git.uncommitted": bool(code.diff)})
    if code.diff:
        diff = Path(sys.argv[1]).with_name("uncommitted.diff")
        diff.write_bytes(code.diff)
        mlflow.log_artifact(str(diff))
"""
ENTRY = """
  light:
    parameters:
      data: path
    command: "python -m m1.light {data}"
"""
# Runs that nobody can repeat. Of 17 ids two begin with the same digit.
ODD_RUNS = """
from mlflow.tracking import MlflowClient
client = MlflowClient()
def make(name):
    return client.create_run("0", tags={"mlflow.project.entryPoint": "light"}, run_name=name).info.run_id
deleted = make("deleted")
client.delete_run(deleted)
for number in range(17):
    make(f"many-{number}")
ids = sorted(run.info.run_id for run in client.search_runs(["0"], max_results=100))
print(deleted, next(a[0] for a, b in zip(ids, ids[1:]) if a[0] == b[0]))
"""


@pytest.fixture(scope="module")
def root(ml_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, committed; its environment sees the packages of `ml_python`."""
    root = tmp_path_factory.mktemp("rerun") / "my 100% project"
    root.mkdir()
    testing.write(testing.render(MLProjectSkeleton, name="m1"), root)
    (root / "mx.yaml").write_text("version: 1\noptions:\n  name: m1\n")
    (root / "src" / "m1" / "light.py").write_text(LIGHT)
    with (root / "MLproject").open("a") as file:
        file.write(ENTRY)
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "first")
    packages = environment(root / ".venv", ml_python)
    install(packages, "m1", root)
    asked = [ml_python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    (packages / "ml.pth").write_text(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
    return root


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", root, "-c", "user.name=T", "-c", "user.email=t@t", *arguments],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def run_id(output: str) -> str:
    found = re.search(r"^run      ([0-9a-f]{32}) \(.+\): FINISHED$", output, re.MULTILINE)
    assert found, output
    return found[1]


def test_a_run_with_uncommitted_changes_is_repeated(root: Path) -> None:
    model = root / "src" / "m1" / "task.py"
    committed = model.read_text()
    model.write_text(committed.replace("nn.ReLU()", "nn.GELU()"))
    assert model.read_text() != committed
    (root / "src" / "m1" / "new.py").write_text("a = 1\n")
    first = mx("flow", "run", "-P", "epochs=1", "-P", "batch_size=256", "-P", "seed=3", cwd=root)
    assert first.returncode == 0, first.stderr
    before = run_id(first.stderr)

    # The checkout goes on to something that cannot train at all.
    (root / "src" / "m1" / "new.py").unlink()
    model.write_text("raise SystemExit('not this one')\n")
    git(root, "add", ".")
    staged = git(root, "status", "--porcelain")
    again = mx("flow", "rerun", before[:8], cwd=root)
    assert again.returncode == 0, again.stdout + again.stderr
    table = again.stdout[again.stdout.index("status ") :]
    assert re.fullmatch(
        r"status      the same\ncode        the same\nparameters  \d+, all the same\ndata        the same\n"
        r"versions    \d+, all the same\nmetrics     5, all the same\n",
        table,
    ), table
    assert "with its uncommitted changes" in again.stderr
    now = run_id(again.stderr)
    assert now != before
    assert "(rerun-of-" in again.stderr
    assert f"compared with {before} (" in again.stderr
    artifacts = root / ".mlflow" / "artifacts"
    diffs = [(artifacts / one / "artifacts" / "uncommitted.diff").read_text() for one in (before, now)]
    assert "+a = 1" in diffs[0]
    assert diffs[0] == diffs[1]
    assert tags(root, now)["mx.rerun_of"] == before
    assert tags(root, now)["git.commit"] == git(root, "rev-parse", "HEAD").strip()

    assert git(root, "status", "--porcelain") == staged
    assert git(root, "worktree", "list").count("\n") == 1
    git(root, "reset", "--quiet", "--hard")


def tags(root: Path, run: str) -> dict[str, str]:
    import sqlite3

    connection = sqlite3.connect(root / ".mlflow" / "mlflow.db")
    found = dict(connection.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (run,)).fetchall())
    connection.close()
    return found


def test_other_data_is_noticed(root: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.bin"
    data.write_bytes(b"\x01\x02")
    first = mx("flow", "run", "-e", "light", "-P", f"data={data}", cwd=root)
    before = run_id(first.stderr)
    data.write_bytes(b"\x01\x05")
    again = mx("flow", "rerun", before, cwd=root)
    assert again.returncode == 1, again.stdout + again.stderr
    assert re.search(
        r"^data        differs\n  hash  [0-9a-f]{43}…  ->  [0-9a-f]{43}…$", again.stdout, re.MULTILINE
    )
    assert "metrics     differs\n  sum  6  ->  12  (+6, +100 %)\n" in again.stdout
    assert "code        the same\n" in again.stdout


def test_what_cannot_be_repeated(root: Path, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/odd.db"
    made = subprocess.run(
        [root / ".venv" / "bin" / "python", "-c", ODD_RUNS],
        env=clean(MLFLOW_TRACKING_URI=store), cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    deleted, beginning = made.stdout.split()
    for run, code, reason in (
        ("f" * 32, 2, "has no run ffff"),
        (beginning, 2, f"more than one run begins with {beginning}:\n    {beginning}"),
        (deleted, 1, "it is deleted"),
    ):
        done = mx("flow", "rerun", run, cwd=root, MLFLOW_TRACKING_URI=store)
        assert (done.returncode, reason in done.stderr) == (code, True), done.stderr
        assert done.stdout == ""
