"""The search `search`: what it tries, that each trial is done once, and that it goes on. The trainings are a stand-in."""

import json
import shlex
import sys

import mlflow
import pytest
from conftest import composed
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from everything import search as search


def configured(*overrides):
    search.register()
    config = composed(search.STAGE, "experiment=tests", "at_once=1", *overrides)
    return search.typed(config)


def stand_in(trial, over):
    """Three epochs, whose losses depend on the learning rate alone: 0.002 is best."""
    client, rate = MlflowClient(), trial.values["training.learning_rate"]
    for epoch in (1, 2, 3):
        client.log_metric(
            trial.run_id, "validation_loss", abs(rate - 0.002) + 1 / epoch, step=epoch
        )
        if over():
            return search.EXIT_CODE
    client.set_terminated(trial.run_id)
    return 0


def trials(run_id):
    run = mlflow.get_run(run_id)
    found = MlflowClient().search_runs(
        [run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'", max_results=1000
    )
    return sorted(found, key=lambda trial: int(trial.data.tags[search.NUMBER]))


def test_the_best_is_named():
    run = mlflow.get_run(search.run(configured("trials=6"), stand_in))
    assert run.info.status == "FINISHED"
    done = trials(run.info.run_id)
    assert [int(trial.data.tags[search.NUMBER]) for trial in done] == list(range(6))
    complete = [trial for trial in done if trial.data.tags[search.STATE] == search.COMPLETE]
    best = min(complete, key=lambda trial: trial.data.metrics["validation_loss"])
    assert run.data.tags["best.run"] == best.info.run_id
    assert json.loads(run.data.tags["best.values"]) == json.loads(best.data.tags[search.VALUES])
    assert run.data.metrics[search.BEST] == best.data.metrics["validation_loss"]


def test_as_many_as_it_may_are_under_way():
    most, under_way = [0], set()

    def counted(trial, over):
        under_way.add(trial.number)
        most[0] = max(most[0], len(under_way))
        code = stand_in(trial, over)
        under_way.remove(trial.number)
        return code

    done = trials(search.run(configured("trials=8", "at_once=2"), counted))
    assert len(done) == 8
    assert most[0] <= 2


def test_it_goes_on_where_it_was(monkeypatch):
    begun = []

    def interrupted(trial, over):
        begun.append(trial.run_id)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return stand_in(trial, over)

    with pytest.raises(KeyboardInterrupt):
        search.run(configured("trials=5"), interrupted)
    parent = mlflow.get_run(begun[0]).data.tags["mlflow.parentRunId"]
    values = [trial.data.tags[search.VALUES] for trial in trials(parent)]
    monkeypatch.setenv("MLFLOW_RUN_ID", parent)
    again = []

    def noted(trial, over):
        again.append(trial.run_id)
        return stand_in(trial, over)

    assert search.run(configured("trials=5"), noted) == parent
    done = trials(parent)
    assert len(done) == 5
    assert all(search.STATE in trial.data.tags for trial in done)
    assert [trial.data.tags[search.VALUES] for trial in done[:3]] == values
    assert again[0] == begun[2]
    assert not set(again) & set(begun[:2])


def test_a_training_that_came_to_its_end_without_the_search_counts(monkeypatch):
    begun = []

    def killed_at_the_end(trial, over):
        begun.append(trial.run_id)
        stand_in(trial, over)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search.run(configured("trials=2"), killed_at_the_end)
    monkeypatch.setenv("MLFLOW_RUN_ID", mlflow.get_run(begun[0]).data.tags["mlflow.parentRunId"])
    again = []

    def noted(trial, over):
        again.append(trial.run_id)
        return stand_in(trial, over)

    done = trials(search.run(configured("trials=2"), noted))
    assert [trial.data.tags[search.STATE] for trial in done] == [search.COMPLETE] * 2
    assert again == [done[1].info.run_id]


def test_a_trial_that_is_worse_than_the_others_is_given_up():
    def worse_and_worse(trial, over):
        client = MlflowClient()
        for epoch in range(1, 6):
            client.log_metric(trial.run_id, "validation_loss", float(trial.number), step=epoch)
            if over():
                return search.EXIT_CODE
        return 0

    done = trials(search.run(configured("trials=8", "prune_after=2"), worse_and_worse))
    states = [trial.data.tags[search.STATE] for trial in done]
    assert states[:5] == [search.COMPLETE] * 5
    assert search.PRUNED in states[5:]


@pytest.fixture
def away(monkeypatch):
    """Stands in for a tracking server that does not answer; what is in the list is asked in vain."""
    left, history = [], search.Search._history

    def asked(self, run_id):
        if left and left.pop():
            raise MlflowException("no answer")
        return history(self, run_id)

    monkeypatch.setattr(search.Search, "_history", asked)
    return left


def test_a_tracking_server_that_is_away_for_a_while_ends_nothing(away):
    away += [True, True]
    done = trials(search.run(configured("trials=1"), stand_in))
    assert [trial.data.tags[search.STATE] for trial in done] == [search.COMPLETE]
    assert not away


def test_it_ends_at_once_though_the_tracking_server_is_away(away, monkeypatch):
    begun, run = [], search.Search.run
    monkeypatch.setattr(search.Search, "run", lambda self: begun.append(self) or run(self))

    def told(trial, over):
        away.extend([True] * 9)
        begun[0].end()
        return search.EXIT_CODE if over() else 0

    with pytest.raises(SystemExit) as ended:
        search.run(configured("trials=2"), told)
    assert ended.value.code == search.EXIT_CODE
    assert len(away) == 9


@pytest.fixture(params=["create_run", "get_run", "get_metric_history", "set_tag", "search_runs"])
def unanswered(request, monkeypatch):
    """Stands in for a tracking server that is away once the trials begin: so many questions of one kind are in vain."""
    left, real, study = [], getattr(MlflowClient, request.param), search.Search._study

    def asked(self, *arguments, **named):
        if left and left.pop():
            raise MlflowException("no answer")
        return real(self, *arguments, **named)

    monkeypatch.setattr(search, "PAUSE", 0.01)
    monkeypatch.setattr(MlflowClient, request.param, asked)

    def begin(count):
        monkeypatch.setattr(
            search.Search,
            "_study",
            lambda self, known: left.extend([True] * count) or study(self, known),
        )

    begin.left = left
    return begin


def unwatched(trial, _over):
    return stand_in(trial, lambda: False)


def test_a_question_in_vain_ends_no_search(unanswered):
    unanswered(2)
    run_id = search.run(configured("trials=1"), unwatched)
    assert not unanswered.left
    assert [trial.data.tags[search.STATE] for trial in trials(run_id)] == [search.COMPLETE]


def test_while_it_asks_in_vain_it_can_be_told_to_end(unanswered, monkeypatch):
    begun, run = [], search.Search.run
    monkeypatch.setattr(search.Search, "run", lambda self: begun.append(self) or run(self))
    monkeypatch.setattr(search.log, "warning", lambda *_: begun[0].end())
    unanswered(1)
    with pytest.raises(SystemExit) as ended:
        search.run(configured("trials=1"), unwatched)
    assert ended.value.code == search.EXIT_CODE


def test_nothing_but_failures_ends_it():
    with pytest.raises(SystemExit, match="5 trials failed and none came to an end"):
        search.run(configured("trials=20"), lambda trial, over: 1)


@pytest.mark.parametrize(
    ("space", "says"),
    [
        ({}, "space is empty"),
        ({"seed": 3}, "space.seed is 3"),
        ({"seed": {"choices": []}}, "space.seed"),
        ({"seed": {"low": 2, "high": 1}}, "space.seed"),
        ({"seed": {"low": 1, "high": 2, "lgo": True}}, "lgo means nothing here"),
    ],
)
def test_a_space_that_cannot_be_is_refused(space, says):
    with pytest.raises(SystemExit, match=says):
        search.distributions(space)


# A double of mx: it notes the Job that it is given, and says of it what the variable OUTCOME says.
MX = """
import json, os, sys
from pathlib import Path
job = json.load(sys.stdin)
Path(os.environ["SEEN"]).write_text(json.dumps(job))
outcome = os.environ["OUTCOME"]
Path(job["report"]).write_text(json.dumps({"outcome": outcome, "reason": "it is full"}))
sys.exit(0 if outcome == "succeeded" else 1)
"""


def as_job(monkeypatch, tmp_path, outcome):
    told = {
        "submitter": [sys.executable, "-c", MX],
        "name": "n",
        "kind": "Job",
        "namespace": "team",
        "context": None,
        "tracking_uri": "http://t",
    }
    monkeypatch.setenv("MX_TRIALS", json.dumps(told))
    monkeypatch.setenv("OUTCOME", outcome)
    monkeypatch.setenv("SEEN", str(tmp_path / "job.json"))
    run = MlflowClient().create_run("0").info.run_id
    trial = search.Trial(3, run, {}, ("a.b='c d'",))
    code = search.as_job(trial, lambda: False)
    return run, code, json.loads((tmp_path / "job.json").read_text())


def test_a_trial_is_a_job_where_mx_says_so(monkeypatch, tmp_path):
    run, code, job = as_job(monkeypatch, tmp_path, "succeeded")
    assert code == 0
    words = shlex.split(job["command"])
    assert words[:2] == ["python", "-m"]
    assert words[2:] == ["everything.trainer", "a.b='c d'"]
    assert job["environment"] == {"MLFLOW_TRACKING_URI": "http://t", "MLFLOW_RUN_ID": run}
    assert mlflow.get_run(run).data.tags["mx.job"] == f"Job/team/{job['name']}"
    assert as_job(monkeypatch, tmp_path, "failed")[1] == 1


def test_a_job_that_is_refused_is_no_trial_that_failed(monkeypatch, tmp_path):
    with pytest.raises(SystemExit, match="trial 3 has no Job: it is full"):
        as_job(monkeypatch, tmp_path, "refused")
