"""What is read of devspace.yaml, and what kubectl's and Helm's words become; no cluster."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from mxdev.cluster.kubectl import Kubectl
from mxdev.cluster.refusals import ClusterError
from mxdev.deploy import config, objects, readiness, tools
from mxdev.deploy.steps import _chart_differs
from mxdev.errors import MxError
from mxdev.project.project import Project
from mxdev.project.records import Record, SectionRecord
from mxdev.testing import render, text

TEXT = """\
version: v2beta1
name: churn
pipelines:
  deploy: |-
    create_deployments --all --except gpu --except other
deployments:
  z: {kubectl: {manifests: [z/]}}
  a: {namespace: tools, kubectl: {manifests: [a/], applyArgs: [--server-side, --force=false]}}
  gpu: {kubectl: {manifests: [g/], patches: [{op: add}]}}
  chart: {helm: {chart: {name: base, repo: "https://example.com", version: 1.2.3}, values: {x: {y: 1}}}}
"""


def project(folder: Path, devspace: str = TEXT, **requires: tuple[str, ...]) -> Project:
    (folder / "devspace.yaml").write_text(devspace)

    def record(name: str, needs: tuple[str, ...]) -> Record:
        section = SectionRecord("devspace.yaml", f"deployments.{name.lower()}", "")
        return Record(name, name, "p", "1", requires=needs, sections=(section,))

    instances = {name: record(name, needs) for name, needs in requires.items()}
    return Project(folder, {"name": "churn"}, instances)


def test_the_order_is_that_in_which_instances_require_each_other(tmp_path: Path) -> None:
    found = config.read(project(tmp_path, Z=("Middle",), Middle=("A",), A=()))
    names = [one.name for one in found]
    assert names.index("a") < names.index("z")
    by_name = {one.name: one for one in found}
    assert by_name["z"].needs == ("a",)  # through an instance that deploys nothing
    assert [one.name for one in config.chosen(found, [])] == [name for name in names if name != "gpu"]
    assert by_name["a"].namespace == "tools"
    assert by_name["z"].namespace == "churn"
    assert objects.apply_arguments(by_name["a"]) == ["--server-side"]


def test_what_only_devspace_can_do_is_known(tmp_path: Path) -> None:
    text = TEXT.replace("[z/]", '["${DIR}/z"]').replace("manifests: [a/]", "manifests: [a/], createArgs: [x]")
    found = {one.name: one for one in config.read(project(tmp_path, text))}
    assert tools.lacking(found["gpu"], devspace=False) == "only DevSpace can do this: kubectl.patches"
    assert "variables" in tools.lacking(found["z"], devspace=False)
    assert "kubectl.createArgs" in tools.lacking(found["a"], devspace=False)
    assert tools.lacking(found["z"], devspace=True) == ""
    images = config.read(project(tmp_path, TEXT + "images: {x: {image: y}}\n"))
    assert all("images" in tools.lacking(one, devspace=False) for one in images)


@pytest.mark.parametrize("text", ["- a\n", "deployments: [a]\n", "deployments: {a: {}}\n", "a: [\n"])
def test_a_devspace_yaml_that_is_none_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(MxError, match=r"devspace\.yaml"):
        config.read(project(tmp_path, text))


def release(**more: Any) -> dict[str, Any]:
    chart = {"metadata": {"version": "1.2.3"}}
    return {"info": {"status": "deployed"}, "chart": chart, "config": {"x": {"y": 1, "z": 2}}, **more}


def test_a_chart_is_compared_with_helms_own_record(tmp_path: Path) -> None:
    chart = next(one for one in config.read(project(tmp_path)) if one.name == "chart")
    assert _chart_differs(chart, release()) == ""
    assert "failed" in _chart_differs(chart, release(info={"status": "failed"}))
    assert "and not 1.2.3" in _chart_differs(chart, release(chart={"metadata": {"version": "1.2.0"}}))
    assert _chart_differs(chart, release(config={"x": {"y": 2}})) == "other values"


# Knows its version, and every namespace that it is asked for.
KUBECTL = """#!/bin/sh
case "$1" in version) echo v1.34.0 ;; *) echo '{"status": {"phase": "Active"}}' ;; esac
"""


def test_helm_is_called_as_its_documentation_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Helm and kubectl are stand-ins that keep how they were called."""
    script = (
        '#!/bin/sh\n[ "$1" = version ] && { echo v3.19.0+g1; exit 0; }\necho "$*" >> $CALLS\ncat >> $CALLS\n'
    )
    for name in ("helm", "kubectl"):
        (tmp_path / name).write_text(script if name == "helm" else KUBECTL)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    chart = next(one for one in config.read(project(tmp_path)) if one.name == "chart")
    tools.apply(tmp_path, Kubectl("mx-churn", "churn"), chart, print, 60)
    where = "--kube-context=mx-churn --namespace=churn"
    assert (tmp_path / "calls").read_text().splitlines() == [
        "upgrade chart base --install --create-namespace --repo=https://example.com --version=1.2.3 "
        f"--values=- --wait --timeout=60s {where}",
        '{"x": {"y": 1}}',
    ]
    (tmp_path / "helm").write_text(
        '#!/bin/sh\n[ "$1" = version ] && { echo v3.19.0; exit 0; }\necho "Error: no" >&2; exit 1\n'
    )
    with pytest.raises(MxError, match="`helm upgrade chart` failed: Error: no"):
        tools.apply(tmp_path, Kubectl("mx-churn", "churn"), chart, print, 60)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name")
