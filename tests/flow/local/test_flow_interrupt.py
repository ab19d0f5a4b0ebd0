"""^C: it reaches everything once, training gets the time to end, nothing is left."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flow_projects import MX, clean, project, with_environment

from mxdev.flow import runner, tracking
from mxdev.system import foreground

SLOW = """\
import os, pathlib, signal, sys, time
notes = pathlib.Path("notes.txt").open("a")
def note(text): print(text, file=notes, flush=True)
def stop(number, frame):
    note(f"signal {number}")
    if "stubborn" not in sys.argv:
        time.sleep(0.5)
        note("ended by itself")
        sys.exit(1)
signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
note(f"pid {os.getpid()}")
end = time.time() + 60
while time.time() < end:
    time.sleep(0.05)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = with_environment(project(tmp_path / "p"))
    (root / "slow.py").write_text(SLOW)
    # Two commands, so that bash stays between MLflow and the program.
    (root / "command.txt").write_text("python slow.py; exit $?")
    return root


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def notes(root: Path) -> list[str]:
    path = root / "notes.txt"
    return path.read_text().splitlines() if path.exists() else []


def gone(pid: int) -> bool:
    """Whether the process has ended; one that only waits to be collected has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_mx_alone(root: Path, number: signal.Signals, code: int) -> None:
    mx = subprocess.Popen(
        [*MX, "flow", "run"],
        cwd=root,
        env=clean(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until(lambda: notes(root))
    mx.send_signal(number)
    output = mx.communicate(timeout=30)[0]
    assert mx.returncode == code, output
    pid, *rest = notes(root)
    assert rest == [f"signal {number.value}", "ended by itself"], (
        "the signal came once, and there was time to end"
    )
    assert gone(int(pid.split()[1]))
    assert (root / "status.txt").read_text() == "KILLED"
    assert "run      abc123 (bold-fox): KILLED" in output


@pytest.mark.parametrize("tags", [{}, {"mx.trials": "{}"}])
def test_a_search_whose_trials_are_jobs_says_how_it_goes_on(
    root: Path, tags: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """MLflow is left out: how it ended, and what it reported, are the test's."""
    about = {"run_id": "abc123", "name": "bold-fox", "status": "KILLED", "metrics": {}, "experiment_id": "1"}
    monkeypatch.setattr(runner, "_inside", lambda *_, **__: (foreground.Ended(130, True), about))
    launch = runner.Launch(
        root, Path("python"), (), {}, frozenset(), tracking.store(root, clean()), tags=tags
    )
    runner.execute(launch, clean())
    said = capfd.readouterr().err.splitlines()
    assert ("`mx flow resume abc123` goes on with the search" in said) == bool(tags)


def test_what_does_not_listen_is_killed(root: Path) -> None:
    (root / "command.txt").write_text("python slow.py stubborn; exit $?")
    mx = subprocess.Popen([*MX, "flow", "run"], cwd=root, env=clean(), stdin=subprocess.DEVNULL)
    until(lambda: notes(root))
    for count in (1, 2, 3):
        mx.send_signal(signal.SIGINT)
        until(lambda count=count: mx.poll() is not None or count == 3 or len(notes(root)) > count)
    assert mx.wait(timeout=30) == 130
    pid = int(notes(root)[0].split()[1])
    until(lambda: gone(pid), 5)


def test_what_outlives_mlflow_is_ended(root: Path) -> None:
    """SIGTERM ends the shell at once, and with it MLflow; what the shell had started does not care."""
    (root / "command.txt").write_text("python slow.py stubborn; exit $?")
    mx = subprocess.Popen([*MX, "flow", "run"], cwd=root, env=clean(), stdin=subprocess.DEVNULL)
    until(lambda: notes(root))
    mx.send_signal(signal.SIGTERM)
    assert mx.wait(timeout=30) == 143
    until(lambda: gone(int(notes(root)[0].split()[1])), 1)


def test_control_c_on_a_terminal(root: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(root)
        os.execvpe(MX[0], [*MX, "flow", "run"], clean())
    output = b""

    def training() -> bool:
        nonlocal output
        if select.select([terminal], [], [], 0)[0]:
            output += os.read(terminal, 65536)
        return bool(notes(root))

    until(training)
    os.write(terminal, b"\x03")
    status = None

    def ended() -> bool:
        nonlocal output, status
        if select.select([terminal], [], [], 0)[0]:
            with contextlib.suppress(OSError):
                output += os.read(terminal, 65536)
        done, code = os.waitpid(pid, os.WNOHANG)
        status = os.waitstatus_to_exitcode(code) if done else None
        return bool(done)

    until(ended)
    os.close(terminal)
    assert status == 130, output.decode()
    assert notes(root)[1:] == ["signal 2", "ended by itself"]


FOREGROUND = """\
import os, sys
from pathlib import Path
from mxdev.system import foreground
program = "import time; print('up', flush=True); print('got', input(), flush=True)"
ended = foreground.run([sys.executable, "-c", program], cwd=Path("."), environ=os.environ)
print("ended", ended.code, flush=True)
"""


def test_job_control_on_a_terminal(tmp_path: Path) -> None:
    """The program can read the terminal; ^Z stops both, `fg` goes on with both."""
    (tmp_path / "fg.py").write_text(FOREGROUND)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
    output = b""

    def shows(text: str) -> None:
        nonlocal output

        def found() -> bool:
            nonlocal output
            if select.select([terminal], [], [], 0)[0]:
                output += os.read(terminal, 65536)
            return text.encode() in output

        until(found)
        output = output.partition(text.encode())[2]

    os.write(terminal, f"'{sys.executable}' fg.py\n".encode())
    shows("up\r\n")
    os.write(terminal, b"\x1a")
    shows("Stopped")
    os.write(terminal, b"fg\n")
    shows("fg.py")
    os.write(terminal, b"hello\n")
    shows("got hello")
    shows("ended 0")
    os.write(terminal, b"exit\n")
    os.waitpid(pid, 0)
    os.close(terminal)
