"""Run the pipeline: `python -m everything.photos [bucket=…]`; `mx data run photos` says the bucket and where it runs."""

import json
import logging
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from . import config as configuration
from . import version
from .config import Config

log = logging.getLogger(__name__)


def run(config: Config) -> dict[str, Any]:
    """Make the version of the data, unless it is there; with `look`, only say which it would be.

    Raises:
        ValueError: it may not be complete; the message says why.
    """
    job = version.plan(config)
    if config.version not in ("", job.version):
        raise ValueError(
            f"version {config.version} was asked for, and the code and the data here make {job.version}: the image has other code "
            "than the machine that asked. Commit, and build the image anew."
        )
    made = version.found(job)
    told = {"version": job.version, "folder": job.target, "source": job.source}
    if made is None and not config.look:
        # Not before it is used: to look takes no Beam.
        from . import pipeline

        log.info("%s: %s becomes %s", job.runner, job.source, job.target)
        pipeline.run(job, config)
        left = version.lineage(job) or {}
        if problem := left.get("problem"):
            raise ValueError(problem)
        made = version.found(job)
        if made is None:
            raise ValueError(f"the run has ended, and {job.target} is not complete.")
        counts = made["counts"]
        log.info("%d records, %d rejected: %s", counts["records"], counts["rejected"], job.target)
    return {**told, "complete": made is not None, "counts": made["counts"] if made else None}


@hydra.main(version_base="1.3", config_path="../conf", config_name="photos")
def main(config: DictConfig) -> None:
    """Run it with what Hydra composed of the configuration and the command line."""
    answer = str(config.answer)
    try:
        told = run(configuration.typed(config))
    except ImportError as problem:
        told = {"error": str(problem), "missing": problem.name or "", "uri": str(config.bucket)}
    except (OSError, ValueError) as problem:
        told = {"error": str(problem), "refused": True}
    if answer:
        Path(answer).write_text(json.dumps(told), encoding="utf-8")
    if "error" in told:
        # Whoever asked for an answer says it to a person.
        raise SystemExit(1 if answer else told["error"])


if __name__ == "__main__":
    configuration.register()
    main()
