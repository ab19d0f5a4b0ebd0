"""The handwritten digits that come with scikit-learn, divided into training, validation and test data."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

from .config import DataConfig

CLASSES = tuple("0123456789")
IMAGE_SIZE = 8
MAX_PIXEL = 16.0


@dataclass(frozen=True)
class Split:
    """One part of the data.

    Attributes:
        indices: (N,) positions in the whole data set.
        images: (N, 8, 8) float32 pixels from 0 to 16.
        labels: (N,) int64 digits.
    """

    indices: npt.NDArray[np.int64]
    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True)
class Digits:
    """The whole data set, divided.

    Attributes:
        sha256: hash of all images and labels, before they are divided.
    """

    train: Split
    validation: Split
    test: Split
    sha256: str


def load(config: DataConfig) -> Digits:
    """Load the digits and divide them. The same configuration always gives the same parts."""
    bunch = load_digits()
    images = np.ascontiguousarray(bunch.images, dtype="<f4")
    labels = np.ascontiguousarray(bunch.target, dtype="<i8")
    train, validation, test = split_indices(labels, config)

    def part(indices: npt.NDArray[np.int64]) -> Split:
        return Split(indices, torch.from_numpy(images[indices]), torch.from_numpy(labels[indices]))

    digest = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    return Digits(part(train), part(validation), part(test), digest)


def split_indices(
    labels: npt.NDArray[np.int64], config: DataConfig
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Indices for training, validation and test, each with every class in the same proportion.

    The test part is taken first: it does not depend on the size of the validation part.
    """
    everything = np.arange(len(labels))
    rest, test = train_test_split(
        everything,
        test_size=config.test_fraction,
        stratify=labels,
        random_state=config.split_seed,
    )
    train, validation = train_test_split(
        rest,
        test_size=round(config.validation_fraction * len(labels)),
        stratify=labels[rest],
        random_state=config.split_seed,
    )
    return train, validation, test
