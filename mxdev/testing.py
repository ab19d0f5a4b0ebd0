"""For tests of generators, of plugins as of mx itself: render in memory, plan, compare with a snapshot, run `mx`, answer its questions,
follow a page, run a program, import a file, make an interpreter with packages, find Terraform's providers, do once what takes long.

tree = render(DistributedTraining, workers=4)
assert "replicas: 4" in text(tree, "infrastructure/kubernetes/train.yaml")
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from mxdev.generator.generator import Generator
from mxdev.generator.tree import Tree
from mxdev.plan.build import build
from mxdev.plan.model import Plan
from mxdev.plugins import catalog
from mxdev.plugins.defaults import Default
from mxdev.project.project import Project
from mxdev.sections import sections
from mxdev.workflow import render as rendering
from mxdev.workflow.render import Run, with_requirements
from mxdev.workflow.values import Sources

UPDATE_SNAPSHOTS = "MX_UPDATE_SNAPSHOTS"
_NOWHERE = Path("/nonexistent/mx-testing")
# What tools leave in a folder while they look at it; it is nothing that they look at.
_LEFT = {".git", ".mx", ".terraform", ".venv", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"}


def render_all(generator: type[Generator] | str, /, **options: Any) -> Run:
    """Render a generator and all it requires into a project that does not exist; nothing is written.

    Args:
        generator: the class, or its name.
        **options: by key (`project_id="acme-ml"`); those of required generators too.

    Raises:
        UsageProblem: a value is wrong or missing.
        TypeError: nobody declares an option of that name.
    """
    return _run(generator, Project(_NOWHERE), options)


def _run(generator: type[Generator] | str, project: Project, options: Mapping[str, Any]) -> Run:
    cls = catalog.load(catalog.find(generator)) if isinstance(generator, str) else generator
    wanted = with_requirements(cls, project)
    given = {name.replace("_", "-"): value for name, value in options.items()}
    declared = {option.name for generator in wanted for option in generator.declared()}
    unknown = sorted(set(given) - declared)
    if unknown:
        raise TypeError(f"nobody declares {', '.join(unknown)}; there are: {', '.join(sorted(declared))}")
    # mx counts as installed from an index, however it is installed where the tests run.
    defaults = {"mx-source": Default("index", "mxdev.testing")}
    return rendering.run(project, wanted, Sources(file=given, environment={}, defaults=defaults))


def render(generator: type[Generator] | str, /, **options: Any) -> Tree:
    """The tree of one generator; see `render_all`."""
    tree = render_all(generator, **options).renderings[-1].tree
    assert tree is not None  # only a destroy has none
    return tree


def plan(generator: type[Generator] | str, /, root: Path, **options: Any) -> Plan:
    """The plan of `mx generate` in the folder `root`, a project or an empty folder; nothing is written.

    `statuses(plan(...))` is what a test compares.
    """
    project = Project.load(root) if (root / "mx.yaml").is_file() else Project(root)
    result = _run(generator, project, options)
    return build(project, result.renderings, result.options, result.order)


def statuses(plan: Plan) -> dict[str, str]:
    """What becomes of each path: `{"README.md": "create", ...}`."""
    return {change.path: change.status for change in plan.changes}


def text(tree: Tree, path: str) -> str:
    """A rendered file as text. KeyError if there is none."""
    return tree.files[path].data.decode("utf-8")


def _trees(result: Run | Tree) -> list[Tree]:
    return [result] if isinstance(result, Tree) else [r.tree for r in result.renderings if r.tree is not None]


def _programs(result: Run | Tree) -> set[str]:
    return {path for tree in _trees(result) for path, file in tree.files.items() if file.executable}


def contents(result: Run | Tree) -> dict[str, bytes]:
    """Every file of the project that `result` makes: rendered ones, and shared ones put together of their sections."""
    trees = _trees(result)
    files = {path: file.data for tree in trees for path, file in tree.files.items()}
    rows = [section for tree in trees for section in tree.sections]
    for path in dict.fromkeys(section.path for section in rows):
        mine = [section for section in rows if section.path == path]
        file = sections.File(path, files.get(path), order=[section.address for section in mine])
        for section in mine:
            file.put(section.address, sections.render(section.address, section.value, path=path))
        files[path] = file.data or b""
    return files


def write(result: Run | Tree, folder: Path) -> None:
    """Write every file of `result` below `folder`, without mx's state, for tools that need a disk."""
    programs = _programs(result)
    for path, data in contents(result).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        if path in programs:
            target.chmod(0o755)


