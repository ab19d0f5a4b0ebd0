"""Security checks of a rendered folder by checkov, which lives in an environment of its own: its dependencies are many.

Both the environment and what was found are kept in the user's cache folder, the findings by content.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from terraform_mirror import cache_folder

VERSION = "3.3.30"


@dataclass(frozen=True)
class Report:
    """What checkov found: failed checks as text, and the waivers that it met (check and reason)."""

    failed: list[str]
    waived: list[tuple[str, str]]
    passed: int


def run_checkov(folder: Path, framework: str, *skip: str) -> Report:
    """Check `folder` with one of checkov's frameworks (terraform, kubernetes, dockerfile), leaving out the checks `skip`.

    Skips the test, with the reason, where checkov is not installed and cannot be.
    """
    program = _program()
    digest = hashlib.sha256(f"{VERSION} {framework} {' '.join(skip)}".encode())
    for path in sorted(
        path for path in folder.rglob("*") if path.is_file() and ".terraform" not in path.parts
    ):
        name = path.relative_to(folder).as_posix()
        digest.update(f"\0{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    known = cache_folder() / "checkov-reports" / f"{digest.hexdigest()}.json"
    if not known.exists():
        report = _run(program, folder, framework, skip)
        known.parent.mkdir(parents=True, exist_ok=True)
        temporary = known.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(report))
        temporary.replace(known)
    return _read(json.loads(known.read_text()))


def _run(program: Path, folder: Path, framework: str, skip: tuple[str, ...]) -> Any:
    command = [
        program,
        "--directory",
        folder,
        "--framework",
        framework,
        "--output",
        "json",
        "--compact",
        "--soft-fail",
    ]
    leave_out = ["--skip-check", ",".join(skip)] if skip else []
    # Without --skip-download it asks its maker's server for texts, and waits when there is no network.
    done = subprocess.run(
        [*command, "--skip-download", *leave_out], capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode:
        raise AssertionError(f"checkov itself failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def _read(report: Any) -> Report:
    failed, waived, passed = [], [], 0
    for part in report if isinstance(report, list) else [report]:
        results = part.get("results", {})
        passed += len(results.get("passed_checks", []))
        failed += [_line(check) for check in results.get("failed_checks", [])]
        failed += [f"{name}: cannot be parsed" for name in results.get("parsing_errors", [])]
        waived += [
            (check["check_id"], (check["check_result"].get("suppress_comment") or "").strip())
            for check in results.get("skipped_checks", [])
        ]
    return Report(failed, waived, passed)


def _line(check: dict[str, Any]) -> str:
    first = check["file_line_range"][0]
    return f"{check['file_path']}:{first}: {check['check_id']} {check['check_name']} ({check['resource']})"


def _program() -> Path:
    folder = cache_folder() / f"checkov-{VERSION}-py{sys.version_info.major}{sys.version_info.minor}"
    program = folder / ("Scripts" if os.name == "nt" else "bin") / "checkov"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "ready").exists():
            uv = next(_uv(), None)
            if uv is None:
                pytest.skip("uv is not installed, which makes checkov's environment")
            for arguments in (
                ["venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
                ["pip", "install", "--quiet", "--python", str(folder), f"checkov=={VERSION}"],
            ):
                done = subprocess.run(
                    [uv, *arguments], capture_output=True, text=True, check=False, timeout=600
                )
                if done.returncode:
                    pytest.skip(f"checkov {VERSION} cannot be installed: {done.stderr.strip()}")
            (folder / "ready").touch()
    return program


def _uv() -> Iterator[str]:
    beside = Path(sys.executable).with_name("uv")
    if beside.exists():
        yield str(beside)
    found = shutil.which("uv")
    if found:
        yield found
