"""Small projects for the tests of `mx flow`, and environments that cost no installation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

MX = [sys.executable, "-c", "from mxdev.cli import main; main()"]

MLPROJECT = """\
name: tiny
entry_points:
  trainer:
    parameters:
      epochs: {type: float, default: 2}
      note: {type: string, default: none}
    command: "python -m tiny.trainer {epochs} {note}"
  evaluate:
    parameters:
      run_id: string
    command: "python -m tiny.evaluate {run_id}"
  fail:
    command: "exit 7"
"""

# Stands in for MLflow where only mx's side is of interest: it notes how it was called, and runs the entry point.
FAKE_CLI = """
import json, os, subprocess, sys, time
from pathlib import Path
from mlflow.tracking import MlflowClient

class cli:
    @staticmethod
    def main(args, prog_name):
        seen = {"arguments": args, "environment": dict(os.environ), "cwd": os.getcwd(), "path": sys.path,
                "python": subprocess.run(["python", "-c", "import sys; print(sys.executable)"],
                                         capture_output=True, text=True).stdout.strip()}
        Path("seen.json").write_text(json.dumps(seen))
        entry = args[args.index("-e") + 1]
        if entry == "evaluate":
            raise ValueError("no run was made")
        MlflowClient().create_run("1")
        print("training", flush=True)
        command = Path("command.txt")
        code = subprocess.Popen(["bash", "-c", command.read_text()]).wait() if command.exists() else 0
        sys.exit(3 if entry == "fail" else 1 if code else 0)
"""
FAKE_TRACKING = """
import json
from pathlib import Path
from types import SimpleNamespace as Bag

class MlflowClient:
    def get_experiment_by_name(self, name): return None
    def create_experiment(self, name, artifact_location): Path("experiment.json").write_text(json.dumps([name, artifact_location]))
    def create_run(self, experiment_id): return self.get_run("abc123")
    def set_tag(self, run_id, key, value): Path("tags.txt").open("a").write(f"{key}={value}\\n")
    def set_terminated(self, run_id, status): Path("status.txt").write_text(status)
    def get_run(self, run_id):
        status = Path("status.txt").read_text() if Path("status.txt").exists() else "FINISHED"
        metrics = {"loss": 0.5, "test_accuracy": 0.975, "system/cpu": 1.0, **{f"z{n}": n for n in range(20)}}
        info = Bag(run_id=run_id, experiment_id="1", run_name="bold-fox", status=status)
        return Bag(info=info, data=Bag(metrics=metrics))
"""


def environment(folder: Path, base: Path | None = None) -> Path:
    """A virtual environment without packages; its site-packages folder. `base` is the Python that it is made from."""
    real = base or Path(sys.executable)
    asked = "import sys; print(sys._base_executable); print('python%d.%d' % sys.version_info[:2])"
    answer = subprocess.run(
        [real, "-c", asked], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(answer[0])
    (folder / "pyvenv.cfg").write_text(
        f"home = {Path(answer[0]).parent}\ninclude-system-site-packages = false\n"
    )
    packages = folder / "lib" / answer[1] / "site-packages"
    packages.mkdir(parents=True)
    return packages


def install(packages: Path, name: str, origin: Path | None = None) -> None:
    """Make a distribution look installed; editable from `origin` if that is given."""
    info = packages / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    if origin is not None:
        url = {"url": origin.as_uri(), "dir_info": {"editable": True}}
        (info / "direct_url.json").write_text(json.dumps(url))
        (packages / f"{name}.pth").write_text(f"{origin / 'src'}\n")


def fake_mlflow(packages: Path) -> None:
    """Install the stand-in."""
    install(packages, "mlflow")
    (packages / "mlflow").mkdir()
    (packages / "mlflow" / "__init__.py").write_text("")
    (packages / "mlflow" / "__main__.py").write_text(
        "import sys\nfrom mlflow.cli import cli\ncli.main(sys.argv[1:], 'mlflow')\n"
    )
    (packages / "mlflow" / "cli.py").write_text(FAKE_CLI)
    (packages / "mlflow" / "tracking.py").write_text(FAKE_TRACKING)


def project(root: Path) -> Path:
    """A project with an MLproject file and no environment."""
    (root / "src" / "tiny").mkdir(parents=True)
    (root / "src" / "tiny" / "__init__.py").write_text("")
    (root / "MLproject").write_text(MLPROJECT)
    (root / "mx.yaml").write_text("version: 1\noptions:\n  name: tiny\n")
    (root / "pyproject.toml").write_text(
        '[project]\nname = "tiny"\nversion = "1.0"\nrequires-python = ">=3.11"\n'
    )
    return root


def with_environment(root: Path) -> Path:
    """Give a project a `.venv` in which all is there; returns the project."""
    packages = environment(root / ".venv")
    install(packages, "tiny", root)
    fake_mlflow(packages)
    return root


def mx(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run mx as a process of its own, with nothing configured or active."""
    return subprocess.run(
        [*MX, *arguments],
        cwd=cwd,
        env=clean(**environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def clean(**environ: str) -> dict[str, str]:
    """The environment of these tests without what steers MLflow or names an environment."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "VIRTUAL_ENV", "CONDA_"))}
    return {**kept, **environ}


def seen(root: Path) -> dict[str, object]:
    """What the stand-in noted."""
    result: dict[str, object] = json.loads((root / "seen.json").read_text())
    return result
