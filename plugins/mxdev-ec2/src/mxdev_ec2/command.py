"""`mx ec2`: what the pipeline does, from a laptop."""

from __future__ import annotations

import click

FOLDER = "infrastructure/ec2"


@click.group()
def ec2() -> None:
    """Deploy the model server on EC2, look at it, and go back."""


@ec2.command(short_help="Bring a release to the server.")
@click.argument("release")
@click.option(
    "--check", is_flag=True, help="Run the playbook on the instance with --check: it changes nothing there."
)
def deploy(release: str, check: bool) -> int:
    """Bring RELEASE, the tag of an image in the registry, to the instance, and wait until it is healthy there."""
    return _run("deploy", release, check=check)


@ec2.command()
def status() -> int:
    """Say what runs, and how the last deploys ended."""
    return _run("status")


@ec2.command()
@click.argument("command", required=False)
def logs(command: str | None) -> int:
    """Show the log of a deploy: of COMMAND, or of the last."""
    return _run("logs", command=command)


@ec2.command()
@click.option("--to", "release", metavar="TAG", help="The release to go back to; by default what ran before.")
def rollback(release: str | None) -> int:
    """Go back to the release that ran before."""
    return _run("rollback", release)


def _run(verb: str, release: str | None = None, command: str | None = None, *, check: bool = False) -> int:
    from mxdev.errors import MxError
    from mxdev.project import project_root

    from mxdev_ec2 import program

    root = project_root()
    folder = root / FOLDER
    if not (folder / "settings.json").is_file():
        raise MxError(
            f"{folder} has no settings.json, so nothing says what to deploy.",
            hint="`mx generate Ec2ModelServer` makes it.",
        )
    try:
        world = program.aws(program.read_settings(folder))
        return program.run(world, verb, release, command, check=check)
    except program.DeployError as error:
        raise MxError(str(error)) from error
