"""`stat`: the lines are those of `git diff --stat`, from the same counts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mxdev.merge import stat
from mxdev.merge.stat import Counted

BEFORE = {
    "a.txt": b"one\n" * 3,
    "src/package/a_rather_long_name_of_a_module_that_needs_room.py": b"x\n" * 500,
    "src/package/small.py": b"x\n" * 40,
    "src/ä/名前.txt": b"one\n",
    "bin": b"\0" * 3000,
    "mode.sh": b"run\n",
    "gone.txt": b"x\n" * 7,
    "to/move.txt": b"".join(b"%d\n" % n for n in range(30)),
}
AFTER = {
    **BEFORE,
    "a.txt": b"one\ntwo\none\n",
    "src/package/a_rather_long_name_of_a_module_that_needs_room.py": b"y\n" * 300,
    "src/package/small.py": b"x\n" * 39 + b"y\n",
    "src/ä/名前.txt": b"",
    "bin": b"\0" * 12,
    "gone.txt": None,
    "to/move.txt": None,
    "to/another/place.txt": BEFORE["to/move.txt"] + b"more\n",
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stat")
    git(folder, "init", "--quiet")
    for files in (BEFORE, AFTER):
        for path, data in files.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data) if data is not None else place.unlink()
        if files is BEFORE:
            git(folder, "add", "--all")
            git(folder, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "one")
    (folder / "mode.sh").chmod(0o755)
    git(folder, "add", "--all")
    return folder


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "core.quotePath=false", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def counted(folder: Path) -> list[Counted]:
    """What Git counted itself, so that the table alone is compared."""
    fields = iter(git(folder, "diff", "--cached", "-M", "--numstat", "-z").split("\0")[:-1])
    found = []
    for field in fields:
        added, deleted, name = field.split("\t")
        if not name:
            name = stat.renamed(next(fields), next(fields))
        binary = added == "-"
        sizes = (len(AFTER[name] or b""), len(BEFORE[name] or b"")) if binary else (int(added), int(deleted))
        found.append(Counted(name, *sizes, binary=binary))
    return found


@pytest.mark.parametrize("width", [30, 45, 60, 80, 120, 200, 700])
def test_the_table_is_gits(repository: Path, width: int) -> None:
    expected = git(repository, "diff", "--cached", "-M", f"--stat={width}").splitlines()
    assert stat.lines(counted(repository), width) == expected


@pytest.mark.parametrize(
    ("files", "last"),
    [
        ([Counted("a", 0, 0)], " 1 file changed, 0 insertions(+), 0 deletions(-)"),
        ([Counted("a", 1, 0)], " 1 file changed, 1 insertion(+)"),
        ([Counted("a", 0, 2), Counted("b", 5, 5, binary=True)], " 2 files changed, 2 deletions(-)"),
    ],
)
def test_the_last_line(files: list[Counted], last: str) -> None:
    assert stat.lines(files, 80)[-1] == last


def test_nothing_is_nothing() -> None:
    assert stat.lines([], 80) == []


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("a", "b", "a => b"),
        ("d/a", "d/b", "d/{a => b}"),
        ("d/a", "d/e/a", "d/{ => e}/a"),
        ("d/e/a", "d/a", "d/{e => }/a"),
        ("one/x/f.py", "two/x/f.py", "{one => two}/x/f.py"),
        ("f.py", "d/f.py", "f.py => d/f.py"),
    ],
)
def test_renames(old: str, new: str, shown: str) -> None:
    assert stat.renamed(old, new) == shown
