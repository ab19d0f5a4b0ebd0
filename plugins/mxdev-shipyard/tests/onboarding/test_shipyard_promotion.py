"""`mx promote`: a release goes into an environment and back, by commits to its manifests."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from mxdev.testing import Outcome, mx
from shipyard_platform import Platform
from test_shipyard_onboarding import MANIFEST, REGION, moto, platform  # noqa: F401 (fixtures)

from mxdev_shipyard.onboarding import aws, settings, values
from mxdev_shipyard.onboarding.manifest import Manifest
from mxdev_shipyard.onboarding.steps import onboarding
from mxdev_shipyard.promotion.manifest import Release

OLD, NEW = (f"s3://shipyard-models/deploy-iris-model/models/2026-0{month}-01T00:00:00Z" for month in (1, 2))


@pytest.fixture
def onboarded(platform: Platform, tmp_path: Path) -> Platform:  # noqa: F811
    """What a promotion needs of onboarding: the registry and the manifests."""
    boarding = values.read(tmp_path / "values.yml")
    for step in onboarding(settings.read(tmp_path / "shipyard.yaml"), boarding, trust=True):
        if isinstance(step, aws.Registry | Manifest):
            step.do(print)
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


def by_hand(platform: Platform, old: str, new: str, message: str) -> None:  # noqa: F811
    """A person edits the manifest of staging, and pushes."""
    clone = platform.folder.parent / f"clone-{len(platform.log('manifests/staging.git'))}"
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(
        [*git, "clone", "-q", platform.folder / "manifests/staging.git", clone], check=True, timeout=30
    )
    text = (clone / MANIFEST).read_text()
    assert old in text
    (clone / MANIFEST).write_text(text.replace(old, new))
    for command in (["commit", "-qam", message], ["push", "-q"]):
        subprocess.run([*git, *command], cwd=clone, check=True, timeout=30)


def test_the_way_back_leads_past_what_was_done_by_hand(onboarded: Platform, tmp_path: Path) -> None:
    for tag, weights in (("1.0.0", OLD), ("1.1.0", OLD), ("1.1.0", NEW)):
        assert promote(tmp_path, "--image", tag, "--weights", weights).code == 0
    by_hand(onboarded, "minReplicas: 1", "minReplicas: 3  # Black Friday", "more of them")
    assert promote(tmp_path, "--back").code == 0
    assert running(onboarded) == ("1.1.0", OLD)  # other weights are another release
    text = onboarded.show("manifests/staging.git", MANIFEST)
    assert "minReplicas: 3  # Black Friday" in text
    assert promote(tmp_path, "--back").code == 0
    assert running(onboarded) == ("1.0.0", OLD)  # not what was just gone back from
    none = promote(tmp_path, "--back")
    assert none.code == 1
    assert "there is no release before this one" in none.stderr
    by_hand(onboarded, ":1.0.0", ":hotfix", "a hot fix")
    assert promote(tmp_path, "--back").code == 0
    assert running(onboarded) == ("1.1.0", NEW)  # the newest that was promoted


def test_another_form_of_the_same_manifest_is_the_same(onboarded: Platform, tmp_path: Path) -> None:
    assert promote(tmp_path, "--image", "1.0.0", "--weights", OLD).code == 0
    by_hand(onboarded, "minReplicas: 1", "minReplicas:   1  # enough", "a comment")
    by_hand(onboarded, f"value: {OLD}", f'value: "{OLD}"', "quotes")
    before = onboarded.log("manifests/staging.git")
    again = promote(tmp_path, "--image", "1.0.0", "--weights", OLD)
    assert again.code == 0
    assert "Nothing is to be done" in again.stdout
    assert onboarded.log("manifests/staging.git") == before


MANIFESTS = {
    "flow": "{metadata: {annotations: {serving.kserve.io/stop: 'true'}}, spec: {predictor: {containers: [{image: 'r/d:1', env: [{name: STORAGE_URI, value: x}]}]}}}\n",
    "other annotations": "metadata:\n  annotations:\n    a: b  # mine\n    serving.kserve.io/stop: 'true'\n    c: d\nspec:\n  predictor:\n    containers:\n    - env:\n      - name: A\n        value: r/d:1\n      - {value: x, name: STORAGE_URI}\n      image: r/d:1  # ours\n",
    "an anchor": "metadata: {}\nspec:\n  predictor:\n    containers:\n    - image: r/d:1\n      env:\n      - &one {name: A, value: x}\n      - {name: STORAGE_URI, value: x}\n      - *one\n",
}


@pytest.mark.parametrize("form", MANIFESTS)
def test_a_release_is_put_into_a_manifest_of_any_form(form: str) -> None:
    text = MANIFESTS[form]
    wanted = yaml.safe_load(text)
    wanted["metadata"].get("annotations", {}).pop("serving.kserve.io/stop", None)
    if not wanted["metadata"].get("annotations"):
        wanted["metadata"].pop("annotations", None)
    (container,) = wanted["spec"]["predictor"]["containers"]
    container["image"] = "r/d:2"
    next(one for one in container["env"] if one["name"] == "STORAGE_URI")["value"] = NEW
    made = Release("2", NEW).put_into(text, "r", "d")
    assert yaml.safe_load(made) == wanted
    assert [line for line in text.splitlines() if "#" in line and "image" not in line] == [
        line for line in made.splitlines() if "#" in line and "image" not in line
    ]
    assert Release.of(made) == Release("2", NEW)
    assert Release("2", NEW).put_into(made, "r", "d") == made


def test_a_push_that_is_refused_is_told_as_what_it_is(onboarded: Platform, tmp_path: Path) -> None:
    """As GitLab says it of a protected branch; nobody else pushed, so it is not tried again."""
    hook = onboarded.folder / "manifests/staging.git/hooks/pre-receive"
    hook.write_text(
        f"#!/bin/sh\necho . >> {tmp_path}/tries\n"
        "echo 'GitLab: You are not allowed to push code to protected branches on this project.' >&2\nexit 1\n"
    )
    hook.chmod(0o755)
    told = promote(tmp_path, "--image", "1.0.0", "--weights", OLD)
    assert told.code == 4
    assert "manifests/staging.git does not take the push: the branch is protected" in told.stderr
    assert "You are not allowed to push code" in told.stderr
    assert "Protected branches" in told.stderr
    assert "somebody else pushed first" not in told.stdout + told.stderr
    assert (tmp_path / "tries").read_text() == ".\n"
