"""What goes into files that the project has already: the stage of the image, what it installs, the deployment."""

from __future__ import annotations

from typing import Any

from mxdev import Tree
from mxdev.generator import Values
from mxdev_generators.project import package_index

TOOLS = "project.optional-dependencies.dev"

# What the base has stays as it is wherever the server takes it, because uv keeps what is installed: a model is to run on the
# versions that it was trained with. A server that wants an older version of something gets one that the project takes too; were
# each version of the base a must, neither KServe nor Beam could be installed on a base of today. What is installed comes before
# the code, so that a commit changes the last layer only.
_STAGE = """\
FROM base AS {{ label }}
USER 0
%sRUN --mount=from=uv,source=/uv,target=/bin/uv \\
    --mount=from=requirements,source=/requirements/project.txt,target=/run/project.txt \\
%s    && uv pip install --system --no-cache --link-mode hardlink -r /run/project.txt "%s"
%sCOPY MLproject pyproject.toml ./
COPY src src
ENV PYTHONPATH=/app/src
ARG GIT_COMMIT=none
ENV GIT_COMMIT=$GIT_COMMIT
LABEL org.opencontainers.image.title="{{ project.name }}: {{ label }}" \\
      org.opencontainers.image.revision=$GIT_COMMIT
%s"""
_USER = "USER 1000\n"


def add_stage(
    tree: Tree,
    instance: str,
    project: Values,
    requirement: str,
    end: str,
    *,
    begin: str = "",
    user: str = _USER,
) -> None:
    """The stage of the Dockerfile, and the requirement of whoever works on the project.

    Args:
        tree: of the generator, whose variable `label` names the stage.
        instance: its name.
        project: the values of the project.
        requirement: what is installed in the image and on the machines of people, such as "streamlit>=1.60,<2".
        end: its last instructions, in Jinja.
        begin: what stands before the stage, in Jinja.
        user: who runs it, and what else comes before the code.
    """
    argument, login = package_index.docker_argument(project), package_index.docker_login(project)
    lines = begin + _STAGE % (argument, login, requirement, user, end)
    stage = tree.text(lines, "the stage of the Dockerfile")
    tree.section("infrastructure/docker/Dockerfile", instance, stage)
    tree.section("pyproject.toml", f"{instance} in {TOOLS}", f'  "{requirement}",\n')


def add(tree: Tree, instance: str, values: dict[str, Any], folder: str, server: str, command: str) -> None:
    """The stage of the Dockerfile, the requirement of whoever works on the project, and the deployment.

    Args:
        tree: of the generator.
        instance: its name.
        values: its variables; `label` names stage and deployment, `port` is that of the server.
        folder: where its manifests are.
        server: the requirement that brings the server, such as "streamlit>=1.60,<2".
        command: what the image runs, as items of a JSON list, in Jinja.
    """
    label = values["label"]
    add_stage(tree, instance, values["project"], server, f"EXPOSE {{{{ port }}}}\nCMD [{command}]\n")
    tree.section(
        "devspace.yaml",
        f"deployments.{label}",
        {
            "namespace": str(values["project"].name),
            "updateImageTags": False,
            "kubectl": {"manifests": [f"{folder}/"]},
        },
    )


def next_steps(tree: Tree, instance: str, label: str, what: str, brings: str) -> None:
    """The way from the image to the cluster.

    Args:
        tree: of the generator.
        instance: its name.
        label: what the cluster calls it.
        what: the image, in words, such as "the page's image".
        brings: what the last step does.
    """
    tree.next_step(f"mx build image {label} --push", f"builds {what}, named after the commit")
    tree.next_step(f"mx set {instance}.tag=COMMIT", "says which image runs; `mx build image` named it")
    tree.next_step(f"mx deploy {label}", brings)
