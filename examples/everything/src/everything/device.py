"""The device that a run computes on, and how to make it compute the same twice."""

import os
import random

import numpy as np
import torch


def choose_device(name: str) -> torch.device:
    """The device with this name; `auto` is an accelerator where there is one, else the CPU."""
    if name != "auto":
        return torch.device(name)
    found = torch.accelerator.current_accelerator(check_available=True)
    return found or torch.device("cpu")


def make_repeatable(seed: int, threads: int) -> None:
    """Seed every source of random numbers, and let PyTorch choose deterministic algorithms only.

    Args:
        threads: number of CPU threads; another number adds in another order and rounds differently.
    """
    # cuBLAS reads this when it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
