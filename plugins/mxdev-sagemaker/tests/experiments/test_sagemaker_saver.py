"""The saver on moto: what it stores it gives back, the way a person asks for it."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mxdev_saver as saver
import pytest
from sagemaker_bucket import BUCKET, s3  # noqa: F401
from sagemaker_frameworks import inside

SOURCE = Path(saver.__file__).parents[1]


@pytest.fixture
def store(s3: Any, tmp_path: Path) -> saver.Saver:  # noqa: F811
    """A store with a place of its own in the bucket."""
    return saver.Saver(BUCKET, prefix=tmp_path.name, client=s3, index=tmp_path / "index.sqlite")


def test_what_is_put_is_got_with_what_was_said_of_it(store: saver.Saver) -> None:
    said = {"café": "für zwei  Leute", "accuracy": 0.93, "layers": [64, 32], "trained": {"on": "catalogue"}}
    first = store.put(filename="runs/1/metrics.json", object={"loss": [0.5, 0.1]}, metadata=said)
    second = store.put("runs/1/metrics.json", object={"loss": []})
    assert store.get(filename="runs/1/metrics.json") == {"loss": []}
    assert store.get("runs/1/metrics.json", version=first.id) == {"loss": [0.5, 0.1]}
    assert [(one.id, one.metadata, one.latest) for one in store.versions("runs/1/metrics.json")] == [
        (second.id, {}, True), (first.id, said, False),
    ]  # fmt: skip
    assert (first.kind, first.sha256) == ("json", hashlib.sha256(b'{"loss": [0.5, 0.1]}').hexdigest())


def test_metadata_that_no_header_holds_is_whole_too(store: saver.Saver, tmp_path: Path) -> None:
    said = {"note": "long " * 5000, "run": "42"}
    store.put("weights.bin", object=b"\0\1", metadata=said)
    assert store.versions("weights.bin")[0].metadata == said
    fresh = saver.Saver(
        BUCKET, prefix=tmp_path.name, client=store._bucket.client, index=tmp_path / "new.sqlite"
    )
    assert [hit.version.metadata for hit in fresh.search("run=42")] == [said]
    assert fresh.list() == ["weights.bin"]


def test_an_old_version_is_restored_and_a_deleted_file_comes_back(store: saver.Saver) -> None:
    old = store.put("notes.txt", object="first", metadata={"by": "ada"})
    store.put("notes.txt", object="second")
    again = store.restore("notes.txt", old)
    assert store.get("notes.txt") == "first"
    assert (again.metadata, again.sha256) == ({"by": "ada"}, old.sha256)
    assert len(store.versions("notes.txt")) == 3
    store.delete("notes.txt")
    assert store.list() == []
    assert store.search("ada") == []
    with pytest.raises(saver.NotFound, match="no such file"):
        store.get("notes.txt")
    assert [one.latest for one in store.versions("notes.txt")] == [False] * 3
    store.restore("notes.txt", old.id)
    assert store.get("notes.txt") == "first"
    assert [hit.version.metadata["by"] for hit in store.search("ada")] == ["ada"]


def test_the_module_has_every_function_of_its_list(s3: Any, tmp_path: Path) -> None:  # noqa: F811
    saver.use(BUCKET, prefix=tmp_path.name, client=s3, index=tmp_path / "index.sqlite")
    stored = saver.put("a.json", object=1, metadata={"by": "ada"})
    calls: dict[str, Any] = {
        "get": lambda: saver.get("a.json") == 1,
        "list": lambda: saver.list() == ["a.json"],
        "search": lambda: [hit.version.id for hit in saver.search("ada")] == [stored.id],
        "versions": lambda: saver.versions("a.json") == [stored],
        "about": lambda: saver.about("a.json") == stored,
        "refresh": lambda: saver.refresh() == 0,
        "restore": lambda: saver.restore("a.json", stored).latest,
        "delete": lambda: saver.delete("a.json") is None,
    }
    functions = {name for name in saver.__all__ if not isinstance(getattr(saver, name), type)}
    assert functions == {"put", "use", *calls}
    assert [name for name, call in calls.items() if not call()] == []


def test_what_is_known_of_a_version_without_reading_it(store: saver.Saver) -> None:
    old = store.put("a.json", object=1, metadata={"n": 1})
    new = store.put("a.json", object=2)
    assert store.about("a.json") == new
    known = store.about("a.json", new.id)
    assert (known.latest, known.sha256) == (True, new.sha256)
    known = store.about("a.json", old)
    assert (known.id, known.latest, known.metadata, known.size) == (old.id, False, {"n": 1}, 1)
    store.delete("a.json")
    assert not store.about("a.json", new).latest
    with pytest.raises(saver.NotFound, match="no such file"):
        store.about("a.json")
    with pytest.raises(saver.NotFound, match="no version nonsense"):
        store.about("a.json", "nonsense")


def test_what_is_damaged_is_not_given(store: saver.Saver, tmp_path: Path) -> None:
    good = store.put("model.pkl", object=["weights"])
    where = {"Bucket": BUCKET, "Key": f"{tmp_path.name}/model.pkl"}
    headers = store._bucket.client.head_object(**where)["Metadata"]
    store._bucket.client.put_object(Body=pickle.dumps(["others"]), Metadata=headers, **where)
    with pytest.raises(saver.Damaged, match="restore an earlier version"):
        store.get("model.pkl", trusted=True)
    target = tmp_path / "model.pkl"
    target.write_bytes(b"before")
    with pytest.raises(saver.Damaged):
        store.get("model.pkl", path=target)
    assert target.read_bytes() == b"before"
    assert [file.name for file in tmp_path.iterdir() if "model" in file.name] == ["model.pkl"]
    assert store.get("model.pkl", version=good, trusted=True) == ["weights"]


class Trap:
    """Reading its pickle leaves a mark."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (self.mark,)


