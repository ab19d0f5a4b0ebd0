"""Runs the Google Cloud CLI, never with a question, and says in a sentence what its known failures mean."""

from __future__ import annotations

import functools
import json
import os
import re
from typing import Any

from mxdev.errors import MxError
from mxdev.system import programs

# How long one answer of Google may take, in seconds.
PATIENCE = 120.0

# Who gives a person the rights of a cluster, and any other.
_ASK_ENGINEERS = "Ask its owner to add you: `engineers` in infrastructure/terraform/terraform.tfvars gives roles/container.developer."
_ASK = "Ask an owner of the cloud project for a role that allows it."
_MISSING = "it is not there"
# What gcloud says, what it means, and what to do; {project}, {ask}, its {words} and what the pattern found are filled in.
_FAILURES = (
    (
        r"problem refreshing|Reauthentication|reauth|invalid_grant|does not have any valid credentials"
        r"|do not currently have an active account|default credentials were not found",
        "nobody is logged in to gcloud, or the login has expired",
        "gcloud auth login",
    ),
    (
        r"SERVICE_DISABLED|API \[\S+\] not enabled|has not been used in project|API has not been enabled",
        "a Google service that is needed is not switched on in the project {project}",
        "gcloud services enable {service} --project {project}",
    ),
    (
        r"(?i)billing (?:account|must be enabled|is disabled|to be enabled)",
        "the project {project} has no billing account",
        "`gcloud billing projects link {project} --billing-account ACCOUNT`; `gcloud billing accounts list` lists them.",
    ),
    (
        r"Required \"([\w.]+)\" permission|Permission '([\w.]+)' denied",
        "your account lacks the permission {found} in the project {project}",
        "{ask}",
    ),
    (
        r"PERMISSION_DENIED|code=403|does not have permission",
        "your account may not do this in the project {project}, or there is no such project",
        "{ask}",
    ),
    (r"NOT_FOUND|code=404|\bNot found:|not found: 404|matched no objects", f"{_MISSING}: {{words}}", ""),
    (
        r"NameResolutionError|Max retries exceeded|Network is unreachable|Connection (?:refused|aborted)|timed out",
        "Google cannot be reached",
        "Look at the network, the VPN and the proxy, and try again.",
    ),
)


@functools.lru_cache(maxsize=1)
def _command(path: str) -> tuple[str, ...]:
    """The words that start gcloud, looked for once: it takes a second to say its version."""
    return programs.find("gcloud").command


class GcloudError(MxError):
    """gcloud did not do it. `missing`: because what was asked for does not exist."""

    missing = False


def run(
    *arguments: str, project: str = "", timeout: float = PATIENCE, env: dict[str, str] | None = None
) -> str:
    """Run gcloud to its end and return what it printed.

    Args:
        arguments: its arguments.
        project: the Google Cloud project, for messages.
        timeout: seconds.
        env: variables besides those that keep it quiet.

    Raises:
        MissingTool: there is no gcloud, or it is too old.
        GcloudError: it failed.
        MxError: it did not finish in time.
    """
    done = programs.run(
        (*_command(os.environ.get("PATH", "")), *arguments),
        env={**programs.get("gcloud").environment, **(env or {})},
        capture=True,
        timeout=timeout,
    )
    if done.code == 0:
        return done.stdout.decode("utf-8", "replace")
    raise failure(arguments, done.stderr.decode("utf-8", "replace"), project)


def in_project(project: str, *arguments: str, timeout: float = PATIENCE) -> str:
    """As `run`, in the Google Cloud project `project` whatever configuration is the current one."""
    return run(*arguments, "--project", project, project=project, timeout=timeout)


def as_json(*arguments: str, project: str = "") -> Any:
    """As `run` with `--format=json`, parsed.

    Raises:
        GcloudError: as `run`; also when what it printed is not JSON.
    """
    said = run(*arguments, project=project)
    try:
        return json.loads(said)
    except ValueError:
        raise GcloudError(
            f"`gcloud {' '.join(arguments[:3])}` printed no JSON, but: {said.strip()[:200] or 'nothing'}",
            hint="`gcloud info --run-diagnostics` looks for what is wrong with it.",
        ) from None


def failure(arguments: tuple[str, ...], stderr: str, project: str) -> GcloudError:
    """What gcloud's stderr means."""
    said = stderr.strip()
    first = next((line for line in said.splitlines() if line.startswith("ERROR")), said.partition("\n")[0])
    words = re.sub(r"^ERROR: (\(\S+\) )?", "", first) or "it said nothing"
    service = re.search(r"\b([a-z]+\.googleapis\.com)\b", said)
    for pattern, sentence, remedy in _FAILURES:
        if match := re.search(pattern, said):
            found = next((group for group in match.groups() if group), "")
            fill = {
                "project": project or "that is chosen",
                "found": found,
                "words": words,
                "ask": _ASK_ENGINEERS if arguments[0] == "container" else _ASK,
                "service": service[1] if service else "container.googleapis.com",
            }
            error = GcloudError(_sentence(sentence.format(**fill)), hint=remedy.format(**fill) or None)
            error.missing = sentence.startswith(_MISSING)
            return error
    return GcloudError(f"`gcloud {' '.join(arguments[:3])}` failed: {words}")


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:].rstrip('.')}."
