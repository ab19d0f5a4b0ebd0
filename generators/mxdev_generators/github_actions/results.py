"""What becomes of a training that its job follows no longer: a commit status, and a workflow that brings it up to date.

The job sets the status `mx/train` of its commit to pending and switches the workflow on; that looks at the cluster twice an
hour, says how each training ended, and switches itself off when none is left. So nothing runs while nothing trains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev_generators.ci import training
from mxdev_generators.ci.model import MX, Facts
from mxdev_generators.ci.options import environment
from mxdev_generators.github_actions import actions
from mxdev_generators.github_actions.actions import Step
from mxdev_generators.github_actions.common import PROVIDER, RUNNER, auth, kubeconfig, package_login, setup_uv

HEAD = """\
Trainings that go on although their job has ended: says at the commit how they ended. mx-train and mx-release switch this
workflow on; it switches itself off when no training is left.
"""
CONTEXT = "mx/train"
PERMISSIONS = {"statuses": "write", "actions": "write"}
"""What saying the result at a commit takes, and switching this workflow on and off."""
_STATUSES = "repos/$GITHUB_REPOSITORY/statuses"


def after_training(workflow: str) -> list[Step]:
    """The steps behind the one that starts and follows a training.

    Args:
        workflow: the file name of the workflow that looks at it later.
    """
    cancel = ['PATH="$(uv tool dir --bin):$PATH"', *training.cancel()]
    report = [
        f'RUN="$(cat {training.RUN_FILE} 2> /dev/null)" || exit 0',
        'case "$OUTCOME" in success | failure) STATE="$OUTCOME" ;; *) STATE=error ;; esac',
        f"if test -f {training.STILL_FILE}; then STATE=pending; gh workflow enable {workflow}; fi",
        f'gh api --silent "{_STATUSES}/$COMMIT" -f state="$STATE" -f context={CONTEXT} -f description="run $RUN"',
    ]
    given = {
        "COMMIT": "${{ github.sha }}",
        "GH_TOKEN": "${{ github.token }}",
        "OUTCOME": "${{ steps.train.outcome }}",
    }
    return [
        {"name": "Cancel the training", "if": "${{ cancelled() }}", "run": _script(cancel)},
        {
            "name": "Say at the commit how it is",
            "if": "${{ always() }}",
            "env": given,
            "run": _script(report),
        },
    ]


def workflow(
    name: str, started_by: tuple[str, ...], known: Facts, values: Mapping[str, Any]
) -> dict[str, Any]:
    """The workflow that looks at trainings that went on.

    Args:
        name: its own.
        started_by: the file names of the workflows that start trainings.
        known: what the job graph depends on.
        values: the options.
    """
    gcp = known.cloud == "gcp"
    given = {"GH_TOKEN": "${{ github.token }}"}
    if gcp:
        given["GOOGLE_TOKEN"] = "${{ steps.auth.outputs.access_token }}"  # noqa: S105  (an expression, no token)
    else:
        given["KUBECONFIG_DATA"] = "${{ secrets.KUBECONFIG }}"
    lines = [
        *([] if gcp else kubeconfig("repository", "nobody can ask the cluster")),
        *MX, *training.cluster(known), *training.connect(), *_look(f"{name}.yaml", started_by),
    ]  # fmt: skip
    job: dict[str, Any] = {"name": "Results"}
    if gcp:
        job["if"] = f"vars.{PROVIDER} != ''"
    return {
        "name": name,
        "on": {"schedule": [{"cron": "11,41 * * * *"}], "workflow_dispatch": {}},
        "permissions": {},
        "concurrency": {"group": name, "cancel-in-progress": False},
        "defaults": {"run": {"shell": "bash"}},
        "env": {**environment(values), **package_login(values)},
        "jobs": {
            "results": {
                **job,
                "runs-on": RUNNER,
                "timeout-minutes": 15,
                "permissions": {"contents": "read", **({"id-token": "write"} if gcp else {}), **PERMISSIONS},
                "steps": [
                    actions.CHECKOUT.step(persist_credentials=False),
                    setup_uv(values, cache=False),
                    *([auth(values)] if gcp else []),
                    {"name": "Look at the trainings", "env": given, "run": _script(lines)},
                ],
            }
        },
    }


def _look(workflow: str, started_by: tuple[str, ...]) -> list[str]:
    """Bring every status up to date that is pending, and switch the workflow off when none is left."""
    listed = "gh run list --limit 50 --json headSha --jq '.[].headSha' --workflow"
    pending = f'.statuses[] | select(.context == "{CONTEXT}" and .state == "pending") | .description'
    return [
        f"{{ {' && '.join(f'{listed} {name}' for name in started_by)}; }} | sort --unique > /tmp/commits",
        "LEFT=0",
        f"""\
while read -r SHA; do
  RUN=$(gh api "repos/$GITHUB_REPOSITORY/commits/$SHA/status" --jq '{pending}')
  test -n "$RUN" || continue
  PHASE=$(mx flow status "${{RUN#run }}" --json | {training.PHASE}) || PHASE=unknown
  case "$PHASE" in
    succeeded | FINISHED) STATE=success ;;
    failed | gone | FAILED | KILLED) STATE=failure ;;
    *) LEFT=1; continue ;;
  esac
  gh api --silent "{_STATUSES}/$SHA" -f state="$STATE" -f context={CONTEXT} -f description="$RUN: $PHASE"
done < /tmp/commits
""",
        f"test $LEFT = 1 || gh workflow disable {workflow}",
    ]


def _script(lines: list[str]) -> str:
    return "".join(line.rstrip("\n") + "\n" for line in lines)
