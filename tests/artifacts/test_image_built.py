"""The rendered Dockerfile, built unchanged by a real BuildKit through `mx build image`, and what is in the image.

The base images and the packages are doubles (`tests/image_builder.py`): PyTorch is an empty package of that name from an index
with a password. What the real one weighs is in docs/build.md.
"""

from __future__ import annotations

import base64
import functools
import http.server
import io
import json
import re
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import image_builder
import pytest
from control_plane import build

from mxdev.testing import Outcome, mx, render, text, write
from mxdev.tree import Tree

TOKEN = "s3cr3t-T0ken"
PACKAGES = {"torch": "2.15.0", "numpy": "2.4.1"}
# Lies in files that have no business in an image.
MARK = b"this-is-nobodys-business"
# The double of Python's image has the tests' own interpreter.
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# As BuildKit writes sizes.
UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}

pytestmark = pytest.mark.noted()


def rendered() -> Tree:
    return render("MLProjectSkeleton", name="churn-model", cloud="existing", python=PYTHON)


@dataclass(frozen=True)
class Image:
    """An image in the registry.

    Attributes:
        name: with its tag.
        layers: digests, from the lowest to the highest.
        config: what the image says of itself, and its history.
        files: what is in all its layers, by path: the last one counts.
        users: who owns it.
        every: (layer, path, bytes) of each file, also of those that a higher layer replaces or removes.
    """

    name: str
    layers: list[str]
    config: bytes
    files: dict[str, bytes]
    users: dict[str, int]
    every: list[tuple[str, str, bytes]]


@dataclass
class Built:
    """A project, and what it was built with."""

    root: Path
    builder: image_builder.Builder

    def mx(self, target: str, **environ: str) -> Outcome:
        arguments = ("image", target, "--tool", "docker", "--registry", f"{self.builder.registry}/churn")
        done = mx("build", *arguments, "--push", cwd=self.root, env={**self.builder.environ, **environ})
        assert done.code == 0, done.stderr
        return done

    def image(self, done: Outcome) -> Image:
        name = done.stdout.splitlines()[-1]
        manifest = self.builder.manifest(name)
        layers = [layer["digest"] for layer in manifest["layers"]]  # type: ignore[attr-defined]
        config = self.builder.blob(name, manifest["config"]["digest"])  # type: ignore[index]
        files: dict[str, bytes] = {}
        users = {}
        every = []
        for digest in layers:
            with tarfile.open(fileobj=io.BytesIO(self.builder.blob(name, digest))) as layer:
                for member in layer.getmembers():
                    users[member.name] = member.uid
                    found = layer.extractfile(member) if member.isreg() else None
                    files[member.name] = found.read() if found else b""
                    every.append((digest, member.name, files[member.name]))
        return Image(name, layers, config, files, users, every)

    def commit(self) -> str:
        git = ["git", "-c", "user.name=T", "-c", "user.email=t@example.com"]
        for command in (["add", "--all", "--force"], ["commit", "--quiet", "--message", "all"]):
            subprocess.run([*git, *command], cwd=self.root, check=True)
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.root, capture_output=True, text=True)
        return head.stdout.strip()


