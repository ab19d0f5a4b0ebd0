"""The table of a plan is calm: what changes is a row, what does not is counted, many new files are folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Mx
from worlds import Wanted, World

from mxdev.dialogue import show
from mxdev.system import console


def table(world: World, capsys: pytest.CaptureFixture[str], files: dict[str, str], **how: bool) -> list[str]:
    plan = world.plan({"A": Wanted(files)})
    capsys.readouterr()
    show.show(plan, **how)
    return capsys.readouterr().out.splitlines()


def test_three_changes_among_many_files_are_three_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world, files = World(tmp_path / "p"), {f"f{n:02}.txt": "x" for n in range(40)}
    world.files(files)
    now = {**files, "f01.txt": "y", "f02.txt": "y", "f03.txt": "y"}
    lines = table(world, capsys, now)
    assert [line.split()[:2] for line in lines[:-1]] == [["update", f"f0{n}.txt"] for n in (1, 2, 3)]
    assert "3 update" in lines[-1]
    assert len(table(world, capsys, now, verbose=True)) == 42  # all files, mx.yaml, the summary


def test_nothing_to_do_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world, files = World(tmp_path / "p"), {"a.txt": "x", "b.txt": "y"}
    world.files(files)
    assert table(world, capsys, files) == ["Everything is up to date."]


def test_many_new_files_are_folders_with_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = (
        {f"src/app/{n}.py": "" for n in range(15)}
        | {f"tests/{n}.py": "" for n in range(8)}
        | {"README.md": ""}
    )
    lines = table(World(tmp_path / "p"), capsys, files)
    assert lines[0].split() == ["create", "25", "files"]
    assert ["src/app/", "15"] in [line.split() for line in lines]
    assert ["tests/", "8"] in [line.split() for line in lines]
    assert ["README.md", "mx.yaml"] in [line.split() for line in lines]
    assert not [line for line in lines if "/0.py" in line]


@pytest.mark.parametrize("flags", [["--dry-run"], ["--diff"], ["--dry-run", "--diff"]])
def test_a_preview_says_that_nothing_was_written_and_names_no_next_step(
    mx: Mx, tmp_path: Path, flags: list[str]
) -> None:
    done = mx("generate", "SampleBase", "demo", "--no-input", *flags)
    assert done.code == 0
    assert done.out.endswith("Dry run: nothing was written.\n")
    assert "Next steps" not in done.out
    assert list(tmp_path.iterdir()) == []


def test_no_word_of_a_next_step_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "width", lambda: 40)
    show.next_steps(
        [("mx flow run --setup", "makes the environment of the project, and trains for the first time")]
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["", "Next steps:", "  mx flow run --setup"]
    assert all(line.startswith("      # ") and len(line) <= 40 for line in lines[3:])


def test_colour_can_be_forced_and_never_overrides_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert console.coloured(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not console.coloured(io.StringIO())
