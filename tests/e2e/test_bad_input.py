"""Bad input gets a clear error, and nothing is lost: names, places, disks, interruptions, broken state."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Mx, State
from disks import FailingFS, KillingFS, in_child

from mxdev import cli
from mxdev.disk import fs
from mxdev.project.project import Project

Look = Callable[[Path], State]


def files(state: State) -> State:
    """What a person sees: without the lock, and without times of folders."""
    return {
        path: seen[:2]
        for path, seen in state.items()
        if not path.endswith((".mx/lock", ".mx/journal")) and ".mx/undo" not in path
    }


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("My-Model", "lower-case letters"),
        ("my_model", "lower-case letters"),
        ("1model", "beginning with a letter"),
        ("model-", "not ending with a dash"),
        ("a--b", "single dashes"),
        ("x", "2 to 40"),
        ("a" * 41, "2 to 40"),
        ("../escape", "lower-case letters"),
        ("a b", "lower-case letters"),
        ("a\nb", "lower-case letters"),
        ("mödel", "lower-case letters"),
        ("", "lower-case letters"),
        ("..", "lower-case letters"),
        ("class", "keyword"),
        ("async", "keyword"),
        ("match", "keyword"),
        ("json", "standard library"),
        ("asyncio", "standard library"),
        ("torch", "distribution that it requires"),
        ("tests", "a folder of the project"),
    ],
)
def test_names_that_are_no_package_or_no_dns_name(mx: Mx, tmp_path: Path, name: str, says: str) -> None:
    result = mx("generate", "MLProjectSkeleton", "--no-input", "--", name)
    assert result.code == 2
    assert says in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--cloud", "aws"), ("--project-id", "X"), ("--project-id", "a b"), ("--region", "europe"), ("--zone", "x"), ("--domain", "no_dns"),
        ("--domain", "localhost"), ("--engineer", "nobody"), ("--engineer", "a@b"), ("--engineer", "x <a@b.co> y"), ("--python", "2.7"),
        ("--accelerator", "tpu"),
    ],
)  # fmt: skip
def test_values_that_are_none(mx: Mx, tmp_path: Path, flag: str, value: str) -> None:
    result = mx("generate", "MLProjectSkeleton", "demo-model", "--no-input", flag, value)
    assert result.code == 2
    assert f"{flag} (command line): " in result.err
    assert list(tmp_path.iterdir()) == []


# --- places -----------------------------------------------------------------------------------------------------------


def test_a_file_where_the_project_must_be(mx: Mx, tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    result = mx("generate", "SampleBase", "demo", "--no-input")
    assert (result.code, "is there already, and it is not a folder" in result.err) == (1, True)
    assert (tmp_path / "demo").read_text() == "mine"


@pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
def test_a_link_where_the_project_must_be(mx: Mx, tmp_path: Path, target: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "demo").symlink_to(target)
    assert mx("generate", "SampleBase", "demo", "--no-input").code == 1
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_where_a_folder_must_be(mx: Mx, project: Path, look: Look) -> None:
    (project / "apps").write_text("mine")
    before = files(look(project))
    result = mx("generate", "SampleApp", "one", cwd=project)
    assert (result.code, "apps is a file, and apps/one.yaml needs a folder there" in result.err) == (1, True)
    assert files(look(project)) == before


@pytest.mark.parametrize("what", ["a folder", "a link outside", "a pipe"])
def test_something_else_where_a_file_must_be(mx: Mx, project: Path, tmp_path: Path, what: str) -> None:
    path = project / "apps" / "one.yaml"
    path.parent.mkdir()
    if what == "a folder":
        path.mkdir()
    elif what == "a pipe":
        os.mkfifo(path)
    else:
        (tmp_path / "outside").write_text("theirs")
        path.symlink_to(tmp_path / "outside")
    result = mx("generate", "SampleApp", "one", cwd=project)
    assert result.code in (1, 4)
    assert "one.yaml" in result.err
    assert not (project / ".mx/generators/SampleApp.one.yaml").exists()
    if what == "a link outside":
        assert (tmp_path / "outside").read_text() == "theirs"


def test_a_file_that_no_memory_holds_is_left_alone_and_named(mx: Mx, project: Path) -> None:
    """As an archive brings it: a terabyte of nothing takes no place."""
    with (project / "README.md").open("ab") as file:
        file.truncate(1 << 40)
    for command in (
        ("status",),
        ("diff",),
        ("update", "--dry-run"),
        ("update", "--no-input", "--on-conflict", "overwrite"),
    ):
        result = mx(*command, cwd=project)
        assert result.code == 0, result.err
    assert "README.md" in mx("status", cwd=project).out
    assert (project / "README.md").stat().st_size == 1 << 40


@pytest.mark.parametrize("where", ["apps", ".mx", ".mx/generators", ".mx/pristine"])
def test_a_folder_that_leads_outside(mx: Mx, project: Path, tmp_path: Path, where: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    place = project / where
    if place.exists():
        place.rename(tmp_path / "kept")
        outside = tmp_path / "kept"
    place.symlink_to(outside)
    before = sorted(outside.rglob("*"))
    result = mx("generate", "SampleApp", "one", cwd=project)
    assert result.code == 4, result.err
    assert "symbolic link" in result.err
    assert sorted(path for path in outside.rglob("*") if path.name != "lock") == before


@pytest.mark.parametrize(
    "folder",
    [
        "with space",
        "with 'single' and \"double\"",
        "ünï©ödé 🧪",
        "$HOME",
        "-dash",
        "a\nb",
        "{{ x }}",
        "[x]*?",
    ],
)
def test_a_project_in_a_folder_with_an_odd_name(mx: Mx, tmp_path: Path, folder: str) -> None:
    here = tmp_path / folder
    here.mkdir()
    assert mx("generate", "SampleBase", "demo", "--no-input", cwd=here).code == 0
    assert mx("generate", "SampleApp", "one", cwd=here / "demo").code == 0
    assert mx("generate", "SampleBase", "--json", cwd=here / "demo").json["outcome"] == "nothing"
    result = mx("generate", "SampleTool", cwd=here / "demo" / "conf")
    assert result.code == 0


def test_the_next_steps_can_be_pasted(mx: Mx, tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    mx("generate", "SampleBase", "demo", "--no-input", cwd=tmp_path / "a b")
    (tmp_path / "a b" / "demo").rename(tmp_path / "it's mine")
    (tmp_path / "it's mine" / "sub").mkdir()
    result = mx("generate", "SampleApp", "one", cwd=tmp_path / "it's mine" / "sub")
    steps = result.out.partition("Next steps:\n")[2]
    done = subprocess.run(
        ["bash", "-euc", steps],
        cwd=tmp_path / "it's mine" / "sub",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "one:" in done.stdout


def without_rights(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run mx as a user for whom permissions count: root without the right to pass over them."""
    command = [sys.executable, "-m", "mxdev", *arguments]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root cannot drop its rights: setpriv is not installed")
        rights = "-dac_override,-dac_read_search,-fowner"
        command = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}", *command]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def closed() -> Iterator[Callable[[Path], None]]:
    """Takes the right to write from a folder and all folders in it, until the test is over."""
    changed: list[Path] = []

    def close(root: Path) -> None:
        changed.extend([root, *(path for path in root.rglob("*") if path.is_dir())])
        for path in changed:
            path.chmod(0o555)

    yield close
    for path in changed:
        path.chmod(0o755)


