"""What can be repeated, what cannot, and the scratch checkout; MLflow is a stand-in here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flow_projects import clean, project, with_environment

from mxdev.errors import MxError, Refused, UsageProblem
from mxdev.flow.rerun import reading as rerun_reading
from mxdev.flow.rerun import rerun
from mxdev.flow.rerun.checkout import checkout
from mxdev.flow.rerun.reading import ENTRY_POINT, LoggedRun, origin

TAGS = {ENTRY_POINT: "trainer", "git.commit": "a" * 40, "git.uncommitted": "False"}
RUN = LoggedRun(
    id="0123456789abcdef0123456789abcdef",
    name="bold-fox",
    status="FINISHED",
    deleted=False,
    experiment_id="7",
    params={"epochs": "3", "note": "it's; $HOME", "training.epochs": "3"},
    tags=TAGS,
    metrics={"loss": 0.5},
)


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", root, "-c", "user.name=T", "-c", "user.email=t@t", *arguments],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip


def run(**changes: Any) -> LoggedRun:
    """RUN with other tags (None takes one away) or other fields."""
    tags = {**TAGS, **changes.pop("tags", {})}
    return replace(
        RUN, **{"tags": {key: value for key, value in tags.items() if value is not None}, **changes}
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with an environment and one commit."""
    root = with_environment(project(tmp_path / "p"))
    (root / ".gitignore").write_text(".venv/\n.mlflow/\nseen.json\nstatus.txt\n__pycache__/\n")
    (root / "command.txt").write_text('mkdir -p "$KEEP" && cp -r . "$KEEP"\n')
    git(root, "init", "--quiet", "--initial-branch", "main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "first")
    (root / ".mlflow").mkdir()
    (root / ".mlflow" / "mlflow.db").touch()
    return root


# What a run says of itself


def test_what_is_known_of_a_run() -> None:
    found = origin(run(diff=b"x", tags={"git.uncommitted": "True"}), None)
    assert (found.commit, found.diff, found.entry) == ("a" * 40, b"x", "trainer")
    assert (found.backend, found.image, found.unsure) == ("local", None, None)


def test_mlflow_knows_the_commit_when_training_does_not() -> None:
    found = origin(run(tags={"git.commit": None, "mlflow.source.git.commit": "b" * 40}), None)
    assert found.commit == "b" * 40
    assert "uncommitted changes" in str(found.unsure)


def test_what_was_left_out_of_the_diff_is_said() -> None:
    found = origin(
        run(diff=b"x", tags={"git.uncommitted": "True", "git.left_out": "big.npy (9.0 MB, too large)"}), None
    )
    assert "big.npy (9.0 MB, too large)" in str(found.unsure)


def test_a_run_of_a_cluster() -> None:
    tags = {
        "mx.backend": "distributed",
        "mx.image": "registry/run:abc",
        "mx.job": "PyTorchJob/digits/digits-0123456789",
        "mx.context": "prod",
    }
    found = origin(run(tags=tags), None)
    assert (found.backend, found.image) == ("distributed", "registry/run:abc")
    assert (found.namespace, found.context) == ("digits", "prod")
    assert origin(run(tags=tags), "kubernetes").backend == "kubernetes"
    assert origin(run(tags=tags), "local").image is None
    assert origin(run(tags=tags), None, "other").context == "other"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"deleted": True}, "it is deleted.\n`mlflow runs restore"),
        ({"status": "RUNNING"}, "it has not ended, its status is RUNNING"),
        ({"status": "SCHEDULED"}, "it has not ended, its status is SCHEDULED"),
        (
            {"tags": {ENTRY_POINT: None, "mlflow.source.name": "/a/train.py"}},
            "it was made by /a/train.py and not by an entry point",
        ),
        ({"tags": {ENTRY_POINT: None}}, "it was made and not by an entry point"),
        (
            {"tags": {ENTRY_POINT: None, "mlflow.parentRunId": "f" * 32}},
            f"it is a part of the run {'f' * 32}, which made it.\nRepeat that",
        ),
        (
            {"tags": {ENTRY_POINT: None, "mlflow.source.name": "look.ipynb"}},
            "it was made in a notebook (look.ipynb)",
        ),
        ({"tags": {"git.commit": "none"}}, "there was no commit yet, or no Git"),
        ({"tags": {"git.commit": None}}, "there was no commit yet, or no Git"),
        ({"tags": {"git.commit": "--upload-pack=x"}}, "'--upload-pack=x' is not a commit"),
        ({"tags": {"git.commit": f"{'a' * 40}-changed"}}, "its image was built from uncommitted changes"),
        ({"tags": {"git.uncommitted": "True"}}, "its artifact uncommitted.diff is gone"),
        (
            {"tags": {"git.uncommitted": "True", "git.problem": "fatal: bad object HEAD"}},
            "Git could not tell what was not committed (fatal: bad object HEAD).",
        ),
        ({"tags": {"mx.backend": "kubernetes"}}, "nobody knows in which image it ran"),
        ({"tags": {"mlflow.project.backend": "kubernetes"}}, "nobody knows in which image it ran"),
        ({"tags": {"mlflow.project.backend": "mx", "mx.image": "i"}}, "of which template its job was made"),
    ],
)
def test_what_cannot_be_repeated(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused) as problem:
        origin(run(**changes), None)
    assert f"the run {RUN.id} (bold-fox) cannot be repeated: " in str(problem.value)
    assert reason in str(problem.value)
    assert problem.value.code == 1


