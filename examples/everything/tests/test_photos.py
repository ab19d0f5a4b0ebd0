"""The pipeline `photos`, by the local runner: what is read, what is rejected and why, and what the loader makes of it."""

import io
import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from conftest import composed
from PIL import Image

from everything import photos as own
from everything.data.folder import Folder
from everything.data.images import decoded
from everything.data.parquet import Parquet

entry, config, records = (
    import_module(f"{own.__name__}.{part}") for part in ("__main__", "config", "records")
)
Bad, Format = records.Bad, records.Format


def png(mode="RGB", color=(9, 0, 255), kind="PNG"):
    content = io.BytesIO()
    Image.new(mode, (8, 6), color).save(content, kind)
    return content.getvalue()


def read(name, content, **format):
    given = {"classes": [], "smallest": 1, "size": 0} | format
    return list(records.read(name, io.BytesIO(content), Format(**given)))


def test_an_image_stays_as_it_is():
    content = png()
    (record,) = read("raw/cat/a.png", content)
    known = {"label": "cat", "name": "raw/cat/a.png", "width": 8, "height": 6}
    assert record == {"image": content, **known}


def test_an_image_is_scaled():
    (record,) = read("cat/a.png", png(), size=4)
    assert (record["width"], record["height"]) == (4, 4)
    assert decoded(record["image"])[:, 0, 0].tolist() == [9, 0, 255]
    (record,) = read("cat/a.jpg", png("CMYK", (0, 0, 0, 0), "JPEG"), size=4)
    assert decoded(record["image"]).shape == (3, 4, 4)


def test_an_image_of_16_bits_keeps_them():
    (record,) = read("cat/a.png", png("I;16", 4095), size=4)
    with Image.open(io.BytesIO(record["image"])) as image:
        assert (image.mode, image.size, image.getpixel((1, 1))) == ("I;16", (4, 4), 4095)


@pytest.mark.parametrize(
    ("name", "content", "format", "reason"),
    [
        ("a.png", png(), {}, "it lies in no folder that names its class"),
        ("cat/a.png", b"no image", {}, "it is no image that can be read"),
        ("cat/a.png", png()[:-30], {}, "it is no image that can be read"),
        ("cat/a.png", png(), {"classes": ["dog"]}, "its class is none of dog"),
        ("cat/a.tif", png("F", 0.5, "TIFF"), {"size": 4}, "its pixels cannot be scaled: F"),
        ("cat/a.tif", png("I", 70000, "TIFF"), {"size": 4}, "its pixels cannot be scaled: I"),
        ("cat/a.png", png(), {"smallest": 7}, "it has fewer than 7 pixels"),
    ],
)
def test_a_bad_record_has_a_reason(name, content, format, reason):
    (bad,) = read(name, content, **format)
    assert isinstance(bad, Bad)
    assert bad.reason == reason
    assert name in bad.content


def test_a_run_makes_what_the_loader_reads(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    config.register()
    made = config.typed(composed(config.NAME, f"bucket={tmp_path / 'bucket'}"))
    made = replace(made, most_rejected=0.5)
    raw = Path(made.bucket, made.reads)
    for name in ("cat/a.png", "cat/b.png", "dog/a.png"):
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(png())
    (raw / "dog/b.png").write_bytes(b"no image")
    told = entry.run(made)
    reasons = {"it is no image that can be read": 1}
    assert told["counts"] == {"records": 3, "rejected": 1, "reasons": reasons}
    folder = Folder(told["folder"])
    shards = Parquet(folder, columns=["image", "label", "name"])
    rows = shards.read([(number, 0, int(size)) for number, size in enumerate(shards.sizes)])
    named = {row["name"]: row["label"] for row in rows}
    assert named == {"cat/a.png": "cat", "cat/b.png": "cat", "dog/a.png": "dog"}
    assert decoded(rows[0]["image"]).shape == (3, 6, 8)
    assert json.loads(folder.version().lineage)["counts"] == told["counts"]
