"""`mx data` on a bucket that is a folder: what is moved, what is left alone, what is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

from labelling import Project, project

__all__ = ["project"]


def images(folder: Path, count: int = 3) -> Path:
    (folder / "more").mkdir(parents=True)
    for number in range(count):
        (folder / "more" / f"{number}.png").write_bytes(b"image %d" % number)
    (folder / ".hidden").write_text("no")
    return folder


def test_an_upload_is_complete_and_a_second_one_does_nothing(project: Project, tmp_path: Path) -> None:
    source = images(tmp_path / "raw")
    done = project.mx("data", "upload", source, "--as", "images/raw")
    assert done.code == 0, done.stderr
    there = project.bucket / "images/raw"
    assert sorted(path.name for path in there.rglob("*") if path.is_file()) == [
        "0.png",
        "1.png",
        "2.png",
        "SHA256SUMS",
    ]
    digest = hashlib.sha256(b"image 1").hexdigest()
    assert f"{digest}  more/1.png\n" in (there / "SHA256SUMS").read_text()
    before = (there / "SHA256SUMS").stat().st_mtime_ns
    assert project.json("data", "upload", source, "--as", "images/raw")["outcome"] == "nothing"
    assert (there / "SHA256SUMS").stat().st_mtime_ns == before
    (row,) = project.json("data", "list")["folders"]
    assert row == {"name": "images/raw", "files": 3, "size": 21, "complete": True}


def test_an_upload_that_was_stopped_goes_on(project: Project, tmp_path: Path) -> None:
    source, there = images(tmp_path / "raw"), project.bucket / "raw"
    (there / "more").mkdir(parents=True)
    (there / "more/0.png").write_bytes(b"image 0")
    (there / "more/1.png.77.mx-part").write_bytes(b"ima")
    kept = (there / "more/0.png").stat().st_mtime_ns
    (row,) = project.json("data", "upload", source, "--dry-run")["steps"]
    assert row["why"] == "2 of 3 files"
    assert project.json("data", "upload", source)["outcome"] == "applied"
    assert (there / "more/0.png").stat().st_mtime_ns == kept
    assert len((there / "SHA256SUMS").read_text().splitlines()) == 3


def test_other_content_is_not_overwritten_unless_that_is_said(project: Project, tmp_path: Path) -> None:
    source, there = images(tmp_path / "raw"), project.bucket / "raw"
    assert project.mx("data", "upload", source).code == 0
    (source / "more/1.png").write_bytes(b"image X")  # of the same size
    refused = project.mx("data", "upload", source)
    assert refused.code == 1
    assert "more/1.png" in refused.stderr
    assert (there / "more/1.png").read_bytes() == b"image 1"
    assert project.mx("data", "upload", source, "--replace", "--yes").code == 0
    assert (there / "more/1.png").read_bytes() == b"image X"
    assert hashlib.sha256(b"image X").hexdigest() in (there / "SHA256SUMS").read_text()


def test_a_download_is_checked_and_goes_on(project: Project, tmp_path: Path) -> None:
    assert project.mx("data", "upload", images(tmp_path / "raw")).code == 0
    here = project.root / "data/raw"
    (here / "more").mkdir(parents=True)
    (here / "more/0.png").write_bytes(b"image 0")
    (row,) = project.json("data", "download", "raw", "--dry-run")["steps"]
    assert row["why"] == "2 of 3 files"
    # A file that rotted in the bucket is not taken, whatever its size.
    (project.bucket / "raw/more/2.png").write_bytes(b"image Y")
    rotten = project.mx("data", "download", "raw")
    assert rotten.code == 1
    assert "more/2.png is not the file that SHA256SUMS names" in rotten.stderr
    assert not (here / "more/2.png").exists()
    (project.bucket / "raw/more/2.png").write_bytes(b"image 2")
    assert project.mx("data", "download", "raw").code == 0
    assert (here / "more/2.png").read_bytes() == b"image 2"
    assert project.json("data", "download", "raw")["outcome"] == "nothing"


def test_what_cannot_be(project: Project) -> None:
    for words in (["download", "../raw"], ["list", ".mx"]):
        done = project.mx("data", *words)
        assert done.code == 2
        assert "no folder of the bucket" in done.stderr
    assert "there are no files" in project.mx("data", "download", "nothing").stderr
