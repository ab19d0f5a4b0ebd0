"""Models of the experiment. They are pickled: `load` is for what this experiment has stored, and for nothing else."""

from __future__ import annotations

from typing import Any

from mxdev_saver import Version

from experiment.store import store


def save(model: Any, name: str, **metadata: Any) -> Version:
    """Store a model as `models/NAME.joblib`; it is found by its metadata later."""
    return store().put(f"models/{name}.joblib", object=model, metadata=metadata)


def load(name: str, version: str | None = None) -> tuple[Any, Version]:
    """A model, and which version of it was read. Its hash is checked before it is unpickled."""
    found = store().about(f"models/{name}.joblib", version)
    return store().get(found.filename, version=found, trusted=True), found
