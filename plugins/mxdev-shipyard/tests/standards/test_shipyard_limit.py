"""A standard that hangs: it is named, the others are checked, and nobody waits."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from shipyard_environment import NAME

from mxdev_shipyard.standards import catalogue
from mxdev_shipyard.standards.command import check
from mxdev_shipyard.standards.model import Standard

NEVER = "import threading\n\n\ndef never():\n    threading.Event().wait(20)\n\n\n"
HANGS = {
    "a test": NEVER + "def test_it(repository):\n    never()\n",
    "an import": NEVER + "never()\n\n\ndef test_it(repository):\n    pass\n",
    "what it asks for": "import pytest\n" + NEVER + "@pytest.fixture\ndef x():\n    never()\n\n\ndef test_it(x):\n    pass\n",
    "what swallows errors": (
        NEVER + "def test_it(repository):\n    try:\n        never()\n    except BaseException:\n        never()\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HANGS)
def test_a_standard_that_hangs_keeps_nobody_waiting(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standards = []
    for number, text in ((201, HANGS[case]), (202, "def test_b(repository):\n    pass\n")):
        (tmp_path / f"test_{number}.py").write_text(text)
        standards.append(Standard(number, str(number), "-", "-", str(tmp_path / f"test_{number}.py")))
    monkeypatch.setattr(catalogue, "everything", lambda: standards)
    (tmp_path / NAME).mkdir()
    report = tmp_path / "report.json"
    before = signal.getsignal(signal.SIGALRM)
    code = check.main(
        [str(tmp_path / NAME), "--json", str(report), "--timeout", "0.2"], standalone_mode=False
    )
    assert code == 4
    rows = {row["standard"]: row for row in json.loads(report.read_text())["tests"]}
    assert rows[201]["outcome"] == "broken"
    assert "took longer than 0.2 seconds, and was ended" in rows[201]["message"]
    assert "`mx check --timeout SECONDS`, or MX_CHECK_TIMEOUT" in rows[201]["message"]
    assert rows[202]["outcome"] == "passed"
    assert ("Standard 201 was not checked" in capsys.readouterr().err) == (case == "an import")
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.parametrize(
    ("case", "code", "outcome"),
    [("a test", 4, "broken"), ("what it asks for", 4, "broken"), ("is unmet", 0, "waived")],
)
def test_a_waiver_does_not_wait(
    case: str, code: int, outcome: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lets a standard be unmet, by a plain `assert` too."""
    texts = {**HANGS, "is unmet": "def test_it(repository):\n    assert not repository\n"}
    (tmp_path / "test_201.py").write_text(texts[case])
    standard = Standard(201, "201", "-", "-", str(tmp_path / "test_201.py"))
    monkeypatch.setattr(catalogue, "everything", lambda: [standard])
    (tmp_path / NAME).mkdir()
    waiver = "waivers:\n  - standard: 201\n    reason: A new server comes.\n    until: 9999-12-31\n"
    (tmp_path / NAME / "standards.yaml").write_text(waiver)
    report = tmp_path / "report.json"
    arguments = [str(tmp_path / NAME), "--json", str(report), "--timeout", "0.2"]
    assert check.main(arguments, standalone_mode=False) == code
    (row,) = json.loads(report.read_text())["tests"]
    assert row["outcome"] == outcome
    assert ("took longer than" in row["message"]) == (outcome == "broken")


@pytest.mark.parametrize("said", ["nan", "1e-7", "0.00001"])
@pytest.mark.parametrize("how", ["option", "variable"])
def test_what_is_no_time_is_refused(said: str, how: str, tmp_path: Path) -> None:
    """The alarm would go off before Python had handled the one before, or be an error in each standard."""
    arguments, env = ([], {"MX_CHECK_TIMEOUT": said}) if how == "variable" else (["--timeout", said], {})
    result = CliRunner().invoke(check, [str(tmp_path), "--list", *arguments], env=env, standalone_mode=False)
    assert isinstance(result.exception, click.BadParameter)
    assert "is no time: at least 0.05 seconds, or 0 for no limit" in result.exception.message


def test_a_named_pipe_in_the_repository_is_no_file(tmp_path: Path) -> None:
    """Reading one waits for a writer who never comes."""
    root = tmp_path / NAME
    root.mkdir()
    os.mkfifo(root / "README.md")
    os.mkfifo(root / "standards.yaml")
    result = CliRunner().invoke(check, [str(root), "--timeout", "5"], standalone_mode=False)
    assert "standards.yaml cannot be read: it is no regular file" in str(result.exception)
    (root / "standards.yaml").unlink()
    report = tmp_path / "report.json"
    assert check.main([str(root), "--json", str(report), "--timeout", "5"], standalone_mode=False) == 1
    told = [row["message"] for row in json.loads(report.read_text())["tests"]]
    assert "README.md: it cannot be read: it is no regular file" in told
