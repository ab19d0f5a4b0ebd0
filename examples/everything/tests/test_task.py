"""What the trainer needs of `Task` in task.py, whatever it is about. Each test says what is wrong with it."""

import math

import pytest
import torch

from everything.data.loader import Loader
from everything.device import make_repeatable
from everything.processes import Processes

ALONE = Processes(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def settings(trainer_config):
    return trainer_config()


@pytest.fixture(scope="module")
def task(settings):
    return settings.task


@pytest.fixture(scope="module")
def datasets(task):
    return task.datasets()


@pytest.fixture(scope="module")
def batch(settings, datasets):
    """The first examples that are trained on."""
    loader = Loader(datasets.train, datasets.collate, settings.training, ALONE)
    return next(iter(next(iter(loader.epoch(seed=1)))))


@pytest.fixture
def model(task):
    make_repeatable(seed=0, threads=1)
    return task.model()


def test_every_part_of_the_data_has_examples(datasets):
    for name in ("train", "validation", "test"):
        assert len(getattr(datasets, name)) > 0, f"Task.datasets: {name} is empty"


def test_the_same_values_give_the_same_data(task, datasets, settings, batch):
    again = task.datasets()
    assert again.version() == datasets.version(), (
        "Task.datasets: version is another one the second time"
    )
    for name in ("train", "validation", "test"):
        first, second = (
            next(Loader(getattr(data, name), data.collate, settings.training, ALONE).in_order())
            for data in (datasets, again)
        )
        assert str(first) == str(second), f"Task.datasets: {name} begins with other examples"


def test_the_loss_is_a_number_that_every_parameter_can_make_smaller(task, model, batch):
    loss = task.loss(model(batch.inputs), batch.targets)
    assert loss.shape == (), "Task.loss: one number, the mean over the batch"
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, f"Task.model: {name} has no influence on the loss"
        assert parameter.grad.abs().sum() > 0, f"Task.model: {name} has no influence on the loss"


def test_the_network_learns_a_batch_by_heart(task, model, batch):
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    losses = []
    for _ in range(60):
        loss = task.loss(model(batch.inputs), batch.targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2, "Task.model does not learn what Task.loss wants"


@torch.no_grad()
def test_counts_can_be_added_and_become_metrics(task, model, batch):
    model.eval()
    counts = task.counts(model(batch.inputs), batch.targets)
    doubled = {name: value + value for name, value in counts.items()}
    once, twice = task.metrics(counts), task.metrics(doubled)
    assert "loss" not in once, "Task.metrics: the trainer measures the loss"
    for name, value in once.items():
        assert isinstance(value, float), f"Task.metrics: {name} is not a float"
        assert not math.isnan(value), f"Task.metrics: {name} is not a number"
        assert twice[name] == pytest.approx(value), (
            f"Task.metrics: {name} is another one when every example counts twice: no mean of what was counted"
        )
    task.figures(counts)


@torch.no_grad()
def test_an_example_does_not_influence_another(task, model):
    model.eval()
    example = task.example()
    assert len(example) > 1, "Task.example: at least two inputs, so that their number is left open"
    alone = torch.cat([model(one.unsqueeze(0)) for one in example])
    torch.testing.assert_close(model(example), alone, msg="Task.model: inputs of a batch get mixed")


@torch.no_grad()
def test_it_computes_the_same_twice_when_it_is_not_trained(task, model):
    model.eval()
    example = task.example()
    assert torch.equal(model(example), model(example)), "Task.model: dropout is for training only"
