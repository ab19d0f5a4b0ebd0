"""One step of the optimizer: the learning rate at each step, gradients in parts, clipped, and scaled where fp16 needs it."""

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from .config import TrainingConfig


def _constant(_share: float) -> float:
    return 1.0


def _linear(share: float) -> float:
    return 1.0 - share


def _cosine(share: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * share))


# What becomes of the learning rate after the warm-up, by how much of the training is done: from 0 to 1.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": _constant,
    "linear": _linear,
    "cosine": _cosine,
}


def factor(step: int, steps: int, schedule: str, warmup: int) -> float:
    """By what the learning rate is multiplied at a step, counted from 0, of all `steps` of the training."""
    if step < warmup:
        return (step + 1) / warmup
    return SCHEDULES[schedule]((step - warmup) / max(1, steps - warmup))


class Optimization:
    """AdamW with all that `conf/training/*.yaml` says about it.

    Args:
        model: what is trained.
        steps: how many steps the whole training has.
    """

    def __init__(
        self, model: nn.Module, config: "TrainingConfig", steps: int, device: torch.device
    ) -> None:
        self._parameters = list(model.parameters())
        self._config, self._steps = config, steps
        self.optimizer = torch.optim.AdamW(
            self._parameters, lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self._scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "fp16")

    def step(self, number: int, losses: Iterable[Tensor]) -> None:
        """Change the weights.

        Args:
            number: which step of the whole training it is, from 0.
            losses: those of the parts; each is computed when the one before has given its gradients.
        """
        rate = factor(number, self._steps, self._config.schedule, self._config.warmup_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self._config.learning_rate * rate
        self.optimizer.zero_grad()
        for loss in losses:
            self._scaler.scale(loss).backward()
        if self._config.clip_norm:
            self._scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self._parameters, self._config.clip_norm)
        self._scaler.step(self.optimizer)
        self._scaler.update()

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {"optimizer": self.optimizer.state_dict(), "scaler": self._scaler.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from there. The tensors of `state` may become its own."""
        self.optimizer.load_state_dict(state["optimizer"])
        if state["scaler"]:
            self._scaler.load_state_dict(state["scaler"])
