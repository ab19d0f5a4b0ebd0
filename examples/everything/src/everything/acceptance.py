"""Whether a trained model takes the place of the accepted one: `python -m everything.acceptance`."""

import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import hydra
import mlflow
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from omegaconf import DictConfig, OmegaConf
from torch.utils.data import Dataset

from . import config as configuration
from . import evaluation, provenance, tracking
from .config import TrainerConfig
from .data import Datasets, Stream
from .data.loader import Loader
from .device import DeviceError, choose_device
from .processes import Processes

log = logging.getLogger(__name__)

# What the runs of this entry point are found by: the tag `stage`.
STAGE = "acceptance"
# What a version is: a draft until something is decided. NOTHING: there was nothing to decide.
DRAFT, ACCEPTED, REFUSED, NOTHING = "draft", "accepted", "refused", "nothing"
# Tags of a version: what it is, why, who decided (rule or person), and in which run.
STATE, REASON, BY, RUN = "acceptance", "acceptance.reason", "acceptance.by", "acceptance.run"
# The version that had the alias when this one got it; empty: none had.
BEFORE = "acceptance.before"
DECIDE = ("rule", "person", "yes", "no", "back")
TRAIN = ("never", "new-data", "always")
# The whole of the test data, beside its parts.
WHOLE = "all"
# An id of a run has so many digits, the number of a version fewer.
_RUN_ID = 32
_TABLE = "acceptance.json"


@dataclass
class Config:
    """What it depends on; `conf/acceptance.yaml` says what each value means."""

    experiment: str
    registered: str
    candidate: str
    accepted: str
    previous: str
    version: str
    metric: str
    minimize: bool
    tolerance: float
    tolerance_of_parts: float
    decide: str
    reason: str
    train: str
    device: str
    fixed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """The metric on one part of the test data.

    Attributes:
        part: its name.
        accepted: of the accepted version; None: there is none yet.
        candidate: of the candidate.
        good: whether that is good enough.
    """

    part: str
    accepted: float | None
    candidate: float
    good: bool


def parts(datasets: Datasets) -> Mapping[str, Dataset[Any] | Stream]:
    """Parts of the test data in which a candidate must not be worse either, by their names.

    Put your own in its place: `{"new customers": torch.utils.data.Subset(datasets.test, indices)}`.
    """
    return {}


def compare(
    config: Config, candidate: Mapping[str, float], accepted: Mapping[str, float]
) -> list[Row]:
    """The table that the rule looks at; `accepted` is empty before the first acceptance."""
    rows = []
    for part, value in candidate.items():
        before = accepted.get(part)
        allowed = config.tolerance if part == WHOLE else config.tolerance_of_parts
        worse = 0.0
        if before is not None:
            worse = value - before if config.minimize else before - value
        # A value that is not a number is worse than any.
        rows.append(Row(part, before, value, value == value and not worse > allowed))
    return rows


def explain(config: Config, rows: Sequence[Row]) -> str:
    """Why a candidate is accepted or refused, in one line."""
    bad = [row for row in rows if not row.good]
    shown = bad or [row for row in rows if row.part == WHOLE]
    words = (f"{row.part} {row.candidate:.4f} after {_shown(row.accepted)}" for row in shown)
    return f"{config.metric} is {'worse' if bad else 'good enough'}: {', '.join(words)}"


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


def run(config: Config) -> str:
    """Decide, note it, and move the alias; what was decided.

    Raises:
        SystemExit: there is no candidate, or a value is none of those that there are.
    """
    for name, value, known in (("decide", config.decide, DECIDE), ("train", config.train, TRAIN)):
        if value not in known:
            raise SystemExit(f"{name} is {value!r}; it is one of {', '.join(known)}")
    tracking.open_store(config.experiment)
    client = MlflowClient()
    before = version_of(client, config.registered, config.accepted)
    if config.decide == "back":
        return _back(config, client, before)
    if config.train != "never":
        if config.train == "new-data" and not _data_is_new(config, client, before):
            log.info("the data is what it was: nothing is trained, and nothing decided")
            return NOTHING
        _train(config)
    candidate = candidate_of(config, client)
    if before is not None and before.version == candidate.version:
        if config.decide == "no":
            raise SystemExit(
                f"Version {candidate.version} of {config.registered} is the accepted one. decide=back goes "
                f"back to the version that has the alias {config.previous}."
            )
        log.info("version %s of %s is accepted already", candidate.version, config.registered)
        return ACCEPTED
    tags = candidate.tags
    said_no = tags.get(STATE) == REFUSED and tags.get(BY) == "person"
    if said_no and config.decide in ("rule", "person"):
        log.info("version %s was refused: %s", candidate.version, tags.get(REASON))
        return REFUSED
    return _decide(config, client, candidate, before)


