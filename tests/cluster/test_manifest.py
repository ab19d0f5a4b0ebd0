"""Templates of jobs and what becomes of them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from mxdev.cluster import manifest
from mxdev.errors import MxError

JOB = """
apiVersion: batch/v1
kind: Job
metadata:
  name: replaced
  generateName: also-
  namespace: ml
  labels: {app: churn}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: replaced
          image: replaced
          args: [from, the, template]
          env:
            - {name: KEPT, value: "1"}
            - {name: MLFLOW_RUN_ID, value: stale}
        - name: sidecar
          image: sidecar:1
"""
PYTORCH = """
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: replaced}
spec:
  pytorchReplicaSpecs:
    Master:
      replicas: 1
      template: &pod
        metadata: {labels: {app: churn}}
        spec:
          containers:
            - {name: sidecar, image: "sidecar:1"}
            - {name: pytorch, image: replaced}
    Worker:
      replicas: 2
      template: *pod
"""
TRAIN = """
apiVersion: trainer.kubeflow.org/v1alpha1
kind: TrainJob
metadata: {name: replaced}
spec:
  runtimeRef: {name: torch-distributed}
  trainer: {numNodes: 2}
"""
COMMAND = ["bash", "-c", 'python -m churn.trainer --name "a b"']
LABELS = {**manifest.MANAGED_BY, manifest.RUN_LABEL: "abc"}


def fill(text: str) -> dict[str, Any]:
    template = yaml.safe_load(text)
    before = copy.deepcopy(template)
    filled = manifest.fill(
        template,
        name="churn-abc",
        image="registry/run:1",
        command=COMMAND[2],
        environment={"MLFLOW_RUN_ID": "abc", "MLFLOW_TRACKING_URI": "http://mlflow:5000"},
        labels=LABELS,
    )
    assert template == before
    assert yaml.safe_load(manifest.dump(filled)) == filled
    return filled


def variables(container: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["name"], entry["value"]) for entry in container["env"]]


GIVEN = [("MLFLOW_RUN_ID", "abc"), ("MLFLOW_TRACKING_URI", "http://mlflow:5000")]


def test_job() -> None:
    filled = fill(JOB)
    assert filled["metadata"] == {
        "name": "churn-abc",
        "namespace": "ml",
        "labels": {"app": "churn", **LABELS},
    }
    first, second = filled["spec"]["template"]["spec"]["containers"]
    assert (first["name"], first["image"], first["command"]) == ("churn-abc", "registry/run:1", COMMAND)
    assert "args" not in first
    assert variables(first) == [("KEPT", "1"), *GIVEN]
    assert second == {"name": "sidecar", "image": "sidecar:1"}
    assert filled["spec"]["template"]["metadata"]["labels"] == LABELS


def test_pytorch_job_fills_the_training_container_of_every_replica() -> None:
    replicas = fill(PYTORCH)["spec"]["pytorchReplicaSpecs"]
    for role in ("Master", "Worker"):
        template = replicas[role]["template"]
        sidecar, training = template["spec"]["containers"]
        assert (sidecar["name"], sidecar["image"]) == ("sidecar", "sidecar:1")
        assert (training["image"], training["command"]) == ("registry/run:1", COMMAND)
        assert variables(training) == GIVEN
        assert template["metadata"]["labels"] == {"app": "churn", **LABELS}


def test_train_job_labels_its_pods_through_a_patch_of_the_runtime() -> None:
    spec = fill(TRAIN)["spec"]
    assert spec["trainer"]["numNodes"] == 2
    assert (spec["trainer"]["image"], spec["trainer"]["command"]) == ("registry/run:1", COMMAND)
    assert variables(spec["trainer"]) == GIVEN
    (patch,) = spec["runtimePatches"]
    # The webhook of the trainer refuses any other form.
    assert len(patch["manager"].split("/")) == 2
    (job,) = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    assert (job["name"], job["template"]["spec"]["template"]["metadata"]["labels"]) == ("node", LABELS)


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        (PYTORCH, "crd-training-operator-v1.9.4-pytorchjobs.yaml"),
        (TRAIN, "crd-trainer-v2.3.0-trainjobs.yaml"),
    ],
)
def test_filled_in_manifests_are_what_their_definition_asks_for(shared: Path, text: str, schema: str) -> None:
    definition = yaml.safe_load((shared / "schemas" / schema).read_text())
    (version,) = definition["spec"]["versions"]
    jsonschema.validate(fill(text), closed(version["schema"]["openAPIV3Schema"]))


def closed(schema: Any) -> Any:
    """A schema that allows no field that it does not name, as the API server does in strict validation."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or schema["properties"].keys() <= {
            "metadata"
        }
        schema["additionalProperties"] = bool(open_ended)
    if schema.get("x-kubernetes-int-or-string"):
        schema.pop("type", None)
    return schema


