"""checkov has nothing to say about either stack that is not answered there, with a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mxdev.testing import mx
from sagemaker_terraform import generated

checks = pytest.importorskip("checks_checkov", reason="run from the root of mx's repository")
WAIVER = re.compile(r"checkov:skip=(\w+)(?::(.*))?")


@pytest.fixture(scope="module", params=["SageMakerPlatform", "Deployments"])
def repository(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of each; the platform with a squad."""
    made = generated(tmp_path_factory.mktemp("checked"), request.param, "acme-ml")
    if request.param == "SageMakerPlatform":
        squad = ("--experiment", "detector", "--pipeline", "churn")
        assert mx("generate", "Squad", "vision", "--no-input", *squad, cwd=made).code == 0
    for folder in (".mx", "lambdas"):
        for path in (made / folder).rglob("*.tf*"):
            path.unlink()
    return made


def test_nothing_is_found_and_every_waiver_is_needed(repository: Path) -> None:
    report = checks.run_checkov(repository, "terraform")
    assert report.failed == []
    assert report.passed > 100
    written = {
        match[1]: (match[2] or "").strip()
        for path in repository.rglob("*.tf")
        for match in WAIVER.finditer(path.read_text())
    }
    assert all(len(reason.split()) >= 5 for reason in written.values()), written
    assert {name for name, _ in report.waived} == set(written)


def test_a_public_bucket_is_found(tmp_path: Path) -> None:
    storage = generated(tmp_path, "SageMakerPlatform", "acme-ml") / "terraform/storage.tf"
    open_one = storage.read_text().replace(
        "block_public_acls       = true", "block_public_acls       = false"
    )
    (tmp_path / "open").mkdir()
    (tmp_path / "open/storage.tf").write_text(open_one)
    assert any("CKV_AWS_53" in line for line in checks.run_checkov(tmp_path / "open", "terraform").failed)
