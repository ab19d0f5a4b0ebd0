"""What DistributedTraining renders: by the schemas, with the skeleton, again, and taken away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from checks_checkov import run_checkov
from checks_kubernetes import check_devspace, check_manifests
from checks_terraform import check_terraform
from covering import DISTRIBUTED, Row, label, rows

from mxdev.cluster import manifest
from mxdev.flow.cluster import options
from mxdev.flow.declared import mlproject
from mxdev.generator.tree import Tree
from mxdev.testing import mx, render, render_all, text, write

ROWS = rows(DISTRIBUTED)
FOLDER = "infrastructure/kubernetes"
JOB = f"{FOLDER}/distributed_job.yaml"
RUNTIME = f"{FOLDER}/training_runtime.yaml"


def job(tree: Tree) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text(tree, JOB))
    return found


def pods(tree: Tree) -> list[dict[str, Any]]:
    """The pods of a job, whatever it is made of."""
    if tree.generator.values.runtime == "pytorchjob":
        replicas = job(tree)["spec"]["pytorchReplicaSpecs"]
        assert set(replicas) == ({"Worker"} if tree.generator.values.elastic else {"Master", "Worker"})
        return [replica["template"] for replica in replicas.values()]
    runtime = yaml.safe_load(text(tree, RUNTIME))
    (node,) = runtime["spec"]["template"]["spec"]["replicatedJobs"]
    return [node["template"]["spec"]["template"]]


def size(tree: Tree) -> tuple[int, str, dict[str, Any]]:
    """Pods, processes in each, and their resources."""
    spec = job(tree)["spec"]
    if "trainer" in spec:
        trainer = spec["trainer"]
        return trainer["numNodes"], str(trainer["numProcPerNode"]), trainer["resourcesPerNode"]
    count = sum(replica["replicas"] for replica in spec["pytorchReplicaSpecs"].values())
    (container,) = pods(tree)[0]["spec"]["containers"]
    return count, spec["nprocPerNode"], container["resources"]


@pytest.mark.parametrize("row", ROWS, ids=map(label, ROWS))
def test_every_choice_fits_the_schemas(row: Row, tmp_path: Path) -> None:
    write(render_all("DistributedTraining", **row), tmp_path)
    assert check_manifests(tmp_path / FOLDER) == []
    assert check_devspace(tmp_path / "devspace.yaml") == []
    terraform = tmp_path / "infrastructure/terraform"
    assert (terraform / "spot_pool.tf").exists() == ("spot" in row)
    if "spot" in row:
        assert check_terraform(terraform) == []


@pytest.mark.parametrize("row", ROWS, ids=map(label, ROWS))
def test_the_size_is_what_was_asked_for(row: Row) -> None:
    tree = render("DistributedTraining", **row)
    gpus = row.get("gpus_per_worker", 0 if row["accelerator"] == "none" else 1)
    count, processes, resources = size(tree)
    assert count == row["workers"] + 1
    assert processes == str(max(1, gpus))
    assert resources["limits"].get("nvidia.com/gpu") == (str(gpus) if gpus else None)
    for name in ("cpu", "memory"):
        assert resources["requests"][name] == resources["limits"][name]
    assert row.get("cpus") in (None, resources["limits"]["cpu"])
    assert row.get("memory") in (None, resources["limits"]["memory"])
    assert job(tree)["metadata"]["labels"].get("kueue.x-k8s.io/queue-name") == row.get("queue")
    elastic = job(tree)["spec"].get("elasticPolicy", {})
    assert elastic.get("minReplicas") == row.get("elastic")
    assert elastic.get("maxReplicas") in (None, count)
    for pod in pods(tree):
        assert ("tolerations" in pod["spec"]) == bool(gpus)
        keys = [one["key"] for one in pod["spec"].get("tolerations", [])]
        assert ("cloud.google.com/gke-spot" in keys) == ("spot" in row)
        assert pod["spec"].get("nodeSelector", {}).get("cloud.google.com/gke-spot") == (
            "true" if "spot" in row else None
        )
        assert ("nodeSelector" in pod["spec"]) == (bool(gpus) and row["cloud"] == "gcp")


@pytest.mark.parametrize("runtime", ["pytorchjob", "trainjob"])
@pytest.mark.parametrize("accelerator", ["none", "nvidia-l4"])
def test_a_pod_is_like_that_of_one_machine(runtime: str, accelerator: str) -> None:
    """The same rights, labels (so the same network policy), node and shared memory as in `train_job.yaml`."""
    given: dict[str, Any] = {"name": "churn-model", "accelerator": accelerator}
    alone = yaml.safe_load(text(render("MLProjectSkeleton", **given), f"{FOLDER}/train_job.yaml"))
    one = alone["spec"]["template"]
    for pod in pods(render("DistributedTraining", runtime=runtime, **given)):
        assert pod["metadata"] == one["metadata"]
        # A label: Istio's webhook goes by it, and by no annotation.
        assert pod["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"
        assert pod["metadata"]["annotations"] == {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
        for name in ("serviceAccountName", "automountServiceAccountToken", "volumes"):
            assert pod["spec"][name] == one["spec"][name]
        for name in ("nodeSelector", "tolerations"):
            assert pod["spec"].get(name) == one["spec"].get(name)
        # A worker's init container, the operator's own, has no user, and its image's would be root.
        user = {"runAsUser": 1000, "runAsGroup": 1000}
        assert pod["spec"]["securityContext"] == {**one["spec"]["securityContext"], **user}
        (container,), (other,) = pod["spec"]["containers"], one["spec"]["containers"]
        for name in ("securityContext", "volumeMounts", "imagePullPolicy"):
            assert container[name] == other[name]


def test_the_image_has_the_user_of_the_pod() -> None:
    skeleton = render("MLProjectSkeleton", name="churn-model")
    dockerfile = text(skeleton, "infrastructure/docker/Dockerfile")
    assert "useradd --create-home --uid 1000 app" in dockerfile


@pytest.mark.parametrize("runtime", ["pytorchjob", "trainjob"])
def test_mx_fills_it_in(runtime: str, tmp_path: Path) -> None:
    tree = render("DistributedTraining", name="churn-model", runtime=runtime)
    path = tmp_path / "job.yaml"
    path.write_text(text(tree, JOB))
    filled = manifest.fill(
        manifest.read(path),
        name="churn-model-0123456789", image="registry/run:abc", command="torchrun -m churn_model.trainer",
        environment={"MLFLOW_RUN_ID": "0123"}, labels={"mlflow-run-id": "0123"},
    )  # fmt: skip
    whole = yaml.safe_load(manifest.dump(filled))
    assert "replaced-by-mx" not in json.dumps(whole)
    assert options.TEMPLATES["distributed"] == JOB


def test_more_processes_and_pods_may_fail_more_often() -> None:
    """The operator adds up the restarts of all pods, and when one fails, all do."""
    for workers in (1, 5):
        tree = render("DistributedTraining", name="churn-model", workers=workers)
        assert job(tree)["spec"]["runPolicy"]["backoffLimit"] == 10 * (workers + 1)


@pytest.mark.parametrize("accelerator", ["none", "nvidia-l4"])
def test_the_entry_point_starts_a_process_for_each_gpu(accelerator: str, tmp_path: Path) -> None:
    write(render_all("DistributedTraining", name="churn-model", accelerator=accelerator), tmp_path)
    project = mlproject.read(tmp_path)
    entry = project.entry_points[options.default_entry(project, "distributed")]
    assert entry.name == "distributed"
    assert entry.parameters["processes"].default == ("1" if accelerator == "none" else "gpu")


@pytest.fixture(params=["pytorchjob", "trainjob"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project with the generator, rendered by `mx generate`."""
    done = mx("generate", "MLProjectSkeleton", "churn-model", "--no-input", "--skip-git", cwd=tmp_path)
    assert done.code == 0, done.stderr
    root = tmp_path / "churn-model"
    done = mx("generate", "DistributedTraining", f"--runtime={request.param}", "--no-input", cwd=root)
    assert done.code == 0, done.stderr
    return root


