"""Data: what a task hands over, and the reading of it, also of what is larger than the memory."""

from .datasets import Datasets, Shards, Stream

__all__ = ["Datasets", "Shards", "Stream"]