def test_a_read_only_folder(samples: Path, tmp_path: Path, closed: Callable[[Path], None]) -> None:
    here = tmp_path / "here"
    here.mkdir()
    closed(here)
    done = without_rights("generate", "SampleBase", "demo", "--no-input", cwd=here)
    assert (done.returncode, "permission denied" in done.stderr) == (4, True), done.stderr
    assert "bug" not in done.stderr
    assert list(here.iterdir()) == []


def test_a_read_only_project(project: Path, look: Look, closed: Callable[[Path], None]) -> None:
    (project / ".mx" / "lock").unlink(missing_ok=True)
    closed(project)
    before = look(project)
    for arguments, code in (
        (["generate", "SampleBase", "--size", "2"], 4),
        (["generate", "SampleBase", "--size", "2", "--dry-run"], 0),
        (["generate"], 0),
    ):
        done = without_rights(*arguments, cwd=project)
        assert done.returncode == code, done.stderr
        assert "bug" not in done.stderr
    assert look(project) == before


@pytest.mark.parametrize("path", ["README.md", "mx.yaml", ".mx/generators/SampleBase.yaml", "conf"])
def test_what_may_not_be_read(project: Path, path: str) -> None:
    mode = (project / path).stat().st_mode
    (project / path).chmod(0)
    try:
        done = without_rights("generate", "SampleBase", "--size", "2", cwd=project)
    finally:
        (project / path).chmod(mode)
    assert done.returncode == 4, done.stderr
    assert path in done.stderr
    assert "permission denied" in done.stderr.lower()
    assert "bug" not in done.stderr
    assert not (project / "extra.txt").exists()


