"""One line tracks a run; moto plays SageMaker Experiments."""

from __future__ import annotations

import boto3
import pandas as pd

from experiment import data
from experiment.settings import NAME, REGION
from experiment.tracking import track


def test_a_run_has_all_that_it_was_told(account: None) -> None:
    table = data.save(pd.DataFrame({"a": [1]}), "table.csv")
    many = {f"m{number}": float(number) for number in range(12)}
    run = track("first try!", {"C": 0.5, "solver": "lbfgs"}, many, {"table": table})
    sagemaker = boto3.client("sagemaker", region_name=REGION)
    found = sagemaker.describe_trial_component(TrialComponentName=run)
    assert found["Parameters"] == {"C": {"NumberValue": 0.5}, "solver": {"StringValue": "lbfgs"}}
    assert found["OutputArtifacts"]["table"]["Value"].endswith(
        f"data/table.csv?versionId={table.id}"
    )
    assert {one["MetricName"]: one["Last"] for one in found["Metrics"]} == many
    listed = sagemaker.list_trial_components(TrialName=f"{NAME}-first-try")
    assert [one["TrialComponentName"] for one in listed["TrialComponentSummaries"]] == [run]


def test_a_second_run_is_another(account: None) -> None:
    first, second = (track("baseline", {}, {"accuracy": 0.5}) for _ in range(2))
    assert first != second
