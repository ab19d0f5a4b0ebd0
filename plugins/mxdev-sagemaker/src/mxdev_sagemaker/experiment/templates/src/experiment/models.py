"""Models of the experiment. They are pickled: `load` is for what this experiment has stored, and for nothing else."""

from __future__ import annotations

import io
from typing import Any

import joblib

from experiment import storage
from experiment.storage import Stored


def save(model: Any, name: str) -> Stored:
    """Store a model as `models/NAME.joblib`."""
    out = io.BytesIO()
    joblib.dump(model, out)
    return storage.put(f"models/{name}.joblib", out.getvalue())


def load(name: str, version: str | None = None) -> tuple[Any, Stored]:
    """A model, and which version of it was read. Its hash is checked before it is unpickled."""
    body, stored = storage.get(f"models/{name}.joblib", version)
    return joblib.load(io.BytesIO(body)), stored
