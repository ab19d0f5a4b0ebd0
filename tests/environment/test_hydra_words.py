"""Free text on a command line, read by Hydra itself."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import pytest
from ml_environment import ml_python

from mxdev.data import worker
from mxdev.environment.hydra_words import quoted
from mxdev.errors import UsageProblem

__all__ = ["ml_python"]

READ = """\
import json, pathlib, sys
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
given = [OverridesParser.create().parse_override(word) for word in sys.argv[1:]]
read = OmegaConf.to_container(OmegaConf.create({one.key_or_group: one.value() for one in given}), resolve=True)
if "answer" in read:
    pathlib.Path(read["answer"]).write_text(json.dumps(read))
else:
    print(json.dumps(read))
"""


def test_hydra_reads_it_as_it_was_said(ml_python: Path) -> None:
    said = [
        "it's {too} slow, 3=2", '100 % [a, b] "q" $HOME #1', "null", "12", "", "ünï — 'quoted'", "a:b,c", "/home/josé/données",
        "C:\\Users\\new", "at its end\\", "\\\\before it\\'s\\\\'", "\\$x $ {y}", "🙂",
    ]  # fmt: skip
    words = [f"w{number}={quoted(text, 'it')}" for number, text in enumerate(said)]
    done = subprocess.run(
        [ml_python, "-c", READ, *words], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout).values()) == said


@pytest.mark.parametrize("text", ["${oc.env:HOME}", "a\\${b}", "two\nlines", "a\x00b"])
def test_what_hydra_cannot_carry_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="--reason is one line of text without"):
        quoted(text, "--reason")


def test_a_module_of_the_project_answers_wherever_temporary_files_are(
    ml_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "josé's \\n"
    (tmp_path / "src").mkdir()
    place.mkdir()
    (tmp_path / "src/read_words.py").write_text(READ)
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    told = worker.call_module(tmp_path, "read_words", ["a=1"], str(ml_python))
    assert Path(told["answer"]).parent.parent == place