def assert_snapshot(result: Run | Tree, folder: Path) -> None:
    """Compare everything that `result` makes with the files below `folder`, byte for byte, and the executable bits.

    With `MX_UPDATE_SNAPSHOTS=1` in the environment the folder is written anew instead; look at the difference in Git
    before you commit it.

    Raises:
        AssertionError: they differ; the message shows how.
    """
    import difflib
    import shutil

    if os.environ.get(UPDATE_SNAPSHOTS):
        shutil.rmtree(folder, ignore_errors=True)
        write(result, folder)
        return
    made = contents(result)
    programs = _programs(result)
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    kept = {path.relative_to(folder).as_posix(): path for path in files}
    found = [f"{path} is rendered, and the snapshot does not have it" for path in sorted(made.keys() - kept)]
    found += [f"{path} is in the snapshot, and it is not rendered" for path in sorted(kept.keys() - made)]
    for name in sorted(made.keys() & kept):
        data, program = kept[name].read_bytes(), bool(kept[name].stat().st_mode & 0o100)
        if data != made[name]:
            old, new = (text.decode("utf-8", "replace").splitlines() for text in (data, made[name]))
            found += difflib.unified_diff(old, new, f"snapshot/{name}", f"rendered/{name}", lineterm="")
        if program != (name in programs):
            found.append(f"{name} is {'a program' if program else 'not a program'} in the snapshot only")
    if found:
        hint = f"Run the tests with {UPDATE_SNAPSHOTS}=1 to take what is rendered as the snapshot."
        raise AssertionError("\n".join([f"{folder} is not what is rendered:", *found, hint]))


def cache_folder() -> Path:
    """Where tests keep what they make once for all runs, in the user's cache: environments, programs, notes."""
    import platformdirs

    return platformdirs.user_cache_path("mx-devtool-tests", appauthor=False)


def once(what: Iterable[object], run: Callable[[], str]) -> str:
    """What `run` says; the same question is not asked twice, in later runs of the tests neither.

    For a check that takes minutes and depends on what is rendered alone. A failure is not kept. `MX_TEST_ALL` in the environment asks in any case.

    Args:
        what: all that the answer depends on. A path counts by what it has: a file by its bytes, a folder by all files below it without
            what Git, mx and tools keep there. Anything else counts by its `repr`.
        run: does it; an exception of it is the caller's.
    """
    import hashlib

    from filelock import FileLock

    digest = hashlib.sha256()
    for one in what:
        digest.update(_of_path(one) if isinstance(one, Path) else hashlib.sha256(repr(one).encode()).digest())
    note = cache_folder() / "noted" / digest.hexdigest()
    note.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{note}.lock"):
        if not note.exists() or os.environ.get("MX_TEST_ALL"):
            note.write_text(run(), "utf-8")
    return note.read_text("utf-8")


def interpreter(name: str, *requirements: str | Path, options: Iterable[str] = ()) -> Path:
    """A Python of this version with packages, made by uv once for all runs and kept in the user's cache. A half-made one is made anew.

    The test is skipped where uv is not installed.

    Args:
        name: what it is for; part of the folder's name.
        *requirements: as in `uv pip install`; a path is a file of them. With other ones it is another environment.
        options: more options of `uv pip install`, such as `--require-hashes`. With other ones it is another environment, too.

    Raises:
        subprocess.CalledProcessError: uv could not make it, and has said why.
    """
    import hashlib

    from filelock import FileLock

    from mxdev.environment.packages import uv

    options = [*options]
    told = [one.read_text("utf-8") if isinstance(one, Path) else one for one in requirements]
    key = hashlib.sha256("\n".join([sys.version, sys.platform, *told, *options]).encode()).hexdigest()[:16]
    folder = cache_folder() / f"{name}-{key}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    python = folder / "bin/python"
    with FileLock(f"{folder}.lock"):
        if not (folder / "complete").exists():
            program = uv()
            if program is None:
                import pytest

                pytest.skip("uv is not installed: `pip install uv`")
            make = [program, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)]
            subprocess.run(make, check=True)
            install = [program, "pip", "install", "--quiet", *options, "--python", str(python)]
            for one in requirements:
                install += ["-r", str(one)] if isinstance(one, Path) else [one]
            subprocess.run(install, check=True)
            (folder / "complete").touch()
    return python


