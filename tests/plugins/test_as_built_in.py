"""A plugin can do what a built-in can: play a role, name its options as the project does, rename, run a generator."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from changing import Answer, call
from conftest import installed
from sites import make_distribution

HOUSE = """
import click
from mxdev import Generator, argument, hookimpl, option, run_generator
from mxdev.generator import Pattern

NAME = Pattern(r"[a-z][a-z0-9-]*", "a name")

class HouseSkeleton(Generator):
    "Start a project of ours."
    scope = "new"
    provides = ("skeleton",)
    arguments = (argument("NAME", type=NAME, help="The name.", shared=True),)
    options = (
        option("--python", type=click.Choice(["3.11", "3.12"]), default="3.12", shared=True, help="P."),
        option("--cloud", type=click.Choice(["gcp", "existing"]), default="existing", shared=True, help="C."),
        option("--region", type=NAME, default="europe-west4", shared=True, help="R."),
        option("--zone", type=NAME, default="europe-west4-a", shared=True, help="Z."),
        option("--project-id", type=NAME, default="acme-ml", shared=True, help="I."),
    )
    def generate(self, tree):
        tree.file(".gitignore", "x\\n")
        tree.file("pyproject.toml", f'[project]\\nname = "{self.values.name}"\\n')

class NewName(Generator):
    "Adds a file."
    requires = ("skeleton",)
    formerly = ("OldName",)
    arguments = (argument("NAME", type=NAME, help="The instance."),)
    instance_argument = "NAME"
    options = (option("--size", type=int, default=1, formerly="--length", help="S."),)
    def generate(self, tree):
        tree.file(f"{self.values.name}.txt", tree.text("{{ name }} of {{ project.name }}: {{ size }}\\n"))

class Audited(Generator):
    "Adds to the files that everybody has."
    requires = ("skeleton",)
    def generate(self, tree):
        tree.section(".gitignore", "Audited", "/audit-log/\\n")
        tree.section(".dockerignore", "Audited", "!audit.yaml\\n")
        tree.section("README.md", "Audited", "\\n## Audit\\n\\nEvery run is audited.\\n")
        tree.section("pyproject.toml", "Audited", "[tool.audit]\\nlevel = 2\\n")
        tree.section("pyproject.toml", "Audited in project.dependencies", '  "boto3>=1.35",\\n')
        tree.section("MLproject", "entry_points.audit", {"command": "python -m audit"})
        tree.section(".pre-commit-config.yaml", "repos[repo=https://example.com/audit]",
                     {"repo": "https://example.com/audit", "rev": "v1", "hooks": [{"id": "audit"}]})

@click.command()
@click.option("--typo", is_flag=True)
def onboard(typo):
    "Generate what everybody needs."
    return run_generator("NewName", {"name": "one", "siz" if typo else "size": "7"}, no_input=True)

@hookimpl
def mx_generators():
    return [HouseSkeleton, NewName, Audited]

@hookimpl
def mx_commands():
    return [onboard]
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of the company's own skeleton."""
    site = tmp_path / "site"
    make_distribution(site, "house-mx", modules={"house_mx.py": HOUSE})
    monkeypatch.delitem(sys.modules, "house_mx", raising=False)
    making = installed(site, monkeypatch)
    next(making)
    made = call("generate", "HouseSkeleton", "demo", "--no-input", cwd=tmp_path)
    assert made.code == 0, made.err
    yield tmp_path / "demo"
    next(making, None)


def ok(folder: Path, *arguments: str) -> Answer:
    answer = call(*arguments, cwd=folder)
    assert answer.code == 0, answer.out + answer.err
    return answer


def test_a_built_in_is_carried_by_another_skeleton(house: Path) -> None:
    ok(house, "generate", "GitHubActions", "--no-input")
    assert (house / ".github/workflows/mx-ci.yaml").is_file()
    assert not (house / "src").exists()
    assert "requires: [HouseSkeleton]" in (house / ".mx/generators/GitHubActions.yaml").read_text()
    assert ok(house, "status", "--exit-code").code == 0
    assert call("destroy", "HouseSkeleton", cwd=house).code == 1


