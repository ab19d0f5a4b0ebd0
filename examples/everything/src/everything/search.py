"""The search `search`: `python -m everything.search`.

A trial is a training in a process of its own, whose run lies below that of the search. MLflow has all that is known of it: what
was tried, with which result, and what is not finished. So the search has no other store, and goes on wherever its run does.
"""

import json
import logging
import multiprocessing
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import hydra
import mlflow
import optuna
import torch
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from . import config as configuration
from . import provenance, search_jobs, tracking, trainer
from .stopping import Stopping

log = logging.getLogger(__name__)

# What the runs of this entry point are found by: the tag `stage`.
STAGE = "search"
# Tags of a trial's run: its number, what it tries, and how it ended; without the last it is not finished.
NUMBER, VALUES, STATE = "search.number", "search.values", "search.state"
# The metric of the search: that of its best trial.
BEST = "best"
COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"
# How often a training is looked at, in seconds, and how long one that is told to end may take for its checkpoint.
TICK, LAST_WORDS = 1.0, 120.0
# A tracking server that is away is asked again after so many seconds.
PAUSE = 10.0
# Of a search that was told to end: a cluster takes it for a failure, and starts it again.
EXIT_CODE = 128 + signal.SIGTERM
# Where nothing but failures comes, something else is wrong than the values.
MOST_FAILURES = 5


@dataclass
class Config:
    """What the search depends on; `conf/search.yaml` says what each value means."""

    experiment: str
    trials: int
    at_once: int
    seed: int
    metric: str
    minimize: bool
    prune_after: int
    space: dict[str, Any] = field(default_factory=dict)
    fixed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Trial:
    """One training of the search.

    Attributes:
        number: from 0.
        run_id: the id of its run.
        values: what it tries, by the full names of the values.
        overrides: what the trainer's configuration is composed with.
    """

    number: int
    run_id: str
    values: Mapping[str, Any]
    overrides: tuple[str, ...]


Answer = TypeVar("Answer")
# Trains one trial until it is done, or the function says that it is over; returns the exit code of the training.
Train = Callable[[Trial, Callable[[], bool]], int]


def distributions(space: Mapping[str, Any]) -> dict[str, BaseDistribution]:
    """What Optuna draws the values from.

    Raises:
        SystemExit: a value of the space is no range and no choice, or its range is empty.
    """
    if not space:
        raise SystemExit(f"space is empty: conf/{STAGE}.yaml says which values are searched")
    return {name: _distribution(name, given) for name, given in space.items()}


def _distribution(name: str, given: Any) -> BaseDistribution:
    others = {}
    if isinstance(given, dict):
        others = {name: given[name] for name in given if name not in ("choices", "low", "high")}
    try:
        match given:
            case {"choices": [_, *_] as choices}:
                _check(others, set())
                return CategoricalDistribution(choices)
            case {"low": int(low), "high": int(high)}:
                _check(others, {"log", "step"})
                return IntDistribution(low, high, **others)
            case {"low": int() | float() as low, "high": int() | float() as high}:
                _check(others, {"log", "step"})
                return FloatDistribution(low, high, **others)
    except ValueError as problem:
        raise SystemExit(f"space.{name}: {problem}") from None
    raise SystemExit(
        f"space.{name} is {given!r}: it has choices, or low and high, which are numbers, and with them log or step"
    )


def _check(others: Mapping[str, Any], known: Set[str]) -> None:
    if unknown := others.keys() - known:
        raise ValueError(f"{', '.join(sorted(unknown))} means nothing here")


