"""What the page takes, and how that becomes inputs of the network. With another task, this is what you change."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..task import MAX_PIXEL

ASKS_FOR = "An image of one digit, such as a photo of one that you wrote"
TYPES = ("png", "jpg", "jpeg")


class UploadError(Exception):
    """What was uploaded is nothing that the model takes; why, in words for whoever uploaded it."""


def read(data: bytes, size: tuple[int, ...]) -> Tensor:
    """The inputs (1, height, width) that an uploaded image makes, with pixels from 0, the paper, to MAX_PIXEL, the ink.

    Args:
        data: a PNG or JPEG of any size and colour; a light one is taken for dark ink on light paper.
        size: height and width that the network takes.

    Raises:
        UploadError: it is no image.
    """
    height, width = size
    try:
        picture = Image.open(io.BytesIO(data)).convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise UploadError("This is no image that can be read. Upload a PNG or a JPEG.") from None
    paper = Image.new("RGBA", picture.size, "white")
    gray = Image.alpha_composite(paper, picture).convert("L")
    pixels = np.asarray(gray.resize((width, height), Image.Resampling.BOX), dtype=np.float32) / 255
    ink = 1 - pixels if pixels.mean() > 0.5 else pixels
    return torch.from_numpy(ink * np.float32(MAX_PIXEL)).unsqueeze(0)


def picture(inputs: Tensor) -> Image.Image:
    """What the network sees of the first input, as an image that is large enough to look at."""
    ink = inputs[0].numpy() / MAX_PIXEL
    pixels = (255 * (1 - ink.clip(0, 1))).astype(np.uint8)
    return Image.fromarray(pixels).resize((160, 160), Image.Resampling.NEAREST)
