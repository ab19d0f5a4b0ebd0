"""The trainer in many processes: as good as in one, goes on after one was killed, ends when one fails."""

from __future__ import annotations

import functools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torchrun
from control_plane.programs import free_port
from ml_environment import ml_python
from noted import package
from torchrun import Trainer

from mxdev import testing
from mxdev.generator.tree import Tree
from mxdev_generators.ml_project_skeleton.generator import MLProjectSkeleton

__all__ = ["ml_python"]


def rendered() -> Tree:
    """The project whose trainer is run."""
    return testing.render(MLProjectSkeleton, name="m1")


pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc"),
    pytest.mark.noted(package(rendered), torchrun),
]

# Seconds in which all processes have ended after one of them failed; most of it is the trainer's own end.
PROMPTLY = 120
QUICK = ("training.epochs=8", "training.checkpoint_every=2")


def make(python: Path, folder: Path) -> Trainer:
    """The trainer of a fresh project in `folder`."""
    root, store = folder / "m1", folder / "store"
    testing.write(rendered(), root)
    store.mkdir()
    return Trainer(python, root, store)


@pytest.fixture
def trainer(ml_python: Path, tmp_path: Path) -> Trainer:
    return make(ml_python, tmp_path)


@pytest.fixture(scope="module")
def never_killed(ml_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], dict[str, Any]]:
    """A run in two processes that nobody disturbed, trained when it is first asked for."""
    return functools.cache(
        lambda: make(ml_python, tmp_path_factory.mktemp("never")).train(*QUICK, processes=2)
    )


def lines(started: subprocess.Popen[str], until: str) -> str:
    """What it prints, up to the line that begins with `until`."""
    assert started.stdout is not None
    seen = ""
    for line in started.stdout:
        seen += line
        if line.startswith(until):
            return seen
    raise AssertionError(f"it never printed {until}:\n{seen}")


def test_two_processes_are_as_good_as_one(trainer: Trainer) -> None:
    """Dropout and rounding differ, and so does the result: by at most 7 of the 360 test images."""
    one, two = trainer.train(), trainer.train(processes=2)
    accuracies = [run["metrics"]["test_accuracy"][0][1] for run in (one, two)]
    assert min(accuracies) >= 0.95
    assert abs(accuracies[0] - accuracies[1]) <= 0.02
    assert [run["tags"]["processes"] for run in (one, two)] == ["1", "2"]
    assert [step for step, _ in two["metrics"]["train_loss"]] == list(range(1, 31))


def test_the_processes_do_together_what_one_does_alone(trainer: Trainer) -> None:
    """Without dropout, and with shares of one size, only the order of additions differs; in two parts, too."""
    arguments = ("training.epochs=4", "task.dropout=0", "training.batch_size=66")
    one, three = trainer.train(*arguments), trainer.train(*arguments, "training.accumulate=2", processes=3)
    assert set(one["metrics"]) == set(three["metrics"])
    for metric in ("train_loss", "validation_loss", "test_loss"):
        alone, together = ([value for _, value in run["metrics"][metric]] for run in (one, three))
        assert together == pytest.approx(alone, rel=0.01), metric


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_goes_on_from_the_checkpoint(
    trainer: Trainer, never_killed: Callable[[], dict[str, Any]], rank: int
) -> None:
    """And becomes, to the last bit, what it would have been."""
    run_id = trainer.new_run()
    started = trainer.start(*QUICK, processes=2, restarts=1, MLFLOW_RUN_ID=run_id)
    before = lines(started, "epoch  5/8")
    torchrun.kill(started, rank)
    after = started.communicate()[0]
    assert started.returncode == 0, after
    again = re.findall(r"^epoch +(\d+)/8", after, re.M)
    assert again[-4:] == ["5", "6", "7", "8"], before + after

    (interrupted,) = trainer.runs()
    assert interrupted["status"] == "FINISHED"
    assert interrupted["metrics"] == never_killed()["metrics"]


def test_when_one_machine_is_told_to_end_both_go_on_where_they_were(
    trainer: Trainer, never_killed: Callable[[], dict[str, Any]]
) -> None:
    """The process there tells the other one, which has the checkpoint. The next time the machine gets a copy of it."""
    run_id, told = trainer.new_run(), ""
    for last in (False, True):
        port = free_port()
        machines = [trainer.machine(rank, port, *QUICK, MLFLOW_RUN_ID=run_id) for rank in (0, 1)]
        try:
            if not last:
                told = lines(machines[0], "epoch  3/8")
                machines[1].send_signal(signal.SIGTERM)
            said = [machine.communicate(timeout=600)[0] for machine in machines]
        finally:
            for machine in machines:
                if machine.poll() is None:
                    torchrun.kill_all(machine)
        assert [machine.returncode == 0 for machine in machines] == [last, last], said
    assert re.findall(r"^epoch +(\d+)/8", told, re.M) == ["1", "2", "3"]
    again = re.findall(r"^epoch +(\d+)/8", said[0], re.M)
    assert again[-1] == "8"
    assert int(again[0]) >= 4
    (run,) = trainer.runs()
    assert run["status"] == "FINISHED"
    assert run["metrics"] == never_killed()["metrics"]


def test_one_that_fails_ends_all(trainer: Trainer) -> None:
    """The second process raises in its third epoch, while the first waits for its gradients."""
    module = trainer.root / "src" / "m1" / "checkpoint.py"
    source = module.read_text()
    broken = '        self.epoch += 1\n        import os\n        assert self.epoch < 3 or os.environ["RANK"] == "0"\n'
    assert "        self.epoch += 1\n" in source
    module.write_text(source.replace("        self.epoch += 1\n", broken))
    started = trainer.start(*QUICK, processes=2)
    seen = lines(started, "epoch  2/8")
    (first, second) = (torchrun.ranks(started)[rank] for rank in (0, 1))
    began = time.monotonic()
    seen += started.communicate(timeout=PROMPTLY + 120)[0]
    assert time.monotonic() - began < PROMPTLY
    assert started.returncode != 0
    assert "AssertionError" in seen
    assert not [pid for pid in (first, second) if Path(f"/proc/{pid}").exists()]
    (run,) = trainer.runs()
    assert run["status"] == "FAILED"


def test_machines_that_are_started_again_at_different_moments_find_each_other(trainer: Trainer) -> None:
    """The second comes back while the first has not noticed that it was gone; then the first is started again, too."""
    module = trainer.root / "src" / "m1" / "processes.py"
    source = module.read_text()
    assert "JOINING = timedelta(minutes=3)" in source
    module.write_text(source.replace("JOINING = timedelta(minutes=3)", "JOINING = timedelta(seconds=20)"))
    port = free_port()
    first, second = (trainer.machine(rank, port, "training.epochs=500") for rank in (0, 1))
    try:
        lines(first, "epoch  1/500")
        os.kill(torchrun.ranks(first)[0], signal.SIGSTOP)
        torchrun.kill_all(second)
        second = trainer.machine(1, port, "training.epochs=500")
        while not torchrun.ranks(second):
            assert second.poll() is None
            time.sleep(0.1)
        torchrun.kill_all(first)
        first = trainer.machine(0, port, "training.epochs=500")
        said = second.communicate(timeout=120)[0]
        assert second.returncode != 0
        assert "process 1 waited 0:00:20 for the others" in said
        second = trainer.machine(1, port, "training.epochs=500")
        lines(first, "epoch  1/500")
    finally:
        for agent in (first, second):
            if agent.poll() is None:
                torchrun.kill_all(agent)
            agent.communicate()
