"""The sections of `devspace.yaml` that install CVAT: its databases, the chart, and the way to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev_generators.images.table import table

FOLDER = "infrastructure/kubernetes/cvat"

# POSIX shell, run by DevSpace itself; `$` without braces, which DevSpace would take for a variable of its own.
_PASSWORDS = """\
# Makes CVAT's passwords once. They are printed nowhere and are on no command line.
set -o pipefail
kube() {{ kubectl --context "$DEVSPACE_HOOK_KUBE_CONTEXT" --namespace {name} "$@"; }}
missing() {{ test -z "$(kube get secret "$1" --ignore-not-found --output name)"; }}
random() {{ head -c 30 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\\n'; }}
volume=$(kube get persistentvolumeclaim data-cvat-postgresql-0 --ignore-not-found --output name)
if missing cvat-postgres-secret && [ -n "$volume" ]; then
  echo "The volume data-cvat-postgresql-0 holds a database, but its password, the Secret cvat-postgres-secret in" >&2
  echo "the namespace {name}, is gone. docs/labeling.md says how to set a new one." >&2
  exit 1
fi
# Whoever deploys at the same moment may be first: then theirs are the passwords.
make() {{
  secret=$1
  shift
  if missing "$secret"; then
    random | kube create secret generic "$secret" --from-file=password=/dev/stdin "$@" || kube get secret "$secret" --output name
  fi
}}
make cvat-postgres-secret --from-literal=username=cvat --from-literal=database=cvat
make cvat-redis-secret
make cvat-kvrocks-secret
make cvat-superuser --from-literal=username=admin"""

_WAITS = """\
# The first user goes into a database that CVAT has filled, and the routes are of Istio's kinds.
kube() {{ kubectl --context "$DEVSPACE_HOOK_KUBE_CONTEXT" --namespace {name} "$@"; }}
kube wait --for=create --timeout=10m crd/virtualservices.networking.istio.io crd/authorizationpolicies.security.istio.io
kube wait --for=create --timeout=10m deployment/cvat-backend-server
kube rollout status --timeout=15m deployment/cvat-backend-server"""

_DATABASE_WAITS = """\
kube() {{ kubectl --context "$DEVSPACE_HOOK_KUBE_CONTEXT" --namespace {name} "$@"; }}
kube wait --for=create --timeout=10m statefulset/cvat-postgresql statefulset/cvat-redis
kube rollout status --timeout=10m statefulset/cvat-postgresql
kube rollout status --timeout=10m statefulset/cvat-redis"""


def sections(options: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Addresses and values of the sections.

    Args:
        options: the template variables of `CVATLabelingTool`.
    """
    name = str(options["name"])
    fill = {"name": name}
    return [
        ("deployments.cvat-database", _kubectl(name, f"{FOLDER}/database/")),
        ("deployments.cvat", _chart(name, options)),
        (
            "deployments.cvat-access",
            _kubectl(name, *(f"{FOLDER}/{one}.yaml" for one in ("first_user", "route", "backend_route"))),
        ),
        *(
            (f"hooks[name={hook}]", {"name": hook, "events": [f"before:deploy:{one}"], "command": text.format(**fill)})
            for hook, one, text in (
                ("cvat-passwords", "cvat-database", _PASSWORDS),
                ("cvat-waits", "cvat", _DATABASE_WAITS),
                ("cvat-access-waits", "cvat-access", _WAITS),
            )
        ),
    ]  # fmt: skip


def _kubectl(name: str, *manifests: str) -> dict[str, object]:
    return {"namespace": name, "updateImageTags": False, "kubectl": {"manifests": list(manifests)}}


def _chart(name: str, options: Mapping[str, Any]) -> dict[str, object]:
    return {
        "namespace": name,
        "helm": {
            "releaseName": "cvat",
            "chart": {
                "name": "oci://registry-1.docker.io/cvat/cvat",
                "version": table()["cvat-server"].tag.removeprefix("v"),
            },
            "values": values(options),
            "upgradeArgs": ["--wait", "--timeout", "15m"],
        },
    }


def values(options: Mapping[str, Any]) -> dict[str, Any]:
    """The chart's values: nothing of Bitnami's, no password, and volumes that all pods of CVAT reach."""
    shared = options["volumes"] == "shared"
    storage: dict[str, Any] = {
        "enabled": True,
        "size": f"{options['volume_size']}Gi",
        "accessModes": ["ReadWriteMany" if shared else "ReadWriteOnce"],
    }
    if kind := options["shared_class"] if shared else options["volume_class"]:
        storage["storageClassName"] = kind
    backend: dict[str, Any] = {
        "image": options["server_repository"],
        "tag": table()["cvat-server"].version,
        "imagePullPolicy": "IfNotPresent",
        # It would make everything everybody's; the volume gets the group of the pods instead.
        "permissionFix": {"enabled": False},
        "defaultStorage": storage,
        "server": {
            # The last for the probes, and for `mx labels` through kubectl.
            "envs": {"ALLOWED_HOSTS": f"{options['address']},127.0.0.1,localhost,cvat-backend-service"},
        },
        # What links in mails and exports begin with.
        "additionalEnv": [{"name": "CVAT_BASE_URL", "value": f"https://{options['address']}"}],
        "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"memory": "4Gi"}},
    }
    if not shared:
        # Its disk is attached to one node.
        term = {
            "topologyKey": "kubernetes.io/hostname",
            "labelSelector": {"matchLabels": {"app": "cvat-app", "tier": "backend"}},
        }
        backend["affinity"] = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    kvrocks: dict[str, Any] = {
        "existingSecret": "cvat-kvrocks-secret",
        "secret": {"create": False, "name": "cvat-kvrocks-secret"},
        "image": options["kvrocks_image"],
    }
    if options["volume_class"]:
        kvrocks["defaultStorage"] = {"storageClassName": options["volume_class"]}
    return {
        "cvat": {
            "backend": backend,
            "frontend": {
                "image": options["ui_repository"],
                "tag": table()["cvat-ui"].version,
                "imagePullPolicy": "IfNotPresent",
            },
            "opa": {"image": options["opa_image"]},
            "kvrocks": kvrocks,
        },
        "postgresql": {
            "enabled": False,
            "external": {"host": "cvat-postgresql", "port": 5432},
            "secret": {"create": False, "name": "cvat-postgres-secret"},
        },
        "redis": {
            "enabled": False,
            "external": {"host": "cvat-redis"},
            "secret": {"create": False, "name": "cvat-redis-secret"},
        },
        "analytics": {"enabled": False},
        "clickhouse": {"enabled": False},
        "grafana": {"enabled": False},
        "vector": {"enabled": False},
        "nuclio": {"enabled": False},
        "traefik": {"enabled": False},
        "ingress": {"enabled": False},
    }
