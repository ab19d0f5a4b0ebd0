"""Many processes train on what one would train on."""

from datetime import timedelta

import pytest
import torch

from churn_model import processes
from churn_model.processes import Processes, Shares, find


class Peer(Processes):
    """One of several processes, without a connection: the tests draw the same order for each."""

    def of_first(self, value):
        return value


def shares(rank, count, size=50, batch_size=8):
    torch.manual_seed(1)
    return list(Shares(size, batch_size, Peer(rank, count, torch.device("cpu"))))


@pytest.mark.parametrize("count", [2, 3, 8])
def test_shares_are_the_batches_of_one_process(count):
    whole = shares(0, 1)
    parts = [shares(rank, count) for rank in range(count)]
    assert sorted(index for batch in whole for index in batch) == list(range(50))
    for number, batch in enumerate(whole):
        together = [index for part in parts for index in part[number]]
        assert set(together) == set(batch)
        # In the last batch, of two, some processes take what another has.
        assert len(together) == max(len(batch), count)


def test_every_epoch_has_another_order():
    torch.manual_seed(1)
    batches = Shares(50, 8, Peer(0, 1, torch.device("cpu")))
    assert list(batches) != list(batches)
    assert len(batches) == 7


def test_the_others_draw_other_random_numbers():
    drawn = []
    for rank in range(3):
        shares(rank, 3)
        drawn.append(torch.rand(1).item())
    assert len(set(drawn)) == 3


def test_a_batch_has_something_for_every_process():
    with pytest.raises(ValueError, match=r"training.batch_size is 2: less .* 3 processes"):
        shares(0, 3, batch_size=2)


def test_one_process_is_alone(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    alone = find("cpu")
    assert (alone.rank, alone.count, alone.first) == (0, 1, True)
    with alone.joined():
        model = torch.nn.Linear(1, 1)
        assert alone.parallel(model) is model
        assert alone.sum(2.5) == 2.5
        assert alone.of_first("mine") == "mine"


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
    assert (last.rank, last.count, last.first, last.device.type) == (3, 4, False, "cpu")


def test_every_process_needs_a_gpu_of_its_own(monkeypatch):
    for name, value in {"RANK": "99", "WORLD_SIZE": "100", "LOCAL_RANK": "99"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(processes, "choose_device", lambda _name: torch.device("cuda"))
    with pytest.raises(ValueError, match=r"process 99 .* training.device=cpu"):
        find("auto")
