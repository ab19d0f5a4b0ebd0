"""Which version of the data a run makes, and the lineage that it leaves there.

    NAME/VERSION/part-00000.parquet …     the records
    NAME/VERSION/lineage.json             what they were made of, and by what
    NAME/VERSION/SHA256SUMS               written last: the folder is complete
    rejected/NAME/VERSION/…               what was rejected, with the reason

The version is the hash of what is read, of the pipeline's own code and of its configuration: the same input and the same code are
the same version wherever they run, and a version that is there is not made again.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from ..data.folder import LINEAGE, Folder
from ..provenance import code, project_root
from . import files
from .config import NAME, Config
from .records import Format

_DIGITS = 16
# So many kinds of reasons are told in words.
_REASONS = 5


class Written(NamedTuple):
    """A file that was written: its name, the hash of its content, and how many records it has, by their reasons where they are bad."""

    name: str
    sha256: str
    counts: dict[str, int]


@dataclass(frozen=True)
class Job:
    """One run: all that its workers must know.

    Attributes:
        bucket: where the data lies.
        reads: which folder of it is read.
        inputs: the hash of what is in that folder.
        version: the version that is made.
        code: the commit, whether there is more than it says, and the hash of the pipeline's own files.
        format: what a record is.
        shards: into how many files the records are spread.
        row_group: how many records of them are read at a time.
        most_rejected: the share of bad records with which a version is still complete.
        runner: who runs it.
    """

    bucket: str
    reads: str
    inputs: str
    version: str
    code: dict[str, Any]
    format: Format
    shards: int
    row_group: int
    most_rejected: float
    runner: str

    @property
    def source(self) -> str:
        """The folder that is read."""
        return f"{self.bucket}/{self.reads}"

    @property
    def target(self) -> str:
        """The folder of the version."""
        return f"{self.bucket}/{NAME}/{self.version}"

    @property
    def rejected(self) -> str:
        """The folder of what is rejected."""
        return f"{self.bucket}/rejected/{NAME}/{self.version}"


def plan(config: Config) -> Job:
    """The run that the configuration asks for.

    Raises:
        FileNotFoundError: there is nothing to read.
        ValueError: the list of hashes in the folder is not about its files.
    """
    inputs = Folder(f"{config.bucket}/{config.reads}").version().sha256
    made_by = {"records": asdict(config.records), "shards": config.shards}
    made_by |= {"row_group": config.row_group, "most_rejected": config.most_rejected}
    state, own = code(project_root()), own_code()
    # Not sorted: the order of columns is that of the files that are written.
    words = json.dumps([inputs, own, made_by])
    version = hashlib.sha256(words.encode()).hexdigest()[:_DIGITS]
    known = {
        "commit": state.commit,
        "uncommitted": bool(state.diff or state.problem),
        "sha256": own,
    }
    return Job(
        config.bucket,
        config.reads,
        inputs,
        version,
        known,
        config.records,
        config.shards,
        config.row_group,
        config.most_rejected,
        config.runner,
    )


def own_code() -> str:
    """The hash of the pipeline's own files."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def found(job: Job) -> dict[str, Any] | None:
    """The lineage of the version, where it is complete; None: it is not."""
    if files.read(f"{job.target}/{files.SUMS}") is None:
        return None
    return lineage(job)


def lineage(job: Job) -> dict[str, Any] | None:
    """The lineage of the version, complete or not; None: there is none."""
    content = files.read(f"{job.target}/{LINEAGE}")
    return json.loads(content) if content else None


def finish(_: Any, job: Job, written: Sequence[Written], rejected: Sequence[Written]) -> None:
    """Complete the version: the last thing that a run does.

    Where it may not be complete, because too much was rejected for example, the lineage says so, and there are no `SHA256SUMS`.
    """
    inputs = Folder(job.source).version()
    reasons: Counter[str] = Counter()
    for part in rejected:
        reasons.update(part.counts)
    rows, bad = sum(part.counts[""] for part in written), sum(reasons.values())
    told = {
        "pipeline": NAME,
        "version": job.version,
        "code": job.code,
        "inputs": {"uri": job.source, "sha256": inputs.sha256, "files": _files(inputs.manifest)},
        "configuration": {
            "records": asdict(job.format),
            "shards": job.shards,
            "row_group": job.row_group,
            "most_rejected": job.most_rejected,
        },
        "counts": {"records": rows, "rejected": bad, "reasons": dict(sorted(reasons.items()))},
        "rejected": job.rejected if bad else None,
        "runner": job.runner,
        "software": {name: metadata.version(name) for name in ("apache-beam", "pyarrow")},
    }
    problem = _problem(job, inputs.sha256, rows, reasons)
    if problem:
        told["problem"] = problem
    text = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
    # What is no UTF-8 in the name of a file becomes an escape, as JSON has it.
    content = text.encode("utf-8", "backslashreplace")
    if bad:
        files.seal(job.rejected, {part.name: part.sha256 for part in rejected})
    files.write(f"{job.target}/{LINEAGE}", content)
    if not problem:
        sums = {part.name: part.sha256 for part in written}
        files.seal(job.target, {**sums, LINEAGE: hashlib.sha256(content).hexdigest()})


def _problem(job: Job, inputs: str, rows: int, reasons: Counter[str]) -> str:
    """Why the version may not be complete; empty: it may."""
    bad = reasons.total()
    if inputs != job.inputs:
        return f"{job.source} has changed while it was read. Run the pipeline again."
    if not rows and not bad:
        return f"{job.source} has no records."
    if not rows or bad / (rows + bad) > job.most_rejected:
        most = "; ".join(f"{count} {reason}" for reason, count in reasons.most_common(_REASONS))
        return (
            f"{bad} of {rows + bad} records were rejected, and most_rejected is {job.most_rejected:g}: {most}. "
            f"They are in {job.rejected}."
        )
    return ""


def _files(manifest: str) -> list[dict[str, Any]]:
    """The files of a folder, of the lines that its version has: generation where there is one, checksum, size, name."""
    listed = []
    for line in manifest.splitlines():
        words = line.split("  ", 3)
        generation = words.pop(0) if ":" not in words[0] else ""
        checksum, size, name = "  ".join(words).split("  ", 2)
        one = {"name": name, "size": int(size), "checksum": checksum}
        listed.append({**one, "generation": generation} if generation else one)
    return listed