def test_no_pickle_runs_that_nobody_trusted(store: saver.Saver, tmp_path: Path) -> None:
    mark = tmp_path / "it-ran"
    store.put("model.pkl", object=Trap(str(mark)))
    with pytest.raises(saver.Untrusted, match="trusted=True"):
        store.get("model.pkl")
    assert store.get("model.pkl", path=tmp_path / "file").stat().st_size > 0
    assert not mark.exists()
    store.get("model.pkl", trusted=True)
    assert mark.is_dir()


def test_search_finds_exact_terms_and_words_nearly_right_the_best_first(store: saver.Saver) -> None:
    store.put("a.txt", object="", metadata={"model": "ResNet50", "data": "holiday videos", "epoch": 3})
    store.put("b.txt", object="", metadata={"model": "ResNet101", "data": "holiday videos", "epoch": 12})
    store.put("c.txt", object="", metadata={"model": "VGG", "data": "sports", "nested": {"rate": 0.1}})

    def names(pattern: str, **more: Any) -> list[str]:
        return [hit.version.filename for hit in store.search(pattern, **more)]

    assert names("epoch=12") == ["b.txt"]
    assert names("epoch=1") == []
    assert names("nested.rate=0.1") == ["c.txt"]
    assert names("'data=holiday videos'") == ["b.txt", "a.txt"]
    assert names("resnet50") == ["a.txt", "b.txt"]
    assert names("resent50")[0] == "a.txt"
    assert names("resnet") == ["a.txt", "b.txt"]
    assert sorted(names("holliday videos")) == ["a.txt", "b.txt"]
    assert names("vg") == ["c.txt"]
    assert names("sports resnet50") == []
    assert names("holiday", limit=1) == ["b.txt"]
    scores = [hit.score for hit in store.search("resnet50")] + [hit.score for hit in store.search("resent50")]
    assert scores[0] == 1 > scores[1] > 0.7


def test_get_takes_the_best_match_and_no_toss_up(store: saver.Saver) -> None:
    store.put("a.json", object=1, metadata={"stage": "draft", "data": "videos"})
    store.put("b.json", object=2, metadata={"stage": "final", "data": "videos"})
    assert store.get(search_pattern="final vidoes") == 2
    with pytest.raises(saver.Ambiguous, match=r"a\.json, b\.json"):
        store.get(search_pattern="videos")
    with pytest.raises(saver.NotFound, match="nothing matches"):
        store.get(search_pattern="stage=refused")
    store.put("a.json", object=3, metadata={"stage": "second"})
    assert store.get("a.json", search_pattern="stage=draft") == 1


def test_a_pattern_is_data_and_no_query(store: saver.Saver) -> None:
    store.put("a.txt", object="", metadata={"it's": 'a "quoted" % _ value'})
    assert store.search('''"it's=a \\"quoted\\" % _ value"''')[0].score == 1
    assert store.search("'quoted\" OR words:x'") == []
    assert store.search("""\"k=') OR 1=1 --\" """) == []
    for empty in ("", "  ", "---"):
        with pytest.raises(saver.SaverError, match="names nothing"):
            store.search(empty)
    with pytest.raises(saver.SaverError, match="not closed"):
        store.search("'open")


