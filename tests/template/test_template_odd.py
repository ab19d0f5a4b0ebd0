"""What public templates do that small ones do not: links, hooks, replay files, old migrations, loops without an end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from template_repos import Repository, write

Make = Callable[[str], Repository]
PRESERVE = {"copier.yml": "_preserve_symlinks: true\n", "a/b.txt": "b\n", "a/c.sh": "c\n"}


def test_relative_links_that_stay_inside_are_what_they_lead_to(mx: Any, here: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "links", PRESERVE)
    (source / "a/c.sh").chmod(0o755)
    (source / "scripts").mkdir()
    (source / "scripts/c").symlink_to("../a/c.sh")
    (source / "again").symlink_to("scripts/c")
    (source / "whole").symlink_to("a")
    made = mx("generate", "Template", source, cwd=here)
    assert made.code == 0, made.err
    assert "link scripts/c becomes a copy of what it leads to, ../a/c.sh" in made.err
    for name in ("scripts/c", "again", "whole/c.sh"):
        assert (here / name).read_text() == "c\n"
        assert (here / name).stat().st_mode & 0o100
        assert not (here / name).is_symlink()
    assert (here / "whole/b.txt").read_text() == "b\n"
    assert mx("status", "--exit-code", cwd=here).code == 0


@pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "nowhere", ".", "link", "a/back"])
def test_a_link_that_leads_to_none_of_its_files(mx: Any, here: Path, tmp_path: Path, target: str) -> None:
    source = write(tmp_path / "links", PRESERVE)
    (source / "a/back").symlink_to("..")
    (source / "link").symlink_to(target)
    refused = mx("generate", "Template", source, cwd=here)
    assert refused.code == 4, refused.err
    assert "leads to none of its own files" in refused.err
    assert list(here.iterdir()) == []


def test_the_version_before_gets_answers_that_are_asked_no_more(
    mx: Any, here: Path, repository: Make
) -> None:
    made = repository("t")
    made.commit(
        {"copier.yml": "a: 1\nb: {type: str}\nname: {type: str}\n", "x.txt.jinja": "{{ a }} {{ b }}\n"},
        "v1.0.0",
    )
    first = mx("generate", "Template", made.path, "--no-input", "-d", "b=old", "-d", "name=n", cwd=here)
    assert first.code == 0, first.err
    migrations = "_migrations: [{version: v0.5.0, command: 'true'}]\na: 1\n"
    made.commit({"copier.yml": migrations, "x.txt.jinja": "{{ a }}\n"}, "v2.0.0")
    after = mx("generate", "Template", made.path, "--trust", "--no-input", cwd=here)
    assert after.code == 0, after.err
    assert (here / "x.txt").read_text() == "1\n"


def test_a_context_hook_that_reads_an_answer(mx: Any, here: Path, tmp_path: Path) -> None:
    """Made here as `copier-template-extensions` makes it, which need not be installed."""
    extension = """
from jinja2.ext import Extension
class Hook(Extension):
    def __init__(self, environment):
        super().__init__(environment)
        class Hooked(environment.context_class):
            def __init__(self, env, parent, name, blocks, globals=None):
                if "_copier_conf" in parent:
                    parent["upper"] = parent["name"].upper()
                super().__init__(env, parent, name, blocks, globals)
        environment.context_class = Hooked
