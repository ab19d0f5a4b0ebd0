"""The project's images, as far as can be said without building them: stages, layers, versions, platform."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mxdev import testing
from mxdev.tree import Tree

DOCKERFILE = "infrastructure/docker/Dockerfile"
SCRIPT = "infrastructure/docker/requirements.py"


def rendered(**options: Any) -> Tree:
    return testing.render("MLProjectSkeleton", **{"name": "churn-model", **options})


def read(tree: Tree) -> dict[str, list[str]]:
    """The instructions of each stage, continued lines joined; those before the first stage are under ""."""
    source = testing.text(tree, DOCKERFILE)
    found: dict[str, list[str]] = {"": []}
    for line in re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", source, flags=re.M)).splitlines():
        if line.startswith("FROM "):
            found[line.split()[-1]] = [line]
        elif line.strip():
            found[list(found)[-1]].append(" ".join(line.split()))
    return found


def parent(instructions: list[str]) -> str:
    """What a stage stands on."""
    return next(word for word in instructions[0].split()[1:] if not word.startswith("--"))


@pytest.fixture(scope="module")
def tree() -> Tree:
    return rendered()


@pytest.fixture(scope="module")
def stages(tree: Tree) -> dict[str, list[str]]:
    return read(tree)


def test_the_last_stage_runs_the_code_on_the_base(stages: dict[str, list[str]]) -> None:
    last = list(stages)[-1]
    assert last == "run"
    assert stages[last][0] == "FROM base AS run"
    assert "COPY src src" in stages[last]
    assert not [line for line in stages[last] if line.startswith("RUN")]


def test_the_base_changes_with_the_requirements_only(stages: dict[str, list[str]]) -> None:
    """Of the project, base and what it stands on see nothing but the list of requirements."""
    for name in ("uv", "python", "base"):
        assert not [line for line in stages[name] if line.startswith(("COPY", "ADD"))], name
        mounted = re.findall(r"from=requirements,source=(\S+?),", " ".join(stages[name]))
        assert mounted == (["/requirements/torch.txt", "/requirements/rest.txt"] if name == "base" else [])
    assert [parent(stages[name]) for name in ("requirements", "base")] == ["python", "python"]


def test_pytorch_has_a_layer_of_its_own_that_is_written_once(stages: dict[str, list[str]]) -> None:
    """A copy from another stage, a cache beside the layer, or a later step on its files would double five gigabytes."""
    first, second = [line for line in stages["base"] if "pip install" in line]
    for line, part in ((first, "torch.txt"), (second, "rest.txt")):
        assert f"/requirements/{part}" in line
        assert {"--no-cache", "--no-deps", "--link-mode hardlink"} <= set(
            re.findall(r"--[a-z-]+(?: hardlink)?", line)
        )
        assert "type=cache" not in line
    after = stages["base"][stages["base"].index(second) + 1 :]
    assert after == ["USER 1000"], "each step is a copy of all before it on storage that has no layers"
    assert not [
        line for line in [*stages["base"], *stages["run"]] if re.match("COPY.*--from=|.*ch(own|mod)", line)
    ]


def test_nobody_is_root_at_the_end(stages: dict[str, list[str]]) -> None:
    for name in ("base", "dev", "run"):
        users = [line.split()[1] for line in [*stages["base"], *stages[name]] if line.startswith("USER")]
        assert re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", users[-1])


@pytest.mark.parametrize("mirror", ["", "mirror.gcr.io", "registry.example.com:5000/docker-hub"])
def test_images_are_pinned_and_come_from_the_mirror(mirror: str) -> None:
    tree = rendered(docker_mirror=mirror)
    stages = read(tree)
    assert parent(stages["python"]).startswith(f"{mirror}/library/python:" if mirror else "python:")
    for instructions in list(stages.values())[1:]:
        image = parent(instructions)
        assert image in stages or re.search(r":\d+\.\d+\.\d+", image), image
    first = testing.text(tree, DOCKERFILE).splitlines()[0]
    start = f"# syntax={mirror + '/' if mirror else ''}docker/dockerfile:1"
    assert re.fullmatch(rf"{re.escape(start)}(@sha256:[0-9a-f]{{64}})?", first)


@pytest.mark.parametrize("mirror", ["", "mirror.gcr.io"])
def test_the_database_s_image_comes_from_the_mirror_too(mirror: str) -> None:
    tree = rendered(docker_mirror=mirror)
    images = {
        line.split("image: ")[1]
        for path, file in tree.files.items()
        if path.startswith("infrastructure/kubernetes/")
        for line in file.data.decode().splitlines()
        if "image: " in line and "postgres:" in line
    }
    assert len(images) == 1
    assert images.pop().startswith(f"{mirror or 'docker.io'}/library/postgres:17")


def test_torchrun_waits_for_the_checkpoint_but_not_longer_than_the_pod() -> None:
    for path, kind in (
        ("train_job", ""),
        ("distributed_job", "pytorchjob"),
        ("training_runtime", "trainjob"),
    ):
        found = testing.render_all("DistributedTraining", name="ab", **({"runtime": kind} if kind else {}))
        texts = [
            file.data.decode()
            for one in found.renderings
            for name, file in one.tree.files.items()
            if name == f"infrastructure/kubernetes/{path}.yaml"
        ]
        waits = re.findall(r'TORCH_ELASTIC_SHUTDOWN_TIMEOUT\n\s+value: "(\d+)"', texts[0])
        granted = re.findall(r"terminationGracePeriodSeconds: (\d+)", texts[0])
        assert len(waits) == len(granted) == 1
        assert 30 < int(waits[0]) < int(granted[0])


def test_build_tools_stay_behind(stages: dict[str, list[str]]) -> None:
    """What installs is there for one step, and nothing that compiles is installed at all."""
    for line in [*stages["python"], *stages["base"], *stages["run"]]:
        assert not re.search(r"apt-get|COPY.*--from=uv", line), line
        assert ("uv pip" in line) <= ("--mount=from=uv,source=/uv,target=/bin/uv" in line), line


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_versions_of_python(python: str) -> None:
    image = parent(read(rendered(python=python))["python"])
    assert re.fullmatch(rf"python:{re.escape(python)}\.\d+-slim-\w+(@sha256:[0-9a-f]{{64}})?", image)


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
def test_every_stage_is_for_the_platform_of_the_cluster(platform: str) -> None:
    """Whatever the machine is that builds: a stage that stands on no other one says so."""
    stages = read(rendered(platform=platform))
    assert stages[""] == [f"ARG PLATFORM={platform}"]
    for name, instructions in list(stages.items())[1:]:
        own = parent(instructions) not in stages
        assert ("--platform=$PLATFORM" in instructions[0]) == own, name


def test_the_platform_is_in_the_tag_of_the_base(tmp_path: Path) -> None:
    """A base of another platform must not be taken for this one: the tag is a hash of what goes into the image."""
    from mxdev.artifacts.image import base_tag

    tags = set()
    for platform in ("linux/amd64", "linux/arm64"):
        root = tmp_path / platform
        testing.write(rendered(platform=platform), root)
        tags.add(base_tag(root, DOCKERFILE, ()))
        tags.add(base_tag(root, DOCKERFILE, ("PLATFORM=linux/riscv64",)))
    assert len(tags) == 4


def test_google_s_machines_with_a_gpu_have_one_platform() -> None:
    from mxdev.errors import UsageProblem

    with pytest.raises(UsageProblem, match=r"linux/arm64.*are linux/amd64"):
        rendered(platform="linux/arm64", accelerator="nvidia-l4")
    rendered(platform="linux/arm64", accelerator="nvidia-l4", cloud="existing")


@pytest.mark.parametrize("mirror", ["docker.io/", "https://mirror.gcr.io", "Mirror.example.com", "a b"])
def test_what_is_no_registry_is_no_mirror(mirror: str, tmp_path: Path) -> None:
    done = testing.mx(
        "generate", "MLProjectSkeleton", "ab", f"--docker-mirror={mirror}", "--no-input", cwd=tmp_path
    )
    assert done.code == 2
    assert "a registry that has Docker Hub's images" in done.stderr


def test_everything_copied_passes_dockerignore(stages: dict[str, list[str]], tree: Tree) -> None:
    allowed = {
        line.removeprefix("!")
        for line in testing.text(tree, ".dockerignore").splitlines()
        if line.startswith("!")
    }
    copied = {
        word.replace("loc[k]", "lock")
        for instructions in stages.values()
        for line in instructions
        if line.startswith("COPY") and "--from=" not in line
        for word in line.split()[1:-1]
    }
    assert copied == allowed


@pytest.fixture
def folder(tree: Tree, tmp_path: Path) -> Path:
    """The folder of the stage `requirements`."""
    for path in ("pyproject.toml", SCRIPT):
        (tmp_path / Path(path).name).write_text(testing.text(tree, path), encoding="utf-8")
    return tmp_path


def script(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "requirements.py", *arguments], cwd=folder, check=True)


def test_requirements_are_the_lock_file_where_there_is_one(folder: Path) -> None:
    script(folder)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert (folder / "run.txt").read_text().splitlines() == project["dependencies"]
    assert (folder / "dev.txt").read_text().splitlines() == project["optional-dependencies"]["dev"]
    (folder / "requirements.lock").write_text("torch==2.15.0\n")
    script(folder)
    assert (folder / "run.txt").read_text() == "torch==2.15.0\n"
    # What a stage installs beside it has to fit this, and not each version in the lock file.
    assert (folder / "project.txt").read_text().splitlines() == project["dependencies"]


def test_what_is_added_to_the_base_has_to_fit_the_project_and_no_single_version_of_it() -> None:
    """A server may want an older version of something that the base has only because another package brings it."""
    run = testing.render_all("StreamlitApp", name="demo", domain="ml.example.com")
    section = next(
        section.value
        for one in run.renderings
        for section in one.tree.sections
        if section.path == DOCKERFILE and "pip install" in str(section.value)
    )
    (line,) = [line for line in re.sub(r"\\\n", " ", str(section)).splitlines() if "pip install" in line]
    assert re.search(r"source=/requirements/project\.txt,target=(\S+) .* -r \1 ", line)
    assert "--constraint" not in line
    (dev,) = [line for line in read(rendered())["dev"] if "pip install" in line]
    assert "-r /requirements/project.txt" in dev
    assert "versions.txt" not in dev


def test_mlflow_says_nothing_about_the_git_that_is_not_there(stages: dict[str, list[str]]) -> None:
    assert "GIT_PYTHON_REFRESH=quiet" in " ".join(line for line in stages["base"] if line.startswith("ENV"))


VERSIONS = """\
# made by uv
--index-url https://pypi.example.com/simple/
alembic==1.16.0 \\
    --hash=sha256:00 \\
    --hash=sha256:01
    # via mlflow
