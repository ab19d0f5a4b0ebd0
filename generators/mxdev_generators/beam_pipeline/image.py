"""The image of a pipeline: the project's base with Apache Beam, which Dataflow takes for its workers."""

from __future__ import annotations

from mxdev import Tree
from mxdev.generator import Values
from mxdev_generators.images.table import for_python, image, table
from mxdev_generators.served.shared_files import add_stage

_BOOT = """\
# hadolint ignore=DL3029
FROM --platform=$PLATFORM {{ boot_image }} AS {{ label }}-boot

"""
# Dataflow mounts folders that only root may write to, on a machine that runs nothing else.
_ROOT = """\
# hadolint ignore=DL3002
USER 0
COPY --from={{ label }}-boot /opt/apache/beam /opt/apache/beam
ENV RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
"""


def boot(project: Values) -> str:
    """The image that Apache Beam's start of a worker is taken from."""
    return image(
        for_python("beam-python", project.python), {"docker_mirror": project.docker_mirror}, short=True
    )


def requirement(project: Values) -> str:
    """What pip takes for Apache Beam, with Google's part where there is one; the version is that of the project's image."""
    version = table()[for_python("beam-python", project.python)].tag
    return f"apache-beam{'[gcp]' if project.cloud == 'gcp' else ''}=={version}"


def add(tree: Tree, instance: str, project: Values) -> None:
    """The stage of the Dockerfile, and the requirement of whoever works on the project.

    Args:
        tree: of the generator.
        instance: its name.
        project: the project's values.
    """
    needed = requirement(project)
    if project.cloud == "gcp":
        end = 'ENTRYPOINT ["/opt/apache/beam/boot"]\n'
        add_stage(tree, instance, project, needed, end, begin=_BOOT, user=_ROOT)
    else:
        end = 'CMD ["python", "-m", "{{ package }}.{{ name }}"]\n'
        add_stage(tree, instance, project, needed, end)
