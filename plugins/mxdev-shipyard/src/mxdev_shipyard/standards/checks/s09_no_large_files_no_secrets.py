"""Standard 9: Git has no large file and no secret."""

from __future__ import annotations

import re

from mxdev_shipyard.standards.model import Repository, Standard, unmet

STANDARD = Standard(
    9,
    "No large file and no secret is committed.",
    "Git keeps both for ever: one makes every clone slow, the other must be replaced the day it is pushed.",
    "Move data to S3. Replace a secret where it was made, and give the new one by a variable of the pipeline.",
    __file__,
)
LARGEST = 5_000_000  # bytes
_READ = 1_000_000
# What each looks like, after a part of it in lower case: almost no file has that, and it is found ten times as fast.
SECRETS = {
    "a key of AWS": ((b"akia", b"asia"), rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a secret key of AWS": (
        (b"aws_secret_access_key",),
        rb"(?i)aws_secret_access_key[\"']?\s*[:=]\s*[\"']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])",
    ),
    "a private key": ((b"private key-----",), rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "a token of GitLab": ((b"glpat-",), rb"\bglpat-[0-9A-Za-z_-]{20}"),
    "a key of Datadog": (
        (b"_api_key", b"_app_key"),
        rb"(?i)\b(?:dd|datadog)_(?:api|app)_key[\"']?\s*[:=]\s*[\"']?[0-9a-f]{32}",
    ),
    "a token of Slack": ((b"xox",), rb"\bxox[abprs]-[0-9A-Za-z-]{10,}"),
}


def test_no_file_is_large(repository: Repository) -> None:
    """None has more than 5 MB."""
    for path in repository.files:
        if (size := (repository.root / path).stat().st_size) > LARGEST:
            unmet(f"it has {size / 1e6:.1f} MB, and {LARGEST / 1e6:.0f} MB are the most", path)


def test_no_file_has_a_secret(repository: Repository) -> None:
    """None has what looks like one."""
    for path in repository.files:
        with (repository.root / path).open("rb") as file:
            data = file.read(_READ)
        if b"\0" in data:
            continue
        lowered = data.lower()
        for kind, (parts, pattern) in SECRETS.items():
            if any(part in lowered for part in parts) and (found := re.search(pattern, data)):
                unmet(f"there is {kind} in it", path, data.count(b"\n", 0, found.start()) + 1)
