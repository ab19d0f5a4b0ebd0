"""Data from elsewhere: every reader gives back what was written, from a folder and from a store that only fsspec knows."""

import hashlib
import io
import os
import subprocess
import time
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from everything.data import folder as folders
from everything.data.folder import Folder
from everything.data.images import ImageFolder, decoded
from everything.data.parquet import Parquet


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory, monkeypatch):
    """Hashes are remembered in a place of the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(params=["file", "memory"])
def uri(request, tmp_path):
    """An empty folder: on the disk, and in fsspec's store in memory, which stands for a bucket."""
    if request.param == "file":
        yield str(tmp_path / "my data")
    else:
        yield "memory://bucket/my data"
        store = fsspec.filesystem("memory")
        if store.exists("/bucket"):  # a test that was skipped wrote nothing
            store.rm("/bucket", recursive=True)


def write(uri, name, content):
    with fsspec.open(f"{uri}/{name}", "wb", auto_mkdir=True) as file:
        file.write(content)


def png(red):
    content = io.BytesIO()
    Image.new("RGB", (5, 3), (red, 0, 255)).save(content, "png")
    return content.getvalue()


def every(shards):
    """All shards, whole."""
    return [(number, 0, int(size)) for number, size in enumerate(shards.sizes)]


def test_images_and_their_classes(uri):
    for number, name in enumerate(["cat/a [1].png", "cat/b.PNG", "dog/a.png"]):
        write(uri, f"train/{name}", png(number))
    write(uri, "train/notes.txt", b"no image")
    write(uri, "test/cat/c.png", png(9))
    images = ImageFolder(Folder(uri), "train")
    assert images.classes == ["cat", "dog"]
    assert images.sizes.tolist() == [1, 1, 1]
    examples = images.read(every(images))
    assert [label for _, label in examples] == [0, 0, 1]
    pictures = [decoded(content) for content, _ in examples]
    assert [picture[0, 0, 0].item() for picture in pictures] == [0, 1, 2]
    assert (pictures[0].shape, pictures[0].dtype) == ((3, 3, 5), torch.uint8)
    assert decoded(examples[0][0], "L").shape == (1, 3, 5)


def test_a_class_has_one_number(uri):
    for name in ("train/cat/a.png", "train/dog/a.png", "test/dog/a.png"):
        write(uri, name, png(0))
    with pytest.raises(ValueError, match=r"test has \['dog'\]: the same class would have two num"):
        ImageFolder(Folder(uri), "train")
    with pytest.raises(ValueError, match="the same class would have two numbers"):
        ImageFolder(Folder(uri), "test")
    images = ImageFolder(Folder(uri), "test", ["cat", "dog"])
    assert [label for _, label in images.read(every(images))] == [1]
    with pytest.raises(ValueError, match=r"train/cat/a.png: 'cat' is none of the classes"):
        ImageFolder(Folder(uri), "train", ["dog"])
    write(uri, "test/cat/a.png", png(0))
    assert ImageFolder(Folder(uri), "train").classes == ["cat", "dog"]


def test_an_image_has_the_folder_of_its_class(uri):
    for name in ("cat/a.png", "cat/.b.png", "dog/._c.png", ".cache/d.png", "__MACOSX/cat/e.png"):
        write(uri, f"train/{name}", png(0))
    assert ImageFolder(Folder(uri), "train").classes == ["cat"]
    write(uri, "train/dog/more/f.png", png(0))
    with pytest.raises(ValueError, match=r"train/dog/more/f.png lies deeper than train/cat/a.png"):
        ImageFolder(Folder(uri), "train")
    write(uri, "train/g.png", png(0))
    with pytest.raises(ValueError, match=r"train/g.png lies in no folder that is named for its"):
        ImageFolder(Folder(uri), "train")


def test_what_is_no_image_is_left_out_and_said(uri, caplog):
    caplog.set_level("WARNING")
    for name in ("cat/a.gif", "dog/b.heic"):
        write(uri, name, png(0))
    assert ImageFolder(Folder(uri)).classes == ["cat"]
    assert "not those of images: 1, such as dog/b.heic" in caplog.text


