"""Git is asked about the right repository, runs nothing that a repository chose, and its failing is never an answer."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from traps import Trap, lies, plain_git

from mxdev.errors import MxError
from mxdev.system import git, programs
from mxdev.system.git import running


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a commit, a changed file, a renamed one and one that Git does not know."""
    folder = tmp_path / "project"
    (folder / "sub").mkdir(parents=True)
    plain_git(folder, "init", "--quiet")
    (folder / "a.txt").write_text("a\n" * 9)
    (folder / "sub/b.txt").write_text("b\n" * 9)
    (folder / "sub/ü.txt").write_text("u\n" * 9)
    plain_git(folder, "add", ".")
    plain_git(folder, "commit", "--quiet", "-m", "first")
    plain_git(folder, "mv", "sub/b.txt", "sub/c.txt")
    (folder / "a.txt").write_text("changed\n")
    (folder / "new.txt").write_text("n\n")
    return folder


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path / "trap")


def found(folder: Path) -> git.Repository:
    repository = git.find(folder)
    assert repository is not None
    return repository


READS: dict[str, Callable[[git.Repository], object]] = {
    "changed": lambda r: r.changed(),
    "commit": lambda r: r.commit(),
    "diff": lambda r: r.ask("diff", "-M", "--diff-filter=R", "--name-status", "-z", "HEAD").out,
    "patch": lambda r: r.ask("diff", "HEAD").out,
    "show": lambda r: r.ask("show", "--format=%H", "HEAD").out,
    "log": lambda r: r.ask("log", "--format=%H", "-1", "-p").out,
    "listed": lambda r: r.ask("ls-files", "-z", "--cached", "--others", "--exclude-standard").out,
    "ignored": lambda r: r.ask("check-ignore", "--quiet", "a.txt", ok=(0, 1)).code,
    "blob": lambda r: r.ask("cat-file", "blob", "HEAD:a.txt").out,
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("where", [".", "sub"])
def test_nothing_that_a_repository_configures_runs_or_changes_an_answer(
    root: Path, trap: Trap, read: str, where: str
) -> None:
    before = READS[read](found(root / where))
    trap.arm(root)
    assert READS[read](found(root / where)) == before
    assert trap.ran == ""


@pytest.mark.parametrize("read", READS)
def test_what_reads_writes_no_index(root: Path, read: str) -> None:
    """Also where times say that files changed, which `git diff` would note there: on a full disk that failed."""
    os.utime(root / "sub/ü.txt", (1, 1))
    index = root / ".git/index"
    before = index.read_bytes()
    READS[read](found(root))
    assert index.read_bytes() == before


def test_the_trap_is_one(root: Path, trap: Trap) -> None:
    """Git as a person runs it walks into it."""
    trap.arm(root)
    subprocess.run(["git", "status"], cwd=root, capture_output=True, check=False)
    assert "trap.sh" in trap.ran
    assert "hook post-index-change" in trap.ran
    trap.mark.unlink()
    trap.bury(root / "sub")
    subprocess.run(["git", "status"], cwd=root / "sub", capture_output=True, check=False)
    assert "trap.sh" in trap.ran


@pytest.mark.parametrize("read", READS)
def test_a_folder_that_looks_like_a_bare_repository_is_not_taken_for_one(
    root: Path, trap: Trap, read: str
) -> None:
    trap.bury(root / "sub")
    repository = found(root / "sub")
    assert (repository.top, repository.prefix) == (root.resolve(), "sub/")
    assert READS[read](repository) == READS[read](found(root))
    assert trap.ran == ""


@pytest.mark.parametrize("read", READS)
def test_variables_lead_nowhere_else(
    root: Path, tmp_path: Path, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = READS[read](found(root))
    for name, value in lies(tmp_path / "another").items():
        monkeypatch.setenv(name, value)
    assert READS[read](found(root)) == before


def test_work_runs_no_hook_and_no_filter_of_the_repository(root: Path, trap: Trap, tmp_path: Path) -> None:
    trap.arm(root)
    repository = found(root)
    repository.ask("worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"), "HEAD")
    repository.ask("add", "--all")
    repository.ask(
        "commit", "--quiet", "-m", "x", settings=("user.name=T", "user.email=t@x", "commit.gpgsign=false")
    )
    assert trap.ran == ""
    assert (tmp_path / "tree/a.txt").read_text() == "a\n" * 9


def test_a_filter_of_the_person_holds_and_one_of_the_repository_does_not(
    root: Path, trap: Trap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with Git LFS: without its filter each of its files would seem to be changed."""
    settings = tmp_path / "gitconfig"
    settings.write_text('[filter "mine"]\n\tclean = tr a-z A-Z\n[filter "evil"]\n\tclean = cat\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    trap.arm(root)
    (root / ".git/info/attributes").write_text("*.up filter=mine\n*.txt filter=evil\n")
    (root / "x.up").write_text("loud\n")
    repository = found(root)
    repository.ask("add", "x.up", "a.txt")
    assert repository.ask("cat-file", "blob", ":x.up").out == b"LOUD\n"
    assert repository.ask("cat-file", "blob", ":a.txt").out == b"changed\n"
    assert trap.ran == ""


def test_a_name_that_cannot_be_overruled_is_refused(root: Path, trap: Trap) -> None:
    with (root / ".git/config").open("a") as file:
        file.write(f'[filter "a=b"]\n\tclean = {trap.program}\n')
    (root / ".git/info/attributes").write_text("* filter=a=b\n")
    with pytest.raises(git.GitFailed, match="may run a program"):
        found(root).changed()
    assert trap.ran == ""


def test_a_submodule_is_looked_into_by_the_same_rules(root: Path, trap: Trap, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    plain_git(other, "init", "--quiet")
    (other / "x.txt").write_text("x\n")
    plain_git(other, "add", ".")
    plain_git(other, "commit", "--quiet", "-m", "x")
    plain_git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "inner")
    plain_git(root, "add", "--all")
    plain_git(root, "commit", "--quiet", "-m", "second")
    assert found(root).changed() == []
    plain_git(root / "inner", "config", "core.fsmonitor", str(trap.program))
    (root / "inner/x.txt").write_text("y\n")
    assert found(root).changed() == ["inner"]
    assert trap.ran == ""


def test_the_files_of_a_repository_are_not_above_it(root: Path) -> None:
    """`core.worktree` may name a folder above, such as a home folder: it is not a repository, so nobody asks Git there."""
    plain_git(root, "config", "core.worktree", str(root.parent))
    with pytest.raises(git.GitFailed, match="says that its files are in") as problem:
        git.find(root / "sub")
    assert "core.worktree" in str(problem.value)


def test_submodules_that_are_in_each_other(root: Path, tmp_path: Path) -> None:
    """By links on the way: each would be looked into for the other, without an end."""
    other = tmp_path / "other"
    other.mkdir()
    plain_git(other, "init", "--quiet")
    plain_git(other, "commit", "--quiet", "--allow-empty", "-m", "x")
    for place, path in ((root, "up/other"), (other, "up/project")):
        commit = plain_git(other, "rev-parse", "HEAD")
        (place / "up").symlink_to(tmp_path)
        (place / ".gitmodules").touch()
        plain_git(place, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    assert "a.txt" in found(root).changed()


def test_objects_that_are_missing_are_not_fetched(root: Path, trap: Trap) -> None:
    """A partial clone would have them brought by the program that it names as its remote."""
    blob = plain_git(root, "rev-parse", "HEAD:a.txt")
    for name, value in (
        ("core.repositoryFormatVersion", "1"), ("extensions.partialClone", "origin"), ("remote.origin.promisor", "true"),
        ("remote.origin.url", f"ext::{trap.program}"), ("protocol.ext.allow", "always"),
    ):  # fmt: skip
        plain_git(root, "config", name, value)
    (root / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(git.GitFailed):
        found(root).ask("cat-file", "blob", "HEAD:a.txt")
    assert trap.ran == ""


# --- what kind of no --------------------------------------------------------------------------------------------------


def test_no_repository_is_none_and_needs_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "locate", lambda tool: None)
    assert git.find(tmp_path) is None


def test_no_git_is_an_error_that_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "locate", lambda tool: None)
    with pytest.raises(git.NoGit, match="Git is not installed") as problem:
        git.find(root)
    assert "git-scm.com" in str(problem.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_a_repository_of_another_user_is_not_ours(root: Path) -> None:
    for path in (root, *root.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    with pytest.raises(git.NotOurs, match="belongs to another user") as problem:
        git.find(root)
    assert f"safe.directory {root}" in str(problem.value)


def test_a_damaged_repository_is_a_failure_and_not_clean(root: Path) -> None:
    (root / ".git/index").write_bytes(b"not an index")
    with pytest.raises(git.GitFailed, match="`git status` failed in"):
        found(root).changed()
    (root / ".git/HEAD").write_text("nonsense\n")
    with pytest.raises(git.GitFailed, match="failed"):
        git.find(root)


def test_a_repository_that_points_elsewhere_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    plain_git(root, "config", "core.worktree", str(tmp_path / "home"))
    with pytest.raises(git.GitFailed, match="says that its files are in"):
        git.find(root)


def test_an_empty_folder_called_git_is_passed_over(root: Path) -> None:
    (root / "sub/.git").mkdir()
    repository = found(root / "sub")
    assert (repository.top, repository.prefix) == (root.resolve(), "sub/")


def test_a_program_that_does_not_end_well(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = programs.locate("git")
    assert real is not None
    script = tmp_path / "git"
    script.write_text(f'#!/bin/sh\ncase "$*" in *status*) kill -9 $$;; esac\nexec {real[0]} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setattr(programs, "locate", lambda tool: (str(script),))
    with pytest.raises(git.GitFailed, match="exit code 137"):
        found(root).changed()


def test_before_the_first_commit(tmp_path: Path) -> None:
    plain_git(tmp_path, "init", "--quiet")
    (tmp_path / "a.txt").write_text("a\n")
    repository = found(tmp_path)
    assert repository.commit() is None
    assert repository.changed() == ["a.txt"]


def test_a_worktree_and_a_link_to_the_folder(root: Path, tmp_path: Path) -> None:
    plain_git(root, "worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"))
    assert found(tmp_path / "tree/sub").prefix == "sub/"
    (tmp_path / "link").symlink_to(root / "sub")
    assert found(tmp_path / "link").top == root.resolve()


# --- servers ----------------------------------------------------------------------------------------------------------


def test_what_talks_to_a_server_reads_no_configuration_of_a_project(
    root: Path, trap: Trap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    plain_git(other, "init", "--quiet", "--bare")
    plain_git(root, "config", f"url.ext::{trap.program}.insteadOf", str(other))
    trap.arm(root)
    home = root / "cache"
    home.mkdir()
    monkeypatch.chdir(root)
    for name, value in lies(tmp_path / "another").items():
        monkeypatch.setenv(name, value)
    git.reach(home, "ls-remote", "--end-of-options", str(other))
    git.reach(home, "clone", "--quiet", "--mirror", "--end-of-options", str(other), str(home / "mirror"))
    assert trap.ran == ""
    with pytest.raises(git.GitFailed, match=r"`git ls-remote` failed: .*'ext' not allowed"):
        git.reach(home, "ls-remote", "--end-of-options", f"ext::{trap.program}")
    assert trap.ran == ""


@pytest.mark.parametrize(
    "name", ["HEAD", "index", "config", "info/exclude", "packed-refs", "objects/info/alternates"]
)
def test_a_pipe_where_git_keeps_a_file_is_named_at_once(root: Path, name: str) -> None:
    place = root / ".git" / name
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    start = time.monotonic()
    with pytest.raises(git.GitFailed, match=f"{name} is a pipe or a device, and no file") as problem:
        found(root).changed()
    assert "Remove it" in str(problem.value.hint)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("name", [".gitignore", "sub/.gitignore", "sub/.gitattributes", ".git/refs/heads/x"])
def test_a_pipe_among_what_git_reads_elsewhere_is_named_soon(root: Path, name: str) -> None:
    os.mkfifo(root / name)
    if name.endswith("/x"):
        (root / ".git/HEAD").write_text("ref: refs/heads/x\n")
    start = time.monotonic()
    with pytest.raises(git.GitFailed, match=f"{name} is a pipe or a device, and no file"):
        found(root).changed()
    assert time.monotonic() - start < 10


def test_a_pipe_that_the_configuration_names_is_found(root: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rules")
    with (root / ".git/config").open("a") as file:
        file.write(f"[core]\n\texcludesFile = {tmp_path}/rules\n")
    with pytest.raises(git.GitFailed, match="rules is a pipe or a device"):
        found(root).changed()


def test_a_pipe_that_an_included_file_includes_is_found(root: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "more")
    (root / "one").write_text('[include]\n\tpath = "two"\n')
    (root / "two").write_text(f"[Include]\n\tPath = {tmp_path}/more\n[include]\n\tpath = one\n")
    with (root / ".git/config").open("a") as file:
        file.write("[include]\n\tpath = ../one\n")
    start = time.monotonic()
    with pytest.raises(git.GitFailed, match="more is a pipe or a device"):
        found(root).changed()
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("name", [".git", ".git/commondir"])
def test_a_name_with_a_nul_where_git_says_where_it_is(root: Path, name: str) -> None:
    if name == ".git":
        (root / ".git").rename(root / "elsewhere")
    (root / name).write_bytes(b"gitdir: a\0b\n")
    with pytest.raises(git.GitFailed):
        found(root).changed()


def test_in_a_worktree_and_with_an_empty_device_git_answers(root: Path, tmp_path: Path) -> None:
    exclude = root / ".git/info/exclude"
    exclude.unlink(missing_ok=True)
    exclude.symlink_to(os.devnull)  # people do that, and it ends
    assert "new.txt" in found(root).changed()
    plain_git(root, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    assert found(tmp_path / "tree").changed() == []
    exclude.unlink()
    os.mkfifo(exclude)
    with pytest.raises(git.GitFailed, match="exclude is a pipe"):
        found(tmp_path / "tree").changed()


SLOW = """#!/bin/sh
case " $* " in
*" status "*) exec sleep 60;;
*" ls-remote "*)  # as git-remote-http does: what Git started works on when Git is gone
  trap 'touch "$0.tidied"; exit 1' TERM
  sleep 60 & echo $! > "$0.helper"
  wait;;
