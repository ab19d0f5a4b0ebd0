"""What is written down about the code is enough to bring it back, small, and nobody's secret."""

import os
import shutil
import subprocess

import pytest

from churn_model import provenance, tracking
from churn_model.provenance import Code

CHANGED = "a = 2\n"


def git(folder, *arguments: str, given: bytes | None = None) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=T", "-c", "user.email=t@t", *arguments],
        input=given,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path):
    """A repository without a commit."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "kept.py").write_text("a = 1\n")
    return tmp_path


@pytest.fixture
def committed(repository):
    """A repository with a commit, and no changes."""
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "first")
    return repository


def as_of_long_ago(repository) -> None:
    """Git looks again at files that were written in the moment in which it noted their state."""
    for path in repository.glob("*.*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    git(repository, "status")


def brought_back(repository, diff: bytes) -> None:
    """Take all changes away, and bring them back by the diff."""
    git(repository, "stash", "--include-untracked", "--quiet")
    git(repository, "apply", "-", given=diff)


def test_without_a_repository_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.delenv("GIT_COMMIT", raising=False)
    assert provenance.code(tmp_path) == Code("none")
    monkeypatch.setenv("GIT_COMMIT", "abc")
    assert provenance.code(tmp_path) == Code("abc")


def test_before_the_first_commit_the_diff_is_everything(repository):
    found = provenance.code(repository)
    assert (found.commit, found.left_out, found.problem) == ("none", (), "")
    assert b"+a = 1" in found.diff


def test_a_clean_repository_has_no_diff(committed):
    assert provenance.code(committed) == Code(git(committed, "rev-parse", "HEAD"))


def test_the_diff_brings_every_change_back(repository):
    (repository / "gone.py").write_text("c = 3\n")
    (repository / "image.bin").write_bytes(bytes(range(256)))
    (repository / 'odd "name" é.py').write_bytes(b"# latin: \xe9\r\nno end")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "first")
    (repository / "kept.py").write_text(CHANGED)
    (repository / "gone.py").unlink()
    (repository / "image.bin").write_bytes(bytes(range(255, -1, -1)))
    (repository / 'odd "name" é.py').write_bytes(b"# latin: \xe8\r\nno end")
    (repository / "staged.py").write_text("s = 1\n")
    git(repository, "add", "staged.py")
    (repository / "package").mkdir()
    (repository / "package" / "new.py").write_text("b = 1\n")
    before = git(repository, "status", "--porcelain")
    files = {
        path: path.read_bytes()
        for path in repository.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }
    objects = git(repository, "count-objects")
    found = provenance.code(repository)
    assert (found.left_out, found.problem) == ((), "")
    assert git(repository, "status", "--porcelain") == before, "the index was touched"
    assert git(repository, "count-objects") == objects, "something was written into the repository"
    git(repository, "reset", "--quiet")
    brought_back(repository, found.diff)
    for path, content in files.items():
        assert path.read_bytes() == content, path
    assert not (repository / "gone.py").exists()


@pytest.mark.parametrize(
    "setting",
    [
        "diff.noprefix=true",
        "diff.mnemonicPrefix=true",
        "diff.external=false",
        "diff.context=0",
        "diff.algorithm=histogram",
        "diff.renames=copies",
        "diff.relative=true",
        "diff.suppressBlankEmpty=true",
        "diff.submodule=log",
        "diff.orderFile=/nowhere",
        "color.ui=always",
        "core.fsmonitor=false && false",
        "core.pager=false",
    ],
)
def test_nobodys_settings_change_the_diff(committed, setting):
    (committed / "kept.py").write_text("\n\n" + CHANGED)
    (committed / "new.py").write_text("b = 1\n")
    plain = provenance.code(committed)
    git(committed, "config", *setting.split("=", 1))
    assert provenance.code(committed) == plain
    brought_back(committed, plain.diff)
    assert (committed / "kept.py").read_text() == "\n\n" + CHANGED


def test_no_program_of_somebody_makes_the_diff(committed):
    (committed / ".gitattributes").write_text("*.py diff=odd\n")
    (committed / "kept.py").write_text(CHANGED)
    plain = provenance.code(committed)
    for name in ("command", "textconv"):
        git(committed, "config", f"diff.odd.{name}", "false")
    assert provenance.code(committed) == plain
    assert b"+a = 2" in plain.diff


def test_what_a_hook_leaves_in_the_environment_leads_nowhere(
    committed, tmp_path_factory, monkeypatch
):
    (committed / "kept.py").write_text(CHANGED)
    found = provenance.code(committed)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    git(elsewhere, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(elsewhere / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(elsewhere))
    monkeypatch.setenv("GIT_INDEX_FILE", str(elsewhere / "index"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")
    assert found.diff
    assert provenance.code(committed) == found


def test_hooks_do_not_run(committed):
    hook = committed / ".git" / "hooks" / "post-index-change"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{committed}/ran'\n")
    hook.chmod(0o755)
    (committed / "new.py").write_text("b = 1\n")
    assert provenance.code(committed).diff
    assert not (committed / "ran").exists()


def test_changes_that_the_index_overlooks_count(committed):
    git(committed, "update-index", "--assume-unchanged", "kept.py")
    (committed / "kept.py").write_text(CHANGED)
    assert b"+a = 2" in provenance.code(committed).diff
    assert git(committed, "ls-files", "-v").startswith("h"), "the mark is the person's"


def test_only_what_changed_is_read(repository):
    """Data goes through a filter when it is read, as Git LFS does it."""
    count = repository / ".git" / "count"
    (repository / ".gitattributes").write_text("*.bin filter=slow -text\n")
    git(repository, "config", "filter.slow.clean", f"echo x >> '{count}'; cat")
    for number in range(5):
        (repository / f"{number}.bin").write_bytes(os.urandom(100))
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "first")
    as_of_long_ago(repository)
    count.write_text("")
    assert provenance.code(repository).diff == b""
    assert count.read_text() == ""
    (repository / "3.bin").write_bytes(b"changed")
    assert b"3.bin" in provenance.code(repository).diff
    assert 1 <= len(count.read_text().splitlines()) <= 4


def test_a_filter_that_fails_is_no_clean_repository(repository):
    (repository / ".gitattributes").write_text("*.bin filter=lfs -text\n")
    (repository / "data.bin").write_bytes(b"1")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "first")
    as_of_long_ago(repository)
    git(repository, "config", "filter.lfs.clean", "is-not-installed %f")
    git(repository, "config", "filter.lfs.required", "true")
    (repository / "kept.py").write_text(CHANGED)
    found = provenance.code(repository)
    assert (b"+a = 2" in found.diff, found.problem) == (True, "")
    (repository / "data.bin").write_bytes(b"22")
    found = provenance.code(repository)
    assert found.commit == git(repository, "rev-parse", "HEAD")
    assert found.diff == b""
    assert "failed with exit code" in found.problem
    assert "is-not-installed" in found.problem


def test_a_repository_that_git_does_not_read_is_a_problem(committed, monkeypatch):
    monkeypatch.setenv("GIT_COMMIT", "abc")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setattr(provenance, "_environment", lambda own: {**os.environ, "LC_ALL": "C"})
    found = provenance.code(committed)
    assert (found.commit, found.diff) == ("abc", b"")
    assert "dubious ownership" in found.problem


def test_no_git_at_all_is_a_problem_where_there_is_a_repository(
    committed, tmp_path_factory, monkeypatch
):
    outside = tmp_path_factory.mktemp("outside")
    monkeypatch.delenv("GIT_COMMIT", raising=False)
    monkeypatch.setenv("PATH", str(outside))
    assert provenance.code(committed) == Code("none", problem="git is not installed")
    assert provenance.code(outside) == Code("none")


def test_new_data_is_left_out_and_named(committed):
    (committed / "data").mkdir()
    (committed / "data" / "train.csv").write_bytes(b"1,2\n" * 100_000)
    (committed / "large.py").write_bytes(b"#" * (provenance.MOST_OF_A_FILE + 1))
    (committed / "new.py").write_text("b = 1\n")
    (committed / "link.py").symlink_to("new.py")
    found = provenance.code(committed)
    assert b"+b = 1" in found.diff
    assert len(found.diff) < 1000
    assert set(found.left_out) == {
        "data/train.csv (0.4 MB, new and no code)",
        "large.py (1.0 MB, too large)",
        "link.py (new and no plain file)",
    }


def test_many_files_are_named_by_their_folder(committed):
    for folder in ("images", "masks"):
        (committed / folder).mkdir()
        for number in range(30):
            (committed / folder / f"{number}.png").write_bytes(b"x" * 10)
    assert set(provenance.code(committed).left_out) == {
        "images/ (30 files, 300 bytes)",
        "masks/ (30 files, 300 bytes)",
    }


def test_a_large_change_of_a_known_file_is_left_out_and_named(repository):
    (repository / "table.csv").write_bytes(b"1,2\n" * 300_000)
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "first")
    (repository / "table.csv").write_bytes(b"3,4\n")
    (repository / "kept.py").write_text(CHANGED)
    found = provenance.code(repository)
    assert found.left_out == ("table.csv (1.2 MB, too large)",)
    assert b"+a = 2" in found.diff
    assert b"table" not in found.diff


def test_all_together_has_a_limit(committed, monkeypatch):
    monkeypatch.setattr(provenance, "MOST", 25)
    for number in range(5):
        (committed / f"{number}.py").write_text("b = 1234\n")
    found = provenance.code(committed)
    assert found.diff.count(b"+b = ") == 2
    assert len(found.left_out) == 3


# Nobody's secret.
PLAIN = """
tokenizer: google/bert_uncased_L-2_H-128_A-2
token_path: data/tokens/v2/part-00000
token_ids = padded_batch_of_ids_v2
secretary=Anna_Katharina_Meier_2
"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".env", "A=1"),
        (".env.local.yaml", "a: 1"),
        ("deploy.key", "a1b2c3d4"),
        ("my-service-account.yaml", "a: 1"),
        ("settings.py", "-----BEGIN RSA " + "PRIVATE KEY-----"),
        ("settings.py", "KEY = 'AKIA" + "ABCDEFGHIJKLMNOP'"),
        ("settings.py", "TOKEN = 'ghp_" + "a1" * 18 + "'"),
        ("settings.yaml", "url: postgresql://me:sesame99@" + "db/x"),
        ("settings.py", "DB_PASSWORD = 'a1b2c3d4e5" + "f6g7h8i9'"),
        ("settings.py", "password = 'hunter" + "2hunter2'"),
        ("settings.yaml", "api_key: a1b2c3d4e5" + "f6a1b2c3d4e5f6"),
        ("settings.yaml", "secret_access_key: a1b2C3/d4" + "+e5F6g7/H8i9j0k1L2/m3N4o5P6q7R8"),
        ("settings.py", "HUB = 'hf_" + "a1" * 17 + "'"),
        ("settings.py", "PAY = 'sk_" + "live_" + "a1" * 12 + "'"),
        ("settings.py", "CLIENT = 'GOCSPX-" + "a1" * 14 + "'"),
    ],
)
def test_what_looks_like_a_secret_stays_here(committed, name, content):
    (committed / name).write_text(content + "\n")
    (committed / "new.py").write_text("token = tokenizer.encode('some words')\n" + PLAIN)
    found = provenance.code(committed)
    assert content.encode() not in found.diff
    assert b"tokenizer" in found.diff
    assert len(found.left_out) == 1
    assert found.left_out[0].startswith(name)
    # In a file that is known already, too.
    git(committed, "add", "--force", name)
    found = provenance.code(committed)
    assert content.encode() not in found.diff
    assert found.left_out[0].startswith(name)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_a_secret_in_wide_letters_stays_here_too(committed, encoding):
    """Git takes such a text for binary and packs it."""
    secret = "DB_PASSWORD = 'a1b2c3d4e5" + "f6g7h8i9'\n"
    (committed / "wide.ini").write_bytes(secret.encode(encoding))
    (committed / "plain.ini").write_bytes("a = 1\n".encode(encoding))
    found = provenance.code(committed)
    assert [word.partition(" ")[0] for word in found.left_out] == ["wide.ini"]
    assert b"plain.ini" in found.diff
    assert b"wide.ini" not in found.diff
    git(committed, "add", ".")
    found = provenance.code(committed)
    assert [word.partition(" ")[0] for word in found.left_out] == ["wide.ini"]
    assert b"wide.ini" not in found.diff


