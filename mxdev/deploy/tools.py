"""How a deployment is applied and purged: by DevSpace where it is, else by kubectl and Helm."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mxdev.cluster.kubectl import Kubectl
from mxdev.deploy import named_files, objects
from mxdev.deploy.config import Deployment
from mxdev.errors import MxError
from mxdev.steps.model import Say
from mxdev.system import foreground, programs
from mxdev.system.programs import Tool

DEVSPACE = Tool("devspace", "see https://www.devspace.sh/docs/getting-started/installation", "6.3")
HELM = Tool("helm", "see https://helm.sh/docs/intro/install/", "3.14", version_args=("version", "--short"))
# What stays when a deployment is purged.
KEPT = ("PersistentVolumeClaim", "Secret", "Namespace")


def has_devspace() -> bool:
    """Whether DevSpace is on the PATH.

    Raises:
        MissingTool: it is, and too old.
    """
    if programs.locate(DEVSPACE) is None:
        return False
    programs.find(DEVSPACE)
    return True


def lacking(deployment: Deployment, *, devspace: bool) -> str:
    """What is missing to deploy it, as the end of a sentence; empty: nothing."""
    if devspace:
        return ""
    if deployment.only_devspace:
        return f"only DevSpace can do this: {', '.join(deployment.only_devspace)}"
    if deployment.helm is not None and programs.locate(HELM) is None:
        return "it is a chart, and neither DevSpace nor Helm is on the PATH"
    return ""


def by_devspace(
    root: Path, verb: str, deployment: Deployment, context: str, namespace: str, timeout: float
) -> None:
    """Run `devspace deploy NAME` or `devspace purge NAME`, its output on stderr.

    Raises:
        MxError: it failed, or did not finish in time.
        KeyboardInterrupt: it was interrupted.
    """
    named_files.refuse_endless(root, deployment)
    command = [
        *programs.find(DEVSPACE).command, verb, deployment.name, "--kube-context", context,
        "--namespace", namespace, "--no-warn",
    ]  # fmt: skip
    _foreground(command, root, timeout)


def _foreground(command: Sequence[str], root: Path, timeout: float) -> None:
    late = []

    def watch(child: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + timeout
        while child.returncode is None:
            if time.monotonic() > deadline:
                late.append(True)
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                return
            time.sleep(0.2)

    try:
        ended = foreground.run(
            command, cwd=root, environ=dict(os.environ), meanwhile=watch, output_to_stderr=True
        )
    except OSError as error:
        raise MxError(f"{command[0]} cannot be started: {error.strerror or error}.") from error
    if ended.interrupted:
        raise KeyboardInterrupt
    words = " ".join((Path(command[0]).name, *command[1:3]))
    if late:
        raise MxError(
            f"`{words}` did not finish in {timeout:.0f} s and was stopped.", hint="--timeout waits longer."
        )
    if ended.code:
        raise MxError(f"`{words}` failed with exit code {ended.code}; what it said stands above.")


def apply(root: Path, kubectl: Kubectl, deployment: Deployment, say: Say, timeout: float) -> None:
    """Do what DevSpace does: the hooks, the namespace, and the manifests or the chart.

    Raises:
        MxError: something failed.
    """
    named_files.refuse_endless(root, deployment)
    if not objects.namespace_exists(root, kubectl, deployment.namespace):
        objects.call(root, kubectl, "create", "namespace", deployment.namespace)
        say(f"made the namespace {deployment.namespace}")
    for script in deployment.before:
        hook(root, kubectl, script, timeout)
    if deployment.helm is not None:
        _upgrade(root, kubectl, deployment, timeout)
    else:
        words = ("apply", *objects.apply_arguments(deployment), *objects.files(root, deployment))
        done = objects.call(root, kubectl, *words, input=objects.inline(deployment))
        for line in done.stdout.decode("utf-8", "replace").splitlines():
            if not line.endswith((" unchanged", " serverside-applied")):
                say(line)
    for script in deployment.after:
        hook(root, kubectl, script, timeout)


def remove(root: Path, kubectl: Kubectl, deployment: Deployment, say: Say, timeout: float) -> None:
    """Purge a deployment as DevSpace does, but for what holds data.

    Raises:
        MxError: something failed.
    """
    for script in deployment.before_purge:
        hook(root, kubectl, script, timeout)
    if deployment.helm is not None:
        words = ["uninstall", deployment.release, "--ignore-not-found", "--wait", f"--timeout={timeout:.0f}s"]
        _helm(root, kubectl, deployment, words, timeout)
        return
    found = [one for one in objects.there(root, kubectl, deployment) if one["kind"] not in KEPT]
    # Back to front, as what comes later in manifests stands on what comes before.
    for one in reversed(found):
        group, _, _ = one["apiVersion"].rpartition("/")
        version = one["apiVersion"].rpartition("/")[2]
        kind = f"{one['kind']}.{version}.{group}" if group else one["kind"]
        words = [kind, one["metadata"]["name"], "--ignore-not-found", "--wait=false"]
        objects.call(root, kubectl, "delete", *words)
        say(f"removed {one['kind']} {one['metadata']['name']}")


def hook(root: Path, kubectl: Kubectl, script: str, timeout: float) -> None:
    """Run a hook of devspace.yaml in bash, as DevSpace would; its output goes to stderr.

    Raises:
        MxError: it failed.
    """
    command = ["bash", "-e", "-c", script]
    environment = {
        "DEVSPACE_HOOK_KUBE_CONTEXT": kubectl.context,
        "DEVSPACE_HOOK_KUBE_NAMESPACE": kubectl.namespace,
    }
    done = programs.run(command, cwd=root, env=environment, capture=True, timeout=timeout)
    if done.code:
        said = (done.stderr + done.stdout).decode("utf-8", "replace").strip()
        raise MxError(
            f"a hook of devspace.yaml failed with exit code {done.code}: {said[-1000:] or 'it said nothing'}"
        )


def _upgrade(root: Path, kubectl: Kubectl, deployment: Deployment, timeout: float) -> None:
    helm = deployment.helm or {}
    chart = helm.get("chart") or {}
    words = [
        "upgrade",
        deployment.release,
        str(chart.get("path") or chart.get("name")),
        "--install",
        "--create-namespace",
    ]
    words += [f"--{key}={chart[key]}" for key in ("repo", "version") if chart.get(key)]
    words += [f"--values={path}" for path in helm.get("valuesFiles") or []]
    values = helm.get("values") or {}
    words += ["--values=-"] if values else []
    words += ["--wait", f"--timeout={timeout:.0f}s", *map(str, helm.get("upgradeArgs") or [])]
    import json

    _helm(root, kubectl, deployment, words, timeout + 60, json.dumps(values).encode() if values else None)


def _helm(
    root: Path, kubectl: Kubectl, deployment: Deployment, words: Sequence[str], timeout: float,
    input: bytes | None = None,
) -> None:  # fmt: skip
    where = [f"--kube-context={kubectl.context}", f"--namespace={deployment.namespace}"]
    done = programs.run(
        [*programs.find(HELM).command, *words, *where], cwd=root, capture=True, timeout=timeout, input=input
    )
    if done.code:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise MxError(f"`helm {words[0]} {deployment.release}` failed: {said[-1000:] or 'it said nothing'}")
