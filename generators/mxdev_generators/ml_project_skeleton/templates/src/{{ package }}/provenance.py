"""What makes a run repeatable: the code it ran and the versions it ran with."""

import os
import platform
import subprocess
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

# Whatever your own settings of Git are, `git apply` has to understand the diff.
_PLAIN = ("--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")


@dataclass(frozen=True)
class Code:
    """The state of the repository.

    Attributes:
        commit: the commit's hash; "none" before the first commit and outside Git.
        diff: what is not committed, new files included; `git apply` brings it back.
    """

    commit: str
    diff: str


def project_root() -> Path:
    """The folder with the `MLproject` file: where this package was installed from, else around the current folder."""
    here = Path.cwd()
    for folder in (Path(__file__).resolve().parents[2], here, *here.parents):
        if (folder / "MLproject").is_file():
            return folder
    return here


def code(root: Path) -> Code:
    """The commit and the uncommitted changes of the repository around `root`.

    Without Git the commit is what the image was built from: the variable `GIT_COMMIT`.
    """
    if _git(root, "rev-parse", "--is-inside-work-tree") is None:
        return Code(os.environ.get("GIT_COMMIT") or "none", "")
    commit = (_git(root, "rev-parse", "--verify", "--quiet", "HEAD") or "").strip()
    base = commit or (_git(root, "hash-object", "-t", "tree", "/dev/null") or "").strip()
    with tempfile.TemporaryDirectory() as folder:
        # In an index of our own, new files can be marked for the diff without touching yours.
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        _git(root, "read-tree", base, extra=index)
        _git(root, "add", "--all", "--intent-to-add", "--", ".", extra=index)
        diff = _git(root, "diff", *_PLAIN, base, "--", ".", extra=index)
    return Code(commit or "none", diff or "")


def versions() -> list[str]:
    """Every installed distribution, as lines of a requirements file."""
    pins = {f"{item.name}=={item.version}" for item in metadata.distributions() if item.name}
    return [f"# Python {platform.python_version()} on {platform.platform()}", *sorted(pins)]


def _git(root: Path, *arguments: str, extra: dict[str, str] | None = None) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            env={**os.environ, **(extra or {})},
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
