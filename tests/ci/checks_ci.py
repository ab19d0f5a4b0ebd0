"""What real checkers say about the files of a CI: schemas, zizmor and actionlint on workflows, shellcheck on scripts."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from control_plane import build
from extract import scripts
from filelock import FileLock
from jsonschema.validators import validator_for
from ml_environment import uv
from terraform_mirror import cache_folder, shared_folder

from mxdev.system import programs

ZIZMOR = "1.32.0"
# Files and the schema that they must satisfy.
SCHEMAS = {
    ".gitlab-ci.yml": "gitlab-ci.schema.json",
    ".gitlab/*.yml": "gitlab-ci.schema.json",
    ".github/workflows/*.yaml": "schemastore-github-workflow.json",
    "infrastructure/cloudbuild/*.yaml": "schemastore-cloudbuild.json",
}


def check_schemas(project: Path) -> list[str]:
    """What is wrong with the CI files below `project`; skips the test where the schemas are missing."""
    folder = shared_folder() / "schemas"
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing (MX_TEST_SHARED names the folder with tools and schemas)")
    said = []
    for pattern, name in SCHEMAS.items():
        schema = json.loads((folder / name).read_text())
        validator = validator_for(schema)(schema)
        for path in project.glob(pattern):
            # PyYAML takes `on` for true, as YAML 1.1 does; GitHub reads YAML 1.2.
            content = yaml.safe_load(path.read_text().replace("\non:", '\n"on":'))
            said += [
                f"{path.relative_to(project)}: {error.json_path}: {error.message[:200]}"
                for error in validator.iter_errors(content)
            ]
    return said


def check_zizmor(project: Path) -> list[str]:
    """zizmor's findings on the workflows below `project`, without the network; remembered by content."""
    workflows = project / ".github" / "workflows"
    if not workflows.is_dir():
        return []
    digest = hashlib.sha256(ZIZMOR.encode())
    for path in sorted(workflows.iterdir()):
        digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    known = cache_folder() / "zizmor-clean" / digest.hexdigest()
    if known.exists():
        return []
    command = [_zizmor(), "--offline", "--no-progress", "--format=json", str(workflows)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode in (1, 2, 3):
        raise AssertionError(f"zizmor itself failed ({done.returncode}): {done.stderr}")
    findings: list[dict[str, Any]] = json.loads(done.stdout)
    if not findings:
        known.parent.mkdir(parents=True, exist_ok=True)
        known.touch()
    return [f"{finding['ident']}: {finding['desc']}" for finding in findings]


def check_actionlint(project: Path) -> list[str]:
    """actionlint's findings on the workflows below `project`, shellcheck's on their scripts among them."""
    workflows = sorted((project / ".github" / "workflows").glob("*.yaml"))
    if not workflows:
        return []
    command = [build.tool("actionlint"), "-oneline", "-pyflakes=", f"-shellcheck={_shellcheck()}", *workflows]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode not in (0, 1):
        raise AssertionError(f"actionlint itself failed ({done.returncode}): {done.stderr}")
    return done.stdout.splitlines()


def check_scripts(project: Path) -> list[str]:
    """shellcheck's findings on the scripts of GitLab's jobs and Cloud Build's steps; GitHub's, see `check_actionlint`."""
    return check_shell(scripts(project))


def check_shell(named: Iterable[tuple[str, str]]) -> list[str]:
    """shellcheck's findings on scripts, each with a name for people."""
    said = []
    for name, script in named:
        command = [_shellcheck(), "--shell=bash", "--format=gcc", "-"]
        done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
        said += [f"{name}: {line}" for line in done.stdout.splitlines()]
    return said


def check_tflint(folder: Path) -> list[str]:
    """What tflint says about a folder of Terraform, with all the rules that it brings."""
    command = [
        build.tool("tflint"),
        f"--chdir={folder}",
        f"--config={Path(__file__).with_name('tflint.hcl')}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return [done.stdout + done.stderr] if done.returncode else []


def _shellcheck() -> str:
    found = programs.locate("shellcheck")
    if found is None:
        pytest.skip("shellcheck is not installed")
    return found[0]


def _zizmor() -> str:
    folder = cache_folder() / f"zizmor-{ZIZMOR}"
    program = folder / ("Scripts" if os.name == "nt" else "bin") / "zizmor"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "ready").exists():
            for arguments in (
                ["venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
                ["pip", "install", "--quiet", "--python", str(folder), f"zizmor=={ZIZMOR}"],
            ):
                done = subprocess.run(
                    [uv(), *arguments], capture_output=True, text=True, check=False, timeout=600
                )
                if done.returncode:
                    pytest.skip(f"zizmor {ZIZMOR} cannot be installed: {done.stderr.strip()}")
            (folder / "ready").touch()
    return str(program)
