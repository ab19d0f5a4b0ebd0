"""The saver beside a model of it in plain Python, whatever the order of calls; and what a large file takes of memory."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import mxdev_saver as saver
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sagemaker_bucket import BUCKET, s3

__all__ = ["s3"]
NAMES = st.sampled_from(["a.json", "a.json.json", "b/a.json", "ä b.json"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=2), max_leaves=3
)  # fmt: skip
SAID = st.dictionaries(st.text(max_size=4), st.text(max_size=4) | st.integers(), max_size=2)
RUNS = itertools.count()


def machine(client: Any) -> type[RuleBasedStateMachine]:
    """A machine of states over this bucket, with a prefix of its own in each run."""

    class Machine(RuleBasedStateMachine):
        @initialize()
        def start(self) -> None:
            self.folder = tempfile.TemporaryDirectory()
            self.prefix = f"machine-{next(RUNS)}"
            self.store = self.opened("0")
            # filename -> (id, value, metadata), the oldest first; and those that are deleted
            self.there: dict[str, list[tuple[str, Any, dict[str, Any]]]] = {}
            self.deleted: set[str] = set()

        def opened(self, name: str) -> saver.Saver:
            index = Path(self.folder.name) / f"{name}.sqlite"
            return saver.Saver(BUCKET, prefix=self.prefix, client=client, index=index)

        def teardown(self) -> None:
            self.folder.cleanup()

        @rule(name=NAMES, value=VALUES, said=SAID)
        def put(self, name: str, value: Any, said: dict[str, Any]) -> None:
            version = self.store.put(name, object=value, metadata=said)
            self.there.setdefault(name, []).append((version.id, value, said))
            self.deleted.discard(name)

        @rule(name=NAMES, which=st.integers(0, 3))
        def restore(self, name: str, which: int) -> None:
            if name in self.there:
                old = self.there[name][which % len(self.there[name])]
                now = self.store.restore(name, old[0])
                self.there[name].append((now.id, *old[1:]))
                self.deleted.discard(name)
            else:
                with pytest.raises(saver.NotFound):
                    self.store.restore(name, "none")

        @rule(name=NAMES)
        def delete(self, name: str) -> None:
            if name in self.there and name not in self.deleted:
                self.store.delete(name)
                self.deleted.add(name)
            else:
                with pytest.raises(saver.NotFound):
                    self.store.delete(name)

        @rule(number=st.integers(1, 3))
        def lose_the_index(self, number: int) -> None:
            self.store = self.opened(str(number))

        @rule(name=NAMES, which=st.integers(0, 3))
        def get(self, name: str, which: int) -> None:
            if name in self.there:
                identity, value, _ = self.there[name][which % len(self.there[name])]
                assert self.store.get(name, version=identity) == value
            if name in self.there and name not in self.deleted:
                assert self.store.get(name) == self.there[name][-1][1]
            else:
                with pytest.raises(saver.NotFound):
                    self.store.get(name)

        @invariant()
        def lists_and_searches_as_the_model(self) -> None:
            living = sorted(self.there.keys() - self.deleted)
            assert self.store.list() == living
            for name, versions in self.there.items():
                told = self.store.versions(name)
                assert [(one.id, one.metadata) for one in told] == [
                    (i, said) for i, _, said in versions[::-1]
                ]
                assert [one.latest for one in told] == [name in living, *[False] * (len(versions) - 1)]
            found = {hit.version.filename: hit.version.id for hit in self.store.search("json")}
            assert found == {name: self.there[name][-1][0] for name in living}
            everything = self.store.search("json", all_versions=True, limit=1000)
            assert len(everything) == sum(map(len, self.there.values()))

    return Machine


def test_any_order_of_calls(s3: Any) -> None:
    run_state_machine_as_test(
        machine(s3),
        settings=settings(
            max_examples=8, stateful_step_count=12, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


MEMORY = """
import resource, sys, boto3, mxdev_saver
client = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t")
client.create_bucket(Bucket="large")
client.put_bucket_versioning(Bucket="large", VersioningConfiguration={"Status": "Enabled"})
store = mxdev_saver.Saver("large", client=client, index="i.sqlite", part_size=5 << 20)
store.put("small", object=b"1")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
store.put("large", path="large")
store.get("large", path="got")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


def test_a_large_file_takes_the_memory_of_a_few_parts(tmp_path: Path) -> None:
    """128 MB in another process, with parts of 5 MB, four on their way."""
    file = tmp_path / "large"
    with file.open("wb") as sparse:
        sparse.truncate(128 << 20)
        sparse.write(b"end")
    with subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p0"], stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stderr is not None
            url = next(line.split()[-1] for line in server.stderr if "Running on http" in line)
            source = str(Path(saver.__file__).parents[1])
            done = subprocess.run(
                [sys.executable, "-c", MEMORY, url], cwd=tmp_path, env={"PYTHONPATH": source}, capture_output=True, text=True,
                check=False,
            )  # fmt: skip
        finally:
            server.kill()
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 80, "megabytes more than before"
    assert (tmp_path / "got").stat().st_size == file.stat().st_size
