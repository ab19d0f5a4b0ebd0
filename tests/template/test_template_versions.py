"""Which version of a template is rendered, when, and what of it needs the repository."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from template_repos import Files, Repository, write

from mxdev_generators.template import git

Make = Callable[[str], Repository]
ANSWERS = "{{ _copier_answers|to_nice_yaml }}"


def version(number: int, **more: str) -> Files:
    """A template of which each version says its number."""
    return {
        "copier.yml": "name: {type: str, default: x}\n" + more.get("questions", ""),
        "a.txt.jinja": f"head\n{{{{ name }}}}\n\n\n\nversion {number}\n",
        "{{ _copier_conf.answers_file }}.jinja": ANSWERS,
    }


def recorded(project: Path, name: str = "api") -> Any:
    return yaml.safe_load((project / f".mx/generators/Template.{name}.yaml").read_text())["options"]


def text(project: Path) -> str:
    return (project / "a.txt").read_text()


def test_the_newest_release_is_rendered_and_an_update_merges_the_next(
    mx: Any, here: Path, repository: Make
) -> None:
    made = repository("api")
    first = made.commit(version(1), "v1.0.0")
    made.commit(version(2), "v2.0.0rc1")
    made.commit(version(3))
    result = mx("generate", "Template", made.path, "--name", "shop", cwd=here)
    assert result.code == 0, result.err
    assert text(here) == "head\nshop\n\n\n\nversion 1\n"
    assert recorded(here)["commit"] == first
    answers = yaml.safe_load((here / ".copier-answers.yml").read_text())
    assert answers == {"_commit": "v1.0.0", "_src_path": str(made.path), "name": "shop"}

    (here / "a.txt").write_text(text(here).replace("head", "mine"))
    (here / "own.txt").write_text("mine")
    second = made.commit(version(4), "v10.0.0")
    made.commit(version(5), "v9.0.0")
    rows = mx("update", "--json", cwd=here).rows
    assert rows == {"a.txt": "merge", ".copier-answers.yml": "update", "mx.yaml": "identical"}
    assert text(here) == "mine\nshop\n\n\n\nversion 4\n"
    assert recorded(here)["commit"] == second

    mx("undo", cwd=here)
    assert recorded(here)["commit"] == first


def test_a_reference_pins_or_follows(mx: Any, here: Path, repository: Make) -> None:
    made = repository("api")
    made.commit(version(1), "v1.0.0")
    made.commit(version(2), "v2.0.0")
    mx("generate", "Template", made.path, "--ref", "v1.0.0", cwd=here)
    assert text(here).endswith("version 1\n")
    made.commit(version(3), "v3.0.0")
    assert set(mx("update", "--json", cwd=here).rows.values()) == {"identical"}
    # Generated again, it is what it was; only --ref changes that.
    mx("generate", "Template", made.path, "--name", "y", cwd=here)
    assert text(here).endswith("y\n\n\n\nversion 1\n")

    assert mx("set", "Template:api.ref=main", cwd=here).code == 0
    assert text(here).endswith("version 3\n")
    made.commit(version(4))
    mx("update", cwd=here)
    assert text(here).endswith("version 4\n")
    mx("set", "Template:api.ref=", cwd=here)
    assert text(here).endswith("version 3\n")


def test_without_releases_the_default_branch_is_rendered(mx: Any, here: Path, repository: Make) -> None:
    made = repository("api")
    made.git("checkout", "--quiet", "-b", "trunk")
    made.commit(version(1))
    mx("generate", "Template", made.path, cwd=here)
    assert text(here).endswith("version 1\n")
    made.git("checkout", "--quiet", "-b", "next")
    made.commit(version(2))  # the branch that is checked out is the default one of such a repository
    mx("update", cwd=here)
    assert text(here).endswith("version 2\n")


def test_other_answers_keep_the_version(mx: Any, here: Path, repository: Make) -> None:
    made = repository("api")
    made.commit(version(1), "v1.0.0")
    mx("generate", "Template", made.path, cwd=here)
    made.commit(version(2), "v2.0.0")
    mx("update", "--dry-run", cwd=here)  # now the second version is known here
    mx("set", "Template:api.name=y", cwd=here)
    assert text(here) == "head\ny\n\n\n\nversion 1\n"


@pytest.mark.parametrize("prefix", ["", "git+file://"])
def test_status_needs_no_repository_and_an_update_says_that_it_does(
    mx: Any, here: Path, repository: Make, prefix: str
) -> None:
    made = repository("api")
    made.commit(version(1), "v1.0.0")
    mx("generate", "Template", f"{prefix}{made.path}", cwd=here)
    made.commit(version(2), "v2.0.0")
    assert mx("status", "--exit-code", cwd=here).code == 0
    mx("update", "--dry-run", cwd=here)
    made.path.rename(made.path.with_name("gone"))
    git.forget()

    if prefix:  # Copier takes a folder from where it is
        waiting = mx("status", "--exit-code", "--json", cwd=here)
        assert waiting.code == 1
        assert waiting.json["instances"][0]["update"] == [".copier-answers.yml", "a.txt"]
        mx("set", "Template:api.name=y", cwd=here)
        assert text(here) == "head\ny\n\n\n\nversion 1\n"
    everything = mx("update", cwd=here)
    assert everything.code == 4
    assert "Template:api is left as it is" in everything.err
    named = mx("update", "Template:api", cwd=here)
    assert named.code == 4
    assert "cannot be fetched" in named.err
    assert text(here).endswith("version 1\n")


def test_where_nothing_of_the_template_is_kept_it_is_fetched_again(
    mx: Any, here: Path, repository: Make, cache: Path
) -> None:
    made = repository("api")
    made.commit(version(1), "v1.0.0")
    mx("generate", "Template", made.path, cwd=here)
    shutil.rmtree(cache / "templates")
    git.forget()
    assert mx("status", "--exit-code", cwd=here).code == 0
    shutil.rmtree(cache / "templates")
    made.path.rename(made.path.with_name("gone"))
    git.forget()
    result = mx("status", "--exit-code", cwd=here)
    assert result.code == 1
    assert "cannot update" in result.out
    assert mx("destroy", "Template:api", cwd=here).code == 0


def test_nothing_is_rendered_where_version_and_answers_are_the_same(
    mx: Any, here: Path, repository: Make, monkeypatch: Any
) -> None:
    made = repository("api")
    made.commit(version(1), "v1.0.0")
    mx("generate", "Template", made.path, cwd=here)
    from mxdev_generators.template import scratch

    monkeypatch.setattr(scratch, "render", lambda *_, **__: 1 / 0)
    for command in (["status"], ["update"], ["generate", "Template", os.fspath(made.path)]):
        assert mx(*command, cwd=here).code == 0
    (here / ".mx/pristine/Template.api/a.txt.pristine").write_text("damaged")
    assert mx("update", cwd=here).code == 4


def test_a_question_that_is_gone_is_said_and_a_new_one_gets_its_default(
    mx: Any, here: Path, repository: Make
) -> None:
    made = repository("api")
    made.commit(
        version(
            1, questions="old: {type: str, default: o}\nsize: {type: str, choices: [a, b], default: b}\n"
        ),
        "v1",
    )
    mx("generate", "Template", made.path, cwd=here)
    made.commit(
        version(
            2, questions="new: {type: int, default: 7}\nsize: {type: str, choices: [a, c], default: c}\n"
        ),
        "v2",
    )
    result = mx("update", cwd=here)
    assert "has no option old any more" in result.err, result.err
    assert recorded(here)["new"] == 7
    assert recorded(here)["size"] == "c"
    assert "old" not in recorded(here)


def test_a_file_that_is_rendered_once(mx: Any, here: Path, repository: Make) -> None:
    made = repository("api")
    once = "_skip_if_exists: [once.txt, later.txt]\n"
    made.commit({**version(1, questions=once), "once.txt": "one\n"}, "v1")
    mx("generate", "Template", made.path, cwd=here)
    assert (here / "once.txt").read_text() == "one\n"
    (here / "later.txt").write_text("mine\n")
    made.commit({**version(2, questions=once), "once.txt": "two\n", "later.txt": "theirs\n"}, "v2")
    rows = mx("update", "--json", cwd=here).rows
    assert rows["once.txt"] == "identical"
    assert "later.txt" not in rows
    assert (here / "later.txt").read_text() == "mine\n"


def test_a_repository_in_a_folder_of_the_project_and_a_bare_one(
    mx: Any, here: Path, repository: Make
) -> None:
    made = repository("api")
    made.commit(version(1), "v1")
    bare = made.path.with_name("bare.git")
    made.git("clone", "--quiet", "--bare", ".", os.fspath(bare))
    assert mx("generate", "Template", bare, cwd=here).code == 0
    assert recorded(here, "bare")["source"] == str(bare)
    url = mx("generate", "Template", f"git+file://{bare}", "--as", "url", "--into", "sub", cwd=here)
    assert url.code == 0, url.err
    answers = yaml.safe_load((here / "sub/.copier-answers.yml").read_text())
    assert answers["_src_path"] == f"git+file://{bare}"


def test_values_from_a_file_and_from_the_environment(
    mx: Any, here: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    source = write(tmp_path / "plain", {
        "copier.yml": "one: {type: str}\ntwo: {type: str}\nthree: {type: str, default: d}\n",
        "a.txt.jinja": "{{ one }} {{ two }} {{ three }}",
    })  # fmt: skip
    values = tmp_path / "values.yaml"
    values.write_text("one: f\n")
    monkeypatch.setenv("MX_OPT_TWO", "e")
    result = mx("generate", "Template", source, "--values", values, cwd=here)
    assert result.code == 0, result.err
    assert (here / "a.txt").read_text() == "f e d"


MESSAGES = """
_message_before_copy: "First of {{ _copier_conf.src_path }}."
_message_after_copy: "{% include 'notes.txt' %}"
_message_before_update: Before.
_message_after_update: "After, in {{ _copier_conf.dst_path }}: \\e[31m{{ name }}\\e[2J \\u202e.\\n\\tThe end."
name: {type: str, default: demo}
"""


def test_messages_are_shown_when_something_changes(mx: Any, here: Path, repository: Make) -> None:
    made = repository("talks")
    notes = "Now run make in {{ _copier_conf.dst_path }}, {{ name }}.\n"
    made.commit({"copier.yml": MESSAGES, "notes.txt": notes, "a.txt": "1\n"}, "v1.0.0")
    first = f"Template:talks says:\n  First of {made.path}.\n"
    then = f"Template:talks says:\n  Now run make in {here}/to, demo.\n"
    command = ("generate", "Template", made.path, "--into", "to")
    planned = mx(*command, "--dry-run", cwd=here)
    assert (planned.err, planned.code) == (
        first,
        0,
    )  # what is told of a project that is there would not be true
    applied = mx(*command, "--json", cwd=here)
    assert applied.err == first + then
    assert applied.json["outcome"] == "applied"
    for again in (("update",), ("status",)):
        assert "says" not in mx(*again, cwd=here).err
    folder = write(here.parent / "folder", {"copier.yml": MESSAGES, "notes.txt": notes, "b.txt": "1\n"})
    assert "Template:folder says" in mx("generate", "Template", folder, cwd=here).err
    assert "says" not in mx("update", cwd=here).err  # it is rendered again, and nothing comes of it
    made.commit({"a.txt": "2\n"}, "v1.1.0")
    updated = mx("update", cwd=here)
    after = f"Template:talks says:\n  After, in {here}/to: demo .\n          The end.\n"
    assert updated.err == "Template:talks says:\n  Before.\n" + after


def test_a_template_with_migrations_has_messages_too(mx: Any, here: Path, repository: Make) -> None:
    made = repository("moves")
    made.commit({
        "copier.yml": MESSAGES + "_migrations: ['true']\n", "notes.txt": "hello", "a.txt": "1\n",
        "{{ _copier_conf.answers_file }}.jinja": "{{ _copier_answers|to_nice_yaml }}",
    }, "v1.0.0")  # fmt: skip
    assert "  hello\n" in mx("generate", "Template", made.path, "--trust", cwd=here).err
    made.commit({"a.txt": "2\n"}, "v1.1.0")
    said = mx("generate", "Template", made.path, "--trust", cwd=here).err
    assert said.startswith("Template:moves says:\n  Before.\nTemplate:moves says:\n  After, in ")
    assert "First of" not in said
    assert "hello" not in said
