"""The learning rate at each step, and gradients that are not too long."""

import pytest
import torch

from churn_model.optimization import Optimization, factor


def test_the_warm_up_rises_to_the_rate():
    assert [factor(step, 100, "constant", 4) for step in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]


@pytest.mark.parametrize(
    ("schedule", "middle"), [("linear", 0.5), ("cosine", 0.5), ("constant", 1.0)]
)
def test_the_rate_falls_to_nothing(schedule, middle):
    assert factor(10, 110, schedule, 10) == 1
    assert factor(60, 110, schedule, 10) == pytest.approx(middle)
    end = factor(109, 110, schedule, 10)
    assert end == 1 if schedule == "constant" else 0 < end < 0.02


@pytest.fixture
def optimization(trainer_config):
    """Make an optimizer of one weight that is 1."""

    def make(*overrides):
        model = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.ones_(model.weight)
        config = trainer_config("training.learning_rate=0.1", *overrides).training
        return model, Optimization(model, config, 10, torch.device("cpu"))

    return make


def gradient(model, optimization):
    optimization.step(0, (loss for loss in [1000 * model.weight.sum()]))
    return model.weight.grad.item()


def test_gradients_are_clipped(optimization):
    assert gradient(*optimization()) == 1000
    assert gradient(*optimization("training.clip_norm=2")) == pytest.approx(2)


def test_each_step_has_its_rate(optimization):
    model, one = optimization("training.schedule=linear", "training.weight_decay=0")
    rates = []
    for step in range(3):
        one.step(step, iter([model.weight.sum()]))
        rates.append(one.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.1, 0.09, 0.08])


def test_what_is_too_small_for_fp16_is_scaled(optimization):
    model, one = optimization("training.precision=fp16", "training.clip_norm=2")
    scale = one.state()["scaler"]["scale"]
    assert scale > 1
    assert gradient(model, one) == pytest.approx(2), "clipped as it is, not as it is scaled"
    again = optimization("training.precision=fp16")[1]
    again.load(one.state())
    assert again.state()["scaler"] == one.state()["scaler"]
