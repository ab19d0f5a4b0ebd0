"""Istio's charts with the rendered values, by the real Helm: what the gateway's manifests rely on comes out of them.

The charts are those of the module that the tests build istiod from, which is newer than what devspace.yaml names.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from control_plane import build
from ml_environment import made

from mxdev.testing import render

HELM = "helm-python-sdk==0.2.2"
FOLDERS = {"istio-ingressgateway": "gateway", "istiod": "istio-control/istio-discovery"}
RENDER = """
import json, sys
import helm_python
with helm_python.Chart.load(sys.argv[1]) as chart:
    values = json.loads(sys.argv[4])
    chart.validate_schema(values)
    print(json.dumps(chart.render(values, name=sys.argv[2], namespace=sys.argv[3])))
"""


def charts(deployment: str, **options: Any) -> list[dict[str, Any]]:
    """The objects that Helm makes of a deployment's chart with its rendered values."""
    tree = render("DeploymentInfrastructure", name="churn-model", domain="ml.example.com", **options)
    [found] = [one.value for one in tree.sections if one.address == f"deployments.{deployment}"]
    folder: Path = build.files("istiod") / "manifests" / "charts" / FOLDERS[deployment]
    done = subprocess.run(
        [made("helm", (HELM,)), "-c", RENDER, folder, found["helm"]["releaseName"], found["namespace"],
         json.dumps(found["helm"]["values"])],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    files = json.loads(done.stdout)
    manifests = [text for name, text in files.items() if name.endswith(".yaml")]
    return [item for text in manifests for item in yaml.safe_load_all(text) if item]


@pytest.mark.parametrize(
    ("options", "kind", "ports"),
    [
        ({}, "ClusterIP", {80, 15021}),
        ({"cloud": "existing"}, "LoadBalancer", {80, 443, 15021}),
    ],
    ids=["gcp", "existing"],
)
def test_the_gateways_pods_and_service_are_those_that_the_manifests_name(
    options: dict[str, Any], kind: str, ports: set[int]
) -> None:
    items = {item["kind"]: item for item in charts("istio-ingressgateway", **options)}
    # On Google Cloud it has no business with the project's secrets.
    assert ("Role" in items) == (kind == "LoadBalancer")
    service, pods = items["Service"], items["Deployment"]["spec"]["template"]
    assert service["metadata"]["name"] == "istio-ingressgateway"
    assert service["spec"]["type"] == kind
    assert {port["port"] for port in service["spec"]["ports"]} == ports
    assert service["spec"]["selector"]["istio"] == "ingressgateway"
    assert pods["metadata"]["labels"]["istio"] == "ingressgateway"
    assert pods["metadata"]["labels"]["sidecar.istio.io/inject"] == "true"


def test_istiod_gets_the_meshs_configuration() -> None:
    maps = [item for item in charts("istiod", cloud="existing", issuer="https://login.example.com")
            if item["kind"] == "ConfigMap" and item["metadata"]["name"] == "istio"]  # fmt: skip
    mesh = yaml.safe_load(maps[0]["data"]["mesh"])
    assert [one["name"] for one in mesh["extensionProviders"]] == ["oauth2-proxy"]
    assert mesh["defaultConfig"]["gatewayTopology"]["numTrustedProxies"] == 0


def test_on_google_cloud_two_proxies_are_trusted() -> None:
    maps = [
        item
        for item in charts("istiod")
        if item["kind"] == "ConfigMap" and item["metadata"]["name"] == "istio"
    ]
    assert yaml.safe_load(maps[0]["data"]["mesh"])["defaultConfig"]["gatewayTopology"] == {
        "numTrustedProxies": 2
    }
