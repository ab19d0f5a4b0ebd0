"""Which examples each step takes: all of them once in an epoch, each process its own, and the same ones after an interruption."""

from dataclasses import replace

import pytest
import torch
from torch.utils.data import TensorDataset
from toy import Rows

from churn_model.data import Part, Stream, divide
from churn_model.data.loader import Loader
from churn_model.data.plan import Share
from churn_model.processes import Processes

SIZE = 53


@pytest.fixture(params=[False, True], ids=["in memory", "streamed"])
def data(request):
    """Examples that are their own numbers."""
    numbers = torch.arange(SIZE)
    return Stream(Rows(numbers, numbers)) if request.param else TensorDataset(numbers, numbers)


@pytest.fixture
def loader(trainer_config):
    """Make a loader of the steps of 8 examples; of a stream, 2 of them are mixed."""
    usual = replace(trainer_config().training, batch_size=8, window=2)

    def make(data, rank=0, count=1, parts=1, **settings):
        config = replace(usual, **settings)
        processes = Processes(rank, count, torch.device("cpu"))
        return Loader(data, torch.utils.data.default_collate, config, processes, parts)

    return make


def numbers(step):
    return [number for part in step for number in part.inputs.tolist()]


def epoch(loader, seed=1, first=0):
    return [numbers(step) for step in loader.epoch(seed, first)]


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_an_epoch_has_every_example_once(data, loader, count):
    each = [epoch(loader(data, rank, count)) for rank in range(count)]
    assert {len(steps) for steps in each} == {7}
    for number in range(6):
        assert sum(len(steps[number]) for steps in each) == 8
    # In the last step, of five, some processes take what another has, or what they had before.
    rest = [number for steps in each for number in steps[6]]
    assert len(rest) == max(5, count)
    taken = [number for steps in each for step in steps for number in step]
    assert set(taken) == set(range(SIZE))
    assert len(taken) == SIZE + max(0, count - 5)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_in_memory_the_shares_are_the_batches_of_one_process(loader, count):
    data = TensorDataset(torch.arange(SIZE), torch.arange(SIZE))
    whole = epoch(loader(data))
    parts = [epoch(loader(data, rank, count)) for rank in range(count)]
    for number, batch in enumerate(whole):
        assert {one for part in parts for one in part[number]} == set(batch)


def test_every_epoch_has_another_order_and_the_same_seed_the_same(data, loader):
    one = loader(data)
    assert epoch(one, 1) != epoch(one, 2)
    assert epoch(one, 1) == epoch(one, 1)


@pytest.mark.parametrize("first", [1, 2, 3, 6, 7])
def test_it_goes_on_in_the_middle(data, loader, first):
    for rank in range(3):
        whole = epoch(loader(data, rank, 3))
        assert epoch(loader(data, rank, 3), first=first) == whole[first:]


def test_what_was_done_is_not_read_again(loader):
    rows = Rows(torch.arange(SIZE), torch.arange(SIZE))
    assert len(epoch(loader(Stream(rows)), first=6)) == 1
    assert sum(stop - start for _, start, stop in rows.reads) == 5


def test_workers_change_nothing(data, loader):
    alone = loader(data)
    helped = loader(data, workers=2)
    for seed in (1, 2):
        assert epoch(alone, seed) == epoch(helped, seed)
    assert [part.inputs.tolist() for part in helped.in_order()] == [
        part.inputs.tolist() for part in alone.in_order()
    ]


def test_random_numbers_of_a_transform_depend_on_the_position_only(loader):
    def transform(example):
        return example[0] + torch.rand(()), example[1]

    rows = Rows(torch.arange(float(SIZE)), torch.arange(SIZE))
    data = Stream(rows, transform)
    whole = epoch(loader(data))
    state = torch.get_rng_state()
    assert epoch(loader(data), first=3) == whole[3:]
    assert epoch(loader(data, workers=2)) == whole
    assert epoch(loader(data), seed=2) != whole
    assert torch.equal(torch.get_rng_state(), state), "the network's random numbers were touched"


def test_examples_of_neighbouring_shards_are_mixed(loader):
    rows = Rows(torch.arange(SIZE), torch.arange(SIZE))
    steps = epoch(loader(Stream(rows), window=4))
    shards = [len({number // 5 for number in step}) for step in steps[:4]]
    assert sum(shards) / 4 > 3, (
        "a step of eight has the examples of two shards, unless they are mixed"
    )


def test_two_processes_share_one_shard_at_most(loader):
    read = []
    for rank in range(2):
        rows = Rows(torch.arange(SIZE), torch.arange(SIZE))
        epoch(loader(Stream(rows), rank, 2))
        read.append({shard for shard, _, _ in rows.reads})
    assert len(read[0] & read[1]) <= 1


@pytest.mark.parametrize("count", [1, 3, 60])
def test_measuring_takes_every_example_once(data, loader, count):
    loaders = [loader(data, rank, count, batch_size=max(8, count)) for rank in range(count)]
    seen = [number for one in loaders for part in one.in_order() for number in part.inputs.tolist()]
    assert sorted(seen) == list(range(SIZE))


def test_a_step_is_taken_in_parts(data, loader):
    first, *_, last = loader(data, parts=3).epoch(1)
    assert [part.size for part in first] == [3, 3, 2]
    assert [part.size for part in last] == [2, 2, 1]
    assert len(next(iter(loader(data, parts=3).in_order())).inputs) == 3


def test_a_step_has_something_for_every_process():
    with pytest.raises(ValueError, match=r"training.batch_size is 2: less .* 3 processes"):
        Share(2, 0, 3)
    with pytest.raises(ValueError, match=r"batch_size is 8: .* 3 processes and 4 parts"):
        Share(8, 0, 3, 4)


def test_data_without_examples_is_said(loader):
    with pytest.raises(ValueError, match=r"no examples; see `Task.datasets`"):
        loader(TensorDataset(torch.zeros(0), torch.zeros(0)))


class Numbers:
    """Shards of different sizes; an example is its shard and its place in it."""

    sizes = (3, 1, 4, 1, 5, 9, 2, 6)

    def read(self, ranges):
        return [(shard, place) for shard, low, high in ranges for place in range(low, high)]


def every(shards):
    """All shards, whole."""
    return [(number, 0, int(size)) for number, size in enumerate(shards.sizes)]


def test_shards_are_divided():
    whole = Numbers()
    test, validation, train = divide(whole, (0.2, 0.2), seed=1)
    parts = [part.read(every(part)) for part in (test, validation, train)]
    assert sorted(sum(parts, [])) == whole.read(every(whole))  # noqa: RUF017
    assert all(len(part) >= 2 for part in parts)
    assert len(parts[2]) > len(parts[0])
    again = divide(whole, (0.2, 0.2), seed=1)
    assert [list(part.numbers) for part in again] == [
        list(p.numbers) for p in (test, validation, train)
    ]
    other = divide(whole, (0.2, 0.2), seed=2)
    assert [list(part.numbers) for part in other] != [list(part.numbers) for part in again]
    with pytest.raises(ValueError, match="8 shards are too few"):
        divide(whole, (0.5, 0.5), seed=1)


def test_a_part_knows_its_shards_only():
    part = Part(Numbers(), [4, 2])
    assert part.sizes.tolist() == [5, 4]
    assert part.read([(1, 1, 3), (0, 0, 1)]) == [(2, 1), (2, 2), (4, 0)]
