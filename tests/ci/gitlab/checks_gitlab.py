"""What zizmor does for workflows, for GitLab's pipelines: what lets somebody else decide what a job with a token runs.

A waiver is a comment in the line before, or in the line itself: `# ignore[RULE]: the reason, in words`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from extract import gitlab_jobs
from jsonschema import Draft7Validator
from terraform_mirror import shared_folder

# What anybody writes who may push a branch or open a merge request.
_WRITTEN = re.compile(
    r"\$\{?(CI_COMMIT_(?:MESSAGE|TITLE|DESCRIPTION|AUTHOR|REF_NAME|BRANCH|TAG_MESSAGE)"
    r"|CI_MERGE_REQUEST_(?:TITLE|DESCRIPTION|SOURCE_BRANCH_NAME|LABELS|MILESTONE)|GITLAB_USER_NAME)\b"
)
_KEYS = re.compile(r"AWS_SECRET_ACCESS_KEY|AWS_ACCESS_KEY_ID|GOOGLE_CREDENTIALS|\bglpat-|\bCI_JOB_JWT")
_PIPED = re.compile(r"(?:curl|wget)\b[^|;&\n]*\|\s*(?:sudo\s+)?(?:ba|z)?sh\b|\beval\b")
_INSTALLS = re.compile(r"\b(?:pip|uv pip|uv tool|pipx|npm)3?\s+install\s+([^;&|\n]*)")
_WAIVER = re.compile(r"# ignore\[([a-z-]+)\]: (.+)")


def check_schema(text: str) -> list[str]:
    """What GitLab's schema says against a pipeline; skips the test where the schema is missing."""
    path = shared_folder() / "schemas/gitlab-ci.schema.json"
    if not path.is_file():
        pytest.skip(f"{path} is missing (MX_TEST_SHARED names the folder with tools and schemas)")
    errors = Draft7Validator(json.loads(path.read_text())).iter_errors(yaml.safe_load(text))
    return [f"{error.json_path}: {error.message[:200]}" for error in errors]


def check_gitlab(text: str) -> list[str]:
    """The findings of a pipeline that no waiver covers, and waivers that nobody needs or that have no reason."""
    waived = {found[1]: found[2] for found in _WAIVER.finditer(text)}
    found = sorted(set(_findings(text)))
    said = [f"waiver of {rule} has no reason" for rule, reason in waived.items() if len(reason.split()) < 5]
    said += [
        f"waiver of {rule} is not needed" for rule in waived if rule not in {one.partition(":")[0] for one in found}
    ]  # fmt: skip
    return [*(one for one in found if one.partition(":")[0] not in waived), *said]


def _findings(text: str) -> Iterator[str]:
    loaded = yaml.safe_load(text)
    if found := _KEYS.search(re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)):
        yield f"long-lived-key: {found[0]}"
    jobs = {
        name: job
        for name, job in gitlab_jobs(text).items()
        if isinstance(job, dict) and ("script" in job or "trigger" in job)
    }
    yield from _includes("include", loaded.get("include", []))
    for name, job in jobs.items():
        yield from _includes(name, (job.get("trigger") or {}).get("include", []))
        for image in (job.get("image"), *job.get("services", [])):
            address = image.get("name") if isinstance(image, dict) else image
            if (address and not re.search(r"[:@$]", address.rpartition("/")[2])) or str(address).endswith(
                ":latest"
            ):
                yield f"unpinned-image: {name}: {address}"  # fmt: skip
        for token, settings in job.get("id_tokens", {}).items():
            if not settings.get("aud"):
                yield f"token-for-anybody: {name}: {token}"
        script = "\n".join(_lines([job.get(key, []) for key in ("before_script", "script", "after_script")]))
        if found := _WRITTEN.search(script):
            yield f"text-of-anybody: {name}: {found[0]}"
        if found := _PIPED.search(script):
            yield f"runs-what-comes: {name}: {found[0]}"
        for command in _INSTALLS.finditer(script.replace("\\\n", " ")):
            yield from (f"unpinned-package: {name}: {one}" for one in _unpinned(command[1].split()))


def _includes(where: str, given: Any) -> Iterator[str]:
    for one in [given] if isinstance(given, str | dict) else given:
        if isinstance(one, dict) and (
            ("project" in one and "ref" not in one) or one.get("ref") in ("main", "HEAD", "master")
        ):
            yield f"unpinned-include: {where}: {one['project']}"  # fmt: skip
        if isinstance(one, dict) and "remote" in one and "integrity" not in one:
            yield f"unpinned-include: {where}: {one['remote']}"


def _unpinned(words: list[str]) -> Iterator[str]:
    """What of an installation may be another thing tomorrow."""
    if "--require-hashes" in words:
        return
    for at, word in enumerate(words):
        name = word.strip("'\"")
        taken = at > 0 and words[at - 1] in ("-r", "-c", "-e", "--requirement", "--python", "--prefix")
        if not taken and not name.startswith(("-", ".", "/", "$")) and not re.search(r"==|@|[<>]=", name):
            yield name


def _lines(given: Any) -> Iterator[str]:
    if isinstance(given, str):
        yield given
    else:
        for one in given:
            yield from _lines(one)
