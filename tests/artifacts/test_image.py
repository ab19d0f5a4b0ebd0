"""`mx build`: the tool it runs, with which arguments, and whose exit code it returns. Tools are stand-ins where none are."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from mxdev.artifacts import image
from mxdev.testing import Outcome, mx, render, write

REGISTRY = "europe-west4-docker.pkg.dev/churn-model/churn-model"
# Says what it was called with; a registry that has what the file `there` lists.
STAND_IN = """\
#!/bin/sh
case "$1" in
  --version) echo "{name} version 28.2.2"; exit 0 ;;
esac
printf '%s' "{name}" >> "$CALLS"
for word in "$@"; do printf ' %s' "$word" >> "$CALLS"; done
echo >> "$CALLS"
echo "this is what {name} says"
case "$*" in
  *inspect*) for image; do :; done; grep -q -x "${{image#docker://}}" "$THERE"; exit $? ;;
  "buildx version") exit {buildx} ;;
esac
exit "${{FAIL:-0}}"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "churn model"
    write(render("MLProjectSkeleton", name="churn-model"), root)
    (root / "mx.yaml").write_text(
        "version: 1\noptions:\n  name: churn-model\n  cloud: gcp\n  project-id: churn-model\n  region: europe-west4\n"
    )
    return root


class Tools:
    """Stand-ins for Docker, Buildah and Skopeo on a PATH of their own, and what they were called with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "bin"
        self.folder.mkdir()
        self.log = folder / "calls"
        self.there = folder / "there"
        self.there.write_text("")
        for name in ("sh", "git", "grep"):
            (self.folder / name).symlink_to(shutil.which(name) or name)

    def add(self, *names: str, buildx: int = 0) -> None:
        for name in names:
            path = self.folder / name
            path.write_text(STAND_IN.format(name=name, buildx=buildx))
            path.chmod(0o755)

    def mx(self, *arguments: str, cwd: Path, fail: int = 0, **more: str) -> Outcome:
        own = {"PATH": str(self.folder), "CALLS": str(self.log), "THERE": str(self.there), "FAIL": str(fail)}
        env = {"UV_INDEX": "", **own, **more}
        return mx("build", *arguments, cwd=cwd, env=env)

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def fake(tmp_path: Path) -> Tools:
    return Tools(tmp_path)


def base(root: Path) -> str:
    return f"{REGISTRY}/base:{image.base_tag(root, image.DOCKERFILE, ())}"


def test_docker_builds_the_run_image(project: Path, fake: Tools) -> None:
    fake.add("docker", "buildah")
    done = fake.mx("image", "--commit", "abc123", cwd=project)
    assert done.code == 0, done.stderr
    name = f"{REGISTRY}/run:abc123"
    assert fake.calls == [
        "docker buildx version",
        f"docker buildx build --file {image.DOCKERFILE} --target run --tag {name} --build-arg GIT_COMMIT=abc123 .",
    ]
    assert done.stdout == f"this is what docker says\n{name}\n"
    assert "running " in done.stderr
    assert "docker buildx build" in done.stderr


@pytest.mark.parametrize(
    ("given", "told"), [([], "linux/arm64"), (["--build-arg", "PLATFORM=linux/riscv64"], "linux/riscv64")]
)
@pytest.mark.parametrize("tool", ["docker", "buildah"])
def test_the_builder_is_told_the_platform(
    tool: str, given: list[str], told: str, project: Path, fake: Tools
) -> None:
    """Also where the Dockerfile says none, as that of a project of an older version."""
    fake.add("docker", "buildah")
    known = project / "mx.yaml"
    known.write_text(known.read_text() + "  platform: linux/arm64\n")
    for target in ("base", "run"):
        assert fake.mx("image", target, "--tool", tool, *given, "--commit", "a", cwd=project).code == 0
    built = [call for call in fake.calls if " --file " in call]
    assert [f" build --platform {told} --file " in call for call in built] == [True, True]


def test_the_platform_is_in_the_hash_of_the_base(project: Path) -> None:
    tags = {image.base_tag(project, image.DOCKERFILE, (), one) for one in ("linux/amd64", "linux/arm64")}
    assert len(tags) == 2


def test_buildah_pushes_the_base_image_once(project: Path, fake: Tools) -> None:
    fake.add("buildah", "skopeo")
    arguments = ("image", "base", "--tool", "buildah", "--push")
    done = fake.mx(*arguments, cwd=project)
    assert done.code == 0, done.stderr
    assert fake.calls == [
        f"skopeo inspect --raw docker://{base(project)}",
        f"buildah build --file {image.DOCKERFILE} --target base --tag {base(project)} --format docker .",
        f"buildah push {base(project)}",
    ]
    fake.there.write_text(base(project) + "\n")
    fake.log.unlink()
    done = fake.mx(*arguments, cwd=project)
    assert (done.code, done.stdout) == (0, base(project) + "\n")
    assert fake.calls == [f"skopeo inspect --raw docker://{base(project)}"]
    assert "is in the registry already" in done.stderr


def test_a_pushed_run_image_stands_on_the_base_that_is_there(project: Path, fake: Tools) -> None:
    fake.add("buildah", "skopeo", "docker")
    fake.there.write_text(base(project) + "\n")
    for tool in ("buildah", "docker"):
        fake.log.unlink(missing_ok=True)
        assert fake.mx("image", "run", "--tool", tool, "--push", "--commit", "abc", cwd=project).code == 0
        (built,) = [call for call in fake.calls if " build " in call]
        assert f" --build-context base=docker-image://{base(project)} ." in built
        assert (" --push " in built) is (tool == "docker")


def test_so_does_the_image_of_a_page(project: Path, fake: Tools) -> None:
    path = project / "infrastructure/docker/Dockerfile"
    path.write_text(path.read_text() + "FROM base AS demo\n")
    fake.add("docker")
    fake.there.write_text(base(project) + "\n")
    assert fake.mx("image", "demo", "--push", "--commit", "abc", cwd=project).code == 0
    (built,) = [call for call in fake.calls if " build " in call]
    assert f" --build-context base=docker-image://{base(project)} ." in built
    assert "/demo:abc " in built


def test_without_a_base_in_the_registry_it_is_built_too(project: Path, fake: Tools) -> None:
    fake.add("buildah", "skopeo")
    done = fake.mx("image", "run", "--push", "--commit", "abc", cwd=project)
    assert done.code == 0, done.stderr
    assert not [call for call in fake.calls if "--build-context" in call]
    assert "is not in the registry; the base is built too" in done.stderr


def test_the_tools_exit_code_is_returned_and_nothing_is_pushed(project: Path, fake: Tools) -> None:
    fake.add("buildah", "skopeo")
    done = fake.mx("image", "base", "--push", cwd=project, fail=125)
    assert done.code == 125
    assert not [call for call in fake.calls if call.startswith("buildah push")]
    assert base(project) not in done.stdout


def test_what_stays_here_is_built_in_layers(project: Path, fake: Tools) -> None:
    """So that the next build starts where this one ended."""
    fake.add("buildah")
    assert fake.mx("image", "base", cwd=project).code == 0
    (built,) = fake.calls
    assert built.endswith(" --format docker --layers .")


@pytest.mark.parametrize("tool", ["docker", "buildah"])
def test_an_index_of_one_s_own_reaches_the_build_as_a_secret(project: Path, fake: Tools, tool: str) -> None:
    fake.add(tool)
    index = "https://me:token@pypi.example.com/simple/"
    done = fake.mx("image", "base", "--tool", tool, cwd=project, UV_INDEX=index)
    assert done.code == 0, done.stderr
    assert " --secret id=uv_index,env=UV_INDEX " in fake.calls[-1]
    assert "token" not in fake.calls[-1] + done.stdout + done.stderr
    dockerfile = (project / image.DOCKERFILE).read_text()
    assert dockerfile.count("--mount=type=secret,id=uv_index") >= dockerfile.count("&& uv pip install") >= 2


def test_a_dry_run_prints_what_would_run(project: Path, fake: Tools) -> None:
    fake.add("buildah", "skopeo")
    done = fake.mx("image", "base", "--tool", "buildah", "--push", "--dry-run", cwd=project)
    assert done.code == 0, done.stderr
    assert fake.calls == []
    assert f"buildah push {base(project)}" in done.stdout
    assert f"cd '{project}' && {fake.folder}/buildah build " in done.stdout


def test_no_builder_is_an_error_that_says_how_to_get_one(project: Path, fake: Tools) -> None:
    for arguments, missing in (
        (["image"], "neither docker nor buildah is installed"),
        (["image", "--dry-run"], "neither docker nor buildah is installed"),
        (["image", "--tool", "docker"], "docker is missing"),
        (["image", "--tool", "buildah", "--dry-run"], "buildah is missing"),
    ):
        done = fake.mx(*arguments, cwd=project)
        assert (done.code, done.stdout) == (4, "")
        assert missing in done.stderr
        assert "https://" in done.stderr
    fake.add("buildah")
    done = fake.mx("image", "base", "--tool", "buildah", "--push", "--dry-run", cwd=project)
    assert done.code == 4
    assert "skopeo is missing" in done.stderr
    fake.add("docker", buildx=1)
    done = fake.mx("image", cwd=project)
    assert done.code == 4
    assert "has no buildx" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["image", "serve"], "no stage called serve; there are: uv, python, requirements, base, dev, run"),
        (["image", "--commit", "a b"], "cannot be the tag of an image"),
        (["image", "--registry", "Example.COM/x"], "is not a name that an image can have"),
        (["image", "--registry", "example.com/x:1"], "is not a name that an image can have"),
        (["image", "--registry", "example.com:5000:1/x"], "is not a name that an image can have"),
        (["image", "--dockerfile", "nowhere"], "nowhere does not exist"),
        (["image", "--push"], "no Git commit, so nothing says what the image holds"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused(project: Path, fake: Tools, arguments: list[str], message: str) -> None:
    fake.add("docker")
    done = fake.mx(*arguments, cwd=project)
    assert done.code in (2, 4)
    assert message in done.stderr
    assert not [call for call in fake.calls if "build " in call]


def test_the_tag_of_the_base_is_what_goes_into_it(project: Path) -> None:
    def tag(*build_args: str) -> str:
        return image.base_tag(project, image.DOCKERFILE, build_args)

    first = tag()
    assert re.fullmatch(r"[0-9a-f]{16}", first)
    settings = project / "pyproject.toml"
    settings.write_text(settings.read_text().replace('version = "0.1.0"', 'version = "0.2.0"'))
    (project / "src/churn_model/task.py").write_text("")
    assert tag() == first, "neither the version nor the code is in the base"
    settings.write_text(settings.read_text().replace("torch>=2.7", "torch>=2.8"))
    second = tag()
    assert second != first
    (project / "requirements.lock").write_text("torch==2.9\n")
    third = tag()
    assert third not in (first, second)
    settings.write_text(settings.read_text().replace("torch>=2.8", "torch>=2.9"))
    assert tag() == third, "with a lock file nothing else says what is required"
    assert tag("UV_TORCH_BACKEND=cpu") != third
    with (project / image.DOCKERFILE).open("a") as file:
        file.write("# changed\n")
    assert tag() != third


def test_the_commit_is_git_s_and_changes_are_told(project: Path, fake: Tools) -> None:
    fake.add("docker")
    git = ["git", "-c", "user.name=T", "-c", "user.email=t@example.com"]
    subprocess.run([*git, "init", "--quiet"], cwd=project, check=True)
    subprocess.run([*git, "add", "--all"], cwd=project, check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "x"], cwd=project, check=True)
    commit = subprocess.run(
        [*git, "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True, check=True
    )
    assert fake.mx("image", cwd=project).stdout.endswith(f"/run:{commit.stdout.strip()}\n")
    (project / "README.md").write_text("changed\n")
    assert fake.mx("image", cwd=project).stdout.endswith(f"/run:{commit.stdout.strip()}-changed\n")
    done = fake.mx("image", "--push", cwd=project)
    assert done.code == 4
    assert "not committed" in done.stderr


def test_a_dockerfile_is_named_from_where_the_person_is(project: Path, fake: Tools) -> None:
    fake.add("docker")
    other = project / "src/Dockerfile"
    other.write_text("FROM scratch AS run\n")
    done = fake.mx("image", "--dockerfile", "Dockerfile", cwd=project / "src")
    assert done.code == 0, done.stderr
    assert f" --file {other} --target run " in fake.calls[-1]


@pytest.mark.parametrize(
    "registry", ["churn", "localhost:5000/churn", "ghcr.io/acme/churn_model", "a.b-c/d__e"]
)
def test_names_of_registries(project: Path, fake: Tools, registry: str) -> None:
    fake.add("docker")
    done = fake.mx("image", "--registry", registry, "--commit", "abc", cwd=project)
    assert done.code == 0, done.stderr
    assert f" --tag {registry}/run:abc " in fake.calls[-1]


def test_an_image_without_a_registry_is_nobody_s_on_docker_hub() -> None:
    assert image.default_registry({"name": "churn", "cloud": "existing"}) == "localhost/churn"
    assert (
        image.default_registry({"name": "churn", "cloud": "existing", "registry": "ghcr.io/a"}) == "ghcr.io/a"
    )


def test_package_builds_both(project: Path) -> None:
    """Really built, by uv."""
    done = mx("build", "package", cwd=project / "src")
    assert done.code == 0, done.stderr
    wheel = project / "dist/churn_model-0.1.0-py3-none-any.whl"
    assert "churn_model/trainer.py" in zipfile.ZipFile(wheel).namelist()
    with tarfile.open(project / "dist/churn_model-0.1.0.tar.gz") as archive:
        assert "churn_model-0.1.0/pyproject.toml" in archive.getnames()
    assert "uv build" in done.stderr
    # Only what was built now is named.
    (project / "dist/churn_model-0.0.9.tar.gz").write_bytes(b"")
    done = mx("build", "package", cwd=project)
    assert f"built {wheel}" in done.stderr
    assert "0.0.9" not in done.stderr
    (project / "pyproject.toml").write_text("[build-system]\nrequires = []\nbuild-backend = 'nothing'\n")
    assert mx("build", "package", cwd=project).code == 2, "uv's own code"


def test_package_without_a_tool(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mxdev.artifacts import package
    from mxdev.errors import MxError

    monkeypatch.setattr(package, "uv", lambda beside=None: None)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    with pytest.raises(MxError, match="neither uv nor"):
        package.build(project, output=None, dry_run=True)


def test_docs_say_what_is_missing(project: Path) -> None:
    done = mx("build", "docs", cwd=project)
    assert done.code == 4
    assert "churn-model" in done.stderr
    assert "mx flow run --setup" in done.stderr
    (project / "docs/conf.py").unlink()
    done = mx("build", "docs", cwd=project)
    assert done.code == 4
    assert "no documentation to build" in done.stderr


def test_outside_a_project(tmp_path: Path) -> None:
    for what in ("image", "docs", "package"):
        done = mx("build", what, cwd=tmp_path)
        assert done.code == 4
        assert "is not inside an mx project" in done.stderr
