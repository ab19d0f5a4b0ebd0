"""Makes the project's environment: `.venv` with the project, its development tools and MLflow in it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from mxdev import console
from mxdev.errors import INTERRUPTED, MxError
from mxdev.flow import foreground
from mxdev.flow.interpreter import (
    Interpreter,
    belongs,
    distribution_name,
    locate,
    probe,
    pyproject,
    venv_python,
)

# Written into the environment before anything else: whoever finds it "unfinished" may clear the folder, because it
# was mx that began it; and whoever finds it "done" for the same pyproject.toml has nothing to do.
_STAMP = "mx-setup.json"
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


def requirement(root: Path) -> str:
    """What is installed, in the project's folder: itself, with its development tools if it has any."""
    extras = pyproject(root).get("project", {}).get("optional-dependencies", {})
    return ".[dev]" if isinstance(extras, dict) and "dev" in extras else "."


def commands(
    root: Path,
    *,
    python: Path | None = None,
    into: Interpreter | None = None,
    constraints: Path | None = None,
) -> list[list[str]]:
    """The commands that make the environment, to be run in the project's folder.

    Args:
        root: the project.
        python: the interpreter that the environment is made from, mx's own by default.
        into: an interpreter that is there already and only needs the packages.
        constraints: a file of versions to keep to.
    """
    steps: list[list[str]] = []
    if into is None:
        base = str(python or sys.executable)
        program = uv()
        if program:
            steps.append([program, "venv", "--python", base, "--allow-existing", ".venv"])
        else:
            steps.append([base, "-m", "venv", ".venv"])
    limit = ["--constraint", str(constraints)] if constraints else []
    return [*steps, *install(into, [*limit, "--editable", requirement(root)])]


def make(
    root: Path, *, explicit: str | None, environ: Mapping[str, str], dry_run: bool = False
) -> Interpreter | None:
    """Make `.venv`, or complete it; at once when it is complete.

    Args:
        root: the project.
        explicit: the interpreter to make it from, as `--python` says it.
        environ: the environment variables.
        dry_run: print the commands instead; the answer is None when there is no environment then.

    Raises:
        MxError: no interpreter fits, something else stands in the way, or installing failed.
    """
    if not (root / "pyproject.toml").is_file():
        raise MxError(f"{root} has no pyproject.toml, so nothing says what to install.")
    folder = root / ".venv"
    if dry_run:
        found = _finished(root, folder)
        if found is None:
            for command in commands(root, python=base_python(root, explicit)):
                console.out(f"cd {shlex.quote(str(root))} && {shlex.join(command)}")
        return found
    with _alone(root):
        found = _finished(root, folder)
        if found is not None:
            _same_version(found, explicit)
            return found
        return _build(root, folder, explicit, environ)


def _build(root: Path, folder: Path, explicit: str | None, environ: Mapping[str, str]) -> Interpreter:
    """Create or complete the environment; the stamp says `unfinished` until all of it is there."""
    name = distribution_name(root)
    present = probe(venv_python(folder), name) if os.path.lexists(folder) else None
    if present is None:
        _make_room(folder)
        base = base_python(root, explicit)
        _stamp(folder, root, "unfinished")
        console.status(f"making {folder} with {base}")
        _do(commands(root, python=base)[:1], root, environ)
        present = probe(venv_python(folder), name)
        if present is None:
            raise MxError(
                f"{folder} was made, but its Python does not work.",
                hint=f"`{base}` is what it was made with.",
            )
    else:
        _same_version(present, explicit)
        _stamp(folder, root, "unfinished")
    console.status(f"installing {name or root.name} and what it needs into {folder}")
    with _kept_versions(root, present, explicit, environ) as constraints:
        try:
            _do(commands(root, into=present, constraints=constraints), root, environ)
        except MxError as problem:
            if constraints is None or problem.code == INTERRUPTED:
                raise
            console.warn(
                f"that did not work with {constraints.read_text().strip()}, which is here already; without:"
            )
            _do(commands(root, into=present), root, environ)
    done = probe(present.python, name)
    if done is None or (name and not belongs(done, root)):
        raise MxError(f"{folder} was made, but {name} is not installed in it.")
    _stamp(folder, root, "done")
    return done


