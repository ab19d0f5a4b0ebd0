"""The machine-learning half of the skeleton: every file parses, carries the text, and agrees with the others."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import ml_environment
import pytest
import yaml
from covering import HOSTILE

from mxdev import testing
from mxdev.generator.tree import Tree
from mxdev_generators.ml_project_skeleton.generator import MLProjectSkeleton

TEXTS = {
    "plain": "Predict which customers leave.",
    "hostile": HOSTILE,
    "dash": "- leading dash",
    "backslash": "trailing backslash\\",
    "quotes": "\"\"\" ''' `` ```",
    "heading": "# no heading\n\n## nor here",
    "lines": "one\r\ntwo\u2028three\x85four",
    "number": "1. no list",
    "markup": "{toctree} [a](b) ![c](d) <b>e</b> :math:`f` $g$ %h",
}
NAME = 'Grace "Amazing" O\'Hopper \\ \u05e9\u05dc\u05d5\u05dd \U0001f98a ${x} {{ y }} $(id) #z'


def rendered(**options: Any) -> Tree:
    options.setdefault("name", "churn-model")
    options.setdefault("engineer", [f"{NAME} <grace@example.com>", "bob@example.com"])
    return testing.render(MLProjectSkeleton, **options)


@pytest.fixture(params=TEXTS)
def text(request: pytest.FixtureRequest) -> str:
    return TEXTS[request.param]


@pytest.fixture
def tree(text: str) -> Tree:
    """A project with odd free text wherever free text is possible."""
    return rendered(description=text, client=text)


@pytest.fixture(scope="module")
def default() -> Tree:
    return testing.render(MLProjectSkeleton, name="churn-model")


def flat(text: str) -> str:
    """Free text on one line, as Markdown and Docker have it."""
    return " ".join(text.split())


def shown(markdown: str) -> str:
    """What a reader of the Markdown text sees, without code and without line breaks."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").parse(markdown)
    inline = [child for token in tokens if token.type == "inline" for child in token.children or []]
    assert not any(child.type in ("html_inline", "image") for child in inline)
    return "\n".join(
        "".join(child.content for child in token.children or []) for token in tokens if token.type == "inline"
    )


def test_every_file_parses(tree: Tree) -> None:
    parsers = {
        ".py": ast.parse,
        ".toml": tomllib.loads,
        ".yaml": yaml.safe_load,
        ".json": json.loads,
    }
    seen = set()
    for path in tree.files:
        suffix = Path(path).suffix if path != "MLproject" else ".yaml"
        if suffix in parsers:
            if "infrastructure/kubernetes" not in path:
                parsers[suffix](testing.text(tree, path))
            seen.add(suffix)
    assert seen == set(parsers)


def test_pyproject_carries_the_text(tree: Tree, text: str) -> None:
    project = tomllib.loads(testing.text(tree, "pyproject.toml"))["project"]
    assert project["description"] == text
    assert project["authors"] == [
        {"name": NAME, "email": "grace@example.com"},
        {"email": "bob@example.com"},
    ]


@pytest.mark.parametrize("path", ["README.md", "docs/index.md"])
def test_markdown_shows_the_text(tree: Tree, text: str, path: str) -> None:
    lines = shown(testing.text(tree, path)).splitlines()
    assert flat(lines[1]) == flat(text)
    assert flat(lines[2]) == f"Made for {flat(text)}."


def test_readme_names_the_engineers(tree: Tree) -> None:
    lines = shown(testing.text(tree, "README.md")).splitlines()
    assert f"{NAME}, grace@example.com" in lines
    assert "bob@example.com" in lines


def test_image_carries_the_text(tree: Tree, text: str) -> None:
    source = testing.text(tree, "infrastructure/docker/Dockerfile")
    (line,) = re.findall(r"^ +org\.opencontainers\.image\.description=(.*) \\$", source, re.M)
    value = re.fullmatch(r'"((?:[^"\\$]|\\["\\$])*)"', line)
    assert value, f"not one quoted word: {line}"
    assert flat(re.sub(r"\\(.)", r"\1", value[1])) == flat(text)


def test_package_name_is_everywhere() -> None:
    name = "a" + "-bc" * 13
    tree, package = rendered(name=name), name.replace("-", "_")
    assert f"src/{package}/trainer.py" in tree.files
    for path in ("MLproject", "tests/test_task.py", "docs/reference.md", "pyproject.toml"):
        assert package in testing.text(tree, path)
        assert "churn" not in testing.text(tree, path)


def configuration(tree: Tree, name: str) -> dict[str, Any]:
    """The values of `conf/NAME.yaml` and of the files of the groups that it takes."""
    conf = "src/churn_model/conf"
    values: dict[str, Any] = yaml.safe_load(testing.text(tree, f"{conf}/{name}.yaml"))
    for choice in values["defaults"]:
        if isinstance(choice, dict):
            for group, file in choice.items():
                if not group.startswith("override "):
                    values[group] = yaml.safe_load(testing.text(tree, f"{conf}/{group}/{file}.yaml"))
    return values


