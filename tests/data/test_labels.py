"""`mx labels` and cvat-sdk over HTTP with a double of CVAT (`cvat_double.py`), from images in a bucket to a data set in it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from labelling import Project, double, interpreter

import mxdev.data.inside

pytestmark = pytest.mark.noted()

CREATE = ("labels", "create", "pets", "--from", "raw", "--label", "cat", "--label", "dog", "--per-task", "2")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path, interpreter())
    for number in range(5):
        file = tmp_path / "raw" / f"{'ab'[number % 2]}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"image %d" % number)
    assert made.mx("data", "upload", tmp_path / "raw").code == 0
    with double(made.python) as made.url:
        yield made


def done_by_people(project: Project) -> None:
    classes = {f"{number}.png": ["cat" if number < 2 else "dog"] for number in range(4)}
    project.work(classes=classes, state="completed")


def test_the_loop_is_closed(project: Project) -> None:
    (planned,) = project.json(*CREATE, "--dry-run")["steps"]
    assert planned["why"] == "5 of 5 images, in 3 new tasks"
    assert project.work() == {"tasks": {}, "projects": 0}
    assert project.json(*CREATE)["outcome"] == "applied"
    told = project.work()
    assert sorted(map(len, told["tasks"].values())) == [1, 2, 2]
    assert project.json(*CREATE)["outcome"] == "nothing"
    assert project.work() == told
    early = project.mx("labels", "export", "pets")
    assert early.code == 1
    assert "is not completed" in early.stderr
    done_by_people(project)
    found = project.json("labels", "status", "pets")
    assert found["complete"]
    assert [row["images"] for row in found["tasks"]] == [2, 2, 1]
    assert project.json("labels", "export", "pets")["outcome"] == "applied"
    (version,) = [path for path in (project.bucket / "labels/pets").iterdir() if path.is_dir()]
    images = {f"{path.parent.name}/{path.name.partition('-')[2]}" for path in version.rglob("*.png")}
    assert images == {"cat/0.png", "cat/1.png", "dog/2.png", "dog/3.png"}
    sums = (version / "SHA256SUMS").read_text().splitlines()
    assert len(sums) == 5  # and annotations.json
    assert project.json("labels", "export", "pets")["outcome"] == "nothing"
    # Other labels are another version; this one stays.
    project.work(classes={"3.png": ["cat"]})
    assert project.json("labels", "export", "pets")["outcome"] == "applied"
    assert len([path for path in (project.bucket / "labels/pets").iterdir() if path.is_dir()]) == 2
    assert (version / "SHA256SUMS").read_text().splitlines() == sums


def test_a_run_that_broke_off_goes_on(project: Project) -> None:
    first = project.work()
    assert first["projects"] == 0
    project.work(failing=5)  # project 1, its labels 2 and 3, the first task 4
    broken = project.mx(*CREATE)
    assert broken.code == 1
    assert "the disk is full" in broken.stderr
    assert sorted(map(len, project.work()["tasks"].values())) == [0, 2]
    assert project.json(*CREATE)["outcome"] == "applied"
    told = project.work()
    assert sorted(map(len, told["tasks"].values())) == [1, 2, 2]
    assert told["projects"] == 1
    assert len({name for names in told["tasks"].values() for name in names}) == 5


def test_an_export_that_broke_off_goes_on_and_hashes_are_checked(project: Project) -> None:
    assert project.mx(*CREATE).code == 0
    done_by_people(project)
    (planned,) = project.json("labels", "export", "pets", "--dry-run")["steps"]
    folder = project.bucket / planned["why"].partition(":")[0]
    (project.bucket / "raw/b/1.png").write_bytes(b"image Z")
    rotten = project.mx("labels", "export", "pets")
    assert rotten.code == 1
    assert "raw/b/1.png is not the image that SHA256SUMS names" in rotten.stderr
    assert not (folder / "SHA256SUMS").exists()
    (project.bucket / "raw/b/1.png").write_bytes(b"image 1")
    assert project.mx("labels", "export", "pets").code == 0
    (one,) = (folder / "cat").glob("*-1.png")
    assert one.read_bytes() == b"image 1"


def test_unknown_labels_are_refused_with_their_names(project: Project) -> None:
    assert project.mx(*CREATE).code == 0
    done_by_people(project)
    project.work(label="horse", classes={"0.png": ["horse"]})
    refused = project.mx("labels", "export", "pets")
    assert refused.code == 1
    assert "horse" in refused.stderr
    assert "cat, dog" in refused.stderr
    assert [path.name for path in (project.bucket / "labels/pets").iterdir()] == ["request.json"]
    again = project.mx(*CREATE)
    assert again.code == 1
    assert "horse" in again.stderr


def test_an_image_has_one_class(project: Project) -> None:
    assert project.mx(*CREATE).code == 0
    project.work(classes={"0.png": ["cat", "dog"]}, state="completed")
    refused = project.mx("labels", "export", "pets")
    assert "a/0.png has cat, dog" in refused.stderr


def test_who_may_not_is_told_so(project: Project) -> None:
    wrong = project.mx(*CREATE, env={"CVAT_PASSWORD": "another"})
    assert wrong.code == 1
    assert "refuses the login" in wrong.stderr
    assert "another" not in wrong.stderr
    nobody = project.mx(*CREATE, env={"CVAT_PASSWORD": ""})
    assert "CVAT_ACCESS_TOKEN" in nobody.stderr


def test_other_labels_are_another_name(project: Project) -> None:
    assert project.mx(*CREATE).code == 0
    other = project.mx("labels", "create", "pets", "--from", "raw", "--label", "cat")
    assert other.code == 1
    assert "Take another name" in other.stderr
    request = json.loads((project.bucket / "labels/pets/request.json").read_text())
    assert request == {"folder": "raw", "kind": "tag", "labels": ["cat", "dog"]}


def test_labels_stay_with_what_people_saw(project: Project, tmp_path: Path) -> None:
    # Equal pictures in two folders are two.
    (tmp_path / "raw/b/0.png").write_bytes(b"image 0")
    assert project.mx("data", "upload", tmp_path / "raw").code == 0
    assert project.json(*CREATE)["outcome"] == "applied"
    frames = [frame for task in project.work()["tasks"].values() for frame in task]
    assert len({frame for frame in frames if frame.endswith("-0.png")}) == 2
    # Another picture in the place of one is one that nobody has seen.
    (tmp_path / "raw/a/0.png").write_bytes(b"image X")
    assert project.mx("data", "upload", tmp_path / "raw", "--replace", "--yes").code == 0
    (planned,) = project.json(*CREATE, "--dry-run")["steps"]
    assert planned["why"] == "1 of 6 images, in 1 new tasks"
    project.work(classes={"0.png": ["cat"]}, state="completed")
    refused = project.mx("labels", "export", "pets")
    assert refused.code == 1
    assert "an image that is not in the bucket" in refused.stderr


def test_what_an_earlier_version_has_made_is_known() -> None:
    """In CVAT there are images that were named for their paths alone."""
    script = "import cvat; print(*cvat.frame_names('a/0.png', 'digest'))"
    inside = Path(mxdev.data.inside.__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=inside, capture_output=True, text=True, check=True
    )
    new, old = done.stdout.split()
    assert old == f"{hashlib.sha256(b'a/0.png').hexdigest()[:16]}-0.png"
    assert new != old
