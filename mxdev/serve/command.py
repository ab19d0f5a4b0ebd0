"""`mx serve`: start what the project serves, on this machine, until ^C."""

from __future__ import annotations

import click


@click.command("serve")
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="The port. Default: what the project says, or the next that is free.",
)
@click.option(
    "--python", metavar="PATH", help="The interpreter. Default: .venv, else the active environment."
)
def serve(name: str | None, host: str, port: int | None, python: str | None) -> int:
    """Serve a model or a page of the project on this machine, with the code that its image has.

    Without NAME: the only thing that the project serves. What there is stands in infrastructure/serve.yaml. Models come from the
    store that `mx flow` uses: the project's own, the server of `mx flow connect`, or MLFLOW_TRACKING_URI. ^C ends it.

    \b
    Examples:
      mx serve
      mx serve demo --port 8081
    """
    import os

    from mxdev.project.project import project_root
    from mxdev.serve import running, served

    root = project_root()
    what = served.chosen(served.read(root), name)
    return running.run(root, what, host=host, port=port, python=python, environ=os.environ)
