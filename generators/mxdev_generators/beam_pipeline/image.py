"""The image of a pipeline: the project's base with Apache Beam, which Dataflow takes for its workers."""

from __future__ import annotations

from mxdev import Tree
from mxdev.generator import Values
from mxdev_generators.served.shared_files import add_stage

# The image's part of it and the one that starts the job must be the same.
VERSION = "2.77.0"

_BOOT = """\
# hadolint ignore=DL3029
FROM --platform=$PLATFORM {{ hub }}apache/beam_python{{ project.python }}_sdk:%s AS {{ label }}-boot

"""
# Dataflow mounts folders that only root may write to, on a machine that runs nothing else.
_ROOT = """\
# hadolint ignore=DL3002
USER 0
COPY --from={{ label }}-boot /opt/apache/beam /opt/apache/beam
ENV RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
"""


def requirement(cloud: str) -> str:
    """What pip takes for Apache Beam, with Google's part where there is one."""
    return f"apache-beam{'[gcp]' if cloud == 'gcp' else ''}=={VERSION}"


def add(tree: Tree, instance: str, project: Values) -> None:
    """The stage of the Dockerfile, and the requirement of whoever works on the project.

    Args:
        tree: of the generator.
        instance: its name.
        project: the project's values.
    """
    needed = requirement(project.cloud)
    if project.cloud == "gcp":
        end = 'ENTRYPOINT ["/opt/apache/beam/boot"]\n'
        add_stage(tree, instance, project, needed, end, begin=_BOOT % VERSION, user=_ROOT)
    else:
        end = 'CMD ["python", "-m", "{{ package }}.{{ name }}"]\n'
        add_stage(tree, instance, project, needed, end)
