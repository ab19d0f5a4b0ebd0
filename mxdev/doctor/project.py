"""The doctor's looks at a project: its state, its logins, and what of it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mxdev.cluster.kubectl import Kubectl
from mxdev.connect import kubeconfig
from mxdev.connect.steps import Answers, Login
from mxdev.connect.target import Target
from mxdev.deploy import config, objects, readiness
from mxdev.disk import session
from mxdev.doctor import running
from mxdev.doctor.finding import Finding
from mxdev.project import cloudless
from mxdev.project.project import Project
from mxdev.steps.model import State
from mxdev.system import programs


def state(root: Path) -> Iterator[Finding]:
    """mx's own records of the project."""
    from mxdev.workflow.door import whole_project

    if interrupted := session.interruption(root):
        yield Finding("state", "mx's records", "problem", interrupted, "mx recover")
        return
    project = whole_project(root)
    count = len(project.instances)
    yield Finding("state", "mx's records", "ok", f"{count} instance{'s' * (count != 1)}")


def logins(target: Target) -> Iterator[Finding]:
    """Who is logged in to Google Cloud: gcloud, and Terraform, which has a login of its own."""
    if target.cloud != "gcp":
        return
    yield _of(
        Login(name="login", title="login to Google Cloud", target=target).look(),
        "login",
        "login to Google Cloud",
    )
    from mxdev.system import gcloud

    title = "login of Terraform"
    try:
        gcloud.run("auth", "application-default", "print-access-token")
    except gcloud.GcloudError as error:
        yield Finding(
            "login-terraform", title, "problem", error.message, "gcloud auth application-default login"
        )
    else:
        yield Finding("login-terraform", title, "ok")


def _of(found: State, name: str, title: str) -> Finding:
    if found.verb == "done":
        return Finding(name, title, "ok", found.why)
    return Finding(name, title, "problem", found.why, found.remedy)


def cluster(target: Target) -> Iterator[Finding]:
    """Whether the project is connected to its cluster, and that answers."""
    if target.cloud == cloudless.NONE:
        return
    if kubeconfig.context(target.own) is None:
        yield Finding(
            "cluster", "cluster", "unknown", f"not connected; `{target.command('mx connect')}` does it"
        )
        return
    yield _of(Answers(name="cluster", title="cluster", target=target).look(), "cluster", "cluster")


def kubectl_version(target: Target) -> Iterator[Finding]:
    """Whether kubectl is at most one minor version away from the cluster, further than which nobody promises that it works.

    Raises:
        ClusterError: the cluster does not say its version.
    """
    found = Kubectl(target.own, target.name).json("version", retry=False)
    mine, theirs = (_minor(found.get(side)) for side in ("clientVersion", "serverVersion"))
    name, title = "kubectl-version", "kubectl's version"
    if mine is None or theirs is None:
        yield Finding(name, title, "unknown", "kubectl or the cluster does not say its version")
        return
    text = f"kubectl is {mine[0]}.{mine[1]}, the cluster {theirs[0]}.{theirs[1]}"
    if mine[0] == theirs[0] and abs(mine[1] - theirs[1]) <= 1:
        yield Finding(name, title, "ok", text)
        return
    text += ": more than one minor version apart, which Kubernetes does not support; most things work, some fail or are ignored"
    remedy = f"Install kubectl {theirs[0]}.{theirs[1]}: {programs.get('kubectl').install}"
    yield Finding(name, title, "unknown", text, remedy)


def _minor(said: object) -> tuple[int, int] | None:
    """The version as numbers; Google's minor one is such as "34+"."""
    if not isinstance(said, dict):
        return None
    parts = [str(said.get(part) or "").rstrip("+") for part in ("major", "minor")]
    return (int(parts[0]), int(parts[1])) if all(part.isdecimal() for part in parts) else None


def address(target: Target) -> str | None:
    """The address of the project's cluster; None: it is not connected."""
    found = kubeconfig.context(target.own)
    server = str(found["cluster"].get("server") or "") if found else ""
    return server if server.startswith("https://") else None


def deployments(project: Project, target: Target) -> Iterator[Finding]:
    """What of the project's deployments is in the cluster, and what each pod that is not ready waits for."""
    for one in config.read(project):
        kubectl = Kubectl(target.own, one.namespace)
        name, title = f"deployment-{one.name}", f"deployment {one.name}"
        there = objects.there(project.root, kubectl, one)
        if not there and (why := objects.ending(project.root, kubectl, one.namespace)):
            text = f"its namespace {one.namespace} is being deleted{why}"
            yield Finding(name, title, "problem", text, f"kubectl --context {target.own} get namespace {one.namespace}")  # fmt: skip
        elif not there:
            yield Finding(
                name, title, "unknown", f"not deployed; `{target.command(f'mx deploy {one.name}')}` does it"
            )
        elif late := readiness.reasons(project.root, kubectl, there):
            remedy = f"kubectl --context {target.own} --namespace {one.namespace} get events"
            yield Finding(name, title, "problem", "; ".join(late), remedy)
        else:
            yield Finding(name, title, "ok", f"{len(there)} objects, ready")
        yield from running.reached(there, target.own)
