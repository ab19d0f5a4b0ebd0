"""A real BuildKit and a real registry, for tests that build an image as the rendered CI does.

BuildKit is of the version that the rendered pipelines name, and runs steps by runc as root; there it has no rights. No registry can be
asked for the images that a Dockerfile names, so these are doubles: `python` is the tests' own interpreter on a shell and the
few programs that steps of the build call, all from this machine; `uv` is the uv of the tests. What reads the Dockerfile is the
real frontend of that BuildKit. No double has the digest of what it stands for: a source policy has BuildKit take what has the tag
where a Dockerfile names a digest. Docker's client is a script that hands `docker buildx` on to the real buildx.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import ml_environment
import pytest
from control_plane import build
from control_plane.programs import Programs, free_port

# What the steps of the rendered Dockerfile call, in `base` and what it stands on.
_PROGRAMS = ("sh", "cat", "cp", "env", "install", "useradd")
_LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "tkinter", "config-*"
)  # fmt: skip
_DOCKER = """\
#!/bin/sh
case "$1" in
  --version) echo "Docker version 28.2.2, a double" ;;
  buildx) shift; exec "{buildx}" "$@" ;;
  *) echo "the double of docker has no $1" >&2; exit 2 ;;
esac
"""
# BuildKit filters system calls where the kernel can; a runc that is built without libseccomp cannot.
_RUNC = """\
#!{python} -IS
import json, os, sys
if "--bundle" in sys.argv:
    path = os.path.join(sys.argv[sys.argv.index("--bundle") + 1], "config.json")
    with open(path) as file:
        config = json.load(file)
    config["linux"].pop("seccomp", None)
    with open(path, "w") as file:
        json.dump(config, file)
os.execv("{runc}", ["{runc}", *sys.argv[1:]])
"""


def skip_where_none_runs() -> None:
    """Skip the test on a machine on which BuildKit cannot run a step."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("no image is built: BuildKit runs as root here, on Linux")
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], check=False).returncode:
        pytest.skip("no image is built: this machine makes no namespaces")


