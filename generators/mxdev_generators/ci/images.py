"""How images are built in a container whose user is root: Buildah gets a user of its own, with no rights there.

What a Dockerfile runs is other people's code: base images, packages. It runs as that user, in a namespace of its own,
and cannot become the container's root. Where a job does not run as root, as on GitHub, nothing of this is needed.
"""

from __future__ import annotations

from collections.abc import Iterable

from mxdev_generators.ci.graph import UV_VERSION

USER = "builder"
HOME = f"/home/{USER}"
_SCRIPT = "/tmp/build-image.sh"  # noqa: S108  (in the job's own container)

UV = f"command -v uv > /dev/null || pip install --quiet --root-user-action=ignore uv=={UV_VERSION}"
PREPARE = (
    UV,
    # Without netavark Buildah does not start, though what it runs uses the container's own network.
    "apt-get update --quiet && "
    "apt-get install --quiet --yes --no-install-recommends buildah netavark skopeo uidmap",
    f"useradd --create-home {USER}",
    # The ids that its namespace may use.
    f"echo {USER}:100000:65536 | tee /etc/subuid > /etc/subgid",
)
ENVIRONMENT = {
    "BUILDAH_ISOLATION": "chroot",
    # The one kind of storage that works in every container; it copies the image for each layer.
    "STORAGE_DRIVER": "vfs",
    "REGISTRY_AUTH_FILE": f"{HOME}/registry.json",
    "UV_CACHE_DIR": f"{HOME}/.cache/uv",
}


def as_builder(lines: Iterable[str]) -> tuple[str, str]:
    """Two commands of a shell that run `lines` as the user that builds images."""
    script = "".join(line.rstrip("\n") + "\n" for line in lines)
    return (
        f"cat > {_SCRIPT} << 'END'\n{script}END\n",
        f"runuser --user {USER} -- env HOME={HOME} bash -euo pipefail {_SCRIPT}",
    )
