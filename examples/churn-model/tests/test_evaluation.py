"""Measuring: every process its part, all examples once; and the evaluation of a run."""

from contextlib import nullcontext
from itertools import chain

import mlflow
import pytest
import torch
from toy import ToyConfig

from churn_model import evaluation, trainer
from churn_model.data.loader import Loader
from churn_model.processes import Processes


def counted(settings, rank, count):
    """What a process counts in its part of the test data, and of which examples."""
    datasets, device = settings.task.datasets(), torch.device("cpu")
    torch.manual_seed(0)
    model = settings.task.model().eval()
    process = Processes(rank, count, device)
    loader = Loader(datasets.test, datasets.collate, settings.training, process)
    seen = []

    def spy(inputs):
        seen.extend(inputs.tolist())
        return model(inputs)

    sums = evaluation.counted(settings.task, spy, loader, device, nullcontext(), lambda: None)
    return sums, seen


@pytest.mark.parametrize("streamed", [False, True], ids=["in memory", "streamed"])
@pytest.mark.parametrize("count", [2, 3, 40])
def test_the_parts_are_the_whole(toy_config, streamed, count):
    settings = toy_config("training.batch_size=48", streamed=streamed)
    sums, everything = counted(settings, 0, 1)
    whole = evaluation.together(settings.task, [sums])
    parts, shares = zip(*(counted(settings, rank, count) for rank in range(count)), strict=True)
    assert sorted(chain.from_iterable(shares)) == sorted(everything)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    report = evaluation.together(settings.task, parts)
    assert report.totals == whole.totals
    assert report.metrics["accuracy"] == whole.metrics["accuracy"]
    assert report.metrics["loss"] == pytest.approx(whole.metrics["loss"], rel=1e-6)
    assert report.examples == whole.examples == 35


def test_the_metrics_of_a_run_are_found_again(toy_run, evaluation_config):
    found = evaluation.run(evaluation_config(f"run_id={toy_run.info.run_id}"), ToyConfig)
    assert found.metrics["accuracy"] == toy_run.data.metrics["test_accuracy"]


def test_the_run_that_finished_last_is_taken(toy_run, toy_config, evaluation_config):
    last = trainer.run(toy_config("training.learning_rate=0", "seed=7"))
    evaluation.run(evaluation_config(), ToyConfig)
    experiment = mlflow.get_experiment_by_name("tests").experiment_id
    (newest,) = mlflow.MlflowClient().search_runs(
        [experiment], f"tags.{evaluation.tracking.STAGE} = 'evaluation'", max_results=1
    )
    assert newest.data.params["evaluated_run"] == last != toy_run.info.run_id


def test_it_says_what_to_do_when_nothing_was_trained(evaluation_config):
    with pytest.raises(SystemExit, match=r"Train first: python -m \w+\.trainer"):
        evaluation.run(evaluation_config("experiment=empty"))


def test_a_configuration_of_other_code_is_said(toy_run, evaluation_config):
    with pytest.raises(SystemExit, match=r"does not know: .*\n.*git.commit names the code"):
        evaluation.run(evaluation_config(f"run_id={toy_run.info.run_id}"))