def _decide(
    config: Config, client: MlflowClient, candidate: ModelVersion, before: ModelVersion | None
) -> str:
    # `mx flow run` has started a run already; this one joins it.
    with mlflow.start_run() as active:
        mlflow.set_tag(tracking.STAGE, STAGE)
        mlflow.log_dict(asdict(config), "config.json")
        tracking.log_code(provenance.code(provenance.project_root()))
        person = config.decide in ("yes", "no")
        rows = (known(config, candidate, before) if person else None) or measured(
            config, candidate, before
        )
        state = _state(config, rows)
        reason = explain(config, rows)
        if person:
            said = config.decide + (f": {config.reason}" if config.reason else "")
            reason = f"a person said {said} ({reason})"
        against = before.version if before else None
        table = {
            "metric": config.metric,
            "against": against,
            "rows": [asdict(row) for row in rows],
            "state": state,
            "reason": reason,
        }
        mlflow.log_dict(table, _TABLE)
        mlflow.set_tags({STATE: state, "model": config.registered, "version": candidate.version})
        noted = {STATE: state, REASON: reason[:5000], BY: "person" if person else "rule"}
        for name, value in {**noted, RUN: active.info.run_id}.items():
            client.set_model_version_tag(config.registered, candidate.version, name, value)
    _say(config, rows)
    log.info("version %s of %s is %s: %s", candidate.version, config.registered, state, reason)
    if state == DRAFT:
        log.info("it waits for somebody: `mx flow accept %s`, or with --refuse", candidate.version)
    if state == ACCEPTED:
        _promote(config, client, candidate.version, before)
    return state


def version_of(client: MlflowClient, model: str, alias: str) -> ModelVersion | None:
    """The version of a registered model that has an alias; None: none has."""
    try:
        return client.get_model_version_by_alias(model, alias)
    except MlflowException as problem:
        if problem.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def candidate_of(config: Config, client: MlflowClient) -> ModelVersion:
    """The version that is decided on: the one that is named by number or run, or has the alias.

    Raises:
        SystemExit: there is none.
    """
    if not config.version:
        if found := version_of(client, config.registered, config.candidate):
            return found
        raise SystemExit(
            f"No version of the registered model {config.registered} has the alias {config.candidate}.\n"
            f"Train one: python -m {__package__}.trainer registry.registered_model_name={config.registered}"
        )
    if len(config.version) < _RUN_ID:
        try:
            return client.get_model_version(config.registered, config.version)
        except MlflowException as problem:
            raise SystemExit(f"{config.registered} has no version {config.version}.") from problem
    made = client.search_model_versions(f"run_id = '{config.version}'")
    of_run = [one for one in made if one.name == config.registered]
    if not of_run:
        raise SystemExit(f"Run {config.version} has registered no version of {config.registered}.")
    # A search does not bring the tags in every store.
    return client.get_model_version(config.registered, of_run[0].version)


def known(config: Config, candidate: ModelVersion, before: ModelVersion | None) -> list[Row] | None:
    """What was measured of a candidate against the same accepted version; None: nothing was."""
    run_id = candidate.tags.get(RUN)
    if not run_id:
        return None
    try:
        table = mlflow.artifacts.load_dict(f"runs:/{run_id}/{_TABLE}")
    except MlflowException:  # the run is gone
        return None
    against = str(before.version) if before else None
    if (table["metric"], table["against"] and str(table["against"])) != (config.metric, against):
        return None
    return [Row(**row) for row in table["rows"]]


def measured(config: Config, candidate: ModelVersion, accepted: ModelVersion | None) -> list[Row]:
    """Both versions on the test data that the candidate's task has, as a whole and by parts."""
    then = _as_trained(candidate)
    datasets = then.task.datasets()
    looked_at = {WHOLE: datasets.test, **parts(datasets)}
    values = [
        _values(config, then, datasets, looked_at, one) for one in (candidate, accepted) if one
    ]
    return compare(config, values[0], values[1] if len(values) == 2 else {})


def _values(
    config: Config,
    then: TrainerConfig,
    datasets: Datasets,
    looked_at: Mapping[str, Dataset[Any] | Stream],
    version: ModelVersion,
) -> dict[str, float]:
    processes = Processes(0, 1, choose_device(config.device))
    uri = f"models:/{config.registered}/{version.version}"
    model: Any = mlflow.pytorch.load_model(uri).to(processes.device)
    found = {}
    for name, part in looked_at.items():
        loader = Loader(part, datasets.collate, then.training, processes)
        metrics = evaluation.measure(then.task, model, loader, processes).metrics
        if config.metric not in metrics:
            has = ", ".join(sorted(metrics))
            raise SystemExit(f"metric is {config.metric!r}; the evaluation has {has}")
        found[name] = metrics[config.metric]
    return found


def _as_trained(version: ModelVersion) -> TrainerConfig:
    logged = OmegaConf.create(mlflow.artifacts.load_dict(f"runs:/{version.run_id}/config.json"))
    return configuration.trainer_config(logged)


