"""The network."""

from typing import cast

from torch import Tensor, nn

from .config import ModelConfig
from .data import CLASSES, IMAGE_SIZE, MAX_PIXEL


class DigitClassifier(nn.Module):
    """Two convolutions and two dense layers.

    It takes raw pixels and scales them itself, so that whoever serves it cannot forget to.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        channels = config.channels
        self.layers = nn.Sequential(
            nn.Conv2d(1, channels, kernel_size=3, padding=1),
            nn.ReLU(),
            # A stride, not pooling: its gradient is deterministic on every device.
            nn.Conv2d(channels, 2 * channels, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(config.dropout),
            nn.Linear(2 * channels * (IMAGE_SIZE // 2) ** 2, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, len(CLASSES)),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (N, 10) for images (N, 8, 8) with pixels from 0 to 16."""
        return cast(Tensor, self.layers(pixels.unsqueeze(1) / MAX_PIXEL))
