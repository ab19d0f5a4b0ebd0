"""Another task for a generated project: a segmentation, whose images and masks lie in a Zarr group."""

# The content of its task.py.
SOURCE = '''\
"""Find bright spots in noise: a segmentation, whose images and masks lie in a Zarr group."""

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate

from .data import Datasets, Stream
from .data.folder import Folder
from .data.zarr_arrays import ZarrArrays


@dataclass
class Task:
    """Where are the spots? The data is a folder with `train.zarr`, `validation.zarr` and `test.zarr`."""

    data: str
    channels: int

    def datasets(self) -> Datasets:
        """Images (1, 16, 16), and masks of the same shape."""
        folder = Folder(self.data)
        train, validation, test = (
            Stream(ZarrArrays(folder, ("images", "masks"), f"{part}.zarr"), example)
            for part in ("train", "validation", "test")
        )
        return Datasets(train, validation, test, version=folder.version)

    def model(self) -> nn.Module:
        """A small network that sees the image in half its size, too."""
        return Spots(self.channels)

    def loss(self, outputs: Tensor, masks: Tensor) -> Tensor:
        """The mean over all pixels."""
        return binary_cross_entropy_with_logits(outputs, masks)

    def counts(self, outputs: Tensor, masks: Tensor) -> dict[str, Tensor]:
        """Pixels that are in both, and in one of them."""
        found, there = outputs > 0, masks > 0.5
        return {"both": (found & there).sum(), "either": (found | there).sum()}

    def metrics(self, totals: dict[str, Tensor]) -> dict[str, float]:
        """The intersection over union of all pixels."""
        return {"iou": totals["both"].item() / max(1, totals["either"].item())}

    def figures(self, totals: dict[str, Tensor]) -> dict[str, Figure]:
        """None."""
        return {}

    def example(self) -> Tensor:
        """Two images of noise."""
        return torch.zeros(2, 1, 16, 16)


class Spots(nn.Module):
    """Two ways to see an image, and one to put them together."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(1, channels, 3, padding=1)
        self.far = nn.Conv2d(1, channels, 3, stride=2, padding=1)
        self.together = nn.Conv2d(2 * channels, 1, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, 1, 16, 16)."""
        far = interpolate(self.far(images), scale_factor=2.0, mode="bilinear")
        logits: Tensor = self.together(torch.relu(torch.cat([self.near(images), far], dim=1)))
        return logits


def example(row: tuple[np.ndarray, np.ndarray]) -> tuple[Tensor, Tensor]:
    """What the readers of the data give, as tensors."""
    image, mask = (torch.from_numpy(array.astype("float32"))[None] for array in row)
    return image, mask
'''
