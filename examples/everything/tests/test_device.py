"""The device is the one that was asked for, or there is an error."""

import pytest
import torch

from everything import device
from everything.device import DeviceError, choose_device


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch):
    """A machine without a GPU, whatever this one has; and PyTorch's settings as they were."""
    monkeypatch.delenv(device.VARIABLE, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(
        torch.accelerator, "current_accelerator", lambda check_available=False: None
    )
    monkeypatch.setattr(device, "_nvidia", lambda: [])
    monkeypatch.setattr(device, "DRIVER", "libcuda-is-not-here.so.1")
    yield
    device.make_repeatable(1, 1)


def test_auto_is_the_cpu_where_there_is_nothing_else():
    assert choose_device("auto") == torch.device("cpu")


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/somewhere")
    with pytest.raises(DeviceError) as problem:
        choose_device("cuda")
    said = str(problem.value)
    assert said.startswith("training.device is cuda, and there is no GPU to use.")
    for hint in (
        "CUDA 13.0",
        "nvidia.com/gpu",
        "libcuda-is-not-here.so.1",
        "'/somewhere'",
        "nvidia-smi",
    ):
        assert hint in said
    assert "/usr/local/nvidia/lib64" in said


def test_a_pytorch_without_cuda_is_named(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(DeviceError, match="was built without CUDA"):
        choose_device("cuda:1")


def test_what_a_pod_was_given_is_what_auto_means(monkeypatch):
    monkeypatch.setenv(device.VARIABLE, "cuda")
    with pytest.raises(DeviceError, match=r"^training\.device is cuda"):
        choose_device("auto")
    assert choose_device("cpu") == torch.device("cpu")


def test_a_gpu_that_is_there_and_not_used_is_said(monkeypatch):
    said = []
    monkeypatch.setattr(device.log, "warning", lambda text, why: said.append(text % why))
    assert choose_device("auto") == torch.device("cpu")
    assert said == []
    monkeypatch.setattr(device, "_nvidia", lambda: ["nvidia0"])
    assert choose_device("auto") == torch.device("cpu")
    assert said[0].startswith("A GPU seems to be here, and is not used: PyTorch")


@pytest.mark.parametrize("name", ["gpu", "mps"])
def test_a_device_that_is_none_is_said(name):
    with pytest.raises(DeviceError, match=f"training.device is {name}"):
        choose_device(name)


@pytest.mark.parametrize(("deterministic", "expected"), [("false", 0), ("warn", 1), ("true", 2)])
def test_deterministic(deterministic, expected):
    device.make_repeatable(1, 1, deterministic)
    assert torch.get_deterministic_debug_mode() == expected


def test_a_precision_that_the_gpu_lacks_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device: "Tesla T4")
    with pytest.raises(DeviceError, match="bf16, which Tesla T4 does not have; fp16 it has"):
        device.autocast(torch.device("cuda"), "bf16")
