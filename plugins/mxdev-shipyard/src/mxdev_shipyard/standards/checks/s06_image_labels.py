"""Standard 6: an image says what it is."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator

import pytest

from mxdev_shipyard.standards.model import OUT_OF_REACH, Repository, Standard, unmet

STANDARD = Standard(
    6,
    "The image has the ten labels, or their successors.",
    "Whoever finds an image in a registry or on a node finds the repository, the commit and the people by it.",
    "Give all labels of org.label-schema in the Dockerfile, or those of org.opencontainers.image.",
    __file__,
)
FILE = "Dockerfile"
# Each label of org.label-schema with its successor; the version of a schema that has none needs no label.
LABELS = {
    "build-date": "created",
    "description": "description",
    "name": "title",
    "schema-version": "",
    "url": "url",
    "usage": "documentation",
    "vcs-ref": "revision",
    "vcs-url": "source",
    "vendor": "vendor",
    "version": "version",
}
_OLD, _NEW = "org.label-schema.", "org.opencontainers.image."


_WORD = re.compile(r"""(?:\\.|"(?:\\.|[^"\\])*"|'[^']*'|[^\s"'\\])+""", re.DOTALL)
_HEREDOC = re.compile(r"\d*<<(-?)([\"']?)([A-Za-z_]\w*)\2")


def _instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Each instruction, in upper case, and what follows it on its lines; here-documents are left out."""
    directive = re.match(r"(?:\s*#\s*\w+\s*=.*\n)*?\s*#\s*escape\s*=\s*`", dockerfile, re.IGNORECASE)
    escape = "`" if directive else "\\"
    parts: list[str] = []
    documents: list[tuple[str, str]] = []
    for line in dockerfile.splitlines():
        if documents:
            dash, end = documents[0]
            if (line.lstrip("\t") if dash else line) == end:
                del documents[0]
            continue
        # Docker leaves them out, also within an instruction.
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line.rstrip().endswith(escape):
            parts.append(line.rstrip().removesuffix(escape))
            continue
        word, rest = _split([*parts, line])
        parts = []
        if word in ("RUN", "COPY", "ADD"):
            documents = _documents(rest)
        yield word, rest
    if parts:  # it ends with the file
        yield _split(parts)


def _split(lines: list[str]) -> tuple[str, str]:
    word, *rest = " ".join(lines).split(None, 1) or [""]
    return word.upper(), "".join(rest).strip()


def _documents(text: str) -> list[tuple[str, str]]:
    """The here-documents that an instruction opens, each with its dash and its last line: what has quotes around it opens none."""
    if _WORD.sub("", text).strip():  # a quote that is never closed
        return []
    opened = (_HEREDOC.fullmatch(word) for word in _WORD.findall(text))
    return [(one[1], one[3]) for one in opened if one]


def labels_of(dockerfile: str) -> dict[str, str]:
    """The labels that a Dockerfile gives to what it builds: those of its last stage, and of the stages that it is built on."""
    found: dict[str, str] = {}
    stages: dict[str, dict[str, str]] = {}
    for word, rest in _instructions(dockerfile):
        if word == "FROM":
            base, *named = [one.lower() for one in rest.split() if not one.startswith("--")] or [""]
            found = dict(stages.get(base, {}))  # another stage's labels do not reach the image
            if named[:1] == ["as"] and len(named) > 1:
                stages[named[1]] = found
        if word != "LABEL":
            continue
        try:
            words = shlex.split(rest)
        except ValueError:
            continue
        if words and "=" not in words[0]:  # LABEL key value
            words = [f"{words[0]}={' '.join(words[1:])}"]
        found.update((key, value) for key, _, value in (one.partition("=") for one in words))
    return found


def missing(labels: dict[str, str]) -> list[str]:
    """The labels that neither they nor their successors give a value."""
    new = any(key.startswith(_NEW) for key in labels)
    return [
        f"{_OLD}{old}"
        for old, successor in LABELS.items()
        if not labels.get(f"{_OLD}{old}")
        and not (successor and labels.get(f"{_NEW}{successor}"))
        and not (not successor and new)
    ]


def test_the_dockerfile_gives_the_labels(repository: Repository) -> None:
    """All of them, with values."""
    if lost := missing(labels_of(repository.text(FILE))):
        unmet(f"the image gets no label {', '.join(lost)}", FILE)


def test_the_built_image_has_the_labels(repository: Repository) -> None:
    """What was built has them too."""
    if repository.image is None:
        pytest.skip(f"{OUT_OF_REACH}: the built image's configuration; give it by --image")
    name = repository.image.name
    try:
        data = json.loads(repository.image.read_text("utf-8"))
    except (OSError, ValueError) as error:
        unmet(f"it is no image's configuration: {error}", name)
    data = data[0] if isinstance(data, list) and data else data
    config = (data.get("config") or data.get("Config")) if isinstance(data, dict) else None
    if not isinstance(config, dict):
        unmet("it is no image's configuration", name)
    labels = {str(key): str(value) for key, value in (config.get("Labels") or {}).items()}
    if lost := missing(labels):
        unmet(f"the built image has no label {', '.join(lost)}", name)
