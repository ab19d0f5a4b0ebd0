"""Data: what a task hands over, and the reading of it, also of what is larger than the memory."""

from .datasets import Datasets, Part, Shards, Stream, Version, divide

__all__ = ["Datasets", "Part", "Shards", "Stream", "Version", "divide"]
