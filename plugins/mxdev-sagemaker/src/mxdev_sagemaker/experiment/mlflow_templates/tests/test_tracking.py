"""One line tracks a run, in a store of MLflow on this machine."""

from __future__ import annotations

import mlflow
import pandas as pd

from experiment import data
from experiment.tracking import track


def test_a_run_has_all_that_it_was_told(account: None) -> None:
    table = data.save(pd.DataFrame({"a": [1]}), "table.csv")
    run = track("first", {"C": 0.5, "solver": "lbfgs"}, {"accuracy": 0.9}, {"table": table})
    found = mlflow.get_run(run).data
    assert found.params == {"C": "0.5", "solver": "lbfgs"}
    assert found.metrics == {"accuracy": 0.9}
    assert found.tags["object.table"].endswith(f"data/table.csv?versionId={table.id}")


def test_a_second_run_is_another(account: None) -> None:
    first, second = (track("baseline", {}, {"accuracy": 0.5}) for _ in range(2))
    assert first != second
