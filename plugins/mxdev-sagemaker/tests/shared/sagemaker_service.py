"""The code that ModelService renders, importable as in its image, with a model of its own that counts what it is asked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import mxdev_sagemaker

SERVICE = Path(mxdev_sagemaker.__file__).parent / "serving/templates/services/{{ name }}"
WRAPPER = """
import os, time
from serving.wrapper import Wrapper

class Double(Wrapper):
    def load(self):
        pass

    def transform(self, rows):
        time.sleep(float(os.environ.get("DELAY", "0")))
        if any(row["x"] == 13 for row in rows):
            raise RuntimeError("13 is too much for me")
        with open(os.environ["ASKED"], "a") as file:
            file.write("".join(f"{row['x']}\\n" for row in rows))
        return [float("nan") if row["x"] == 14 else 2 * row["x"] for row in rows]
"""


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a wrapper and a model, both named in the environment; `asked` in it says which rows were transformed."""
    (tmp_path / "own_double.py").write_text(WRAPPER)
    (tmp_path / "model").mkdir()
    settings = {"wrapper": "own_double:Double", "inputs": [{"name": "x", "type": "number"}]}
    (tmp_path / "model/model.json").write_text(json.dumps(settings))
    (tmp_path / "asked").touch()
    monkeypatch.syspath_prepend(str(SERVICE))
    monkeypatch.syspath_prepend(str(tmp_path))
    paths = [str(tmp_path), str(SERVICE), os.environ.get("PYTHONPATH", "")]
    for name, value in {
        "ASKED": str(tmp_path / "asked"), "MODEL_NAME": "double", "MODEL_VERSION": "1", "MODEL_DATA": str(tmp_path / "model"),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)), "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t",
        "AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return tmp_path


def asked(image: Path) -> list[int]:
    """The rows that the model was asked for, in order of the answers."""
    return [int(line) for line in (image / "asked").read_text().split()]
