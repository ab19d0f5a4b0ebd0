"""What security checks find in the rendered Terraform: nothing that is not waived, with a reason."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from checks_checkov import run_checkov
from checks_ci import check_tflint
from ec2_world import rendered

WAIVER = re.compile(r"checkov:skip=(\w+)(?::(.*))?")
CHOICES = [("oidc", "caddy", "shipyard-models"), ("user", "load-balancer", "")]


@pytest.mark.parametrize(("auth", "https", "bucket"), CHOICES)
def test_nothing_is_found_and_every_waiver_is_needed(
    tmp_path: Path, auth: str, https: str, bucket: str
) -> None:
    folder = rendered(tmp_path, auth=auth, https=https, weights_bucket=bucket) / "terraform"
    written = {
        match[1]: (match[2] or "").strip()
        for path in folder.glob("*.tf")
        for match in WAIVER.finditer(path.read_text())
    }
    assert all(len(reason.split()) >= 5 for reason in written.values()), written
    report = run_checkov(folder, "terraform")
    assert report.failed == []
    assert dict(report.waived) == written
    assert report.passed > 80
    assert check_tflint(folder) == []


def test_an_instance_without_imdsv2_is_found(tmp_path: Path) -> None:
    folder = rendered(tmp_path) / "terraform"
    instance = folder / "instance.tf"
    instance.write_text(instance.read_text().replace('"required"', '"optional"'))
    for path in folder.glob("*.tf"):
        if path != instance:
            path.unlink()
    shutil.rmtree(folder / "tests")
    assert any("CKV_AWS_79" in line for line in run_checkov(folder, "terraform").failed)
