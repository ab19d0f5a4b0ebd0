"""`mx generate` as a person uses it, with the sample plugin, without a terminal."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Mx, State

from mxdev.project.project import Project

Look = Callable[[Path], State]


def options(root: Path, instance: str = "SampleBase") -> dict[str, Any]:
    return Project.load(root).instances[instance].options


def files(state: State) -> State:
    """Without the lock, and the folder in which it is."""
    return {path: seen for path, seen in state.items() if path not in (".mx", ".mx/lock")}


def settings(root: Path) -> Any:
    return yaml.safe_load((root / "conf" / "settings.yaml").read_text())


# --- listing and help -------------------------------------------------------------------------------------------------


def test_the_list_names_each_generator_its_plugin_and_whether_it_is_here(mx: Mx, tmp_path: Path) -> None:
    lines = {line.split()[0]: line for line in mx("generate").out.splitlines()}
    assert "acme-samples" in lines["SampleBase"]
    assert "Start a sample project." in lines["SampleBase"]
    assert "mx-devtool" in lines["MLProjectSkeleton"]
    assert "SampleExploding" in lines
    mx("generate", "SampleBase", "demo", "--no-input")
    for name in ("one", "two"):
        mx("generate", "SampleApp", name, cwd=tmp_path / "demo")
    lines = {line.split()[0]: line for line in mx("g", cwd=tmp_path / "demo" / "conf").out.splitlines()}
    assert " yes " in lines["SampleBase"]
    assert " yes (2) " in lines["SampleApp"]
    assert " - " in lines["SampleTool"]
    assert "acme_samples.exploding" not in __import__("sys").modules


def test_the_list_works_in_a_broken_project(mx: Mx, project: Path) -> None:
    (project / "mx.yaml").write_text("<<<<<<< a\n")
    result = mx("generate", cwd=project)
    assert result.code == 0
    assert "SampleBase" in result.out
    assert "merge markers" in result.err


def test_help_of_a_generator(mx: Mx) -> None:
    result = mx("generate", "sample-base", "--help")
    assert result.code == 0
    for text in ("Usage: mx generate", "[NAME]", "--description TEXT", "[default: A sample.]", "--kind [small|large]",
                 "Start a sample project.", "--dry-run, --pretend", "--on-conflict", "mx generate SampleBase demo"):  # fmt: skip
        assert text in result.out
    result = mx("g", "SampleApp", "-h")
    assert "Requires: SampleBase" in result.out
    assert "[default: 80]" in result.out


def test_both_spellings_are_the_same(mx: Mx, tmp_path: Path) -> None:
    one = mx("generate", "SampleBase", "demo", "--json", "--dry-run").json
    assert mx("g", "sample-base", "demo", "--json", "--pretend").json == one


# --- a new project ----------------------------------------------------------------------------------------------------


def test_a_new_project(mx: Mx, tmp_path: Path) -> None:
    result = mx("generate", "SampleBase", "demo", "--size", "2", "--tag", "a", "--tag", "b c", "--no-input")
    assert (result.code, result.err) == (0, "")
    root = tmp_path / "demo"
    files = sorted(
        str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and ".mx" not in path.parts
    )
    assert files == [
        "README.md",
        "conf/settings.yaml",
        "demo/kind.txt",
        "extra.txt",
        "mx.yaml",
        "notes.txt",
        "plain.txt",
        "run.sh",
        "shared.yaml",
    ]
    for path in files:
        assert f"    create  {path}\n" in result.out
    assert "9 create" in result.out
    assert result.out.endswith("\nNext steps:\n  cd demo\n  mx lint\n      # checks it\n")
    assert settings(root) == {
        "description": "A sample.",
        "region": "demo-1",
        "size": 2,
        "kind": "small",
        "tags": ["a", "b c"],
    }
    assert os.access(root / "run.sh", os.X_OK)
    assert not os.access(root / "README.md", os.X_OK)
    assert yaml.safe_load((root / "mx.yaml").read_text())["options"] == {
        "name": "demo",
        "description": "A sample.",
        "region": "demo-1",
    }
    assert options(root) == {"size": 2, "kind": "small", "tag": ["a", "b c"], "quiet": False}
    assert not [path for path in tmp_path.iterdir() if path.name != "demo"]


def test_a_second_run_has_nothing_to_do(mx: Mx, project: Path, look: Look) -> None:
    before = look(project)
    for arguments in (["SampleBase"], ["SampleBase", "demo"], ["sample-base", "--no-input"]):
        result = mx("generate", *arguments, cwd=project)
        assert (result.code, result.err) == (0, "")
        assert "Next steps" not in result.out
    result = mx("generate", "SampleBase", "--json", cwd=project / "conf")
    assert result.json["outcome"] == "nothing"
    assert set(result.rows.values()) == {"identical"}
    after = look(project)
    assert {k: v for k, v in after.items() if not k.startswith(".mx")} == {
        k: v for k, v in before.items() if not k.startswith(".mx")
    }


def test_from_above_the_project_is_rendered_again_by_its_name(mx: Mx, tmp_path: Path, project: Path) -> None:
    result = mx("generate", "SampleBase", "demo", "--json")
    assert result.json["outcome"] == "nothing"
    result = mx("generate", "SampleBase", "demo", "--size", "3", "--json")
    assert {path: status for path, status in result.rows.items() if status != "identical"} == {
        "README.md": "update", "conf/settings.yaml": "update", "extra.txt": "create", "shared.yaml": "update"
    }  # fmt: skip
    result = mx("generate", "SampleBase", "--size", "1", "--json", cwd=project)
    assert result.rows["extra.txt"] == "remove"
    assert not (project / "extra.txt").exists()


def test_a_folder_that_is_no_project_keeps_what_stands_there(mx: Mx, tmp_path: Path, look: Look) -> None:
    root = tmp_path / "demo"
    root.mkdir()
    (root / "README.md").write_text("mine")
    (root / "other.txt").write_text("mine too")
    (root / "plain.txt").write_text("copied {{ byte }} for byte\n")
    before = look(root)
    result = mx("generate", "SampleBase", "demo", "--json")
    assert (result.code, result.json["outcome"]) == (1, "refused")
    assert (result.rows["README.md"], result.rows["plain.txt"], result.rows["run.sh"]) == (
        "conflict",
        "identical",
        "create",
    )
    assert look(root) == before
    result = mx("generate", "SampleBase", "demo", "--on-conflict", "keep", "--json")
    assert result.json["outcome"] == "applied"
    assert (root / "README.md").read_text() == "mine"
    assert (root / "other.txt").read_text() == "mine too"


def test_an_empty_folder_becomes_the_project(mx: Mx, tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir(mode=0o750)
    assert mx("generate", "SampleBase", "demo", "--no-input").code == 0
    assert (tmp_path / "demo").stat().st_mode & 0o777 == 0o750


# --- dry runs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [[], ["--diff"], ["--json"], ["--diff", "--json"]])
def test_a_dry_run_of_a_new_project_writes_nothing(
    mx: Mx, tmp_path: Path, more: list[str], look: Look
) -> None:
    (tmp_path / "other").write_text("x")
    before = look(tmp_path)
    for flag in ("--dry-run", "--pretend"):
        result = mx("generate", "SampleBase", "demo", flag, *more)
        assert result.code == 0
    assert look(tmp_path) == before
    if "--json" in more:
        said = result.json
        assert said["outcome"] == "planned"
        done = mx("generate", "SampleBase", "demo", "--json").json
        assert done == {**said, "outcome": "applied"}


def test_a_dry_run_in_a_project_says_what_the_run_does(mx: Mx, project: Path, look: Look) -> None:
    (project / "README.md").write_text("mine\n")
    (project / "plain.txt").unlink()
    (project / "conf/settings.yaml").write_text((project / "conf/settings.yaml").read_text() + "# mine\n")
    command = ["generate", "SampleBase", "--size", "2", "--region", "north", "--json"]
    before = look(project)
    for flags, code in (
        ([], 1),
        (["--on-conflict", "keep"], 0),
        (["--on-conflict", "overwrite"], 0),
        (["--on-conflict", "merge"], 1),
    ):
        said = mx(*command, *flags, "--dry-run", cwd=project)
        assert said.code == code
        assert look(project) == before
    assert said.rows["README.md"] == "conflict"
    done = mx(*command, *flags, cwd=project)
    assert done.code == code
    assert done.json == {**said.json, "outcome": "markers"}
    assert done.rows == {
        "README.md": "conflict", "conf/settings.yaml": "merge", "demo/kind.txt": "identical", "extra.txt": "create", "mx.yaml": "update",
        "notes.txt": "update", "plain.txt": "keep", "run.sh": "identical", "shared.yaml": "update",
    }  # fmt: skip


def test_the_diff_shows_what_would_change_also_of_open_conflicts(mx: Mx, project: Path) -> None:
    (project / "README.md").write_text("mine\n")
    (project / "run.sh").chmod(0o644)
    result = mx("generate", "SampleBase", "--size", "2", "--kind", "large", "--diff", cwd=project)
    assert result.code == 1
    assert "--- a/README.md\n+++ b/README.md\n" in result.out
    assert "-mine\n" in result.out
    assert "+Size 2, large.\n" in result.out
    assert "--- a/conf/settings.yaml\n" in result.out
    assert "--- /dev/null\n+++ b/extra.txt\n" in result.out
    assert "plain.txt\n---" not in result.out


def test_a_conflict_off_a_terminal_is_a_list_and_exit_1(mx: Mx, project: Path, look: Look) -> None:
    (project / "README.md").write_text("mine\n")
    before = files(look(project))
    result = mx("generate", "SampleBase", "--size", "2", cwd=project)
    assert result.code == 1
    assert "README.md: you and the generator changed the same place" in result.err
    assert "--on-conflict keep, overwrite or merge" in result.err
    assert "nothing was written" in result.err
    assert files(look(project)) == before


# --- values -----------------------------------------------------------------------------------------------------------


def test_precedence_on_the_command_line(mx: Mx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MX_OPT_KIND", "large")
    monkeypatch.setenv("MX_OPT_SIZE", "3")
    monkeypatch.setenv("MX_OPT_REGION", "from-env")
    (tmp_path / "values.yaml").write_text("size: 4\nregion: from-file\n")
    mx("generate", "SampleBase", "demo", "--values", "values.yaml", "--region", "from-line", "--no-input")
    root = tmp_path / "demo"
    assert settings(root) == {
        "description": "A sample.",
        "region": "from-line",
        "size": 4,
        "kind": "large",
        "tags": [],
    }
    # What the project knows wins over the environment, and a file over the project.
    monkeypatch.setenv("MX_OPT_KIND", "small")
    assert mx("generate", "SampleBase", "--json", cwd=root).json["outcome"] == "nothing"
    (root / "v.json").write_text(json.dumps({"size": 7}))
    mx("generate", "SampleBase", "--values", "v.json", cwd=root)
    assert settings(root)["size"] == 7


def test_the_name_may_come_from_anywhere(mx: Mx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = mx("generate", "SampleBase")
    assert result.code == 2
    assert "NAME is missing" in result.err
    monkeypatch.setenv("MX_OPT_NAME", "by-env")
    assert mx("generate", "SampleBase").code == 0
    (tmp_path / "v.yaml").write_text("name: by-file\n")
    assert mx("generate", "SampleBase", "--values", "v.yaml").code == 0
    assert {path.name for path in tmp_path.iterdir()} >= {"by-env", "by-file"}


def test_all_wrong_values_in_one_error(mx: Mx, tmp_path: Path) -> None:
    result = mx("generate", "SampleBase", "demo", "--size", "77", "--kind", "huge", "--region", "A B")
    assert result.code == 2
    lines = result.err.removeprefix("error: ").splitlines()
    assert [line.split(" ")[0] for line in lines] == ["--region", "--size", "--kind"]
    assert not (tmp_path / "demo").exists()


def test_a_person_may_edit_mx_yaml(mx: Mx, project: Path) -> None:
    text = (project / "mx.yaml").read_text().replace("region: demo-1", "region: edited  # by me")
    (project / "mx.yaml").write_text(text)
    assert mx("generate", "SampleBase", cwd=project).code == 0
    assert settings(project)["region"] == "edited"
    assert (project / "mx.yaml").read_text() == text


def test_a_secret_reaches_no_file(mx: Mx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MX_OPT_TOKEN", "hunter2-env")
    (tmp_path / "v.yaml").write_text("token: hunter2-file\n")
    outs = [
        mx("generate", "SampleBase", "demo", "--token", "hunter2-line", "--json"),
        mx("generate", "SampleBase", "demo", "--size", "2", "--diff"),
        mx("generate", "SampleBase", "demo", "--size", "3", "--values", "v.yaml", "--diff"),
    ]
    for path in (tmp_path / "demo").rglob("*"):
        if path.is_file() and path.name != "lock":
            assert b"hunter2" not in path.read_bytes(), path
    assert not [out for out in outs if "hunter2" in out.out + out.err]


# --- instances, requirements, scopes ----------------------------------------------------------------------------------


def test_many_instances_share_files(mx: Mx, project: Path) -> None:
    for name, port in (("two", "2"), ("one", "1")):
        result = mx("generate", "SampleApp", name, "--port", port, "--json", cwd=project)
        assert result.rows == {
            f"apps/{name}.yaml": "create",
            "mx.yaml": "identical",
            "notes.txt": "update",
            "shared.yaml": "update",
        }
        assert {row["generator"] for row in result.json["changes"]} == {f"SampleApp:{name}", ""}
    shared = (project / "shared.yaml").read_text()
    assert yaml.safe_load(shared) == {
        "name": "demo",
        "base": {"size": 1},
        "apps": {"one": {"port": 1}, "two": {"port": 2}},
    }
    assert shared.index("one") < shared.index("two")
    assert Project.load(project).instances["SampleApp:one"].requires == ("SampleBase",)
    # One of them again, with another value.
    result = mx("generate", "SampleApp", "one", "--port", "11", "--json", cwd=project)
    assert result.rows == {
        "apps/one.yaml": "update",
        "mx.yaml": "identical",
        "notes.txt": "update",
        "shared.yaml": "update",
    }
    assert options(project, "SampleApp:one")["port"] == 11
    assert options(project, "SampleApp:two")["port"] == 2


def test_next_steps_of_a_new_instance_and_only_of_it(mx: Mx, project: Path) -> None:
    result = mx("generate", "SampleApp", "one", cwd=project)
    assert result.out.endswith("\nNext steps:\n  cat shared.yaml\n      # shows the app\n")
    assert "Next steps" not in mx("generate", "SampleApp", "one", "--port", "3", cwd=project).out
    deep = mx("generate", "SampleApp", "two", cwd=project / "conf")
    assert "  cd ..\n  cat shared.yaml" in deep.out


@pytest.mark.parametrize("name", ["a b", "../x", "a/b", "", "a:b", ".", "-x", "é", "a\nb", "${x}"])
def test_names_of_instances_are_names_of_files_too(mx: Mx, project: Path, name: str, look: Look) -> None:
    before = look(project / ".mx" / "generators")
    result = mx("generate", "SampleApp", "--", name, cwd=project)
    assert result.code == 2, result.out
    assert look(project / ".mx" / "generators") == before


def test_what_is_required_and_missing_joins_the_same_plan(mx: Mx, tmp_path: Path) -> None:
    root = tmp_path / "bare"
    root.mkdir()
    (root / "mx.yaml").write_text("version: 1\noptions:\n  name: bare\n")
    result = mx("generate", "SampleApp", "one", "--json", cwd=root)
    assert result.code == 0, result.out
    assert result.rows["README.md"] == result.rows["apps/one.yaml"] == "create"
    assert set(Project.load(root).instances) == {"SampleBase", "SampleApp:one"}
    assert yaml.safe_load((root / "shared.yaml").read_text()) == {
        "name": "bare",
        "base": {"size": 1},
        "apps": {"one": {"port": 80}},
    }


def test_a_generator_sees_the_values_of_what_it_requires(mx: Mx, project: Path) -> None:
    mx("generate", "SampleBase", "--size", "5", "--region", "south", cwd=project)
    mx("generate", "SampleApp", "one", cwd=project)
    assert yaml.safe_load((project / "apps/one.yaml").read_text()) == {
        "region": "south",
        "port": 80,
        "size": 5,
    }


def test_a_changed_project_option_reaches_every_instance_in_the_same_plan(mx: Mx, project: Path) -> None:
    for name in ("one", "two"):
        mx("generate", "SampleApp", name, cwd=project)
    (project / "apps" / "two.yaml").write_text("region: demo-1\nport: 80\nsize: 1\n# mine\n")
    result = mx("generate", "SampleBase", "--region", "north", "--json", cwd=project)
    assert (result.rows["apps/one.yaml"], result.rows["apps/two.yaml"], result.rows["mx.yaml"]) == (
        "update",
        "merge",
        "update",
    )
    assert "region: north\n" in (project / "apps/two.yaml").read_text()
    assert "# mine" in (project / "apps/two.yaml").read_text()


def test_a_changed_option_of_one_reaches_those_that_require_it(mx: Mx, project: Path) -> None:
    mx("generate", "SampleApp", "one", cwd=project)
    result = mx("generate", "SampleBase", "--size", "6", "--json", cwd=project)
    assert result.rows["apps/one.yaml"] == "update"
    assert yaml.safe_load((project / "apps/one.yaml").read_text())["size"] == 6


def test_two_that_render_the_same_are_an_error_naming_both(mx: Mx, project: Path, look: Look) -> None:
    mx("generate", "SampleApp", "one", cwd=project)
    before = look(project / "apps")
    result = mx("generate", "SampleClash", cwd=project)
    assert (result.code, "SampleBase and SampleClash both render README.md" in result.err) == (4, True)
    assert "(`mx destroy SampleBase`)" in result.err
    result = mx("generate", "SampleApp", "two", "--path", "apps/one.yaml", cwd=project)
    assert "SampleApp:one and SampleApp:two both render apps/one.yaml" in result.err
    assert "Give SampleApp:two another name: it is new." in result.err
    result = mx("generate", "SampleApp", "two", "--path", "README.md", cwd=project)
    assert "SampleBase and SampleApp:two both render README.md" in result.err
    assert "another name" not in result.err  # README.md would be README.md
    result = mx("generate", "SampleApp", "readme", "--path", "README.md", cwd=project)
    assert "Give SampleApp:readme another name: it is new." in result.err
    result = mx("generate", "SampleApp", "two", "--section", "apps.one", cwd=project)
    assert "SampleApp:one and SampleApp:two both render the section apps.one of shared.yaml" in result.err
    assert look(project / "apps") == before
    assert set(Project.load(project).instances) == {"SampleBase", "SampleApp:one"}


@pytest.mark.parametrize(
    "path", ["../out", "/tmp/out", ".git/config", ".mx/generators/x.yaml", "mx.yaml", "a\\b", "apps/../../x"]
)
def test_a_path_from_an_option_cannot_lead_outside(mx: Mx, project: Path, path: str) -> None:
    result = mx("generate", "SampleApp", "one", "--path", path, cwd=project)
    assert result.code == 4
    assert "plain path inside" in result.err or "not for generators" in result.err
    assert not (project.parent / "out").exists()


def test_outside_a_project_it_says_what_to_run_first(mx: Mx) -> None:
    result = mx("generate", "SampleApp", "one")
    assert result.code == 2
    assert "mx generate SampleBase NAME" in result.err


def test_anywhere_works_in_a_project_and_outside(mx: Mx, project: Path, tmp_path: Path) -> None:
    assert mx("generate", "SampleTool", cwd=project / "conf").code == 0
    assert os.access(project / "tool.sh", os.X_OK)
    (tmp_path / "empty").mkdir()
    assert mx("generate", "SampleTool", cwd=tmp_path / "empty").code == 0
    assert (tmp_path / "empty" / "tool.sh").read_text() == "#!/bin/sh\necho tool\n"


# --- Git --------------------------------------------------------------------------------------------------------------


def test_no_git_at_all_is_no_matter(
    mx: Mx, project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (project / "plain.txt").unlink()
    result = mx("generate", "SampleBase", "--size", "2", cwd=project)
    assert (result.code, result.err) == (0, "")
    result = mx("generate", "MLProjectSkeleton", "without-git", "--no-input")
    assert result.code == 0
    assert "Git is not installed" in result.err


def test_the_skeleton_makes_a_repository_only_where_there_is_none(mx: Mx, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    result = mx("generate", "MLProjectSkeleton", "alone", "--no-input", cwd=outer)
    assert "git init" in result.out
    assert (outer / "alone" / ".git").is_dir()
    result = mx("generate", "MLProjectSkeleton", "skipped", "--no-input", "--skip-git", cwd=outer)
    assert not (outer / "skipped" / ".git").exists()
    subprocess.run(["git", "init", "--quiet", str(outer)], check=True)
    mx("generate", "MLProjectSkeleton", "inside", "--no-input", cwd=outer)
    assert not (outer / "inside" / ".git").exists()
    # As in a submodule or a worktree: `.git` is a file.
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".git").write_text(f"gitdir: {outer}/.git\n")
    mx("generate", "MLProjectSkeleton", "below", "--no-input", cwd=tmp_path / "sub")
    assert not (tmp_path / "sub" / "below" / ".git").exists()
    # Even one that Git does not read, because it is torn or somebody else's.
    (tmp_path / "torn" / ".git").mkdir(parents=True)
    mx("generate", "MLProjectSkeleton", "below", "--no-input", cwd=tmp_path / "torn")
    assert not (tmp_path / "torn" / "below" / ".git").exists()
