"""`mx flow run --gpus` and `--queue`: from the command line to the manifest, and what the pool of nodes cannot have."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from flow_projects import mx, project, with_environment
from ml_environment import ml_python

from mxdev.errors import MxError
from mxdev.flow.cluster import pool
from mxdev.flow.rerun import reading
from mxdev.testing import render_all, write

__all__ = ["ml_python"]
JOB = Path("infrastructure/kubernetes/distributed_job.yaml")
TFVARS = Path("infrastructure/terraform/distributed_training.auto.tfvars")


@pytest.fixture
def rendered(tmp_path: Path) -> Path:
    write(render_all("DistributedTraining", name="tiny", accelerator="nvidia-l4"), tmp_path)
    return tmp_path


def test_the_pool_says_how_many_nodes_there_can_be(rendered: Path) -> None:
    template = yaml.safe_load((rendered / JOB).read_text())
    assert pool.largest(rendered) == 3
    pool.check(rendered, template, 3)
    with pytest.raises(
        MxError, match="makes 4 pods, each on a node of its own, and the pool of GPU nodes grows to 3"
    ):
        pool.check(rendered, template, 4)
    values = rendered / "infrastructure/terraform/terraform.tfvars"
    values.write_text(values.read_text() + "\ngpu_nodes = {\n  spot = true\n  max  = 8\n}\n")
    pool.check(rendered, template, 8)
    (rendered / TFVARS).unlink()
    assert pool.largest(rendered) == 8
    values.unlink()
    assert pool.largest(rendered) is None
    pool.check(rendered, template, 500)


def test_a_run_that_is_repeated_has_the_gpus_that_it_had() -> None:
    run = reading.LoggedRun(
        "a" * 32, "one", "FINISHED", False, "1", {}, {"mx.gpus": "4", "mx.backend": "distributed"}, {}
    )
    assert reading.gpus(run, "distributed") == 4
    assert reading.gpus(run, "kubernetes") is None


def test_only_on_a_cluster(tmp_path: Path) -> None:
    root = with_environment(project(tmp_path / "p"))
    done = mx("flow", "run", "--gpus", "2", "--queue", "team", cwd=root)
    assert done.returncode == 2
    assert "--gpus, --queue: only for a run on a cluster" in done.stderr