class Search:
    """What was tried, and what is tried next.

    Args:
        config: how it is searched.
        parent: the id of the search's run.
        train: trains one trial.
    """

    def __init__(self, config: Config, parent: str, train: Train) -> None:
        self._config, self._parent, self._train = config, parent, train
        self._client = MlflowClient()
        self._experiment: str = self._client.get_run(parent).info.experiment_id
        self._space = distributions(config.space)
        self._told = threading.Event()

    def end(self) -> None:
        """Tell all trainings to end. Each keeps a checkpoint first, and the search goes on with it."""
        self._told.set()

    def run(self) -> list[Run]:
        """Train until there are as many trials as there are to be; those that came to an end, the best first.

        Raises:
            SystemExit: it was told to end, or nothing but failures came.
        """
        known = self._trials()
        study = self._study(known)
        waiting = [run for run in known if STATE not in run.data.tags]
        if known:
            log.info("%d trials are done, %d go on", len(known) - len(waiting), len(waiting))
        numbers = list(range(len(known), self._config.trials))
        under_way: set[Future[None]] = set()
        with ThreadPoolExecutor(self._config.at_once) as pool:
            try:
                while (waiting or numbers or under_way) and not self._told.is_set():
                    while (waiting or numbers) and len(under_way) < self._config.at_once:
                        if waiting:
                            asked, trial = self._again(study, waiting.pop(0))
                        else:
                            asked, trial = self._next(study, numbers.pop(0))
                        under_way.add(pool.submit(self._try, study, asked, trial))
                    done, under_way = wait(under_way, TICK, FIRST_COMPLETED)
                    for one in done:
                        one.result()
            except BaseException:
                self.end()
                raise
        if self._told.is_set():
            log.info("told to end. The same search goes on with what is not finished.")
            raise SystemExit(EXIT_CODE)
        return self._ranked()

    def _trials(self) -> list[Run]:
        """The runs below that of the search, by their numbers."""
        found = self._client.search_runs(
            [self._experiment],
            f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{self._parent}'",
            max_results=10_000,
        )
        return sorted((run for run in found if NUMBER in run.data.tags), key=_number)

    def _study(self, known: Sequence[Run]) -> optuna.Study:
        config = self._config
        study = optuna.create_study(
            direction="minimize" if config.minimize else "maximize",
            # Another beginning each time that the search goes on: the same would propose the same values again.
            sampler=TPESampler(seed=config.seed + len(known), constant_liar=config.at_once > 1),
            pruner=MedianPruner(n_warmup_steps=config.prune_after)
            if config.prune_after
            else NopPruner(),
        )
        for run in known:
            if run.data.tags.get(STATE) in (COMPLETE, PRUNED):
                try:
                    study.add_trial(self._frozen(run))
                except ValueError as problem:
                    log.warning("trial %d is not learnt from: %s", _number(run), problem)
        return study

    def _frozen(self, run: Run) -> FrozenTrial:
        history = self._history(run.info.run_id)
        complete = run.data.tags[STATE] == COMPLETE
        return create_trial(
            state=TrialState.COMPLETE if complete else TrialState.PRUNED,
            params=json.loads(run.data.tags[VALUES]),
            distributions=self._space,
            value=self._best(history) if complete else None,
            intermediate_values=history,
        )

    def _next(self, study: optuna.Study, number: int) -> tuple[optuna.Trial, Trial]:
        """A new trial and its run."""
        asked = study.ask(self._space)
        tags = {
            MLFLOW_PARENT_RUN_ID: self._parent,
            NUMBER: str(number),
            VALUES: json.dumps(asked.params),
        }
        name = f"{STAGE}-{number}"
        run = self._ask(lambda: self._client.create_run(self._experiment, tags=tags, run_name=name))
        return asked, self._of(run)

    def _again(self, study: optuna.Study, run: Run) -> tuple[optuna.Trial, Trial]:
        """A trial that is not finished: the same values, the same run."""
        trial = self._of(run)
        study.enqueue_trial(dict(trial.values))
        return study.ask(self._space), trial

    def _of(self, run: Run) -> Trial:
        values = json.loads(run.data.tags[VALUES])
        # A model of a trial is no candidate for anything.
        own = [f"experiment={self._config.experiment}", "registry.registered_model_name=''"]
        overrides = [*own, *self._config.fixed, *_overrides(values)]
        return Trial(_number(run), run.info.run_id, values, tuple(overrides))

    def _try(self, study: optuna.Study, asked: optuna.Trial, trial: Trial) -> None:
        reported, worse = 0, False

        def over() -> bool:
            nonlocal reported, worse
            # Without a question: one to a tracking server that is away takes minutes.
            if self._told.is_set():
                return True
            try:
                history = self._history(trial.run_id)
            except MlflowException as problem:
                # It trains on; what it has logged is known when the server is back.
                log.warning("trial %d cannot be looked at: %s", trial.number, problem)
                return self._told.is_set()
            for step, value in history.items():
                if step > reported and not worse:
                    asked.report(value, step)
                    reported, worse = step, asked.should_prune()
            return worse or self._told.is_set()

        words = ", ".join(f"{name}={value}" for name, value in trial.values.items())
        log.info("trial %d begins: %s", trial.number, words)
        # Its training may have come to its end after the search that it belonged to was killed.
        run = self._ask(lambda: self._client.get_run(trial.run_id))
        finished = run.info.status == "FINISHED"
        code = 0 if finished else self._train(trial, over)
        if code and self._told.is_set() and not worse:
            return
        value = self._best(self._ask(lambda: self._history(trial.run_id)))
        if code == 0 and value is not None:
            study.tell(asked, value)
            self._close(trial, COMPLETE, f"{self._config.metric} {value:.6g}")
        elif worse:
            study.tell(asked, state=TrialState.PRUNED)
            self._ask(lambda: self._client.set_terminated(trial.run_id, "KILLED"))
            self._close(trial, PRUNED, f"given up after epoch {reported}")
        else:
            study.tell(asked, state=TrialState.FAIL)
            if code == 0:
                raise SystemExit(
                    f"trial {trial.number} has logged no {self._config.metric}: `metric` names none of a training"
                )
            self._close(trial, FAILED, f"failed with exit code {code}")
            self._check_failures()

    def _close(self, trial: Trial, state: str, words: str) -> None:
        self._ask(lambda: self._client.set_tag(trial.run_id, STATE, state))
        log.info("trial %d: %s", trial.number, words)

    def _check_failures(self) -> None:
        states = [run.data.tags.get(STATE) for run in self._ask(self._trials)]
        if states.count(FAILED) >= MOST_FAILURES and COMPLETE not in states:
            raise SystemExit(
                f"{states.count(FAILED)} trials failed and none came to an end: see what the last one says above"
            )

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """What the tracking server answers; while it is away it is asked again and again. What was trained is not lost for it.

        Raises:
            MlflowException: it refuses.
            SystemExit: the search was told to end before there was an answer.
        """
        while True:
            try:
                return question()
            except MlflowException as problem:
                if problem.get_http_status_code() < 500:
                    raise
                log.warning("the tracking server does not answer, it is asked again: %s", problem)
            if self._told.wait(PAUSE):
                raise SystemExit(EXIT_CODE)

    def _history(self, run_id: str) -> dict[int, float]:
        """The metric by epochs."""
        entries = self._client.get_metric_history(run_id, self._config.metric)
        return {entry.step: entry.value for entry in sorted(entries, key=lambda entry: entry.step)}

    def _best(self, history: Mapping[int, float]) -> float | None:
        best = min if self._config.minimize else max
        return best(history.values()) if history else None

    def _ranked(self) -> list[Run]:
        values = {}
        for run in self._ask(self._trials):
            value = self._best(self._ask(partial(self._history, run.info.run_id)))
            if run.data.tags.get(STATE) == COMPLETE and value is not None:
                values[run.info.run_id] = (value, run)
        ranked = sorted(
            values.values(), key=lambda pair: pair[0], reverse=not self._config.minimize
        )
        for value, run in ranked:
            run.data.metrics[BEST] = value
        return [run for _, run in ranked]