def test_a_large_file_goes_in_parts_and_comes_back_equal(s3: Any, tmp_path: Path) -> None:  # noqa: F811
    store = saver.Saver(
        BUCKET, prefix=tmp_path.name, client=s3, index=tmp_path / "i.sqlite", part_size=5 << 20
    )
    file = tmp_path / "video.bin"
    file.write_bytes(random.Random(7).randbytes((21 << 20) + 13))
    version = store.put("video.bin", path=file, metadata={"parts": 5})
    assert s3.head_object(Bucket=BUCKET, Key=f"{tmp_path.name}/video.bin")["ETag"].endswith('-5"')
    got = store.get("video.bin", path=tmp_path / "got.bin")
    assert got.read_bytes() == file.read_bytes()
    streamed = store.put("video.bin", stream=io.BytesIO(file.read_bytes()))
    assert streamed.sha256 == version.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_file_that_changes_under_the_reader_is_not_stored(
    store: saver.Saver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "log.bin"
    file.write_bytes(b"x" * 1000)
    real = store._bucket._headers

    def grows(*arguments: Any) -> dict[str, str]:
        file.write_bytes(b"y" * 1001)
        return real(*arguments)

    monkeypatch.setattr(store._bucket, "_headers", grows)
    for part_size in (16 << 20, 600):
        monkeypatch.setattr(store._bucket, "part_size", part_size)
        with pytest.raises(saver.Changed, match="nothing was stored"):
            store.put("log.bin", path=file)
        file.write_bytes(b"x" * 1000)
    assert store.list() == []
    assert "Uploads" not in store._bucket.client.list_multipart_uploads(Bucket=BUCKET)


def test_a_writer_that_builds_on_what_it_read_is_told_of_another(store: saver.Saver) -> None:
    first = store.put("count.json", object=1, expect="")
    with pytest.raises(saver.Changed):
        store.put("count.json", object=1, expect="")
    store.put("count.json", object=2, expect=first)
    with pytest.raises(saver.Changed, match="latest version"):
        store.put("count.json", object=2, expect=first)
    assert store.get("count.json") == 2


def test_writers_at_once_lose_nothing(store: saver.Saver) -> None:
    def write(number: int) -> saver.Version:
        return store.put("shared.json", object=number, metadata={"writer": number})

    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(write, range(40)))
    assert len({version.id for version in written}) == 40
    for number, version in enumerate(written):
        assert store.get("shared.json", version=version) == number
    store.refresh()
    assert [hit.version.id for hit in store.search("writer=17", all_versions=True)] == [written[17].id]
    newest = store.versions("shared.json")[0]
    assert [hit.version.id for hit in store.search("shared")] == [newest.id]


def test_the_index_is_made_anew_from_the_bucket(store: saver.Saver, tmp_path: Path) -> None:
    for number in range(30):
        store.put(f"runs/{number}.txt", object="", metadata={"number": number})
    store.delete("runs/7.txt")
    before = store.search("number=8")
    for file in tmp_path.glob("index.sqlite*"):
        file.unlink()
    assert store.refresh() == 30
    assert store.search("number=8") == before
    assert store.search("number=7") == []
    assert store.refresh() == 0
    key = f"{tmp_path.name}/runs/8.txt"
    store._bucket.client.delete_object(Bucket=BUCKET, Key=key, VersionId=before[0].version.id)
    assert store.search("number=8") == []


def test_what_others_put_there_is_there(store: saver.Saver, tmp_path: Path) -> None:
    store._bucket.client.put_object(Bucket=BUCKET, Key=f"{tmp_path.name}/by-hand.pkl", Body=b"raw")
    assert store.get("by-hand.pkl") == b"raw"
    assert [hit.version.kind for hit in store.search("hand")] == ["file"]


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"saver-metadata": "{x"}, "is not what put"),
        ({"saver-metadata": "[1]"}, "is not what put"),
        ({"saver-metadata-at": "0" * 64}, "is gone: there is no "),
    ],
)
def test_metadata_that_nobody_can_read_stops_no_search(
    store: saver.Saver, tmp_path: Path, headers: dict[str, str], why: str
) -> None:
    store.put("mine.json", object=1, metadata={"a": "mine"})
    store._bucket.client.put_object(
        Bucket=BUCKET, Key=f"{tmp_path.name}/theirs.bin", Body=b"raw", Metadata=headers
    )
    assert [hit.version.filename for hit in store.search("mine")] == ["mine.json"]
    with pytest.raises(saver.Damaged, match=why):
        store.about("theirs.bin")
    # Its bytes and its versions are there all the same.
    assert store.get("theirs.bin") == b"raw"
    assert [one.metadata for one in store.versions("theirs.bin")] == [{}]


