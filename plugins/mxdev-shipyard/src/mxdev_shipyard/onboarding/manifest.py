"""The model's deployment in an environment: a file in that environment's repository of manifests."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev import State, Step

from mxdev_shipyard.model_project.generator import NO_TRAINING_YET
from mxdev_shipyard.onboarding import git
from mxdev_shipyard.onboarding.settings import Settings
from mxdev_shipyard.onboarding.values import Boarding

_SAMPLES = "/samples"
# More than the sampler ever writes: a pod whose volume is full is evicted.
_SIZE_LIMIT = "256Mi"
# What is there is removed when its hour is over and a few minutes more, so that nothing is appended to it any more; what is left is
# taken along when the pod is stopped.
_SHIP = """\
ship() {
  now=$(date -u +%Y-%m-%dT%H)
  just=$(date -u -d '5 minutes ago' +%Y-%m-%dT%H)
  aws s3 sync --only-show-errors /samples "$TARGET" || return
  for file in /samples/*.jsonl; do
    case ${file##*/} in "$now"*|"$just"*) ;; *) rm -f "$file" ;; esac
  done
}
trap 'ship; exit 0' TERM
while :; do sleep 60 & wait $!; ship; done
"""


def _shipper(target: str) -> dict[str, Any]:
    """The container that takes sampled predictions to S3, so that the one that serves needs no rights there and never waits for it."""
    return {
        "name": "samples",
        "image": "public.ecr.aws/aws-cli/aws-cli:2.31.0",
        "command": ["/bin/sh", "-c", _SHIP],
        "env": [{"name": "TARGET", "value": target}],
        "volumeMounts": [{"name": "samples", "mountPath": _SAMPLES}],
        "resources": {
            "requests": {"cpu": "10m", "memory": "64Mi"},
            "limits": {"cpu": "200m", "memory": "256Mi"},
        },
    }


def manifest(settings: Settings, boarding: Boarding, environment: str) -> str:
    """KServe's service, stopped: there is no image yet. The first promotion names image and weights, and starts it."""
    import yaml

    name, repository = boarding.project_slug, boarding.repository
    labels = {"tags.datadoghq.com/env": environment, "tags.datadoghq.com/service": name}
    container = {
        "name": "kserve-container",
        "image": f"{settings.registry}/{repository}:unreleased",
        "env": [
            {"name": "STORAGE_URI", "value": f"s3://{settings.bucket}/{repository}/models/{NO_TRAINING_YET}"},
            {"name": "SAMPLES", "value": _SAMPLES},
            {"name": "SAMPLE_RATE", "value": "0.01"},
        ],
        "volumeMounts": [{"name": "samples", "mountPath": _SAMPLES}],
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "resources": {
            "requests": {"cpu": "250m", "memory": "512Mi"},
            "limits": {"cpu": "1", "memory": "1Gi"},
        },
    }
    data = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "labels": labels, "annotations": {"serving.kserve.io/stop": "true"}},
        "spec": {
            "predictor": {
                "labels": labels,
                "minReplicas": 1,
                "containers": [
                    container,
                    _shipper(f"s3://{settings.bucket}/{repository}/feedback/predictions/"),
                ],
                "volumes": [{"name": "samples", "emptyDir": {"sizeLimit": _SIZE_LIMIT}}],
            }
        },
    }
    return str(yaml.safe_dump(data, sort_keys=False, explicit_start=True))


@dataclass(frozen=True, kw_only=True)
class Manifest(Step):
    """The deployment in one environment. What a promotion has made of it since is left as it is."""

    settings: Settings
    boarding: Boarding
    environment: str
    permissions: tuple[str, ...] = ("Git: push to the repository of manifests",)

    @property
    def _address(self) -> str:
        return self.settings.environments[self.environment]

    @property
    def _path(self) -> str:
        return f"{self.boarding.project_slug}/inferenceservice.yaml"

    def look(self) -> State:
        """Whether the file is there."""
        with tempfile.TemporaryDirectory() as folder:
            there = (git.clone(self._address, folder) / self._path).exists()
        return State.done(self._path) if there else State.create(f"{self._path} in {self._address}")

    def do(self, say: Any) -> None:
        """Commit the file."""
        text = manifest(self.settings, self.boarding, self.environment)

        def write(root: Path) -> None:
            place = root / self._path
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text, encoding="utf-8")

        git.change(self._address, f"{self.boarding.project_slug} is onboarded", write, say)

    def look_back(self) -> State:
        """Removed by a commit, so that nothing is lost."""
        found = self.look()
        return State.remove(f"{self._path}, by a commit") if found.verb == "done" else State.done("not there")

    def take_back(self, say: Any) -> None:
        """Commit the removal of all of the model's files."""
        folder = self.boarding.project_slug
        git.change(
            self._address,
            f"{folder} is retired",
            lambda root: git.run("rm", "-rq", "--ignore-unmatch", folder, cwd=root),
            say,
        )