@dataclass(frozen=True)
class Builder:
    """What builds, and where it pushes.

    Attributes:
        registry: `HOST:PORT`.
        environ: for `mx` and the client.
        folder: where both keep what they have.
    """

    registry: str
    environ: dict[str, str]
    folder: Path

    def buildx(self, *arguments: object) -> str:
        """Run the client; what it printed, errors too."""
        command = ["docker", "buildx", *map(str, arguments)]
        done = subprocess.run(
            command, env={**os.environ, **self.environ}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def manifest(self, image: str) -> dict[str, object]:
        """The manifest of an image that was pushed."""
        name, _, tag = image.removeprefix(f"{self.registry}/").rpartition(":")
        found = json.loads(self._get(f"{name}/manifests/{tag}"))
        assert isinstance(found, dict)
        return found

    def blob(self, image: str, digest: str) -> bytes:
        """A layer of an image, or its configuration."""
        name = image.removeprefix(f"{self.registry}/").rpartition(":")[0]
        return self._get(f"{name}/blobs/{digest}")

    def _get(self, path: str) -> bytes:
        kinds = (
            "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
        )
        asked = urllib.request.Request(f"http://{self.registry}/v2/{path}", headers={"Accept": kinds})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            body = answer.read()
        assert isinstance(body, bytes)
        return body


@contextmanager
def running(folder: Path, dockerfile: str) -> Iterator[Builder]:
    """A builder whose registry has doubles of the images that `dockerfile` names. Skips where none can run."""
    skip_where_none_runs()
    programs = Programs(folder)
    registry = f"127.0.0.1:{free_port()}"
    (folder / "buildkitd.toml").write_text(
        f'root = "{folder}/state"\n[grpc]\naddress = ["unix://{folder}/buildkitd.sock"]\n'
        f'[worker.oci]\nbinary = "{folder}/runc"\n'
        + "".join(f'[registry."{host}"]\nmirrors = ["{registry}"]\n' for host in ("docker.io", "ghcr.io"))
        + f'[registry."{registry}"]\nhttp = true\n'
    )
    (folder / "runc").write_text(_RUNC.format(python=sys.executable, runc=build.tool("runc")))
    (folder / "runc").chmod(0o755)
    client = folder / "client"
    client.mkdir()
    (client / "docker").write_text(_DOCKER.format(buildx=build.tool("buildx")))
    (client / "docker").chmod(0o755)
    environ = {
        "PATH": f"{client}{os.pathsep}{os.environ['PATH']}",
        "DOCKER_CONFIG": str(client),
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
        "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY": str(folder / "policy.json"),
    }
    named = _named(dockerfile)
    (folder / "policy.json").write_text(json.dumps({"rules": _by_tag(named)}))
    builder = Builder(registry, environ, folder)
    try:
        programs.start("registry", build.tool("registry"), "-port", registry.rpartition(":")[2])
        programs.start("buildkitd", build.tool("buildkitd"), "--config", folder / "buildkitd.toml")
        programs.wait("registry", lambda: _answers(registry), 30)
        programs.wait("buildkitd", (folder / "buildkitd.sock").exists, 30)
        builder.buildx("create", "--use", "--driver", "remote", f"unix://{folder}/buildkitd.sock")
        for image in named:
            _push(builder, image.partition("@")[0])
        yield builder
    finally:
        programs.stop()


def _answers(registry: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{registry}/v2/", timeout=1):
            return True
    except OSError:
        time.sleep(0.05)
        return False


def _named(dockerfile: str) -> list[str]:
    """The images that a Dockerfile takes from registries: its frontend, and what stages stand on."""
    stages = re.findall(r"^FROM .* AS (\S+)$", dockerfile, re.MULTILINE)
    found = re.findall(r"^(?:# syntax=|FROM (?:--\S+ )*)(\S+)", dockerfile, re.MULTILINE)
    return sorted({image for image in found if image not in stages})


def _by_tag(images: Iterable[str]) -> list[dict[str, object]]:
    """Rules by which BuildKit asks for an image's tag where its digest is named too."""
    rules: list[dict[str, object]] = []
    for image in images:
        tagged, pinned, _ = image.partition("@")
        first, slash, _ = tagged.partition("/")
        host = "docker.io/library/" if not slash else "" if "." in first else "docker.io/"
        if pinned:
            change = {"identifier": f"docker-image://{host}{tagged}"}
            rules.append({
                "action": "CONVERT", "selector": {"identifier": f"docker-image://{host}{image}"}, "updates": change,
            })  # fmt: skip
    return rules


def _push(builder: Builder, image: str) -> None:
    """Put the double of an image where BuildKit looks for it."""
    context = builder.folder / "doubles" / re.sub(r"\W", "-", image)
    root = context / "root"
    root.mkdir(parents=True)
    more = ""
    if "/uv:" in image:
        shutil.copy(ml_environment.uv(), root / "uv")
    elif "dockerfile:" in image:
        shutil.copy(build.tool("dockerfile-frontend"), root / "frontend")
        # As in Docker's image: what this frontend can do.
        caps = ",".join(f"moby.buildkit.frontend.{name}" for name in ("inputs", "subrequests", "contexts"))
        more = f'LABEL moby.buildkit.frontend.caps="{caps}"\nENTRYPOINT ["/frontend"]\n'
    else:
        _machine(root)
        more = "ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin\n"
    (context / "Dockerfile").write_text(f"FROM scratch\nCOPY root /\n{more}")
    path = image.removeprefix("ghcr.io/")
    path = path if "/" in path else f"library/{path}"
    builder.buildx("build", "--quiet", "--push", "--tag", f"{builder.registry}/{path}", context)


def _machine(root: Path) -> None:
    """A shell, a few programs and the tests' interpreter, in /usr/local as in Docker's image."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for name in ("etc", "root", "home", "tmp", "proc", "sys", "dev", "run"):
        (root / name).mkdir()
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "etc/login.defs").write_text("USERGROUPS_ENAB yes\n")
    programs = [Path(found) for name in _PROGRAMS if (found := shutil.which(name))]
    assert len(programs) == len(_PROGRAMS)
    for program in programs:
        shutil.copy(program, root / "usr/bin" / program.name)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    local = root / "usr/local"
    (local / "bin").mkdir(parents=True)
    interpreter = Path(os.path.realpath(sys.executable))
    shutil.copy(interpreter, local / "bin" / version)
    for name in ("python", "python3"):
        (local / "bin" / name).symlink_to(version)
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(library, local / "lib" / version, ignore=_LEFT_OUT)
    (local / "lib" / version / "site-packages").mkdir()
    modules = (local / "lib" / version / "lib-dynload").glob("*.so")
    # uv, too, which is put in from an image that has no libraries.
    for path in _libraries([*programs, interpreter, Path(ml_environment.uv()), *modules]):
        # The program that starts the others is called by this path; the folder of the rest is searched by all.
        into = root / ("usr/lib64" if path.name.startswith("ld-linux") else "usr/lib")
        shutil.copy(path, into / path.name)


def _libraries(programs: Iterable[Path]) -> set[Path]:
    """The shared libraries that programs are linked with."""
    said = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    return {Path(path) for path in re.findall(r"(/\S+\.so[.\d]*) \(0x", said)}
