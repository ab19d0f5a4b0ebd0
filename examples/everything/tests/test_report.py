"""The entry point `report`: what it logs, and with which configuration it does."""

import mlflow
import pytest
from conftest import composed

from everything import report as entry


def configured(*overrides):
    entry.register()
    config = composed(entry.STAGE, "experiment=tests", *overrides)
    return entry.typed(config)


def test_a_run_has_its_metrics_and_what_they_depend_on():
    run = mlflow.get_run(entry.run(configured("part=validation")))
    assert run.info.status == "FINISHED"
    assert run.data.metrics == entry.work(configured("part=validation"))
    assert run.data.params["part"] == "validation"
    assert run.data.tags[entry.tracking.STAGE] == "report"
    assert "git.uncommitted" in run.data.tags


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_the_examples_of_a_part_are_counted(part):
    config = configured(f"part={part}")
    examples = len(getattr(config.task.datasets(), part))
    assert entry.work(config) == {"examples": examples}


def test_a_part_that_does_not_exist_is_refused():
    with pytest.raises(SystemExit, match="it must be one of train, validation, test"):
        entry.work(configured("part=tset"))
