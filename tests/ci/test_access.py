"""What a CI may do in the cluster: asked of a real API server, which decides by the rendered manifest."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
import yaml
from checks_checkov import run_checkov
from checks_kubernetes import check_devspace, check_manifests
from control_plane.control_plane import ControlPlane

from mxdev.testing import render, render_all, text, write

KUBERNETES = "infrastructure/kubernetes"
# By generator: the folder, and the account on Google Cloud.
CIS = {
    "GitLabCI": ("gitlab-access", "gitlab"),
    "GitHubActions": ("github-access", "github"),
    "CloudBuildDefaultConfig": ("cloud-build-access", "build"),
}
# All that it takes to start a training, to look at it, to stop it, and to reach the record of its run.
ALLOWED = [
    *(f"{verb} {jobs}" for verb in ("create", "get", "list", "watch", "delete")
      for jobs in ("jobs.batch", "pytorchjobs.kubeflow.org", "trainjobs.trainer.kubeflow.org")),
    "list pods", "watch pods", "get pods/log", "list events", "get services",
    "create pods/portforward",
]  # fmt: skip
FORBIDDEN = [
    "get secrets", "list secrets", "create secrets", "get configmaps", "create pods", "delete pods", "update jobs.batch",
    "create pods/exec", "create deployments.apps", "create daemonsets.apps", "create cronjobs.batch",
    "delete persistentvolumeclaims", "create serviceaccounts", "create serviceaccounts/token", "create roles",
    "create rolebindings", "patch statefulsets.apps", "get nodes", "get nodes/proxy", "create namespaces",
]  # fmt: skip


def may(plane: ControlPlane, user: str, namespace: str, question: str) -> bool:
    """Whether the API server lets `user` do `VERB RESOURCE[.GROUP][/SUBRESOURCE]` in a namespace."""
    verb, what = question.split()
    name, _, subresource = what.partition("/")
    resource, _, group = name.partition(".")
    asked = {
        "namespace": namespace,
        "verb": verb,
        "group": group,
        "resource": resource,
        "subresource": subresource,
    }
    answer = plane.api.create(
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
         "spec": {"user": user, "resourceAttributes": asked}},
    )  # fmt: skip
    return bool(answer["status"]["allowed"])


@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_it_starts_and_watches_jobs_in_one_namespace_and_no_more(
    cloud: str, control_plane: ControlPlane, tmp_path: Path
) -> None:
    name = f"ci-{secrets.token_hex(4)}"
    write(render_all("GitHubActions", name=name, cloud=cloud, project_id="acme-ml-4711"), tmp_path)
    control_plane.namespace(name=name)
    control_plane.kubectl("apply", "-f", tmp_path / KUBERNETES / "github-access")
    user = (
        f"{name}-github@acme-ml-4711.iam.gserviceaccount.com"
        if cloud == "gcp"
        else f"system:serviceaccount:{name}:github-access"
    )
    assert [question for question in ALLOWED if not may(control_plane, user, name, question)] == []
    assert [question for question in FORBIDDEN if may(control_plane, user, name, question)] == []
    elsewhere = control_plane.namespace()
    assert [question for question in ALLOWED if may(control_plane, user, elsewhere, question)] == []
    assert not may(control_plane, "somebody@example.com", name, "create jobs.batch")


@pytest.mark.parametrize("generator", CIS)
@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_it_is_a_deployment_of_its_own(generator: str, cloud: str, tmp_path: Path) -> None:
    folder, role = CIS[generator]
    write(render_all(generator, name="churn-model", cloud=cloud), tmp_path)
    manifests = tmp_path / KUBERNETES / folder
    assert check_manifests(tmp_path / KUBERNETES) == []
    assert check_devspace(tmp_path / "devspace.yaml") == []
    assert run_checkov(manifests, "kubernetes").failed == []
    deployment = yaml.safe_load((tmp_path / "devspace.yaml").read_text())["deployments"][folder]
    assert deployment["namespace"] == "churn-model"
    account = f"churn-model-{role}@churn-model.iam.gserviceaccount.com"
    assert (account in (manifests / "access.yaml").read_text()) == (cloud == "gcp")
    steps = [step.command for step in render(generator, name="churn-model", cloud=cloud).next_steps]
    assert f"devspace deploy {folder}" in steps


@pytest.mark.parametrize("generator", CIS)
def test_no_ci_has_a_role_of_google_that_reaches_into_the_cluster(generator: str) -> None:
    """Such a role holds in every namespace, and reads Secrets."""
    tree = render(generator, name="churn-model")
    terraform = "".join(text(tree, path) for path in tree.files if path.endswith(".tf"))
    assert "roles/container.clusterViewer" in terraform
    assert "roles/container.developer" not in terraform
    assert "roles/container.admin" not in terraform
