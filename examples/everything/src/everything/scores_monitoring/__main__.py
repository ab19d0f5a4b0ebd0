"""Make a report: read the log, compare, and write page and metrics. `python -m everything.scores_monitoring`."""

import logging
import time

import fsspec
import hydra
import mlflow
from omegaconf import DictConfig

from ..provenance import project_root
from . import checks, log, metrics, profile, reference, report
from .settings import CONFIG, Settings, register, typed

say = logging.getLogger(__name__)


def run(settings: Settings, until: float) -> list[checks.Found]:
    """Compare all versions that were asked, and write what was found to `settings.results`.

    Args:
        settings: the values of `conf/scores_monitoring.yaml`.
        until: the end of the window, in seconds since 1970.
    """
    window = log.read(
        settings.log,
        settings.endpoint,
        settings.hours,
        settings.most_rows,
        settings.most_features,
        until,
    )
    found, not_compared = [], {}
    for served in window.versions:
        try:
            found.append(_compare(served, settings))
        except (reference.NoReferenceError, ValueError) as problem:
            not_compared[served.version] = str(problem)
            say.warning("version %s is not compared: %s", served.version, problem)
    for one in found:
        say.info("version %s: %d requests, %d rows", one.version, one.requests, one.rows)
        for words in one.alarms:
            say.warning("version %s: %s", one.version, words)
    page = report.html(
        settings.endpoint, window.begin, window.end, window.unreadable, found, not_compared
    )
    numbers = metrics.text(
        settings.endpoint, window.end, window.unreadable, found, list(not_compared)
    )
    day = time.strftime("%Y-%m-%d/%H%M", time.gmtime(until))
    _write(f"{settings.results}/reports/{day}.html", page)
    _write(f"{settings.results}/report.html", page)
    _write(f"{settings.results}/metrics.prom", numbers)
    say.info("report: %s/report.html", settings.results)
    return found


def _compare(served: log.Served, settings: Settings) -> checks.Found:
    run_id = profile.run_of(settings.registered, served.version)
    if run_id is None:
        raise reference.NoReferenceError(
            f"{mlflow.get_tracking_uri()} knows no version {served.version} of {settings.registered}"
        )
    return checks.check(reference.of_run(run_id, settings), served, settings)


def _write(url: str, words: str) -> None:
    with fsspec.open(url, "wt", encoding="utf-8", auto_mkdir=True) as file:
        file.write(words)


@hydra.main(version_base="1.3", config_path="../conf", config_name=CONFIG)
def main(config: DictConfig) -> None:
    """Make one report, with what Hydra composed of the configuration and the command line."""
    if not mlflow.is_tracking_uri_set():
        mlflow.set_tracking_uri(f"sqlite:///{project_root() / '.mlflow' / 'mlflow.db'}")
    run(typed(config), time.time())


if __name__ == "__main__":
    register()
    main()
