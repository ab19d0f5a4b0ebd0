"""`mx generate Plugin`: what it renders works as rendered, in a fresh environment, as its own workflow runs it."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import fresh
import pytest
import yaml
from conftest import Mx

from mxdev.errors import UsageProblem
from mxdev.testing import contents, mx, render, render_all, text, write

HOSTILE = 'Say "hi" \\ ${HOME} {{ x }} {% y %} # */ --> </b> \n[a](b) `c` ü'


@pytest.mark.parametrize("name", ["acme-mx", "mx-acme", "a-2", "x" * 40, "a-b-c-d-plugin"])
def test_every_name_renders_clean_code(name: str, tmp_path: Path) -> None:
    write(render_all("Plugin", name=name, description=HOSTILE), tmp_path)
    for tool in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *tool, "--no-cache", "."], cwd=tmp_path, capture_output=True, text=True, check=False
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    assert project["name"] == name
    assert project["description"].startswith('Say "hi" \\ ${HOME} {{ x }} {% y %} #')
    (module,) = project["entry-points"]["mxdev.v1"].values()
    assert (tmp_path / "src" / module / "__init__.py").exists()


@pytest.mark.parametrize(
    "name", ["a", "A-b", "-a", "a-", "a--b", "a_b", "1a", "json", "class", "mxdev", "click", "mx-devtool", "lint-mx", "mx-generate", "mx-2", "x" * 41]
)  # fmt: skip
def test_a_name_that_will_not_do_is_refused(name: str) -> None:
    with pytest.raises(UsageProblem, match="NAME"):
        render("Plugin", name=name)


def test_workflows_are_pinned_and_ask_for_little() -> None:
    tree = render("Plugin", name="acme-mx")
    for path in (".github/workflows/ci.yaml", ".github/workflows/release.yaml"):
        workflow = yaml.safe_load(text(tree, path))
        assert workflow["permissions"] == {}
        for job in workflow["jobs"].values():
            assert job["timeout-minutes"]
            assert set(job["permissions"]) <= {"contents", "id-token"}
            for step in job["steps"]:
                if "uses" in step:
                    assert len(step["uses"].partition("@")[2]) == 40
                if step.get("uses", "").startswith("actions/checkout@"):
                    assert step["with"]["persist-credentials"] is False


def test_the_generator_of_the_plugin_is_a_pure_copy() -> None:
    tree = render("Plugin", name="acme-mx")
    template = text(tree, "src/acme_mx/model_card/templates/docs/model_card.md.jinja")
    assert template.startswith("# Model card: {{ name }}\n\n{{ description | md }}\n")
    assert template.endswith("must not be used.\n")
    for path, data in contents(tree).items():
        if path.endswith(".py"):
            ast.parse(data)


def test_it_works_outside_a_project_and_is_updated_like_one(mx: Mx, tmp_path: Path) -> None:
    assert mx("generate", "plugin", "acme-mx", "--skip-git").code == 0
    folder = tmp_path / "acme-mx"
    (folder / "README.md").write_text("mine\n")
    again = mx("generate", "Plugin", "--description", "Other.", "--json", cwd=folder)
    assert again.code == 1  # the README is in conflict
    assert mx("set", "description=Other.", "--on-conflict", "keep", cwd=folder).code == 0
    assert 'description = "Other."' in (folder / "pyproject.toml").read_text()
    assert (folder / "README.md").read_text() == "mine\n"


def test_its_tests_pass_in_a_fresh_environment_as_its_workflow_runs_them(tmp_path: Path) -> None:
    assert mx("generate", "Plugin", "acme-mx", "--description", HOSTILE, cwd=tmp_path).code == 0
    folder, env = tmp_path / "acme-mx", fresh.environment()
    steps = [
        step["run"]
        for name in ("ci", "release")
        for job in yaml.safe_load((folder / f".github/workflows/{name}.yaml").read_text())["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    assert len(steps) == 10
    ran = {}
    for step in steps:
        if "uv publish" in step or step.startswith("uv venv && uv pip install '.[dev]'"):
            continue  # the latter is what has been run, in another place
        ran[step] = fresh.run(step, folder, env | {"GITHUB_REF_NAME": "v0.1.0"}).stdout
    assert "8 passed" in ran["uv run --no-sync pytest"]
    built = {path.name for path in (folder / "dist").iterdir()}
    assert {"acme_mx-0.1.0-py3-none-any.whl", "acme_mx-0.1.0.tar.gz"} <= built
    # And its tests are not such as cannot fail.
    card = folder / "src/acme_mx/model_card/templates/docs/model_card.md.jinja"
    card.write_text(card.read_text().replace("every", "each"))
    assert fresh.run("uv run --no-sync pytest -q", folder, env, check=False).returncode == 1
    listed = fresh.run(".venv/bin/mx plugins", folder, env).stdout
    assert (
        "acme-mx 0.1.0\n  generators: AcmeModelCard\n  commands: acme\n  lint rules: acme-no-breakpoint\n"
        in listed
    )
