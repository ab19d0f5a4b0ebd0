"""The processes that train one model together: those that `torchrun` started, or one alone."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from .device import DeviceError, choose_device

# A process that waits this long for another takes it for lost. Nothing that only one of them does takes longer.
PATIENCE = timedelta(minutes=10)
# How much of a file is sent at a time.
CHUNK = 1 << 24
# torchrun starts all at the same time. What they import may take one of them this much longer than another.
JOINING = timedelta(minutes=3)


@dataclass(frozen=True)
class Processes:
    """This process and its peers. Alone, every method does nothing.

    Attributes:
        rank: the number of this process; 0 is the first, which logs for all.
        count: how many there are, on all machines together.
        device: what this process computes on.
        local_rank: its number among those of its machine.
    """

    rank: int
    count: int
    device: torch.device
    local_rank: int = 0

    @property
    def first(self) -> bool:
        """Whether this process logs for all."""
        return self.rank == 0

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Connect with the others: gloo on CPUs, NCCL on NVIDIA's GPUs, which use gloo for what lies in the memory.

        When one of them fails, `torchrun` ends those on its machine, and the others see the connection break.
        """
        if self.count == 1:
            yield
            return
        # torchrun keeps one store for all its restarts, with the addresses of processes that are gone in it.
        restart = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        store = PrefixStore(restart, next(rendezvous("env://"))[0])
        self._wait_for_all(store)
        backend = distributed.get_default_backend_for_device(self.device)
        distributed.init_process_group(
            backend if self.device.type == "cpu" else f"cpu:gloo,{self.device.type}:{backend}",
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

    def apart(self, parallel: nn.Module) -> AbstractContextManager[None]:
        """In which the gradients of what `parallel` made are added up and not exchanged."""
        if isinstance(parallel, DistributedDataParallel):
            return parallel.no_sync()
        return nullcontext()

    def agree(self, wish: int) -> Callable[[], int]:
        """Begin to ask the others what they wish; the function that is returned waits for the largest wish of all."""
        if self.count == 1:
            return lambda: wish
        largest = torch.tensor(wish)
        asked = distributed.all_reduce(largest, distributed.ReduceOp.MAX, async_op=True)

        def answer() -> int:
            asked.wait()
            return int(largest)

        return answer

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes, by rank."""
        if self.count == 1:
            return [value]
        values = [None] * self.count
        distributed.all_gather_object(values, value)
        return values

    def of_first(self, value: Any) -> Any:
        """The value that the first process has."""
        if self.count == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values)
        return values[0]

    def fill_from_first(self, tensors: Iterable[Tensor]) -> None:
        """Make these tensors those of the first process."""
        if self.count == 1:
            return
        for tensor in tensors:
            # What is sent has to lie in the memory in one piece; a network for images need not.
            sent = tensor.contiguous()
            distributed.broadcast(sent, 0)
            tensor.copy_(sent)

    def file_of_first(self, path: Path | None, folder: Path) -> Path | None:
        """A file that the first process has, or a copy of it: one for each machine, never whole in memory.

        Args:
            path: the file; only that of the first process counts.
            folder: where the copy goes.
        """
        size = self.of_first(path.stat().st_size if path else None)
        if size is None or self.count == 1:
            return path
        copy = folder / "received"
        with ExitStack() as files:
            source = files.enter_context(path.open("rb")) if self.first and path else None
            target = files.enter_context(copy.open("wb")) if self._copies else None
            for begin in range(0, size, CHUNK):
                chunk = torch.empty(min(CHUNK, size - begin), dtype=torch.uint8)
                if source:
                    source.readinto(chunk.numpy().data)
                distributed.broadcast(chunk, 0)
                if target:
                    target.write(chunk.numpy().data)
        places = self.gather(path if self.first else copy)
        found: Path = places[self.rank - self.local_rank]
        return found

    @property
    def _copies(self) -> bool:
        """Whether this process keeps what the first one sends for its machine."""
        return self.local_rank == 0 and not self.first


def find(device: str) -> Processes:
    """The processes as `torchrun` describes them in the environment.

    Args:
        device: a name for `choose_device`; each process on a machine takes a GPU of its own.

    Raises:
        DeviceError: the device is not there, or there are more processes than GPUs.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = choose_device(device)
    if count == 1:
        return Processes(0, 1, chosen)
    number = int(os.environ.get("LOCAL_RANK", "0"))
    if chosen.type != "cpu" and chosen.index is None:
        gpus = torch.accelerator.device_count()
        if number >= gpus:
            raise DeviceError(
                f"process {number} of this machine needs a GPU of its own, and the machine has {gpus}: "
                "start fewer processes, or set training.device=cpu"
            )
        chosen = torch.device(chosen.type, number)
        torch.accelerator.set_device_index(chosen)
    return Processes(int(os.environ["RANK"]), count, chosen, number)
