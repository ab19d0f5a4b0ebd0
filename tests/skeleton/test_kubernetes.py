"""The Kubernetes manifests of a rendered project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from checks_kubernetes import check_devspace, check_manifests

from mxdev.errors import MxError
from mxdev.testing import contents, mx, render, text, write
from mxdev.tree import Tree
from mxdev_generators.project import platform

FOLDER = "infrastructure/kubernetes"
CLOUDS = ("gcp", "existing")
GPUS = ("nvidia-t4", "nvidia-l4", "nvidia-a100")
ACCELERATORS = ("none", *GPUS)
# Privileged by nature; everything else must be as harmless as it can be.
INSTALLER = "nvidia-driver-installer"


def project(**options: Any) -> Tree:
    return render("MLProjectSkeleton", **{"name": "churn-model", **options})


def objects(tree: Tree, folder: str = FOLDER) -> list[dict[str, Any]]:
    files = [
        path
        for path in tree.files
        if path.startswith(folder) and path.endswith(".yaml") and not path.endswith("_values.yaml")
    ]
    return [item for path in sorted(files) for item in yaml.safe_load_all(text(tree, path))]


def one(tree: Tree, kind: str, name: str, folder: str = FOLDER) -> dict[str, Any]:
    found = [
        item for item in objects(tree, folder) if (item["kind"], item["metadata"]["name"]) == (kind, name)
    ]
    assert len(found) == 1, f"{kind}/{name}: {len(found)}"
    return found[0]


def pods(tree: Tree) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in objects(tree):
        spec = item.get("spec", {}).get("jobTemplate", item).get("spec", {})
        if "template" in spec:
            yield item["metadata"]["name"], spec["template"]["spec"]


def server(tree: Tree) -> dict[str, Any]:
    values = tree.generator.values
    volume = values.cloud == "existing" and not values.artifact_store
    return one(tree, "StatefulSet" if volume else "Deployment", "mlflow")


def container(workload: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = workload["spec"]["template"]["spec"]["containers"][0]
    return found


def environment(workload: dict[str, Any]) -> dict[str, Any]:
    return {entry["name"]: entry.get("value") for entry in container(workload).get("env", [])}


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("accelerator", ACCELERATORS)
@pytest.mark.parametrize("domain", ["", "ml.example.com"])
def test_every_choice_fits_the_schemas(cloud: str, accelerator: str, domain: str, tmp_path: Path) -> None:
    write(project(cloud=cloud, accelerator=accelerator, domain=domain), tmp_path)
    assert check_manifests(tmp_path / FOLDER) == []
    assert check_devspace(tmp_path / "devspace.yaml") == []


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("targetPort: http", "targetport: http", "targetport"),
        ("replicas: 1", "replicas: one", "one"),
        (":v3.17.0-full", ":latest", "no fixed version"),
        (":v3.17.0-full", "", "no fixed version"),
        ("kind: Service\n", "kind: Secret\n", "a secret in the repository"),
        ("namespace: churn-model", "labels: {}", "no namespace"),
    ],
)
def test_the_checks_see_a_fault(before: str, after: str, problem: str, tmp_path: Path) -> None:
    write(project(), tmp_path)
    path = tmp_path / FOLDER / "train-infrastructure" / "mlflow.yaml"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    assert any(problem in found for found in check_manifests(tmp_path / FOLDER))


@pytest.mark.parametrize("cloud", CLOUDS)
def test_data_outlives_a_purge(cloud: str) -> None:
    """DevSpace deletes every object it applied: what must stay is none of them, but made by a StatefulSet."""
    tree = project(cloud=cloud)
    assert "PersistentVolumeClaim" not in [item["kind"] for item in objects(tree)]
    kept = {"postgresql": {"data": "PGDATA"}}
    if cloud == "existing":
        kept["mlflow"] = {"artifacts": "MLFLOW_ARTIFACTS_DESTINATION", "backups": "BACKUPS"}
    for name, volumes in kept.items():
        spec = one(tree, "StatefulSet", name)["spec"]
        assert spec["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Retain"
        assert [claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]] == list(volumes)
        mounts = {mount["name"]: mount["mountPath"] for mount in container({"spec": spec})["volumeMounts"]}
        for volume, inside in volumes.items():
            assert str(environment({"spec": spec})[inside]).startswith(mounts[volume])


def test_artifacts_go_to_the_bucket_as_a_google_service_account() -> None:
    tree = project(project_id="acme-ml-4711")
    assert (
        environment(server(tree))["MLFLOW_ARTIFACTS_DESTINATION"]
        == "gs://acme-ml-4711-churn-model-artifacts/mlflow"
    )
    for name in ("mlflow", "trainer"):
        account = one(tree, "ServiceAccount", name)["metadata"]["annotations"][
            "iam.gke.io/gcp-service-account"
        ]
        assert account == f"churn-model-{name}@acme-ml-4711.iam.gserviceaccount.com"
    assert server(tree)["spec"]["template"]["spec"]["serviceAccountName"] == "mlflow"


def test_an_existing_cluster_needs_nothing_of_google() -> None:
    tree = project(cloud="existing", accelerator="nvidia-l4", project_id="acme-ml-4711")
    whole = "".join(text(tree, path) for path in tree.files if path.startswith(FOLDER))
    assert not re.search(r"gke|gserviceaccount|gs://|acme-ml-4711", whole)


def test_the_password_is_in_no_file_and_in_no_address() -> None:
    tree = project()
    assert one(tree, "StatefulSet", "postgresql")["spec"]["template"]["spec"]["volumes"][0]["secret"] == {
        "secretName": "mlflow-database",
        "defaultMode": 0o440,
    }
    steps = [step for _, pod in pods(tree) for step in [*pod.get("initContainers", []), *pod["containers"]]]
    with_password = [
        step for step in steps if any("secretKeyRef" in str(entry) for entry in step.get("env", []))
    ]
    assert {step["name"] for step in with_password} == {"pending", "dump", "migrate", "mlflow", "restore"}
    for step in with_password:
        secrets = [entry for entry in step["env"] if "valueFrom" in entry]
        reference = {"name": "mlflow-database", "key": "password"}
        assert secrets == [{"name": "PGPASSWORD", "valueFrom": {"secretKeyRef": reference}}]
    assert "//mlflow@postgresql:5432/" in environment(server(tree))["MLFLOW_BACKEND_STORE_URI"]


def test_only_the_server_reaches_the_database() -> None:
    tree = project(cloud="existing")
    policy = one(tree, "NetworkPolicy", "postgresql")["spec"]
    assert (
        policy["podSelector"]["matchLabels"].items() <= labels(one(tree, "StatefulSet", "postgresql")).items()
    )
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in policy
    (port,) = policy["ingress"][0]["ports"]
    selectors = [rule["podSelector"]["matchLabels"] for rule in policy["ingress"][0]["from"]]
    assert port["port"] == 5432
    matched = {
        item["metadata"]["name"]
        for item in objects(tree)
        if any(selector.items() <= labels(item).items() for selector in selectors)
    }
    assert matched == {"mlflow", "database-backup", "restore-database"}


def labels(item: dict[str, Any]) -> dict[str, str]:
    spec = item.get("spec", {}).get("jobTemplate", item).get("spec", {})
    found: dict[str, str] = spec.get("template", {}).get("metadata", {}).get("labels", {})
    return found


@pytest.mark.parametrize("domain", ["", "ml.example.com"])
def test_the_server_answers_to_its_names(domain: str) -> None:
    values = environment(server(project(domain=domain)))
    hosts = str(values["MLFLOW_SERVER_ALLOWED_HOSTS"]).split(",")
    wanted = {"localhost:*", "mlflow:*", "mlflow.churn-model.svc.cluster.local:*"}
    assert wanted <= set(hosts)
    assert ("mlflow.ml.example.com" in hosts) == bool(domain)
    assert values.get("MLFLOW_SERVER_CORS_ALLOWED_ORIGINS") == (
        f"https://mlflow.{domain}" if domain else None
    )


@pytest.mark.parametrize(
    ("options", "number"),
    [
        ({"gpu_driver": "daemonset"}, 7),
        ({"gpu_driver": "google"}, 6),
        ({"database": "cloud-sql"}, 3),
        ({"cloud": "existing"}, 6),
    ],
)
def test_pods_can_do_little_harm(options: dict[str, str], number: int) -> None:
    seen = []
    for name, pod in pods(project(accelerator="nvidia-l4", **options)):
        seen.append(name)
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for step in [*pod.get("initContainers", []), *pod["containers"]]:
            where, context = f"{name}/{step['name']}", step["securityContext"]
            assert {"requests", "limits"} <= set(step["resources"]), where
            if where == f"{INSTALLER}/install":
                continue
            assert (context.get("runAsNonRoot") or pod["securityContext"].get("runAsNonRoot")) is True, where
            assert context["allowPrivilegeEscalation"] is False, where
            assert context["capabilities"] == {"drop": ["ALL"]}, where
            if name != "replaced-by-mlflow":
                assert context["readOnlyRootFilesystem"] is True, where
    assert len(seen) == number


@pytest.mark.parametrize("gpu", GPUS)
def test_the_driver_has_one_owner(gpu: str) -> None:
    tree = project(accelerator=gpu, gpu_driver="daemonset")
    terms = one(tree, "DaemonSet", INSTALLER)["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
    (term,) = terms["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert {item["key"]: item["operator"] for item in term["matchExpressions"]} == {
        "cloud.google.com/gke-accelerator": "Exists",
        "cloud.google.com/gke-gpu-driver-version": "DoesNotExist",
    }
    pools = "".join(text(tree, path) for path in tree.files if path.endswith(".tf"))
    assert 'gpu_driver  = "daemonset"' in text(tree, "infrastructure/terraform/terraform.tfvars")
    (google,) = re.findall(rf'{gpu} = {{\s*type\s*=\s*"([\w-]+)"', pools)
    assert {gpu_label(tree, name) for name in ("replaced-by-mlflow", "cuda-smoke-test")} == {google}


@pytest.mark.parametrize("gpu", GPUS)
@pytest.mark.parametrize("cloud", ["gcp", "existing"])
def test_what_generators_add_goes_to_nodes_with_the_same_label(cloud: str, gpu: str) -> None:
    added: dict[str, dict[str, str]] = {
        "DebugPod": {},
        "DistributedTraining": {},
        "Acceptance": {"schedule": "17 3 * * 1"},
    }
    skeleton = project(cloud=cloud, accelerator=gpu)
    wanted = {gpu_label(skeleton, "replaced-by-mlflow")} if cloud == "gcp" else set()
    for name, options in added.items():
        tree = render(name, name="m1", cloud=cloud, accelerator=gpu, **options)
        yamls = [file.data.decode() for path, file in tree.files.items() if path.endswith(".yaml")]
        assert set(re.findall(r"gke-accelerator: (\S+)", "".join(yamls))) == wanted, name


def test_where_google_installs_the_driver_nobody_else_does() -> None:
    tree = project(accelerator="nvidia-l4")
    assert "DaemonSet" not in [item["kind"] for item in objects(tree)]
    assert 'gpu_driver  = "google"' in text(tree, "infrastructure/terraform/terraform.tfvars")


def test_elsewhere_the_operator_owns_the_driver() -> None:
    tree = project(cloud="existing", accelerator="nvidia-l4")
    assert "DaemonSet" not in [item["kind"] for item in objects(tree)]
    values = yaml.safe_load(text(tree, f"{FOLDER}/cuda-drivers/gpu_operator_values.yaml"))
    assert values["driver"]["enabled"] is True


def gpu_label(tree: Tree, name: str) -> str:
    pod = one(tree, "Job", name)["spec"]["template"]["spec"]
    return str(pod["nodeSelector"]["cloud.google.com/gke-accelerator"])


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("accelerator", ACCELERATORS)
def test_jobs_ask_for_the_gpu_that_there_is(cloud: str, accelerator: str) -> None:
    tree = project(cloud=cloud, accelerator=accelerator)
    for name in ("replaced-by-mlflow", "cuda-smoke-test"):
        job = one(tree, "Job", name)
        pod = job["spec"]["template"]["spec"]
        wanted = accelerator != "none" or name == "cuda-smoke-test"
        assert ("nvidia.com/gpu" in container(job)["resources"]["limits"]) == wanted
        assert ("tolerations" in pod) == wanted
        assert ("nodeSelector" in pod) == (cloud == "gcp" and accelerator != "none")
    # A node that never comes must not keep the smoke test waiting for ever.
    assert one(tree, "Job", "cuda-smoke-test")["spec"]["activeDeadlineSeconds"] <= 3600


def test_training_that_fills_its_disk_fails_and_does_not_begin_again() -> None:
    """A pod that the node takes away for its own full disk counts as disrupted; one above a limit of its own does not."""
    job = one(project(), "Job", "replaced-by-mlflow")
    pod = job["spec"]["template"]["spec"]
    paths = {mount["name"]: mount["mountPath"] for mount in container(job)["volumeMounts"]}
    assert paths == {"shared-memory": "/dev/shm", "tmp": "/tmp"}
    limits = {volume["name"]: volume["emptyDir"]["sizeLimit"] for volume in pod["volumes"]}
    assert limits == {"shared-memory": "2Gi", "tmp": "50Gi"}
    (rule,) = job["spec"]["podFailurePolicy"]["rules"]
    assert rule["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]


def test_the_job_template_is_what_mlflow_takes() -> None:
    """mlflow/projects/kubernetes.py sets name, image and command of the first container and appends to its `env`."""
    job = one(project(), "Job", "replaced-by-mlflow")
    assert job["metadata"]["namespace"] == "churn-model"
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == "trainer"
    assert [one["name"] for one in container(job)["env"]] == ["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_waiver_says_why(cloud: str) -> None:
    for item in objects(project(cloud=cloud, accelerator="nvidia-l4")):
        waivers = {
            key: value
            for key, value in item["metadata"].get("annotations", {}).items()
            if key.startswith("checkov.io/")
        }
        assert list(waivers) == [f"checkov.io/skip{number}" for number in range(1, len(waivers) + 1)]
        assert all(re.fullmatch(r"CKV2?_K8S_\d+=.{15,}", value) for value in waivers.values()), waivers


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_readme_speaks_of_what_is_there(cloud: str) -> None:
    tree = project(cloud=cloud)
    readme = text(tree, f"{FOLDER}/README.md")
    for kind, name in re.findall(r"\b(deployment|statefulset)/(\w+)", readme):
        one(tree, {"deployment": "Deployment", "statefulset": "StatefulSet"}[kind], name)
    for name in re.findall(r"`((?:train-infrastructure|cuda-drivers)/[\w.]*|[\w/]+\.yaml)`", readme):
        assert any(
            path.startswith(f"{FOLDER}/{name}") or path == name
            for path in [*tree.files, "devspace.yaml", "mx.yaml"]
        ), name
    claims = re.findall(r"pvc/(\w+)-(\w+)-0", readme)
    own = [("artifacts", "mlflow"), ("backups", "mlflow")] if cloud == "existing" else []
    assert claims == [("data", "postgresql"), *own]


def test_the_smoke_test_runs_in_the_project_s_own_image_as_training_does() -> None:
    """What it proves it proves for that image: with NVIDIA's own it passed where training found no GPU."""
    job = one(project(accelerator="nvidia-l4"), "Job", "cuda-smoke-test")
    assert container(job)["image"].startswith("europe-west4-docker.pkg.dev/churn-model/churn-model/run:")
    assert environment(job)["LD_LIBRARY_PATH"] == "/usr/local/nvidia/lib64"
    assert "torch.cuda.is_available()" in container(job)["command"][-1]
    elsewhere = one(
        project(cloud="existing", registry="ghcr.io/acme/churn", pull_secret="ghcr"), "Job", "cuda-smoke-test"
    )
    assert container(elsewhere)["image"].startswith("ghcr.io/acme/churn/run:")
    assert "LD_LIBRARY_PATH" not in environment(elsewhere)
    assert elsewhere["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "ghcr"}]


def test_only_google_s_upgrades_wait_for_the_one_server_and_the_one_database() -> None:
    """Elsewhere such a budget would stop whoever drains a node, for good."""
    tree = project()
    for name in ("mlflow", "postgresql"):
        budget = one(tree, "PodDisruptionBudget", name)["spec"]
        workload = server(tree) if name == "mlflow" else one(tree, "StatefulSet", name)
        assert budget["maxUnavailable"] == 0
        assert budget["selector"]["matchLabels"].items() <= labels(workload).items()
        annotations = workload["spec"]["template"]["metadata"]["annotations"]
        assert annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
    assert "PodDisruptionBudget" not in [item["kind"] for item in objects(project(cloud="existing"))]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "churn-model-retain"),
        ({"storage_class": "premium-rwo"}, "premium-rwo"),
        ({"cloud": "existing"}, None),
        ({"cloud": "existing", "storage_class": "gp3"}, "gp3"),
    ],
)
def test_volumes_have_the_class_that_keeps_them(options: dict[str, str], expected: str | None) -> None:
    tree = project(**options)
    claims = [
        claim["spec"].get("storageClassName")
        for item in objects(tree)
        for claim in item.get("spec", {}).get("volumeClaimTemplates", [])
    ]
    assert set(claims) == {expected}
    classes = [item for item in objects(tree) if item["kind"] == "StorageClass"]
    assert [item["metadata"]["name"] for item in classes] == (["churn-model-retain"] if not options else [])
    assert all(item["reclaimPolicy"] == "Retain" for item in classes)


