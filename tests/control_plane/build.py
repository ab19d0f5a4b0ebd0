"""Build the programs of the tests' control plane from the Go module proxy, once for each version of them.

`python tests/control_plane/build.py [PROGRAM ...]` builds all or the named ones; the tests build what they need. Each folder
in `go/` is a Go module of its own, because what they require clashes. A module's programs, and the manifests that it
ships, lie in the user's cache folder under a hash of everything that they are made from.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from filelock import FileLock
from platformdirs import user_cache_path

GO_MODULES = Path(__file__).parent / "go"

# kubectl parses the API server's version, which a build outside of Kubernetes' own tree does not know.
_VERSION = "-X k8s.io/component-base/version.git"
_KUBERNETES = f"{_VERSION}Version=v1.36.3 {_VERSION}Major=1 {_VERSION}Minor=36"


@dataclass(frozen=True)
class Module:
    """What is taken from one Go module.

    Args:
        programs: Package by the name of its program.
        source: The module whose `files` are copied.
        files: Folders of `source` that the tests need: manifests, stages.
        ldflags: Flags for the linker.
        tags: Build tags that leave out what the tests do not need.
        cgo: Whether it has parts in C.
    """

    programs: dict[str, str]
    source: str = ""
    files: tuple[str, ...] = ()
    ldflags: str = ""
    tags: str = field(default="", repr=False)
    cgo: bool = field(default=False, repr=False)


MODULES = {
    "etcd": Module({"etcd": "go.etcd.io/etcd/server/v3"}),
    "kubernetes": Module(
        {
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
        },
        ldflags=_KUBERNETES,
    ),
    "kwok": Module(
        {"kwok": "sigs.k8s.io/kwok/cmd/kwok"}, "sigs.k8s.io/kwok", ("kustomize/stage", "kustomize/crd/bases")
    ),
    "training-operator": Module(
        {"training-operator": "github.com/kubeflow/training-operator/cmd/training-operator.v1"},
        "github.com/kubeflow/training-operator",
        ("manifests",),
    ),
    "trainer": Module(
        {"trainer": "github.com/kubeflow/trainer/v2/cmd/trainer-controller-manager"},
        "github.com/kubeflow/trainer/v2",
        ("manifests",),
    ),
    "jobset": Module({"jobset": "sigs.k8s.io/jobset"}, "sigs.k8s.io/jobset", ("config",)),
    "istiod": Module(
        {"pilot-discovery": "istio.io/istio/pilot/cmd/pilot-discovery"},
        "istio.io/istio",
        tuple(
            f"manifests/charts/{part}" for part in ("base/files", "gateway", "istio-control/istio-discovery")
        ),
    ),
    "tflint": Module({"tflint": "github.com/terraform-linters/tflint"}),
    # Without the clouds' service discovery, which is a fifth of it.
    "prometheus": Module({"promtool": "github.com/prometheus/prometheus/cmd/promtool"}, tags="remove_all_sd"),
    # What the rendered CI builds images with, what reads a Dockerfile for it, and the client.
    "buildkit": Module(
        {
            "buildkitd": "github.com/moby/buildkit/cmd/buildkitd",
            "dockerfile-frontend": "github.com/moby/buildkit/frontend/dockerfile/cmd/dockerfile-frontend",
            "buildx": "github.com/docker/buildx/cmd/buildx",
        }
    ),
    # What BuildKit runs the steps of a Dockerfile with.
    "runc": Module({"runc": "github.com/opencontainers/runc"}, cgo=True),
    "registry": Module({"registry": "github.com/google/go-containerregistry/cmd/registry"}),
    "actionlint": Module({"actionlint": "github.com/rhysd/actionlint/cmd/actionlint"}),
}


def go() -> str | None:
    """The Go compiler, if there is one."""
    return shutil.which("go")


def no_c(program: str) -> bool:
    """Whether a program cannot be built because it has parts in C, and this machine has no compiler for them."""
    module = next(module for module in MODULES.values() if program in module.programs)
    return module.cgo and shutil.which(os.environ.get("CC", "gcc")) is None


def tool(name: str) -> Path:
    """A program, built when it is not there; the first build of all takes minutes. Skips the test without a compiler.

    Args:
        name: `kube-apiserver`, `tflint`, ...; see `MODULES`.
    """
    module = next(module for module, found in MODULES.items() if name in found.programs)
    if no_c(name):
        pytest.skip(f"no C compiler: {name} is built with it (Debian: `gcc`, `libc6-dev`)")
    return _made(module) / "bin" / name


def files(module: str) -> Path:
    """The folder with the files that a module ships (`Module.files`), in the module's own layout."""
    return _made(module) / "files"


@functools.cache
def _made(name: str) -> Path:
    """The folder of one module's programs; made when there is none. A half-made one is made anew."""
    compiler = go()
    if compiler is None:
        pytest.skip(
            "Go is not installed: Kubernetes' control plane, tflint, actionlint and promtool are built with it (https://go.dev/dl)"
        )
    folder = user_cache_path("mx-devtool-tests") / f"cluster-{name}-{_key(compiler, name)}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _build(compiler, name, folder)
            (folder / "complete").touch()
    return folder


def _key(compiler: str, name: str) -> str:
    """A hash of all that a module's programs are made from."""
    version = _go(compiler, name, "version")
    module = MODULES[name]
    parts = [version, repr(module), *module.tags.split(), *(["cgo"] if module.cgo else [])]
    parts += [(GO_MODULES / name / file).read_text("utf-8") for file in ("go.mod", "go.sum")]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _build(compiler: str, name: str, folder: Path) -> None:
    module = MODULES[name]
    for program, package in module.programs.items():
        flags = ["-trimpath", "-tags", module.tags, "-ldflags", f"-s -w {module.ldflags}"]
        _go(compiler, name, "build", *flags, "-o", str(folder / "bin" / program), package)
    if module.files:
        source = Path(_go(compiler, name, "list", "-m", "-f", "{{.Dir}}", module.source).strip())
        for part in module.files:
            shutil.copytree(source / part, folder / "files" / part, copy_function=shutil.copyfile)
        # The module cache is read-only, down to its folders.
        subprocess.run(["chmod", "-R", "u+w", folder / "files"], check=True)


def _go(compiler: str, name: str, *arguments: str) -> str:
    """Run Go in a module's folder and return what it printed; an error shows all of it."""
    environ = {
        **os.environ,
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "CGO_ENABLED": str(int(MODULES[name].cgo)),
    }
    done = subprocess.run(
        [compiler, *arguments], cwd=GO_MODULES / name, env=environ, capture_output=True, text=True, check=False
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(
            f"`go {' '.join(arguments)}` in {GO_MODULES / name} failed:\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def main(wanted: list[str]) -> int:
    """Build, and say where and how long it took. Without Go: 1 under MX_TEST_STRICT, else 0."""
    if go() is None:
        print(
            "Go is not installed: the tests that need a Kubernetes control plane will be skipped (https://go.dev/dl)"
        )
        return 1 if os.environ.get("MX_TEST_STRICT") else 0
    for name in wanted or [program for module in MODULES.values() for program in module.programs]:
        if no_c(name):
            print(f"{name}: not built, for want of a C compiler; the tests that need it will be skipped")
            continue
        started = time.monotonic()
        path = tool(name)
        print(f"{name}: {path} ({time.monotonic() - started:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
