"""Groups of Hydra's configuration, `conf/GROUP/NAME.yaml`: on a command line Hydra takes GROUP=VALUE for one of a group's files."""

from __future__ import annotations

from pathlib import Path

import yaml

SOURCE = Path(__file__).parents[2] / "examples/everything/src/everything"
GROUPS = {folder.name for folder in (SOURCE / "conf").iterdir() if folder.is_dir()}


def test_no_value_is_called_as_a_group() -> None:
    assert {"model", "task", "training", "dataset"} <= GROUPS
    found = []
    for path in (SOURCE / "conf").glob("*.yaml"):
        own = yaml.safe_load(path.read_text("utf-8"))
        told = {name for default in own["defaults"] if isinstance(default, dict) for name in default}
        # `hydra` is Hydra's own, a group that is among the defaults is meant.
        found += [f"{path.name}: {name}" for name in (own.keys() & GROUPS) - told - {"hydra"}]
    assert found == []
