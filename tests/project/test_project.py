"""Finding a project and reading it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mxdev.errors import MxError
from mxdev.project.project import (
    Project,
    digest,
    find_root,
    pristine_path,
    pristine_sections_path,
    read_pristine_sections,
    write_pristine_sections,
)


def make(root: Path, text: str = "version: 1\n") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "mx.yaml").write_text(text)
    return root


def test_the_nearest_folder_with_the_file(tmp_path: Path) -> None:
    outer = make(tmp_path / "outer")
    inner = make(outer / "a" / "inner")
    (inner / "deep" / "er").mkdir(parents=True)
    assert find_root(inner / "deep" / "er") == inner
    assert find_root(outer / "a") == outer
    assert find_root(tmp_path) in (None, *tmp_path.parents)


def test_a_folder_of_that_name_is_no_project(tmp_path: Path) -> None:
    (tmp_path / "mx.yaml").mkdir()
    assert find_root(tmp_path) != tmp_path


def test_an_interrupted_journal_makes_a_root_and_an_empty_folder_does_not(tmp_path: Path) -> None:
    (tmp_path / ".mx" / "journal").mkdir(parents=True)
    assert find_root(tmp_path) != tmp_path
    (tmp_path / ".mx" / "journal" / "prepared").write_bytes(b"")
    assert find_root(tmp_path) == tmp_path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop its rights")
def test_a_folder_above_that_may_not_be_searched_is_none_of_ours(tmp_path: Path) -> None:
    import subprocess
    import sys
    import tempfile

    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        closed = Path(name) / "closed"
        (closed / "open").mkdir(parents=True)
        Path(name).chmod(0o711)
        closed.chmod(0o700)
        code = (
            "import os, sys; from pathlib import Path; from mxdev.project.project import find_root\n"
            f"os.chdir({str(closed / 'open')!r}); os.setuid(65534); print(find_root(Path({str(closed / 'open')!r})))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.stdout == "None\n", done.stderr


def test_a_project_and_its_instances(tmp_path: Path) -> None:
    root = make(tmp_path / "p", "version: 1\nrequires-mx: '>=0.0.1'\noptions: {name: x, size: 3}\n")
    records = root / ".mx" / "generators"
    records.mkdir(parents=True)
    (records / "B.yaml").write_text("version: 1\ninstance: B\ngenerator: B\nplugin: p\nplugin-version: '1'\n")
    (records / "A.c.yaml").write_text(
        "version: 1\ninstance: A:c\ngenerator: A\nplugin: p\nplugin-version: '1'\n"
    )
    (records / "notes.txt").write_text("not a record")
    project = Project.load(root)
    assert project.options == {"name": "x", "size": 3}
    assert sorted(project.instances) == ["A:c", "B"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version: 1\nrequires-mx: '>=99.0'\n", "needs mx >=99.0"),
        ("version: 1\noptions: [a]\n", "`options` is not a mapping"),
        ("version: 2\nrequires-mx: x\n", "newer mx"),
        ("", "is empty"),
    ],
)
def test_a_project_that_cannot_be_used_is_explained(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(MxError, match=says):
        Project.load(make(tmp_path, text))


def test_a_newer_project_file_is_refused_before_a_record_is_read(tmp_path: Path) -> None:
    root = make(tmp_path, "version: 2\n")
    (root / ".mx" / "generators").mkdir(parents=True)
    (root / ".mx" / "generators" / "A.yaml").write_text("garbage: [")
    with pytest.raises(MxError, match=r"mx\.yaml was written by a newer mx"):
        Project.load(root)


def test_options_may_be_left_out(tmp_path: Path) -> None:
    for text in ("version: 1\n", "version: 1\noptions:\n"):
        assert Project.load(make(tmp_path, text)).options == {}


def test_a_record_that_leads_outside_is_refused(tmp_path: Path) -> None:
    root = make(tmp_path / "p")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "A.yaml").write_text("version: 1\n")
    (root / ".mx").mkdir()
    (root / ".mx" / "generators").symlink_to(tmp_path / "other")
    with pytest.raises(MxError, match="symbolic link"):
        Project.load(root)


def record(root: Path, sha: str, address: str = "a.b") -> None:
    (root / ".mx" / "generators").mkdir(parents=True, exist_ok=True)
    (root / ".mx" / "generators" / "A.yaml").write_text(
        "version: 1\ninstance: A\ngenerator: A\nplugin: p\nplugin-version: '1'\n"
        f"files:\n  f.txt: {{sha256: '{sha}'}}\nsections:\n  - {{path: s.yaml, address: {address}, sha256: '{sha}'}}\n"
    )


def put(root: Path, path: str, data: bytes) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(data)


def test_pristine_bytes_count_only_with_the_recorded_hash(tmp_path: Path) -> None:
    root = make(tmp_path)
    record(root, digest(b"rendered"))
    assert Project.load(root).pristine("A", "f.txt") is None
    put(root, pristine_path("A", "f.txt"), b"rendered")
    assert Project.load(root).pristine("A", "f.txt") == b"rendered"
    put(root, pristine_path("A", "f.txt"), b"damaged")
    assert Project.load(root).pristine("A", "f.txt") is None


def test_pristine_sections_count_only_with_the_recorded_hash(tmp_path: Path) -> None:
    root = make(tmp_path)
    record(root, digest(b"rendered"))
    path = pristine_sections_path("A", "s.yaml")
    for data, found in [
        (None, {}),
        (write_pristine_sections({"a.b": "rendered", "other": "x"}), {"a.b": "rendered"}),
        (write_pristine_sections({"a.b": "damaged"}), {}),
        (b"no json", {}),
        (b"[1]", {}),
        (b"\xff", {}),
    ]:
        if data is not None:
            put(root, path, data)
        assert Project.load(root).pristine_sections("A", "s.yaml") == found


def test_fragments_survive_their_file() -> None:
    fragments = {"a.b": "x:\n  y: ü\n", "": "\u2028\r\n"}
    assert read_pristine_sections(write_pristine_sections(fragments)) == fragments


def test_reading_stays_inside(tmp_path: Path) -> None:
    root = make(tmp_path / "p")
    (tmp_path / "secret").write_text("x")
    (root / "link").symlink_to(tmp_path / "secret")
    project = Project.load(root)
    for path in ("../secret", "/etc/passwd", "link", ""):
        with pytest.raises(MxError):
            project.read(path)
    assert project.read("missing") is None
    assert project.read("mx.yaml/below") is None
