"""`mx promote`: a release goes into an environment and back, by commits to its manifests."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from mxdev.testing import Outcome, mx
from shipyard_platform import Platform
from test_shipyard_onboarding import MANIFEST, REGION, moto, onboard, platform  # noqa: F401 (fixtures)

from mxdev_shipyard.onboarding import aws

OLD, NEW = (f"s3://shipyard-models/deploy-iris-model/models/2026-0{month}-01T00:00:00Z" for month in (1, 2))


@pytest.fixture
def onboarded(platform: Platform, tmp_path: Path) -> Platform:  # noqa: F811
    assert onboard(tmp_path).code == 0
    for tag in ("1.0.0", "1.1.0"):
        manifest = f'{{"schemaVersion": 2, "config": {{"digest": "sha256:{tag}"}}}}'
        aws.client("ecr", REGION).put_image(
            repositoryName="deploy-iris-model",
            imageTag=tag,
            imageManifest=manifest,
            imageManifestMediaType="application/vnd.oci.image.manifest.v1+json",
        )
    for weights in (OLD, NEW):
        key = f"{weights.removeprefix('s3://shipyard-models/')}/model.npz"
        aws.client("s3", REGION).put_object(Bucket="shipyard-models", Key=key, Body=b"x")
    return platform


def promote(folder: Path, *arguments: str) -> Outcome:
    return mx("promote", "iris", "--environment", "staging", *arguments, cwd=folder)


def running(platform: Platform) -> tuple[str, str]:  # noqa: F811
    service = yaml.safe_load(platform.show("manifests/staging.git", MANIFEST))
    assert "annotations" not in service["metadata"]
    container = service["spec"]["predictor"]["containers"][0]
    return container["image"].rpartition(":")[2], container["env"][0]["value"]


def test_releases_go_in_and_back(onboarded: Platform, tmp_path: Path) -> None:
    none = promote(tmp_path, "--back")
    assert none.code == 1
    assert "there is no release before this one" in none.stderr
    first = promote(tmp_path, "--image", "1.0.0", "--weights", OLD)
    assert first.code == 0, first.stderr
    assert running(onboarded) == ("1.0.0", OLD)
    assert promote(tmp_path, "--back").code == 1
    assert promote(tmp_path, "--image", "1.1.0", "--weights", NEW).code == 0
    assert running(onboarded) == ("1.1.0", NEW)
    again = promote(tmp_path, "--image", "1.1.0", "--weights", NEW)
    assert again.code == 0
    assert "Nothing is to be done" in again.stdout
    assert promote(tmp_path, "--back").code == 0
    assert running(onboarded) == ("1.0.0", OLD)
    assert onboarded.log("manifests/staging.git") == [
        "iris goes back to the release before",
        "iris is 1.1.0",
        "iris is 1.0.0",
        "iris is onboarded",
        "first",
    ]
    assert onboarded.log("manifests/production.git") == ["iris is onboarded", "first"]


def test_what_is_not_there_is_not_released(onboarded: Platform, tmp_path: Path) -> None:
    no_image = promote(tmp_path, "--image", "9.9.9", "--weights", OLD)
    assert no_image.code == 1
    assert "there is no image deploy-iris-model:9.9.9" in no_image.stderr
    untrained = OLD.replace("2026", "2031")
    no_weights = promote(tmp_path, "--image", "1.0.0", "--weights", untrained)
    assert no_weights.code == 1
    assert f"there are no weights at {untrained}" in no_weights.stderr
    assert mx("promote", "iris", "--environment", "moon", "--back", cwd=tmp_path).code == 2
    assert promote(tmp_path, "--back", "--image", "1.0.0").code == 2
    assert promote(tmp_path, "--image", "1.0.0").code == 2
    assert onboarded.log("manifests/staging.git") == ["iris is onboarded", "first"]