def files(root: Path) -> dict[str, bytes]:
    ignored = (".mx/undo/", ".mx/lock")
    return {
        name: path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not (name := path.relative_to(root).as_posix()).startswith(ignored)
    }


def test_lint_and_checkov_find_nothing(project: Path) -> None:
    done = mx("lint", "--require-all", cwd=project)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr
    assert run_checkov(project / FOLDER, "kubernetes").failed == []


def test_again_and_back(project: Path) -> None:
    """Generating again changes nothing; destroying takes back every byte."""
    answer = json.loads(mx("generate", "DistributedTraining", "--json", cwd=project).stdout)
    assert answer["outcome"] == "nothing"
    with_it = files(project)
    assert mx("destroy", "DistributedTraining", "--no-input", cwd=project).code == 0
    without = files(project)
    assert not [name for name in without if "distributed" in name or "training-operator" in name]
    assert "training-operator" not in without["devspace.yaml"].decode()
    assert mx("generate", "DistributedTraining", "--no-input", cwd=project).code == 0
    # The runtime is an option: without it, the default.
    if b"PyTorchJob" in with_it[JOB]:
        assert files(project) == with_it


def test_an_edit_outlives_another_size(project: Path) -> None:
    path = project / JOB
    path.write_text(path.read_text().replace("memory: 6Gi", "memory: 7Gi"))
    done = mx("set", "DistributedTraining.workers=5", "--no-input", cwd=project)
    assert done.code == 0, done.stderr
    after = path.read_text()
    assert "memory: 7Gi" in after
    assert "memory: 6Gi" not in after
    assert "6 pods" in after