# --- disks and interruptions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
@pytest.mark.parametrize("new", [True, False])
def test_a_disk_that_fails_anywhere_leaves_the_old_or_the_new_project(
    mx: Mx, project: Path, tmp_path: Path, look: Look, number: int, new: bool
) -> None:
    def run() -> int:
        if new:
            return mx("generate", "SampleBase", "other", "--no-input").code
        return mx("generate", "SampleBase", "--size", "2", "--region", "r", cwd=project).code

    before = files(look(tmp_path))
    shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}-kept"), symlinks=True)
    assert run() == 0
    after = files(look(tmp_path))
    at, codes = 0, set()
    while True:
        shutil.rmtree(tmp_path)
        shutil.copytree(tmp_path.with_name(f"{tmp_path.name}-kept"), tmp_path, symlinks=True)
        with fs.use(FailingFS(at, number)) as disk:
            code = run()
        codes.add(code)
        now = files(look(tmp_path))
        if code == 0:
            # Nothing failed, or only what does not matter.
            assert now == after
            if not disk.failed:
                break
        else:
            assert code == 4, disk.failed
            # What fails when all is done (the last syncs) leaves the new project, and the message says so.
            assert now in (before, after), disk.failed
            assert now == before or disk.failed.startswith("sync"), disk.failed
        at += 5
    assert at >= 3
    assert codes == {0, 4}


def test_a_process_that_dies_anywhere_is_recovered_by_the_next_run(
    mx: Mx, project: Path, tmp_path: Path, look: Look
) -> None:
    arguments = ["generate", "SampleBase", "--size", "2", "--region", "r"]
    os.chdir(project)
    before = files(look(project))
    deaths, committed = 0, False
    for at in range(0, 400, 4):
        if in_child(lambda: cli.run(arguments), KillingFS(at)) is None:
            break
        deaths += 1
        result = mx("generate", "SampleApp", "--help", cwd=project)
        assert result.code == 0
        refused = mx("generate", "SampleBase", "--dry-run", cwd=project)
        result = mx("recover", cwd=project)
        assert result.code == 0, result.err
        now = files(look(project))
        if now != before:
            committed = True
            assert (project / "extra.txt").exists()
            assert Project.load(project).options["region"] == "r"
            mx("generate", "SampleBase", "--size", "1", "--region", "demo-1", cwd=project)
            assert files(look(project)) == before
        else:
            assert refused.code in (0, 1)
    assert deaths >= 5
    assert committed


