"""External programs: found, asked for their version, run, and ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from mxdev.errors import MxError
from mxdev.system import programs
from mxdev.system.programs import MissingTool, Tool

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="programs and signals of POSIX")
PYTHON = sys.executable


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Path]:
    """Make a program that prints something as its version."""

    def make(folder: str, name: str, *, out: str = "", err: str = "", code: int = 0) -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\nprintf '%s' '{err}' >&2\nprintf '%s' '{out}'\nexit {code}\n")
        path.chmod(0o755)
        return path

    return make


@POSIX
def test_beside_python_comes_before_the_path(
    program: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = program("path", "acme", out="acme 1.0")
    monkeypatch.setenv("PATH", str(on_path.parent), prepend=os.pathsep)
    assert programs.find("acme").command == (str(on_path),)
    beside = program("venv", "acme", out="acme 2.0")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "python"))
    found = programs.find("acme")
    assert (found.command, found.version) == ((str(beside),), "2.0")


@POSIX
def test_what_is_no_program_is_not_found(
    program: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program("path", "acme", out="acme 1.0")
    path.chmod(0o644)
    monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)
    assert programs.locate("acme") is None


def test_a_missing_tool_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingTool) as caught:
        programs.find(Tool("acme-nowhere", "brew install acme"))
    assert str(caught.value) == "acme-nowhere is missing.\nInstall it: brew install acme"
    assert caught.value.code == 4
    for tool in programs.TOOLS.values():
        assert tool.install.startswith(("uv tool install '", "see https://")), tool


def test_a_module_stands_in_for_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = Tool("acme-no-program", "?", module="pytest")
    assert programs.locate(module) == (PYTHON, "-P", "-m", "pytest")
    # A module of that name in the current folder is not the tool.
    (tmp_path / "pytest.py").write_text("print('9999.0')\n")
    monkeypatch.chdir(tmp_path)
    assert programs.find(module).version == pytest.__version__
    assert programs.locate(Tool("acme-no-program", "?", module="acme_no_module")) is None


@POSIX
@pytest.mark.parametrize(
    ("out", "minimum", "version"),
    [
        ("ruff 0.17.5", "0.16", "0.17.5"),
        ("Terraform v1.11.4\non linux_amd64", "1.6", "1.11.4"),
        ("git version 2.39.5 (Apple Git-154)", "2.20", "2.39.5"),
        ("Haskell Dockerfile Linter 2.15.1", "2.15.1", "2.15.1"),
        ("ShellCheck - shell script analysis tool\nversion: 0.11.0", "0.9", "0.11.0"),
        ("acme 0.9", "0.10", None),
        ("acme 1.9.9", "1.10", None),
    ],
)
def test_versions(
    out: str, minimum: str, version: str | None, program: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program("path", "acme", out=out, err="Warning: 99.99 problems")
    monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)
    tool = Tool("acme", "ask acme", minimum)
    if version:
        assert programs.find(tool).version == version
    else:
        with pytest.raises(MissingTool, match=f"is older than {minimum}, the oldest that mx can use"):
            programs.find(tool)


@POSIX
@pytest.mark.parametrize(("out", "code"), [("no number", 0), ("acme 1.0", 3), ("", 0)])
def test_one_that_cannot_say_its_version(
    out: str, code: int, program: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program("path", "acme", out=out, code=code, err="library not found")
    monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)
    with pytest.raises(MxError, match="does not say its version") as caught:
        programs.find(Tool("acme", "ask acme"))
    assert not isinstance(caught.value, MissingTool)
    assert "library not found" in str(caught.value)


def test_run_captures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAKEN_AWAY", "1")
    code = "import os, sys; print(os.getcwd()); print(sys.stdin.read(), os.environ.get('TAKEN_AWAY'), os.environ['GIVEN'], file=sys.stderr); sys.exit(5)"  # fmt: skip
    result = programs.run(
        [PYTHON, "-c", code], cwd=tmp_path, env={"TAKEN_AWAY": None, "GIVEN": "2"}, capture=True, input=b"in"
    )
    assert result == programs.Result(5, f"{tmp_path.resolve()}\n".encode(), b"in None 2\n")


def test_run_passes_output_and_code_through(capfd: pytest.CaptureFixture[str]) -> None:
    assert programs.run([PYTHON, "-c", "print('seen'); raise SystemExit(3)"]) == programs.Result(3)
    assert capfd.readouterr().out == "seen\n"


@POSIX
def test_a_signal_becomes_a_code_as_in_a_shell() -> None:
    assert programs.run([PYTHON, "-c", "import os; os.kill(os.getpid(), 15)"], capture=True).code == 143


def test_what_cannot_start() -> None:
    with pytest.raises(MxError, match="/nowhere/acme cannot be started: No such file or directory"):
        programs.run(["/nowhere/acme"])


def test_a_timeout_stops_it() -> None:
    start = time.monotonic()
    with pytest.raises(MxError, match=r"did not finish in 0\.3 seconds and was stopped"):
        programs.run([PYTHON, "-c", "import time; time.sleep(60)"], capture=True, timeout=0.3)
    assert time.monotonic() - start < 20


CHILD = """
import os, signal, sys, time
def stop(number, frame):
    open("stopped", "w").write(str(number))
    if {obey}: sys.exit(7)
