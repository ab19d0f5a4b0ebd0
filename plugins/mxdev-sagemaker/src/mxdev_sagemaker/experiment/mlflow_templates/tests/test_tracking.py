"""One line tracks a run, in a store of MLflow on this machine."""

from __future__ import annotations

import mlflow

from experiment.storage import Stored
from experiment.tracking import track


def test_a_run_has_all_that_it_was_told(account: None) -> None:
    table = Stored("data/table.csv", "v1", "0" * 64)
    run = track("first", {"C": 0.5, "solver": "lbfgs"}, {"accuracy": 0.9}, {"table": table})
    found = mlflow.get_run(run).data
    assert found.params == {"C": "0.5", "solver": "lbfgs"}
    assert found.metrics == {"accuracy": 0.9}
    assert found.tags["object.table"].endswith("data/table.csv?versionId=v1")


def test_a_second_run_is_another(account: None) -> None:
    first, second = (track("baseline", {}, {"accuracy": 0.5}) for _ in range(2))
    assert first != second