def _finished(root: Path, folder: Path) -> Interpreter | None:
    """The environment's interpreter, if the stamp says that all is there and it is."""
    try:
        stamp = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    name = distribution_name(root)
    if stamp != {"state": "done", "pyproject": _digest(root)}:
        return None
    found = probe(venv_python(folder), name)
    return found if found and found.mlflow and (name is None or belongs(found, root)) else None


def _digest(root: Path) -> str:
    """What the environment was made from."""
    return hashlib.sha256((root / "pyproject.toml").read_bytes()).hexdigest()


def _stamp(folder: Path, root: Path, state: str) -> None:
    """Say in the environment how far it is."""
    folder.mkdir(exist_ok=True)
    (folder / _STAMP).write_text(json.dumps({"state": state, "pyproject": _digest(root)}), encoding="utf-8")


def _make_room(folder: Path) -> None:
    """Clear what is left of an environment that mx made and that does not work; never anything else.

    Raises:
        MxError: what stands there is not mx's.
    """
    if not os.path.lexists(folder):
        return
    if (
        folder.is_symlink()
        or not folder.is_dir()
        or (any(folder.iterdir()) and not (folder / _STAMP).is_file())
    ):
        raise MxError(
            f"{folder} is in the way: its Python does not work, and mx did not make it.",
            hint=f"Move it away, or remove it with `rm -r {shlex.quote(str(folder))}`, and run this again.",
        )
    console.status(f"clearing {folder}, whose Python does not work")
    shutil.rmtree(folder)


def _same_version(found: Interpreter, explicit: str | None) -> None:
    """Refuse another Python for an environment that exists.

    Raises:
        MxError: `--python` has another version.
    """
    wanted = probe(locate(explicit), None) if explicit else None
    if wanted and wanted.version.split(".")[:2] != found.version.split(".")[:2]:
        raise MxError(
            f"{found.prefix} has Python {found.version}, and --python {explicit} is {wanted.version}.",
            hint=f"Remove it first: `rm -r {shlex.quote(str(found.prefix))}`.",
        )


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
            f"{root / 'pyproject.toml'}: requires-python = {text!r} is no version range."
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
def _kept_versions(
    root: Path, target: Interpreter, explicit: str | None, environ: Mapping[str, str]
) -> Iterator[Path | None]:
    """A constraints file that keeps to the PyTorch which is on this machine already, if the project takes it.

    uv has its files in the cache then, and makes hard links instead of downloading gigabytes again.
    """
    from mxdev.flow.interpreter import active

    version = None
    if target.torch is None:
        others = [locate(explicit)] if explicit else []
        for path in [*others, *active(environ)]:
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


def _do(steps: list[list[str]], root: Path, environ: Mapping[str, str]) -> None:
    """Run some of the commands, their output on stderr.

    Raises:
        MxError: one failed or was interrupted.
    """
    # With these, pip and uv would look at the environment that is active instead of the one that is made.
    clean = {
        key: value
        for key, value in environ.items()
        if key not in ("VIRTUAL_ENV", "PYTHONHOME", "CONDA_PREFIX")
    }
    again = "`mx flow run --setup` goes on where it stopped."
    for command in steps:
        console.status(f"$ {shlex.join(command)}")
        try:
            ended = foreground.run(command, cwd=root, environ=clean, output_to_stderr=True)
        except OSError as problem:
            raise MxError(f"`{command[0]}` could not be started: {problem}.") from problem
        if ended.interrupted:
            raise MxError("interrupted while making the environment.", hint=again, code=INTERRUPTED)
        if ended.code:
            raise MxError(
                f"`{shlex.join(command)}` failed with exit code {ended.code}; see above.", hint=again
            )


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One setup at a time: a second one waits and then finds all done."""
    from filelock import FileLock, Timeout

    from mxdev.flow.tracking import private_folder

    lock = FileLock(private_folder(root) / "setup.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        console.status("another mx makes this environment; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
