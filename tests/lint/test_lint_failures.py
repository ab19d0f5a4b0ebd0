"""Linters that are missing, too old, crash, hang, or print rubbish: told, never passed over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mxdev.lint.reports.fingerprint import location

YAML = {"a.yaml": "a: 1\n"}


def test_a_missing_linter_is_named(mx: Any, fake: Any, write: Any, tmp_path: Path) -> None:
    fake("yamllint", None)
    write(tmp_path, {**YAML, "b.yml": "a: 1\n"})
    result = mx("lint")
    assert (result.code, result.out) == (0, "")
    assert (
        "warning: yamllint is missing, so 2 files went without it. Install it: uv tool install 'yamllint>=1"
        in result.err
    )
    assert mx("lint", "--require-all").code == 1
    # Whoever asks for it by name does not get a pass.
    assert mx("lint", "--rule", "yamllint").code == 1
    (missing,) = mx("lint", "--format", "json").json["missing"]
    assert missing.pop("install").startswith("uv tool install 'yamllint>=1")
    assert missing == {"tool": "yamllint", "reason": "is missing", "files": 2}
    notes = mx("lint", "--format", "sarif").json["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert notes[0]["level"] == "warning"
    assert notes[0]["message"]["text"].startswith("yamllint is missing. Install it: ")


def test_a_linter_with_nothing_to_check_is_not_missed(mx: Any, fake: Any, write: Any, tmp_path: Path) -> None:
    fake("hadolint", None)
    write(tmp_path, {"a.txt": "a\n"})
    result = mx("lint", "--require-all")
    assert result.code == 0
    assert "hadolint" not in result.err


def test_one_that_is_too_old_counts_as_missing(mx: Any, fake: Any, write: Any, tmp_path: Path) -> None:
    fake("yamllint", "", version="1.2.3")
    write(tmp_path, YAML)
    result = mx("lint", "--require-all")
    assert result.code == 1
    assert (
        "yamllint 1.2.3 is older than 1.30, the oldest that mx can use, so 1 file went without it."
        in result.err
    )


CRASHES = [
    ("yamllint", "a.yaml", "sys.stderr.write('Boom: here\\n')\nsys.exit(7)", "failed (exit code 7). It said:\nBoom: here"),
    ("yamllint", "a.yaml", "raise RuntimeError('inside')", "RuntimeError: inside"),
    ("yamllint", "a.yaml", "print('a.yaml:1:1: [error] x (y)')\nraise RuntimeError('half-way')", "half-way"),
    ("yamllint", "a.yaml", "print('rubbish')", "printed something that mx does not understand (exit code 0). It said:\nrubbish"),
    ("yamllint", "a.yaml", "sys.exit(1)", "and said nothing"),
    ("ruff", "a.py", "print('rubbish')", "printed something that mx does not understand"),
    ("ruff", "a.py", "print('{}')", "printed something that mx does not understand"),
    ("ruff", "a.py", "print('[{}]')\nsys.exit(1)", "printed something that mx does not understand"),
    ("ruff", "a.py", "print('[]')\nsys.exit(1)", "(exit code 1)"),
    ("ruff", "a.py", "print('[]')\nsys.exit(2)", "(exit code 2)"),
    ("ruff", "a.py", "sys.exit(1)", "printed something that mx does not understand (exit code 1) and said nothing"),
    ("ruff", "a.py", "import os\nos.kill(os.getpid(), 11)", "(exit code 139)"),
    ("hadolint", "Dockerfile", "print('[]')\nsys.exit(1)", "(exit code 1)"),
    ("hadolint", "Dockerfile", "print('[]')\nsys.stderr.write('no config')", "no config"),
    ("hadolint", "Dockerfile", "print('[{\"file\": \"Dockerfile\"}]')\nsys.exit(1)", "KeyError"),
    ("shellcheck", "a.sh", "print('{\"comments\": []}')\nsys.exit(1)", "(exit code 1)"),
    ("shellcheck", "a.sh", "print('{}')", "(exit code 0)"),
    ("shellcheck", "a.sh", "print('{\"comments\": []}')\nsys.exit(2)", "(exit code 2)"),
    ("terraform", "a.tf", "sys.stderr.write('Error: no such thing')\nsys.exit(2)", "Error: no such thing"),
    ("terraform", "a.tf", "sys.exit(1)", "(exit code 1)"),
    ("terraform", "a.tf", "import os\nsys.exit(os.environ['TF_CLI_CONFIG_FILE'])", f"It said:\n{os.devnull}"),
]  # fmt: skip


@pytest.mark.parametrize(("tool", "file", "body", "said"), CRASHES)
def test_a_broken_linter_is_told(
    tool: str, file: str, body: str, said: str, mx: Any, fake: Any, write: Any, tmp_path: Path
) -> None:
    fake(tool, body)
    write(tmp_path, {file: "x\n", "b.txt": "<<<<<<< a\n>>>>>>> b\n"})
    result = mx("lint")
    assert result.code == 4, result
    assert said in result.err
    assert f"{tool}" in result.err
    # The others have done their work.
    assert "b.txt:1:1: merge-markers error " in result.out
    log = mx("lint", "--format", "sarif").json["runs"][0]["invocations"][0]
    assert log["executionSuccessful"] is False
    assert log["exitCode"] == 4
    assert said.partition("\n")[0] in log["toolExecutionNotifications"][0]["message"]["text"]


def test_one_that_cannot_say_its_version_is_broken(mx: Any, fake: Any, write: Any, tmp_path: Path) -> None:
    script = fake("yamllint", "")
    script.write_text("import sys\nsys.exit('cannot import name x')\n")
    write(tmp_path, YAML)
    result = mx("lint")
    assert result.code == 4
    assert "does not say its version (exit code 1). It printed:\ncannot import name x" in result.err
    assert "Reinstall yamllint: " in result.err


def test_one_that_cannot_start_is_broken(
    mx: Any, write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mxdev.system import programs

    bad = tmp_path / "bin" / "yamllint"
    write(tmp_path, {**YAML, "bin/yamllint": b"\x7fELF rubbish"})
    bad.chmod(0o755)
    monkeypatch.setattr(programs, "locate", lambda tool: (str(bad),))
    result = mx("lint", "a.yaml")
    assert result.code == 4
    assert f"{bad} cannot be started: " in result.err


def test_one_that_hangs_is_stopped(mx: Any, fake: Any, write: Any, tmp_path: Path) -> None:
    for name in ("yamllint", "terraform"):
        fake(name, "import time\ntime.sleep(60)\n")
    write(tmp_path, YAML | {"a.tf": ""})
    start = time.monotonic()
    result = mx("lint", "--timeout", "0.5")
    assert time.monotonic() - start < 20
    assert result.code == 4
    assert result.err.count("did not finish in 0.5 seconds and was stopped") == 2
    assert result.err.count("`mx lint --timeout SECONDS` gives it longer.") == 2


def test_a_time_that_is_no_number_is_refused(mx: Any, write: Any, tmp_path: Path) -> None:
    write(tmp_path, YAML)
    result = mx("lint", "--timeout", "nan")
    assert result.code == 2
    assert "nan is no number of seconds" in result.err


def test_linters_run_side_by_side(mx: Any, fake: Any, write: Any, tmp_path: Path) -> None:
    """Each of two linters waits until the other one has begun: one after the other they would both give up."""
    for me, other, answer in (
        ("hadolint", "shellcheck", "[]"),
        ("shellcheck", "hadolint", '{"comments": []}'),
    ):
        fake(me, f"""
            import pathlib, time
            here = pathlib.Path({str(tmp_path)!r})
            (here / "{me}.began").touch()
            until = time.monotonic() + 15
            while not (here / "{other}.began").exists():
                if time.monotonic() > until:
                    sys.exit(9)
                time.sleep(0.01)
            print({answer!r})
        """)  # fmt: skip
    write(tmp_path, {"Dockerfile": "FROM a:1\n", "a.sh": "x\n"})
    result = mx("lint", "Dockerfile", "a.sh")
    assert result.code == 0, result
    assert "hadolint 99.0.0, shellcheck 99.0.0" in result.err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupting_ends_the_linters(number: signal.Signals, tmp_path: Path, write: Any) -> None:
    """^C from elsewhere reaches mx alone; what it started, and what that started, must be gone when mx is."""
    script = tmp_path / "fake.py"
    script.write_text(
        "import subprocess, sys, os\n"
        "if '--version' in sys.argv: print('yamllint 99.0'); sys.exit()\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'])\n"
        "open('pids.part', 'w').write(f'{os.getpid()} {child.pid}'); os.rename('pids.part', 'pids')\n"
        "child.wait()\n"
    )
    write(tmp_path, YAML)
    start = (
        "import signal, sys; from mxdev import cli; from mxdev.system import programs as tools\n"
        # A shell starts background jobs with ^C ignored, and that is inherited.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"tools.locate = lambda tool: ({sys.executable!r}, {str(script)!r})\n"
        "sys.exit(cli.run(['lint', 'a.yaml']))"
    )
    mx = subprocess.Popen(
        [sys.executable, "-c", start], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    pids = tmp_path / "pids"
    _until(lambda: pids.exists() or mx.poll() is not None)
    assert pids.exists(), mx.communicate()
    mx.send_signal(number)
    _, err = mx.communicate(timeout=20)
    assert mx.returncode == 130, err
    assert "Traceback" not in err
    for pid in map(int, pids.read_text().split()):
        _until(lambda pid=pid: not _alive(pid))
        assert not _alive(pid)


NAMES_A_PIPE = {
    "ruff": ("a.py", "ruff.toml", 'extend = "{pipe}"\n'),
    "ruff, in a pyproject.toml": ("a.py", "pyproject.toml", '[tool.ruff]\nextend = "{pipe}"\n'),
    "ruff, by another one": ("a.py", "ruff.toml", 'extend = "other.toml"\n'),
    "ruff, by a variable": ("a.py", "ruff.toml", 'extend = "$FOLDER/{pipe}"\n'),
    "yamllint": ("a.yaml", ".yamllint", "extends: {pipe}\n"),
    "yamllint, patterns": ("a.yaml", ".yamllint", "extends: default\nignore-from-file: {pipe}\n"),
    "yamllint, of one rule": (
        "a.yaml", ".yamllint", "extends: default\nrules: {{colons: {{ignore-from-file: [{pipe}]}}}}\n",
    ),
}  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name")
@pytest.mark.parametrize("case", NAMES_A_PIPE)
def test_no_linter_waits_for_what_its_configuration_names(
    case: str, mx: Any, need: Any, write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(case.partition(",")[0])
    monkeypatch.setenv("FOLDER", str(tmp_path))
    file, config, text = NAMES_A_PIPE[case]
    os.mkfifo(tmp_path / "pipe")
    write(tmp_path, {file: "\n", config: text.format(pipe="pipe"), "other.toml": 'extend = "pipe"\n'})
    began = time.monotonic()
    result = mx("lint", "--timeout", "20", file)
    assert time.monotonic() - began < 10
    assert result.code == 4
    assert f"the configuration {tmp_path / 'pipe'} cannot be read: it is a pipe or a device" in result.err
    assert str(tmp_path / config) in result.err


LARGE = {
    "ruff": ("a.py", "ruff-check/large"), "shellcheck": ("a.sh", "shellcheck/large"),
    "hadolint": ("Dockerfile", "hadolint/large"), "terraform": ("a.tf", "terraform-fmt/large"),
    "yamllint": ("a.yaml", "yamllint/large"),
}  # fmt: skip


@pytest.mark.parametrize("tool", LARGE)
def test_a_linter_is_given_no_file_that_would_take_it_minutes(
    tool: str, mx: Any, need: Any, tmp_path: Path
) -> None:
    need(tool)
    name, rule = LARGE[tool]
    (tmp_path / name).touch()
    os.truncate(tmp_path / name, 1 << 36)  # it has holes only
    began = time.monotonic()
    for words in (("lint", name), ("lint", "--fix", name)):
        result = mx(*words, "--format", "text")
        assert (result.code, result.out.count(f"{name}:1:1: {rule} error more than ")) == (1, 1), result
    assert time.monotonic() - began < 20


def test_a_large_file_that_is_excluded_is_no_finding(mx: Any, need: Any, write: Any, tmp_path: Path) -> None:
    need("ruff")
    write(tmp_path, {"ruff.toml": 'extend-exclude = ["a.py"]\n', "a.py": ""})
    os.truncate(tmp_path / "a.py", 1 << 36)
    assert mx("lint", "a.py").code == 0


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:  # a killed grandchild stays as a zombie until whoever adopted it looks
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return Path("/proc/self").exists() is False


def _until(done: Any) -> None:
    end = time.monotonic() + 20
    while not done() and time.monotonic() < end:
        time.sleep(0.02)


@pytest.mark.parametrize("odd", ["two\nlines.tf", "a\u2028b.tf", "tab\tname.tf", "-check.tf", "a\x1cb.tf"])
def test_an_odd_name_stops_terraform_for_no_other_file(
    odd: str, mx: Any, need: Any, write: Any, tmp_path: Path
) -> None:
    need("terraform")
    write(tmp_path, {odd: "locals {\na   = 1\n}\n", "plain.tf": "locals {\na   = 1\n}\n"})
    found = mx("lint", "--rule", "terraform-fmt", "--format", "json")
    assert found.code == 1
    names = {location(tmp_path / name, tmp_path) for name in (odd, "plain.tf")}
    assert {row["path"] for row in found.json["findings"]} == names
    write(tmp_path, {odd: "locals {\n  a = \n}\n"})
    found = mx("lint", "--rule", "terraform-fmt", "--format", "json")
    assert found.code == 1
    assert {(row["path"], row["rule"].partition("/")[2]) for row in found.json["findings"]} == {
        (location(tmp_path / odd, tmp_path), "syntax"),
        ("plain.tf", ""),
    }


def test_a_folder_that_cannot_be_read_is_not_green(
    mx: Any, write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"secret/a.py": "import os\n"})
    real = os.scandir

    def scandir(path: Any = ".") -> Any:  # a folder without permissions, which would be none for root
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    result = mx("lint")
    assert result.code == 4
    assert "nothing in it is checked: Permission denied" in result.err