def wheel(folder: Path, name: str, version: str) -> None:
    """An empty package of that name on an index."""
    folder.mkdir(parents=True)
    info = f"{name}-{version}.dist-info"
    file = f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(folder / file, "w") as archive:
        archive.writestr(f"{name}/__init__.py", f"__version__ = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(
            f"{info}/RECORD", f"{name}/__init__.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )
    (folder / "index.html").write_text(f'<a href="{file}">{file}</a>')


class Index(http.server.SimpleHTTPRequestHandler):
    """A package index that wants a password."""

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != f"Basic {base64.b64encode(f'ci:{TOKEN}'.encode()).decode()}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.end_headers()
            return
        super().do_GET()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an index, with its login."""
    folder = tmp_path_factory.mktemp("index")
    for name, version in PACKAGES.items():
        wheel(folder / "simple" / name, name, version)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Index, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://ci:{TOKEN}@127.0.0.1:{server.server_port}/simple"
    server.shutdown()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, index: str) -> Iterator[tuple[Built, Image, str, str]]:
    """A project whose base and run images are in the registry: with what was said, and the commit."""
    root = tmp_path_factory.mktemp("project")
    tree = rendered()
    write(tree, root)
    known = root / "pyproject.toml"
    wanted = "".join(f'  "{name}>=1",\n' for name in PACKAGES)
    known.write_text(
        re.sub(r"(?<=^dependencies = \[\n).*?(?=^\])", wanted, known.read_text(), flags=re.M | re.S)
    )
    for path in (".env", "data/images/1.bin", "outputs/model.pt", "src/churn_model/__pycache__/old.pyc"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(MARK * 40_000)
    (root / "mx.yaml").write_text("version: 1\noptions: {name: churn-model, platform: linux/amd64}\n")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    with image_builder.running(
        tmp_path_factory.mktemp("b"), text(tree, "infrastructure/docker/Dockerfile")
    ) as builder:
        project = Built(root, builder)
        commit = project.commit()
        said = project.mx("base", UV_INDEX=index).stderr
        done = project.mx("run", UV_INDEX=index)
        yield project, project.image(done), said + done.stderr, commit


def test_the_image_has_what_is_required_and_the_code(built: tuple[Built, Image, str, str]) -> None:
    project, found, _, commit = built
    assert found.name == f"{project.builder.registry}/churn/run:{commit}"
    packages = f"usr/local/lib/python{PYTHON}/site-packages"
    for name, version in PACKAGES.items():
        assert found.files[f"{packages}/{name}/__init__.py"].decode() == f"__version__ = {version!r}\n"
        assert [path for path in found.files if re.match(f"{packages}/{name}/__pycache__/.*\\.pyc", path)]
    app = {path for path in found.files if path.startswith("app/") and found.files[path]}
    assert {"app/MLproject", "app/pyproject.toml", "app/src/churn_model/trainer.py"} <= app
    assert all(re.match(r"app/(MLproject|pyproject\.toml|src/.*\.(py|yaml))$", path) for path in app)
    config = json.loads(found.config)
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    environ = dict(pair.split("=", 1) for pair in config["config"]["Env"])
    assert environ["GIT_COMMIT"] == config["config"]["Labels"]["org.opencontainers.image.revision"] == commit
    assert environ["LD_LIBRARY_PATH"] == "/usr/local/nvidia/lib64"
    assert config["config"]["User"] == "1000"
    # Training writes beside the code, and cannot change it.
    assert (found.users["app"], found.users["app/src/churn_model/trainer.py"]) == (1000, 0)


def test_no_login_no_data_and_no_tool_is_in_it(built: tuple[Built, Image, str, str]) -> None:
    _, found, said, _ = built
    for secret in (TOKEN.encode(), MARK):
        assert [(layer, path) for layer, path, data in found.every if secret in data] == []
        assert secret not in found.config
    assert TOKEN not in said
    assert not [
        path
        for path in found.files
        if re.search(r"(^|/)(uv|uvx|git|gcc|\.git|data/images|secrets)$", path)
        and not path.startswith("usr/local/lib")
    ]


def test_what_goes_to_the_builder_is_small(built: tuple[Built, Image, str, str]) -> None:
    """The files that are no part of the image are megabytes; .dockerignore keeps them here."""
    sent = re.findall(r"transferring context: ([\d.]+)(\w*B)", built[2])
    assert sent
    assert max(float(size) * UNITS[unit] for size, unit in sent) < 300_000


def test_it_runs_as_its_user_on_a_root_that_is_read_only(
    built: tuple[Built, Image, str, str], tmp_path: Path
) -> None:
    """As a pod would run it; without capabilities."""
    project, found, _, commit = built
    root = tmp_path / "root"
    for digest in found.layers:
        with tarfile.open(fileobj=io.BytesIO(project.builder.blob(found.name, digest))) as layer:
            layer.extractall(root, filter="fully_trusted")
    code = (
        "import os, numpy, torch, churn_model\n"
        "print(os.getuid(), torch.__version__, os.environ['GIT_COMMIT'], churn_model.__file__)"
    )
    config = json.loads(found.config)["config"]
    kinds = ("pid", "ipc", "uts", "mount")
    spec = {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": int(config["User"]), "gid": int(config["User"])},
            "args": ["python", "-c", code],
            "env": config["Env"], "cwd": config["WorkingDir"], "noNewPrivileges": True, "capabilities": {},
        },
        "root": {"path": str(root), "readonly": True},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "linux": {"namespaces": [{"type": kind} for kind in kinds]},
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(spec))
    command = [build.tool("runc"), "--root", tmp_path / "state", "run", "churn-model"]
    done = subprocess.run(
        command, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["1000", "2.15.0", commit, "/app/src/churn_model/__init__.py"]


def test_a_change_of_the_code_leaves_the_layers_below(
    built: tuple[Built, Image, str, str], index: str
) -> None:
    """Nor do other lines of pyproject.toml than the requirements make another base."""
    project, before, _, _ = built
    path = project.root / "src/churn_model/task.py"
    path.write_text(path.read_text() + "# changed\n")
    described = project.root / "pyproject.toml"
    described.write_text(re.sub(r"(?m)^description = .*", 'description = "Other."', described.read_text()))
    project.commit()
    assert "is in the registry already; nothing to build" in project.mx("base", UV_INDEX=index).stderr
    after = project.image(project.mx("run", UV_INDEX=index))
    assert after.name != before.name
    # The project's own files, and its code.
    assert after.layers[:-2] == before.layers[:-2]
    assert not set(after.layers[-2:]) & set(before.layers)
    assert "is in the registry already; nothing to build" in project.mx("run", UV_INDEX=index).stderr
