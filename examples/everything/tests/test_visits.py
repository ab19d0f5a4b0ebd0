"""The pipeline `visits`, by the local runner: what is read, what is rejected and why, which version it is, and its lineage."""

import csv
import hashlib
import io
import json
import os
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    WorkerOptions,
)
from conftest import composed

from everything import visits as own
from everything.data.folder import Folder
from everything.data.parquet import Parquet

entry, config, pipeline, records, version = (
    import_module(f"{own.__name__}.{part}")
    for part in ("__main__", "config", "pipeline", "records", "version")
)
Bad, Column, Format = records.Bad, records.Column, records.Format

COLUMNS = Format(
    {
        "age": Column("int", low=0, high=150),
        "weight": Column("float", required=False),
        "left": Column("bool"),
        "place": Column("string", choices=["here", "there"]),
    }
)
GOOD = {"age": "41", "weight": "70.5", "left": "true", "place": "here"}


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """Make the configuration of a run in a bucket that is a folder: `configured(shards=2)`."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def make(**values):
        config.register()
        made = config.typed(composed(config.NAME, f"bucket={tmp_path / 'bucket'}"))
        return replace(made, records=COLUMNS, most_rejected=0.5, **values)

    return make


def put(configuration, name, text):
    """A raw file."""
    path = Path(configuration.bucket, configuration.reads, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def table(*rows):
    """The text of a CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(GOOD))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read(name, text):
    content = text if isinstance(text, bytes) else text.encode()
    return list(records.read(name, io.BytesIO(content), COLUMNS))


def rows(folder):
    shards = Parquet(Folder(folder), empty=True)
    found = shards.read([(number, 0, int(size)) for number, size in enumerate(shards.sizes)])
    return sorted(found, key=lambda row: row["age"])


def test_a_record_has_the_types_of_its_columns():
    typed = {"age": 41, "weight": 70.5, "left": True, "place": "here"}
    assert read("a.csv", table(GOOD)) == [typed]
    assert read("a.jsonl", json.dumps(GOOD) + "\n\n" + json.dumps(typed)) == [typed, typed]
    assert read("a.csv", table(GOOD | {"weight": ""})) == [typed | {"weight": None}]


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"age": "x"}, "age is no int"),
        ({"age": "4.5"}, "age is no int"),
        ({"age": ""}, "age is missing"),
        ({"age": "-1"}, "age is less than 0"),
        ({"age": "151"}, "age is more than 150"),
        ({"weight": "inf"}, "weight is no float"),
        ({"left": "perhaps"}, "left is no bool"),
        ({"place": "nowhere"}, "place is none of here, there"),
    ],
)
def test_a_bad_record_has_a_reason(other, reason):
    (bad,) = read("a.csv", table(GOOD | other))
    assert isinstance(bad, Bad)
    assert bad.reason == reason
    assert json.loads(bad.content) == GOOD | other


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.csv", "", "the file has no column age"),
        ("a.csv", "age,left\n1,true\n", "the file has no column place"),
        ("a.csv", "age,left,age,place\n", "the file has the column age more than once"),
        ("a.csv", "age,left,place\n1,true\n", "another number of cells than the header has"),
        ("a.jsonl", "{", "no JSON"),
        ("a.jsonl", "[1]", "no JSON object"),
        ("a.csv", b"age,left,place\n1,true,h\xffre\n", "place is no string"),
    ],
)
def test_what_cannot_be_read_does_not_end_the_run(name, text, reason):
    (bad,) = read(name, text)
    assert bad.reason == reason


