"""The network can learn, and treats every image alike."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from everything.device import make_repeatable
from everything.model import DigitClassifier


@pytest.fixture
def model(trainer_config):
    make_repeatable(seed=0, threads=1)
    return DigitClassifier(trainer_config().model)


def test_it_gives_ten_logits_for_every_image(model, digits):
    assert model(digits.train.images[:7]).shape == (7, 10)


def test_it_learns_a_batch_by_heart(model, digits):
    images, labels = digits.train.images[:32], digits.train.labels[:32]
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.005)
    for _ in range(60):
        loss = cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    assert cross_entropy(model(images), labels).item() < 0.02


def test_every_parameter_learns(model, digits):
    cross_entropy(model(digits.train.images[:64]), digits.train.labels[:64]).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_an_image_does_not_influence_another(model, digits):
    model.eval()
    images = digits.train.images[:8]
    alone = torch.cat([model(image.unsqueeze(0)) for image in images])
    torch.testing.assert_close(model(images), alone)


def test_it_takes_raw_pixels(model):
    model.eval()
    scaled = []
    model.layers[0].register_forward_pre_hook(lambda _layer, inputs: scaled.append(inputs[0]))
    model(torch.full((1, 8, 8), 16.0))
    torch.testing.assert_close(scaled[0], torch.ones(1, 1, 8, 8))


def test_dropout_is_only_for_training(model, digits):
    images = digits.train.images[:64]
    model.train()
    assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))