def module(path: Path) -> ModuleType:
    """A Python file, such as a rendered one, as a module. What lies beside it can be imported while it runs, and is forgotten again.

    A function's own `gitlab.py` would else hide the package of that name from every later test of the process.

    Args:
        path: the file; an exception of its code is the caller's.
    """
    import importlib.util

    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is no Python file: its name does not end with .py")
    made = importlib.util.module_from_spec(spec)
    names = {beside.stem for beside in path.parent.glob("*.py")}
    others = {name: sys.modules.pop(name) for name in names & sys.modules.keys()}
    sys.modules[spec.name] = made  # dataclasses and NamedTuple look their module up
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(made)
    finally:
        sys.path.remove(str(path.parent))
        for name in names & sys.modules.keys():
            del sys.modules[name]
        sys.modules.update(others)
    return made


def terraform_settings(folder: Path, provider: str = "hashicorp/aws") -> dict[str, str]:
    """The environment in which Terraform finds a real provider without a registry, and asks nothing.

    The provider is in a mirror (https://developer.hashicorp.com/terraform/cli/config/config-file#filesystem_mirror): `/opt/tf-plugins`, or the
    folder that MX_TEST_TERRAFORM_PROVIDERS names. The test is skipped where it or Terraform is missing.

    Args:
        folder: where the file of settings is written, as `.terraformrc`.
        provider: its namespace and name on Terraform's registry.
    """
    import shutil

    import pytest

    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    mirror = os.environ.get("MX_TEST_TERRAFORM_PROVIDERS", "/opt/tf-plugins")
    if not Path(mirror, "registry.terraform.io", provider).is_dir():
        pytest.skip(
            f"the provider {provider} is not in {mirror} (MX_TEST_TERRAFORM_PROVIDERS names the mirror)"
        )
    rc = folder / ".terraformrc"
    rc.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    return {"TF_CLI_CONFIG_FILE": str(rc), "NO_COLOR": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}


def _of_path(path: Path) -> bytes:
    import hashlib

    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    for file in files:
        own = file.relative_to(path)
        if not _LEFT.intersection(own.parts):
            digest.update(hashlib.sha256(own.as_posix().encode()).digest())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.digest()


@dataclass(frozen=True)
class Outcome:
    """What a run of `mx` gave."""

    code: int
    stdout: str
    stderr: str


def mx(
    *arguments: str | os.PathLike[str],
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = 120,
) -> Outcome:
    """Run `mx` as a person would, in a process of its own, without a terminal.

    Args:
        *arguments: the command line after `mx`.
        cwd: the folder it runs in.
        env: variables that are added to this process's. The user's own `defaults.yaml` does not count, unless
            `MX_CONFIG_DIR` says where one is.
        stdin: what it reads; None is an empty input.
        timeout: seconds after which it is killed (subprocess.TimeoutExpired).
    """
    command = [sys.executable, "-m", "mxdev", *(os.fspath(argument) for argument in arguments)]
    done = subprocess.run(
        command, cwd=cwd, env=_environment(env), input=stdin or "", capture_output=True, text=True,
        timeout=timeout, check=False,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stderr)