def test_a_local_run_has_no_image_for_a_cluster() -> None:
    with pytest.raises(Refused, match="it ran in no image, but on a machine"):
        origin(run(), "kubernetes")


@pytest.mark.parametrize("text", ["", "xyz", "abc%", "0' OR '1", "../x"])
def test_what_is_no_id(root: Path, text: str) -> None:
    with pytest.raises(UsageProblem, match="is not an id of a run"):
        rerun.rerun(root, "tiny", rerun.RerunRequest(text), clean())


def test_a_project_without_runs(root: Path) -> None:
    (root / ".mlflow" / "mlflow.db").unlink()
    with pytest.raises(UsageProblem, match="has no runs"):
        rerun.rerun(root, "tiny", rerun.RerunRequest("abc"), clean())


# The scratch checkout


def worktrees(root: Path) -> int:
    return git(root, "worktree", "list").count("\n") + 1


def state(root: Path) -> tuple[str, str, str]:
    return git(root, "status", "--porcelain"), git(root, "rev-parse", "HEAD"), git(root, "stash", "list")


def test_a_checkout_is_the_commit_and_the_diff(root: Path) -> None:
    commit = git(root, "rev-parse", "HEAD")
    module = root / "src" / "tiny" / "__init__.py"
    module.write_text("a = 1\n")
    git(root, "add", "--intent-to-add", ".")
    diff = (git(root, "diff", commit) + "\n").encode()
    git(root, "reset", "--quiet")
    module.write_text("of now\n")
    before = state(root)
    hook = root / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch '{root}/hook-ran'\n")
    hook.chmod(0o755)
    with checkout(root, commit, diff) as folder:
        assert not folder.is_relative_to(root)
        assert (folder / "src" / "tiny" / "__init__.py").read_text() == "a = 1\n"
        assert git(folder, "rev-parse", "HEAD") == commit
        assert worktrees(root) == 2
    assert not folder.exists()
    assert worktrees(root) == 1
    assert state(root) == before
    assert module.read_text() == "of now\n"
    assert not (root / "hook-ran").exists()


def test_a_project_in_a_folder_of_its_repository(tmp_path: Path) -> None:
    inner = project(tmp_path / "all" / "models" / "tiny")
    top = tmp_path / "all"
    git(top, "init", "--quiet")
    git(top, "add", ".")
    git(top, "commit", "--quiet", "-m", "first")
    (inner / "new.txt").write_text("n\n")
    git(top, "add", "--intent-to-add", ".")
    diff = (git(inner, "diff", "HEAD", "--", ".") + "\n").encode()
    with checkout(inner, git(top, "rev-parse", "HEAD"), diff) as folder:
        assert (folder / "MLproject").is_file()
        assert (folder / "new.txt").read_text() == "n\n"
        assert folder.parent.name == "models"


def test_a_commit_that_is_not_there(root: Path) -> None:
    with (
        pytest.raises(Refused, match="the commit aaaaaaaaaaaa is not in the repository") as problem,
        checkout(root, "a" * 40, b""),
    ):
        pass
    assert "git fetch" in str(problem.value)


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(MxError, match="is in no Git repository"), checkout(tmp_path, "a" * 40, b""):
        pass


def test_a_diff_that_does_not_apply(root: Path) -> None:
    diff = b"diff --git a/no.py b/no.py\n--- a/no.py\n+++ b/no.py\n@@ -1 +1 @@\n-a\n+b\n"
    with (
        pytest.raises(Refused, match=r"cannot be applied to .*: no.py: No such file") as problem,
        checkout(root, git(root, "rev-parse", "HEAD"), diff),
    ):
        pass
    assert problem.value.code == 1
    assert worktrees(root) == 1


