"""The processes that train together; what they train on is in test_loader.py."""

from datetime import timedelta

import pytest
import torch

from everything import processes
from everything.device import DeviceError
from everything.processes import Processes, find


def test_one_process_is_alone(monkeypatch, tmp_path):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    alone = find("cpu")
    assert (alone.rank, alone.count, alone.first) == (0, 1, True)
    with alone.joined():
        model = torch.nn.Linear(1, 1)
        assert alone.parallel(model) is model
        assert alone.gather(2.5) == [2.5]
        assert alone.agree(2)() == 2
        assert alone.of_first("mine") == "mine"
        assert alone.file_of_first(tmp_path, tmp_path) == tmp_path
        assert alone.file_of_first(None, tmp_path) is None


def test_a_process_whose_peers_do_not_come_gives_up(monkeypatch):
    monkeypatch.setattr(processes, "JOINING", timedelta(milliseconds=100))
    store = torch.distributed.PrefixStore("0", torch.distributed.HashStore())
    first, second = (Processes(rank, 2, torch.device("cpu")) for rank in (0, 1))
    with pytest.raises(RuntimeError, match=r"process 0 waited .* not all of 2"):
        first._wait_for_all(store)
    second._wait_for_all(store)


def test_torchrun_says_which_process_this_is(monkeypatch):
    for name, value in {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    last = find("cpu")
    assert (last.rank, last.count, last.local_rank) == (3, 4, 1)
    assert (last.first, last.device.type) == (False, "cpu")


def test_every_process_needs_a_gpu_of_its_own(monkeypatch):
    for name, value in {"RANK": "99", "WORLD_SIZE": "100", "LOCAL_RANK": "99"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(processes, "choose_device", lambda _name: torch.device("cuda"))
    with pytest.raises(DeviceError, match=r"process 99 .* training.device=cpu"):
        find("auto")