def _number(run: Run) -> int:
    return int(run.data.tags[NUMBER])


def _overrides(values: Mapping[str, Any]) -> list[str]:
    return [f"{name}={json.dumps(value)}" for name, value in values.items()]


def in_process(trial: Trial, over: Callable[[], bool]) -> int:
    """Train in a process of its own: two trainings do not share settings, and a crash ends one of them."""
    arguments = (trial, mlflow.get_tracking_uri(), _gpu(trial.number))
    process = multiprocessing.get_context("spawn").Process(target=_train, args=arguments)
    process.start()
    told = 0.0
    while process.is_alive():
        process.join(TICK)
        if not told and over():
            told = time.monotonic()
            process.terminate()
        elif told and time.monotonic() - told > LAST_WORDS:
            process.kill()
    return process.exitcode or 0


def as_job(trial: Trial, over: Callable[[], bool]) -> int:
    """Train as a Job on the cluster; raises as `search_jobs.train` does."""
    command = ["python", "-m", "everything.trainer", *trial.overrides]
    return search_jobs.train(trial.number, trial.run_id, command, over)


def _gpu(number: int) -> str:
    """The GPU of a trial, as CUDA_VISIBLE_DEVICES names it; empty: there is none."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    known = named.split(",") if named else [str(at) for at in range(torch.cuda.device_count())]
    return known[number % len(known)] if known else ""


def _train(trial: Trial, uri: str, gpu: str) -> None:
    """The process of a trial."""
    # ^C reaches the search, which tells its trainings to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stopping = Stopping()
    stopping.listen()
    threading.Thread(target=_end_with_search, daemon=True).start()
    os.environ["MLFLOW_RUN_ID"] = trial.run_id
    if gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    logging.basicConfig(
        level=logging.INFO, format=f"trial {trial.number}  %(message)s", stream=sys.stdout
    )
    mlflow.set_tracking_uri(uri)
    configuration.register()
    with initialize_config_dir(str(Path(__file__).parent / "conf"), version_base="1.3"):
        config = compose("trainer", list(trial.overrides))
    trainer.run(configuration.trainer_config(config), stopping)


def _end_with_search() -> None:
    """A search that was killed leaves no training behind: the next one would train the same run beside it."""
    search = multiprocessing.parent_process()
    if search is not None:
        search.join()
        os.kill(os.getpid(), signal.SIGTERM)


def run(config: Config, train: Train | None = None) -> str:
    """Search in a run of its own, and log what was found; the run's id.

    Args:
        config: how it is searched.
        train: trains one trial; None: as a Job where mx says so, else in a process here.
    """
    as_jobs = search_jobs.VARIABLE in os.environ
    train = train or (as_job if as_jobs else in_process)
    tracking.open_store(config.experiment)
    # `mx flow run` has started a run already; this one joins it. A search that was interrupted goes on.
    with mlflow.start_run() as active:
        run_id: str = active.info.run_id
        mlflow.set_tag(tracking.STAGE, STAGE)
        mlflow.log_dict(asdict(config), "config.json")
        tracking.log_code(provenance.code(provenance.project_root()))
        search = Search(config, run_id, train)
        before = {
            number: signal.signal(number, lambda *_: search.end())
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            found = search.run()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        _log(config, found)
    return run_id


def _log(config: Config, found: Sequence[Run]) -> None:
    table = [
        {
            "trial": _number(run),
            "run": run.info.run_id,
            config.metric: run.data.metrics[BEST],
            **json.loads(run.data.tags[VALUES]),
        }
        for run in found
    ]
    mlflow.log_dict({"trials": table}, "trials.json")
    if not found:
        log.info("no trial came to an end")
        return
    best = found[0]
    values = json.loads(best.data.tags[VALUES])
    mlflow.log_metric(BEST, best.data.metrics[BEST])
    mlflow.set_tags({"best.run": best.info.run_id, "best.values": json.dumps(values)})
    log.info(
        "best: trial %d, %s %.6g, run %s",
        _number(best),
        config.metric,
        best.data.metrics[BEST],
        best.info.run_id,
    )
    words = shlex.join([*config.fixed, *_overrides(values)])
    log.info("train with it: python -m everything.trainer %s", words)


def register() -> None:
    """Make the classes known to Hydra, as the bases that `conf/*.yaml` name in their defaults."""
    ConfigStore.instance().store(name="search_schema", node=Config)


def typed(config: DictConfig) -> Config:
    """The typed form of what Hydra composed."""
    return cast(Config, OmegaConf.to_object(config))


@hydra.main(version_base="1.3", config_path="conf", config_name="search")
def main(config: DictConfig) -> None:
    """Run it with what Hydra composed of the configuration and the command line."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    run(typed(config))


if __name__ == "__main__":
    register()
    main()
