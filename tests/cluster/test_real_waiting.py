"""Why a job waits, as the real scheduler, quota and controllers tell it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from cluster_fixtures import NodeRunner
from control_plane.control_plane import ControlPlane
from control_plane.node import Place

from cluster.conftest import job, pytorch_job
from mxdev.cluster import manifest, state, submit
from mxdev.cluster.kubectl import Kubectl
from mxdev.cluster.refusals import ClusterError
from mxdev.cluster.state import State

pytestmark = [pytest.mark.noted(), pytest.mark.usefixtures("kubeconfig")]
GPU = {"resources": {"limits": {"nvidia.com/gpu": "64"}}}


def waits_for(plane: ControlPlane, namespace: str, made: manifest.Manifest, words: str) -> State:
    """The state of a new job, once its reason or a replica's has these words."""
    kubectl = Kubectl("mx-tests", namespace)
    assert submit.submit(kubectl, made)
    ref = manifest.ref(made)
    seen: list[State] = []

    def said() -> bool:
        seen.append(state.look(kubectl, ref))
        texts = [seen[-1].reason, *(replica.waiting_for for replica in seen[-1].replicas)]
        return any(words in text for text in texts)

    try:
        plane.wait(words, said)
    except AssertionError:
        raise AssertionError(f"no {words!r} in {seen[-1]}") from None
    assert seen[-1].phase == "pending"
    return seen[-1]


@pytest.mark.parametrize(
    ("pod", "words"),
    [
        (
            # Spot nodes have a taint of their own beside the GPU's: this pod tolerates every one.
            {"container": GPU, "tolerations": [{"operator": "Exists"}]},
            "no node has a free GPU (0/",
        ),
        ({"container": GPU}, "no node has a free GPU, of those whose taints it tolerates (0/"),
        (
            {"container": {"resources": {"requests": {"memory": "4Ti"}}}},
            "no node has that much free memory, of those whose taints it tolerates (0/",
        ),
        ({"nodeSelector": {"disk": "fast"}}, "no node"),
        (
            {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]},
            "its volume claim data is missing (",
        ),
        ({"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]}, "a queue holds it back"),
        ({"serviceAccountName": "trainer"}, "the service account trainer is missing in this namespace"),
    ],
)
def test_job(control_plane: ControlPlane, pod: dict[str, Any], words: str) -> None:
    waits_for(control_plane, control_plane.namespace(), job("true", **pod), words)


@pytest.mark.parametrize("made", [job("true"), pytorch_job("true", 1)], ids=["Job", "PyTorchJob"])
def test_quota(control_plane: ControlPlane, made: manifest.Manifest) -> None:
    namespace = control_plane.namespace()
    control_plane.kubectl("create", "quota", "training", "--hard=pods=0", "-n", namespace)
    # The quota counts once the controller has looked at it.
    control_plane.wait(
        "the quota", lambda: control_plane.get("quota/training", "-n", namespace)["status"].get("hard")
    )
    found = waits_for(
        control_plane, namespace, made, "the quota training is used up: needed pods=1, used pods=0"
    )
    assert found.replicas == ()


def test_security_of_the_namespace(control_plane: ControlPlane) -> None:
    namespace = control_plane.namespace()
    control_plane.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    waits_for(control_plane, namespace, job("true"), "the namespace's security level refuses its pods")


def test_suspended(control_plane: ControlPlane) -> None:
    made = job("true")
    made["spec"]["suspend"] = True
    waits_for(control_plane, control_plane.namespace(), made, "it is suspended")


def test_image(control_plane: ControlPlane, node_runner: NodeRunner) -> None:
    with node_runner(images={}) as node:
        found = waits_for(
            control_plane, node.namespace, job("true", image="r/x:1"), "the image r/x:1 cannot be pulled: "
        )
        assert found.replicas[0].name == "job-0"


def test_settings(control_plane: ControlPlane, node_runner: NodeRunner, tmp_path: Path) -> None:
    source = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "token"}}}
    with node_runner(images={"r/x:1": Place(tmp_path)}) as node:
        made = job("true", image="r/x:1", container={"env": [source]})
        waits_for(control_plane, node.namespace, made, "its settings are wrong: ")


def refused(namespace: str, made: manifest.Manifest) -> ClusterError:
    with pytest.raises(ClusterError) as caught:
        submit.submit(Kubectl("mx-tests", namespace), made)
    assert not caught.value.lost
    return caught.value


def test_refusals(control_plane: ControlPlane) -> None:
    namespace = control_plane.namespace()
    invalid = job("true")
    invalid["spec"]["template"]["spec"]["restartPolicy"] = "Sometimes"
    assert refused(namespace, invalid).reason == "Invalid"
    unknown = job("true")
    unknown["spec"]["backofLimit"] = 3
    assert "backofLimit" in str(refused(namespace, unknown))
    nowhere = refused("nowhere-to-be-found", job("true"))
    assert (nowhere.reason, "kubectl create namespace" in str(nowhere)) == ("NotFound", True)


def test_a_context_that_is_not_there(control_plane: ControlPlane) -> None:
    with pytest.raises(ClusterError) as caught:
        state.look(Kubectl("elsewhere", "default"), manifest.ref(job("true")))
    assert caught.value.reason == "NoContext"
    assert "kubectl config get-contexts" in str(caught.value)


def test_a_login_that_is_refused(control_plane: ControlPlane, kubeconfig: Path) -> None:
    kubeconfig.write_text(kubeconfig.read_text().replace('"token": "', '"token": "not-'))
    with pytest.raises(ClusterError) as caught:
        state.look(Kubectl("mx-tests", "default"), manifest.ref(job("true")))
    assert caught.value.reason == "Unauthorized"
    assert "Log in" in str(caught.value)


def test_a_cluster_that_does_not_know_the_kind(
    control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = dataclasses.replace(
        manifest.kind_named("Job"), resource="jobs.acme.example", api_version="acme.example/v1"
    )
    monkeypatch.setattr(manifest, "KINDS", (*manifest.KINDS, kind))
    problem = refused(control_plane.namespace(), job("true") | {"apiVersion": "acme.example/v1"})
    assert problem.reason == "NoKind"
    assert "devspace deploy" in str(problem)