cuda-bindings==13.0.0 ; sys_platform == 'linux'
nvidia-cublas==13.1.0.3
torch==2.15.0 \\
    --hash=sha256:02
    # via
    #   churn-model
    #   torchmetrics
torchmetrics==1.8.0
triton==3.5.0
"""


def test_the_versions_are_divided_into_two_layers(folder: Path) -> None:
    """Each with what belongs to it: hashes and where it came from; and together, all of them once."""
    (folder / "versions.txt").write_text(VERSIONS)
    script(folder, "versions.txt")
    heavy, rest = (folder / "torch.txt").read_text(), (folder / "rest.txt").read_text()
    names = [re.findall(r"^([a-z][\w-]+)==", part, re.M) for part in (heavy, rest)]
    assert names == [["cuda-bindings", "nvidia-cublas", "torch", "triton"], ["alembic", "torchmetrics"]]
    for part in (heavy, rest):
        assert "--index-url https://pypi.example.com/simple/\n" in part
    assert "torch==2.15.0 \\\n    --hash=sha256:02\n" in heavy
    assert "alembic==1.16.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:01\n" in rest
    both = sorted([*heavy.splitlines(), *rest.splitlines()])
    shared = "--index-url https://pypi.example.com/simple/"
    assert both == sorted([*VERSIONS.splitlines(), shared])


def test_the_development_container_is_a_stage(stages: dict[str, list[str]], tree: Tree) -> None:
    build = json.loads(testing.text(tree, ".devcontainer/devcontainer.json"))["build"]
    assert build["target"] in stages
    assert Path(".devcontainer", build["dockerfile"]).name == "Dockerfile"
