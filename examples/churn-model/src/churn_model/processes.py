"""The processes that train one model together: those that `torchrun` started, or one alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import distributed, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import Sampler

from .device import choose_device

# A process that waits this long for another takes it for lost. Nothing that only one of them does takes longer.
PATIENCE = timedelta(minutes=10)
# torchrun starts all at the same time. What they import may take one of them this much longer than another.
JOINING = timedelta(minutes=3)


@dataclass(frozen=True)
class Processes:
    """This process and its peers. Alone, every method does nothing.

    Attributes:
        rank: the number of this process; 0 is the first, which logs for all.
        count: how many there are, on all machines together.
        device: what this process computes on.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process logs for all."""
        return self.rank == 0

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Connect with the others: gloo on CPUs, NCCL on NVIDIA's GPUs.

        When one of them fails, `torchrun` ends those on its machine, and the others see the connection break.
        """
        if self.count == 1:
            yield
            return
        # torchrun keeps one store for all its restarts, with the addresses of processes that are gone in it.
        restart = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        store = PrefixStore(restart, next(rendezvous("env://"))[0])
        self._wait_for_all(store)
        distributed.init_process_group(
            distributed.get_default_backend_for_device(self.device),
            store=store,
            rank=self.rank,
            world_size=self.count,
            timeout=PATIENCE,
            device_id=None if self.device.type == "cpu" else self.device,
        )
        yield
        # Not after a failure: it could wait for the others for ever.
        distributed.destroy_process_group()

    def _wait_for_all(self, store: PrefixStore) -> None:
        """Give up soon when the others are not there.

        Where a machine was started again and then another, the torchrun of the second waits for that of the first, and that
        for this process, which would wait for a process of the second.
        """
        store.set(f"here/{self.rank}", "")
        try:
            store.wait([f"here/{rank}" for rank in range(self.count)], JOINING)
        except distributed.DistStoreError as problem:
            raise RuntimeError(
                f"process {self.rank} waited {JOINING} for the others: not all of {self.count} were started with it"
            ) from problem

    def parallel(self, model: nn.Module) -> nn.Module:
        """`model` with gradients that are the mean over all processes."""
        if self.count == 1:
            return model
        devices = None if self.device.type == "cpu" else [self.device]
        return DistributedDataParallel(model, device_ids=devices)

    def sum(self, value: float) -> float:
        """The sum of the values of all processes."""
        if self.count == 1:
            return value
        total = torch.tensor(value, device=self.device)
        distributed.all_reduce(total)
        return total.item()

    def of_first(self, value: Any) -> Any:
        """The value that the first process has."""
        if self.count == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values, device=self.device)
        return values[0]


class Shares(Sampler[list[int]]):
    """This process's share of every batch. Together the shares of all processes are the batches of one alone.

    So `batch_size` means the same however many processes there are. The first process draws the order.
    """

    def __init__(self, size: int, batch_size: int, processes: Processes) -> None:
        if batch_size < processes.count:
            raise ValueError(
                f"training.batch_size is {batch_size}: less than one image for each of {processes.count} processes"
            )
        self.size, self.batch_size, self.processes = size, batch_size, processes

    def __iter__(self) -> Iterator[list[int]]:
        rank, count = self.processes.rank, self.processes.count
        seed: int = self.processes.of_first(int(torch.empty((), dtype=torch.int64).random_()))
        if rank:
            # Dropout differs from that of the first, and is the same in a run that was interrupted.
            torch.manual_seed(seed + rank)
        order = torch.randperm(self.size, generator=torch.Generator().manual_seed(seed))
        for batch in order.split(self.batch_size):
            # The last batch may be too small for all: who has no image takes one that another has, too.
            yield batch[min(rank, len(batch) - 1) :: count].tolist()

    def __len__(self) -> int:
        return -(-self.size // self.batch_size)


def find(device: str) -> Processes:
    """The processes as `torchrun` describes them in the environment.

    Args:
        device: a name for `choose_device`; each process on a machine takes a GPU of its own.

    Raises:
        ValueError: there are more processes than GPUs.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = choose_device(device)
    if count == 1:
        return Processes(0, 1, chosen)
    if chosen.type != "cpu" and chosen.index is None:
        number, gpus = int(os.environ.get("LOCAL_RANK", "0")), torch.accelerator.device_count()
        if number >= gpus:
            raise ValueError(
                f"process {number} of this machine needs a GPU of its own, and the machine has {gpus}: "
                "start fewer processes, or set training.device=cpu"
            )
        chosen = torch.device(chosen.type, number)
        torch.accelerator.set_device_index(chosen)
    return Processes(int(os.environ["RANK"]), count, chosen)
