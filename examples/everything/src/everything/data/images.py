"""Images in folders that are named for their classes: `CLASS/NAME.png`."""

import io
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .datasets import Range
from .folder import Folder

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")


class ImageFolder:
    """Images and the numbers of their classes. Each file is a shard, so that an epoch has any order.

    Args:
        folder: where they lie.
        within: in which folder of it, such as `train`.
    """

    def __init__(self, folder: Folder, within: str = "") -> None:
        self._folder = folder
        self._names = [file.name for file in folder.named(within, *SUFFIXES)]
        classes = [name.rpartition("/")[0].rpartition("/")[2] for name in self._names]
        self.classes = sorted(set(classes))
        numbers = {name: number for number, name in enumerate(self.classes)}
        self._labels = np.array([numbers[name] for name in classes], dtype=np.int64)
        self.sizes = np.ones(len(self._names), dtype=np.int64)

    def read(self, ranges: Sequence[Range]) -> Sequence[tuple[bytes, int]]:
        """The contents of the files, and their classes; see `decoded`."""
        wanted = [shard for shard, _, _ in ranges]
        contents = self._folder.read([self._names[shard] for shard in wanted])
        return [
            (content, int(self._labels[shard]))
            for content, shard in zip(contents, wanted, strict=True)
        ]


def decoded(content: bytes, mode: str = "RGB") -> Tensor:
    """The image in a file: (channels, height, width), bytes from 0 to 255.

    Args:
        mode: what Pillow calls it: `RGB`, `L` for grey.
    """
    with Image.open(io.BytesIO(content)) as image:
        pixels = np.array(image.convert(mode), dtype=np.uint8)
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1)).permute(2, 0, 1).contiguous()
