"""`mx build image`: the image of a stage of the project's Dockerfile, by Docker's BuildKit or by Buildah.

The base image has what the code requires; its tag is the hash of what goes into it, so it is built only when that
changed. The run image is the base and the code; its tag is the commit. Both tools take `--build-context base=...` in
place of the stage of that name, which is how a run image stands on a base that is in the registry already.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mxdev.artifacts.running import call
from mxdev.environment import package_index
from mxdev.environment.interpreter import pyproject
from mxdev.errors import MxError, UsageProblem
from mxdev.project import cloudless
from mxdev.system import console, git, programs
from mxdev.system.files import plain
from mxdev.system.programs import Tool

DOCKERFILE = "infrastructure/docker/Dockerfile"
BASE = "base"
# 16 hexadecimal digits are plenty for the images of one project.
_DIGITS = 16
_DOCKER = Tool("docker", "see https://docs.docker.com/engine/install/", "20.10")
# 1.33 is the first that takes `RUN --mount` without a type.
_BUILDAH = Tool("buildah", "`apt-get install buildah` or see https://buildah.io", "1.33")
_SKOPEO = Tool("skopeo", "`apt-get install skopeo` or see https://github.com/containers/skopeo", "1.4")
_PART = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_REGISTRY = re.compile(rf"{_PART}(?::[0-9]+)?(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_CHANGED = "-changed"
_NO_COMMIT = "none"
# uv's variable for a package index beside the usual one.
_INDEX = "UV_INDEX"
# The build argument of the Dockerfile with which another platform is built than the project's own.
_PLATFORM = "PLATFORM"


@dataclass(frozen=True)
class ImageRequest:
    """What was asked for.

    Attributes:
        target: the stage of the Dockerfile.
        registry: what the image's name begins with; None: the project's own (see `default_registry`).
        commit: the commit that is built; None: what Git says.
        tool: "docker", "buildah", or "auto".
        push: also push it, and do nothing if the registry has it already.
        build_args: `NAME=VALUE`, for the Dockerfile.
        dockerfile: where it is: absolute, or relative to the root.
        dry_run: print the commands; run none.
    """

    target: str = "run"
    registry: str | None = None
    commit: str | None = None
    tool: str = "auto"
    push: bool = False
    build_args: tuple[str, ...] = ()
    dockerfile: str = DOCKERFILE
    dry_run: bool = False


def build(root: Path, options: Mapping[str, object], request: ImageRequest) -> int:
    """Build, and with `push` push, one image of the project at `root`; the exit code of the tool.

    Args:
        root: the project.
        options: the project's options, from mx.yaml.
        request: what was asked for.

    Raises:
        MxError: there is no Dockerfile, no such stage, or no tool.
    """
    path = root / request.dockerfile
    if not path.is_file():
        raise MxError(
            f"{path} does not exist, so there is nothing to build an image from.",
            hint=cloudless.way_out(options),
        )
    _check_stage(path, request.target)
    registry = _registry(options, request.registry)
    platform = _platform(options, request.build_args)
    tool = _find(request.tool)
    image = f"{registry}/{request.target}:{_tag(root, request, platform)}"
    if request.push and _is_there(tool, image, request):
        console.status(f"{image} is in the registry already; nothing to build")
        console.out(image)
        return 0
    command = _command(root, request, tool, registry, image, platform)
    code = call(command, root, dry_run=request.dry_run)
    if code == 0 and request.push and not _is_docker(tool):
        code = call([tool, "push", image], root, dry_run=request.dry_run)
    if code == 0 and not request.dry_run:
        console.out(image)
    return code


def default_registry(options: Mapping[str, object]) -> str:
    """What the names of a project's images begin with: its option `registry`, else its registry on Google Cloud.

    Without either it is `localhost/NAME`, which is nobody's on Docker Hub: such an image is found where it was loaded into the nodes.
    """
    if registry := options.get("registry"):
        return str(registry)
    name = str(options.get("name") or "project")
    if options.get("cloud") == "gcp":
        return f"{options.get('region')}-docker.pkg.dev/{options.get('project-id')}/{name}"
    return f"localhost/{name}"


def run_image(
    root: Path, options: Mapping[str, object], registry: str | None = None, *, target: str = "run"
) -> str:
    """The name of the run image of the commit that is checked out, as `mx build image` gives it.

    Args:
        root: the project.
        options: the project's options, from mx.yaml.
        registry: what the name begins with; None: the project's own (see `default_registry`).
        target: another image than the one for training.

    Raises:
        UsageProblem: no image can have that name.
        MxError: there is no commit.
    """
    prefix = _registry(options, registry)
    commit = _git_commit(root).removesuffix(_CHANGED)
    if commit == _NO_COMMIT:
        raise MxError(
            f"{root} has no Git commit, and the {target} image is named after the commit that it holds.",
            hint="Commit (`git init`, `git add .`, `git commit`), or name an image with `--image`.",
        )
    return f"{prefix}/{target}:{commit}"


def _registry(options: Mapping[str, object], given: str | None) -> str:
    registry = given or default_registry(options)
    if not _REGISTRY.fullmatch(registry):
        raise UsageProblem(
            f"--registry {registry} is not a name that an image can have (lower case, no tag)."
        )
    return registry


def _platform(options: Mapping[str, object], build_args: tuple[str, ...]) -> str:
    """What the image is built for: the Dockerfile's build argument, else the project's option; empty: nobody says."""
    given = dict(pair.partition("=")[::2] for pair in build_args)
    return str(given.get(_PLATFORM) or options.get("platform") or "")


def base_tag(root: Path, dockerfile: str, build_args: tuple[str, ...], platform: str = "") -> str:
    """The hash of all that goes into the base image: the Dockerfile, what is required, the build arguments, the platform.

    Of pyproject.toml only what is required counts, and with a lock file not even that.
    """
    digest = hashlib.sha256()
    lock = root / "requirements.lock"
    project = pyproject(root).get("project", {})
    required = (
        plain.read(lock) if lock.is_file() else json.dumps(sorted(project.get("dependencies", []))).encode()
    )
    helper = root / "infrastructure/docker/requirements.py"
    for part in (
        plain.read(root / dockerfile),
        required,
        plain.read(helper) if helper.is_file() else b"",
        json.dumps(sorted(build_args)).encode(),
        platform.encode(),
    ):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:_DIGITS]


def _check_stage(path: Path, target: str) -> None:
    stages = re.findall(r"^\s*FROM\s.*?\sAS\s+(\S+)\s*$", plain.text(path), re.IGNORECASE | re.MULTILINE)
    if target not in stages:
        raise UsageProblem(f"{path} has no stage called {target}; there are: {', '.join(stages) or 'none'}.")


def _tag(root: Path, request: ImageRequest, platform: str) -> str:
    if request.target == BASE:
        return base_tag(root, request.dockerfile, request.build_args, platform)
    commit = request.commit or _git_commit(root)
    if not _TAG.fullmatch(commit):
        raise UsageProblem(f"--commit {commit!r} cannot be the tag of an image.")
    if request.push and request.commit is None:
        if commit == _NO_COMMIT:
            raise MxError(
                f"{root} has no Git commit, so nothing says what the image holds.",
                hint="Commit, name the commit with --commit, or build without --push.",
            )
        if commit.endswith(_CHANGED):
            raise MxError(
                "there are changes that are not committed, so no commit says what the image holds.",
                hint="Commit them, or build without --push.",
            )
    return commit


def _git_commit(root: Path) -> str:
    """The commit, `-changed` behind it when files differ from it; `none` outside a repository.

    Raises:
        GitError: there is a repository, and Git cannot answer.
    """
    found = git.find(root)
    head = None if found is None else found.commit()
    if found is None or head is None:
        return _NO_COMMIT
    return head + (_CHANGED if found.changed() else "")


def _find(wanted: str) -> str:
    """The builder's program."""
    known = {"docker": _DOCKER, "buildah": _BUILDAH}
    if wanted == "auto":
        found = next((name for name in known if programs.locate(known[name])), None)
        if found is None:
            raise MxError(
                "neither docker nor buildah is installed, and one of them has to build the image.",
                hint=f"Docker: {_DOCKER.install}; Buildah: {_BUILDAH.install}.",
            )
        wanted = found
    program = programs.find(known[wanted]).command[0]
    if wanted == "docker" and programs.run([program, "buildx", "version"], capture=True).code:
        raise MxError(
            f"{program} has no buildx, which builds this Dockerfile.",
            hint="Install it: https://github.com/docker/buildx#installing, or use `--tool buildah`.",
        )
    return program


