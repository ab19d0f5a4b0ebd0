"""Which model is served, and whether its files are those that somebody approved."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

# The tag of a version of the registered model, or of a run, with the hash of the model's files.
APPROVED = "approved_sha256"


class NotLoadedError(Exception):
    """The model is not served; why, and what to do."""


@dataclass(frozen=True)
class Source:
    """Where the model is: the registered one `name` with the `alias`, or the one that the run `run_id` logged."""

    name: str
    alias: str
    run_id: str = ""

    @property
    def words(self) -> str:
        """What it is called in messages."""
        return f"the model of run {self.run_id}" if self.run_id else f"{self.name}@{self.alias}"


@dataclass(frozen=True)
class Found:
    """A model that is there. `version` is that of the registry, or the run; `approved` may be empty."""

    uri: str
    version: str
    approved: str


def find(source: Source) -> Found:
    """Look the model up.

    Raises:
        NotLoadedError: there is none, or the store does not answer.
    """
    try:
        client = MlflowClient()
        if source.run_id:
            run = client.get_run(source.run_id)
            uri = f"runs:/{source.run_id}/model"
            return Found(uri, source.run_id, run.data.tags.get(APPROVED, ""))
        version = client.get_model_version_by_alias(source.name, source.alias)
        uri = f"models:/{source.name}/{version.version}"
        return Found(uri, str(version.version), version.tags.get(APPROVED, ""))
    except MlflowException as problem:
        raise NotLoadedError(
            f"{source.words} is not to be had from {mlflow.get_tracking_uri()} ({problem.error_code})"
        ) from problem


def sha256(folder: Path) -> str:
    """The hash of all files of a model: their names and what is in them."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if (
            path.name == "registered_model_meta"
        ):  # written by whoever downloads it from the registry
            continue
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def load(source: Source, command: str, expected: str = "") -> tuple[Found, Any]:
    """The model, after its files were compared with what was approved.

    Args:
        source: which.
        command: what approves it, for the message.
        expected: the hash; empty: the one that the registry, or the run, notes.

    Raises:
        NotLoadedError: it is not there, nobody approved it, or its files are others.
    """
    found = find(source)
    approved = expected or found.approved
    if not approved:
        raise NotLoadedError(
            f"nobody approved {source.words} (version {found.version}); look at it, then: {command}"
        )
    with tempfile.TemporaryDirectory() as name:
        place = _download(found, name)
        actual = sha256(place)
        if actual != approved:
            raise NotLoadedError(
                f"the files of {source.words} (version {found.version}) are not those that were approved: "
                f"their hash is {actual}, and {approved} was noted"
            )
        try:
            return found, mlflow.pyfunc.load_model(str(place))
        except Exception as problem:
            raise NotLoadedError(f"{source.words} cannot be loaded: {problem}") from problem


def approve(source: Source) -> tuple[Found, str]:
    """Note the hash of the model's files where it is looked for when the model is loaded; returns it.

    Raises:
        NotLoadedError: there is no model.
    """
    found = find(source)
    with tempfile.TemporaryDirectory() as name:
        digest = sha256(_download(found, name))
    client = MlflowClient()
    if source.run_id:
        client.set_tag(source.run_id, APPROVED, digest)
    else:
        client.set_model_version_tag(source.name, found.version, APPROVED, digest)
    return found, digest


def roll_back(source: Source) -> tuple[str, str]:
    """Give the alias to the newest version before its own that somebody approved; returns both versions, the old one first.

    Raises:
        NotLoadedError: a run has no versions, or there is none before that was approved.
    """
    if source.run_id:
        raise NotLoadedError(f"{source.words} has no version before it; name another run")
    now = find(source).version
    client = MlflowClient()
    earlier = [
        int(one.version)
        for one in client.search_model_versions(f"name='{source.name}'")
        if int(one.version) < int(now) and APPROVED in (one.tags or {})
    ]
    if not earlier:
        raise NotLoadedError(f"no version of {source.name} before {now} was approved")
    client.set_registered_model_alias(source.name, source.alias, str(max(earlier)))
    return now, str(max(earlier))


def _download(found: Found, folder: str) -> Path:
    try:
        return Path(mlflow.artifacts.download_artifacts(found.uri, dst_path=folder))
    except (MlflowException, OSError) as problem:
        raise NotLoadedError(f"{found.uri} cannot be downloaded: {problem}") from problem
