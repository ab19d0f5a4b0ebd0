"""Makes the project's environment: `.venv` with the project, its development tools and MLflow in it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mxdev.environment import package_index, requirements_lock
from mxdev.environment.interpreter import Interpreter, belongs, distribution_name, locate, probe, venv_python
from mxdev.environment.on_disk import inspect, refuse_tracked
from mxdev.environment.packages import LOCK, base_python, commands, kept_versions
from mxdev.errors import INTERRUPTED, MxError
from mxdev.system import console, foreground
from mxdev.system.files import plain
from mxdev.system.output.working import working

# Written into the environment before anything else. "done" for the same pyproject.toml and lock file: there is nothing to do.
# "unfinished": an earlier setup was cut short. "made": mx made this environment, and may clear it when it is broken.
_STAMP = "mx-setup.json"


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
    if os.path.lexists(folder):
        refuse_tracked(root, folder)
    if dry_run:
        found = _finished(root, folder, run_nothing=True)
        if found is None:
            locking = requirements_lock.commands(root, environ)
            first, *rest = commands(root, python=base_python(root, explicit), locked=bool(locking))
            for command in (first, *locking, *rest):
                console.out(f"cd {shlex.quote(str(root))} && {shlex.join(command)}", data=True)
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
    before = _stamp(folder)
    cut_short = before.get("state") == "unfinished"
    present = probe(venv_python(folder), name) if os.path.lexists(folder) else None
    if present is None or (cut_short and before.get("made") is True):
        # Anew, also where Python works: a package that seems to be installed may lack files. The installer's cache
        # makes that cheap; to install again on top (`--reinstall`) would make uv ignore its cache.
        _make_room(folder)
        before, cut_short = {"made": True}, False
        base = base_python(root, explicit)
        _write_stamp(folder, root, "unfinished", made=True)
        console.status(f"making {folder} with {base}")
        _do(commands(root, python=base)[:1], root, environ, "making the environment")
        present = probe(venv_python(folder), name)
        if present is None:
            raise MxError(
                f"{folder} was made, but its Python does not work.", hint=f"It was made with {base}."
            )
    else:
        _same_version(present, explicit)
        _write_stamp(folder, root, "unfinished", made=before.get("made") is True)
    console.status(f"installing {name or root.name} and what it needs into {folder}")
    began = time.monotonic()
    # Where the versions are locked, PyTorch's is too.
    here = (
        contextlib.nullcontext()
        if (root / LOCK).is_file()
        else kept_versions(root, present, explicit, environ, again=cut_short)
    )
    with here as constraints:
        try:
            _install(root, present, constraints, environ, again=cut_short)
        except MxError as problem:
            if constraints is None or problem.code == INTERRUPTED:
                raise
            console.warn(
                f"that did not work with {constraints.read_text().strip()}, which is here already; without:"
            )
            _install(root, present, None, environ, again=cut_short)
    done = probe(present.python, name)
    if done is None or (name and not belongs(done, root)):
        raise MxError(f"{folder} was made, but {name} is not installed in it.")
    _write_stamp(folder, root, "done", made=before.get("made") is True)
    console.status(f"installed in {int(time.monotonic() - began)} s")
    return done


def _install(
    root: Path, into: Interpreter, constraints: Path | None, environ: Mapping[str, str], *, again: bool
) -> None:
    """Install the project, with its versions locked first if nobody has locked them yet.

    Raises:
        MxError: installing failed, or was interrupted. A lock file that was made for it is gone then.
    """
    lock = root / LOCK
    locking = requirements_lock.commands(root, environ, constraints)
    if locking:
        try:
            _do(locking, root, environ, "choosing versions")
        except MxError as problem:
            lock.unlink(missing_ok=True)
            if problem.code == INTERRUPTED or constraints is not None:
                raise
            console.warn(f"the versions could not be locked, so there is no {LOCK}; without:")
            locking = []
    try:
        steps = commands(root, into=into, constraints=constraints, again=again)
        _do(steps, root, environ, "installing packages")
    except MxError:
        if locking:
            lock.unlink(missing_ok=True)
        raise
    if locking:
        console.status(f"{LOCK} is new: commit it, and images and colleagues have the same versions")


def _finished(root: Path, folder: Path, *, run_nothing: bool = False) -> Interpreter | None:
    """The environment's interpreter, if the stamp says that all is there and it is."""
    stamp = _stamp(folder)
    if stamp.get("state") != "done" or stamp.get("pyproject") != _digest(root):
        return None
    name = distribution_name(root)
    found = inspect(folder, name) if run_nothing else probe(venv_python(folder), name)
    return found if found and found.mlflow and (name is None or belongs(found, root)) else None