signal.signal(signal.SIGINT, stop); signal.signal(signal.SIGTERM, stop)
open("pid.part", "w").write(str(os.getpid())); os.rename("pid.part", "pid")
while True: time.sleep(0.05)
"""
# A shell starts background jobs with ^C ignored, and that is inherited.
PARENT = """
import signal, sys
from mxdev.system import programs as tools
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    result = tools.run([sys.executable, "child.py"], capture={capture}, grace={grace})
except KeyboardInterrupt:
    sys.exit(130)
sys.exit(result.code)
"""


@POSIX
@pytest.mark.parametrize(
    ("capture", "obey", "grace", "number", "code", "told"),
    [
        (
            False,
            True,
            10,
            signal.SIGINT,
            130,
            str(int(signal.SIGINT)),
        ),  # passed on, since it came from no keyboard
        (False, False, 0.3, signal.SIGINT, 130, str(int(signal.SIGINT))),  # killed after its grace
        (True, False, 10, signal.SIGINT, 130, None),  # killed at once
        (True, False, 10, signal.SIGTERM, -signal.SIGTERM, None),
        (True, False, 10, signal.SIGHUP, -signal.SIGHUP, None),
        (False, True, 10, signal.SIGTERM, 7, str(int(signal.SIGTERM))),  # its own exit code
    ],
)
def test_the_program_ends_with_mx(
    capture: bool, obey: bool, grace: float, number: int, code: int, told: str | None, tmp_path: Path
) -> None:
    (tmp_path / "child.py").write_text(CHILD.format(obey=obey))
    (tmp_path / "parent.py").write_text(textwrap.dedent(PARENT.format(capture=capture, grace=grace)))
    parent = subprocess.Popen(
        [PYTHON, "parent.py"], cwd=tmp_path, start_new_session=True, stdin=subprocess.DEVNULL
    )
    until = time.monotonic() + 20
    while not (tmp_path / "pid").exists() and time.monotonic() < until:
        time.sleep(0.02)
    child = int((tmp_path / "pid").read_text())
    parent.send_signal(number)
    assert parent.wait(20) == code
    until = time.monotonic() + 20
    while _alive(child) and time.monotonic() < until:
        time.sleep(0.02)
    assert not _alive(child)
    stopped = tmp_path / "stopped"
    assert (stopped.read_text() if stopped.exists() else None) == told


def _alive(pid: int) -> bool:
    """Whether it runs; a zombie, at which whoever adopted it has not looked yet, does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:
        return not Path("/proc/self").exists()


def test_a_linter_that_is_missing_is_installed_as_the_extra_does() -> None:
    """What a person is told, beside what `mx-devtool[lint]` brings."""
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    for requirement in settings["project"]["optional-dependencies"]["lint"]:
        name = re.split(r"[^\w-]", requirement)[0].removesuffix("-bin").removesuffix("-py")
        assert f"uv tool install '{requirement}'" in programs.TOOLS[name].install
