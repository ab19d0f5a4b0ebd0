"""How images are built in a job that runs in a container: by Docker's client, and by a BuildKit that is somewhere else.

What a Dockerfile runs is other people's code: base images, packages. It runs where that BuildKit is, and never in the job,
which has the token of the registry.
"""

from __future__ import annotations

from mxdev_generators.ci.model import UV_VERSION

UV = f"command -v uv > /dev/null || pip install --quiet --root-user-action=ignore uv=={UV_VERSION}"
# The client alone: both packages have no daemon.
DOCKER = (
    "apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends docker-cli docker-buildx"
)
KUBECTL = "apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends kubernetes-client"
# A tag is one image then, which cleaning up the registry does not take apart.
ENVIRONMENT = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