@pytest.mark.parametrize("last", ["2,true,here\n", '2,true,"here"\n'])
def test_a_quote_too_many_costs_its_own_line(last):
    """Whether another one closes it or none does, what stands between is no text of that record."""
    others = "".join(f"{age},true,here\n" for age in range(100))
    bad, *good = read("a.csv", 'age,left,place\n1,true,"here\n' + others + last)
    assert bad.reason.startswith("no CSV: ")
    assert bad.content == '1,true,"here'
    assert [record["age"] for record in good] == [*range(100), 2]


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ('"first line\n2,true,second line" \n', "first line\n2,true,second line"),
        ('"here"\t\n', "here"),
        ('"5"" pipe" \r\n', '5" pipe'),
        ('"' + "line\n" * 30_000 + '"\n', "line\n" * 30_000),
    ],
    ids=["two lines", "space", "quote", "long"],
)
def test_what_stands_behind_a_quote_or_is_long_makes_no_records_up(lines, place):
    plain = Format({"age": Column("int"), "left": Column("bool"), "place": Column("string")})
    text = f"age,left,place\n1,true,{lines}3,true,ok\n"
    found = list(records.read("a.csv", io.BytesIO(text.encode()), plain))
    assert found == [
        {"age": 1, "left": True, "place": place},
        {"age": 3, "left": True, "place": "ok"},
    ]


@pytest.mark.parametrize("second", ['"c', '"say "hi" now"'])
def test_two_quotes_too_many_make_no_record_of_what_is_between(second):
    found = read("a.csv", f'age,left,place\n1,true,"here\n2,true,there\n3,true,{second}\n')
    assert [one.content for one in found if isinstance(one, Bad)] == [
        '1,true,"here',
        f"3,true,{second}",
    ]
    assert [one["age"] for one in found if not isinstance(one, Bad)] == [2]


def test_a_run_makes_a_version_with_its_lineage(configured):
    configuration = configured()
    put(configuration, "a.csv", table(*(GOOD | {"age": str(age)} for age in range(20))))
    put(configuration, "more/b.jsonl", json.dumps(GOOD | {"age": 99}) + "\nno JSON\n")
    put(configuration, "notes.txt", "nobody reads this")
    told = entry.run(configuration)
    assert told["complete"]
    assert told["counts"] == {"records": 21, "rejected": 1, "reasons": {"no JSON": 1}}
    assert [row["age"] for row in rows(told["folder"])] == [*range(20), 99]
    data = Folder(told["folder"]).version()
    lineage = json.loads(data.lineage)
    assert lineage["version"] == told["version"]
    digest = hashlib.sha256(b"nobody reads this").hexdigest()
    notes = {"name": "notes.txt", "size": 17, "checksum": f"sha256:{digest}"}
    assert notes in lineage["inputs"]["files"]
    assert "lineage.json" not in data.manifest
    (bad,) = Folder(lineage["rejected"]).named("", ".jsonl")
    (line,) = Folder(lineage["rejected"]).read([bad.name])
    assert json.loads(line) == {
        "file": "more/b.jsonl",
        "record": 2,
        "reason": "no JSON",
        "content": "no JSON",
    }


def kept(told):
    """What was rejected: the content of each, by its file."""
    folder = Folder(json.loads(Folder(told["folder"]).version().lineage)["rejected"])
    contents = folder.read([file.name for file in folder.named("", ".jsonl")])
    lines = [json.loads(line) for content in contents for line in content.splitlines()]
    return {line["file"]: line["content"] for line in lines}


def test_a_file_that_is_no_utf_8_does_not_end_the_run(configured):
    configuration = configured()
    put(configuration, "a.csv", table(GOOD, GOOD))
    raw = Path(configuration.bucket, configuration.reads)
    (raw / "b.csv").write_bytes(table(GOOD).encode("utf-16"))
    (raw / "c.jsonl").write_bytes(b"h\xffre\n")
    told = entry.run(configuration)
    reasons = {"the file has no column age": 1, "no JSON": 1}
    assert told["counts"] == {"records": 2, "rejected": 2, "reasons": reasons}
    assert kept(told)["c.jsonl"] == "h\\udcffre"


def test_a_name_that_is_no_utf_8_does_not_end_the_run(configured):
    configuration = configured()
    put(configuration, "a.csv", table(GOOD))
    raw, name = Path(configuration.bucket, configuration.reads), os.fsdecode(b"\xff.jsonl")
    try:
        (raw / name).write_bytes(b"{}\n")
    except OSError:
        pytest.skip("this file system has no such names")
    sums = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in raw.iterdir()}
    lines = "".join(f"{digest}  {file}\n" for file, digest in sums.items())
    (raw / "SHA256SUMS").write_bytes(os.fsencode(lines))
    told = entry.run(configuration)
    assert told["counts"] == {"records": 1, "rejected": 1, "reasons": {"age is missing": 1}}
    assert kept(told) == {"\\udcff.jsonl": "{}"}
    inputs = json.loads(Folder(told["folder"]).version().lineage)["inputs"]
    # As the listing of a folder names it, for people.
    assert {file["name"] for file in inputs["files"]} == {"a.csv", "\\xff.jsonl"}


