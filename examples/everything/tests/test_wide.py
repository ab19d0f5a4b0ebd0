"""The model `wide`: shapes, sizes, and that it learns; none of it needs the data."""

import mlflow
import pytest
import torch
from conftest import composed

from everything import wide as entry


class Plane:
    """What is asked of a task here: points in the plane, on one side of a line or the other."""

    def example(self):
        return torch.zeros(4, 2)

    def model(self):
        return torch.nn.Linear(2, 2)


def configured(*overrides):
    entry.register()
    config = composed(entry.STAGE, "experiment=tests", *overrides)
    return entry.typed(config)


@pytest.mark.parametrize(
    ("inputs", "outputs"), [((8, 8), (10,)), ((3,), ()), ((2, 4, 4), (3, 5))], ids=str
)
def test_an_answer_to_each_example(inputs, outputs):
    network = configured().model.build(inputs, outputs)
    assert network(torch.zeros(6, *inputs)).shape == (6, *outputs)
    assert network(torch.zeros(6, *inputs, dtype=torch.int64)).shape == (6, *outputs)


@pytest.mark.parametrize(
    ("sizes", "parameters"),
    [
        (("model.width=7", "model.depth=1"), (4 + 1) * 7 + (7 + 1) * 3),
        (("model.width=7", "model.depth=3"), (4 + 1) * 7 + 2 * (7 + 1) * 7 + (7 + 1) * 3),
        (("model.depth=0",), (4 + 1) * 3),
    ],
)
def test_its_sizes_are_those_of_the_configuration(sizes, parameters):
    network = configured(*sizes).model.build((2, 2), (3,))
    assert sum(one.numel() for one in network.parameters()) == parameters


def test_it_learns():
    torch.manual_seed(0)
    network = configured("model.dropout=0").model.build((2,), ())
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    rows = torch.randn(64, 2)
    losses = []
    for _ in range(100):
        loss = ((network(rows) - rows.prod(dim=1)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def test_a_run_has_the_sizes_and_what_was_measured():
    config = configured("batch=3")
    run = mlflow.get_run(entry.run(config))
    assert run.info.status == "FINISHED"
    assert run.data.params["width"] == str(config.model.width)
    assert run.data.metrics["parameters"] > 0
    assert run.data.metrics["milliseconds"] > 0
    assert run.data.tags["stage"] == "wide"


def test_the_shapes_are_those_of_the_task():
    config = configured("model.width=7", "model.depth=1", "batch=5")
    config.task = Plane()
    assert entry.measure(config)["parameters"] == (2 + 1) * 7 + (7 + 1) * 2
