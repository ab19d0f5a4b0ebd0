"""The command line as a whole: lists, help, errors, exit codes, closed outputs, and what a start imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Mx, installed
from sites import make_distribution

import mxdev
from mxdev import cli


def start(
    *arguments: str, cwd: Path, shell: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run mx in a process of its own; `shell` is added to its command line (a redirection, a pipe)."""
    command = [sys.executable, "-m", "mxdev", *arguments]
    env = {**os.environ, **environment}
    if shell:
        import shlex

        line = f"set -o pipefail; {shlex.join(command)} {shell}"
        return subprocess.run(
            ["bash", "-c", line], cwd=cwd, env=env, capture_output=True, text=True, check=False
        )
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.mark.skipif(os.name != "posix", reason="where there is no HOME there is none to miss")
@pytest.mark.parametrize("home", [None, ""])
def test_programs_are_told_the_home_that_mx_looks_up_itself(
    monkeypatch: pytest.MonkeyPatch, home: str | None
) -> None:
    monkeypatch.delenv("HOME")
    looked_up = str(Path.home())
    if home is not None:
        monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(cli, "run", lambda _arguments: 0)
    with pytest.raises(SystemExit):
        cli.main([])
    assert os.environ["HOME"] == looked_up  # kubectl would take the current folder for it


# --- lists and help ---------------------------------------------------------------------------------------------------


def test_help_lists_every_command_with_a_line_of_its_own(mx: Mx) -> None:
    result = mx("--help")
    assert result.code == 0
    for name, help in cli.own_commands().items():
        assert f"  {name} " in result.out
        assert help.split()[0] in result.out
    assert "hello" in result.out
    assert "(acme-samples)" in result.out
    assert mx("-h").out == result.out


@pytest.mark.parametrize("name", sorted(cli.own_commands()))
def test_every_command_has_help_and_the_line_that_is_listed(mx: Mx, name: str) -> None:
    result = mx(name, "--help")
    assert result.code == 0, result.err
    assert result.out.startswith(f"Usage: mx {name}")


def test_the_version(mx: Mx) -> None:
    assert mx("--version").out == f"mx {mxdev.__version__}\n"
    assert mx("-V") == mx("--version")


def test_a_command_of_a_plugin(mx: Mx) -> None:
    assert mx("hello", "--name", "you") == type(mx("--version"))(0, "hello you\n", "")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "Usage"),
        (["generat"], 2, "no command called generat. Did you mean generate?"),
        (["zzz"], 2, "`mx --help` lists the commands"),
        (["--zzz"], 2, "No such option"),
        (["generate", "--zzz"], 2, "No such option"),
        (["generate", "--no-input", "SampleBase"], 2, "No such option"),
        (["g", "SampelBase"], 2, "Did you mean SampleBase?"),
        (["generate", "SampleBase", "--zzz"], 2, "No such option"),
        (["generate", "SampleBase", "a", "b"], 2, "unexpected extra argument"),
        (["generate", "SampleBase", "a", "--on-conflict", "x"], 2, "'x' is not one of"),
        (["generate", "SampleBase", "a", "--values", "missing.yaml"], 2, "does not exist"),
        (["generate", "SampleBase", "a", "--values", "."], 2, "is a directory"),
        (["generate", "SampleBase", "a", "--size"], 2, "requires an argument"),
        (["generate", "SampleExploding"], 4, "SampleExploding of the plugin acme-samples 1.2.0 cannot be loaded: RuntimeError: exploding"),
        (["generate", "SampleApp", "x"], 2, "adds to a project"),
        (["completion", "tcsh"], 2, "'tcsh' is not one of"),
    ],
)  # fmt: skip
def test_exit_codes_of_errors(mx: Mx, arguments: list[str], code: int, says: str) -> None:
    result = mx(*arguments)
    assert result.code == code
    assert says in result.err + result.out
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate", "SampelBase", "--json"],
        ["generate", "SampleBase", "--json", "--zzz"],
        ["generate", "SampleBase", "--json"],
        ["generate", "SampleBase", "UPPER", "--json"],
        ["generate", "SampleBase", "a", "--json", "--values", "missing"],
        ["generate", "SampleBase", "a", "--json", "--size", "99"],
        ["generate", "SampleApp", "x", "--json"],
        ["generate", "SampleExploding", "--json"],
        ["generate", "\udcff", "--json"],
        ["g", "--json"],
    ],
)
def test_with_json_every_error_is_one_object(mx: Mx, arguments: list[str]) -> None:
    result = mx(*arguments)
    assert result.code in (1, 2, 4)
    assert set(result.json) == {"version", "outcome", "changes", "error"}
    assert result.json["version"] == 1
    assert result.json["outcome"] in ("error", "refused")
    assert result.json["changes"] == []
    assert result.json["error"]