def test_the_role_is_offered_where_nobody_plays_it(house: Path, tmp_path: Path) -> None:
    helped = ok(tmp_path, "generate", "GitHubActions", "--help")
    assert "Requires: a skeleton (HouseSkeleton or MLProjectSkeleton)" in helped.out.replace(
        "MLProjectSkeleton or HouseSkeleton", "HouseSkeleton or MLProjectSkeleton"
    )
    answer = call("generate", "GitHubActions", "--no-input", cwd=tmp_path)
    assert answer.code == 2
    assert "`mx generate MLProjectSkeleton NAME`" in answer.err


def test_a_clash_names_the_requirement(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import house_mx

    monkeypatch.setattr(house_mx.HouseSkeleton, "provides", ())
    answer = call("generate", "GitHubActions", "--no-input", cwd=house)
    assert answer.code == 4
    assert (
        "GitHubActions requires a skeleton (MLProjectSkeleton), which this project does not have"
        in answer.err
    )
    assert "both render" in answer.err


def test_an_argument_and_an_option_of_the_project_have_a_name_each(house: Path) -> None:
    ok(house, "generate", "NewName", "one", "--no-input")
    assert (house / "one.txt").read_text() == "one of demo: 1\n"


def test_old_names_hold_everywhere(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MX_OPT_LENGTH", "3")
    ok(house, "generate", "OldName", "one", "--no-input")
    assert (house / "one.txt").read_text() == "one of demo: 3\n"
    for key, size in (("OldName:one.length", 4), ("old-name:one.size", 5), ("NewName:one.length", 6)):
        ok(house, "set", f"{key}={size}", "--no-input")
        assert (house / "one.txt").read_text() == f"one of demo: {size}\n"


def test_a_command_runs_a_generator(house: Path) -> None:
    ok(house, "onboard")
    assert (house / "one.txt").read_text() == "one of demo: 7\n"
    answer = call("onboard", "--typo", cwd=house)
    assert answer.code == 2
    assert "NewName has no option siz." in answer.err


def test_a_plugin_adds_to_the_files_of_the_built_in_skeleton(house: Path, tmp_path: Path) -> None:
    """No byte beside its sections changes, updates go on as before, and taking it away leaves what was there."""
    ok(tmp_path, "generate", "MLProjectSkeleton", "churn", "--no-input", "--skip-git")
    project = tmp_path / "churn"
    names = [
        ".gitignore",
        ".dockerignore",
        "README.md",
        "pyproject.toml",
        "MLproject",
        ".pre-commit-config.yaml",
    ]
    before = {name: (project / name).read_text() for name in names}
    ok(project, "generate", "Audited", "--no-input")
    after = {name: (project / name).read_text() for name in names}
    for name in (name for name in names if name != "pyproject.toml"):
        assert after[name].startswith(before[name].rstrip("\n"))
        assert after[name] != before[name]
    assert tomllib.loads(after["pyproject.toml"])["project"]["dependencies"][-1] == "boto3>=1.35"
    assert tomllib.loads(after["pyproject.toml"])["tool"]["audit"] == {"level": 2}
    assert yaml.safe_load(after["MLproject"])["entry_points"]["audit"] == {"command": "python -m audit"}
    assert [repo["repo"] for repo in yaml.safe_load(after[".pre-commit-config.yaml"])["repos"]][-1].endswith(
        "/audit"
    )
    assert "<!-- >>> mx:Audited -->" in after["README.md"]
    assert call("status", "--exit-code", cwd=project).code == 0
    ok(project, "update", "--no-input")
    assert {name: (project / name).read_text() for name in names} == after
    ok(project, "set", "description=Other words.", "--no-input")
    changed = (project / "README.md").read_text()
    assert "Other words." in changed
    assert changed.endswith(after["README.md"][after["README.md"].index("<!-- >>> mx:") :])
    ok(project, "set", "description=A machine-learning project.", "--no-input")
    ok(project, "destroy", "Audited", "--no-input")
    assert {name: (project / name).read_text() for name in names} == before
    assert call("status", "--exit-code", cwd=project).code == 0


def test_free_text_of_the_project_is_free_text_still() -> None:
    from mxdev.generator.freetext import FreeText
    from mxdev.generator.jinja import Renderer, RenderError
    from mxdev.generator.options import Values

    renderer = Renderer({"project": Values({"name": FreeText("x")})})
    assert renderer.render("{{ project.name | yaml }}", "a") == '"x"'
    for bare in ("{{ project.name }}", "{{ project }}"):
        with pytest.raises(RenderError, match="free text"):
            renderer.render(bare, "a")
