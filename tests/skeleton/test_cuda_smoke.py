"""The script of the job that shows whether a GPU computes, on a double of PyTorch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from test_kubernetes import container, one, project

# A double of PyTorch: it finds a GPU, which multiplies rightly, if the environment says so.
TORCH = """\
import os
__version__ = "2.7"
class version: cuda = "13.0"
class Ones:
    def __matmul__(self, other): return self
    def sum(self): return self
    def item(self): return float(os.environ["PRODUCT"])
class cuda:
    is_available = staticmethod(lambda: "GPU" in os.environ)
    get_device_name = staticmethod(lambda: os.environ["GPU"])
ones = lambda *size, device: Ones()
"""


@pytest.mark.parametrize(
    ("environ", "code", "said"),
    [
        ({"GPU": "NVIDIA L4", "PRODUCT": str(1024**3)}, 0, "PyTorch 2.7 (CUDA 13.0) computes on NVIDIA L4"),
        ({}, 1, "PyTorch 2.7 (CUDA 13.0) finds no GPU"),
        ({"GPU": "NVIDIA L4", "PRODUCT": "0"}, 1, "the GPU multiplies wrongly"),
    ],
)
def test_the_smoke_test_fails_without_a_gpu(
    environ: dict[str, str], code: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "torch.py").write_text(TORCH)
    command = container(one(project(accelerator="nvidia-l4"), "Job", "cuda-smoke-test"))["command"]
    done = subprocess.run(
        [sys.executable, *command[1:]], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == code
    assert said in done.stdout + done.stderr
