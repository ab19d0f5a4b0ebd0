"""A project of one machine: what needs a cluster says so, and how to get one."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Mx

from mxdev.project import cloudless


@pytest.fixture
def laptop(tmp_path: Path) -> Path:
    (tmp_path / "mx.yaml").write_text("version: 1\noptions:\n  name: churn\n  cloud: none\n")
    return tmp_path


@pytest.mark.parametrize(
    "command", ["deploy", "up", "dev", "infra plan", "build image", "connect", "connect --context one"]
)
def test_what_needs_a_cluster_says_how_to_get_one(mx: Mx, laptop: Path, command: str) -> None:
    done = mx(*command.split(), cwd=laptop)
    assert done.code in (1, 4)
    assert done.out == ""
    assert "`mx set cloud=gcp` brings Google Cloud, `mx set cloud=existing` a cluster of your own" in done.err


def test_the_doctor_does_not_miss_a_cluster(mx: Mx, laptop: Path) -> None:
    assert "cluster" not in mx("doctor", cwd=laptop).out


@pytest.mark.parametrize("options", [{"cloud": "gcp"}, {"cloud": "existing"}, {}])
def test_others_are_told_nothing(options: dict[str, str]) -> None:
    assert cloudless.way_out(options) is None


def test_a_listing_that_is_named_exists(mx: Mx, tmp_path: Path) -> None:
    (tmp_path / "mx.yaml").write_text("version: 1\noptions:\n  name: churn\n  cloud: existing\n")
    done = mx("deploy", cwd=tmp_path)
    assert "`mx generate` lists the generators" in done.err
    assert mx("generate", cwd=tmp_path).code == 0