def test_what_lies_beside_the_folders_of_classes_is_no_image_that_is_missed(uri, caplog):
    caplog.set_level("WARNING")
    for within in ("", "train/"):
        write(uri, f"{within}cat/a.png", png(0))
        for name in ("SHA256SUMS", "annotations.json", "lineage.json"):
            write(uri, within + name, b"")
    assert ImageFolder(Folder(uri), "train").classes == ["cat"]
    assert ImageFolder(Folder(f"{uri}/train")).classes == ["cat"]
    assert caplog.text == ""


def saved(image, kind, **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_pixels_of_16_bits_stay_what_they_are(kind):
    deep = np.array([[0, 255, 256], [40000, 65534, 65535]], dtype=np.uint16)
    content = saved(Image.fromarray(deep), kind)
    assert decoded(content, "I").tolist() == [deep.tolist()]
    assert decoded(content, "F").dtype == torch.float32
    for mode in ("RGB", "L"):
        with pytest.raises(ValueError, match=r"its pixels \(I;16\) are more than the bytes"):
            decoded(content, mode)
    fractions = np.array([[0.25, -3.5]], dtype=np.float32)
    assert decoded(saved(Image.fromarray(fractions), "tiff"), "F").tolist() == [[[0.25, -3.5]]]


def test_an_image_is_seen_as_it_was_taken():
    image = Image.new("RGB", (6, 2))
    image.putpixel((0, 0), (255, 0, 0))
    turned = image.getexif()
    turned[0x0112] = 6
    seen = decoded(saved(image, "png", exif=turned))
    assert seen.shape == (3, 6, 2)
    assert seen[0, 0, 1] == 255
    inks = Image.new("CMYK", (4, 3), (255, 0, 0, 0))
    assert decoded(saved(inks, "tiff"))[:, 0, 0].tolist() == [0, 255, 255]
    clear = decoded(saved(Image.new("RGBA", (1, 1), (9, 8, 7, 6)), "png"))
    assert clear.flatten().tolist() == [9, 8, 7]


def test_an_image_that_cannot_be_read_is_named(uri):
    whole = png(1)
    for name, content in (("a", b""), ("b", b"no image"), ("c", whole[: len(whole) // 2])):
        write(uri, f"cat/{name}.png", content)
    images = ImageFolder(Folder(uri))
    for (content, _), name in zip(images.read(every(images)), "abc", strict=True):
        with pytest.raises(ValueError, match=rf"/my data/cat/{name}.png cannot be read: "):
            decoded(content)


def test_rows_of_parquet(uri):
    columns = {
        "number": list(range(10)),
        "name": [f"é{number}" for number in range(10)],
        "vector": [[float(number), 1.0] for number in range(10)],
        "unused": [b"x" * 1000] * 10,
    }
    for part, rows in enumerate((slice(0, 7), slice(7, 10))):
        content = io.BytesIO()
        table = pa.table({name: values[rows] for name, values in columns.items()})
        pq.write_table(table, content, row_group_size=4)
        write(uri, f"part-{part}.parquet", content.getvalue())
    rows = Parquet(Folder(uri), columns=["number", "name", "vector"])
    assert rows.sizes.tolist() == [4, 3, 3]
    found = rows.read(every(rows))
    assert [row["number"] for row in found] == columns["number"]
    assert [row["name"] for row in found] == columns["name"]
    assert [row["vector"].tolist() for row in found] == columns["vector"]
    assert set(found[0]) == {"number", "name", "vector"}
    some = rows.read([(2, 1, 3), (0, 3, 4)])
    assert [row["number"] for row in some] == [8, 9, 3]


def table(uri, name, rows_of_a_group=2, **columns):
    content = io.BytesIO()
    pq.write_table(pa.table(columns), content, row_group_size=rows_of_a_group)
    write(uri, name, content.getvalue())


def test_an_empty_cell_of_parquet_is_named(uri):
    large = 2**60 + 1
    table(uri, "a.parquet", number=[1, 2, large, None], vector=[[1], [2], [None, 3], [4]])
    numbers = Parquet(Folder(uri), columns=["number"])
    with pytest.raises(ValueError, match=r"a.parquet, row 4: 'number' is empty"):
        numbers.read(every(numbers))
    assert numbers.read([(1, 0, 1)]) == [{"number": large}]
    vectors = Parquet(Folder(uri), columns=["vector"])
    with pytest.raises(ValueError, match=r"a.parquet, row 3: 'vector' is empty"):
        vectors.read(every(vectors))
    some = Parquet(Folder(uri), columns=["number"], empty=True)
    assert [row["number"] for row in some.read(every(some))] == [1, 2, large, None]


@pytest.mark.parametrize(
    ("columns", "answer"),
    [
        ({"number": ["1"]}, r"b.parquet: the column 'number' is text, and in a.parquet it is numb"),
        ({"other": [1]}, r"b.parquet has no column 'number'; its columns are other"),
        ({"number": [1], "more": [1]}, r"b.parquet has a column 'more', and a.parquet has none"),
    ],
)
def test_files_of_parquet_with_other_columns_are_named(uri, columns, answer):
    table(uri, "a.parquet", number=[1.5])
    table(uri, "b.parquet", **columns)
    with pytest.raises(ValueError, match=answer):
        Parquet(Folder(uri))


def of_type(kind, *values):
    return pa.array(values, kind)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (of_type(pa.list_(pa.null()), []), of_type(pa.list_(pa.float32()), [1.0])),
        (of_type(pa.timestamp("us"), 1), of_type(pa.timestamp("ns"), 1)),
        (of_type(pa.decimal128(5, 2), 1), of_type(pa.decimal128(9, 3), 1)),
        (
            of_type(pa.struct({"a": pa.int32(), "b": pa.null()}), {"a": 1}),
            of_type(pa.struct({"b": pa.string(), "a": pa.int64()}), {"a": 1}),
        ),
        (of_type(pa.list_(pa.float32(), 2), [1, 2]), of_type(pa.list_(pa.float64()), [1, 2])),
        (of_type(pa.string(), "a"), of_type(pa.string_view(), "a")),
    ],
    ids=lambda column: str(column.type),
)
def test_types_of_parquet_that_are_read_alike_are_alike(uri, one, other):
    table(uri, "a.parquet", column=one)
    table(uri, "b.parquet", column=other)
    rows = Parquet(Folder(uri), empty=True)
    assert len(rows.read(every(rows))) == 2
    table(uri, "c.parquet", column=of_type(pa.bool_(), True))
    with pytest.raises(ValueError, match=r"c.parquet: the column 'column' is bool, and"):
        Parquet(Folder(uri))


@pytest.mark.parametrize(
    "column",
    [
        of_type(pa.list_(pa.float32(), 2), [1, 2], [3, 4], [5, None]),
        of_type(pa.list_(pa.list_(pa.int64())), [[1], [2]], [], [[3], [4, None]]),
        of_type(pa.struct({"a": pa.list_(pa.int64())}), {"a": [1]}, {"a": []}, {"a": [2, None]}),
    ],
    ids=lambda column: str(column.type),
)
def test_what_is_empty_within_a_cell_of_parquet_is_named(uri, column):
    table(uri, "a.parquet", rows_of_a_group=3, column=column)
    rows = Parquet(Folder(uri))
    with pytest.raises(ValueError, match=r"a.parquet, row 3: 'column' is empty"):
        rows.read(every(rows))
    assert len(rows.read([(0, 0, 2)])) == 2


@pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.date32(), pa.time64("us")], ids=str)
def test_an_empty_time_of_parquet_is_none(uri, kind):
    table(uri, "a.parquet", time=of_type(kind, 1, None))
    some = Parquet(Folder(uri), empty=True)
    first, second = (row["time"] for row in some.read(every(some)))
    assert first is not None
    assert second is None


