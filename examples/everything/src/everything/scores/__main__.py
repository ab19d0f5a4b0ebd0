"""Start the server, or approve the model: `python -m everything.scores [--approve]`."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import mlflow

from ..provenance import project_root
from .request_log import RequestLog
from .weights import NotLoadedError, Source, approve

# Kubernetes shows what is written here as the reason why a container ended, and `mx doctor` with it.
LAST_WORDS = Path("/dev/termination-log")

PORT = 8080
NAME = "scores"
MODEL = "everything"
ALIAS = "candidate"


def arguments() -> argparse.Namespace:
    """The command line; the environment has what a manifest says."""
    say = os.environ.get
    parser = argparse.ArgumentParser(description="Serve the model by the Open Inference Protocol.")
    parser.add_argument("--http_port", type=int, default=PORT)
    # In a pod everybody who may reaches it; `mx serve` says 127.0.0.1.
    parser.add_argument("--http_host", default="0.0.0.0", help="where it listens")  # noqa: S104
    parser.add_argument("--model_name", default=say("SERVED_NAME", NAME))
    parser.add_argument("--model", default=say("MODEL_NAME", MODEL), help="the registered model")
    parser.add_argument("--alias", default=say("MODEL_ALIAS", ALIAS))
    parser.add_argument("--run", default=say("MODEL_RUN", ""), help="the run that logged the model")
    parser.add_argument("--sha256", default=say("MODEL_SHA256", ""), help="the hash of its files")
    parser.add_argument("--request_log", default=say("REQUEST_LOG", ""), help="a folder or bucket")
    parser.add_argument(
        "--approve", action="store_true", help="note the hash of its files, and end"
    )
    # Seldon Core and KServe hand over words of their own.
    return parser.parse_known_args()[0]


def main() -> None:
    """Serve until the process is told to end.

    Raises:
        SystemExit: the model cannot be served; the reason is its text.
    """
    given = arguments()
    source = Source(given.model, given.alias, given.run)
    if not mlflow.is_tracking_uri_set():
        mlflow.set_tracking_uri(f"sqlite:///{project_root() / '.mlflow' / 'mlflow.db'}")
    try:
        if given.approve:
            found, digest = approve(source)
            sys.stdout.write(f"approved version {found.version} of {source.words}: {digest}\n")
            return
        serve(given, source)
    except NotLoadedError as problem:
        if os.access(LAST_WORDS, os.W_OK):
            LAST_WORDS.write_text(f"{problem}\n", encoding="utf-8")
        raise SystemExit(f"The model is not ready: {problem}.") from None


def serve(given: argparse.Namespace, source: Source) -> None:
    """Load the model and answer requests."""
    # Not before it is used: to approve a model takes no server.
    from kserve import ModelServer  # type: ignore[import-not-found, unused-ignore]

    from .server import Served

    requests = RequestLog(given.request_log)
    model = Served(given.model_name, source, given.sha256, requests)
    model.load()
    listen_at(given.http_host)
    server = ModelServer(http_port=given.http_port, enable_grpc=False, workers=1)
    try:
        server.start([model])
    finally:
        requests.close()


def listen_at(host: str) -> None:
    """Have KServe listen at one address: it has no setting for it, and listens everywhere."""
    from kserve.protocol.rest.server import (  # type: ignore[import-not-found, unused-ignore]
        RESTServer,
    )

    begin = RESTServer.start

    def start(rest: Any) -> Any:
        rest.config.host = host
        return begin(rest)

    RESTServer.start = start


if __name__ == "__main__":
    main()