def test_a_version_that_is_there_is_not_made_again(configured, monkeypatch):
    configuration = configured()
    put(configuration, "a.csv", table(GOOD))
    looked = entry.run(replace(configuration, look=True))
    assert not looked["complete"]
    made = entry.run(configuration)
    monkeypatch.setattr(pipeline, "run", lambda *_: pytest.fail("it was made again"))
    assert entry.run(configuration) == made
    assert made["version"] == looked["version"]


def test_other_data_and_another_schema_are_other_versions(configured):
    configuration = configured()
    put(configuration, "a.csv", table(GOOD))
    first = version.plan(configuration).version
    assert version.plan(replace(configuration, shards=3)).version != first
    put(configuration, "a.csv", table(GOOD, GOOD))
    assert version.plan(configuration).version != first


def test_another_order_of_columns_is_another_version(configured):
    configuration = configured()
    put(configuration, "a.csv", table(GOOD))
    turned = replace(configuration, records=Format(dict(reversed(COLUMNS.columns.items()))))
    first, second = (entry.run(one)["folder"] for one in (configuration, turned))
    assert list(rows(second)[0]) == list(reversed(rows(first)[0]))


@pytest.mark.parametrize(
    "reads", ["", "/", config.NAME, f"{config.NAME}/1bb2", "rejected", "dataflow/x"]
)
def test_it_does_not_read_what_it_writes(reads):
    config.register()
    with pytest.raises(ValueError, match="another folder of the bucket"):
        config.typed(composed(config.NAME, f"reads={reads}"))


def test_the_same_version_is_the_same_bytes(configured, tmp_path):
    configuration = configured(shards=3)
    lines = table(*(GOOD | {"age": str(age)} for age in range(50)))
    put(configuration, "a.csv", lines)
    other = replace(configuration, bucket=str(tmp_path / "other"))
    put(other, "a.csv", lines)
    one, two = (Folder(entry.run(one)["folder"]).version() for one in (configuration, other))
    assert (one.sha256, one.manifest) == (two.sha256, two.manifest)


def test_a_version_with_too_much_that_is_bad_is_not_complete(configured):
    configuration = configured()
    put(configuration, "a.csv", table(GOOD, GOOD | {"age": "x"}, GOOD | {"age": "y"}))
    with pytest.raises(ValueError, match=r"2 of 3 records were rejected.*2 age is no int"):
        entry.run(configuration)
    told = entry.run(replace(configuration, look=True))
    assert not told["complete"]


def test_what_a_killed_run_left_goes(configured):
    configuration = configured()
    put(configuration, "a.csv", table(GOOD))
    folder = entry.run(replace(configuration, look=True))["folder"]
    Path(folder).mkdir(parents=True)
    Path(folder, "part-00000.parquet.77.mx-part").write_bytes(b"half")
    entry.run(configuration)
    assert Folder(folder).version().sha256


def test_workers_have_no_public_address(configured):
    place = config.Dataflow(
        "acme", "europe-west4", "acme-nodes", "me@acme", "registry/image:1", "gs://acme/tmp", 3
    )
    configuration = configured(runner="dataflow", dataflow=place)
    put(configuration, "a.csv", table(GOOD))
    job = version.plan(configuration)
    options = PipelineOptions(pipeline.dataflow_options(job, configuration))
    workers = options.view_as(WorkerOptions)
    assert workers.use_public_ips is False
    assert workers.subnetwork.endswith("/acme/regions/europe-west4/subnetworks/acme-nodes")
    assert workers.sdk_container_image == "registry/image:1"
    assert workers.max_num_workers == 3
    assert options.view_as(GoogleCloudOptions).service_account_email == "me@acme"
