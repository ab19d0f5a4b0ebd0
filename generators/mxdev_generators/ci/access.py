"""What a CI may do in the cluster: start jobs in the project's namespace, look at them, and stop them.

A manifest and a deployment of its own, because only who may give rights deploys it: a lead, or an owner of the cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mxdev import Tree
from mxdev_generators.ci.options import account_email

# Whoever may create a job may use what its pods may use: the namespace's service accounts, and Secrets as variables.
_RULES = """\
rules:
  - apiGroups: [batch]
    resources: [jobs]
    verbs: [create, get, list, watch, delete]
  - apiGroups: [kubeflow.org]
    resources: [pytorchjobs]
    verbs: [create, get, list, watch, delete]
  - apiGroups: [trainer.kubeflow.org]
    resources: [trainjobs]
    verbs: [create, get, list, watch, delete]
  - apiGroups: [""]
    resources: [pods, events, services]
    verbs: [get, list, watch]
  - apiGroups: [""]
    resources: [pods/log]
    verbs: [get]
  # To the tracking server, where the run is recorded.
  - apiGroups: [""]
    resources: [pods/portforward]
    verbs: [create]
"""


def add(tree: Tree, values: Mapping[str, Any], ci: str, role: str) -> None:
    """Add the manifest and its deployment to `tree`.

    Args:
        values: the options of a generator and its project.
        ci: what the CI is called in names: "github".
        role: which of the CI's accounts on Google Cloud its jobs act as.
    """
    name, folder = f"{ci}-access", f"infrastructure/kubernetes/{ci}-access"
    tree.file(f"{folder}/access.yaml", _manifest(values, name, role))
    tree.section(
        "devspace.yaml",
        f"deployments.{name}",
        {
            "namespace": values["name"],
            "updateImageTags": False,
            "kubectl": {"manifests": [f"{folder}/"]},
        },
    )
    tree.next_step(
        f"devspace deploy {name}",
        f"lets CI start jobs in the namespace {values['name']}; needs {_deployer(values)}",
    )


def _deployer(values: Mapping[str, Any]) -> str:
    if values["cloud"] == "gcp":
        return "a lead (terraform.tfvars) or an owner of the cloud project"
    return "somebody who may give rights in the cluster"


def _manifest(values: Mapping[str, Any], name: str, role: str) -> str:
    namespace = values["name"]
    metadata = f"""\
metadata:
  name: {name}
  namespace: {namespace}
  labels:
    app.kubernetes.io/name: {name}
    app.kubernetes.io/part-of: {namespace}
"""
    if values["cloud"] == "gcp":
        account = ""
        subject = f"""\
  - kind: User
    apiGroup: rbac.authorization.k8s.io
    name: {account_email(values, role)}
"""
    else:
        account = f"""\
---
# `kubectl --namespace {namespace} create token {name} --duration 8760h` makes its token, for the CI's kubeconfig.
apiVersion: v1
kind: ServiceAccount
{metadata}automountServiceAccountToken: false
"""
        subject = f"""\
  - kind: ServiceAccount
    name: {name}
    namespace: {namespace}
"""
    return f"""\
{account}---
# All that CI may do in the cluster, and in this namespace alone.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
{metadata}{_RULES}---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
{metadata}roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {name}
subjects:
{subject}"""