@pytest.mark.parametrize(
    "store", ["s3://acme-ml/churn", "wasbs://mlflow@acmestorage.blob.core.windows.net/churn"]
)
def test_a_cluster_of_one_s_own_keeps_artifacts_in_a_store_of_one_s_own(store: str) -> None:
    endpoint = "http://minio.minio.svc:9000" if store.startswith("s3") else ""
    tree = project(cloud="existing", artifact_store=store, artifact_endpoint=endpoint)
    assert environment(server(tree))["MLFLOW_ARTIFACTS_DESTINATION"] == f"{store}/mlflow"
    assert environment(server(tree)).get("MLFLOW_S3_ENDPOINT_URL") == (endpoint or None)
    claims = [
        item["metadata"]["name"] for item in objects(tree) if "volumeClaimTemplates" in item.get("spec", {})
    ]
    assert claims == ["postgresql"], "only the database has a volume"
    using = [
        step["name"]
        for _, pod in pods(tree)
        for step in [*pod.get("initContainers", []), *pod["containers"]]
        if step.get("envFrom") == [{"secretRef": {"name": "artifact-store", "optional": True}}]
    ]
    assert sorted(using) == ["fetch", "keep", "keep", "migrate", "mlflow"]


@pytest.mark.parametrize(
    "options", [{}, {"cloud": "existing"}, {"cloud": "existing", "artifact_store": "s3://acme-ml/churn"}]
)
def test_the_server_hands_out_no_dump(options: dict[str, str]) -> None:
    """It reads and deletes whatever is at its destination, for whoever asks."""
    values = environment(server(project(**options)))
    assert not f"{values['BACKUPS']}/".startswith(f"{values['MLFLOW_ARTIFACTS_DESTINATION']}/")
    assert not f"{values['MLFLOW_ARTIFACTS_DESTINATION']}/".startswith(f"{values['BACKUPS']}/")


