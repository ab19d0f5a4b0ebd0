"""The sections of `devspace.yaml` that concern MLflow's database: its password, and its dumps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FOLDER = "infrastructure/kubernetes"
KUBECTL = 'kubectl --context "$DEVSPACE_HOOK_KUBE_CONTEXT"'

# POSIX shell, run by DevSpace itself; `$` without braces, which DevSpace would take for a variable of its own.
_BEFORE_DATABASE = """\
# Makes the database's password once. It is printed nowhere and is on no command line.
set -o pipefail
kube() {{ {kubectl} --namespace {name} "$@"; }}
secret=$(kube get secret mlflow-database --ignore-not-found --output name)
if [ -n "$secret" ]; then
  exit 0
fi
volume=$(kube get persistentvolumeclaim data-postgresql-0 --ignore-not-found --output name)
if [ -n "$volume" ]; then
  echo "The volume data-postgresql-0 holds a database, but its password, the Secret mlflow-database in" >&2
  echo "the namespace {name}, is gone. {folder}/README.md says how to set a new one." >&2
  exit 1
fi
password=$(head -c 30 /dev/urandom | base64 | tr '+/' '-_')
# Whoever deploys at the same moment may be first: then theirs is the password.
printf '%s' "$password" | kube create secret generic mlflow-database --from-file=password=/dev/stdin ||
  kube get secret mlflow-database --output name"""

_RESTORE = """\
# devspace run restore-database NAME, as `devspace run list-backups` names it.
if [ $# -ne 1 ]; then
  echo "Which dump? devspace run list-backups names them." >&2
  exit 1
fi
kube() {{ kubectl --context "${{DEVSPACE_CONTEXT}}" --namespace {name} "$@"; }}
# Nobody may write while the tables change.
kube scale {server} --replicas=0
kube wait --for=delete pod --selector=app.kubernetes.io/name=mlflow --timeout=10m
kube delete job/restore-database configmap/restore-database --ignore-not-found
kube create configmap restore-database --from-literal=dump="$1"
kube create --filename {folder}/restore_database.yaml
restored=yes
kube wait --for=jsonpath='{{.status.conditions}}' --timeout=2h job/restore-database || restored=
kube logs --all-containers --prefix job/restore-database || restored=
kube wait --for=condition=complete --timeout=20s job/restore-database || restored=
# The server starts again in any case: what was not restored is as it was.
kube scale {server} --replicas=1
test -n "$restored"
kube rollout status {server} --timeout=10m"""

_LIST_BACKUPS = """\
kubectl --context "${{DEVSPACE_CONTEXT}}" --namespace {name} exec {server} --container mlflow -- python /scripts/database.py list"""


def sections(options: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Addresses and values of the sections; Cloud SQL needs none of them."""
    if options["database"] != "in-cluster":
        return []
    server = "statefulset/mlflow" if options["artifact_volume"] else "deployment/mlflow"
    fill = {"name": str(options["name"]), "folder": FOLDER, "kubectl": KUBECTL, "server": server}
    return [
        (
            "hooks[name=database-password]",
            hook("database-password", "before:deploy:train-infrastructure", _BEFORE_DATABASE.format(**fill)),
        ),
        (
            "commands.list-backups",
            {
                "description": "Name the dumps of MLflow's database, the newest last",
                "command": _LIST_BACKUPS.format(**fill),
            },
        ),
        (
            "commands.restore-database",
            {
                "description": "Restore a dump of MLflow's database",
                "command": _RESTORE.format(**fill),
                "appendArgs": False,
            },
        ),
    ]


def hook(name: str, event: str, command: str) -> dict[str, object]:
    """A hook of DevSpace that runs a script at an event."""
    return {"name": name, "events": [event], "command": command}
