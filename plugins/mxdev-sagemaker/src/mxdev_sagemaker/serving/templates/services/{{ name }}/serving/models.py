"""Which models are served here, and how one comes from its archive into memory."""

from __future__ import annotations

import importlib
import json
import os
import re
import tarfile
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.frameworks import SUFFIXES, WRAPPERS
from serving.inputs import Inputs, parsed
from serving.wrapper import Wrapper

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62})")


class ModelError(Exception):
    """A model cannot be served; the text says which, and why."""


@dataclass(frozen=True)
class Model:
    """A model that answers.

    Attributes:
        name: as it stands in the path.
        version: likewise.
        wrapper: what answers; it is loaded.
        seconds: how long it took to come and to load.
    """

    name: str
    version: str
    wrapper: Wrapper
    seconds: float


def deployed(environment: Mapping[str, str] | None = None) -> list[Model]:
    """The models that the environment names, loaded.

    MODEL_NAME, MODEL_VERSION and MODEL_DATA name one; MODELS names several, as a JSON list of objects with `model`, `version` and `data`. The data
    is `s3://BUCKET/KEY` of a model.tar.gz, or a path on this machine, of an archive or a folder.

    Raises:
        ModelError: none is named, or one of them cannot be loaded.
    """
    said = os.environ if environment is None else environment
    if "MODELS" in said:
        try:
            wanted = [
                (str(one["model"]), str(one["version"]), str(one["data"]))
                for one in json.loads(said["MODELS"])
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"MODELS must be a JSON list of objects with model, version and data: {error!r}"
            ) from error
    else:
        missing = [
            name for name in ("MODEL_NAME", "MODEL_VERSION", "MODEL_DATA") if not said.get(name)
        ]
        if missing:
            raise ModelError(
                f"set {', '.join(missing)}: they name the model, or MODELS for several"
            )
        wanted = [(said["MODEL_NAME"], said["MODEL_VERSION"], said["MODEL_DATA"])]
    twice = {one[:2] for one in wanted if [other[:2] for other in wanted].count(one[:2]) > 1}
    if not wanted or twice:
        raise ModelError(f"MODELS names {sorted(twice)} twice" if twice else "MODELS names none")
    return [loaded(*one) for one in wanted]


def loaded(name: str, version: str, data: str) -> Model:
    """One model, ready to answer.

    Raises:
        ModelError: it cannot be.
    """
    if not NAME.fullmatch(name) or not NAME.fullmatch(version):
        raise ModelError(f"{name!r} {version!r}: a path has letters, digits, dots and dashes only")
    start = time.perf_counter()
    try:
        wrapper = wrapped(fetched(data))
        wrapper.load()
    except ModelError as error:
        raise ModelError(f"{name} {version}: {error}") from error
    except Exception as error:
        raise ModelError(
            f"{name} {version} from {data}: {type(error).__name__}: {error}"
        ) from error
    return Model(name, version, wrapper, time.perf_counter() - start)


def wrapped(folder: Path) -> Wrapper:
    """The wrapper that the model in a folder names, not loaded yet.

    `model.json` may say `wrapper` (a framework, or MODULE:CLASS of this image), `file`, `inputs`, and what the wrapper itself knows. Without it
    the framework is known by the ending of the model's file.

    Raises:
        ModelError: it names none that is here.
    """
    settings: dict[str, Any] = {}
    if (folder / "model.json").is_file():
        settings = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    name = settings.get("wrapper")
    if name is None:
        found = {SUFFIXES[path.suffix] for path in folder.rglob("*") if path.suffix in SUFFIXES}
        if len(found) != 1:
            raise ModelError(
                f"the files are of {' and of '.join(sorted(found)) or 'no framework that is known'}: "
                "name the wrapper in model.json"
            )
        name = found.pop()
    if ":" in str(name):
        module, _, attribute = str(name).partition(":")
        cls = getattr(importlib.import_module(module), attribute)
    else:
        cls = WRAPPERS.get(str(name))
    if not (isinstance(cls, type) and issubclass(cls, Wrapper)):
        raise ModelError(f"{name} is no wrapper: {', '.join(WRAPPERS)}, or MODULE:CLASS")
    try:
        inputs = parsed(settings["inputs"]) if "inputs" in settings else Inputs()
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"model.json: {error!r}") from error
    return cls(folder, settings, inputs)


def fetched(data: str) -> Path:
    """The folder of a model: unpacked, if it is an archive.

    Raises:
        ModelError: there is no such thing, or the archive wants to write elsewhere.
    """
    if not data.startswith("s3://"):
        path = Path(data)
        if path.is_dir():
            return path
        return _unpacked(path)
    import boto3

    bucket, _, key = data.removeprefix("s3://").partition("/")
    path = Path(tempfile.mkdtemp(prefix="model-")) / "model.tar.gz"
    boto3.client("s3").download_file(bucket, key, str(path))
    return _unpacked(path)


def _unpacked(path: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="model-"))
    try:
        with tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise ModelError(f"{path.name} cannot be unpacked: {error}") from error
    return folder