def test_the_other_runtime_takes_the_place_of_the_first(project: Path) -> None:
    first = "trainjob" if (project / RUNTIME).exists() else "pytorchjob"
    other = "pytorchjob" if first == "trainjob" else "trainjob"
    done = mx("set", f"DistributedTraining.runtime={other}", "--no-input", cwd=project)
    assert done.code == 0, done.stderr
    assert (project / RUNTIME).exists() == (other == "trainjob")
    assert (project / FOLDER / "training-operator").exists() == (other == "pytorchjob")
    deployments = yaml.safe_load((project / "devspace.yaml").read_text())["deployments"]
    assert ("training-runtime" in deployments) == (other == "trainjob")
    assert ("helm" in deployments["training-operator"]) == (other == "trainjob")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("--workers=0", "1<=x<=1024"),
        ("--workers=1025", "1<=x<=1024"),
        ("--gpus-per-worker=-1", "0<=x<=16"),
        ("--gpus-per-worker=1", "the project has no accelerator"),
        ("--cpus=four", "a number of cores"),
        ("--cpus=0", "a number of cores"),
        ("--memory=6", "an amount of memory"),
        ("--memory=6 Gi", "an amount of memory"),
        ("--runtime=mpijob", "pytorchjob"),
        ("--elastic=4", "there are 3 pods at most"),
    ],
)
def test_wrong_values_are_refused(given: str, message: str, tmp_path: Path) -> None:
    assert mx("generate", "MLProjectSkeleton", "ab", "--no-input", "--skip-git", cwd=tmp_path).code == 0
    done = mx("generate", "DistributedTraining", given, "--no-input", cwd=tmp_path / "ab")
    assert done.code == 2
    assert message in done.stderr
    assert not (tmp_path / "ab" / JOB).exists()


