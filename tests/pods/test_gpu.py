"""A pod that was given a GPU uses it, or fails: the driver's folder, the device, and how much of its machine a pod asks for."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from control_plane.environment import environment
from ml_environment import ml_python

from mxdev import testing
from mxdev.cluster import manifest
from mxdev.flow import words
from mxdev.tree import Tree
from mxdev_generators.project.machines import MACHINES, Machine

pytestmark = pytest.mark.noted()

__all__ = ["ml_python"]

KUBERNETES = "infrastructure/kubernetes"
# Where GKE's device plugin mounts the driver (https://cloud.google.com/kubernetes-engine/docs/how-to/gpus#cuda).
DRIVER = "/usr/local/nvidia/lib64"
KINDS = ("job", "pytorchjob", "trainjob")
GPUS = ("nvidia-t4", "nvidia-l4", "nvidia-a100")


def rendered(kind: str, **options: Any) -> Tree:
    """A tree with the template of a pod of this kind."""
    options.setdefault("name", "churn-model")
    if kind == "job":
        return testing.render("MLProjectSkeleton", **options)
    return testing.render("DistributedTraining", runtime=kind, **options)


def pod(kind: str, **options: Any) -> dict[str, Any]:
    """The pod that trains, filled in as mx does; of a TrainJob, what the runtime says of it."""
    tree = rendered(kind, **options)
    if kind == "trainjob":
        runtime = yaml.safe_load(testing.text(tree, f"{KUBERNETES}/training_runtime.yaml"))
        template: dict[str, Any] = runtime["spec"]["template"]["spec"]["replicatedJobs"][0]["template"][
            "spec"
        ]["template"]
    else:
        template = _filled(tree, kind)
    return {
        "metadata": {"name": "x", "namespace": "churn-model", **template["metadata"]},
        "spec": template["spec"],
    }


def _filled(tree: Tree, kind: str) -> dict[str, Any]:
    path = words.TEMPLATES["kubernetes" if kind == "job" else "distributed"]
    filled = manifest.fill(
        yaml.safe_load(testing.text(tree, path)), name="x", image="i", command="true",
        environment={"MLFLOW_RUN_ID": "0123"}, labels={},
    )  # fmt: skip
    if kind == "job":
        job: dict[str, Any] = filled["spec"]["template"]
        return job
    master: dict[str, Any] = filled["spec"]["pytorchReplicaSpecs"]["Master"]["template"]
    return master


def variables(found: Mapping[str, Any]) -> dict[str, str]:
    """The variables that a pod's manifest gives its container."""
    (container,) = found["spec"]["containers"]
    return environment(dict(found), container, lambda _job: 0, _no_secret)


def _no_secret(kind: str, name: str, key: str) -> str:
    raise KeyError(f"{kind} {name} {key}")


def of_the_image() -> dict[str, str]:
    """The variables that stand in the Dockerfile before what is installed: those of every stage."""
    source = testing.text(rendered("job"), "infrastructure/docker/Dockerfile")
    base = source[source.index(" AS base") : source.index(" AS dev")].replace("\\\n", "")
    (given,) = re.findall(r"^ENV (.+)$", base, re.M)
    return dict(one.split("=", 1) for one in given.split())


