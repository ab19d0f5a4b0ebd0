"""The gate: what is accepted, what is refused and why, and which version has which alias."""

import math
import re

import mlflow
import pytest
from conftest import composed
from mlflow.tracking import MlflowClient

from everything import acceptance, trainer


def configured(*overrides):
    acceptance.register()
    config = composed("acceptance", "experiment=tests", "device=cpu", "decide=rule", *overrides)
    return acceptance.typed(config)


@pytest.fixture
def values(monkeypatch):
    """Stands in for the measuring: the metric of each version, by parts."""
    known = {}
    monkeypatch.setattr(
        acceptance,
        "measured",
        lambda config, candidate, accepted: acceptance.compare(
            config, known[candidate.version], known[accepted.version] if accepted else {}
        ),
    )
    return known


@pytest.fixture
def registered(request):
    """A registered model of the test's own, and what makes another version of it the candidate."""
    name, client = re.sub(r"\W+", "_", request.node.name), MlflowClient()
    client.create_registered_model(name)

    def candidate():
        version = client.create_model_version(name, "none").version
        client.set_registered_model_alias(name, "candidate", version)
        return version

    return name, candidate


def aliases(name):
    # MLflow gives versions as numbers or as texts.
    found = MlflowClient().get_registered_model(name).aliases
    return {alias: str(version) for alias, version in found.items()}


def config_of(name, *overrides):
    fixed = ("candidate=candidate", "accepted=champion", "metric=loss", "minimize=true")
    return configured(f"registered={name}", *fixed, *overrides)


def test_the_first_is_accepted_and_a_better_one_takes_its_place(registered, values):
    name, candidate = registered
    first = candidate()
    values[first] = {"all": 0.5}
    assert acceptance.run(config_of(name)) == acceptance.ACCEPTED
    second = candidate()
    values[second] = {"all": 0.4}
    assert acceptance.run(config_of(name)) == acceptance.ACCEPTED
    expected = {"candidate": str(second), "champion": str(second), "previous": str(first)}
    assert aliases(name) == expected
    tags = MlflowClient().get_model_version(name, second).tags
    assert tags[acceptance.STATE] == "accepted"
    assert tags[acceptance.REASON] == "loss is good enough: all 0.4000 after 0.5000"
    logged = mlflow.artifacts.load_dict(f"runs:/{tags[acceptance.RUN]}/acceptance.json")
    assert logged["rows"] == [{"part": "all", "accepted": 0.5, "candidate": 0.4, "good": True}]


@pytest.mark.parametrize(
    ("worse", "says"),
    [
        ({"all": 0.6, "night": 0.5}, "loss is worse: all 0.6000 after 0.5000"),
        ({"all": 0.4, "night": 0.9}, "loss is worse: night 0.9000 after 0.5000"),
        ({"all": math.nan, "night": 0.5}, "loss is worse: all nan after 0.5000"),
    ],
)
def test_a_worse_one_is_refused_and_the_alias_stays(registered, values, worse, says):
    name, candidate = registered
    first = candidate()
    values[first] = {"all": 0.5, "night": 0.5}
    acceptance.run(config_of(name))
    second = candidate()
    values[second] = worse
    assert acceptance.run(config_of(name)) == acceptance.REFUSED
    assert aliases(name)["champion"] == str(first)
    assert MlflowClient().get_model_version(name, second).tags[acceptance.REASON] == says


def test_a_person_decides(registered, values):
    name, candidate = registered
    first = candidate()
    values[first] = {"all": 0.5}
    assert acceptance.run(config_of(name, "decide=person")) == acceptance.DRAFT
    assert "champion" not in aliases(name)
    assert acceptance.run(config_of(name, "decide=yes")) == acceptance.ACCEPTED
    second = candidate()
    values[second] = {"all": 0.1}
    assert acceptance.run(config_of(name, "decide=no")) == acceptance.REFUSED
    assert aliases(name)["champion"] == str(first)


def test_what_a_person_refused_no_rule_accepts(registered, values):
    name, candidate = registered
    first = candidate()
    values[first] = {"all": 0.5}
    refused = config_of(name, "decide=no", "reason=looks odd")
    assert acceptance.run(refused) == acceptance.REFUSED
    tags = MlflowClient().get_model_version(name, first).tags
    expected = "a person said no: looks odd (loss is good enough: all 0.5000 after none)"
    assert tags[acceptance.REASON] == expected
    assert acceptance.run(config_of(name)) == acceptance.REFUSED
    assert "champion" not in aliases(name)
    assert acceptance.run(config_of(name, "decide=yes")) == acceptance.ACCEPTED
    with pytest.raises(SystemExit, match="is the accepted one"):
        acceptance.run(config_of(name, "decide=no"))


def test_a_person_decides_by_what_was_measured_already(registered, values, monkeypatch):
    name, candidate = registered
    first = candidate()
    values[first] = {"all": 0.5}
    acceptance.run(config_of(name, "decide=person"))
    monkeypatch.setattr(acceptance, "measured", lambda *_: pytest.fail("measured twice"))
    assert acceptance.run(config_of(name, "decide=yes")) == acceptance.ACCEPTED


