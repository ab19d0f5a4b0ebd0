"""What DeploymentInfrastructure renders: by the real tools, in every combination of its choices, again, and taken away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from apps_for_tests import exposed
from checks_checkov import run_checkov
from checks_kubernetes import check_devspace, check_manifests
from checks_terraform import check_terraform
from covering import EDGE, label, rows

from mxdev.testing import mx, render, render_all, text, write
from mxdev_generators.edge.apps import App

pytestmark = pytest.mark.noted()

ROWS = rows(EDGE)
KUBERNETES = "infrastructure/kubernetes"


@pytest.fixture(scope="module", params=ROWS, ids=map(label, ROWS))
def rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project's rendered files, for one row of the covering set."""
    folder = tmp_path_factory.mktemp("edge")
    write(render_all("DeploymentInfrastructure", **request.param), folder)
    return folder


def test_manifests_fit_their_schemas(rendered: Path) -> None:
    assert check_manifests(rendered / KUBERNETES) == []
    assert check_devspace(rendered / "devspace.yaml") == []


@pytest.mark.parametrize("audience", ["clients", "public"])
@pytest.mark.parametrize(
    "choice", [{"certificate": "single"}, {"cloud": "existing", "challenge": "http"}], ids=str
)
def test_a_certificate_of_one_name_fits_the_schemas(
    choice: dict[str, str], audience: str, tmp_path: Path
) -> None:
    tree = exposed(App(name="demo", host="", port=80, audience=audience), **choice)
    [route] = tree.files
    (tmp_path / "route.yaml").write_text(text(tree, route))
    assert check_manifests(tmp_path) == []


def test_terraform(rendered: Path) -> None:
    folder = rendered / "infrastructure" / "terraform"
    if folder.exists():
        assert check_terraform(folder) == []


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project on the disk, with a gateway."""
    folder = tmp_path_factory.mktemp("project")
    done = mx(
        "generate",
        "MLProjectSkeleton",
        "ab",
        "--domain=ml.example.com",
        "--skip-git",
        "--no-input",
        cwd=folder,
    )
    assert done.code == 0, done.stderr
    done = mx("generate", "DeploymentInfrastructure", "--no-input", cwd=folder / "ab")
    assert done.code == 0, done.stderr
    return folder / "ab"


def test_again_it_changes_nothing(project: Path) -> None:
    answer = json.loads(mx("generate", "DeploymentInfrastructure", "--json", cwd=project).stdout)
    assert answer["outcome"] == "nothing"


def test_lint_finds_nothing(project: Path) -> None:
    done = mx("lint", "--require-all", cwd=project)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr


def test_checkov_has_nothing_to_say(project: Path) -> None:
    assert run_checkov(project / KUBERNETES / "edge", "kubernetes").failed == []
    assert run_checkov(project / "infrastructure/terraform", "terraform").failed == []


def test_members_are_changed_in_one_place(project: Path) -> None:
    done = mx("set", "clients=@client.example", "--no-input", cwd=project)
    assert done.code == 0, done.stderr
    assert '"domain:client.example"' in (project / "infrastructure/terraform/edge.tf").read_text("utf-8")
    assert mx("set", "clients=", "--no-input", cwd=project).code == 0


def test_it_leaves_nothing_behind(project: Path) -> None:
    before = yaml.safe_load((project / "devspace.yaml").read_text("utf-8"))
    assert "istiod" in before["deployments"]
    assert mx("destroy", "DeploymentInfrastructure", "--no-input", cwd=project).code == 0
    after = yaml.safe_load((project / "devspace.yaml").read_text("utf-8"))
    assert not {"istio-base", "istiod", "istio-ingressgateway", "edge"} & set(after["deployments"])
    assert not (project / KUBERNETES / "edge").exists()
    assert not (project / "infrastructure/terraform/edge.tf").exists()
    assert "clients" not in (project / "mx.yaml").read_text("utf-8")
    assert mx("generate", "DeploymentInfrastructure", "--no-input", cwd=project).code == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"domain": ""}, "mx set domain=ml.example.com"),
        ({"dns_zone": "owned"}, "--managed-zone"),
        ({"managed_zone": "example-com"}, "goes with --dns-zone owned"),
        ({"certificate": "single", "cloud": "existing"}, "goes with Google Cloud; .* --challenge http"),
        ({"challenge": "http"}, "goes with a cluster of your own"),
        ({"iap_client_id": "1-a.apps.googleusercontent.com"}, "goes with --oauth-client custom"),
        ({"clients": ("ann",)}, "it must be an address"),
    ],
)
def test_what_does_not_go_together_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(Exception, match=words):
        render("DeploymentInfrastructure", **{"name": "ab", "domain": "ml.example.com", **given})


def test_the_load_balancer_is_trusted_and_nobody_else() -> None:
    """With one proxy too few an app is told that it is reached by HTTP."""
    for cloud, proxies in (("gcp", 2), ("existing", 0)):
        tree = render("DeploymentInfrastructure", name="ab", domain="ml.example.com", cloud=cloud)
        [istiod] = [one.value for one in tree.sections if one.address == "deployments.istiod"]
        config = istiod["helm"]["values"]["meshConfig"]["defaultConfig"]
        assert config["gatewayTopology"] == {"numTrustedProxies": proxies}


def test_a_custom_client_is_owed_until_its_id_is_there() -> None:
    given = {"name": "ab", "domain": "ml.example.com", "oauth_client": "custom"}
    step = "mx set DeploymentInfrastructure.iap-client-id=ID"
    assert step in [one.command for one in render("DeploymentInfrastructure", **given).next_steps]
    tree = render("DeploymentInfrastructure", **given, iap_client_id="1-a.apps.googleusercontent.com")
    assert step not in [one.command for one in tree.next_steps]
    assert "clientID: 1-a.apps.googleusercontent.com" in text(tree, f"{KUBERNETES}/edge/load_balancer.yaml")