def test_mlproject_agrees_with_the_configuration(default: Tree) -> None:
    """Every parameter is used, overrides a value that exists, and has the same default."""
    project = yaml.safe_load(testing.text(default, "MLproject"))
    assert "docker_env" not in project
    files = {"trainer": "trainer", "distributed": "trainer", "evaluate": "evaluation"}
    assert set(project["entry_points"]) == set(files)
    for name, module in files.items():
        entry = project["entry_points"][name]
        values = configuration(default, module)
        command, parameters = entry["command"], entry["parameters"]
        used = set()
        if name == "distributed":
            command = command.replace("torchrun --nproc-per-node {processes}", "python")
            assert parameters["processes"] == {"type": "string", "default": "1"}
            used.add("processes")
        words = shlex.split(command)
        assert words[:3] == ["python", "-m", f"churn_model.{module}"]
        for word in words[3:]:
            place, _, parameter = word.partition("=")
            found = values
            for key in place.split("."):
                found = found[key]
            parameter = parameter.removeprefix("{").removesuffix("}")
            assert parameters[parameter]["default"] == found
            used.add(parameter)
        assert used == set(parameters)
    trainer, distributed = (
        dict(project["entry_points"][name]["parameters"]) for name in ("trainer", "distributed")
    )
    del distributed["processes"]
    assert distributed == trainer


@pytest.mark.parametrize("cloud", ["gcp", "existing"])
@pytest.mark.parametrize("accelerator", ["none", "nvidia-l4"])
def test_readme_names_only_what_exists(cloud: str, accelerator: str) -> None:
    tree = rendered(cloud=cloud, accelerator=accelerator)
    files = testing.contents(tree)
    readme = testing.text(tree, "README.md")
    made_by_mx = {"mx.yaml", ".mx/"}
    paths = set(re.findall(r"`([\w.-]+/[\w./-]*|[\w-]+\.(?:py|yaml|md))`", readme)) - made_by_mx
    assert len(paths) > 10
    for path in paths - {".mlflow/"}:
        assert any(f == path or f.startswith(path.rstrip("/") + "/") for f in files), path
    deployments = yaml.safe_load(files["devspace.yaml"])["deployments"]
    for name in re.findall(r"devspace deploy ([\w-]+)", readme):
        assert name in deployments
    for module in re.findall(r"python -m ([\w.]+)", readme):
        if module != "venv":
            assert f"src/{module.replace('.', '/')}.py" in files
    assert ("infrastructure/terraform" in readme) is (cloud == "gcp")
    assert ("cuda-drivers" in readme) is (accelerator != "none")


def test_readme_names_only_commands_of_mx_that_exist(default: Tree, tmp_path: Path) -> None:
    sources = [testing.text(default, path) for path in ("README.md", "MLproject", ".pre-commit-config.yaml")]
    named = {match for source in sources for match in re.findall(r"mx (?:flow )?[a-z]+", source)}
    named -= {phrase for phrase in named if phrase.split()[1] in ("is", "generated", "rendered")}
    assert {"mx flow run", "mx flow ui", "mx generate", "mx lint"} <= named
    for command in sorted(named):
        done = testing.mx(*command.split()[1:], "--help", cwd=tmp_path)
        assert done.code == 0, f"{command}: {done.stderr}"
        assert "Usage:" in done.stdout


def test_parameters_in_the_readme_exist(default: Tree) -> None:
    entries = yaml.safe_load(testing.text(default, "MLproject"))["entry_points"]
    for line in testing.text(default, "README.md").splitlines():
        if line.startswith("mx flow run"):
            entry = (re.findall(r" -e (\w+)", line) or ["trainer"])[0]
            for parameter in re.findall(r" -P (\w+)=", line):
                assert parameter in entries[entry]["parameters"], line


def test_git_ignores_what_is_made_and_nothing_else(default: Tree, tmp_path: Path) -> None:
    testing.write(default, tmp_path)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)

    def ignored(*paths: str) -> set[str]:
        done = subprocess.run(
            ["git", "-C", tmp_path, "check-ignore", "--no-index", "--stdin"],
            input="\n".join(paths), capture_output=True, text=True, check=False,
        )  # fmt: skip
        return set(done.stdout.splitlines())

    kept = [*default.files, "requirements.lock", "infrastructure/terraform/.terraform.lock.hcl", "mx.yaml",
            ".mx/generators/MLProjectSkeleton.yaml", "src/churn_model/build/x.py"]  # fmt: skip
    assert ignored(*kept) == set()
    made = [".mlflow/mlflow.db", "mlruns/0/meta.yaml", "outputs/x", ".venv/bin/python", "docs/_build/html/index.html",
            "src/churn_model/__pycache__/data.pyc", "infrastructure/terraform/.terraform/x", ".env",
            "infrastructure/terraform/terraform.tfstate", "infrastructure/terraform/plan.tfplan"]  # fmt: skip
    assert ignored(*made) == set(made)


def test_versions_of_python(default: Tree) -> None:
    for python in ("3.11", "3.12", "3.13"):
        tree = rendered(python=python)
        project = tomllib.loads(testing.text(tree, "pyproject.toml"))["project"]
        assert project["requires-python"] == f">={python}"
        dockerfile = testing.text(tree, "infrastructure/docker/Dockerfile")
        assert re.search(
            rf"^FROM \S+ python:{re.escape(python)}\.\d+-slim-\w+(@sha256:\w+)? AS python$", dockerfile, re.M
        )


def test_the_tests_environment_is_that_of_the_project(default: Tree) -> None:
    """What the project is tested with here satisfies what it asks for."""
    project = tomllib.loads(testing.text(default, "pyproject.toml"))["project"]
    assert set(project["dependencies"]) <= set(ml_environment.REQUIREMENTS)
