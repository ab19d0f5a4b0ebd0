"""The commands that make a project's environment: with `uv` where there is one, else with `venv` and `pip`."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from mxdev.environment.interpreter import Interpreter, active, locate, probe, pyproject, venv_python
from mxdev.errors import MxError

# Installed by the gigabyte, and for that reason taken in the version that is here already.
_HEAVY = "torch"


def uv(beside: Path | None = None) -> str | None:
    """The `uv` beside mx's own interpreter, on PATH, or beside the interpreter `beside`."""
    own = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    return own or (shutil.which("uv", path=str(beside.parent)) if beside else None)


def install(into: Interpreter | None, what: list[str]) -> list[list[str]]:
    """The commands that install into an environment.

    Args:
        into: its interpreter; None for a `.venv` that is yet to be made.
        what: the arguments of `pip install`.
    """
    python = into.python if into else venv_python(Path(".venv"))
    program = uv(beside=into.python if into else None)
    if program:
        return [[program, "pip", "install", "--python", str(python), *what]]
    # An environment that uv once made has no pip.
    steps = [[str(python), "-m", "ensurepip"]] if into and into.pip is None else []
    return [*steps, [str(python), "-m", "pip", "install", *what]]


def remedy(into: Interpreter, what: list[str]) -> str:
    """`install` as one line for a shell, to be shown to a person."""
    return " && ".join(shlex.join(words) for words in install(into, what))


def requirement(root: Path) -> str:
    """What is installed, in the project's folder: itself, with its development tools if it has any."""
    return f".[{DEV}]" if has_dev(root) else "."


def has_dev(root: Path) -> bool:
    """Whether the project has development tools, in the extra of that name."""
    extras = pyproject(root).get("project", {}).get("optional-dependencies", {})
    return isinstance(extras, dict) and DEV in extras


DEV = "dev"
LOCK = "requirements.lock"


def commands(
    root: Path,
    *,
    python: Path | None = None,
    into: Interpreter | None = None,
    constraints: Path | None = None,
    again: bool = False,
    locked: bool = False,
) -> list[list[str]]:
    """The commands that make the environment, to be run in the project's folder.

    Where the project has a lock file, its versions are kept to.

    Args:
        root: the project.
        python: the interpreter that the environment is made from, mx's own by default.
        into: an interpreter that is there already and only needs the packages.
        constraints: a file of versions to keep to.
        again: install also what seems to be there, because an earlier time was cut short.
        locked: there will be a lock file by then.
    """
    steps: list[list[str]] = []
    if into is None:
        base = str(python or sys.executable)
        program = uv()
        if program:
            steps.append([program, "venv", "--python", base, "--allow-existing", ".venv"])
        else:
            steps.append([base, "-m", "venv", ".venv"])
    files = [LOCK] if locked or (root / LOCK).is_file() else []
    limit = [
        part
        for file in (*files, *([str(constraints)] if constraints else []))
        for part in ("--constraint", file)
    ]
    steps += install(into, [*limit, "--editable", requirement(root)])
    if again:
        # uv and pip write a package's files in any order: one that looks installed may lack some.
        steps[-1].append("--force-reinstall" if "-m" in steps[-1] else "--reinstall")
    return steps


def base_python(root: Path, explicit: str | None) -> Path:
    """The interpreter to make the environment from: `--python`, mx's own, or one on PATH that the project takes.

    Raises:
        MxError: none satisfies `requires-python`.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    text = pyproject(root).get("project", {}).get("requires-python") or ""
    try:
        wanted = SpecifierSet(text)
    except InvalidSpecifier as problem:
        raise MxError(
            f"{root / 'pyproject.toml'}: requires-python = {text!r} is not a version range."
        ) from problem
    seen = []
    for path in [locate(explicit)] if explicit else _pythons():
        found = probe(path, None)
        if found is None:
            continue
        if wanted.contains(found.version, prereleases=True):
            return found.python
        seen.append(f"{found.version} ({path})")
    raise MxError(
        f"the project needs Python {text or 'of any version'}, and "
        + (f"here is only {', '.join(seen)}." if seen else "none was found that works."),
        hint="Install one (for example with `uv python install VERSION`), then `mx flow run --setup --python PATH`.",
    )


def _pythons() -> Iterator[Path]:
    """Candidates, mx's own interpreter first."""
    yield Path(sys.executable)
    for name in [*(f"python3.{minor}" for minor in range(11, 20)), "python3", "python"]:
        path = shutil.which(name)
        if path:
            yield Path(path)


@contextlib.contextmanager
def kept_versions(
    root: Path, target: Interpreter, explicit: str | None, environ: Mapping[str, str], *, again: bool
) -> Iterator[Path | None]:
    """A constraints file that keeps to the PyTorch which is on this machine already, if the project takes it.

    uv has its files in the cache then, and makes hard links instead of downloading gigabytes again.
    """
    version = None
    if target.torch is None or again:
        others = [locate(explicit)] if explicit else []
        for path in [*others, *active(environ), target.python]:
            found = probe(path, None)
            if found and found.torch and found.version.split(".")[:2] == target.version.split(".")[:2]:
                version = _public(found.torch, root)
                if version:
                    break
    if version is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="mx-") as folder:
        path = Path(folder) / "constraints.txt"
        path.write_text(f"{_HEAVY}=={version}\n", encoding="utf-8")
        yield path


def _public(version: str, root: Path) -> str | None:
    """`version` without its local part (`+cpu`), if the project's own requirements allow it."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.version import InvalidVersion, Version

    try:
        public = Version(version).public
    except InvalidVersion:
        return None
    for text in pyproject(root).get("project", {}).get("dependencies", []):
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue
        if wanted.name.lower() == _HEAVY:
            return public if wanted.specifier.contains(public) else None
    return None