@pytest.mark.parametrize("now", [None, "a = 1\n"], ids=["deleted", "changed"])
def test_a_secret_in_wide_letters_that_was_committed_is_not_brought_back(repository, now):
    """What Git packs brings back the file of before as well."""
    secret = "DB_PASSWORD = 'a1b2c3d4e5" + "f6g7h8i9'\n"
    (repository / "wide.ini").write_bytes(secret.encode("utf-16"))
    (repository / "plain.ini").write_bytes("a = 1\n".encode("utf-16"))
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "first")
    for name in ("wide.ini", "plain.ini"):
        if now is None:
            (repository / name).unlink()
        else:
            (repository / name).write_text(now)
    found = provenance.code(repository)
    assert [word.partition(" ")[0] for word in found.left_out] == ["wide.ini"]
    assert b"plain.ini" in found.diff
    assert b"wide.ini" not in found.diff


def test_a_submodule_that_changed_is_named(committed, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    shutil.copytree(committed, other, dirs_exist_ok=True)
    git(
        committed,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        str(other),
        "sub",
    )
    git(committed, "commit", "--quiet", "-m", "with a submodule")
    assert provenance.code(committed).left_out == ()
    (committed / "sub" / "kept.py").write_text(CHANGED)
    found = provenance.code(committed)
    assert found.left_out == ("sub (a submodule that is not at its commit)",)
    assert found.diff == b""


def test_versions_are_requirements():
    lines = provenance.versions()
    assert any(line.startswith("torch==") for line in lines)


def test_a_problem_is_never_logged_as_no_changes(monkeypatch):
    tags, said = {}, []
    monkeypatch.setattr(tracking.mlflow, "set_tags", tags.update)
    monkeypatch.setattr(tracking.log, "warning", lambda text, value: said.append(text % value))
    tracking.log_code(Code("abc", problem="it fails"))
    assert tags == {"git.commit": "abc", "git.uncommitted": True, "git.problem": "it fails"}
    tracking.log_code(Code("abc", left_out=("data/ (3 files, 1.0 MB)",)))
    assert (tags["git.uncommitted"], tags["git.left_out"]) == (False, "data/ (3 files, 1.0 MB)")
    assert len(said) == 2