def test_an_interrupted_run_is_finished_by_the_next_that_writes_and_refuses_a_dry_run(
    mx: Mx, project: Path
) -> None:
    os.chdir(project)
    for at in range(400):
        assert (
            in_child(lambda: cli.run(["generate", "SampleBase", "--size", "2"]), KillingFS(at))
            == signal.SIGKILL
        )
        if (project / ".mx/journal/committed").exists():
            break
    result = mx("generate", "SampleBase", "--dry-run", cwd=project)
    assert (result.code, "interrupted" in result.err) == (1, True)
    assert mx("generate", "SampleBase", "--dry-run", "--json", cwd=project).json["outcome"] == "refused"
    result = mx("generate", "SampleApp", "one", cwd=project)
    assert result.code == 0
    assert "mx generate SampleBase" in result.err
    assert (project / "extra.txt").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_it_applies_leaves_the_old_or_the_new_project(
    samples: Path, project: Path, look: Look, number: int
) -> None:
    before = files(look(project))
    for wait in (0.05, 0.15, 0.25, 0.35, 0.5):
        child = subprocess.Popen(
            [sys.executable, "-m", "mxdev", "generate", "SampleBase", "--size", "2"],
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(wait)
        child.send_signal(number)
        _, err = child.communicate(timeout=30)
        assert "Traceback (most recent call last)" not in err or "KeyboardInterrupt" in err
        recovered = subprocess.run(
            [sys.executable, "-m", "mxdev", "recover"],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )
        assert recovered.returncode == 0, recovered.stderr
        if (project / "extra.txt").exists():
            subprocess.run(
                [sys.executable, "-m", "mxdev", "generate", "SampleBase", "--size", "1"],
                cwd=project,
                capture_output=True,
                check=True,
            )
        assert files(look(project)) == before


# --- state ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["mx.yaml", ".mx/generators/SampleBase.yaml"])
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"\x00\xff", "cannot be read"),
        (b"version: 1\noptions: [\n", "cannot be read"),
        (b"<<<<<<< HEAD\nversion: 1\n=======\nversion: 1\n>>>>>>> theirs\n", "merge markers"),
        (b"version: 7\n", "written by a newer mx"),
    ],
)
def test_state_that_cannot_be_used(
    mx: Mx, project: Path, look: Look, file: str, data: bytes, says: str
) -> None:
    (project / file).write_bytes(data)
    before = files(look(project))
    for arguments in (
        ["SampleBase"],
        ["SampleApp", "one"],
        ["SampleBase", "--dry-run"],
        ["SampleBase", "--on-conflict", "overwrite"],
    ):
        result = mx("generate", *arguments, cwd=project)
        assert result.code == 4
        assert says in result.err
        assert file in result.err
    assert mx("generate", "SampleBase", "--json", cwd=project).json["outcome"] == "error"
    assert files(look(project)) == before


def test_a_project_without_its_file_is_none(mx: Mx, project: Path) -> None:
    (project / "mx.yaml").unlink()
    result = mx("generate", "SampleApp", "one", cwd=project)
    assert result.code == 4
    assert "has no mx.yaml" in result.err


def test_a_record_of_a_plugin_that_is_gone(mx: Mx, project: Path, look: Look) -> None:
    record = project / ".mx/generators/SampleBase.yaml"
    text = record.read_text().replace("SampleBase", "GoneBase").replace("acme-samples", "acme-gone")
    head, _, _ = text.partition("files:")
    gone = project / ".mx/generators/GoneBase.yaml"
    gone.write_text(head)
    result = mx("generate", "SampleBase", "--region", "north", cwd=project)
    assert result.code == 4
    assert "GoneBase is left as it is: The plugin acme-gone" in result.err
    assert gone.read_text() == head
    assert "region: north" in (project / "mx.yaml").read_text()


def test_an_older_plugin_than_the_one_that_rendered_last(mx: Mx, project: Path) -> None:
    record = project / ".mx/generators/SampleBase.yaml"
    record.write_text(record.read_text().replace("1.2.0", "1.10.0"))
    result = mx("generate", "SampleBase", cwd=project)
    assert (result.code, "rendered by acme-samples 1.10.0, and 1.2.0 is installed" in result.err) == (4, True)
    assert mx("generate", "SampleBase", "--allow-downgrade", cwd=project).code == 0
    assert "1.2.0" in record.read_text()