def test_a_bug_is_a_short_message_and_a_log(mx: Mx, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    from mxdev.workflow import generate

    monkeypatch.setattr(generate, "build", lambda *_: 1 / 0)
    result = mx("generate", "SampleBase", "demo", "--no-input")
    assert result.code == 3
    assert "This is a bug in mx: ZeroDivisionError" in result.err
    assert "Traceback" not in result.err
    path = Path(result.err.split("attach ")[1].strip().rstrip("."))
    assert path.parent == cache / "log"
    assert "ZeroDivisionError" in path.read_text()
    answer = mx("generate", "SampleBase", "demo", "--json")
    assert (answer.code, answer.json["outcome"]) == (3, "error")


def test_memory_that_is_not_there_is_no_bug(mx: Mx, monkeypatch: pytest.MonkeyPatch) -> None:
    from mxdev.workflow import generate

    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(generate, "build", refuse)
    result = mx("generate", "SampleBase", "demo", "--no-input")
    assert result.code == 4
    assert "mx ran out of memory." in result.err
    assert "bug" not in result.err


def test_what_the_system_refuses_is_no_bug(mx: Mx, monkeypatch: pytest.MonkeyPatch) -> None:
    from mxdev.workflow import generate

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "/somewhere/x")

    monkeypatch.setattr(generate, "build", refuse)
    result = mx("generate", "SampleBase", "demo", "--no-input")
    assert (result.code, "/somewhere/x: Permission denied" in result.err) == (4, True)


def test_an_interruption_is_130(mx: Mx, monkeypatch: pytest.MonkeyPatch) -> None:
    from mxdev.workflow import generate

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(generate, "build", interrupt)
    assert mx("generate", "SampleBase", "demo", "--no-input").code == 130
    assert mx("generate", "SampleBase", "demo", "--json").json["outcome"] == "error"