def test_a_train_job_is_not_elastic(tmp_path: Path) -> None:
    assert mx("generate", "MLProjectSkeleton", "ab", "--no-input", "--skip-git", cwd=tmp_path).code == 0
    given = ("--runtime=trainjob", "--elastic=1")
    done = mx("generate", "DistributedTraining", *given, "--no-input", cwd=tmp_path / "ab")
    assert done.code == 2
    assert "--elastic is for --runtime pytorchjob" in done.stderr


@pytest.mark.parametrize("cpus", ["4", "0.5", "500m", "12.25"])
def test_quantities_stay_text(cpus: str) -> None:
    _, _, resources = size(render("DistributedTraining", name="churn-model", cpus=cpus))
    assert resources["limits"]["cpu"] == cpus


@pytest.mark.parametrize("runtime", ["pytorchjob", "trainjob"])
@pytest.mark.parametrize(
    "given", [{}, {"accelerator": "nvidia-l4"}, {"accelerator": "nvidia-l4", "gpus_per_worker": 0}]
)
def test_next_steps_exist(runtime: str, given: dict[str, Any], tmp_path: Path) -> None:
    run = render_all("DistributedTraining", name="churn-model", runtime=runtime, **given)
    write(run, tmp_path)
    tree = run.renderings[-1].tree
    assert tree is not None
    deployments = yaml.safe_load((tmp_path / "devspace.yaml").read_text())["deployments"]
    commands = [step.command for step in tree.next_steps]
    assert [c.split()[2] for c in commands if c.startswith("devspace deploy")] == list(deployments)[2:]
    for command in commands:
        words = command.split()
        if words[0] == "mx":
            done = mx(*words[1:3], "--help", cwd=tmp_path)
            assert done.code == 0
            assert all(word.split("=")[0] in done.stdout for word in words[3:] if word.startswith("--"))
    without_gpu = given.get("gpus_per_worker") == 0
    assert commands[-1].endswith(" -P processes=1") == without_gpu


def test_the_page_of_the_project_names_what_is_there(project: Path) -> None:
    page = (project / "docs/distributed_training.md").read_text()
    deployments = yaml.safe_load((project / "devspace.yaml").read_text())["deployments"]
    for line in page.splitlines():
        if line.startswith("devspace deploy "):
            assert line.split()[2] in deployments
    assert "numProcPerNode" in page if (project / RUNTIME).exists() else "nprocPerNode" in page


@pytest.mark.parametrize("spot", [False, True])
@pytest.mark.parametrize("gpus", [1, 2])
def test_what_is_said_about_machines_is_about_those_that_train(gpus: int, spot: bool) -> None:
    options = {
        "name": "m1",
        "cloud": "gcp",
        "accelerator": "nvidia-l4",
        "gpus_per_worker": gpus,
        "spot": spot,
    }
    tree = render("DistributedTraining", **options)
    (why,) = [one.why for one in tree.next_steps if one.command.startswith("terraform ")]
    page = text(tree, "docs/distributed_training.md").replace("\n", " ")
    assert f"lets the pool of {'spot' if spot else 'GPU'} nodes grow" in page
    if gpus > 1:
        where, other = ("spot_pool.tf", "gpu_pool.tf") if spot else ("gpu_pool.tf", "spot_pool.tf")
        assert f"in `{where}` the machine's type" in page
        assert where in why
        assert other not in why + page
    else:
        assert f"lets the {'pool of spot nodes' if spot else 'GPU pool'} grow" in why


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--cloud=existing", "--accelerator=nvidia-l4"], "--spot is for Google Cloud"),
        (["--cloud=gcp", "--accelerator=none"], "--spot is about nodes with GPUs"),
    ],
)
def test_spot_nodes_that_cannot_be_are_refused(options: list[str], says: str, tmp_path: Path) -> None:
    done = mx("generate", "MLProjectSkeleton", "m1", *options, "--no-input", "--skip-git", cwd=tmp_path)
    assert done.code == 0, done.stderr
    done = mx("generate", "DistributedTraining", "--spot", "--no-input", cwd=tmp_path / "m1")
    assert done.code == 2
    assert says in done.stderr