def _state(config: Config, rows: Sequence[Row]) -> str:
    if config.decide == "yes":
        return ACCEPTED
    if config.decide == "no" or not all(row.good for row in rows):
        return REFUSED
    return ACCEPTED if config.decide == "rule" else DRAFT


def _promote(
    config: Config, client: MlflowClient, version: str, before: ModelVersion | None
) -> None:
    left = str(before.version) if before else ""
    client.set_model_version_tag(config.registered, version, BEFORE, left)
    if before is not None:
        client.set_registered_model_alias(config.registered, config.previous, before.version)
    client.set_registered_model_alias(config.registered, config.accepted, version)
    log.info("models:/%s@%s is version %s now", config.registered, config.accepted, version)


def _back(config: Config, client: MlflowClient, now: ModelVersion | None) -> str:
    before = version_of(client, config.registered, config.previous)
    if before is None:
        raise SystemExit(
            f"No version of {config.registered} has the alias {config.previous}: none was accepted before."
        )
    # Who moves the alias by hand tells nobody which version had it until then.
    left = str(before.version)
    if now is not None and (
        str(now.version) == left
        or now.tags.get(STATE) != ACCEPTED
        or now.tags.get(BEFORE, left) != left
    ):
        raise SystemExit(
            f"Somebody moved the alias {config.accepted} of {config.registered} by hand, to version {now.version}: which one it had "
            "before is not known. Name the one that is to have it: `mx flow accept VERSION`."
        )
    _promote(config, client, before.version, None)
    # The way back leads there once; what was left is refused, and no rule accepts it again.
    client.delete_registered_model_alias(config.registered, config.previous)
    if now is not None:
        said = "a person went back" + (f": {config.reason}" if config.reason else "")
        for name, value in ((STATE, REFUSED), (REASON, said), (BY, "person")):
            client.set_model_version_tag(config.registered, now.version, name, value)
    return ACCEPTED


def _data_is_new(config: Config, client: MlflowClient, accepted: ModelVersion | None) -> bool:
    """Whether neither the accepted version nor the last candidate was trained on what a training would read now."""
    last = version_of(client, config.registered, config.candidate) or accepted
    if last is None or last.run_id is None:
        return True
    known_data = {
        client.get_run(one.run_id).data.params.get(tracking.DATA)
        for one in (last, accepted)
        if one is not None and one.run_id is not None
    }
    return _as_configured(config).task.datasets().version().sha256 not in known_data


def _told(config: Config) -> list[str]:
    """What the training of a candidate is told, as on the command line of the trainer."""
    return [
        f"experiment={config.experiment}",
        f"registry.registered_model_name={config.registered}",
        f"registry.alias={config.candidate}",
        f"training.device={config.device}",
        *config.fixed,
    ]


def _as_configured(config: Config) -> TrainerConfig:
    """What the training of a candidate would depend on now; a run of before may have had other values, and another task."""
    configuration.register()
    started = GlobalHydra.instance().is_initialized()  # by `main`, with the same folder
    conf = str(Path(__file__).parent / "conf")
    with nullcontext() if started else initialize_config_dir(conf, version_base="1.3"):
        return configuration.trainer_config(compose("trainer", _told(config)))


def _train(config: Config) -> None:
    """Train a candidate in a process and a run of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_RUN_ID"}
    environment["MLFLOW_TRACKING_URI"] = mlflow.get_tracking_uri()
    command = [sys.executable, "-m", f"{__package__}.trainer", *_told(config)]
    done = subprocess.run(command, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"the training of a candidate failed with exit code {done.returncode}")


def _say(config: Config, rows: Sequence[Row]) -> None:
    width = max(len(config.metric), *(len(row.part) for row in rows))
    names = config.accepted[:10], config.candidate[:10]
    log.info("%-*s  %10s  %10s", width, config.metric, *names)
    for row in rows:
        verdict = "" if row.good else "  worse"
        values = _shown(row.accepted), row.candidate
        log.info("%-*s  %10s  %10.4f%s", width, row.part, *values, verdict)


def register() -> None:
    """Make the classes known to Hydra, as the bases that `conf/*.yaml` name in their defaults."""
    configuration.register()
    ConfigStore.instance().store(name="acceptance_schema", node=Config)


def typed(config: DictConfig) -> Config:
    """The typed form of what Hydra composed."""
    return cast(Config, OmegaConf.to_object(config))


@hydra.main(version_base="1.3", config_path="conf", config_name="acceptance")
def main(config: DictConfig) -> None:
    """Run it with what Hydra composed; exit code 1: the candidate is refused."""
    try:
        state = run(typed(config))
    except DeviceError as problem:
        raise SystemExit(str(problem)) from None
    if state == REFUSED and config.decide != "no":
        raise SystemExit(1)


if __name__ == "__main__":
    register()
    main()
