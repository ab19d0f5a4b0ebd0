"""What CVATLabelingTool renders: by the schemas and checkov, its chart's values, its choices, again, and taken away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from checks_checkov import run_checkov
from checks_kubernetes import check_devspace, check_manifests

from mxdev.testing import mx, render, render_all, text, write

FOLDER = "infrastructure/kubernetes"
GIVEN: dict[str, Any] = {"name": "pets", "domain": "ml.example.com"}
# Every choice with every other that it meets.
ROWS: list[dict[str, Any]] = [
    {},
    {"volumes": "shared", "audience": "clients", "data": "gs://acme-ml/pets"},
    {"database": "cloud-sql", "docker_mirror": "mirror.gcr.io", "host": "cvat"},
    {
        "cloud": "existing",
        "storage_class": "gp3",
        "data": "s3://acme/pets",
        "issuer": "https://login.example.com",
    },
    {
        "cloud": "existing",
        "volumes": "shared",
        "shared_class": "nfs",
        "audience": "public",
        "data": "data/all",
    },
]


def documents(row: dict[str, Any]) -> list[dict[str, Any]]:
    tree = render("CVATLabelingTool", **GIVEN, **row)
    return [one for path in tree.files if "/cvat/" in path for one in yaml.safe_load_all(text(tree, path))]


def values(row: dict[str, Any]) -> dict[str, Any]:
    tree = render("CVATLabelingTool", **GIVEN, **row)
    found = {section.address: section.value for section in tree.sections}
    return found["deployments.cvat"]["helm"]["values"]  # type: ignore[no-any-return, index, call-overload]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_choice_fits_the_schemas(row: dict[str, Any], tmp_path: Path) -> None:
    write(render_all("CVATLabelingTool", **GIVEN, **row), tmp_path)
    assert check_manifests(tmp_path / FOLDER / "cvat") == []
    assert check_devspace(tmp_path / "devspace.yaml") == []


def test_checkov_has_nothing_to_say(tmp_path: Path) -> None:
    tree = render("CVATLabelingTool", **GIVEN)
    for path in tree.files:
        if "/cvat/" in path:
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text(tree, path))
    assert run_checkov(tmp_path, "kubernetes").failed == []


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_nothing_has_a_default_password_and_nothing_is_bitnamis(row: dict[str, Any]) -> None:
    chart = values(row)
    secrets = {"cvat-postgres-secret", "cvat-redis-secret", "cvat-kvrocks-secret", "cvat-superuser"}
    for part in (chart["postgresql"], chart["redis"], chart["cvat"]["kvrocks"]):
        assert part["secret"]["create"] is False
        assert "password" not in part["secret"]
        assert part["secret"]["name"] in secrets
    for part in (
        "postgresql",
        "redis",
        "clickhouse",
        "analytics",
        "traefik",
        "ingress",
        "nuclio",
        "grafana",
        "vector",
    ):
        assert chart[part]["enabled"] is False
    hook = next(
        section.value
        for section in render("CVATLabelingTool", **GIVEN, **row).sections
        if section.address == "hooks[name=cvat-passwords]"
    )
    script = str(hook["command"])  # type: ignore[index, call-overload]
    assert all(f"make {name}" in script for name in secrets)
    used = {
        one["valueFrom"]["secretKeyRef"]["name"]
        for item in documents(row)
        if item["kind"] in ("Job", "CronJob")
        for one in _containers(item)[0]["env"]
        if "valueFrom" in one
    }
    assert used == secrets


def _containers(item: dict[str, Any]) -> Any:
    spec = item["spec"]
    return (spec["jobTemplate"]["spec"] if item["kind"] == "CronJob" else spec)["template"]["spec"][
        "containers"
    ]


def test_the_volume_is_one_nodes_or_shared() -> None:
    alone, shared = values({})["cvat"]["backend"], values({"volumes": "shared"})["cvat"]["backend"]
    assert alone["defaultStorage"]["accessModes"] == ["ReadWriteOnce"]
    assert alone["defaultStorage"]["storageClassName"] == "pets-retain"
    assert "podAffinity" in alone["affinity"]
    assert shared["defaultStorage"]["accessModes"] == ["ReadWriteMany"]
    assert shared["defaultStorage"]["storageClassName"] == "standard-rwx"
    assert "affinity" not in shared


def test_what_does_not_go_together_is_said() -> None:
    for row, words in (
        ({"cloud": "existing", "volumes": "shared"}, "--shared-class"),
        ({"shared_class": "nfs"}, "goes with --volumes shared"),
        ({"data": "ftp://x"}, "--data"),
        ({"cloud": "none"}, "needs images and a cluster"),
        ({"domain": ""}, "needs the domain"),
    ):
        with pytest.raises(Exception, match=words):
            render("CVATLabelingTool", **{**GIVEN, **row})


def test_its_host_has_an_audience_and_two_parts() -> None:
    routes = [one for one in documents({}) if one["kind"] == "VirtualService"]
    assert {route["spec"]["hosts"][0] for route in routes} == {"labeling.pets.ml.example.com"}
    ways = {
        match["uri"]["prefix"]: rule["route"][0]["destination"]
        for route in routes
        for rule in route["spec"]["http"]
        for match in rule.get("match", [{"uri": {"prefix": "/"}}])
    }
    assert ways["/"]["host"] == "cvat-frontend-service.pets.svc.cluster.local"
    assert ways["/"]["port"] == {"number": 80}
    assert ways["/api"]["host"] == "cvat-backend-service.pets.svc.cluster.local"
    assert {rule["timeout"] for route in routes for rule in route["spec"]["http"]} == {"3600s"}
    (policy,) = [one for one in documents({}) if one["kind"] == "AuthorizationPolicy"]
    assert "rules" not in policy["spec"]  # labellers, and there are none yet: nobody


def test_it_is_added_again_updated_and_taken_away(tmp_path: Path) -> None:
    def run(*words: str) -> str:
        done = mx(*words, cwd=root, env={"MX_OPT_MX_SOURCE": "index"})
        assert done.code == 0, done.stdout + done.stderr
        return done.stdout

    root = tmp_path
    run("generate", "MLProjectSkeleton", "pets", "--domain=ml.example.com", "--no-input", "--skip-git")
    root = tmp_path / "pets"
    run("generate", "DeploymentInfrastructure", "--no-input")
    before = {
        path: path.read_bytes() for path in root.rglob("*") if path.is_file() and ".mx" not in path.parts
    }
    run("generate", "CVATLabelingTool", "--no-input")
    assert (
        "create"
        not in run("generate", "CVATLabelingTool", "--no-input", "--json").partition('"changes": [')[2][:9]
    )
    values = root / FOLDER / "cvat/first_user.yaml"
    values.write_text(values.read_text().replace("backoffLimit: 6", "backoffLimit: 9"))
    run("set", "CVATLabelingTool.volume-size=200")
    assert "backoffLimit: 9" in values.read_text()
    assert "200Gi" in (root / "devspace.yaml").read_text()
    values.write_text(values.read_text().replace("backoffLimit: 9", "backoffLimit: 6"))
    run("destroy", "CVATLabelingTool")
    after = {
        path: path.read_bytes() for path in root.rglob("*") if path.is_file() and ".mx" not in path.parts
    }
    assert {str(path) for path in after if before.get(path) != after[path]} == set()
    assert set(after) == set(before)
