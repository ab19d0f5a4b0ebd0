"""Templates that use what Copier documents (https://copier.readthedocs.io/en/stable/configuring/)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from template_repos import Repository, write

ANSWERS = {
    "{{ _copier_conf.answers_file }}.jinja": "# Changes here will be overwritten\n{{ _copier_answers|to_nice_yaml }}"
}

FULL = {
    "copier.yml": """
_subdirectory: "{{ flavour }}"
_exclude: ["*.bak", "{% if not docker %}Dockerfile{% endif %}"]
_answers_file: .answers.yml
_message_before_copy: hello
project_name: {type: str, help: 'What is it called?'}
flavour: {type: str, choices: [small, large], default: small}
docker: {type: bool, default: false}
base: {type: str, default: "python:3.12", when: "{{ docker }}"}
port: {type: int, default: 8000, validator: "{% if port < 1024 %}a port of the system{% endif %}"}
slug: {type: str, default: "{{ project_name|lower|replace(' ', '-') }}", when: false}
features: {type: str, multiselect: true, choices: {Metrics: metrics, Traces: traces, Logs: logs}, default: [metrics]}
models: {type: yaml, default: [a, b]}
title: {type: str, default: "The {{ project_name }}"}
json: {type: str, default: "clash"}
""",
    "README.md": "of the template, not of the project",
    "small/README.md.jinja": "{{ slug }} {{ port }} {{ title }} {{ base }} {{ json }} {{ features|join('+') }}\n",
    "small/Dockerfile.jinja": "FROM {{ base }}\n",
    "small/old.bak": "no",
    "small/raw.txt": "{{ not_rendered }}\n",
    "small/{% yield model from models %}{{ model }}{% endyield %}/card.md.jinja": "model {{ model }}\n",
    "small/{% if docker %}compose.yml{% endif %}": "services: {}\n",
    "small/{{ _copier_conf.answers_file }}.jinja": "{{ _copier_answers|to_nice_yaml }}",
    "large/README.md.jinja": "large {{ slug }}\n",
}


def record(project: Path, name: str) -> dict[str, Any]:
    """The recorded options of an instance."""
    loaded = yaml.safe_load((project / f".mx/generators/Template.{name}.yaml").read_text())
    options: dict[str, Any] = loaded["options"]
    return options


def test_what_copier_documents_is_rendered_and_every_answer_is_recorded(
    mx: Any, here: Path, tmp_path: Path
) -> None:
    source = write(tmp_path / "full", FULL)
    run = source / "small/run.sh"
    run.write_text("#!/bin/sh\n")
    run.chmod(0o755)
    (here / "notes.txt").write_text("mine\n")
    result = mx("generate", "Template", source, "--project-name", "My App", "--docker", "yes", "--features", "logs",
                "--features", "metrics", "-d", "models=[x, y]", "--answer-json", "J", "--json", cwd=here)  # fmt: skip
    assert result.code == 0, result.out
    assert set(result.rows) == {
        ".answers.yml", "Dockerfile", "README.md", "compose.yml", "mx.yaml", "raw.txt", "run.sh", "x/card.md", "y/card.md",
    }  # fmt: skip
    assert (here / "README.md").read_text() == "my-app 8000 The My App python:3.12 J metrics+logs\n"
    assert (here / "raw.txt").read_text() == "{{ not_rendered }}\n"
    assert (here / "y/card.md").read_text() == "model y\n"
    assert (here / "run.sh").stat().st_mode & 0o100
    assert yaml.safe_load((here / ".answers.yml").read_text())["_src_path"] == str(source)
    assert {key: value for key, value in record(here, "full").items() if value != ""} == {
        "source": str(source), "as": "full", "project-name": "My App", "flavour": "small", "docker": True,
        "base": "python:3.12", "port": 8000, "features": ["metrics", "logs"], "models": '["x", "y"]',
        "title": "The My App", "answer-json": "J",
    }  # fmt: skip

    again = mx("update", "--json", cwd=here)
    assert set(again.rows.values()) == {"identical"}, again.out

    # The answer to a question that is not asked any more is forgotten, the others are remembered.
    changed = mx("set", "Template:full.docker=no", "Template:full.project-name=Other", "--json", cwd=here)
    assert changed.rows["Dockerfile"] == changed.rows["compose.yml"] == "remove"
    assert (here / "README.md").read_text() == "other 8000 The My App python:3.12 J metrics+logs\n"
    assert "base" not in record(here, "full")

    mx("set", "Template:full.features=", cwd=here)
    assert record(here, "full")["features"] == []
    assert set(mx("update", "--json", cwd=here).rows.values()) == {"identical"}

    destroyed = mx("destroy", "Template:full", cwd=here)
    assert destroyed.code == 0, destroyed.err
    assert (here / "notes.txt").read_text() == "mine\n"
    assert not (here / "README.md").exists()


def test_help_shows_the_questions(mx: Any, here: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "full", FULL)
    plain = mx("generate", "Template", "--help", cwd=here)
    assert "--into" in plain.out
    assert "--flavour" not in plain.out
    text = " ".join(mx("generate", "Template", "--ref", "", source, "--help", cwd=here).out.split())
    assert "--project-name TEXT What is it called? [required]" in text
    assert "--flavour [small|large]" in text
    assert "--features [metrics|traces|logs] Features. [default: metrics]" in text
    assert "--docker BOOLEAN Docker. [default: no]" in text
    assert "--base TEXT Base. [only sometimes asked] [default: python:3.12]" in text
    assert "--answer-json" in text
    assert "--slug" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [],
            "--project-name is missing: What is it called? Set it by --project-name VALUE, --data project_name=VALUE",
        ),
        (["--project-name", "x", "--port", "80"], "a port of the system"),
        (["--project-name", "x", "--flavour", "blue"], "'blue' is not one of 'small', 'large'"),
        (["--project-name", "x", "-d", "nonsense=1"], "the template asks for project_name, flavour"),
        (["--project-name", "x", "--nonsense", "1"], "No such option"),
    ],
)
def test_wrong_and_missing_answers(
    mx: Any, here: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    source = write(tmp_path / "full", FULL)
    result = mx("generate", "Template", source, *arguments, "--no-input", cwd=here)
    assert result.code == 2
    assert message in result.err
    assert list(here.iterdir()) == []


def test_other_delimiters_other_suffix_and_included_questions(mx: Any, here: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "other", {
        "copier.yaml": "_envops: {variable_start_string: '[[', variable_end_string: ']]'}\n"
                       "_templates_suffix: .tmpl\n---\n!include questions/*.yml\n---\nlast: 1\n",
        "questions/one.yml": "one: {type: str, default: '1st'}\n",
        "a.txt.tmpl": "[[ one ]] {{ one }} [[ last ]]\n",
        "b.jinja": "[[ one ]]\n",
    })  # fmt: skip
    result = mx("generate", "Template", source, "--into", "services/api/", "--one", "x", cwd=here)
    assert result.code == 0, result.err
    assert (here / "services/api/a.txt").read_text() == "x {{ one }} 1\n"
    assert (here / "services/api/b.jinja").read_text() == "[[ one ]]\n"
    assert record(here, "other")["into"] == "services/api/"


def test_one_template_reads_the_answers_of_another(mx: Any, here: Path, tmp_path: Path) -> None:
    parent = write(tmp_path / "parent", {"copier.yml": "team: {type: str}\n", **ANSWERS})
    child = write(tmp_path / "child", {
        "copier.yml": "_external_data: {parent: '{{ parent_answers }}'}\n_answers_file: .child.yml\n"
                      "parent_answers: .copier-answers.yml\nowner: {type: str, default: '{{ _external_data.parent.team }}'}\n",
        "owner.txt.jinja": "{{ owner }} {{ _external_data.parent.team }}\n",
    })  # fmt: skip
    mx("generate", "Template", parent, "--team", "blue", cwd=here)
    result = mx("generate", "Template", child, "--json", cwd=here)
    assert set(result.rows) == {"owner.txt", "mx.yaml"}, result.out
    assert (here / "owner.txt").read_text() == "blue blue\n"
    mx("set", "Template:parent.team=red", cwd=here)
    mx("update", cwd=here)
    assert (here / "owner.txt").read_text() == "blue red\n"


def test_a_template_cannot_read_outside_the_project(mx: Any, here: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.yml").write_text("key: hunter2\n")
    source = write(tmp_path / "thief", {
        "copier.yml": f"_external_data: {{a: '{tmp_path}/secret.yml'}}\n", "a.txt.jinja": "{{ _external_data.a.key }}",
    })  # fmt: skip
    result = mx("generate", "Template", source, cwd=here)
    assert result.code == 4
    assert "is not usable: it is absolute" in result.err
    assert list(here.iterdir()) == []


def test_two_templates_in_one_project(mx: Any, here: Path, tmp_path: Path) -> None:
    template = {"copier.yml": "name: {type: str, default: x}\n", "{{ name }}.txt": "", **ANSWERS}
    one, two = (write(tmp_path / where / "app", template) for where in ("acme", "other"))
    assert mx("generate", "Template", one, cwd=here).code == 0
    other = mx("generate", "Template", two, cwd=here)
    assert other.code == 1
    assert f"Template:app is there, from {one}." in other.err
    assert "--as NAME" in other.err
    clash = mx("generate", "Template", two, "--as", "second", "--name", "y", cwd=here)
    assert "both render .copier-answers.yml" in clash.err
    assert "another folder of the project: --into FOLDER." in clash.err
    both = mx(
        "generate",
        "Template",
        two,
        "--as",
        "second",
        "--name",
        "y",
        "--answers-file",
        ".second.yml",
        cwd=here,
    )
    assert both.code == 0, both.err
    assert {"x.txt", "y.txt", ".copier-answers.yml", ".second.yml"} < {path.name for path in here.iterdir()}
    assert [row["instance"] for row in mx("status", "--json", cwd=here).json["instances"]] == [
        "Template:app", "Template:second",
    ]  # fmt: skip


def test_repositories_that_tasks_make_are_left_out(mx: Any, here: Path, tmp_path: Path) -> None:
    source = write(
        tmp_path / "links", {"copier.yml": "_preserve_symlinks: true\n_tasks: [git init -q]\n", "a": "a"}
    )
    assert mx("generate", "Template", source, "--trust", "--json", cwd=here).rows.keys() == {"a", "mx.yaml"}


def test_what_tasks_make_and_the_template_ignores(mx: Any, here: Path, tmp_path: Path) -> None:
    """A virtual environment is left out; a secret is the project's, and committed nowhere."""
    tasks = "_tasks:\n- mkdir -p .venv/bin && ln -s /bin/sh .venv/bin/sh && echo x > .venv/x\n- echo TOKEN=abc > .env\n"
    source = write(tmp_path / "ignoring", {"copier.yml": tasks, ".gitignore": ".venv/\n.env\n", "a": "a"})
    made = mx("generate", "Template", source, "--trust", "--no-input", cwd=here)
    assert made.code == 0, made.err
    assert "made .venv/, which its .gitignore ignores" in made.err
    assert (here / ".env").read_text() == "TOKEN=abc\n"
    assert not (here / ".venv").exists()
    subprocess.run(["git", "init", "-q"], cwd=here, check=True)
    subprocess.run(["git", "add", "-A"], cwd=here, check=True)
    listed = subprocess.run(
        ["git", "ls-files"], cwd=here, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "a" in listed
    assert not [path for path in listed if ".env" in path or "TOKEN" in (here / path).read_text()]


def test_modules_of_the_folder_are_not_imported(
    mx: Any, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mxdev_generators.template import process

    process.stop()
    (here / "copier.py").write_text("raise SystemExit('imported from the folder')\n")
    monkeypatch.setattr("tempfile.tempdir", str(here))
    monkeypatch.setenv("PYTHONPATH", f".{os.pathsep}{os.environ['PYTHONPATH']}{os.pathsep}")
    source = write(tmp_path / "plain", {"copier.yml": "", "a.jinja": "a"})
    result = mx("generate", "Template", source, cwd=here)
    process.stop()
    assert result.code == 0, result.err


def test_a_mistake_in_a_template_is_told_with_its_place(mx: Any, here: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "t", {"copier.yml": "a: 1\n", "sub/x.txt.jinja": "fine\n{{ a \n"})
    result = mx("generate", "Template", source, cwd=here)
    assert result.code == 4
    assert "expected 'end of print statement'. (sub/x.txt.jinja, line 2)" in result.err


def test_an_address_with_a_password_is_refused_and_not_repeated(mx: Any, here: Path) -> None:
    result = mx("generate", "Template", "https://me:hunter2@acme.example/t.git", "--no-input", cwd=here)
    assert result.code == 2
    assert "a password in the address of https://acme.example/t.git" in result.err
    assert "hunter2" not in result.err
    assert list(here.iterdir()) == []


def test_what_is_no_template_is_told(
    mx: Any, here: Path, tmp_path: Path, repository: Callable[[str], Repository]
) -> None:
    write(tmp_path / "empty", {"a.txt": ""})
    for source, message in {
        tmp_path / "empty": "neither copier.yml nor cookiecutter.json",
        tmp_path / "missing": "is not a folder, and no address of a Git repository",
        tmp_path / "missing.git": "cannot be fetched",
    }.items():
        result = mx("generate", "Template", source, cwd=here)
        assert result.code == 4
        assert message in result.err
    made = repository("a")
    made.commit({"copier.yml": ""})
    assert "has no v9" in mx("generate", "Template", made.path, "--ref", "v9", cwd=here).err
