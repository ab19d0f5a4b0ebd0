"""`mx build`: make the project's image, documentation or package."""

from __future__ import annotations

from pathlib import Path

import click

_DRY_RUN = click.option(
    "--dry-run", "--pretend", "dry_run", is_flag=True, help="Print the command; run nothing."
)
_OUTPUT = click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), help="The folder that it goes to."
)


@click.group("build")
def build() -> None:
    """Make the project's image, documentation or package.

    Each says the tool that it runs, lets its output through, and returns its exit code. It is what CI jobs call.
    """


@build.command("image", short_help="Build the image of a stage.")
@click.argument("target", default="run", metavar="[STAGE]")
@click.option(
    "--registry",
    metavar="PREFIX",
    help="What the image's name begins with. Default: the option registry, the registry on Google Cloud, or localhost/NAME.",
)
@click.option(
    "--commit", metavar="COMMIT", help="The commit that is built, the image's tag. Default: what Git says."
)
@click.option(
    "--tool", type=click.Choice(["auto", "docker", "buildah"]), default="auto",
    help="What builds it. Default: docker if it is there, else buildah.",
)  # fmt: skip
@click.option("--push", is_flag=True, help="Push it too; nothing is done if the registry has it.")
@click.option("--build-arg", "build_args", multiple=True, metavar="NAME=VALUE", help="May be repeated.")
@click.option(
    "--dockerfile", type=click.Path(dir_okay=False, path_type=Path), metavar="PATH",
    help="Default: the project's infrastructure/docker/Dockerfile.",
)  # fmt: skip
@_DRY_RUN
def image(
    target: str, registry: str | None, commit: str | None, tool: str, push: bool, build_args: tuple[str, ...],
    dockerfile: Path | None, dry_run: bool,
) -> int:  # fmt: skip
    """Build the image of a stage of the Dockerfile: run (the default), base, or another one.

    The image base has what the code requires; its tag is the hash of what goes into it. The image run is base and code;
    its tag is the commit. The name of the image is printed on stdout. What the Dockerfile says is run by the builder.

    \b
    Examples:
      mx build image
      mx build image base --push
      mx build image run --push --registry registry.example.com/team/churn
    """
    from mxdev.artifacts import image as images
    from mxdev.project.project import Project, project_root

    at = project_root()
    path = str(_absolute(dockerfile) or images.DOCKERFILE)
    request = images.ImageRequest(target, registry, commit, tool, push, build_args, path, dry_run)
    return images.build(at, Project.load(at).options, request)


@build.command("docs")
@_OUTPUT
@click.option("--python", metavar="PYTHON", help="The interpreter that has the project and Sphinx.")
@_DRY_RUN
def docs(output: Path | None, python: str | None, dry_run: bool) -> int:
    """Build the documentation with Sphinx into docs/_build/html.

    It runs in the interpreter that --python names, else in the project's .venv, else in the active environment if that
    has the project installed. Warnings are errors. Code of the project runs with your rights: docs/conf.py, and the modules
    that are documented.
    """
    from mxdev.artifacts import docs as pages
    from mxdev.project.project import project_root

    return pages.build(project_root(), output=_absolute(output), python=python, dry_run=dry_run)


@build.command("package", short_help="Build the sdist and the wheel.")
@_OUTPUT
@_DRY_RUN
def package(output: Path | None, dry_run: bool) -> int:
    """Build the sdist and the wheel into dist, with uv or the Python module `build`.

    The build backend that pyproject.toml names runs with your rights.
    """
    from mxdev.artifacts import package as packages
    from mxdev.project.project import project_root

    return packages.build(project_root(), output=_absolute(output), dry_run=dry_run)


def _absolute(path: Path | None) -> Path | None:
    # Named from where the person is; the tool runs in the project's root.
    return path.absolute() if path else None
