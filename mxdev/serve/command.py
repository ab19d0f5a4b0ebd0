"""`mx serve`: start what the project serves, on this machine, until ^C."""

from __future__ import annotations

import click

from mxdev.steps.options import ENVIRONMENT


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
@click.option(
    "--rollback", is_flag=True, help="Serve the approved version before this one again, also on the cluster."
)
@click.option(
    "--context",
    metavar="NAME",
    help="With --rollback: the cluster, as kubectl knows it. Default: that of `mx connect`.",
)
@ENVIRONMENT
def serve(
    name: str | None, host: str, port: int | None, python: str | None, rollback: bool, context: str | None,
    environment: str | None,
) -> int:  # fmt: skip
    """Serve a model or a page of the project on this machine, with the code that its image has.

    Without NAME: the only thing that the project serves. What there is stands in infrastructure/serve.yaml. Models come from the
    store that `mx flow` uses: the project's own, the server of `mx flow connect`, or MLFLOW_TRACKING_URI. ^C ends it.

    With --rollback nothing is started here: the alias goes back to the version before that somebody approved, and the pods that
    serve it are replaced by new ones, which load it. With -E both are those of that environment, whose registry `mx flow connect -E NAME`
    reaches.

    \b
    Examples:
      mx serve
      mx serve demo --port 8081
      mx serve scores --rollback
      mx serve scores --rollback -E staging
    """
    import os

    from mxdev.connect import target
    from mxdev.errors import MxError, UsageProblem
    from mxdev.project import environments
    from mxdev.project.project import project_root
    from mxdev.serve import rollback as back
    from mxdev.serve import running, served

    root = project_root()
    what = served.chosen(served.read(root), name)
    if rollback:
        where = target.load(root, environment)
        try:
            return back.run(root, what, where, context=context, python=python, environ=os.environ)
        except MxError as error:
            raise environments.of_error(error, environment) from error.__cause__
    if context or environment:
        raise UsageProblem(
            "--context and -E say where --rollback restarts what is served; this machine has none."
        )
    return running.run(root, what, host=host, port=port, python=python, environ=os.environ)