def test_a_version_is_named_by_its_number(registered, values):
    name, candidate = registered
    first = candidate()
    values[first] = {"all": 0.5}
    candidate()
    assert acceptance.run(config_of(name, f"version='{first}'")) == acceptance.ACCEPTED
    assert aliases(name)["champion"] == str(first)
    with pytest.raises(SystemExit, match="has no version 77"):
        acceptance.run(config_of(name, "version='77'"))
    with pytest.raises(SystemExit, match="has registered no version"):
        acceptance.run(config_of(name, f"version='{'a' * 32}'"))


def test_back_to_the_version_before(registered, values):
    name, candidate = registered
    with pytest.raises(SystemExit, match="was accepted before"):
        acceptance.run(config_of(name, "decide=back"))
    for value in (0.5, 0.4):
        values[candidate()] = {"all": value}
        acceptance.run(config_of(name))
    assert aliases(name)["champion"] == "2"
    acceptance.run(config_of(name, "decide=back"))
    assert aliases(name)["champion"] == "1"
    # The way back leads there once.
    assert "previous" not in aliases(name)
    with pytest.raises(SystemExit, match="was accepted before"):
        acceptance.run(config_of(name, "decide=back"))
    # No rule accepts again what somebody went back from.
    assert acceptance.run(config_of(name)) == acceptance.REFUSED
    assert aliases(name)["champion"] == "1"


@pytest.mark.parametrize("moved_to", ["1", "3"])
def test_back_is_refused_after_an_alias_was_moved_by_hand(registered, values, moved_to):
    name, candidate = registered
    for value in (0.5, 0.4):
        values[candidate()] = {"all": value}
        acceptance.run(config_of(name))
    candidate()
    client = MlflowClient()
    client.set_registered_model_alias(name, "champion", moved_to)
    with pytest.raises(SystemExit, match=f"by hand, to version {moved_to}: which one"):
        acceptance.run(config_of(name, "decide=back"))
    assert aliases(name)["champion"] == moved_to
    assert client.get_model_version(name, "1").tags[acceptance.STATE] == acceptance.ACCEPTED


def test_back_is_refused_from_an_older_accepted_version(registered, values):
    name, candidate = registered
    for value in (0.5, 0.4, 0.3):
        values[candidate()] = {"all": value}
        acceptance.run(config_of(name))
    client = MlflowClient()
    client.set_registered_model_alias(name, "champion", "1")
    with pytest.raises(SystemExit, match="by hand, to version 1: which one"):
        acceptance.run(config_of(name, "decide=back"))
    assert aliases(name) == {"candidate": "3", "champion": "1", "previous": "2"}
    assert client.get_model_version(name, "1").tags[acceptance.STATE] == acceptance.ACCEPTED


def test_back_from_a_version_that_does_not_say_what_it_replaced(registered, values):
    name, candidate = registered
    for value in (0.5, 0.4):
        values[candidate()] = {"all": value}
        acceptance.run(config_of(name))
    MlflowClient().delete_model_version_tag(name, "2", acceptance.BEFORE)
    acceptance.run(config_of(name, "decide=back"))
    assert aliases(name) == {"candidate": "2", "champion": "1"}


def test_what_is_missing_is_said(registered):
    name, _ = registered
    with pytest.raises(SystemExit, match="has the alias candidate"):
        acceptance.run(config_of(name))
    with pytest.raises(SystemExit, match="has the alias candidate"):
        acceptance.run(config_of("nobody-registered-this"))
    with pytest.raises(SystemExit, match="decide is 'maybe'"):
        acceptance.run(config_of(name, "decide=maybe"))


@pytest.mark.parametrize("minimize", [True, False])
def test_how_much_worse_is_still_good(minimize):
    config = config_of("m", "tolerance=0.1", f"minimize={str(minimize).lower()}")
    step = 0.05 if minimize else -0.05
    good = [
        acceptance.compare(config, {"all": 0.5 + step * many}, {"all": 0.5})[0].good
        for many in (-1, 0, 1, 3)
    ]
    assert good == [True, True, True, False]


def test_a_trained_model_is_measured_on_the_test_data(trainer_config, monkeypatch):
    name = "measured"
    registry = (f"registry.registered_model_name={name}", "registry.alias=candidate")
    run_id = trainer.run(trainer_config("training.epochs=1", *registry))
    found = acceptance.run(config_of(name, f"version='{run_id}'"))
    assert found == acceptance.ACCEPTED
    version = MlflowClient().get_model_version_by_alias(name, "champion")
    loss = mlflow.get_run(run_id).data.metrics["test_loss"]
    expected = f"loss is good enough: all {loss:.4f} after none"
    assert version.tags[acceptance.REASON] == expected
    # A schedule that looks for new data has nothing to do.
    monkeypatch.setattr(acceptance, "_train", lambda _: pytest.fail("nothing is new"))
    # What counts is the data of today's configuration; that of then may be of another task.
    monkeypatch.setattr(acceptance, "_as_trained", lambda _: pytest.fail("asked then"))
    assert acceptance.run(config_of(name, "train=new-data")) == acceptance.NOTHING
    assert acceptance.run(config_of(name)) == acceptance.ACCEPTED
