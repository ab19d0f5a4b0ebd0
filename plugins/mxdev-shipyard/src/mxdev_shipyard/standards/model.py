"""What a standard is, and the repository that it is checked on."""

from __future__ import annotations

import functools
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from mxdev_shipyard.model_project.naming import model_of

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

    def has(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        return (self.root / path).exists()

    def text(self, path: str) -> str:
        """A file's text. A test that asks for a file which is not there fails with that sentence."""
        try:
            return (self.root / path).read_text("utf-8")
        except FileNotFoundError:
            unmet("it is missing", path)
        except (OSError, UnicodeDecodeError) as error:
            unmet(f"it cannot be read: {error}", path)

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
            return yaml.load(self.text(path), Loader)  # noqa: S506 (a subclass of the safe loader)
        except (yaml.YAMLError, ValueError, RecursionError, LookupError, AttributeError) as error:
            mark = getattr(error, "problem_mark", None)
            unmet(f"it is no YAML: {getattr(error, 'problem', error)}", path, mark.line + 1 if mark else None)

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


def unmet(sentence: str, path: str = "", line: int | None = None) -> NoReturn:
    """Fail a test with a sentence, and where it is so."""
    import pytest

    place = f"{path}:{line}: " if line else f"{path}: " if path else ""
    pytest.fail(f"{place}{sentence}", pytrace=False)


def place_of(message: str) -> tuple[str, int | None, str]:
    """The path, the line and the sentence of what `unmet` said."""
    found = re.match(r"(?:([^\s:]+)(?::(\d+))?: )?(.*)", message, re.DOTALL)
    assert found is not None  # it matches anything
    return found[1] or "", int(found[2]) if found[2] else None, found[3].strip()