@pytest.mark.parametrize(
    ("part", "pipe"),
    [
        ("kubectl: {manifests: [web/]}", "web/web.yaml"),
        ("kubectl: {manifests: [web.yaml]}", "web.yaml"),
        ("kubectl: {manifests: [../web.yaml]}", "../web.yaml"),
        ("kubectl: {manifests: [../web]}", "../web/web.yaml"),
        ("kubectl: {kustomize: true, manifests: [overlay]}", "base/web.yaml"),
        ("kubectl: {kustomize: true, manifests: [overlay]}", "overlay/kustomization.yaml"),
        ("helm: {chart: {name: base, repo: https://example.com}, valuesFiles: [values.yaml]}", "values.yaml"),
    ],
)
def test_no_program_is_started_that_would_wait_for_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, pipe: str
) -> None:
    """The programs are stand-ins that say their version, and keep how they were called."""
    root = tmp_path / "churn"
    (root / "overlay").mkdir(parents=True)
    (root / "overlay/kustomization.yaml").write_text("resources: [../base]\n")
    place = Path(os.path.normpath(root / pipe))
    place.parent.mkdir(exist_ok=True)
    if pipe.startswith("base/"):
        (root / "base/kustomization.yaml").write_text("resources: [web.yaml]\n")
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    for name in ("helm", "kubectl", "devspace"):
        (tmp_path / name).write_text(f'{KUBECTL}[ "$1" = version ] || echo "$*" >> $CALLS\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    [one] = config.read(project(root, f"deployments: {{web: {{{part}}}}}\n"))
    kubectl = Kubectl("mx-churn", "churn")
    starts = [
        lambda: tools.apply(root, kubectl, one, print, 60),
        lambda: tools.by_devspace(root, "deploy", one, "mx-churn", "churn", 60),
    ]
    if one.helm is None:
        starts += [lambda: objects.there(root, kubectl, one), lambda: objects.differs(root, kubectl, one)]
        starts += [lambda: objects.rendered(root, kubectl, one)]
    for start in starts:
        with pytest.raises(MxError, match=r"is a pipe or a device") as refused:
            start()
        assert place.name in refused.value.message
    assert not (tmp_path / "calls").exists()


def workload(kind: str, status: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "x", "generation": 2}, "spec": spec, "status": status}


