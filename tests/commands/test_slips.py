"""What people get wrong: a line of mx.yaml, a path, a merge, a destroy; mx says where and what to do, and nothing is lost."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from conftest import Mx

from mxdev import testing


def test_a_misspelt_line_of_mx_yaml_is_an_error_and_stays(mx: Mx, project: Path) -> None:
    text = (project / "mx.yaml").read_text() + "  regoin: there  # from Bob\n"
    (project / "mx.yaml").write_text(text)
    line = len(text.splitlines())
    for arguments in (["update"], ["set", "size=2"], ["update", "--dry-run"]):
        result = mx(*arguments, cwd=project)
        assert result.code == 4
        assert f"mx.yaml:{line}: no generator here has an option regoin; did you mean region?" in result.err
        assert (project / "mx.yaml").read_text() == text
    assert "did you mean region?" in mx("status", cwd=project).out


@pytest.mark.parametrize(
    ("line", "place", "advice"),
    [
        ("  description: one: two", ":6:", "Put quotes around a value that has a colon"),
        ("  description: 'open", ":6:", "Close the quote"),
        ("\tdescription: tab", ":6:", "Indent with spaces"),
        ("  tags: [a, b", ":7:", "Close the bracket"),
        ("  just words", ":7:", "with a colon"),
    ],
)
def test_broken_yaml_is_told_with_its_place_and_how_to_mend_it(
    mx: Mx, project: Path, line: str, place: str, advice: str
) -> None:
    lines = (project / "mx.yaml").read_text().splitlines()
    at = next(n for n, text in enumerate(lines) if text.startswith("  description:"))
    (project / "mx.yaml").write_text("\n".join([*lines[:at], line, *lines[at + 1 :]]) + "\n")
    result = mx("update", cwd=project)
    assert result.code == 4
    assert "mx.yaml:" in result.err
    assert place in result.err
    assert advice in result.err
    assert "git checkout" not in result.err
    assert "unicode string" not in result.err


@pytest.mark.parametrize(
    ("key", "meant"), [("regoin", "region"), ("SampleBase.descripton", "SampleBase.description")]
)
def test_a_misspelt_key_of_set_is_told_with_the_right_one(
    mx: Mx, project: Path, key: str, meant: str
) -> None:
    done = mx("set", f"{key}=x", cwd=project)
    assert done.code == 2
    assert f"No option here is called {key}." in done.err
    assert f"Did you mean {meant}? There are: " in done.err


@pytest.mark.parametrize(
    ("key", "meant"),
    [("SampleBse.size", "SampleBase.size"), ("sample-bas.size", "SampleBase.size"), ("nothing.size", "")],
)
def test_a_misspelt_instance_of_set_is_told_with_the_right_one(
    mx: Mx, project: Path, key: str, meant: str
) -> None:
    done = mx("set", f"{key}=2", cwd=project)
    assert done.code == 2
    assert f"This project has no {key.partition('.')[0]}, " in done.err
    assert (
        f"Did you mean {meant}? It has: SampleBase." in done.err if meant else "Did you mean" not in done.err
    )


def test_options_of_other_instances_are_not_listed_for_one(mx: Mx, project: Path) -> None:
    assert mx("generate", "SampleApp", "one", cwd=project).code == 0
    said = mx("set", "SampleApp:one.siz=2", cwd=project).err
    assert "There are: name, path, port, section." in said


@pytest.mark.parametrize("command", ["resolve", "adopt"])
def test_a_path_that_generators_do_not_share(mx: Mx, project: Path, command: str) -> None:
    for path, meant in (("sharde.yaml", "Did you mean shared.yaml? "), ("plain.txt", "")):
        done = mx(command, path, cwd=project)
        assert done.code == 2, done
        assert f"{path} is not a file that generators share." in done.err
        assert f"{meant}They share: notes.txt, shared.yaml." in done.err


def test_shared_files_are_named_from_where_one_stands(mx: Mx, project: Path) -> None:
    shared = project / "shared.yaml"
    shared.write_text(f"<<<<<<< a\n{shared.read_text()}=======\n{shared.read_text()}>>>>>>> b\n")
    done = mx("resolve", "../shared.yaml", cwd=project / "conf")
    assert done.code == 0, done.err
    assert "<<<<<<<" not in shared.read_text()


def test_a_word_in_place_of_a_number(mx: Mx, project: Path) -> None:
    for arguments in (["set", "size=two"], ["undo", "two"], ["flow", "ui", "--port", "two"]):
        done = mx(*arguments, cwd=project)
        assert done.code == 2
        assert "'two' is not a valid integer." in done.err


def test_a_value_for_hydra_before_the_dashes(mx: Mx, project: Path) -> None:
    done = mx("flow", "run", "model.channels=16", "a=b", cwd=project)
    assert done.code == 2
    assert "put `-- model.channels=16 a=b` at the end." in done.err


def test_after_a_merge_every_command_names_resolve(mx: Mx, project: Path) -> None:
    shared = project / "shared.yaml"
    shared.write_text(f"<<<<<<< a\n{shared.read_text()}=======\n>>>>>>> b\n")
    assert "mx resolve" in mx("update", cwd=project).err
    assert "mx resolve" in mx("set", "size=2", cwd=project).err
    status = mx("status", cwd=project).out
    assert "mx resolve" in status
    assert "up to date" not in status


def test_diff_of_a_file_and_of_a_folder_from_where_one_stands(mx: Mx, project: Path) -> None:
    (project / "conf" / "settings.yaml").write_text("mine: 1\n")
    (project / "plain.txt").write_text("mine\n")
    one = mx("diff", "settings.yaml", cwd=project / "conf").out
    assert "conf/settings.yaml" in one
    assert "plain.txt" not in one
    assert mx("diff", "conf", cwd=project).out == one
    assert mx("diff", "conf/settings.yaml", cwd=project / "demo").out == one  # from the root
    everything = mx("diff", cwd=project).out
    assert "plain.txt" in everything
    assert one in everything
    assert mx("diff", ".", cwd=project).out == everything


def test_status_of_a_file(mx: Mx, project: Path) -> None:
    (project / "conf" / "settings.yaml").write_text("mine: 1\n")
    (project / "plain.txt").write_text("mine\n")
    (row,) = mx("status", "settings.yaml", "--json", cwd=project / "conf").json["instances"]
    assert row["edited"] == ["conf/settings.yaml"]
    (row,) = mx("status", "SampleBase", "conf", "--json", cwd=project).json["instances"]
    assert row["edited"] == ["conf/settings.yaml", "plain.txt"]


def test_update_of_a_file_and_restore_from_where_one_stands(mx: Mx, project: Path) -> None:
    assert mx("update", "settings.yaml", cwd=project / "conf").code == 0
    (project / "conf" / "settings.yaml").unlink()
    result = mx("update", "--restore", "settings.yaml", cwd=project / "conf")
    assert result.code == 0, result.err
    assert (project / "conf" / "settings.yaml").is_file()


def test_a_path_that_nothing_rendered(mx: Mx, project: Path) -> None:
    result = mx("diff", "setings.yaml", cwd=project)
    assert result.code == 2
    assert "neither a generator of this project nor a file" in result.err
    (project / "docs").mkdir()
    assert "Did you mean conf/settings.yaml?" in mx("status", "docs/settings.yaml", cwd=project).err
    assert "Did you mean plain.txt?" in mx("update", "--restore", "plan.txt", cwd=project).err


def test_destroy_asks_on_a_terminal_and_names_undo(mx: Mx, project: Path) -> None:
    asked = "Remove 8 files? `mx undo` brings them back."
    said = testing.converse("destroy", "SampleBase", cwd=project, answers=[(asked, "n")])
    assert said.code == 1
    assert "Nothing was written." in said.stdout
    assert (project / "plain.txt").is_file()
    said = testing.converse("destroy", "SampleBase", cwd=project, answers=[(asked, "y")])
    assert said.code == 0, said.stdout
    assert "`mx undo` brings back what was removed." in said.stdout
    assert not (project / "plain.txt").exists()


def test_destroy_off_a_terminal_asks_nothing(mx: Mx, project: Path) -> None:
    result = mx("destroy", "SampleBase", cwd=project)
    assert result.code == 0
    assert "`mx undo`" in result.err
    assert mx("undo", cwd=project).code == 0
    assert (project / "plain.txt").is_file()


def test_resolve_says_what_to_stage(mx: Mx, project: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments],
            cwd=project, check=False, capture_output=True,
        )  # fmt: skip

    git("init", "--quiet", "-b", "main")
    git("add", "--all")
    git("commit", "-qm", "base")
    git("checkout", "-qb", "other")
    mx("generate", "SampleApp", "two", cwd=project)
    git("add", "--all")
    git("commit", "-qm", "two")
    git("checkout", "-q", "main")
    mx("generate", "SampleApp", "one", cwd=project)
    git("add", "--all")
    git("commit", "-qm", "one")
    git("merge", "other")
    result = mx("resolve", cwd=project)
    assert "then `git add " in result.err, (result.out, result.err)
