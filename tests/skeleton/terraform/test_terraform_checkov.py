"""checkov has nothing to say about the Terraform of a rendered project that is not answered there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from checks_checkov import run_checkov

from mxdev.testing import render, write

FOLDER = "infrastructure/terraform"
WAIVER = re.compile(r"checkov:skip=(\w+)(?::(.*))?")


def rendered(folder: Path, accelerator: str, database: str = "in-cluster") -> Path:
    options = {"accelerator": accelerator, "database": database, "engineer": ["ada@example.com"]}
    write(render("MLProjectSkeleton", name="churn-model", **options), folder)
    return folder / FOLDER


@pytest.mark.parametrize(
    ("accelerator", "database"), [("none", "in-cluster"), ("nvidia-l4", "in-cluster"), ("none", "cloud-sql")]
)
def test_nothing_is_found(accelerator: str, database: str, tmp_path: Path) -> None:
    report = run_checkov(rendered(tmp_path, accelerator, database), "terraform")
    assert report.failed == []
    assert report.passed > 40


def test_every_waiver_has_a_reason_and_is_still_needed(tmp_path: Path) -> None:
    folder = rendered(tmp_path, "nvidia-l4", "cloud-sql")
    written = {
        match[1]: (match[2] or "").strip()
        for path in folder.glob("*.tf")
        for match in WAIVER.finditer(path.read_text())
    }
    assert all(len(reason.split()) >= 5 for reason in written.values()), written
    assert dict(run_checkov(folder, "terraform").waived) == written


def test_a_public_bucket_is_found(tmp_path: Path) -> None:
    folder = rendered(tmp_path, "none")
    for path in folder.glob("*.tf"):
        if path.name not in ("main.tf", "storage.tf"):
            path.unlink()
    storage = folder / "storage.tf"
    storage.write_text(storage.read_text().replace('"enforced"', '"inherited"'))
    assert any("CKV_GCP_114" in line for line in run_checkov(folder, "terraform").failed)
