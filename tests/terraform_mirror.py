"""Google's provider for tests that have no network: a mirror whose provider knows the schema and nothing else.

The schema and the program that serves it lie in a folder that is not part of this repository: `shared` beside it, or
where the environment variable MX_TEST_SHARED says. `terraform validate` and `terraform test` with mocked providers
need no more of a provider than that.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock

from mxdev.testing import cache_folder

REPOSITORY = Path(__file__).resolve().parent.parent
NEEDED = ("tf", "grpc", "google.protobuf", "cryptography")


def shared_folder() -> Path:
    """The folder with schemas and tools, whether it exists or not."""
    return Path(os.environ.get("MX_TEST_SHARED") or REPOSITORY.parent / "shared")


def _has_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def cli_configuration() -> Path:
    """The file for TF_CLI_CONFIG_FILE that lets Terraform find the mirror; makes the mirror when it is missing.

    Skips the test, with the reason, where Terraform, the shared folder or a package is missing.
    """
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    tool, schema = _sources()
    for path in (tool, schema):
        if not path.is_file():
            pytest.skip(f"{path} is missing (MX_TEST_SHARED names the folder with tools and schemas)")
    missing = [name for name in NEEDED if not _has_module(name)]
    if missing:
        pytest.skip(
            f"the provider needs the packages tf, grpcio, protobuf and cryptography; missing: {missing}"
        )

    # The mirror names this interpreter, the tool and the schema by their paths.
    parts = [sys.executable, str(tool.resolve()), str(schema.resolve()), _digest(tool), _digest(schema)]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    folder = cache_folder() / f"terraform-mirror-{key}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "terraformrc").is_file():
            subprocess.run([sys.executable, tool, "mirror", folder, schema], check=True, capture_output=True)
    return folder / "terraformrc"


@cache
def reattach() -> str:
    """The value of TF_REATTACH_PROVIDERS by which Terraform asks one provider, which this process started for all its tests.

    What `cli_configuration` needs has to be there.
    """
    program = Path(__file__).with_name("staying_provider.py")
    provider = subprocess.Popen(
        [sys.executable, "-u", program, *_sources()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    _providers.append(provider)
    said = map(re.compile("TF_REATTACH_PROVIDERS='(.*)'").search, provider.stdout or ())
    found = next(filter(None, said), None)
    assert found, f"{program} ended ({provider.wait()}) and did not say where it listens"
    return found[1]


# They end when nobody has the other end of their standard input any more.
_providers: list[subprocess.Popen[str]] = []


def provider_digest() -> str:
    """What the provider is, wherever it lies: changes with its program and with its schema."""
    return "".join(map(_digest, _sources()))


def _sources() -> tuple[Path, Path]:
    shared = shared_folder()
    return (
        shared / "tools" / "terraform_schema_provider.py",
        shared / "schemas" / "terraform-schema-google.json",
    )


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
