"""How an object becomes a file and a file an object again. A framework is imported when something of it is stored or read."""

from __future__ import annotations

import importlib
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev_saver.errors import SaverError, Untrusted

FILE = "file"


@dataclass(frozen=True)
class Kind:
    """A way to write and read: `write(object, path)`, `read(path, trusted)`.

    `runs_code` says that reading runs whatever code the file names.
    """

    name: str
    suffixes: tuple[str, ...]
    write: Callable[[Any, Path], object]
    read: Callable[[Path, bool], Any]
    runs_code: bool = False


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise SaverError(
            f"{name} is not installed here, and this file needs it: pip install {name}"
        ) from error


def _write_csv(frame: Any, path: Path) -> None:
    """The columns only, as ever. What would come back as another frame, or not at all, is refused."""
    columns = frame.columns
    if not len(columns):
        raise ValueError("it has no column, and nothing could be read again. Store it as .parquet")
    if columns.nlevels > 1 or not columns.is_unique:
        raise ValueError(
            "a CSV has one line of names, each once. Rename its columns, or store several levels as .parquet"
        )
    frame.to_csv(path, index=False)


def _write_json(value: Any, path: Path) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def _write_text(value: Any, path: Path) -> None:
    if not isinstance(value, str):
        raise SaverError(f"a .txt file holds a str, and this is a {type(value).__name__}")
    path.write_bytes(value.encode())


def _write_bytes(value: Any, path: Path) -> None:
    path.write_bytes(value)


def _write_pickle(value: Any, path: Path) -> None:
    with path.open("wb") as file:
        pickle.dump(value, file, protocol=5)


def _read_pickle(path: Path, _: bool) -> Any:
    with path.open("rb") as file:
        return pickle.load(file)  # noqa: S301 - only where the caller trusts it, see `read`


def _read_torch(path: Path, trusted: bool) -> Any:
    torch = _module("torch")
    try:
        return torch.load(path, map_location="cpu", weights_only=not trusted)
    except pickle.UnpicklingError as error:
        raise Untrusted(
            "the file holds more than weights, and reading it runs code that it names. "
            "If you trust who stored it: get(..., trusted=True). Store model.state_dict() to need no trust."
        ) from error


def _read_keras(path: Path, trusted: bool) -> Any:
    try:
        return _module("keras").models.load_model(path, safe_mode=not trusted)
    except ValueError as error:
        if "safe_mode" in str(error) or "unsafe" in str(error).lower():
            raise Untrusted(
                "the model has a layer that runs code of its own. If you trust who stored it: get(..., trusted=True)."
            ) from error
        raise


def _read_numpy(path: Path, _: bool) -> Any:
    return _module("numpy").load(path, allow_pickle=False)


def _write_npz(value: Any, path: Path) -> None:
    _module("numpy").savez_compressed(path, **value)


def _read_npz(path: Path, _: bool) -> Any:
    with _module("numpy").load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


FRAMES = (
    Kind("parquet", (".parquet",), lambda frame, path: frame.to_parquet(path),
         lambda path, _: _module("pandas").read_parquet(path)),
    Kind("csv", (".csv",), _write_csv,
         lambda path, _: _module("pandas").read_csv(path)),
)  # fmt: skip
OBJECTS = (
    Kind("json", (".json",), _write_json, lambda path, _: json.loads(path.read_text(encoding="utf-8"))),
    Kind("text", (".txt",), _write_text, lambda path, _: path.read_bytes().decode()),
    Kind("pickle", (".pkl", ".pickle"), _write_pickle, _read_pickle, runs_code=True),
    Kind("joblib", (".joblib",), lambda value, path: _module("joblib").dump(value, path),
         lambda path, _: _module("joblib").load(path), runs_code=True),
    Kind("torch", (".pt", ".pth"), lambda value, path: _module("torch").save(value, path), _read_torch),
    Kind("keras", (".keras",), lambda model, path: model.save(path), _read_keras),
    Kind("onnx", (".onnx",), lambda model, path: path.write_bytes(model.SerializeToString()),
         lambda path, _: _module("onnx").load(str(path))),
    Kind("npy", (".npy",), lambda array, path: _module("numpy").save(path, array, allow_pickle=False), _read_numpy),
    Kind("npz", (".npz",), _write_npz, _read_npz),
)  # fmt: skip
BYTES = Kind("bytes", (), _write_bytes, lambda path, _: path.read_bytes())
AS_IT_IS = Kind(FILE, (), _write_bytes, lambda path, _: path.read_bytes())
_BY_NAME = {kind.name: kind for kind in (*FRAMES, *OBJECTS, BYTES, AS_IT_IS)}


def of_frame(filename: str) -> Kind:
    """How a data frame is stored under this name.

    Raises:
        SaverError: the name ends in nothing that a frame is written as.
    """
    return _by_suffix(filename, FRAMES, "a data frame")


def of_object(filename: str, value: object) -> Kind:
    """How an object is stored under this name; bytes may have any name.

    Raises:
        SaverError: the name ends in nothing that is known.
    """
    if isinstance(value, bytes):
        return BYTES
    return _by_suffix(filename, OBJECTS, f"a {type(value).__name__}")


def _by_suffix(filename: str, kinds: tuple[Kind, ...], what: str) -> Kind:
    for kind in kinds:
        if filename.endswith(kind.suffixes):
            return kind
    known = ", ".join(suffix for kind in kinds for suffix in kind.suffixes)
    raise SaverError(f"{filename}: the ending says how {what} is stored; known are {known}")


def read(kind: str, path: Path, *, trusted: bool) -> Any:
    """The object in the file at `path`.

    Raises:
        Untrusted: reading runs code that the file names, and `trusted` is not set.
        SaverError: the kind is unknown here, or its framework is not installed.
    """
    found = _BY_NAME.get(kind)
    if found is None:
        raise SaverError(
            f"the file was stored as {kind!r}, which this version of mxdev-saver does not know: update it"
        )
    if found.runs_code and not trusted:
        raise Untrusted(
            f"the file is a {kind}, and reading it runs whatever code it names. If you trust who stored it: "
            f"get(..., trusted=True). get(..., path=...) brings the file and runs nothing."
        )
    return found.read(path, trusted)
