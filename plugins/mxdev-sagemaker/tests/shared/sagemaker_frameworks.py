"""A Python with the frameworks that the saver and the wrappers know, made once and kept in the user's cache folder.

TensorFlow, which is large, is not among them: Keras runs on PyTorch here. By hand, the tests of Keras, ONNX and scikit-learn have passed with
KERAS_BACKEND=tensorflow and tensorflow-cpu 2.21, too.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from mxdev.testing import interpreter, once

REQUIREMENTS = (
    "awslambdaric>=4,<5",
    "boto3>=1.40,<2",
    "fastapi>=0.115,<1",
    "httpx>=0.27,<1",
    "keras>=3.10,<4",
    "moto[server,s3,sqs]>=5.1,<6",
    "onnx>=1.17,<2",
    "onnxruntime>=1.20,<2",
    "pandas>=2.2,<4",
    "pyarrow>=18",
    "pytest>=8.4,<10",
    "scikit-learn>=1.6,<2",
    "skl2onnx>=1.18,<2",
    "torch>=2.7,<3",
    "uvicorn>=0.30,<1",
)
HERE = Path(__file__).parents[1]


def inside(name: str, *paths: Path, folder: Path) -> str:
    """What pytest prints for `inside/NAME.py`, run with the frameworks and with `paths` importable."""
    file = HERE / "inside" / f"{name}.py"
    return run_there(file, file.parent, *paths, folder=folder)


def run_there(file: Path, root: Path, *paths: Path, folder: Path) -> str:
    """What pytest prints for a file or a folder of tests below `root`, run with the frameworks; fails when it fails.

    Whatever is skipped there fails too: all that it needs is installed. It runs once for the same files and packages, and what it printed
    is kept in the user's cache folder; `MX_TEST_ALL` runs it in any case.
    """
    python = interpreter("sagemaker", *REQUIREMENTS)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "PYTHONPATH": os.pathsep.join(map(str, paths)), "KERAS_BACKEND": "torch", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    command = [
        python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-c", os.devnull, "--confcutdir", root,
        "--rootdir", root, "--basetemp", folder / f"pytest-of-{root.name}", file,
    ]  # fmt: skip

    def there() -> str:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "skipped" not in done.stdout, done.stdout
        return done.stdout

    return once([str(python), file.name, Path(__file__), root, *paths], there)
