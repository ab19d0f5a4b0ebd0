"""What a standard is, and the repository that it is checked on."""

from __future__ import annotations

import errno
import functools
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from mxdev_shipyard.model_project.naming import model_of
from mxdev_shipyard.yaml_text import NotYamlError, parse

# What pytest says of something that is not here, so that nothing can be said of it.
OUT_OF_REACH = "artifact out of reach"


@dataclass(frozen=True, order=True)
class Standard:
    """One standard.

    Attributes:
        number: what it is called by; a waiver names it, and so does its anchor in the document.
        title: what must be so, as a sentence.
        reason: why.
        fix: what to do where it is not so.
        file: the file with its tests, `__file__`; empty: no test covers it.
    """

    number: int
    title: str
    reason: str
    fix: str
    file: str = ""

    @property
    def anchor(self) -> str:
        """Where the document tells about it."""
        return f"standard-{self.number}"


@dataclass(frozen=True)
class Repository:
    """A model's repository: its folder, and the configuration of its image where that is at hand."""

    root: Path
    image: Path | None = None
    online: bool = False

    @property
    def name(self) -> str:
        """What it is called."""
        return self.root.name

    @property
    def model(self) -> str | None:
        """Its model; None if it is not called deploy-MODEL-model."""
        return model_of(self.name)

    @functools.cached_property
    def kept(self) -> dict[str, Any]:
        """What one test made of a file, for the next."""
        return {}

    def has(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        try:
            return (self.root / path).exists()
        except (OSError, ValueError):  # a name that no file can have
            return False

    def text(self, path: str) -> str:
        """A file's text. A test that asks for a file which is not there fails with that sentence."""
        try:
            return self.data(path).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            unmet(f"it cannot be read: {error}", path)

    def data(self, path: str) -> bytes:
        """A file's bytes; as `text` where there is none."""
        try:
            return read_regular(self.root / path)
        except FileNotFoundError:
            unmet("it is missing", path)
        except OSError as error:
            unmet(f"it cannot be read: {error.strerror or error}", path)

    def yaml(self, path: str) -> Any:
        """A file's content as YAML; tags such as GitLab's `!reference` are their values. As `text` where it cannot be read."""
        import yaml

        class Loader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
            pass

        def plain(loader: Any, _: str, node: Any) -> Any:
            if isinstance(node, yaml.SequenceNode):
                return loader.construct_sequence(node)
            return (
                loader.construct_mapping(node)
                if isinstance(node, yaml.MappingNode)
                else loader.construct_scalar(node)
            )

        Loader.add_multi_constructor("!", plain)
        try:
            return parse(self.text(path), Loader)
        except NotYamlError as error:
            unmet(f"it is no YAML: {error.problem}", path, error.line)

    @functools.cached_property
    def files(self) -> tuple[str, ...]:
        """The files that are committed; all but hidden folders' where there is no Git repository."""
        try:
            listed = subprocess.run(
                ["git", "ls-files", "-z", "--", "."],
                cwd=self.root,
                capture_output=True,
                check=True,
                timeout=30,
            )
            if names := [name for name in listed.stdout.decode("utf-8", "replace").split("\0") if name]:
                return tuple(name for name in names if (self.root / name).is_file())
        except (OSError, subprocess.SubprocessError):
            pass
        found = (path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file())
        return tuple(
            sorted(
                path.as_posix()
                for path in found
                if not any(part.startswith(".") or part == "__pycache__" for part in path.parts[:-1])
            )
        )


def read_regular(path: Path) -> bytes:
    """A file's bytes.

    Raises:
        OSError: it cannot be read, or is a pipe or a device, whose reader might wait forever.
    """
    if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return path.read_bytes()


def unmet(sentence: str, path: str = "", line: int | None = None) -> NoReturn:
    """Fail a test with a sentence, and where it is so."""
    import pytest

    place = f"{path}:{line}: " if line else f"{path}: " if path else ""
    failure = pytest.fail.Exception(f"{place}{sentence}", pytrace=False)
    failure.__dict__["place"] = (path, line, sentence)
    raise failure


def place_of(failure: BaseException) -> tuple[str, int | None, str]:
    """The path, the line and the sentence that `unmet` was given; of another failure there is no path."""
    place: tuple[str, int | None, str] = failure.__dict__.get("place", ("", None, str(failure)))
    return place