def loads_driver(given: Mapping[str, str], root: Path) -> bool:
    """Whether a process with these variables finds `libcuda.so.1`; the container's folders are below `root`."""
    mapped = {
        name: os.pathsep.join(f"{root}{part}" for part in value.split(os.pathsep))
        for name, value in given.items()
        if name == "LD_LIBRARY_PATH"
    }
    kept = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    done = subprocess.run(
        [sys.executable, "-c", 'import ctypes; ctypes.CDLL("libcuda.so.1")'],
        env={**kept, **mapped}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 or "libcuda.so.1: cannot open shared object file" in done.stderr, done.stderr
    return done.returncode == 0


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The root of a container on a GPU node of GKE, with a false driver: some library under the driver's name."""
    import _ctypes

    if sys.platform != "linux":
        pytest.skip("libraries are found by LD_LIBRARY_PATH on Linux only")
    folder = tmp_path / DRIVER.lstrip("/")
    folder.mkdir(parents=True)
    shutil.copyfile(_ctypes.__file__, folder / "libcuda.so.1")
    assert not loads_driver({}, tmp_path), "it must not be found in any case"
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_a_pod_finds_the_driver_where_gke_mounts_it(kind: str, machine: Path) -> None:
    given = variables(pod(kind, accelerator="nvidia-l4"))
    assert loads_driver(given, machine)
    del given["LD_LIBRARY_PATH"]
    assert not loads_driver(given, machine)


def test_the_image_finds_it_in_any_pod(machine: Path) -> None:
    assert loads_driver(of_the_image(), machine)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cloud", ["gcp", "existing"])
@pytest.mark.parametrize("accelerator", ["none", *GPUS])
def test_a_pod_with_a_gpu_says_so(kind: str, cloud: str, accelerator: str) -> None:
    given = variables(pod(kind, cloud=cloud, accelerator=accelerator))
    assert given.get("TRAINING_DEVICE") == (None if accelerator == "none" else "cuda")
    assert given.get("LD_LIBRARY_PATH") == (DRIVER if accelerator != "none" and cloud == "gcp" else None)


@pytest.mark.parametrize("kind", ["pytorchjob", "trainjob"])
def test_a_pod_without_its_gpu_asks_for_none(kind: str) -> None:
    assert "TRAINING_DEVICE" not in variables(pod(kind, accelerator="nvidia-l4", gpus_per_worker=0))


# What an entry point runs, as MLflow makes it of MLproject, with `python -m` and `torchrun` taken away: what Hydra gets.
_COMPOSED = """
import json, os, shlex, subprocess, sys
from pathlib import Path
from mlflow.projects.utils import load_project
entry, given = sys.argv[1], json.loads(sys.argv[2])
line = load_project(".").get_entry_point(entry).compute_command(given, None)
words = line[line.index("m1."):]
# Through bash, as MLflow and the pods do it.
shown = subprocess.run(["bash", "-c", f"printf '%s\\\\n' {words}"], capture_output=True, text=True, check=True)
module, *overrides = shown.stdout.splitlines()
sys.path.insert(0, "src")
from hydra import compose, initialize_config_dir
from m1 import config
config.register()
with initialize_config_dir(str(Path("src/m1/conf").absolute()), version_base="1.3"):
    composed = compose(module.rpartition(".")[2], overrides)
print(json.dumps(composed.training.device if "training" in composed else composed.device))
"""


@pytest.fixture(scope="module", params=["none", "nvidia-l4"])
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """An accelerator, and a project with it."""
    root = tmp_path_factory.mktemp("device")
    testing.write(testing.render("MLProjectSkeleton", name="m1", accelerator=request.param), root)
    return request.param, root


def device(python: Path, root: Path, entry: str, environ: Mapping[str, str], **given: str) -> str:
    """The device that an entry point trains or evaluates on, in a process with these variables."""
    kept = {name: value for name, value in os.environ.items() if name != "TRAINING_DEVICE"}
    done = subprocess.run(
        [python, "-c", _COMPOSED, entry, json.dumps(given)],
        cwd=root, env={**kept, **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("entry", ["trainer", "distributed", "evaluate"])
def test_the_pod_s_device_is_the_entry_points(project: tuple[str, Path], ml_python: Path, entry: str) -> None:
    accelerator, root = project
    in_pod = variables(pod("job", accelerator=accelerator))
    wanted = "auto" if accelerator == "none" else "cuda"
    assert device(ml_python, root, entry, in_pod) == wanted
    # On a person's machine it is chosen there; and whoever names one gets that.
    assert device(ml_python, root, entry, {}) == "auto"
    assert device(ml_python, root, entry, in_pod, device="cpu") == "cpu"


def test_without_a_gpu_the_pod_fails(ml_python: Path, tmp_path: Path) -> None:
    """On a machine without one: PyTorch's own error, and no run on the CPU."""
    testing.write(testing.render("MLProjectSkeleton", name="m1", accelerator="nvidia-l4"), tmp_path)
    given = variables(pod("job", accelerator="nvidia-l4")) | {"CUDA_VISIBLE_DEVICES": ""}
    line = "python -m m1.trainer training.epochs=1 training.device='${oc.env:TRAINING_DEVICE,auto}'"
    del given["MLFLOW_RUN_ID"]
    for without, code in ((None, 1), ("TRAINING_DEVICE", 0)):
        environ = {name: value for name, value in given.items() if name != without}
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, **environ, "PYTHONPATH": str(tmp_path / "src"),
                 "PATH": f"{ml_python.parent}{os.pathsep}{os.environ['PATH']}",
                 "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"},
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert bool(
            re.search(
                r"there is no GPU to use|No CUDA GPUs|not compiled with CUDA|NVIDIA driver", done.stderr
            )
        ) == bool(code)


def allocatable(machine: Machine) -> tuple[float, float]:
    """Cores and GiB that GKE leaves to pods, from its published tables, written down a second time."""
    memory = machine.memory - (1.0 + 0.8 + 0.8 + 0.06 * (machine.memory - 16)) - 0.1
    return machine.cores - 0.06 - 0.01 - 0.01 - 0.0025 * (machine.cores - 4), memory


@pytest.mark.parametrize("accelerator", GPUS)
def test_a_pod_fills_the_machine_that_terraform_makes(accelerator: str) -> None:
    """It fits with room for the cluster's own pods, and leaves no second pod's worth unused."""
    tree = rendered("job", accelerator=accelerator)
    machine = MACHINES[accelerator]
    terraform = "".join(testing.text(tree, path) for path in tree.files if path.endswith(".tf"))
    made = re.search(rf'{accelerator} = {{[^}}]*?machine_type\s*=\s*"([\w-]+)"', terraform)
    assert made is not None
    assert made[1] == machine.name
    cores, memory = allocatable(machine)
    for kind in KINDS:
        resources = _resources(kind, accelerator)
        asked = int(resources["requests"]["cpu"]), int(resources["requests"]["memory"].removesuffix("Gi"))
        assert 0.5 <= cores - asked[0] < 2
        assert 1.5 <= memory - asked[1] < 4
        assert resources["limits"]["memory"] == resources["requests"]["memory"]


@pytest.mark.parametrize("cloud", ["gcp", "existing"])
@pytest.mark.parametrize("accelerator", ["none", *GPUS])
def test_a_pod_asks_for_no_more_than_it_may_use(cloud: str, accelerator: str) -> None:
    resources = _resources("job", accelerator, cloud)
    assert int(resources["requests"]["cpu"]) <= int(resources["limits"]["cpu"])


def _resources(kind: str, accelerator: str, cloud: str = "gcp") -> dict[str, Any]:
    if kind == "trainjob":
        job = yaml.safe_load(
            testing.text(rendered(kind, accelerator=accelerator), f"{KUBERNETES}/distributed_job.yaml")
        )
        found: dict[str, Any] = job["spec"]["trainer"]["resourcesPerNode"]
        return found
    (container,) = pod(kind, accelerator=accelerator, cloud=cloud)["spec"]["containers"]
    resources: dict[str, Any] = container["resources"]
    return resources


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hours", [None, 5])
def test_training_that_hangs_ends_by_itself(kind: str, hours: int | None) -> None:
    tree = rendered(kind, **({"training_hours": hours} if hours else {}))
    path = words.TEMPLATES["kubernetes" if kind == "job" else "distributed"]
    spec = yaml.safe_load(testing.text(tree, path))["spec"]
    policy = spec["runPolicy"] if kind == "pytorchjob" else spec
    assert policy["activeDeadlineSeconds"] == 3600 * (hours or 72)