esac
exec {git} "$@"
"""


@pytest.fixture
def slow_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A double of Git that does not come to the end of some commands."""
    script = tmp_path / "bin/git"
    script.parent.mkdir()
    script.write_text(SLOW.format(git=shutil.which("git")))
    script.chmod(0o755)
    monkeypatch.setattr(programs, "locate", lambda tool: (str(script),))


def test_a_git_that_hangs_is_stopped_and_the_limit_is_the_persons(
    root: Path,
    slow_git: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(running, "_LONG", 0.2)
    monkeypatch.setenv("MX_GIT_TIMEOUT", "0.5")
    with pytest.raises(git.GitFailed, match=r"`git status` in .* did not end within 0.5 seconds") as problem:
        found(root).changed()
    assert "MX_GIT_TIMEOUT" in str(problem.value.hint)
    assert (
        "has run for 0.2 seconds; mx waits until 0.5 seconds are over (MX_GIT_TIMEOUT)"
        in capsys.readouterr().err
    )
    home = tmp_path / "cache"
    home.mkdir()
    with pytest.raises(git.GitFailed, match=r"`git ls-remote` did not end within 0.5 seconds"):
        git.reach(home, "ls-remote", str(root))
    assert "`git ls-remote` has run for 0.2 seconds; mx waits" in capsys.readouterr().err
    helper = int((tmp_path / "bin/git.helper").read_text())
    until = time.monotonic() + 5
    while (alive := _is_alive(helper)) and time.monotonic() < until:
        time.sleep(0.01)
    assert not alive
    assert (tmp_path / "bin/git.tidied").exists()  # Git could remove its half of a clone


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf", "1e300"])
def test_a_limit_for_git_that_is_no_number_is_named(
    root: Path, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MX_GIT_TIMEOUT", value)
    with pytest.raises(MxError, match=r"MX_GIT_TIMEOUT is .* no number of seconds"):
        found(root)
    monkeypatch.setenv("MX_GIT_TIMEOUT", "0")
    assert "a.txt" in found(root).changed()