@pytest.mark.parametrize("name", ["", "/a", "a/", "../a", "a//b", "a/./b", ".saver/x", "a\nb", "x" * 901])
def test_names_that_are_none(store: saver.Saver, name: str) -> None:
    with pytest.raises(saver.SaverError, match="no name of a file"):
        store.put(name, object=b"")


def test_what_cannot_be_stored_is_said(store: saver.Saver) -> None:
    for arguments, words in (
        ({}, "give one of"),
        ({"object": 1, "path": "x"}, "give one of"),
        ({"object": [1]}, r"known are \.json"),
        ({"dataframe": None}, r"known are \.parquet, \.csv"),
        ({"object": b"", "metadata": {"a": {1, 2}}}, "what JSON can say"),
        ({"object": b"", "metadata": "words"}, "a mapping of keys, and this is a str"),
        ({"object": b"", "metadata": {"a": float("nan")}}, "what JSON can say"),
    ):
        with pytest.raises(saver.SaverError, match=words):
            store.put("a.bin", **arguments)
    with pytest.raises(saver.SaverError, match=r"a\.csv: this list cannot be stored as csv: "):
        store.put("a.csv", dataframe=[1])
    with pytest.raises(saver.SaverError, match="is no name of a file, but a int"):
        store.put(3, object=b"")  # type: ignore[arg-type]
    assert store.list() == []


def test_a_bucket_without_versions_is_refused(s3: Any, tmp_path: Path) -> None:  # noqa: F811
    s3.create_bucket(Bucket="acme-plain")
    plain = saver.Saver("acme-plain", client=s3, index=tmp_path / "i.sqlite")
    with pytest.raises(saver.NotVersioned, match="put-bucket-versioning --bucket acme-plain"):
        plain.put("a.bin", object=b"")
    # What lies there can be read.
    s3.put_object(Bucket="acme-plain", Key="a.bin", Body=b"raw")
    assert (plain.get("a.bin"), plain.about("a.bin").id) == (b"raw", "null")


def test_a_bucket_that_is_not_there_is_named(s3: Any, tmp_path: Path) -> None:  # noqa: F811
    nowhere = saver.Saver("acme-nowhere", client=s3, index=tmp_path / "i.sqlite")
    for ask in (lambda: nowhere.put("a.bin", object=b""), lambda: nowhere.get("a.bin"), nowhere.list):
        with pytest.raises(saver.NotFound, match="there is no bucket acme-nowhere: see SAVER_BUCKET"):
            ask()


def test_the_functions_of_the_module_use_the_bucket_that_is_named(
    s3: Any,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(saver, "_used", [])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("SAVER_BUCKET", raising=False)
    with pytest.raises(saver.SaverError, match="SAVER_BUCKET"):
        saver.put(filename="a.json", object=1)
    monkeypatch.setenv("SAVER_BUCKET", BUCKET)
    monkeypatch.setenv("SAVER_PREFIX", "/by-name/")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    saver.put(filename="a.json", object=1)
    assert saver.list() == ["a.json"]
    assert [file.name.startswith(BUCKET) for file in (tmp_path / "mxdev-saver").iterdir()]


def test_the_library_knows_nothing_of_mx_and_imports_no_framework(tmp_path: Path) -> None:
    code = "import sys, mxdev_saver; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(SOURCE)}, cwd=tmp_path, capture_output=True, text=True, check=True
    )  # fmt: skip
    for name in ("mxdev", "mxdev_sagemaker", "boto3", "pandas", "torch"):
        assert f"'{name}'" not in done.stdout
    assert not [
        file for file in SOURCE.rglob("*.py") if "mxdev." in file.read_text() or "mxdev import" in file.read_text()
    ]  # fmt: skip


def test_frames_and_models_of_real_frameworks(tmp_path: Path) -> None:
    """In an environment that has them: see `inside/frames_and_models.py`."""
    assert "7 passed" in inside("frames_and_models", SOURCE, folder=tmp_path)
