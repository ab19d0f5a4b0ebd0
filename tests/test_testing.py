"""`mxdev.testing`, which plugin authors and the tests of mx use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Mx

from mxdev import testing
from mxdev.errors import UsageProblem


@pytest.fixture(autouse=True)
def plugin(samples: Path) -> None:
    """The sample plugin is installed."""


def test_render_in_memory(tmp_path: Path) -> None:
    tree = testing.render("SampleBase", name="demo", size=2, description="x: y")
    assert testing.text(tree, "conf/settings.yaml")
    assert "extra.txt" in tree.files
    assert [section.address for section in tree.sections][:2] == ["name", "base.size"]
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageProblem, match="--size"):
        testing.render("SampleBase", name="demo", size=99)
    with pytest.raises(TypeError, match=r"nobody declares colour; there are: .*size"):
        testing.render("SampleBase", name="demo", colour="red")


def test_a_render_knows_nothing_of_the_person_s_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = testing.contents(testing.render_all("SampleBase", name="demo"))
    (tmp_path / "defaults.yaml").write_text("region: elsewhere\n")
    monkeypatch.setenv("MX_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("MX_OPT_SIZE", "7")
    assert testing.contents(testing.render_all("SampleBase", name="demo")) == before


def test_plan_of_a_new_project_and_of_one_that_is_there(mx: Mx, tmp_path: Path) -> None:
    fresh = testing.statuses(testing.plan("SampleBase", root=tmp_path / "none", name="demo"))
    assert set(fresh.values()) == {"create"}
    assert "README.md" in fresh
    mx("generate", "SampleBase", "demo", "--no-input")
    (tmp_path / "demo/plain.txt").write_text("mine\n")
    again = testing.statuses(testing.plan("SampleApp", root=tmp_path / "demo", name="web"))
    assert {path for path, status in again.items() if status == "create"} == {"apps/web.yaml"}
    assert again["shared.yaml"] == "update"
    assert testing.statuses(testing.plan("SampleBase", root=tmp_path / "demo"))["plain.txt"] == "keep"
    assert not (tmp_path / "demo/apps").exists()


def test_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "snapshot"
    tree = testing.render("SampleBase", name="demo")
    with pytest.raises(AssertionError, match=r"run\.sh is rendered, and the snapshot does not have it"):
        testing.assert_snapshot(tree, folder)
    assert not folder.exists()
    monkeypatch.setenv("MX_UPDATE_SNAPSHOTS", "1")
    testing.assert_snapshot(tree, folder)
    monkeypatch.delenv("MX_UPDATE_SNAPSHOTS")
    testing.assert_snapshot(tree, folder)
    assert (folder / "shared.yaml").read_text().startswith("name: demo\n")

    (folder / "run.sh").chmod(0o644)
    with pytest.raises(AssertionError, match=r"run\.sh is not a program in the snapshot only"):
        testing.assert_snapshot(tree, folder)
    (folder / "run.sh").chmod(0o755)
    (folder / "more.txt").write_text("x")
    with pytest.raises(AssertionError, match=r"more\.txt is in the snapshot, and it is not rendered"):
        testing.assert_snapshot(tree, folder)
    (folder / "more.txt").unlink()
    other = testing.render("SampleBase", name="demo", description="Other.")
    with pytest.raises(AssertionError, match=r"(?s)-.*A sample.*\+.*Other.*MX_UPDATE_SNAPSHOTS=1"):
        testing.assert_snapshot(other, folder)
    # An update takes away what is no longer rendered.
    (folder / "more.txt").write_text("x")
    monkeypatch.setenv("MX_UPDATE_SNAPSHOTS", "1")
    testing.assert_snapshot(other, folder)
    monkeypatch.delenv("MX_UPDATE_SNAPSHOTS")
    assert not (folder / "more.txt").exists()
    testing.assert_snapshot(other, folder)


def test_write_keeps_what_mx_would_write(mx: Mx, tmp_path: Path) -> None:
    mx("generate", "SampleBase", "demo", "--no-input")
    testing.write(testing.render_all("SampleBase", name="demo"), tmp_path / "written")
    for path in (tmp_path / "written").rglob("*"):
        twin = tmp_path / "demo" / path.relative_to(tmp_path / "written")
        assert twin.exists()
        if path.is_file():
            assert (path.read_bytes(), path.stat().st_mode) == (twin.read_bytes(), twin.stat().st_mode)


def test_converse_answers_questions(tmp_path: Path) -> None:
    told = testing.converse(
        "generate", "SampleBase", cwd=tmp_path, answers=[("project's name", "demo"), ("What it is for", "")]
    )
    assert told.code == 0, told.stdout
    assert "create  README.md" in told.stdout
    assert "name: demo" in (tmp_path / "demo/mx.yaml").read_text()


def test_converse_tells_when_a_question_does_not_come(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"(?s)'favourite colour' did not come:.*project's name"):
        testing.converse(
            "generate", "SampleBase", cwd=tmp_path, timeout=3, answers=[("favourite colour", "blue")]
        )
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(AssertionError, match="did not come"):
        testing.converse("--version", cwd=tmp_path, answers=[("anything", "x")])


def test_mx_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = testing.mx("generate", "SampleTool", cwd=tmp_path)
    assert (done.code, done.stderr) == (0, "")
    assert "create  tool.sh" in done.stdout
    assert testing.mx("generate", "Nothing", cwd=tmp_path).code == 2


def test_a_run_knows_nothing_of_the_person_s_defaults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("MX_CONFIG_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".config/mx").mkdir(parents=True)
    (tmp_path / ".config/mx/defaults.yaml").write_text("region: elsewhere\n")
    made = testing.mx("generate", "SampleBase", "demo", "--no-input", cwd=tmp_path)
    assert (made.code, "elsewhere" in made.stderr) == (0, False), made.stderr
    env = {"MX_CONFIG_DIR": str(tmp_path / ".config/mx")}
    made = testing.mx("generate", "SampleBase", "two", "--no-input", cwd=tmp_path, env=env)
    assert "region is elsewhere" in made.stderr


def test_what_takes_long_is_done_once_for_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MX_TEST_ALL", raising=False)
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub/a.txt").write_text("a")
    asked: list[str] = []

    def ask(folder: str, *more: object) -> str:
        return testing.once([tmp_path / folder, *more], lambda: asked.append(folder) or f"{len(asked)}")

    assert [ask("one"), ask("one"), ask("two")] == ["1", "1", "1"]
    (tmp_path / "two/.mx").mkdir()
    (tmp_path / "two/.mx/lock").touch()
    assert ask("two") == "1"  # what tools leave does not count
    (tmp_path / "two/sub/a.txt").rename(tmp_path / "two/sub/b.txt")
    assert [ask("two"), ask("two", 1), ask("two", "1")] == ["2", "3", "4"]
    with pytest.raises(ZeroDivisionError):
        testing.once([0], lambda: str(1 / 0))
    assert testing.once([0], lambda: "now") == "now"  # a failure is not kept
    monkeypatch.setenv("MX_TEST_ALL", "1")
    assert ask("one") == "5"


def test_a_program_ends_as_it_must(tmp_path: Path) -> None:
    script = "import os, sys; print(os.getcwd(), os.environ['SAID']); sys.exit('why')"
    said = testing.run(sys.executable, "-c", script, cwd=tmp_path, env={"SAID": "it"}, code=1)
    assert (said.code, said.stdout, said.stderr) == (1, f"{tmp_path} it\n", "why\n")
    with pytest.raises(AssertionError, match=r"(?s)ended with 1, not 0:.*it\nwhy"):
        testing.run(sys.executable, "-c", script, cwd=tmp_path, env={"SAID": "it"})


def test_an_interpreter_is_made_once_for_the_same_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    said, files = tmp_path / "said", [tmp_path / "a.txt", tmp_path / "b.txt"]
    for file in files:
        file.write_text("click\n")
    double = tmp_path / "uv"  # a double of uv, which tells what it was asked
    double.write_text(
        f'#!/bin/sh\necho "$@" >> {said}\nfor last; do :; done\n'
        f'[ "$1" != venv ] || mkdir -p "$last"\n[ ! -e {tmp_path}/broken ] || exit 1\n'
    )
    double.chmod(0o755)
    monkeypatch.setattr("mxdev.environment.packages.uv", lambda: str(double))
    (tmp_path / "broken").touch()
    with pytest.raises(subprocess.CalledProcessError):
        testing.interpreter("of-a-test", files[0])
    (tmp_path / "broken").unlink()
    said.unlink()
    made = testing.interpreter("of-a-test", files[0], "jinja2", options=["--require-hashes"])
    assert (made.name, made.parents[2]) == ("python", testing.cache_folder())
    venv, install = said.read_text().splitlines()
    assert venv == f"venv --quiet --clear --python {sys.executable} {made.parents[1]}"
    assert install == f"pip install --quiet --require-hashes --python {made} -r {files[0]} jinja2"
    assert testing.interpreter("of-a-test", files[1], "jinja2", options=["--require-hashes"]) == made
    assert len(said.read_text().splitlines()) == 2
    assert (
        testing.interpreter("of-a-test", files[1], "jinja2") != made
    )  # another one, that asked for no hashes
    assert testing.interpreter("of-a-test", files[0]) != made


def test_a_page_is_followed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Title\n```console\n$ mkdir one && echo made\nmade\n$ cd one\n```\n```sh\n$ no\n```\n"
        "```console\n$ basename $PWD; echo -e 'a\\nb'; echo aside >&2\none\n...b\n$ false\n```\n"
    )
    assert [code for _, code in testing.follow(page, tmp_path)] == [0, 0, 0, 1]
    (tmp_path / "one").rmdir()
    with pytest.raises(AssertionError, match=r"page\.md: `basename.*aside"):
        testing.follow(page, tmp_path, stderr=True)
    page.write_text("```console\n$ cd nowhere\n```\n")
    with pytest.raises(FileNotFoundError):
        testing.follow(page, tmp_path)


def test_a_file_is_a_module_and_what_lies_beside_it_hides_nothing_later(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("dumps = 7\n")
    (tmp_path / "handler.py").write_text(
        "import dataclasses\nimport json\n\n@dataclasses.dataclass\nclass Row:\n    a: int = json.dumps\n"
    )
    before = sys.modules["json"]
    assert testing.module(tmp_path / "handler.py").Row().a == 7
    assert sys.modules["json"] is before
    assert str(tmp_path) not in sys.path
    with pytest.raises(ValueError, match=r"does not end with \.py"):
        testing.module(tmp_path / "handler")


def test_terraform_is_told_where_providers_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "terraform").write_text("#!/bin/sh\n")
    (programs / "terraform").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("MX_TEST_TERRAFORM_PROVIDERS", str(tmp_path / "mirror"))
    with pytest.raises(pytest.skip.Exception, match=r"acme/cloud is not in .*mirror"):
        testing.terraform_settings(tmp_path, "acme/cloud")
    (tmp_path / "mirror/registry.terraform.io/acme/cloud").mkdir(parents=True)
    written = Path(testing.terraform_settings(tmp_path, "acme/cloud")["TF_CLI_CONFIG_FILE"])
    assert f'path = "{tmp_path}/mirror"' in written.read_text()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.skip.Exception, match="terraform is not installed"):
        testing.terraform_settings(tmp_path)