def test_a_folder_that_is_gone(samples: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = start("generate", cwd=gone, shell="")
    assert done.returncode == 0
    line = f"rmdir {gone}; exec {sys.executable} -m mxdev generate SampleBase x --no-input"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=gone,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr


# --- outputs that go away ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["g"], ["--help"], ["plugins"], ["generate", "SampleBase", "--help"]])
@pytest.mark.parametrize("shell", ["| head -0", "| head -1", ">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_a_list_whose_reader_went_away(
    samples: Path, tmp_path: Path, arguments: list[str], shell: str
) -> None:
    done = start(*arguments, cwd=tmp_path, shell=shell)
    assert done.stderr == ""
    assert done.returncode in (0, 1)


@pytest.mark.parametrize("shell", ["| head -0", "| head -1", ">&-", "2>&-", ">&- 2>&- <&-"])
def test_a_run_whose_reader_went_away_is_done_all_the_same(samples: Path, tmp_path: Path, shell: str) -> None:
    done = start("generate", "SampleBase", "demo", "--no-input", cwd=tmp_path, shell=shell)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr
    assert (tmp_path / "demo" / "README.md").exists()


def test_a_full_output(samples: Path, tmp_path: Path) -> None:
    done = start("generate", cwd=tmp_path, shell="> /dev/full")
    assert done.returncode == 4
    assert "No space left" in done.stderr
    assert "bug" not in done.stderr


def test_where_messages_cannot_be_written_the_exit_code_is_the_same(samples: Path, tmp_path: Path) -> None:
    assert start("nonsense", cwd=tmp_path, shell="2> /dev/full").returncode == 2
    assert (
        start("undo", cwd=tmp_path, shell="2> /dev/full").returncode == start("undo", cwd=tmp_path).returncode
    )
    assert (
        start("generate", "SampleBase", "demo", "--no-input", cwd=tmp_path, shell="2> /dev/full").returncode
        == 0
    )
    assert (tmp_path / "demo" / "README.md").exists()


def test_an_output_in_ascii(samples: Path, tmp_path: Path) -> None:
    for arguments in (["generate", "SampleBase", "demo", "--json"], ["generate", "nö", "--json"], ["g"]):
        done = start(*arguments, cwd=tmp_path, PYTHONIOENCODING="ascii", LC_ALL="C")
        assert done.returncode in (0, 2), done.stderr
        if "--json" in arguments:
            json.loads(done.stdout)


def test_without_a_home_and_without_a_cache(samples: Path, tmp_path: Path) -> None:
    for number, environment in enumerate(
        [
            {"MX_CACHE_DIR": "", "HOME": "", "XDG_CACHE_HOME": ""},
            {"MX_CACHE_DIR": "/dev/null/x"},
            {"MX_CACHE_DIR": "/proc/nowhere"},
            {"MX_CACHE_DIR": "", "XDG_CACHE_HOME": str(tmp_path / "file")},
        ]
    ):
        (tmp_path / "file").write_text("")
        done = start("generate", "SampleBase", f"demo{number}", "--no-input", cwd=tmp_path, **environment)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / f"demo{number}" / "README.md").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo0", "demo1", "demo2", "demo3", "file"]


def test_a_user_without_a_home_gets_no_folder_called_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mxdev.system import user_dirs

    monkeypatch.delenv("MX_CACHE_DIR")
    monkeypatch.setenv("HOME", "~")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert user_dirs.cache_folder().is_absolute()
    monkeypatch.setenv("MX_CACHE_DIR", "relative")
    assert user_dirs.cache_folder() == tmp_path / "relative"


# --- what a start imports ---------------------------------------------------------------------------------------------

HEAVY = {
    "jinja2", "yaml", "rich", "tomlkit", "tomllib", "mlflow", "torch", "pluggy", "filelock", "platformdirs", "difflib", "asyncio",
    "acme_samples", "mxdev_generators", "mxdev.generator.jinja", "mxdev.plan.build", "mxdev.generator.generator", "mxdev.sections.sections",
    "mxdev.workflow.generate", "importlib.metadata",
}  # fmt: skip
SPY = """
import sys
from mxdev import cli
try:
    code = cli.run(ARGUMENTS)
except SystemExit as error:
    code = error.code
sys.stderr.write("\\n@" + " ".join(sorted(sys.modules)))
sys.exit(code)
"""


def imported(cwd: Path, *arguments: str, **environment: str) -> tuple[set[str], str]:
    """What mx imported for `arguments`, and its stdout."""
    done = subprocess.run(
        [sys.executable, "-c", SPY.replace("ARGUMENTS", repr(list(arguments)))],
        cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(done.stderr.rpartition("@")[2].split()), done.stdout


def parts(names: set[str]) -> set[str]:
    return {name for name in HEAVY if name in names}


COMPLETE = {"_MX_COMPLETE": "bash_complete", "COMP_WORDS": "mx generate ", "COMP_CWORD": "2"}


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--help"], {}),
        (["--version"], {}),
        (["generate"], {}),
        (["generate", "--help"], {}),
        (["plugins"], {}),
        ([], COMPLETE),
        ([], {**COMPLETE, "COMP_WORDS": "mx g sam"}),
        ([], {**COMPLETE, "COMP_WORDS": "mx gen", "COMP_CWORD": "1"}),
    ],
)
def test_lists_help_and_completion_import_nothing_heavy(
    samples: Path, tmp_path: Path, arguments: list[str], environment: dict[str, str]
) -> None:
    imported(tmp_path, "--version")  # -c has another sys.path than a console script: its index is made here
    imported(tmp_path, "generate")
    modules, out = imported(tmp_path, *arguments, **environment)
    assert not parts(modules)
    if arguments[:1] == ["generate"]:
        assert "SampleExploding" in out


