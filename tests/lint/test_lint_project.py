"""mx's own rules, on a project that mx generated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mxdev.project.project import Project

RULES = ("--rule", "hand-edited", "--rule", "pristine")


def test_a_fresh_project_has_nothing_to_report(mx: Any, project: Path) -> None:
    result = mx("lint", cwd=project)
    assert (result.code, result.out) == (0, ""), result
    result = mx("lint", *RULES, cwd=project)
    assert (result.code, result.err) == (0, "no findings; checked the records of mx with the rules of mx\n")


def test_a_section_edited_by_hand(mx: Any, project: Path) -> None:
    shared = project / "shared.yaml"
    text = shared.read_text()
    assert "size: 1" in text
    shared.write_text(text.replace("size: 1", "size: 5"))
    result = mx("lint", cwd=project)
    assert result.code == 1
    line = 1 + shared.read_text().splitlines().index("  size: 5")
    assert result.out.startswith(
        f"shared.yaml:{line}:1: hand-edited warning base.size of SampleBase was edited by hand; "
    )
    assert "`mx generate SampleBase --help` lists them" in result.out
    assert len(result.out.splitlines()) == 1
    assert mx("generate", "SampleBase", "--help").code == 0  # what the finding tells to run is there
    # Only where it was asked for.
    assert mx("lint", "README.md", cwd=project).code == 0
    assert mx("lint", "shared.yaml", cwd=project).code == 1
    # Silenced in the section itself.
    shared.write_text(text.replace("size: 1", "size: 5  # mx-lint: allow hand-edited"))
    assert mx("lint", cwd=project).code == 0


def test_what_no_option_could_say_is_no_finding(mx: Any, project: Path) -> None:
    shared = project / "shared.yaml"
    text = shared.read_text()
    shared.write_text("# mine\n" + text.replace("size: 1", "# why\n  size:   1  # because") + "other: 1\n")
    assert mx("lint", *RULES, cwd=project).out == ""
    shared.write_text(text.replace("base:\n  size: 1\n", ""))  # taken out on purpose
    assert mx("lint", *RULES, cwd=project).out == ""
    shared.unlink()
    assert mx("lint", *RULES, cwd=project).out == ""


@pytest.mark.parametrize("value", ["true", "1.0", "'1'"])
def test_an_edit_that_only_python_takes_for_no_edit(value: str, mx: Any, project: Path) -> None:
    """`mx status` and `mx lint` agree: 1 is not true, nor 1.0, nor text."""
    shared = project / "shared.yaml"
    shared.write_text(shared.read_text().replace("size: 1", f"size: {value}"))
    assert "shared.yaml: base.size" in mx("status", cwd=project).out
    result = mx("lint", *RULES, cwd=project)
    assert result.code == 1
    assert "hand-edited warning base.size of SampleBase was edited by hand" in result.out


def test_a_text_section_edited_by_hand(mx: Any, project: Path) -> None:
    notes = project / "notes.txt"
    notes.write_text(notes.read_text().replace("region", "area"))
    assert mx("lint", cwd=project).out.startswith(
        "notes.txt:1:1: hand-edited warning SampleBase of SampleBase was edited"
    )


def test_a_shared_file_that_cannot_be_read(mx: Any, project: Path) -> None:
    with (project / "shared.yaml").open("a") as file:
        file.write("x: [\n")
    result = mx("lint", *RULES, cwd=project)
    assert result.code == 1
    assert result.out.startswith("shared.yaml:1:1: hand-edited error mx cannot read it: ")


def test_an_option_set_anew_is_no_edit(mx: Any, project: Path) -> None:
    assert mx("generate", "SampleBase", "--size", "7", "--no-input", cwd=project).code == 0
    assert "size: 7" in (project / "shared.yaml").read_text()
    assert mx("lint", *RULES, cwd=project).code == 0


def test_pristine_missing_and_altered(mx: Any, project: Path) -> None:
    record = Project.load(project).instances["SampleBase"]
    folder = project / ".mx/pristine/SampleBase"
    (folder / "README.md.pristine").unlink()
    with (folder / "plain.txt.pristine").open("a") as file:
        file.write("x")
    (folder / "shared.yaml.sections.pristine").write_text("{}")
    (folder / "notes.txt.sections.pristine").unlink()
    assert {"README.md", "plain.txt"} <= set(record.files)
    out = mx("lint", cwd=project).out.splitlines()
    start = ".mx/pristine/SampleBase"
    assert [line.partition(";")[0] for line in out] == [
        f"{start}/README.md.pristine:1:1: pristine error is missing, so mx cannot merge README.md",
        f"{start}/notes.txt.sections.pristine:1:1: pristine error is missing, so mx cannot merge SampleBase in notes.txt",
        f"{start}/plain.txt.pristine:1:1: pristine error was altered, so mx cannot merge plain.txt",
        f"{start}/shared.yaml.sections.pristine:1:1: pristine error was altered, so mx cannot merge name, base.size in shared.yaml",
    ]  # fmt: skip
    assert f"take it back: `git checkout -- {start}/README.md.pristine`" in out[0]
    assert len(mx("lint", "plain.txt", cwd=project).out.splitlines()) == 1
    assert mx("lint", "run.sh", cwd=project).code == 0


@pytest.mark.parametrize("path", ["../outside.md", "/etc/passwd", "a/../../b"])
def test_a_record_that_leads_out_of_the_project(path: str, mx: Any, project: Path) -> None:
    record = project / ".mx/generators/SampleBase.yaml"
    record.write_text(
        record.read_text()
        .replace("  README.md:", f"  {path}:")
        .replace("path: shared.yaml", f'path: "{path}"')
    )
    result = mx("lint", *RULES, cwd=project)
    assert result.code == 4, result
    assert ".mx/generators/SampleBase.yaml:" in result.err
    assert f"{path}' cannot be" in result.err


def test_a_project_that_cannot_be_read(mx: Any, project: Path) -> None:
    with (project / "mx.yaml").open("a") as file:
        file.write("<<<<<<< a\nx: 1\n=======\ny: 1\n>>>>>>> b\n")
    result = mx("lint", cwd=project)
    assert result.code == 4
    assert "error: project has no result: " in result.err
    assert "merge markers" in result.err
    assert any(
        line.startswith("mx.yaml:") and " merge-markers error " in line for line in result.out.splitlines()
    )


def test_a_project_below_the_folder_that_was_named(mx: Any, project: Path, write: Any) -> None:
    (project / ".mx/pristine/SampleBase/README.md.pristine").unlink()
    write(project.parent, {"elsewhere/mx.yaml": "a: 1\n"})  # another program's file
    result = mx("lint", ".", cwd=project.parent)
    assert (result.code, len(result.out.splitlines())) == (1, 1)
    assert result.out.startswith(
        "demo/.mx/pristine/SampleBase/README.md.pristine:1:1: pristine error is missing"
    )
    assert mx("lint", ".", cwd=project / "conf").code == 0


def test_outside_of_projects_the_rules_of_projects_are_not_run(mx: Any, tmp_path: Path) -> None:
    assert mx("lint", *RULES).err == "no findings; there was no file to check\n"
