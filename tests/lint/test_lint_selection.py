"""Which files are looked at, and by whose configuration."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mxdev.errors import UsageProblem
from mxdev.lint import context
from mxdev.lint.files import select


def names(folder: Path, *paths: str) -> list[str]:
    return sorted(os.path.relpath(file, folder) for file in select(paths, folder).files)


def test_gitignore_is_respected(repo: Path, write: Any) -> None:
    write(repo, {".gitignore": "build/\n*.log\n", "a.py": "", "build/b.py": "", "x.log": "", "sub/c.py": "", "sub/.gitignore": "d.py\n", "sub/d.py": ""})  # fmt: skip
    assert names(repo) == [".gitignore", "a.py", "sub/.gitignore", "sub/c.py"]
    assert names(repo / "sub") == [".gitignore", "c.py"]
    # What is named counts in any case: a file, and a folder as a whole.
    assert names(repo, "x.log", "sub/d.py") == ["sub/d.py", "x.log"]
    assert names(repo, "build") == ["build/b.py"]


def test_tracked_files_count_untracked_too_and_deleted_not(repo: Path, write: Any) -> None:
    write(repo, {".gitignore": "*.log\n", "kept.log": "", "gone.py": "", "new.py": ""})
    subprocess.run(["git", "add", "-f", "kept.log", "gone.py"], cwd=repo, check=True)
    (repo / "gone.py").unlink()
    assert names(repo) == [".gitignore", "kept.log", "new.py"]


def test_outside_of_git_a_walk(tmp_path: Path, write: Any) -> None:
    write(tmp_path, {"a.py": "", "env/pyvenv.cfg": "", "env/lib/b.py": "", **{f"{skipped}/c.py": "" for skipped in (
        ".venv", ".git-not/..", "node_modules", ".mx/pristine", ".mx/undo", ".terraform", "__pycache__")}})  # fmt: skip
    assert names(tmp_path) == ["a.py", "c.py"]
    assert names(tmp_path, ".terraform") == [".terraform/c.py"]


def test_skipped_folders_hold_in_git_too(repo: Path, write: Any) -> None:
    write(repo, {"a.py": "", "venv/pyvenv.cfg": "", "venv/lib/x/b.py": "", ".mx/pristine/X/c.py.pristine": "", ".mx/generators/X.yaml": ""})  # fmt: skip
    assert names(repo) == [".mx/generators/X.yaml", "a.py"]


def test_links_are_looked_at_where_they_lead(repo: Path, write: Any, tmp_path: Path) -> None:
    write(tmp_path, {"outside.py": ""})
    (repo / "link.py").symlink_to(tmp_path / "outside.py")
    (repo / "folder").symlink_to(tmp_path)
    (repo / "dangling.py").symlink_to("nowhere")
    assert names(repo) == []
    assert names(repo, "link.py") == ["link.py"]
    with pytest.raises(UsageProblem, match=r"no file or folder dangling\.py"):
        select(["dangling.py"], repo)


def test_a_repository_inside_is_named_not_passed_over(repo: Path, write: Any, mx: Any) -> None:
    write(repo, {"a.py": "", "inner/b.py": "import os\n"})
    subprocess.run(["git", "init", "-q", "inner"], cwd=repo, check=True)
    assert names(repo) == ["a.py"]
    result = mx("lint", cwd=repo)
    assert "a Git repository of its own: inner. Name a folder to check it." in result.err
    assert names(repo, "inner") == ["inner/b.py"]


def test_inside_a_hook_the_right_repository_is_asked(
    repo: Path, write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    write(repo, {"a.py": "", ".gitignore": "b.py\nc.py\n", "b.py": "", "c.py": ""})
    subprocess.run(["git", "add", "-f", "c.py"], cwd=repo, check=True)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    for also in ({}, {"GIT_WORK_TREE": str(other)}):
        for name, value in also.items():
            monkeypatch.setenv(name, value)
        assert names(repo) == [".gitignore", "a.py", "c.py"]


def test_when_git_cannot_be_asked_it_says_so(repo: Path, write: Any, mx: Any, fake: Any) -> None:
    write(repo, {".gitignore": "b.py\n", "b.py": "x = 1\n"})
    fake("git", "print('fatal: detected dubious ownership', file=sys.stderr)\nsys.exit(128)\n")
    result = mx("lint", "--rule", "merge-markers", cwd=repo)
    assert f"warning: .gitignore is not respected in {repo}: fatal: detected dubious ownership" in result.err
    assert "checked 2 files" in result.err


def test_a_path_that_is_not_there(mx: Any) -> None:
    result = mx("lint", "nope.py")
    assert (result.code, result.out) == (2, "")
    assert "There is no file or folder nope.py." in result.err


def test_the_same_file_twice_is_one(mx: Any, write: Any, tmp_path: Path) -> None:
    write(tmp_path, {"a/b.txt": "<<<<<<< \n>>>>>>> \n"})
    assert len(mx("lint", "a", "a/b.txt", "./a/../a/b.txt", tmp_path / "a").out.splitlines()) == 1


def test_paths_are_shown_from_here(mx: Any, write: Any, repo: Path) -> None:
    write(repo, {"a.txt": "<<<<<<< \n>>>>>>> \n", "sub/x": ""})
    assert mx("lint", "../a.txt", cwd=repo / "sub").out.startswith("../a.txt:1:1: merge-markers ")
    location = mx("lint", "--format", "gitlab", "../a.txt", cwd=repo / "sub").json[0]["location"]
    assert location == {"path": "a.txt", "lines": {"begin": 1}}


def test_own_ruff_configuration_wins(mx: Any, need: Any, write: Any, repo: Path) -> None:
    need("ruff")
    bad = "import os\nx = open('a')\n"
    write(repo, {
        "house/a.py": bad, "own/a.py": bad, "own/pyproject.toml": '[tool.ruff.lint]\nselect = ["N"]\n[tool.ruff]\nextend-exclude = ["gen"]\n',
        "own/gen/b.py": bad, "own/deep/er/a.py": bad, "other/pyproject.toml": "[project]\n", "other/a.py": bad,
    })  # fmt: skip
    rules = {
        line.split(" ")[0].split(":")[0]
        for line in mx("lint", "--rule", "ruff-check", cwd=repo).out.splitlines()
    }
    assert rules == {"house/a.py", "other/a.py"}
    # An exclusion is the project's own rule: a pre-commit hook that names the file must not break it.
    assert mx("lint", "own/gen/b.py", cwd=repo).code == 0
    assert not list(repo.rglob(".ruff_cache"))


def test_a_configuration_above_the_repository_is_not_used(mx: Any, need: Any, write: Any, repo: Path) -> None:
    need("yamllint")
    write(repo.parent, {".yamllint": "rules: {}\n", "ruff.toml": 'lint.select = ["I"]\n'})
    write(repo, {"a.yaml": "a: 1\na: 2\n", "a.py": "import os\n"})
    out = mx("lint", cwd=repo).out
    assert "yamllint/key-duplicates" in out
    assert "ruff-check/F401" in out


def test_own_yamllint_configuration_by_folder(mx: Any, need: Any, write: Any, repo: Path) -> None:
    need("yamllint")
    own = "rules:\n  document-start: {level: error}\nignore: |\n  /skip/\n"
    write(repo, {"a.yaml": "a: 1\n", "own/.yamllint.yaml": own, "own/b.yaml": "---\na: 1\na: 2\n", "own/c.yaml": "a: 1\n", "own/skip/d.yaml": "a: 1\n"})  # fmt: skip
    places = [line.split(": ")[:2] for line in mx("lint", "--rule", "yamllint", cwd=repo).out.splitlines()]
    rule = 'yamllint/document-start error missing document start "---"'
    assert places == [["own/.yamllint.yaml:1:1", rule], ["own/c.yaml:1:1", rule]]


def test_own_hadolint_and_shellcheck_configuration(mx: Any, need: Any, write: Any, repo: Path) -> None:
    need("hadolint")
    need("shellcheck")
    write(repo, {
        ".hadolint.yaml": "ignored: [DL3006]\n", "Dockerfile": "FROM a\n",
        ".shellcheckrc": "disable=SC2086\n", "a.sh": "#!/bin/sh\necho $1\n",
    })  # fmt: skip
    result = mx("lint", "--skip", "yamllint", cwd=repo)
    assert (result.code, result.out) == (0, "")
    (repo / ".hadolint.yaml").unlink()
    (repo / ".shellcheckrc").unlink()
    out = mx("lint", cwd=repo).out
    assert "hadolint/DL3006" in out
    assert "shellcheck/SC2086" in out


def test_many_files_are_given_in_several_command_lines(
    mx: Any, need: Any, write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("shellcheck")
    monkeypatch.setattr(context, "LONGEST", 100)
    write(tmp_path, {f"script-{n:02}.sh": "#!/bin/sh\necho $1\n" for n in range(40)})
    assert len(mx("lint", "--rule", "shellcheck").out.splitlines()) == 40


def test_chunks_lose_nothing() -> None:
    one = [f"{'x' * n}é" for n in range(50)]
    chunks = list(context.chunks(one, 90))
    assert [name for chunk in chunks for name in chunk] == one
    assert len(chunks) > 10
    assert all(len(chunk) == 1 or sum(len(os.fsencode(n)) + 3 for n in chunk) <= 90 for chunk in chunks)
    assert list(context.chunks([], 90)) == []
