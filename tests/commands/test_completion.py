"""Completion in bash, zsh and fish: commands, generators and options, without importing what is not asked for."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
from conftest import Mx, installed
from sites import make_distribution


def complete(line: str, shell: str = "bash") -> list[str]:
    """What a shell is told for a line whose last word is being typed."""
    words = line.split(" ")
    environment = {"_MX_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    if shell == "fish":
        environment["COMP_CWORD"] = words[-1]
    done = subprocess.run(
        [sys.executable, "-c", "from mxdev.cli import main; main()"], env={**os.environ, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def values(lines: list[str]) -> list[str]:
    return [line.partition(",")[2] for line in lines if line]


def test_commands(samples: Path) -> None:
    assert values(complete("mx gen")) == ["generate"]
    assert "hello" in values(complete("mx "))
    assert values(complete("mx hel")) == ["hello"]


@pytest.mark.parametrize("command", ["generate", "g"])
def test_generators_in_the_spelling_that_was_begun(samples: Path, command: str) -> None:
    assert values(complete(f"mx {command} Sample"))[:2] == ["SampleBase", "SampleApp"]
    assert values(complete(f"mx {command} sample-b")) == ["sample-base"]
    assert "MLProjectSkeleton" in values(complete(f"mx {command} "))
    assert values(complete(f"mx {command} zzz")) == []


def test_options_and_their_values(samples: Path) -> None:
    assert {"--size", "--kind", "--dry-run"} <= set(values(complete("mx generate SampleBase --")))
    assert values(complete("mx generate SampleBase --kind l")) == ["large"]
    assert values(complete("mx generate sample-base --on-conflict k")) == ["keep"]


def test_a_broken_plugin_says_nothing_while_one_types(
    tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_distribution(tmp_path, "broken-typing", modules={"broken_typing.py": "raise ValueError\n"})
    next(installed(tmp_path, monkeypatch))
    assert values(complete("mx gen")) == ["generate"]
    assert "MLProjectSkeleton" in values(complete("mx g "))


def test_a_generator_that_cannot_be_imported_completes_to_nothing(samples: Path) -> None:
    environment = {
        "_MX_COMPLETE": "bash_complete",
        "COMP_WORDS": "mx g SampleExploding --",
        "COMP_CWORD": "3",
    }
    done = subprocess.run(
        [sys.executable, "-c", "from mxdev.cli import main; main()"], env={**os.environ, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_the_same_with_help(samples: Path, shell: str) -> None:
    lines = complete("mx generate Samp", shell)
    assert any("SampleBase" in line for line in lines)
    assert any("Start a sample project." in line for line in lines)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(mx: Mx, shell: str) -> None:
    result = mx("completion", shell)
    assert result.code == 0
    assert "_MX_COMPLETE" in result.out
    assert f"{shell}_complete" in result.out
    if shutil.which(shell) and shell != "fish":
        subprocess.run([shell, "-n"], input=result.out, text=True, check=True)


def test_bash_itself_completes(samples: Path, tmp_path: Path, mx: Mx) -> None:
    script = mx("completion", "bash").out
    (tmp_path / "mx").write_text(f'#!/bin/sh\nexec {sys.executable} -m mxdev "$@"\n')
    # A program whose name is mx; the completion's words are set as readline would.
    (tmp_path / "mx").write_text(f"#!{sys.executable}\nfrom mxdev.cli import main\nmain()\n")
    (tmp_path / "mx").chmod(0o755)
    line = f'{script}\nCOMP_WORDS=(mx generate sample-b); COMP_CWORD=2; _mx_completion mx sample-b generate; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        ["bash", "-c", line],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "sample-base", done.stderr


def test_bash_leaves_no_blank_between_a_key_and_its_value(
    samples: Path, tmp_path: Path, mx: Mx, project: Path
) -> None:
    """A bash of its own, on a terminal, with the keys pressed."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/mx").write_text(f"#!{sys.executable}\nfrom mxdev.cli import main\nmain()\n")
    (tmp_path / "bin/mx").chmod(0o755)
    (tmp_path / "script").write_text(mx("completion", "bash").out)
    bash = pexpect.spawn(
        "bash", ["--norc", "--noprofile", "-i"], cwd=str(project), encoding="utf-8", timeout=20, dimensions=(24, 200),
        env={**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "PS1": "@ ", "TERM": "dumb"},
    )  # fmt: skip
    try:
        bash.sendline(f". {tmp_path / 'script'}; bind 'set enable-bracketed-paste off'; echo rea''dy")
        bash.expect("ready")
        bash.send("mx set regi\t")
        bash.expect("region=")
        bash.sendline("elsewhere --dry-run")
        bash.expect("Dry run: nothing was written.")
    finally:
        bash.close(force=True)


def test_fish_keeps_the_commas_of_a_description(mx: Mx) -> None:
    assert 'set -l metadata (string split --max 1 "," $completion);' in mx("completion", "fish").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("name", ["x$(id)", "x`id`", "x;id", "x y", "x|id", "x>f", "x*", "-x", "x'"])
def test_a_name_with_a_meaning_to_a_shell_is_not_offered(
    project: Path, monkeypatch: pytest.MonkeyPatch, shell: str, name: str
) -> None:
    """Names come from records, which came with the project; Tab and Return would run what is in them."""
    record = project / ".mx/generators/SampleBase.yaml"
    text = record.read_text()
    (record.parent / f"{name}.yaml").write_text(
        re.sub("^instance: .*", lambda _: f"instance: {json.dumps(name)}", text, flags=re.MULTILINE)
    )
    monkeypatch.chdir(project)
    offered = "\n".join(complete("mx destroy ", shell))
    assert "SampleBase" in offered
    assert name not in offered