def _digest(root: Path) -> str:
    """What the environment was made from."""
    lock = root / LOCK
    parts = [plain.read(root / "pyproject.toml"), plain.read(lock) if lock.is_file() else b""]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _stamp(folder: Path) -> dict[str, Any]:
    """What an earlier setup wrote into the environment; empty when there was none."""
    try:
        stamp = json.loads(plain.read(folder / _STAMP))
    except (OSError, ValueError, RecursionError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _write_stamp(folder: Path, root: Path, state: str, *, made: bool) -> None:
    """Say in the environment how far it is, and who made it."""
    folder.mkdir(exist_ok=True)
    text = json.dumps({"state": state, "made": made, "pyproject": _digest(root)})
    (folder / _STAMP).write_text(text, encoding="utf-8")


def _make_room(folder: Path) -> None:
    """Clear what is left of an environment that mx made and that does not work; never anything else.

    Raises:
        MxError: what stands there is not mx's.
    """
    if not os.path.lexists(folder):
        return
    ours = not folder.is_symlink() and folder.is_dir() and _stamp(folder).get("made") is True
    if not ours and (folder.is_symlink() or not folder.is_dir() or any(folder.iterdir())):
        raise MxError(
            f"{folder} is in the way: its Python does not work, and mx did not make it.",
            hint=f"Move it away, or remove it with `rm -r {shlex.quote(str(folder))}`, and run this again.",
        )
    console.status(f"clearing {folder}, which is broken or unfinished")
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


def _do(steps: list[list[str]], root: Path, environ: Mapping[str, str], what: str) -> None:
    """Run some of the commands; what they say is shown as one line, and whole where one fails.

    Raises:
        MxError: one failed or was interrupted.
    """
    # With these, pip and uv would look at the environment that is active instead of the one that is made.
    clean = {
        key: value
        for key, value in environ.items()
        if key not in ("VIRTUAL_ENV", "PYTHONHOME", "CONDA_PREFIX")
    }
    clean["PIP_NO_INPUT"] = "1"  # nobody would see what it asks
    again = "`mx flow run --setup` goes on where it stopped."
    for command in steps:
        if "pip" in command and "-m" in command:
            package_index.check_pip(root, clean)
        try:
            with working(
                f"$ {shlex.join(command)}" if not console.is_terminal(sys.stderr) else what
            ) as state:
                ended = foreground.run(command, cwd=root, environ=clean, lines=state.add)
        except OSError as problem:
            raise MxError(f"`{command[0]}` could not be started: {problem}.") from problem
        if ended.interrupted:
            raise MxError("interrupted while making the environment.", hint=again, code=INTERRUPTED)
        if ended.code:
            said = [line.decode("utf-8", "replace").rstrip() for line in state.said]
            for line in said:
                console.err(line)
            raise MxError(
                f"`{shlex.join(command)}` failed with exit code {ended.code}; see above.",
                hint="\n".join(filter(None, [package_index.remedy(root, " ".join(said)), again])),
            )


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One setup at a time: a second one waits and then finds all done."""
    from filelock import FileLock, Timeout

    from mxdev.environment.local_folder import private_folder

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