# What lists, help and completion need none of, beside what is heavy: each costs a start a millisecond or more.
SMALL = {"hashlib", "pathlib", "dataclasses", "tempfile", "urllib.parse"}


@pytest.mark.parametrize(
    ("arguments", "environment"), [(["--help"], {}), (["--version"], {}), ([], {**COMPLETE, "COMP_WORDS": "mx gen", "COMP_CWORD": "1"})]
)  # fmt: skip
def test_a_start_imports_no_more_than_click_does(
    samples: Path, tmp_path: Path, arguments: list[str], environment: dict[str, str]
) -> None:
    imported(tmp_path, "--version")
    imported(tmp_path, "--help")
    modules, _ = imported(tmp_path, *arguments, **environment)
    click = subprocess.run(
        [sys.executable, "-c", "import sys, click, click.shell_completion; print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not (modules - set(click.stdout.split())) & SMALL


def test_a_render_imports_what_it_needs_and_not_rich(samples: Path, tmp_path: Path) -> None:
    imported(tmp_path, "generate")  # makes the index
    modules, _ = imported(tmp_path, "generate", "SampleBase", "demo", "--no-input")
    assert parts(modules) >= {"jinja2", "yaml", "acme_samples"}
    assert not parts(modules) & {"rich", "mlflow", "torch", "tomlkit", "difflib", "asyncio"}
    assert not modules & {"importlib.metadata", "mxdev.plugins.checked_plan"}
    # Of the standard library, what no rendering needs: two milliseconds each. `locate` needs sysconfig outside of environments.
    assert not modules & {"configparser", "socket", "zipfile", "importlib.resources"}
    assert "sysconfig" not in modules or sys.prefix == sys.base_prefix


def test_a_new_skeleton_that_is_only_shown_imports_no_more(tmp_path: Path) -> None:
    imported(tmp_path, "generate")  # makes the index
    command = ("generate", "MLProjectSkeleton", "demo", "--dry-run", "--no-input")
    modules, out = imported(tmp_path, *command, CLOUDSDK_CONFIG=str(tmp_path))  # a machine without gcloud
    assert "create" in out
    extra = modules & {"rich", "configparser", "socket", "zipfile", "importlib.resources"}
    assert not extra


# --- what plugins may not do ------------------------------------------------------------------------------------------

CLASH = """
import click
from mxdev import hookimpl
@click.command()
def generate():
    "Mine."
@click.command()
def g():
    "Mine."
@click.command()
def hello():
    "Mine too."
@hookimpl
def mx_commands():
    return [generate, g, hello]
"""


def test_a_plugin_cannot_take_a_command_of_mx(
    mx: Mx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_distribution(tmp_path / "clash", "clash-commands", modules={"clash_commands.py": CLASH})
    next(installed(tmp_path / "clash", monkeypatch))
    result = mx("--help")
    assert result.out.count("  generate ") == 1
    assert "SampleBase" in mx("g").out
    for name in ("generate", "hello"):
        assert [line for line in result.err.splitlines() if name in line and "clash-commands" in line], (
            result.err
        )