def test_when_a_workload_is_ready() -> None:
    seen = {"observedGeneration": 2}
    ready = {**seen, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2}
    assert readiness.lacking(workload("Deployment", ready, replicas=2)) == ""
    assert readiness.lacking(workload("StatefulSet", ready, replicas=3)) == "2 of 3 pods ready"
    old = {**ready, "updatedReplicas": 1}
    assert readiness.lacking(workload("Deployment", old, replicas=2)) == "1 of 2 pods ready"
    assert "not been looked at" in readiness.lacking(
        workload("Deployment", {**ready, "observedGeneration": 1})
    )
    nodes = {**seen, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberReady": 1}
    assert readiness.lacking(workload("DaemonSet", nodes)) == "1 of 2 pods ready"
    assert readiness.lacking(workload("Deployment", seen, replicas=0)) == ""


def test_why_a_pod_is_not_ready() -> None:
    def pod(phase: str = "Running", **status: Any) -> dict[str, Any]:
        one = {"name": "app", "image": "x", "ready": False, **status}
        return {"metadata": {"name": "x"}, "spec": {"nodeName": "n"}, "status": {"phase": phase, "containerStatuses": [one]}}  # fmt: skip

    oom = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    back_off = {"waiting": {"reason": "CrashLoopBackOff"}}
    evicted = pod("Failed", state={"terminated": {"exitCode": 137}})
    evicted["status"] |= {"reason": "Evicted", "message": "low on memory"}
    wait = {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}
    for found, words in (
        (pod(state={"running": {}}), "it runs, and its readiness probe does not succeed yet"),
        (pod(state={"running": {}}, lastState=oom), "it runs again, after its container was killed because it used more memory than its limit (OOMKilled), and its readiness probe does not succeed yet"),
        (pod(state=oom), "its container was killed because it used more memory than its limit (OOMKilled), and is started again"),
        (pod(state={"terminated": {"exitCode": 0}}), "its container ended by itself with exit code 0, and is started again"),
        (pod("Failed", state={"terminated": {"exitCode": 1}}), "its container ended with exit code 1"),
        (pod("Succeeded", state={"terminated": {"exitCode": 0}}), "its container ended by itself with exit code 0"),
        (pod(state=back_off, lastState={"terminated": {"exitCode": 0}}), "it is started again after a pause: its container ended by itself with exit code 0, though it has to stay"),
        (pod(state=wait), "the image x cannot be pulled: not found"),
        (evicted, "it was ended (Evicted): low on memory"),
        (pod(state={"running": {}}, ready=True), ""),
    ):  # fmt: skip
        assert readiness.of_pod(found, []) == words


def test_a_namespace_that_nobody_may_look_at_is_not_said_to_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kubectl is a double: it says what the API server says of a ServiceAccount with a Role in the namespace."""
    kubectl = tmp_path / "kubectl"
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def says(words: str) -> None:
        version = 'case "$*" in version*) echo "Client Version: v1.34.1"; exit;; esac'
        kubectl.write_text(f"#!/bin/sh\n{version}\necho '{words}' >&2\nexit 1\n")
        kubectl.chmod(0o755)

    says(
        'Error from server (Forbidden): namespaces "churn" is forbidden: User "ada" cannot get resource "namespaces"'
    )
    assert objects.ending(tmp_path, Kubectl("c", "churn"), "churn") == ""
    says("Error from server (InternalError): no")
    with pytest.raises(ClusterError):
        objects.ending(tmp_path, Kubectl("c", "churn"), "churn")


KSERVE = {
    "status": {
        "conditions": [{"type": "Ready", "status": "False", "reason": "PredictorNotReady", "message": ""}]
    }
}
SELDON = {"status": {"state": "Creating"}}


@pytest.mark.parametrize(("engine", "status"), [("kserve", KSERVE), ("seldon", SELDON)])
def test_a_model_that_does_not_load_is_not_ready_and_says_why(
    engine: str, status: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """kubectl is a double: it has the endpoint's pod, as kubelet reports one that ended with last words."""
    given = {"name": "scores", "engine": engine, "tag": "0123abc", "domain": "ml.example.com"}
    tree = render("SeldonDeployment", **given)
    [name] = [path for path in tree.files if path.endswith("server.yaml")]
    there = [{**one, **status} for one in yaml.safe_load_all(text(tree, name))]
    [found] = objects.workloads(there)
    last = {
        "exitCode": 1,
        "reason": "Error",
        "message": "The model is not ready: nobody approved churn@candidate.",
    }
    container = {
        "name": "model", "ready": False, "lastState": {"terminated": last},
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    }  # fmt: skip
    pod = {
        "metadata": {"name": "scores-1"}, "spec": {"nodeName": "one"},
        "status": {"phase": "Running", "containerStatuses": [container]},
    }  # fmt: skip
    asked = []

    def call(root: Path, kubectl: Kubectl, *words: str) -> SimpleNamespace:
        asked.append(words)
        return SimpleNamespace(stdout=json.dumps({"items": [pod] if "pods" in words else []}).encode())

    monkeypatch.setattr(objects, "call", call)
    [told] = readiness.reasons(tmp_path, Kubectl("mx-churn", "churn"), there)
    assert told.startswith("scores-1: ")
    assert told.endswith("ended with exit code 1: The model is not ready: nobody approved churn@candidate.")
    assert "app.kubernetes.io/name=scores" in asked[1][2]
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "state": "Available"}
    assert readiness.lacking({**found, "status": ready}) == ""
    assert "installed?" in readiness.lacking({**found, "status": {}})


def test_only_what_holds_data_of_the_deployment_is_deleted_with_its_volumes(tmp_path: Path) -> None:
    secret = {"secretKeyRef": {"name": "password"}}
    pod = {
        "imagePullSecrets": [{"name": "pull"}],
        "containers": [{"env": [{"valueFrom": secret}]}],
        "volumes": [{"secret": {"secretName": "brought"}}],
    }
    claims = [{"metadata": {"name": "data"}}]
    found = [
        {"kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {"template": {"spec": pod}, "volumeClaimTemplates": claims}},
        {"kind": "Secret", "metadata": {"name": "brought"}},
    ]  # fmt: skip
    one = config.Deployment("x", "churn", {}, None)
    assert list(objects.data_of(one, found)) == [
        ("PersistentVolumeClaim", "data-db-"),
        ("Secret", "password"),
    ]


def test_a_hook_that_fails_stops_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(MxError, match="exit code 3: the password is gone"):
        tools.hook(tmp_path, Kubectl("c", "n"), "echo the password is gone >&2; exit 3", 10)
    with pytest.raises(MxError, match=r"did not finish in 0\.5 seconds"):
        tools.hook(tmp_path, Kubectl("c", "n"), "sleep 30", 0.5)
