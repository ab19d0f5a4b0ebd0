"""A region of Google Cloud is one that exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from mxdev.testing import mx
from mxdev_generators.project.gpus import zones
from mxdev_generators.project.regions import REGIONS, unknown_region


def test_every_zone_with_a_gpu_is_in_a_region_of_the_table() -> None:
    assert {zone.rpartition("-")[0] for found in zones().values() for zone in found} <= set(REGIONS)
    assert len(REGIONS) == len(set(REGIONS)) == 43


@pytest.mark.parametrize(
    ("given", "meant"), [("europe-west99", "europe-west9"), ("us-centrel1", "us-central1")]
)
def test_a_region_that_does_not_exist_is_refused(given: str, meant: str, tmp_path: Path) -> None:
    assert unknown_region(meant) is None
    done = mx("generate", "MLProjectSkeleton", "churn", "--no-input", "--region", given, cwd=tmp_path)
    assert done.code == 2
    assert f"'{given}' is not a region of Google Cloud; did you mean " in done.stderr
    assert meant in done.stderr
    assert not (tmp_path / "churn").exists()
