"""The schedule of a project without a cluster: a job of GitHub Actions or GitLab that trains a candidate and decides on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev_generators.ci.graph import PROJECT
from mxdev_generators.ci.images import UV
from mxdev_generators.ci.options import cron, python_image
from mxdev_generators.ci.text import document
from mxdev_generators.github_actions import actions
from mxdev_generators.github_actions.common import RUNNER, package_login, setup_uv

GITHUB = ".github/workflows/mx-accept.yaml"
GITLAB = ".gitlab/mx-accept.gitlab-ci.yml"
# What stands between the end of GitHub's own runners, after six hours, and the last word of a training.
_MINUTES = 330
_STORE = "MLFLOW_TRACKING_URI"
_LOGIN = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
_HEAD = "On the schedule, or by hand: trains a candidate{}, and decides on it."
# The machine is gone afterwards, and with it a store of its own.
_NEEDS_STORE = (
    f'test -n "${_STORE}" || {{ echo "{_STORE} is not set: the variable of the repository names the tracking server." >&2; '
    "exit 1; }"
)
# Jobs run without a GPU; PyTorch without CUDA is some 4 GB smaller.
_ENVIRONMENT = {"UV_TORCH_BACKEND": "cpu"}


def _commands(values: Mapping[str, Any]) -> list[str]:
    return [f".venv/bin/python -m {values['package']}.acceptance train={values['train']}"]


def _head(values: Mapping[str, Any]) -> str:
    return _HEAD.format(" where the data is new" if values["train"] == "new-data" else "")


def github(values: Mapping[str, Any]) -> str:
    """The workflow.

    Args:
        values: the project's and the generator's options, and `package`.
    """
    variables = {
        _STORE: f"${{{{ vars.{_STORE} }}}}",
        **{name: f"${{{{ secrets.{name} }}}}" for name in _LOGIN},
    }
    steps = [
        actions.CHECKOUT.step(persist_credentials=False),
        setup_uv(values, cache=False),
        {"name": "Install", "run": "\n".join(PROJECT) + "\n"},
        {
            "name": "Train and decide",
            "env": variables,
            "run": "\n".join([_NEEDS_STORE, *_commands(values)]) + "\n",
        },
    ]
    content = {
        "name": "mx-accept",
        "on": {"schedule": [{"cron": cron(values)}], "workflow_dispatch": {}},
        "permissions": {},
        # One that is still training when the next is due goes on.
        "concurrency": {"group": "mx-accept", "cancel-in-progress": False},
        "defaults": {"run": {"shell": "bash"}},
        "env": {**_ENVIRONMENT, **package_login(values)},
        "jobs": {
            "accept": {
                "name": "Accept",
                "runs-on": RUNNER,
                "timeout-minutes": _MINUTES,
                "permissions": {"contents": "read"},
                "steps": steps,
            }
        },
    }
    text = document(_head(values), content)
    return actions.with_comments(text.replace('\n"on":', "\non:"))


def gitlab(values: Mapping[str, Any]) -> str:
    """The job; GitLab keeps the schedule itself, and the variables are those of the project."""
    job = {
        "stage": "test",
        "image": python_image(values),
        "rules": [{"if": '$CI_PIPELINE_SOURCE == "schedule"'}],
        "needs": [],
        "timeout": f"{_MINUTES} minutes",
        # One that is still training when the next is due goes on, and the next waits.
        "resource_group": "mx-accept",
        "variables": dict(_ENVIRONMENT),
        "before_script": [UV, *PROJECT],
        "script": [_NEEDS_STORE, *_commands(values)],
    }
    head = f"{_head(values)}\n\nBuild > Pipeline schedules: {cron(values)} (UTC)."
    return document(head, {"mx-accept": job})