@pytest.mark.parametrize("path", ["../outside.txt", ".git/hooks/post-commit"])
def test_a_diff_stays_in_the_checkout(root: Path, path: str) -> None:
    diff = f"diff --git a/{path} b/{path}\nnew file mode 100755\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n"
    with pytest.raises(Refused), checkout(root, git(root, "rev-parse", "HEAD"), diff.encode()):
        pass


def test_a_hook_of_git_does_not_lead_astray(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In a hook these are set, to another repository than the project's as it may be."""
    commit = git(root, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(root / ".git" / "index.lock"))
    with checkout(root, commit, b"") as folder:
        assert (folder / "MLproject").is_file()


def test_what_a_killed_one_left_is_swept(root: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    commit = git(root, "rev-parse", "HEAD")
    left = root.parent / f"mx-rerun-{gone.pid}-abc"
    mine = root.parent / f"mx-rerun-{os.getpid()}-abc"
    for folder in (left, mine):
        git(root, "worktree", "add", "--detach", str(folder), commit)
    with checkout(root, commit, b""):
        pass
    assert not left.exists()
    assert mine.exists()
    assert worktrees(root) == 2


# The whole, with what MLflow would have read


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch, root: Path) -> list[LoggedRun]:
    """The runs that are read, one after another."""
    runs: list[LoggedRun] = []
    monkeypatch.setattr(rerun_reading, "read", lambda *_: runs.pop(0))
    return runs


def repeat(root: Path, keep: Path, **request: Any) -> int:
    return rerun.rerun(root, "tiny", rerun.RerunRequest("0123", **request), clean(KEEP=str(keep)))


def of(root: Path, **tags: str) -> LoggedRun:
    return run(tags={"git.commit": git(root, "rev-parse", "HEAD"), **tags})


def test_the_code_of_the_run_runs(
    root: Path, reading: list[LoggedRun], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = of(root)
    reading += [before, replace(before, id="abc123")]
    (root / "src" / "tiny" / "__init__.py").write_text("of now\n")
    keep = tmp_path / "kept"
    assert repeat(root, keep) == 0
    assert (keep / "src" / "tiny" / "__init__.py").read_text() == ""
    assert (keep / "tags.txt").read_text() == f"mx.rerun_of={before.id}\n"
    seen = json.loads((keep / "seen.json").read_text())
    folder = seen["cwd"]
    assert "mx-rerun-" in folder
    assert not Path(folder).exists()
    assert seen["environment"]["PYTHONPATH"] == f"{folder}/src"
    assert seen["environment"]["MLFLOW_TRACKING_URI"] == f"sqlite:///{root}/.mlflow/mlflow.db"
    assert seen["python"] == str(root / ".venv" / "bin" / "python")
    arguments = seen["arguments"]
    assert arguments[arguments.index("--experiment-id") + 1] == "7"
    assert arguments[arguments.index("--run-name") + 1] == "rerun-of-bold-fox"
    given = [arguments[at + 1] for at, word in enumerate(arguments) if word == "-P"]
    assert given == ["epochs=3", "note=it's; $HOME"]
    out, err = capfd.readouterr()
    assert "parameters  3, all the same" in out
    assert f"repeating {before.id} (bold-fox): the entry point trainer of commit" in err
    assert worktrees(root) == 1


def test_what_differs_is_said(
    root: Path, reading: list[LoggedRun], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = of(root)
    reading += [before, replace(before, metrics={"loss": 0.75})]
    assert repeat(root, tmp_path / "kept") == 1
    assert "  loss  0.5  ->  0.75  (+0.25, +50 %)" in capfd.readouterr().out


def test_training_that_fails_now(root: Path, reading: list[LoggedRun], tmp_path: Path) -> None:
    (root / "command.txt").write_text("exit 1\n")
    git(root, "commit", "--quiet", "-am", "fails")
    before = of(root)
    reading += [before, replace(before, status="FAILED")]
    assert repeat(root, tmp_path / "kept") == 1
    assert worktrees(root) == 1


def test_an_entry_point_that_is_gone(root: Path, reading: list[LoggedRun], tmp_path: Path) -> None:
    reading.append(of(root, **{ENTRY_POINT: "trianer"}))
    with pytest.raises(Refused, match=r"at commit \w{12}, MLproject has no entry point `trianer`"):
        repeat(root, tmp_path / "kept")
    assert worktrees(root) == 1
    git(root, "rm", "--quiet", "MLproject")
    git(root, "commit", "--quiet", "-m", "gone")
    reading.append(of(root))
    with pytest.raises(Refused, match="the project has no MLproject file"):
        repeat(root, tmp_path / "kept")


def test_a_parameter_that_was_not_logged(root: Path, reading: list[LoggedRun], tmp_path: Path) -> None:
    reading.append(of(root, **{ENTRY_POINT: "evaluate"}))
    with pytest.raises(Refused, match="it did not log what was given for run_id"):
        repeat(root, tmp_path / "kept")
    (root / "go.sh").write_text("true\n")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "script")
    reading.append(of(root, **{ENTRY_POINT: "go.sh"}))
    with pytest.raises(Refused, match=r"go.sh declares no parameters"):
        repeat(root, tmp_path / "kept")


def test_an_environment_that_would_import_something_else(
    root: Path, reading: list[LoggedRun], tmp_path: Path
) -> None:
    (packages,) = (root / ".venv" / "lib").glob("*/site-packages")
    (packages / "first.pth").write_text(f"import sys; sys.path.insert(0, {str(root / 'src')!r})\n")
    reading.append(of(root))
    with pytest.raises(MxError, match=r"would import tiny from .*/p/src/tiny and not from the checkout"):
        repeat(root, tmp_path / "kept")


def test_a_dry_run_runs_nothing(
    root: Path, reading: list[LoggedRun], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = of(root)
    reading.append(before)
    assert repeat(root, tmp_path / "kept", dry_run=True) == 0
    out = capfd.readouterr().out
    assert f"is a checkout of {before.tags['git.commit']}; it is gone now" in out
    assert "-m mlflow run . -e trainer" in out
    assert "PYTHONPATH=" in out
    assert not (tmp_path / "kept").exists()
    assert worktrees(root) == 1


def with_template(root: Path) -> None:
    template = root / "infrastructure" / "kubernetes" / "train_job.yaml"
    template.parent.mkdir(parents=True)
    template.write_text("apiVersion: batch/v1\nkind: Job\nmetadata: {namespace: ml}\n")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "template")


def test_trials_are_jobs_again_unless_this_machine_is_asked_for(
    root: Path, reading: list[LoggedRun], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with_template(root)
    noted = dict.fromkeys(("context", "namespace", "queue"), None)
    tags = {"mx.trials": json.dumps({**noted, "image": "registry/run:abc", "tracking_uri": "http://t"})}
    reading += [of(root, **tags), of(root, **tags)]
    with pytest.raises(MxError, match="which no pod of a cluster can reach"):
        repeat(root, tmp_path / "kept", dry_run=True)
    assert repeat(root, tmp_path / "kept", dry_run=True, backend="local") == 0
    out = capfd.readouterr().out
    assert "-m mlflow run . -e trainer" in out
    assert "MX_TRIALS=" not in out


def test_a_cluster_cannot_record_in_the_project(root: Path, reading: list[LoggedRun], tmp_path: Path) -> None:
    with_template(root)
    reading.append(of(root, **{"mx.backend": "kubernetes", "mx.image": "registry/run:abc"}))
    with pytest.raises(MxError, match="which no pod of a cluster can reach"):
        repeat(root, tmp_path / "kept")
    assert worktrees(root) == 1


INTERRUPTED = """\
import os, sys
from pathlib import Path
sys.path[:0] = {paths!r}
from test_flow_rerun import of, rerun_reading, repeat
root = Path({root!r})
before = of(root)
rerun_reading.read = lambda *_: before
sys.exit(repeat(root, root.parent / "kept"))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("where", ["training", "git"])
def test_a_signal_leaves_nothing_behind(
    root: Path, tmp_path: Path, number: signal.Signals, code: int, where: str
) -> None:
    started = tmp_path / "started"
    if where == "training":
        (root / "command.txt").write_text(f"touch '{started}'; sleep 60\n")
        git(root, "commit", "--quiet", "-am", "slow")
    script = tmp_path / "rerun.py"
    paths = [str(folder) for folder in Path(__file__).parents[:3]]
    script.write_text(INTERRUPTED.format(paths=paths, root=str(root)))
    environ = clean()
    if where == "git":
        # Git takes its time with the checkout.
        slow = tmp_path / "git"
        slow.write_text(
            f'#!/bin/sh\ncase "$*" in *"worktree add"*) "{git_program()}" "$@"; touch "{started}"; sleep 60 ;; '
            f'*) exec "{git_program()}" "$@" ;; esac\n'
        )
        slow.chmod(0o755)
        environ["PATH"] = f"{tmp_path}{os.pathsep}{environ['PATH']}"
    process = subprocess.Popen([sys.executable, script], env=environ, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while not started.exists():
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(30) == code
    finally:
        process.kill()
        process.wait()
    assert worktrees(root) == 1
    assert state(root)[0] == ""


def git_program() -> str:
    import shutil

    found = shutil.which("git")
    assert found
    return found