def _is_there(tool: str, image: str, request: ImageRequest) -> bool:
    """Whether the registry has the image. If it does not answer, building goes on, and pushing says why."""
    ask = _question(tool, image)
    if request.dry_run:
        console.out(f"# does nothing more if this succeeds: {shlex.join(ask)}")
        return False
    try:
        return programs.run(ask, capture=True, timeout=120).code == 0
    except MxError as error:
        console.warn(f"{error} Whether {image} is in the registry is not known.")
        return False


def _question(tool: str, image: str) -> list[str]:
    if _is_docker(tool):
        return [tool, "buildx", "imagetools", "inspect", image]
    return [programs.find(_SKOPEO).command[0], "inspect", "--raw", f"docker://{image}"]


def _is_docker(tool: str) -> bool:
    return Path(tool).name.startswith("docker")


def _command(
    root: Path, request: ImageRequest, tool: str, registry: str, image: str, platform: str
) -> list[str]:
    arguments = [tool, *(["buildx"] if _is_docker(tool) else []), "build"]
    # The Dockerfile's stages may say the same; the image's own description of itself is what the builder was told.
    arguments += ["--platform", platform] if platform else []
    arguments += ["--file", request.dockerfile, "--target", request.target, "--tag", image]
    if _is_docker(tool):
        # Pushed by the builder itself: a builder in a container would leave nothing here to push.
        arguments += ["--push"] if request.push else []
    else:
        # Docker's format keeps what OCI's has no place for.
        arguments += ["--format", "docker"]
        # A layer for each step makes a second build start where the first ended. What is pushed is built where there
        # is no second build, mostly on storage that copies the whole image for each layer.
        arguments += [] if request.push else ["--layers"]
    for pair in request.build_args:
        arguments += ["--build-arg", pair]
    if os.environ.get(_INDEX):
        # A secret is in no layer and in no history, and this address may have a token in it.
        arguments += ["--secret", f"id={_INDEX.lower()},env={_INDEX}"]
    for key in package_index.logins(root, os.environ):
        arguments += ["--secret", f"id={key.lower()},env={key}"]
    if request.target != BASE:
        arguments += ["--build-arg", f"GIT_COMMIT={image.rpartition(':')[2]}"]
    # What stands on the base takes the one that is there.
    if request.target != BASE and request.push:
        base = f"{registry}/{BASE}:{base_tag(root, request.dockerfile, request.build_args, platform)}"
        if request.dry_run or _is_there(tool, base, request):
            arguments += ["--build-context", f"{BASE}=docker-image://{base}"]
        else:
            console.status(f"{base} is not in the registry; the base is built too")
    return [*arguments, "."]
