"""The steps of the pipeline: read, check, spread, write, complete. They are the same on this machine and on Dataflow."""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import import_module
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..data.folder import Folder
from . import files, records
from .config import DATAFLOW, NAME, Config
from .records import Bad, Record
from .version import Job, Written, finish, own_code

# Its types are looser than those of this project.
beam: Any = import_module("apache_beam")

_REJECTED = "rejected"
# Characters of a bad record that are kept.
_MOST_KEPT = 10_000


def build(pipeline: Any, job: Job) -> None:
    """Add the steps of a run."""
    read = (
        pipeline
        | "Source" >> beam.Create([job])
        | "List" >> beam.FlatMap(listed)
        | "Share" >> beam.Reshuffle()
        | "Read" >> beam.FlatMap(read_file, job).with_outputs(_REJECTED, main="records")
    )
    written = read.records | "Spread" >> beam.GroupByKey() | "Write" >> beam.Map(write_records, job)
    rejected = (
        read[_REJECTED]
        | "Collect" >> beam.GroupByKey()
        | "Put aside" >> beam.Map(write_rejected, job)
    )
    _ = (
        pipeline
        | "Job" >> beam.Create([None])
        | "Complete"
        >> beam.Map(finish, job, beam.pvalue.AsList(written), beam.pvalue.AsList(rejected))
    )


def listed(job: Job) -> list[bytes]:
    """The files that have records. Their names are bytes: not each of them is text that Beam can send.

    Raises:
        RuntimeError: this worker has other code than the machine that started the run.
    """
    if own_code() != job.code["sha256"]:
        raise RuntimeError(
            "The image has other code than the machine that started the run. Commit, and build the image anew."
        )
    found = Folder(job.source).named("", *records.SUFFIXES)
    return [file.name.encode("utf-8", "surrogateescape") for file in found]


def read_file(encoded: bytes, job: Job) -> Iterator[Any]:
    """The records of a file, each with the number of the file that it goes to, and its place in what is read."""
    path = encoded.decode("utf-8", "surrogateescape")
    name = _text(path)
    with Folder(job.source).open(path) as opened:
        for number, record in enumerate(records.read(name, opened, job.format), start=1):
            key = _shard(name, number, job.shards)
            if isinstance(record, Bad):
                bad = (name, number, record.reason, _text(record.content[:_MOST_KEPT]))
                yield beam.pvalue.TaggedOutput(_REJECTED, (key, bad))
            else:
                yield key, (name, number, record)


def _text(read: str) -> str:
    """Text that can be written as UTF-8: a byte that was none, such as 0xFF, is told as `\\udcff`."""
    return read.encode("utf-8", "backslashreplace").decode()


def _shard(name: str, number: int, shards: int) -> int:
    """Where a record goes: any place, and always the same one."""
    digest = hashlib.sha256(f"{number} {name}".encode()).digest()
    return int.from_bytes(digest[:8]) % shards


def write_records(shared: tuple[int, Iterable[tuple[str, int, Record]]], job: Job) -> Written:
    """Write the records of one file, in the order in which they were read."""
    shard, found = shared
    rows = [record for _, _, record in sorted(found, key=itemgetter(0, 1))]
    table = pa.Table.from_pylist(rows, schema=job.format.schema())
    whole = io.BytesIO()
    pq.write_table(table, whole, row_group_size=job.row_group)
    return _write(job.target, f"part-{shard:05d}.parquet", whole.getvalue(), {"": len(rows)})


def write_rejected(shared: tuple[int, Iterable[tuple[str, int, str, str]]], job: Job) -> Written:
    """Write bad records, each with the reason and where it stood."""
    shard, found = shared
    bad = sorted(found)
    lines = [
        {"file": name, "record": number, "reason": reason, "content": content}
        for name, number, reason, content in bad
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    reasons = dict(Counter(reason for _, _, reason, _ in bad))
    return _write(job.rejected, f"part-{shard:05d}.jsonl", text.encode(), reasons)


def _write(folder: str, name: str, content: bytes, counts: dict[str, int]) -> Written:
    files.write(f"{folder}/{name}", content)
    return Written(name, hashlib.sha256(content).hexdigest(), counts)


def run(job: Job, config: Config) -> None:
    """Run it to its end. ^C ends a job of Dataflow, too."""
    if config.runner == DATAFLOW:
        runner, options = "DataflowRunner", dataflow_options(job, config)
    else:
        # What the DirectRunner runs it by. By its own name it would download another one first.
        portability = import_module("apache_beam.runners.portability.fn_api_runner")
        runner, options = portability.FnApiRunner(), local_options(config)
    pipeline = beam.Pipeline(
        runner=runner, options=beam.options.pipeline_options.PipelineOptions(options)
    )
    build(pipeline, job)
    result = pipeline.run()
    try:
        result.wait_until_finish()
    except KeyboardInterrupt:
        result.cancel()
        raise


def local_options(config: Config) -> list[str]:
    """What the local runner is told."""
    if config.processes == 1:
        return []
    mode = "--direct_running_mode=multi_processing"
    return [mode, f"--direct_num_workers={config.processes}"]


def dataflow_options(job: Job, config: Config) -> list[str]:
    """What Dataflow is told: workers without public addresses, with everything in their image, as who they are."""
    given = config.dataflow
    network = f"projects/{given.project}/regions/{given.region}/subnetworks/{given.subnetwork}"
    return [
        f"--project={given.project}",
        f"--region={given.region}",
        f"--job_name={NAME.replace('_', '-')}-{job.version}",
        f"--temp_location={given.temporary}/temporary",
        f"--staging_location={given.temporary}/staging",
        f"--subnetwork=https://www.googleapis.com/compute/v1/{network}",
        "--no_use_public_ips",
        f"--service_account_email={given.service_account}",
        f"--sdk_container_image={given.image}",
        "--sdk_location=container",
        # All of it is in modules that the image has.
        "--no_save_main_session",
        f"--max_num_workers={given.workers}",
    ]