@pytest.mark.parametrize(("text", "name"), [(JOB, "Job"), (PYTORCH, "PyTorchJob"), (TRAIN, "TrainJob")])
def test_read(tmp_path: Path, text: str, name: str) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(f"---\n{text}---\n")
    read = manifest.read(path)
    assert read == yaml.safe_load(text)
    assert manifest.kind_of(read) is manifest.kind_named(name)
    assert str(manifest.ref(fill(text))) == f"{name} churn-abc"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "job.yaml is missing"),
        ("a: [", "job.yaml is not valid YAML"),
        ("", "job.yaml holds 0 YAML documents"),
        (f"{JOB}---\n{JOB}", "job.yaml holds 2 YAML documents"),
        ("kind: Pod\napiVersion: v1\n", r"job.yaml: a job of kind Pod \(v1\) is not known"),
        ("kind: Job\napiVersion: batch/v2\n", "is not known"),
        (b"\xff\xfe\xfa", "job.yaml cannot be read"),
        ("kind: Job\napiVersion: batch/v1\nmetadata:\n", "job.yaml is no job: `metadata` is empty"),
        ("kind: Job\napiVersion: batch/v1\nmetadata: {namespace: [a]}\n", "`metadata.namespace` is no text"),
        ("kind: Job\napiVersion: batch/v1\nmetadata: {labels: [a]}\n", "`metadata.labels` is no mapping"),
    ],
)
def test_a_template_that_is_none(tmp_path: Path, text: str | bytes | None, said: str) -> None:
    path = tmp_path / "job.yaml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(MxError, match=said):
        manifest.read(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Job\napiVersion: batch/v1\nspec: {}", "no template"),
        (JOB.partition("      containers:")[0], "no spec.containers"),
        (PYTORCH.replace("name: pytorch", "name: torch"), "a pod without a container named pytorch"),
        ("kind: PyTorchJob\napiVersion: kubeflow.org/v1\nspec: {}", "no pytorchReplicaSpecs"),
        (TRAIN.partition("spec:")[0], "no spec"),
    ],
)
def test_a_template_without_a_place_for_the_image(text: str, said: str) -> None:
    with pytest.raises(MxError, match=said.split(maxsplit=1)[0]) as caught:
        fill(text)
    assert said.split(maxsplit=1)[1].rsplit(".", 1)[-1] in caught.value.message


@pytest.mark.parametrize(
    ("text", "old", "new", "said"),
    [
        (JOB, "  labels: {app: churn}", "  labels: [a]", "`labels` is no mapping"),
        (JOB, "  template:\n", "  template:\n    metadata: [q]\n", "`metadata` is no mapping"),
        (JOB.partition("        - name")[0] + "[a]", "containers:\n[a]", "containers: [a]", "`containers` is no list"),
        (JOB.partition("        - name")[0] + "{}", "containers:\n{}", "containers: {}", "`containers` is no list"),
        (JOB, "args: [from, the, template]\n          env:", "env: [a]\n          envFrom:", "`env` is no list"),
        (TRAIN, "{numNodes: 2}", "[a]", "`trainer` is no mapping"),
        (TRAIN, "  trainer:", "  runtimePatches: {}\n  trainer:", "`runtimePatches` is no list"),
        ("kind: PyTorchJob\napiVersion: kubeflow.org/v1\nspec: {pytorchReplicaSpecs: [1]}", "[1]", "[{}]", "is no mapping"),
    ],
)  # fmt: skip
def test_a_template_with_something_else_in_a_place(text: str, old: str, new: str, said: str) -> None:
    assert old in text
    template = yaml.safe_load(text.replace(old, new))
    with pytest.raises(MxError, match=said):
        manifest.check(template)


def test_an_unknown_kind_by_name() -> None:
    with pytest.raises(MxError, match="MPIJob is not known; known are Job, PyTorchJob, TrainJob"):
        manifest.kind_named("MPIJob")


@pytest.mark.parametrize("run", ["01234567890123456789012345678901", "1234567890123456789012345678e901"])
def test_a_run_whose_id_could_be_a_number_stays_text(run: str) -> None:
    # kubectl reads numbers where PyYAML sees text.
    assert f'{manifest.RUN_LABEL}: "{run}"\n' in manifest.dump({"labels": {manifest.RUN_LABEL: run}})