"""
    folder = write(tmp_path / "modules", {"a_context_hook.py": extension})
    config = "_jinja_extensions: [a_context_hook.Hook]\nname: {type: str}\n"
    source = write(tmp_path / "t", {"copier.yml": config, "x.txt.jinja": "{{ upper }}\n"})
    with pytest.MonkeyPatch.context() as patch:
        from mxdev_generators.template import process

        process.stop()
        patch.setenv("PYTHONPATH", str(folder))
        made = mx("generate", "Template", source, "--trust", "--no-input", "-d", "name=ada", cwd=here)
        process.stop()
    assert made.code == 0, made.err
    assert (here / "x.txt").read_text() == "ADA\n"


@pytest.mark.parametrize("kind", ["copier", "cookiecutter"])
def test_a_missing_extension_names_the_command(mx: Any, here: Path, tmp_path: Path, kind: str) -> None:
    pytest.importorskip(kind)
    module = "no_such_extension.deep.Thing"
    files = {"copier.yml": f"_jinja_extensions: [{module}]\n", "x.jinja": ""}
    if kind == "cookiecutter":
        files = {
            "cookiecutter.json": json.dumps({"slug": "x", "_extensions": [module]}),
            "{{ cookiecutter.slug }}/x": "",
        }
    refused = mx("generate", "Template", write(tmp_path / "t", files), "--trust", "--no-input", cwd=here)
    assert refused.code == 4
    assert "-m pip install no-such-extension`" in refused.err
    assert "Tell the template's authors" not in refused.err


def test_an_error_without_words_is_named(mx: Any, here: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "u", {"copier.yml": "", "x.jinja": "{{ 'x' * 10 ** 11 }}\n"})
    refused = mx("generate", "Template", source, cwd=here)
    assert refused.code == 4
    assert "cannot be rendered: MemoryError" in refused.err


def test_an_endless_template_is_stopped(
    mx: Any, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mxdev_generators.template import scratch

    monkeypatch.setattr(scratch, "_SECONDS", 1)
    loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    source = write(tmp_path / "t", {"copier.yml": "", "x.jinja": loops})
    stopped = mx("generate", "Template", source, cwd=here)
    assert stopped.code == 4
    assert "was still being rendered after 1 seconds, and was stopped" in stopped.err
    assert list(here.iterdir()) == []
    (source / "x.jinja").write_text("x")
    assert mx("generate", "Template", source, cwd=here).code == 0  # the next one is served


def test_a_replay_file_of_cookiecutter_has_the_real_source(mx: Any, here: Path, repository: Make) -> None:
    pytest.importorskip("cookiecutter")
    made = repository("cookie")
    replay = "{{ cookiecutter.slug }}/.cookiecutter.json"
    made.commit({"cookiecutter.json": '{"slug": "x"}', replay: "{{ cookiecutter | jsonify }}\n"}, "v1")
    command = ("generate", "Template", made.path, "--ref", "v1", "--trust", "--no-input")
    assert mx(*command, cwd=here).code == 0
    kept = json.loads((here / ".cookiecutter.json").read_text())
    assert kept == {
        "slug": "x", "_template": str(made.path), "_repo_dir": str(made.path), "_output_dir": ".", "_checkout": "v1",
    }  # fmt: skip
    assert mx(*command, "--json", cwd=here).rows[".cookiecutter.json"] == "identical"


def test_a_small_folder_that_tasks_made_and_the_template_ignores(mx: Any, here: Path, tmp_path: Path) -> None:
    """It is left out however small; what the template renders itself, and single files, are the project's. No clone misses them."""
    tasks = "_tasks:\n- mkdir -p node_modules/a sub && touch node_modules/a/i.js sub/key.pem && echo TOKEN=1 > .env\n"
    ignored = "node_modules\n.env\n*.pem\n.local/\n"
    source = write(tmp_path / "t", {"copier.yml": tasks, ".gitignore": ignored, "a": "a", ".local/b": "b"})
    git = Repository(here / "repository")
    made = mx("generate", "Template", source, "--trust", "--json", cwd=git.path)
    assert made.rows.keys() == {".env", ".gitignore", ".local/b", "a", "mx.yaml", "sub/key.pem"}, made.err
    git.commit({})
    git.git("clone", "-q", ".", "../clone")
    assert sorted(path.name for path in (here / "clone").iterdir()) == [
        ".git",
        ".gitignore",
        ".mx",
        "a",
        "mx.yaml",
    ]
    assert "missing" not in mx("status", cwd=here / "clone").out
    again = mx("generate", "Template", source, "--trust", "--no-input", cwd=here / "clone")
    assert "(it is not here: Git ignores it, so that no clone has it)" in again.out
    assert "you deleted it" not in again.out
    (git.path / "sub/key.pem").unlink()
    assert "missing  sub/key.pem" in mx("status", cwd=git.path).out


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such names")
def test_a_name_that_is_no_utf_8_is_refused_before_it_is_lost_in_a_record(
    mx: Any, here: Path, tmp_path: Path
) -> None:
    source = write(tmp_path / "odd", {"copier.yml": "a: 1\n", "a.txt": "a\n"})
    (source / "b\udcffin.txt").write_text("odd\n")
    refused = mx("generate", "Template", source, cwd=here)
    assert refused.code == 4, refused.err
    assert "b\\udcffin.txt', which no record can hold: its bytes are no UTF-8" in refused.err
    assert list(here.iterdir()) == []