def test_columns_of_parquet_that_nobody_wants_may_have_one_name(uri):
    content = io.BytesIO()
    made = pa.table([[1], [2], [3]], names=["number", "other", "other"])
    pq.write_table(made, content)
    write(uri, "a.parquet", content.getvalue())
    assert Parquet(Folder(uri), columns=["number"]).sizes.tolist() == [1]
    for columns in (None, ["other"]):
        with pytest.raises(ValueError, match=r"a.parquet has two columns 'other'"):
            Parquet(Folder(uri), columns=columns)


def test_many_columns_of_parquet_are_looked_through_once(tmp_path):
    names = [f"column-{number}" for number in range(5_000)]
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table([[1]] * len(names), names=names), file)
    begin = time.process_time()
    Parquet(Folder(str(tmp_path)), columns=names[:1])
    assert time.process_time() - begin < 1


def test_what_is_no_parquet_is_named(uri):
    table(uri, "a.parquet", number=pa.array([], pa.int64()))
    table(uri, "b.parquet", number=[7])
    rows = Parquet(Folder(uri))
    assert rows.read(every(rows)) == [{"number": 7}]
    with pytest.raises(ValueError, match=r"a.parquet has no column 'size'; its columns are number"):
        Parquet(Folder(uri), columns=["size"])
    write(uri, "c.parquet", b"PAR1 no more")
    with pytest.raises(ValueError, match=r"/my data/c.parquet cannot be read: "):
        Parquet(Folder(uri))


