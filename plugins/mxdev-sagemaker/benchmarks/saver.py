"""The saver with many objects, on moto in this process: what a put, an index made anew, and a search take.

    python plugins/mxdev-sagemaker/benchmarks/saver.py [OBJECTS]

Moto answers at once and S3 does not: of the first two numbers only the library's own share is told. A search asks nothing but the index.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import boto3
from moto import mock_aws

sys.path.insert(0, str(Path(__file__).parents[1] / "saver/src"))
import mxdev_saver as saver

MODELS = ["resnet50", "resnet101", "vgg16", "convnext", "efficientnet", "swin", "deit", "mobilenet"]
DATA = ["holiday videos", "sports highlights", "news archive", "film trailers", "interviews", "concerts"]
PATTERNS = {
    "exact key=value": "run=4711",
    "one word": "convnext",
    "three words": "swin concerts lr",
    "a word misspelled": "efficentnet",
    "two words misspelled": "mobilnet intervews",
    "a rare word misspelled": "note4712 resent50",
}


def milliseconds(function: object, times: int = 15) -> str:
    """The median and the worst time of so many calls."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        function()  # type: ignore[operator]
        taken.append((time.perf_counter() - start) * 1000)
    return f"{statistics.median(taken):7.1f} ms, at most {max(taken):7.1f} ms"


def main(count: int) -> None:
    """Fill a bucket, and ask it."""
    chosen = random.Random(5)  # noqa: S311
    os.environ |= {"AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t"}
    with tempfile.TemporaryDirectory() as folder, mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="bench")
        client.put_bucket_versioning(Bucket="bench", VersioningConfiguration={"Status": "Enabled"})
        store = saver.Saver("bench", client=client, index=f"{folder}/index.sqlite")
        start = time.perf_counter()
        for number in range(count):
            said = {"model": chosen.choice(MODELS), "data": chosen.choice(DATA), "run": number, "note": f"note{number}",
                    "accuracy": round(chosen.random(), 4), "lr": chosen.choice([0.1, 0.01, 0.001])}  # fmt: skip
            store.put(f"runs/{number}/metrics.json", object={"n": number}, metadata=said)
        print(f"{count} puts: {(time.perf_counter() - start) / count * 1000:.1f} ms each")
        store = saver.Saver("bench", client=client, index=f"{folder}/again.sqlite")
        start = time.perf_counter()
        assert store.refresh() == count
        size = Path(f"{folder}/again.sqlite").stat().st_size >> 20
        print(f"index made anew: {time.perf_counter() - start:.1f} s, {size} MB")
        print(f"{'refresh, nothing new':32}{milliseconds(store.refresh, 5)}")
        for name, pattern in PATTERNS.items():
            hits = store.search(pattern, refresh=False)
            first = hits[0].version.filename if hits else "nothing"
            taken = milliseconds(lambda pattern=pattern: store.search(pattern, refresh=False))
            print(f"{name:32}{taken}  ({len(hits)} hits, {first})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
