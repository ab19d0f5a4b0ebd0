"""Values of options other than names: what a cloud or YAML would refuse or misread is refused here, or quoted."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from mxdev.errors import UsageProblem
from mxdev.testing import contents, render, render_all

CLUSTER = {"name": "churn", "cloud": "existing", "skip_git": True}
CLOUD = {"name": "churn", "skip_git": True}


@pytest.mark.parametrize("project_id", ["my-null-project", "acme-ssl", "lossless-ml", "undefined-1"])
def test_an_id_that_google_cloud_gives_to_nobody(project_id: str) -> None:
    with pytest.raises(UsageProblem, match=f"--project-id {project_id} .*contains"):
        render("MLProjectSkeleton", project_id=project_id, **CLOUD)
    assert render("MLProjectSkeleton", project_id=project_id, **CLUSTER).files


@pytest.mark.parametrize(
    "name", ["lossless-codec", "null-x", "my-ssl", "undefined-behaviour-of-drivers-in-towns"]
)
def test_the_id_that_is_made_from_a_name_is_one(name: str) -> None:
    files = render("MLProjectSkeleton", name=name, skip_git=True).files
    assert files


@pytest.mark.parametrize(
    "bucket", ["192.168.1.1", "a..b", "xn--acme", "acme-s3alias", "sthree-x", "acme--x-s3"]
)
def test_a_bucket_that_s3_refuses(bucket: str) -> None:
    with pytest.raises(UsageProblem, match="bucket of S3"):
        render("MLProjectSkeleton", artifact_store=f"s3://{bucket}/models", **CLUSTER)
    assert render("MLProjectSkeleton", artifact_store="s3://acme.ml-data/models", **CLUSTER).files


@pytest.mark.parametrize("email", ["a..b@acme.com", "a.@acme.com", f"{'a' * 65}@acme.com"])
def test_an_email_that_no_mail_server_takes(email: str) -> None:
    with pytest.raises(UsageProblem, match="neither an email"):
        render("MLProjectSkeleton", engineer=[email], **CLUSTER)


@pytest.mark.parametrize("generator", ["StreamlitApp", "SeldonDeployment", "BeamPipeline"])
@pytest.mark.parametrize("name", ["scratch", "context"])
def test_a_stage_that_docker_keeps_for_itself(generator: str, name: str) -> None:
    with pytest.raises(UsageProblem, match="Docker keeps for itself"):
        render_all(generator, name=name, cloud="gcp", domain="ml.example.com", skip_git=True)


@pytest.mark.parametrize("option", ["client", "pull_secret", "domain"])
def test_a_flag_is_no_text(option: str) -> None:
    """What YAML makes of `pull-secret: no` in mx.yaml is not the word that was written."""
    with pytest.raises(UsageProblem, match="in quotes"):
        render("MLProjectSkeleton", **{option: False}, **CLUSTER)  # type: ignore[arg-type]


WORDS = ("no", "123", "0x10", "null")


def _texts(value: Any, key: str) -> list[Any]:
    """What stands below `key` anywhere in parsed YAML."""
    if isinstance(value, dict):
        return [
            item
            for name, inner in value.items()
            for item in ([inner] if name == key else []) + _texts(inner, key)
        ]
    return [item for inner in value for item in _texts(inner, key)] if isinstance(value, list) else []


@pytest.mark.parametrize("word", WORDS)
def test_classes_and_secrets_of_a_cluster_stay_text(word: str) -> None:
    """Words that YAML takes for a flag, a number or nothing, and that Kubernetes takes for names."""
    run = render_all("DebugPod", pull_secret=word, storage_class=word, **CLUSTER)
    documents = [
        document
        for path, text in contents(run).items()
        if path.startswith("infrastructure/kubernetes/") and path.endswith(".yaml")
        for document in yaml.safe_load_all(text)
    ]
    assert {word} == set(_texts(documents, "storageClassName"))
    secrets = [one for found in _texts(documents, "imagePullSecrets") for one in found]
    assert len(secrets) > 1
    assert secrets == [{"name": word}] * len(secrets)


@pytest.mark.parametrize("word", WORDS)
def test_models_and_metrics_stay_text(word: str) -> None:
    alias = word if word.isalpha() else "candidate"
    run = render_all("Acceptance", model=word, candidate=alias, accepted="yes", metric=word if word.isalpha() else "f1",
                     **CLUSTER)  # fmt: skip
    found = yaml.safe_load(contents(run)["src/churn/conf/acceptance.yaml"])
    assert (found["registered"], found["candidate"], found["accepted"]) == (word, alias, "yes")
    run = render_all(
        "BeamPipeline", name="visits", reads=word, column=["no:bool", "null:int"], cloud="existing"
    )
    found = next(
        yaml.safe_load(text) for path, text in contents(run).items() if path.endswith("/conf/visits.yaml")
    )
    assert found["reads"] == word
    assert set(found["records"]["columns"]) == {"no", "null"}
