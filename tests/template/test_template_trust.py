"""What a template may run, and that secrets stay out of what is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from template_repos import Repository, write

TASKS = {
    "copier.yml": "_tasks:\n  - test ! -p /dev/stdin\n  - \"echo {{ name }} > made.txt\"\n  - [touch, '{{ _copier_conf.dst_path }}/two.txt']\n"
                  "  - {command: 'echo on stdout; touch never.txt', when: '{{ name == \"y\" }}'}\nname: x\n",
    "a.txt": "a\n",
}  # fmt: skip
EXTENSION = {
    "copier.yml": "_jinja_extensions: [jinja2.ext.do]\n", "a.txt.jinja": "{% set l = [] %}{% do l.append(1) %}{{ l }}",
}  # fmt: skip
HUNTER = "hunter2-of-mine"


def everything(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize(("files", "feature"), [(TASKS, "tasks"), (EXTENSION, "jinja extensions")])
def test_what_runs_code_needs_trust(mx: Any, here: Path, tmp_path: Path, files: Any, feature: str) -> None:
    source = write(tmp_path / "t", files)
    refused = mx("generate", "Template", source, cwd=here)
    assert refused.code == 1
    assert f"uses {feature}: it would run its authors' code" in refused.err
    assert "--trust" in refused.err
    assert list(here.iterdir()) == []
    assert mx("generate", "Template", source, "--trust", cwd=here).code == 0


def test_what_tasks_make_is_in_the_plan_and_trust_is_the_users(mx: Any, here: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "t", TASKS)
    shown = mx("generate", "Template", source, "--trust", "--dry-run", "--json", cwd=here)
    assert set(shown.rows) == {"a.txt", "made.txt", "two.txt", "mx.yaml"}
    assert list(here.iterdir()) == []
    mx("generate", "Template", source, "--trust", cwd=here)
    assert (here / "made.txt").read_text() == "x\n"
    assert b"trust" not in (here / ".mx/generators/Template.t.yaml").read_bytes()

    changed = mx("set", "Template:t.name=y", "--json", cwd=here)
    assert changed.rows["made.txt"] == "update"
    assert changed.rows["never.txt"] == "create"

    from mxdev_generators.template import trust

    trust._place().unlink()
    record = here / ".mx/generators/Template.t.yaml"
    record.write_text(record.read_text().replace("options:\n", "options:\n  trust: true\n"))
    assert mx("set", "Template:t.name=z", cwd=here).code == 1
    assert (here / "made.txt").read_text() == "y\n"
    assert "uses tasks" in mx("update", cwd=here).err
    # A project that says of itself that it is trusted is not.
    assert trust.trusted() == []


def test_a_task_that_fails_changes_nothing(mx: Any, here: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "t", {"copier.yml": "_tasks: ['exit 3']\n", "a.txt": ""})
    result = mx("generate", "Template", source, "--trust", cwd=here)
    assert result.code == 4
    assert "returned non-zero exit status 3" in result.err
    assert list(here.iterdir()) == []


def test_a_template_of_the_same_version_needs_no_trust_again(
    mx: Any, here: Path, repository: Callable[[str], Repository]
) -> None:
    made = repository("t")
    made.commit(TASKS, "v1")
    mx("generate", "Template", made.path, "--trust", cwd=here)
    from mxdev_generators.template import trust

    trust._place().unlink()
    assert mx("status", "--exit-code", cwd=here).code == 0
    assert mx("update", cwd=here).code == 0
    made.commit({"a.txt": "b\n"}, "v2")
    refused = mx("update", cwd=here)
    assert refused.code == 1
    assert "uses tasks" in refused.err


def test_migrations_change_what_was_rendered_and_need_trust(
    mx: Any, here: Path, repository: Callable[[str], Repository]
) -> None:
    made = repository("t")
    made.commit({"copier.yml": "n: 1\n", "old.txt.jinja": "{{ n }}\n", "a.txt": "1\n"}, "v1.0.0")
    assert mx("generate", "Template", made.path, "--n", "5", cwd=here).code == 0
    (here / "a.txt").write_text("mine\n")
    made.git("rm", "--quiet", "old.txt.jinja")
    migrations = "_migrations:\n  - {version: v2.0.0, command: 'mv old.txt new.txt', when: '{{ _stage == \"before\" }}'}\nn: 1\n"
    made.commit({"copier.yml": migrations, "b.txt": "b\n"}, "v2.0.0")
    refused = mx("update", cwd=here)
    assert refused.code == 1
    assert "uses migrations" in refused.err
    result = mx("generate", "Template", made.path, "--trust", "--json", cwd=here)
    assert result.rows == {
        "a.txt": "keep", "b.txt": "create", "new.txt": "create", "old.txt": "remove", "mx.yaml": "identical",
    }, result.out  # fmt: skip
    assert (here / "new.txt").read_text() == "5\n"
    assert not (here / ".copier-answers.yml").exists()
    made.commit({"b.txt": "c\n"}, "v3.0.0")
    rows = mx("update", "--json", cwd=here).rows
    assert (rows["new.txt"], rows["b.txt"]) == ("identical", "update")
    assert set(mx("set", "Template:t.n=6", "--json", cwd=here).rows.values()) <= {"identical", "keep"}


def test_a_secret_goes_to_tasks_and_is_not_recorded(mx: Any, here: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "t", {
        "copier.yml": "_secret_questions: [token]\n_tasks: ['test \"{{ token }}\" = " + HUNTER + "']\n"
                      "token: {type: str, default: none}\nkey: {type: str, default: '', secret: true}\n",
        "a.txt.jinja": "{{ 'has a key' if key is defined }}\n",
    })  # fmt: skip
    result = mx("generate", "Template", source, "--token", HUNTER, "--trust", cwd=here)
    assert result.code == 0, result.err
    assert HUNTER.encode() not in everything(here)
    assert HUNTER not in result.out + result.err


@pytest.mark.parametrize(
    "body", ["{{ token }}", "{{ token|hash('sha256') }}", "{{ 'long' if token|length > 3 }}"]
)
def test_a_secret_in_a_file_is_refused(mx: Any, here: Path, tmp_path: Path, body: str) -> None:
    source = write(tmp_path / "t", {
        "copier.yml": "token: {type: str, default: '', secret: true}\n", "sub/.env.jinja": body, "b.txt": "b",
    })  # fmt: skip
    result = mx("generate", "Template", source, "--token", HUNTER, cwd=here)
    assert result.code == 4
    assert "writes --token into sub/.env" in result.err
    assert HUNTER not in result.err
    assert list(here.iterdir()) == []
    assert mx("generate", "Template", source, cwd=here).code == 0


def test_a_task_that_writes_a_secret_is_refused(mx: Any, here: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "t", {
        "copier.yml": "_tasks: ['echo {{ token }} > .env']\ntoken: {type: str, default: '', secret: true}\n",
    })  # fmt: skip
    result = mx("generate", "Template", source, "-d", f"token={HUNTER}", "--trust", cwd=here)
    assert "writes --token into .env" in result.err
    assert list(here.iterdir()) == []


COOKIE = {
    "cookiecutter.json": json.dumps({
        "name": "My App", "slug": "{{ cookiecutter.name|lower|replace(' ', '-') }}", "licence": ["MIT", "Apache"],
        "docker": True, "extra": {"a": "1"}, "_private": "p", "__prompts__": {"name": "What is it called?"},
    }),
    "{{ cookiecutter.slug }}/README.md":
        "{{ cookiecutter.name }} {{ cookiecutter.licence }} {{ cookiecutter.docker }} {{ cookiecutter.extra.a }}\n",
    "{{ cookiecutter.slug }}/src/{{ cookiecutter.slug }}.py": "",
    "hooks/post_gen_project.sh": "#!/bin/sh\necho talk\necho hooked > hooked.txt\n",
}  # fmt: skip


def test_a_cookiecutter_template(mx: Any, here: Path, repository: Callable[[str], Repository]) -> None:
    pytest.importorskip("cookiecutter")
    made = repository("cookie")
    made.commit(COOKIE, "v1")
    refused = mx("generate", "Template", made.path, cwd=here)
    assert refused.code == 1
    assert "Cookiecutter, which has no sandbox" in refused.err
    shown = mx("generate", "Template", made.path, "--help", cwd=here)
    assert "--licence [MIT|Apache]" in shown.out
    assert "What is it called?" in shown.out
    result = mx(
        "generate",
        "Template",
        made.path,
        "--licence",
        "Apache",
        "--docker",
        "no",
        "--trust",
        "--json",
        cwd=here,
    )
    assert set(result.rows) == {"README.md", "src/my-app.py", "hooked.txt", "mx.yaml"}, result.out
    assert (here / "README.md").read_text() == "My App Apache False 1\n"

    made.commit({"{{ cookiecutter.slug }}/LICENSE": "{{ cookiecutter.licence }}\n"}, "v2")
    assert "Cookiecutter, which has no sandbox" in mx("update", cwd=here).err
    rows = mx("generate", "Template", made.path, "--trust", "--json", cwd=here).rows
    assert rows["LICENSE"] == "create"
    assert rows["README.md"] == "identical"
    assert (here / "LICENSE").read_text() == "Apache\n"


NESTED = {
    "a/cookiecutter.json": '{"slug": "x", "colour": ["red", "blue"]}',
    "a/{{ cookiecutter.slug }}/a.txt": "{{ cookiecutter.colour }}\n",
    "more/b/cookiecutter.json": '{"slug": "y"}',
    "more/b/{{ cookiecutter.slug }}/b.txt": "b\n",
}


@pytest.mark.parametrize("kind", ["folder", "repository"])
@pytest.mark.parametrize("choices", [
    {"templates": {"one": {"path": "./a", "title": "One"}, "two": {"path": "./more/b"}}},
    {"template": ["One (a)", "Two (./more/b)"]},
])  # fmt: skip
def test_one_of_several_cookiecutter_templates(
    mx: Any, here: Path, repository: Callable[[str], Repository], choices: Any, kind: str
) -> None:
    pytest.importorskip("cookiecutter")
    files = {**NESTED, "cookiecutter.json": json.dumps(choices)}
    if kind == "folder":
        source = write(here.parent / "nested", files)
    else:
        repository("nested").commit(files, "v1")
        source = here.parent / "repositories/nested"
    command = ("generate", "Template", source, "--trust")
    refused = mx(*command, cwd=here)
    assert refused.code == 2
    assert "has several templates: a, more/b.\nSay which one you want: --directory a\n" in refused.err
    assert "--colour [red|blue]" in mx(*command, "--directory", "a", "--help", cwd=here).out
    assert mx(*command, "--directory", "a", "--colour", "blue", cwd=here).code == 0
    assert (here / "a.txt").read_text() == "blue\n"
    assert mx(*command, "--directory", "more/b/", "--into", "of-b", cwd=here).code == 0
    assert (here / "of-b/b.txt").read_text() == "b\n"
    assert mx("set", "Template:a.colour=red", cwd=here).code == 0
    assert (here / "a.txt").read_text() == "red\n"
    assert set(mx("update", "--json", cwd=here).rows.values()) == {"identical"}


def test_a_folder_that_has_no_cookiecutter_template_is_told(
    mx: Any, here: Path, tmp_path: Path, repository: Callable[[str], Repository]
) -> None:
    made = repository("nested")
    made.commit({**NESTED, "cookiecutter.json": "{}"}, "v1")
    result = mx("generate", "Template", made.path, "--directory", "none", "--trust", cwd=here)
    assert (result.code, "(none) at v1 is not a template: it has neither" in result.err) == (4, True), (
        result.err
    )
    source = write(
        tmp_path / "t", {"copier.yml": "a: 1\n", "sub/copier.yml": "a: 1\n", "cookiecutter.json": "{}"}
    )
    write(tmp_path / "beside", {"cookiecutter.json": '{"a": "b"}'})
    for directory, says in (
        ("sub", "is not a template of Cookiecutter, and Copier takes a repository as a whole"),
        ("none", "it has neither copier.yml nor cookiecutter.json"),
        ("../beside", "leads out of the template"),
    ):
        result = mx("generate", "Template", source, "--directory", directory, "--trust", cwd=here)
        assert (result.code in (2, 4), says in result.err) == (True, True), result.err
    assert list(here.iterdir()) == []


def test_a_missing_cookiecutter_is_told(
    mx: Any, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mxdev_generators.template import process

    source = write(tmp_path / "cookie", COOKIE)
    gone = write(
        tmp_path / "site", {"cookiecutter.py": "raise ModuleNotFoundError('gone', name='cookiecutter')\n"}
    )
    process.stop()
    monkeypatch.setenv("PYTHONPATH", str(gone))
    result = mx("generate", "Template", source, "--trust", cwd=here)
    process.stop()
    assert result.code == 4
    assert "needs cookiecutter, which is not installed" in result.err
    assert "pip install cookiecutter" in result.err


# What one without trust can reach


REACHING = {
    "an environment variable": "{{ '$MX_SECRET' | expandvars }}",
    "another way to it": "{{ ['$MX_SECRET'] | map('expandvars') | join }}",
    "names of files": "{{ '/etc/pass*' | fileglob }}",
    "the home folder": "{{ '~' | expanduser }}",
    "where a link leads": "{{ '/proc/self/cwd' | realpath }}",
    "the current folder": "{{ '/etc' | relpath }}",
}


@pytest.mark.parametrize("text", REACHING.values(), ids=REACHING)
@pytest.mark.parametrize("where", ["file", "name", "default", "message"])
def test_the_machine_is_out_of_reach(
    mx: Any, here: Path, tmp_path: Path, text: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MX_SECRET", HUNTER)
    files = {"copier.yml": "x: a\n", "a.txt": "a\n"}
    if where == "file":
        files["e.txt.jinja"] = text
    elif where == "name":
        files[f"n{text.replace('/', '|')}.jinja" if "/" not in text else "n.jinja"] = text
    elif where == "default":
        files["copier.yml"] = f'x:\n  type: str\n  default: "{text}"\n'
        files["e.txt.jinja"] = "{{ x }}"
    else:
        files["copier.yml"] = f'_message_after_copy: "{text}"\nx: a\n'
    source = write(tmp_path / "t", files)
    result = mx("generate", "Template", source, "--no-input", cwd=here)
    assert result.code == 4, result.out
    assert "which looks at this machine" in result.err
    assert "--trust" in result.err
    assert HUNTER not in result.out + result.err
    assert list(here.iterdir()) == []
    trusted = mx("generate", "Template", source, "--no-input", "--trust", cwd=here)
    assert trusted.code == 0, trusted.err


def test_no_variable_of_the_person_is_there(
    mx: Any, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mxdev_generators.template import scratch
    from mxdev_generators.template.source import Template

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", HUNTER)
    monkeypatch.setenv("LC_TIME", "C")
    environment = scratch._environment(Template("x"), tmp_path, trust=False)
    assert HUNTER not in environment.values()
    assert environment["LC_TIME"] == "C"
    assert environment["HOME"] == str(tmp_path / "home")
    assert scratch._environment(Template("x"), tmp_path, trust=True)["AWS_SECRET_ACCESS_KEY"] == HUNTER


def test_a_link_out_of_the_template_is_not_followed(mx: Any, here: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text(HUNTER)
    source = write(tmp_path / "t", {"copier.yml": "x: a\n", "a.txt": "a\n"})
    (source / "e.txt").symlink_to(tmp_path / "secret.txt")
    (source / "d").symlink_to(tmp_path)
    mx("generate", "Template", source, "--no-input", cwd=here)
    assert HUNTER.encode() not in everything(here)


def test_trust_is_for_a_commit(mx: Any, here: Path, repository: Callable[[str], Repository]) -> None:
    made = repository("t")
    made.commit(TASKS, "v1")
    assert mx("generate", "Template", made.path, "--trust", cwd=here).code == 0
    assert mx("set", "Template:t.name=z", cwd=here).code == 0
    made.commit({"a.txt": "b\n"}, "v2")
    refused = mx("update", cwd=here)
    assert refused.code == 1
    assert "uses tasks" in refused.err
    assert mx("generate", "Template", made.path, "--trust", cwd=here).code == 0
    assert mx("update", cwd=here).code == 0


def test_trust_is_for_the_files_of_a_folder(mx: Any, here: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "t", TASKS)
    assert mx("generate", "Template", source, "--trust", cwd=here).code == 0
    assert mx("update", cwd=here).code == 0
    write(source, {"copier.yml": TASKS["copier.yml"].replace("made.txt", "other.txt")})
    assert "uses tasks" in mx("update", cwd=here).err


def test_what_only_looks_runs_no_task(mx: Any, here: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    source = write(
        tmp_path / "t", {"copier.yml": f"_tasks: ['touch {mark}']\nname: x\n", "a.txt.jinja": "{{ name }}\n"}
    )
    assert mx("generate", "Template", source, "--trust", cwd=here).code == 0
    assert mark.exists()
    mark.unlink()
    for command in (
        ["status"],
        ["diff"],
        ["lint"],
        ["update", "--dry-run"],
        ["set", "Template:t.name=y", "--dry-run"],
    ):
        result = mx(*command, cwd=here)
        assert not mark.exists(), command
        assert result.code in (0, 1), result.err
    assert "a command that only looks" in mx("update", "--dry-run", cwd=here).err
    assert mx("update", cwd=here).code == 0
    assert mark.exists()
