"""How much memory a generated project takes for data that it streams, and for going on from a checkpoint.

A script for the interpreter that has the machine-learning stack: `python ml_memory.py PROJECT FOLDER`. It imports the stack
once and forks for every measurement. One JSON object a line: what was measured, and the memory in MB.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

# One example is 16 KB, so these are 16, 66 and 262 MB.
SCALES = {1: 1000, 4: 4000, 16: 16000}
KINDS = ("zarr", "parquet", "images")
# In MB, beside what the imports take: what is read at a time, and what NumPy and PyTorch keep of it.
LIMIT = 120
SIDE = 64
# Of the network that goes on from a checkpoint, in numbers of 4 bytes: 50 MB.
WEIGHTS = 12_500_000


def make(kind: str, place: Path, count: int) -> None:
    """Write `count` examples of noise."""
    import numpy as np

    random = np.random.default_rng(0)
    place.mkdir(parents=True)
    if kind == "zarr":
        import zarr

        group = zarr.open_group(str(place), mode="w")
        array = group.create_array(
            "images", shape=(count, SIDE, SIDE), chunks=(64, SIDE, SIDE), dtype="float32"
        )
        for begin in range(0, count, 64):
            end = min(begin + 64, count)
            array[begin:end] = random.random((end - begin, SIDE, SIDE), dtype="float32")
    elif kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema([("image", pa.binary())])
        with pq.ParquetWriter(place / "part.parquet", schema, compression="none") as writer:
            for begin in range(0, count, 64):
                rows = [random.bytes(4 * SIDE * SIDE) for _ in range(min(64, count - begin))]
                writer.write_table(pa.table({"image": rows}, schema=schema), row_group_size=64)
    else:
        from PIL import Image

        for number in range(count):
            (place / str(number % 10)).mkdir(exist_ok=True)
            content = io.BytesIO()
            # Noise does not get smaller by compression.
            Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 4), dtype="uint8")).save(
                content, "png", compress_level=0
            )
            (place / str(number % 10) / f"{number}.png").write_bytes(content.getvalue())


def shards(kind: str, place: Path) -> tuple[Any, Callable[[Any], Any]]:
    """The project's reader of what `make` has written, and what makes examples of what it reads."""
    import torch
    from m1.data.folder import Folder

    folder = Folder(str(place))
    if kind == "zarr":
        from m1.data.zarr_arrays import ZarrArrays

        return ZarrArrays(folder, ["images"]), lambda row: (torch.from_numpy(row[0]), 0)
    if kind == "parquet":
        from m1.data.parquet import Parquet

        return Parquet(folder), lambda row: (
            torch.frombuffer(bytearray(row["image"]), dtype=torch.float32),
            0,
        )
    from m1.data.images import ImageFolder, decoded

    return ImageFolder(folder), lambda row: (decoded(row[0]), row[1])


def epoch(kind: str, place: Path, count: int, config: Any) -> None:
    """Read an epoch, measure once, and tell the version, as a training does it."""
    import torch
    from m1.data import Stream
    from m1.data.folder import Folder
    from m1.data.loader import Loader
    from m1.processes import Processes
    from torch.utils.data import default_collate

    reader, transform = shards(kind, place)
    loader = Loader(Stream(reader, transform), default_collate, config, Processes(0, 1, torch.device("cpu")))
    assert sum(part.size for step in loader.epoch(1) for part in step) == count
    assert sum(part.size for part in loader.in_order()) == count
    assert len(Folder(str(place)).version().sha256) == 64


def everything(kind: str, place: Path, count: int, config: Any) -> None:
    """Read all of it at once, which the limit has to notice."""
    reader, transform = shards(kind, place)
    kept = [transform(row) for row in reader.read([(n, 0, int(size)) for n, size in enumerate(reader.sizes)])]
    assert len(kept) == count


def go_on(place: Path, config: Any) -> float:
    """Go on from a checkpoint of a network of 50 MB; by how many MB the memory grows on the way, beside that of the file."""
    import torch
    from m1 import checkpoint, fit
    from m1.data import Datasets, Version
    from m1.processes import Processes
    from torch import nn
    from torch.utils.data import TensorDataset

    class Task:
        """A network that is large for its data."""

        def loss(self, outputs: Any, targets: Any) -> Any:
            return outputs.mean()

    def started() -> fit.Fit:
        config.task = Task()
        data = TensorDataset(torch.zeros(8, 10), torch.zeros(8))
        datasets = Datasets(data, data, data, lambda: Version(""))
        return fit.Fit(
            nn.Linear(10, WEIGHTS // 10, bias=False),
            config,
            datasets,
            Processes(0, 1, torch.device("cpu")),
            place,
        )

    path = place / "one.pt"
    child = os.fork()
    if child == 0:
        first = started()
        first._optimization.step(0, iter([first.model(torch.zeros(1, 10)).mean()]))
        weights = first.model.state_dict()
        best = {name: value.clone() for name, value in weights.items()}
        state = {"model": weights, "best": best, **first._optimization.state()}
        checkpoint.write(path, checkpoint.Progress(epoch=1, best_epoch=1), state)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert path.stat().st_size > 4 * 4 * WEIGHTS
    second = started()
    before, peak, done = memory("RssAnon"), [0.0], threading.Event()

    def watch() -> None:
        while not done.is_set():
            peak[0] = max(peak[0], memory("RssAnon"))
            time.sleep(0.001)

    thread = threading.Thread(target=watch)
    thread.start()
    second.go_on_from(path)
    done.set()
    thread.join()
    return peak[0] - before


def memory(name: str) -> float:
    """A line of /proc/self/status, in MB."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) / 1024


def measured(what: str, do: Callable[[], float | None], limit: bool) -> None:
    """Do it in a process of its own, within the limit, and say how much memory it took."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    taken: float | None = None
    try:
        Path("/proc/self/clear_refs").write_text("5")  # The peak begins here.
        before = memory("VmRSS")
        if limit:
            most = int((memory("VmData") + LIMIT) * 2**20)
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        result = do()
        taken = memory("VmHWM") - before if result is None else result
    except BaseException as problem:
        # What it says may have the data in it.
        places = "".join(traceback.format_tb(problem.__traceback__))
        print(f"{what}: {type(problem).__name__}\n{places}", file=sys.stderr)
    print(json.dumps({"what": what, "memory": taken}), flush=True)
    os._exit(0)


def main(project: Path, folder: Path) -> None:
    """Measure all of it."""
    sys.path.insert(0, str(project / "src"))
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    import fsspec.implementations.local  # noqa: F401
    import m1.fit
    import PIL.PngImagePlugin  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import torch
    import zarr  # noqa: F401
    from hydra import compose, initialize_config_dir
    from m1 import config as configuration

    torch.set_num_threads(1)
    configuration.register()
    with initialize_config_dir(str(Path(m1.fit.__file__).parent / "conf"), version_base="1.3"):
        overrides = ["training.batch_size=32", "training.window=4", "training.device=cpu"]
        config = configuration.trainer_config(compose("trainer", overrides))
    for kind in KINDS:
        for scale, count in SCALES.items():
            place = folder / kind / str(scale)
            make(kind, place, count)
            run = (kind, place, count, config.training)
            measured(f"{kind} x{scale}", lambda run=run: epoch(*run), limit=True)  # type: ignore[misc]
        measured(f"{kind} at once", lambda run=run: everything(*run), limit=True)  # type: ignore[misc]
    measured("checkpoint", lambda: go_on(folder, config), limit=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