def test_training_pulls_with_the_project_s_secret() -> None:
    account = one(project(cloud="existing", pull_secret="ghcr"), "ServiceAccount", "trainer")
    assert account["imagePullSecrets"] == [{"name": "ghcr"}]
    assert "imagePullSecrets" not in one(project(cloud="existing"), "ServiceAccount", "trainer")


def test_an_image_without_a_registry_is_nobody_s() -> None:
    """`churn-model/run` would be whoever's has that name on Docker Hub."""
    assert (
        platform.image_registry({"registry": "", "cloud": "existing", "name": "churn-model"})
        == "localhost/churn-model"
    )


def test_cloud_sql_has_no_password_and_no_pod() -> None:
    tree = project(database="cloud-sql", project_id="acme-ml-4711")
    whole = "".join(
        text(tree, path) for path in tree.files if path.startswith(FOLDER) and path.endswith(".yaml")
    )
    assert "PASSWORD" not in whole
    assert "secretKeyRef" not in whole
    assert "postgresql" not in [item["metadata"]["name"] for item in objects(tree)]
    assert environment(server(tree))["MLFLOW_BACKEND_STORE_URI"] == (
        "postgresql+psycopg2://churn-model-mlflow%40acme-ml-4711.iam@127.0.0.1:5432/mlflow"
    )
    proxy, migrate = server(tree)["spec"]["template"]["spec"]["initContainers"]
    assert proxy["restartPolicy"] == "Always", "it must run beside the server, and before the tables are made"
    assert proxy["args"][-1] == "acme-ml-4711:europe-west4:churn-model"
    assert migrate["command"][:3] == ["mlflow", "db", "upgrade"]
    devspace = contents(tree)["devspace.yaml"].decode()
    assert "database-password" not in devspace
    assert "restore-database" not in devspace


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cloud": "gcp", "artifact_store": "s3://acme-ml/churn"}, "the bucket that Terraform makes"),
        ({"cloud": "existing", "artifact_endpoint": "http://minio:9000"}, "begins with s3://"),
        ({"cloud": "existing", "database": "cloud-sql"}, "Google's"),
    ],
)
def test_what_does_not_go_together_is_refused(options: dict[str, str], said: str) -> None:
    with pytest.raises(MxError, match=said):
        project(**options)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--artifact-store", "https://acme-ml.s3.amazonaws.com"),
        ("--artifact-store", "s3://Acme"),
        ("--artifact-store", "wasbs://ml@acme.example.com/x"),
        ("--artifact-endpoint", "minio:9000"),
        ("--registry", "ghcr.io/Acme/churn"),
        ("--registry", "ghcr.io/acme/churn:v1"),
        ("--storage-class", "GP3"),
        ("--pull-secret", "a b"),
    ],
)
def test_a_value_that_is_none_is_refused(flag: str, value: str, tmp_path: Path) -> None:
    done = mx(
        "generate",
        "MLProjectSkeleton",
        "churn-model",
        "--cloud=existing",
        f"{flag}={value}",
        "--no-input",
        cwd=tmp_path,
    )
    assert done.code == 2
    assert flag in done.stderr
    assert not (tmp_path / "churn-model").exists()
