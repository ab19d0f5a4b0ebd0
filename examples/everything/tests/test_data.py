"""The data is what it was, and its parts have nothing in common."""

from collections import Counter
from dataclasses import replace

import numpy as np
import torch
from sklearn.datasets import load_digits

from everything import data

SHA256 = "faf2d98f61250c1cdc0b114323133d3c58da04f5c5d28bb78e4bde3c936a75b1"


def test_the_data_has_not_changed(digits):
    assert digits.sha256 == SHA256


def test_every_image_is_in_exactly_one_part(digits):
    parts = [digits.train.indices, digits.validation.indices, digits.test.indices]
    assert Counter(np.concatenate(parts).tolist()) == Counter(range(1797))


def test_no_image_is_in_two_parts(digits):
    seen = [
        {image.numpy().tobytes() for image in part.images}
        for part in (digits.train, digits.validation, digits.test)
    ]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]


def test_images_and_labels_belong_together(digits):
    bunch = load_digits()
    for part in (digits.train, digits.validation, digits.test):
        np.testing.assert_array_equal(part.images.numpy(), bunch.images[part.indices])
        np.testing.assert_array_equal(part.labels.numpy(), bunch.target[part.indices])
        assert part.images.dtype == torch.float32
        assert part.labels.dtype == torch.int64


def test_parts_have_the_sizes_that_the_configuration_says(digits):
    sizes = [len(part) for part in (digits.train, digits.validation, digits.test)]
    assert sizes == [1167, 270, 360]


def test_every_class_has_its_share_of_every_part(digits):
    whole = np.bincount(load_digits().target) / 1797
    for part in (digits.train, digits.validation, digits.test):
        share = np.bincount(part.labels.numpy(), minlength=10) / len(part)
        np.testing.assert_allclose(share, whole, atol=0.01)


def test_the_division_can_be_repeated(digits, trainer_config):
    again = data.load(trainer_config().data)
    assert again.test.indices.tolist() == digits.test.indices.tolist()
    assert again.train.indices.tolist() == digits.train.indices.tolist()


def test_the_test_data_depends_on_its_own_seed_only(digits, trainer_config):
    config = trainer_config("seed=99").data
    assert data.load(config).test.indices.tolist() == digits.test.indices.tolist()
    less = data.load(replace(config, validation_fraction=0.05))
    assert less.test.indices.tolist() == digits.test.indices.tolist()
    other = data.load(replace(config, split_seed=config.split_seed + 1))
    assert other.test.indices.tolist() != digits.test.indices.tolist()
