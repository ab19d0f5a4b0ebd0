"""The device that a run computes on: which one, how precisely, and whether it computes the same twice."""

import ctypes
import logging
import os
import random
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import torch

log = logging.getLogger(__name__)

# What `auto` is taken for where this is set: the job's template knows what its pods are given.
VARIABLE = "TRAINING_DEVICE"
DETERMINISTIC = ("false", "warn", "true")
PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
# PyTorch's CUDA libraries come with it; this one comes with NVIDIA's driver.
DRIVER = "libcuda.so.1"


class DeviceError(RuntimeError):
    """The device that was asked for is not there, or cannot do what was asked of it."""


def choose_device(name: str) -> torch.device:
    """The device with this name; `auto` is an accelerator where there is one, else the CPU.

    Raises:
        DeviceError: it is not there. Nothing is computed on another one in its place.
    """
    if name == "auto":
        name = os.environ.get(VARIABLE) or "auto"
    if name != "auto":
        return _named(name)
    found = torch.accelerator.current_accelerator(check_available=True)
    if found is None and _nvidia():
        log.warning("A GPU seems to be here, and is not used: %s", _why_no_cuda())
    return found or torch.device("cpu")


def _named(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as problem:
        raise DeviceError(
            f"training.device is {name}, which PyTorch does not know: {problem}"
        ) from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            f"training.device is {name}, and there is no GPU to use. {_why_no_cuda()}"
        )
    found = torch.accelerator.current_accelerator(check_available=True)
    if device.type not in ("cpu", found.type if found else "cpu"):
        raise DeviceError(
            f"training.device is {name}, and this machine has {found or 'the CPU only'}."
        )
    count = torch.accelerator.device_count()
    if device.index is not None and device.type != "cpu" and device.index >= count:
        raise DeviceError(f"training.device is {name}, and this machine has {count} of them.")
    return device


def _nvidia() -> list[str]:
    """The files of NVIDIA's GPUs; a container has those of the GPUs that it was given."""
    return sorted(path.name for path in Path("/dev").glob("nvidia[0-9]*"))


def _why_no_cuda() -> str:
    """What is known of why PyTorch cannot use a GPU, and where to look."""
    if torch.version.cuda is None:
        return (
            f"This PyTorch ({torch.__version__}) was built without CUDA. An image built with UV_TORCH_BACKEND=cpu has it, "
            "and so has a lock file made with it."
        )
    lines = [f"PyTorch {torch.__version__} is for CUDA {torch.version.cuda}. Look at this:"]
    if not _nvidia():
        lines.append(
            "- There is no /dev/nvidia0: this machine or container was given no GPU. A pod gets one with "
            "`nvidia.com/gpu` in its resources.limits, on a node that has one."
        )
    try:
        ctypes.CDLL(DRIVER)
    except OSError:
        path = os.environ.get("LD_LIBRARY_PATH", "")
        lines.append(
            f"- {DRIVER} of NVIDIA's driver is not found, and LD_LIBRARY_PATH is {path!r}. "
            "On GKE it lies in /usr/local/nvidia/lib64."
        )
    else:
        try:
            torch.cuda.init()
        except (RuntimeError, AssertionError) as problem:
            lines.append(f"- {problem}")
    lines.append("- `nvidia-smi` shows the driver, and the newest CUDA that it is good for.")
    return "\n".join(lines)


def describe(device: torch.device) -> str:
    """The device in words, such as `cuda:0, NVIDIA L4, 22.0 GiB`."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return f"{device}, {properties.name}, {properties.total_memory / 2**30:.1f} GiB"
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"cpu, {threads} thread{'s' if threads > 1 else ''}"
    return str(device)


def make_repeatable(seed: int, threads: int, deterministic: str = "warn") -> None:
    """Seed every source of random numbers, and say what PyTorch does where an algorithm is not deterministic.

    Args:
        threads: number of CPU threads; another number adds in another order and rounds differently.
        deterministic: `true`: it raises an error; `warn`: it takes the algorithm and warns; `false`: it takes what is fastest.
    """
    if deterministic != "false":
        # cuBLAS reads this when it starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic != "false", warn_only=deterministic == "warn")
    torch.backends.cudnn.benchmark = deterministic == "false"


def use_tf32(allowed: bool) -> None:
    """Whether NVIDIA's GPUs may round 32-bit numbers to 19 bits before they multiply them, which is faster."""
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed


def _has_bf16() -> bool:
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """In which the network computes in `precision`; its weights stay in 32 bits.

    Raises:
        DeviceError: the device does not have it.
    """
    kind = PRECISIONS[precision]
    if kind is None:
        return nullcontext()
    if precision == "bf16" and device.type == "cuda" and not _has_bf16():
        name = torch.cuda.get_device_name(device)
        raise DeviceError(f"training.precision is bf16, which {name} does not have; fp16 it has.")
    return torch.autocast(device.type, dtype=kind)
