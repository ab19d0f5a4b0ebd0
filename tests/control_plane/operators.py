"""Kubeflow's operators, run as processes beside the control plane, with the manifests that their modules ship.

Their webhooks are live: the API server looks for them at a Service, which here is only another name for this machine.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from control_plane import build
from control_plane.api import Api
from control_plane.certificates import Certificates
from control_plane.programs import Programs, free_port, http_ok

# Operators want to see their certificate here before they start, and read it from below TMPDIR.
MOUNTED = Path("/tmp/k8s-webhook-server/serving-certs/tls.crt")


@dataclass(frozen=True)
class Operator:
    """One operator, as its manifests describe it.

    Args:
        manifests: Folder with a kustomization, below the module's files.
        without: Lines with one of these are taken out of its kustomizations: what is remote, or large and not needed.
        namespace: Where it is installed.
        service, secret, authority: Names of its webhooks' Service and Secret, and of the authority in the latter.
        webhooks: Its webhook configurations: plural kind and name.
        arguments: Its command line, from (port of the webhooks, port of the health probe); a mapping is written to a
            file that is its `--config`.
        afterwards: More manifests, that want its webhooks.
    """

    manifests: str
    namespace: str
    service: str
    secret: str
    authority: str
    webhooks: tuple[tuple[str, str], ...]
    arguments: Callable[[int, int], list[str] | dict[str, object]]
    without: tuple[str, ...] = ()
    afterwards: str = ""


def _training_operator(port: int, health: int) -> list[str]:
    return [
        "--enable-scheme=pytorchjob",
        "--metrics-bind-address=0",
        f"--webhook-server-port={port}",
        f"--health-probe-bind-address=127.0.0.1:{health}",
    ]


def _configuration(api_version: str) -> Callable[[int, int], dict[str, object]]:
    return lambda port, health: {
        "apiVersion": api_version,
        "kind": "Configuration",
        "webhook": {"port": port},
        "health": {"healthProbeBindAddress": f"127.0.0.1:{health}"},
        "metrics": {"bindAddress": "0"},
        "leaderElection": {"leaderElect": False},
    }


VALIDATING, MUTATING = "validatingwebhookconfigurations", "mutatingwebhookconfigurations"
OPERATORS = {
    "training-operator": Operator(
        manifests="manifests/overlays/standalone",
        without=("_jaxjobs", "_mpijobs", "_paddlejobs", "_tfjobs", "_xgboostjobs"),
        namespace="kubeflow",
        service="training-operator",
        secret="training-operator-webhook-cert",
        authority="training-operator-ca",
        webhooks=((VALIDATING, "validator.training-operator.kubeflow.org"),),
        arguments=_training_operator,
    ),
    "jobset": Operator(
        manifests="config/default",
        namespace="jobset-system",
        service="jobset-webhook-service",
        secret="jobset-webhook-server-cert",
        authority="jobset-ca",
        webhooks=(
            (VALIDATING, "jobset-validating-webhook-configuration"),
            (MUTATING, "jobset-mutating-webhook-configuration"),
        ),
        arguments=_configuration("config.jobset.x-k8s.io/v1alpha1"),
    ),
    # Needs "jobset".
    "trainer": Operator(
        manifests="manifests/overlays/manager",
        without=("third-party/jobset",),
        namespace="kubeflow-system",
        service="kubeflow-trainer-controller-manager",
        secret="kubeflow-trainer-webhook-cert",
        authority="kubeflow-trainer-ca",
        webhooks=(
            (VALIDATING, "validator.trainer.kubeflow.org"),
            (MUTATING, "defaulter.trainer.kubeflow.org"),
        ),
        arguments=_configuration("config.trainer.kubeflow.org/v1alpha1"),
        afterwards="manifests/overlays/runtimes",
    ),
}


def start(
    name: str, folder: Path, programs: Programs, kubeconfig: Path, api: Api, certificates: Certificates
) -> None:
    """Install an operator and start it; returns when it is ready."""
    operator = OPERATORS[name]
    own = folder / name
    manifests = own / "files"
    shutil.copytree(build.files(name), manifests)
    for kustomization in manifests.rglob("kustomization.yaml"):
        lines = kustomization.read_text("utf-8").splitlines()
        kept = [line for line in lines if not any(part in line for part in operator.without)]
        kustomization.write_text("\n".join(kept))
    apply(kubeconfig, manifests / operator.manifests)
    wait_for_definitions(kubeconfig)

    port, health = free_port(), free_port()
    files = certificates.webhook(f"{operator.service}.{operator.namespace}.svc", operator.authority)
    _certify(api, operator, files, own / "k8s-webhook-server" / "serving-certs")
    _expose(api, operator, port, files["ca.crt"])
    arguments = operator.arguments(port, health)
    if isinstance(arguments, dict):
        (own / "config.yaml").write_text(json.dumps(arguments))
        arguments = [f"--config={own / 'config.yaml'}"]
    programs.start(
        name, build.tool(name), f"--kubeconfig={kubeconfig}", *arguments, environ={"TMPDIR": str(own)}
    )
    programs.wait(name, lambda: http_ok(f"http://127.0.0.1:{health}/readyz"))
    if operator.afterwards:
        apply(kubeconfig, manifests / operator.afterwards)


def apply(kubeconfig: Path, path: Path) -> None:
    """`kubectl apply` a file, a folder of manifests, or a folder with a kustomization."""
    kind = "-k" if (path / "kustomization.yaml").exists() else "-f"
    kubectl(kubeconfig, "apply", "--server-side", "--force-conflicts", kind, path)


def wait_for_definitions(kubeconfig: Path) -> None:
    """Wait until the API server serves what was just defined; a program that starts before ends at once."""
    kubectl(kubeconfig, "wait", "crd", "--all", "--for=condition=Established", "--timeout=180s")


def kubectl(kubeconfig: Path, *arguments: object, text: str | None = None) -> str:
    """Run kubectl; what it printed. An error shows what it said."""
    command = ["kubectl", f"--kubeconfig={kubeconfig}", f"--cache-dir={kubeconfig.parent / 'discovery'}"]
    done = subprocess.run(
        [*command, *map(str, arguments)], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"kubectl {' '.join(map(str, arguments))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _expose(api: Api, operator: Operator, port: int, authority: bytes) -> None:
    """Let the API server find the webhooks on this machine, and trust them."""
    services = f"/api/v1/namespaces/{operator.namespace}/services"
    api.patch(
        f"{services}/{operator.service}",
        {
            "spec": {
                "type": "ExternalName",
                "externalName": "localhost",
                "clusterIP": None,
                "clusterIPs": None,
            }
        },
    )
    for kind, name in operator.webhooks:
        path = f"/apis/admissionregistration.k8s.io/v1/{kind}/{name}"
        configuration = api.get(path)
        for webhook in configuration["webhooks"]:
            webhook["clientConfig"]["service"]["port"] = port
            webhook["clientConfig"]["caBundle"] = base64.b64encode(authority).decode()
        api.put(path, configuration)


def _certify(api: Api, operator: Operator, files: dict[str, bytes], mounted: Path) -> None:
    """Fill the webhooks' Secret, and put its files where the operator looks for them."""
    data = {name: base64.b64encode(content).decode() for name, content in files.items()}
    api.patch(f"/api/v1/namespaces/{operator.namespace}/secrets/{operator.secret}", {"data": data})
    mounted.mkdir(parents=True)
    for name, content in files.items():
        (mounted / name).write_bytes(content)
    MOUNTED.parent.mkdir(parents=True, exist_ok=True)
    MOUNTED.touch()
