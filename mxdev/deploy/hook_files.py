"""The files that shell commands of devspace.yaml run or read: scripts that its hooks and pipelines name, and what those name in turn."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mxdev.deploy import named_files
from mxdev.deploy.config import FILE
from mxdev.errors import MxError
from mxdev.system.files import plain

# $PWD/x, ${here}/x and "$(dirname "$0")"/x are x, in the folder of the project or of the script.
_FOLDER = re.compile(r"\"?\$(?:\{?\w+\}?|\((?:pwd|dirname [^()]*)\))\"?/")
_WORD = re.compile(r"[\w@+.,*?\[\]/~-]+")
_QUOTED = re.compile(r"\"([^\"\n]* [^\"\n]*)\"|'([^'\n]* [^'\n]*)'")
# What is read for further names: more than that is no script.
_LARGEST = 256 * 1024
_SCRIPTS = (".sh", ".bash", ".py")


def below(root: Path, whole: Mapping[str, Any]) -> Iterator[Path]:
    """The files in `root`, each once; a word of a command that is no path in the project is none.

    Args:
        root: the project.
        whole: its devspace.yaml.

    Raises:
        MxError: a command names a file of this machine from which an environment's copy of the project cannot be reached.
    """
    seen: set[Path] = set()
    for what, command in _commands(whole):
        for word in _words(command):
            _check_inside(root, word, what)
            for path in _named(root, root, word, folders=True):
                yield from _with_what_it_names(root, path, seen)


def _commands(whole: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is run by a shell, each with what it is in devspace.yaml."""
    for hook in _list(whole.get("hooks")):
        if isinstance(hook, dict) and hook.get("command"):
            words = [hook["command"], *_list(hook.get("args"))]
            yield (
                f"a hook of {' '.join(map(str, _list(hook.get('events')))) or 'no event'}",
                " ".join(map(str, words)),
            )
    for key in ("pipelines", "functions"):
        for name, part in (whole.get(key) or {}).items() if isinstance(whole.get(key), dict) else ():
            script = part.get("run") if isinstance(part, dict) else part
            if isinstance(script, str):
                yield f"{key}.{name}", script


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _words(text: str) -> Iterator[str]:
    text = _FOLDER.sub("", text)
    yield from dict.fromkeys(word.rstrip(".,") for word in _WORD.findall(text))
    yield from (one or other for one, other in _QUOTED.findall(text))


def _check_inside(root: Path, word: str, what: str) -> None:
    """Refuse what an environment's copy of the project would not find, or find with the names of the first environment.

    Raises:
        MxError: it is such a path.
    """
    path = Path(os.path.normpath(root / word))
    inside = path.is_relative_to(root)
    leads_out = not Path(word).is_absolute() and not inside and path != root.parent
    if (leads_out or (Path(word).is_absolute() and inside)) and _is(path.exists):
        raise MxError(
            f"{FILE}: {what} names {word}, which is no path relative to and in the project, so an environment cannot have it under its "
            "own names.",
            hint="Put the file into the project, and name it relative to devspace.yaml.",
        )


def _named(root: Path, folder: Path, word: str, *, folders: bool) -> list[Path]:
    """What a word stands for in `folder`, or else in the project: files, with `folders` also a folder; usually nothing."""
    # A star alone is one of `case` or of a product.
    if Path(word).is_absolute() or not any(sign.isalnum() for sign in word):
        return []
    for base in dict.fromkeys((folder, root)):
        path = Path(os.path.normpath(base / word))
        if path == root or not path.is_relative_to(root):
            continue
        if path.relative_to(root).parts[0] in named_files.LEFT_OUT:
            continue
        found = _fitting(root, path) if any(sign in word for sign in "*?[") else [path]
        if there := [one for one in found if _is(one.is_file) or (folders and _is(one.is_dir))]:
            return there
    return []


def _is(question: Callable[[], bool]) -> bool:
    """The answer to a question about a path; no where a word is too long for one, or is no path for another reason."""
    try:
        return question()
    except (OSError, ValueError):
        return False


def _fitting(root: Path, pattern: Path) -> list[Path]:
    """What a pattern stands for; nothing where it is none, such as `**kwargs`."""
    try:
        found = sorted(root.glob(pattern.relative_to(root).as_posix()))
    except (OSError, ValueError):
        return []
    return [path for path in found if path.relative_to(root).parts[0] not in named_files.LEFT_OUT]


def _with_what_it_names(root: Path, path: Path, seen: set[Path]) -> Iterator[Path]:
    for file in named_files.files_in(path, root):
        if file in seen:
            continue
        seen.add(file)
        yield file
        for word in _words(_script(file)):
            for other in _named(root, file.parent, word, folders="/" in word) or _imported(root, file, word):
                yield from _with_what_it_names(root, other, seen)


def _script(path: Path) -> str:
    """The text of a script; empty where the file is none."""
    try:
        text = plain.text(path, _LARGEST)
    except (OSError, ValueError):
        return ""
    return text if path.suffix in _SCRIPTS or text.startswith("#!") else ""


def _imported(root: Path, script: Path, word: str) -> list[Path]:
    """The module beside a Python script that a word of it names."""
    if script.suffix != ".py" or not all(part.isidentifier() for part in word.split(".")):
        return []
    name = word.replace(".", "/")
    return _named(root, script.parent, f"{name}.py", folders=False) or [
        path.parent for path in _named(root, script.parent, f"{name}/__init__.py", folders=False)
    ]