def run(
    *command: str | os.PathLike[str],
    cwd: Path,
    env: Mapping[str, str] | None = None,
    code: int = 0,
    timeout: float = 300,
) -> Outcome:
    """Run a program that must end with `code`; what it said.

    Args:
        *command: the program and its arguments.
        cwd: the folder it runs in.
        env: variables that are added to this process's.
        code: how it must end.
        timeout: seconds after which it is killed (subprocess.TimeoutExpired).

    Raises:
        AssertionError: it ended otherwise; the message is what it said.
        FileNotFoundError: there is no such program.
    """
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True,
        timeout=timeout, check=False,
    )  # fmt: skip
    if done.returncode != code:
        said = f"{done.stdout}{done.stderr}"
        raise AssertionError(f"{os.fspath(command[0])} ended with {done.returncode}, not {code}:\n{said}")
    return Outcome(done.returncode, done.stdout, done.stderr)


def converse(
    *arguments: str | os.PathLike[str],
    cwd: Path,
    answers: Iterable[tuple[str, str]],
    env: Mapping[str, str] | None = None,
    timeout: float = 60,
    enter: str = "\n",
) -> Outcome:
    """Run `mx` on a terminal of its own and answer its questions; POSIX only.

    Args:
        *arguments: the command line after `mx`.
        cwd: the folder it runs in.
        answers: what the next question has in it, and what is typed then, in order; "" takes the default.
        env: as for `mx`.
        timeout: seconds after which a question that does not come is a failure, and mx is killed.
        enter: what is typed behind each answer; "" for single keys.

    Returns:
        The exit code, and all that stood on the terminal, as `stdout`.

    Raises:
        AssertionError: a question did not come.
    """
    import pty

    command = [sys.executable, "-m", "mxdev", *(os.fspath(argument) for argument in arguments)]
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        command, cwd=cwd, env=_environment({"NO_COLOR": "1", **(env or {})}),
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    screen, end = "", time.monotonic() + timeout
    try:
        for question, answer in answers:
            told = _read(controller, question, end)
            screen += told
            if question not in told:
                raise AssertionError(f"the question {question!r} did not come:\n{screen}")
            os.write(controller, f"{answer}{enter}".encode())
        screen += _read(controller, None, end)
        return Outcome(process.wait(max(0.1, end - time.monotonic())), screen, "")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(controller)


def follow(page: Path, folder: Path, *, stderr: bool = False) -> list[tuple[str, int]]:
    """Do what the console blocks of a page say, in order, in `folder`: each command must print what stands below it.

    A command is a line that begins with `$ `; `...` in what it prints stands for anything. `cd` counts for all that follow.

    Args:
        page: a page in Markdown; its blocks in the language `console` count.
        folder: where the first command runs.
        stderr: whether the page shows what goes to stderr too, after the rest.

    Returns:
        Every command, and how it ended.

    Raises:
        AssertionError: a command printed something else.
    """
    import re

    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = {**_environment(None), "PATH": path, "LC_ALL": "C.UTF-8"}
    followed: list[tuple[str, int]] = []
    for block in re.findall(r"```console\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            if command.startswith("cd "):
                folder = (folder / command[3:]).resolve(strict=True)
                followed.append((command, 0))
                continue
            # By a shell, as a reader's: what it runs is the author's own page.
            done = subprocess.run(  # noqa: S602
                command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )  # fmt: skip
            said = (done.stdout + (done.stderr if stderr else "")).strip()
            pattern = re.escape(expected.strip()).replace(r"\.\.\.", ".*")
            if not re.fullmatch(pattern, said, re.DOTALL):
                told = f"{done.stdout}{done.stderr}"
                raise AssertionError(f"{page.name}: `{command}` does not print that, but:\n{told}")
            followed.append((command, done.returncode))
    return followed


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    return {"MX_CONFIG_DIR": os.fspath(_NOWHERE), **os.environ, **(more or {})}


def _read(controller: int, until: str | None, end: float) -> str:
    """What appears on a terminal: until a text appears, the other side is closed, or the time is up."""
    import select

    data = b""
    while until is None or until not in data.decode("utf-8", "replace"):
        if not select.select([controller], [], [], max(0.0, end - time.monotonic()))[0]:
            break
        try:
            piece = os.read(controller, 65536)
        except OSError:  # Linux: the last process on the terminal has ended
            break
        if not piece:
            break
        data += piece
    return data.decode("utf-8", "replace").replace("\r\n", "\n")
