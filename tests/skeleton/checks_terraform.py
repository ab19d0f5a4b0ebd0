"""Checks of a rendered Terraform folder by Terraform itself, for tests of single generators and of combinations.

What was found to be clean is remembered by content, in the user's cache folder: the same input is checked once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from terraform_mirror import cache_folder, cli_configuration, provider_digest, reattach

# The one test file that reads terraform.tfvars. All others set every variable that has no default.
ANSWERS = "tests/answers.tftest.hcl"
VALUES = ("terraform.tfvars", "backend.tf")
READ = (".tf", ".tfvars", ".hcl")


def check_terraform(folder: Path) -> list[str]:
    """What `terraform fmt`, `init`, `validate` and `test` have to say against `folder`; empty: nothing.

    Nothing is written to `folder`. Skips the test where Terraform or the provider's schema is missing.
    """
    configuration = cli_configuration()
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in READ)
    # Whatever the answers are, the other tests are the same: they run once, and without the answers at hand.
    common = [name for name in files if name not in (*VALUES, ANSWERS)]
    return _once("answers", folder, files, configuration) or _once("tests", folder, common, configuration)


def _once(kind: str, folder: Path, names: Iterable[str], configuration: Path) -> list[str]:
    names = list(names)
    digest = hashlib.sha256(f"{kind} {provider_digest()} {_version()}".encode())
    for name in names:
        digest.update(f"\0{name}\0".encode() + hashlib.sha256((folder / name).read_bytes()).digest())
    known = cache_folder() / "terraform-clean" / digest.hexdigest()
    if known.exists():
        return []
    with _copy(folder, names) as copy:
        problems = _problems(kind, copy, configuration)
    if not problems:
        known.parent.mkdir(parents=True, exist_ok=True)
        known.touch()
    return problems


def _problems(kind: str, folder: Path, configuration: Path) -> list[str]:
    steps = [["init", "-backend=false", "-input=false"]]
    if kind == "answers":
        steps += [["fmt", "-check", "-recursive", "-diff"], ["validate"]]
        if (folder / ANSWERS).exists():
            steps.append(["test", f"-filter={ANSWERS}"])
    elif any(folder.glob("tests/*.tftest.hcl")):
        steps.append(["test"])
    for step in steps:
        done = run_terraform(step, folder, configuration)
        if done.returncode:
            return [f"terraform {' '.join(step)} (exit {done.returncode}):\n{done.stdout}{done.stderr}"]
    return []


def run_terraform(
    arguments: list[str], folder: Path, configuration: Path
) -> subprocess.CompletedProcess[str]:
    """Run Terraform in `folder` with the provider's mirror, and with nothing of this user's own setting."""
    own = {key: value for key, value in os.environ.items() if not key.startswith(("TF_", "GOOGLE_"))}
    environment = {
        **own,
        "TF_CLI_CONFIG_FILE": str(configuration),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
    }
    if arguments[0] != "init":  # that looks for versions, and starts no provider
        environment["TF_REATTACH_PROVIDERS"] = reattach()
    command = ["terraform", arguments[0], *(["-no-color"] if arguments[0] != "fmt" else []), *arguments[1:]]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@contextmanager
def _copy(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mx terraform ") as temporary:
        for name in names:
            target = Path(temporary) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(folder / name, target)
        yield Path(temporary)


@cache
def _version() -> str:
    return subprocess.run(
        ["terraform", "version", "-json"], capture_output=True, text=True, check=True
    ).stdout
