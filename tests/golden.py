"""Renders `examples/` again: `python tests/golden.py`, or `make examples`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from mxdev.testing import mx

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SKELETON = ["generate", "MLProjectSkeleton", "--no-input", "--skip-git"]
# By name: the commands that make it; the first makes the folder, the others run in it.
PROJECTS = {
    "churn-model": [[*SKELETON, "churn-model"]],
    "everything": [
        [
            *SKELETON,
            "everything",
            "--accelerator=nvidia-l4",
            "--domain=ml.example.com",
            "--engineer=Ada Lovelace <ada@example.com>",
        ],
        ["generate", "DistributedTraining", "--no-input"],
        ["generate", "DeploymentInfrastructure", "--no-input", "--clients=@client.example"],
        ["generate", "Alerts", "--billing-account=012345-6789AB-CDEF01", "--no-input"],
        ["generate", "StreamlitApp", "demo", "--audience=clients", "--no-input"],
        [
            "generate",
            "SeldonDeployment",
            "scores",
            "--canary-weight=10",
            "--tag=0123abc",
            "--request-log=gs://everything-data/requests",
            "--no-input",
        ],
        ["generate", "ModelMonitoring", "scores", "--tag=0123abc", "--no-input"],
        ["generate", "DebugPod", "--no-input"],
        ["generate", "EntryPoint", "report", "--no-input"],
        ["generate", "Model", "wide", "--no-input"],
        ["generate", "Notebook", "explore", "--no-input"],
        ["generate", "Sweep", "search", "--no-input"],
        [
            "generate",
            "Acceptance",
            "--metric=accuracy",
            "--better=more",
            "--schedule=17 3 * * 1",
            "--no-input",
        ],
        ["generate", "Dataset", "customers", "--target=left", "--no-input"],
        ["generate", "BeamPipeline", "visits", "--column=age:int", "--column=left:bool", "--no-input"],
        ["generate", "BeamPipeline", "photos", "--kind=images", "--no-input"],
        ["generate", "CVATLabelingTool", "--no-input"],
        ["generate", "Environment", "staging", "--no-input"],
        ["generate", "Environment", "production", "--cloud-project=everything-production", "--no-input"],
        ["generate", "GitLabCI", "--environments=staging,production", "--no-input"],
        ["generate", "GitHubActions", "--no-input"],
        ["generate", "CloudBuildDefaultConfig", "--no-input"],
    ],
}


def render(name: str, folder: Path) -> Path:
    """Render one example below `folder`; its root."""
    for number, command in enumerate(PROJECTS[name]):
        done = mx(*command, cwd=folder / name if number else folder, env={"MX_OPT_MX_SOURCE": "index"})
        if done.code:
            raise SystemExit(f"{name}: {done.stderr}")
    return folder / name


def files(root: Path) -> dict[str, tuple[bytes, bool]]:
    """Bytes and executable bit of every file of a project that a person would commit."""
    ignored = (".mx/lock", ".mx/undo/", ".mx/journal/")
    return {
        name: (path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in sorted(root.rglob("*"))
        if path.is_file() and not (name := path.relative_to(root).as_posix()).startswith(ignored)
    }


def main() -> None:
    """Render every example in its place."""
    for name in PROJECTS:
        with tempfile.TemporaryDirectory() as scratch:
            fresh = files(render(name, Path(scratch)))
        shutil.rmtree(EXAMPLES / name, ignore_errors=True)
        for path, (data, executable) in fresh.items():
            target = EXAMPLES / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            target.chmod(0o755 if executable else 0o644)
        print(f"examples/{name}: {len(fresh)} files")


if __name__ == "__main__":
    main()