def test_arrays_of_zarr(uri, monkeypatch):
    zarr = pytest.importorskip("zarr")
    images = np.arange(7 * 2 * 2).reshape(7, 2, 2).astype("float32")
    group = zarr.open_group(f"{uri}/train.zarr", mode="w")
    group.create_array("images", data=images, chunks=(3, 2, 2))
    group.create_array("labels", data=np.arange(7), chunks=(7,))
    group.create_array("others", data=np.arange(6), chunks=(6,))
    arrays = folders_zarr().ZarrArrays(Folder(uri), ("images", "labels"), "train.zarr")
    assert arrays.sizes.tolist() == [3, 3, 1]
    found = arrays.read(every(arrays))
    np.testing.assert_array_equal(np.stack([image for image, _ in found]), images)
    assert [label for _, label in found] == list(range(7))
    assert [label for _, label in arrays.read([(1, 1, 3), (2, 0, 1)])] == [4, 5, 6]
    with pytest.raises(ValueError, match=r"different lengths: .*'others': 6"):
        folders_zarr().ZarrArrays(Folder(uri), ("images", "others"), "train.zarr")
    with pytest.raises(ValueError, match=r"no array 'masks'; it has images, labels, others"):
        folders_zarr().ZarrArrays(Folder(uri), ("masks",), "train.zarr")
    group.create_array("seed", shape=(), dtype="int64")
    with pytest.raises(ValueError, match=r"'seed' of .* is no array with an axis of examples"):
        folders_zarr().ZarrArrays(Folder(uri), ("seed",), "train.zarr")
    with monkeypatch.context() as patch:
        refused = lambda _group: pytest.fail("the group was listed")  # noqa: E731
        patch.setattr(zarr.Group, "array_keys", refused)
        patch.setattr(zarr.Group, "members", refused)
        assert len(arrays.read([(0, 0, 2)])) == 2
    write(uri, "train.zarr/images/c/1/0/0", b"damaged")
    with pytest.raises(ValueError, match=r"array 'images', examples 3 to 5 cannot be read: "):
        arrays.read([(1, 0, 3)])


def folders_zarr():
    from everything.data import zarr_arrays

    return zarr_arrays


def test_nothing_to_read_is_said(uri):
    write(uri, "a.txt", b"")
    with pytest.raises(FileNotFoundError, match=r"no files \(.parquet\) below .*/train/"):
        Parquet(Folder(uri), "train")
    with pytest.raises(FileNotFoundError, match="no files below"):
        _ = Folder(f"{uri}/nowhere").files
    with pytest.raises(ValueError, match=r"^the URI of the data has a password in it, which"):
        Folder("https://me:secret@example.com/data")


