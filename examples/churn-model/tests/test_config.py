"""The configuration: every file of every group is whole, and a value that is none is said."""

from pathlib import Path

import pytest
from conftest import CONF, composed
from omegaconf.errors import OmegaConfBaseException

from churn_model import config, trainer


@pytest.mark.parametrize("group", ["task", "training"])
def test_every_file_of_a_group_is_whole(group):
    names = [path.stem for path in Path(CONF, group).glob("*.yaml")]
    assert "default" in names
    for name in names:
        config.trainer_config(composed("trainer", f"{group}={name}"))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "training.schedule=cosin",
            "training.schedule is 'cosin'; it is one of constant, linear, cosine",
        ),
        ("training.precision=16", "training.precision is '16'; it is one of fp32, bf16, fp16"),
        (
            "training.deterministic=maybe",
            "training.deterministic is 'maybe'; it is one of false, warn, true",
        ),
    ],
)
def test_a_value_that_is_none_is_said(override, said):
    with pytest.raises(ValueError, match=said):
        config.trainer_config(composed("trainer", override))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("training.epochs=0",), "training.epochs is 0; the least is 1"),
        (("training.accumulate=0",), "training.accumulate is 0; the least is 1"),
        (("training.patience=-1",), "training.patience is -1; the least is 0"),
        (("training.learning_rate=nan",), "training.learning_rate is nan; the least is 0"),
        (("training.workers=1", "training.prefetch=0"), "training.prefetch is 0; the least is 1"),
    ],
)
def test_a_training_does_not_begin_with_what_cannot_be(overrides, said):
    # What a run has logged is read all the same.
    made = config.trainer_config(composed("trainer", *overrides))
    with pytest.raises(ValueError, match=said):
        trainer.run(made)


def test_without_workers_nobody_reads_ahead():
    made = config.trainer_config(composed("trainer", "training.prefetch=0", "training.window=0"))
    config.check_bounds(made.training)


def test_yaml_may_take_words_for_what_they_say():
    for word in ("false", "true", "warn"):
        made = config.trainer_config(composed("trainer", f"training.deterministic={word}"))
        assert made.training.deterministic == word


def test_what_is_not_in_the_configuration_is_said():
    with pytest.raises(OmegaConfBaseException):
        config.trainer_config({"training": {"epoch": 3}})
