"""Keeps a share of what is asked and answered, so that people can correct it and the next training learns from that."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Of bytes in the folder. It stays below the limit of the pod's volume, 256 MiB:
# a pod that has more there is evicted.
MOST = 192 * 2**20


class Sampler:
    """Writes lines of JSON into a folder, one file an hour; a container beside this one takes them to S3 and removes them.

    Whatever goes wrong here, the client gets its answer: it is logged, and no sample is kept any more. Where the folder
    is full, none is kept until there is room again.
    """

    def __init__(self, folder: Path | None, share: float, most: int = MOST) -> None:
        self.folder = folder
        self.share = share if folder else 0.0
        self.most = most
        self.full = False

    @classmethod
    def of_environment(cls) -> Sampler:
        """As SAMPLES, a folder, and SAMPLE_RATE, from 0 to 1, say; without them nothing is kept."""
        folder = os.environ.get("SAMPLES")
        try:
            share = float(os.environ.get("SAMPLE_RATE") or 0)
        except ValueError:
            share = 0.0
        return cls(Path(folder) if folder else None, min(max(share, 0.0), 1.0))

    def keep(self, instances: Sequence[Any], predictions: Sequence[Mapping[str, Any]]) -> None:
        """Keep some of these."""
        chosen = [pair for pair in zip(instances, predictions, strict=True) if random.random() < self.share]
        if not chosen or self.folder is None:
            return
        now = datetime.now(UTC)
        lines = [
            json.dumps({"time": now.isoformat(timespec="seconds"), "instance": instance, **prediction}) + "\n"
            for instance, prediction in chosen
        ]
        name = f"{now:%Y-%m-%dT%H}-{socket.gethostname()}-{os.getpid()}.jsonl"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not self._has_room(sum(len(line) for line in lines)):
                return
            with (self.folder / name).open("a", encoding="utf-8") as file:
                file.writelines(lines)
        except OSError:
            logging.exception("samples are no longer kept")
            self.share = 0.0

    def _has_room(self, more: int) -> bool:
        """Whether so many bytes more may be written; that they may not is logged once."""
        assert self.folder is not None
        size = more
        for file in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # it was just removed
                size += file.stat().st_size
        if size > self.most and not self.full:
            logging.warning("no samples are kept while there are %s bytes in %s", size - more, self.folder)
        self.full = size > self.most
        return not self.full