@pytest.mark.parametrize(
    "uri", ["simplecache::https://u:p@h/d", "dvc+http://u:p@h", "zip://a.zip::ftp://u:p@h/b"]
)
def test_a_password_in_any_part_of_a_uri_is_refused(uri):
    with pytest.raises(ValueError, match=r"^the URI of the data has a password in it, which"):
        Folder(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "github://org:repo@main/data",
        "git://folder:branch@main/data",
        "https://u@h/d",
        "s3://b/a:b@c",
    ],
)
def test_what_is_no_password_is_taken(uri):
    assert Folder(uri).uri == uri


def test_what_is_no_file_is_named(tmp_path):
    (tmp_path / "a.png").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError, match=r"a\.png"):
        _ = Folder(str(tmp_path)).files
    (tmp_path / "a.png").unlink()
    os.mkfifo(tmp_path / "b.png")
    with pytest.raises(ValueError, match=r"b\.png is no file, but a pipe"):
        _ = Folder(str(tmp_path)).files


def test_what_cannot_be_listed_is_named_but_for_what_a_disk_has_at_its_top(tmp_path, monkeypatch):
    """A double refuses to list folders: nothing is forbidden to an administrator."""
    for name in ("lost+found/x", "a.bin", "deep/lost+found/b.bin"):
        write(tmp_path, name, b"1")
    scandir, locked = os.scandir, {tmp_path / "lost+found"}

    def refused(path):
        if Path(path) in locked:
            raise PermissionError(13, "Permission denied", str(path))
        if not Path(path).exists() or Path(path) in gone:
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return scandir(path)

    gone = set()
    monkeypatch.setattr(os, "scandir", refused)
    names = [file.name for file in Folder(str(tmp_path)).files]
    assert names == ["a.bin", "deep/lost+found/b.bin"]
    locked.add(tmp_path / "deep" / "lost+found")
    with pytest.raises(PermissionError, match=r"deep/lost\+found cannot be listed: .* take it out"):
        _ = Folder(str(tmp_path)).files
    gone.add(tmp_path / "deep")
    with pytest.raises(FileNotFoundError, match="deep"):
        _ = Folder(str(tmp_path)).files


def test_a_store_whose_package_is_missing_says_which(monkeypatch):
    def missing(_uri):
        raise ImportError("Please install s3fs")

    monkeypatch.setattr(fsspec, "url_to_fs", missing)
    with pytest.raises(ImportError, match=r"s3://bucket: Please install s3fs: .*\[s3\]"):
        _ = Folder("s3://bucket").files


