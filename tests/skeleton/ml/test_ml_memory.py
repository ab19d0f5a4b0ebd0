"""The memory that a generated project takes does not grow with its data, nor with the checkpoint that it goes on from."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import ml_memory
import pytest
from ml_environment import ml_python
from noted import package

from mxdev import testing
from mxdev.tree import Tree
from mxdev_generators.ml_project_skeleton.generator import MLProjectSkeleton

__all__ = ["ml_python"]


def rendered() -> Tree:
    """The project that is looked at."""
    return testing.render(MLProjectSkeleton, name="m1")


pytestmark = [
    pytest.mark.noted(package(rendered), ml_memory),
    pytest.mark.skipif(sys.platform != "linux", reason="memory is looked up in /proc"),
]


@pytest.fixture(scope="module")
def taken(ml_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], dict[str, float | None]]:
    """The memory in MB by what it was taken for; None: the limit was not enough. Measured when it is first asked for."""
    found: dict[str, float | None] = {}

    def measure() -> dict[str, float | None]:
        if not found:
            folder = tmp_path_factory.mktemp("memory")
            testing.write(rendered(), folder / "m1")
            done = subprocess.run(
                [ml_python, ml_memory.__file__, folder / "m1", folder],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            found.update({one["what"]: one["memory"] for one in map(json.loads, done.stdout.splitlines())})
            print(done.stdout, done.stderr[-3000:])
        return found

    return measure


@pytest.mark.parametrize("kind", ml_memory.KINDS)
def test_sixteen_times_the_data_takes_the_same_memory(
    taken: Callable[[], dict[str, float | None]], kind: str
) -> None:
    of = taken()
    sizes = [of[f"{kind} x{scale}"] for scale in ml_memory.SCALES]
    assert None not in sizes, "the limit was not enough"
    once, four_times, sixteen_times = (float(size or 0) for size in sizes)
    assert four_times - once < 30, sizes
    assert sixteen_times - once < 30, sizes
    assert of[f"{kind} at once"] is None, "all of it at once has to be too much, or the limit says nothing"


def test_going_on_from_a_checkpoint_takes_no_memory_of_its_own(
    taken: Callable[[], dict[str, float | None]],
) -> None:
    """The file has four times the weights: the network's, the optimizer's two, and those of the best epoch."""
    found = taken()["checkpoint"]
    assert found is not None
    assert found < 0.5 * ml_memory.WEIGHTS * 4 / 2**20