class TestVersion:
    """The version of data: another one when a byte changes, and nothing is read for it twice."""

    @pytest.fixture
    def reads(self, monkeypatch):
        """The names of files that are opened, from now on."""
        opened, real = [], Folder.open
        monkeypatch.setattr(
            Folder, "open", lambda self, name: opened.append(name) or real(self, name)
        )
        return opened

    @pytest.fixture
    def old(self, monkeypatch):
        """Files that were just written are as good as old."""
        monkeypatch.setattr(time, "time", lambda: 4e9)

    def test_it_is_that_of_names_and_contents(self, uri):
        write(uri, "b/c.bin", b"12")
        write(uri, "a.bin", b"3")
        sums = [hashlib.sha256(content).hexdigest() for content in (b"3", b"12")]
        found = Folder(uri).version()
        assert found.manifest == f"sha256:{sums[0]}  1  a.bin\nsha256:{sums[1]}  2  b/c.bin\n"
        assert found.sha256 == hashlib.sha256(found.manifest.encode()).hexdigest()
        write(uri, "a.bin", b"4")
        assert Folder(uri).version().sha256 != found.sha256

    def test_a_file_is_read_once(self, tmp_path, reads, old):
        write(tmp_path, "a.bin", b"1")
        write(tmp_path, "b.bin", b"2")
        found = Folder(str(tmp_path)).version()
        assert reads == ["a.bin", "b.bin"]
        assert Folder(str(tmp_path)).version() == found
        assert reads == ["a.bin", "b.bin"]
        write(tmp_path, "b.bin", b"3")
        assert Folder(str(tmp_path)).version() != found
        assert reads == ["a.bin", "b.bin", "b.bin"]

    def test_a_name_may_be_of_any_bytes(self, tmp_path, reads, old):
        try:
            Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.bin")).write_bytes(b"1")
        except OSError:
            pytest.skip("this file system takes names in UTF-8 only")
        found = Folder(str(tmp_path)).version()
        assert found.manifest.endswith("  1  caf\\xe9.bin\n")
        assert found.manifest.encode()
        assert Folder(str(tmp_path)).version() == found
        assert len(reads) == 1

    def test_a_file_that_was_just_written_is_read_again(self, tmp_path, reads):
        write(tmp_path, "a.bin", b"1")
        for _ in range(2):
            Folder(str(tmp_path)).version()
        assert reads == ["a.bin", "a.bin"]

    def test_without_a_place_for_hashes_files_are_read(self, tmp_path, reads, old, monkeypatch):
        write(tmp_path, "a.bin", b"1")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a.bin"))
        assert Folder(str(tmp_path)).version() == Folder(str(tmp_path)).version()
        assert reads == ["a.bin", "a.bin"]

    def test_of_objects_with_checksums_nothing_is_read(self, reads, monkeypatch):
        """What gcsfs and s3fs list."""
        listed = {
            "bucket/a": {"type": "file", "size": 3, "md5Hash": "q83v", "generation": "17"},
            "bucket/b": {"type": "file", "size": 4, "crc32c": "AAAA", "generation": 18},
            "bucket/c": {"type": "file", "size": 5, "ETag": '"9b2c-2"', "VersionId": None},
            "bucket/d": {"type": "directory", "size": 0},
        }

        class Store:
            protocol = ("gs", "gcs")

            def find(self, root, detail):
                return listed

            def invalidate_cache(self, root):
                pass

        monkeypatch.setattr(fsspec, "url_to_fs", lambda _uri: (Store(), "bucket"))
        found = Folder("gs://bucket").version()
        assert found.manifest.splitlines() == [
            "17  md5:q83v  3  a",
            "18  crc32c:AAAA  4  b",
            "etag:9b2c-2  5  c",
        ]
        assert reads == []
        listed["bucket/a"]["generation"] = "19"
        assert Folder("gs://bucket").version().sha256 == found.sha256, "the same content"
        listed["bucket/b"]["crc32c"] = "AAAB"
        assert Folder("gs://bucket").version().sha256 != found.sha256

    def test_a_list_of_hashes_takes_the_place_of_reading(self, tmp_path, reads):
        write(tmp_path, "a.bin", b"1")
        write(tmp_path, "b/c d.bin", b"2")
        read = Folder(str(tmp_path)).version()
        reads.clear()
        names = ["./a.bin", "./b/c d.bin"]
        made = subprocess.run(["sha256sum", *names], cwd=tmp_path, capture_output=True, check=True)
        write(tmp_path, folders.SUMS, made.stdout)
        assert Folder(str(tmp_path)).version() == read
        assert reads == []
        write(tmp_path, folders.SUMS, made.stdout + b"half\n")
        with pytest.raises(ValueError, match=r"SHA256SUMS, line 3: 'half' is no hash with a name"):
            Folder(str(tmp_path)).version()
        write(tmp_path, folders.SUMS, made.stdout)
        write(tmp_path, "new.bin", b"3")
        with pytest.raises(ValueError, match=r"SHA256SUMS does not name new.bin"):
            Folder(str(tmp_path)).version()
        (tmp_path / "new.bin").unlink()
        (tmp_path / "a.bin").unlink()
        with pytest.raises(ValueError, match=r"names, and there is no a.bin"):
            Folder(str(tmp_path)).version()
