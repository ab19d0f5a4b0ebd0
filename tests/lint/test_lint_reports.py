"""What is printed: text, table, JSON, SARIF, GitLab."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

BAD = {
    "src/a.py": "import os\nimport sys\n\n\ndef f(): return 1\n",
    "b ü.sh": "#!/bin/sh\necho $1\n",
    "c.yaml": "a: 1\na: 2\n",
}
LINE = re.compile(
    r"(?P<path>.+?):(?P<line>\d+):(?P<column>\d+): (?P<rule>[\w/-]+) (?P<severity>error|warning|info) (?P<message>.+)"
)


@pytest.fixture
def bad(repo: Path, write: Any, need: Any) -> Path:
    for tool in ("ruff", "yamllint", "shellcheck"):
        need(tool)
    write(repo, BAD)
    return repo


def test_text(mx: Any, bad: Path) -> None:
    result = mx("lint", cwd=bad)
    lines = [LINE.fullmatch(line) for line in result.out.splitlines()]
    assert all(lines)
    assert [line["path"] for line in lines if line] == [
        "b ü.sh",
        "c.yaml",
        "src/a.py",
        "src/a.py",
        "src/a.py",
    ]
    summary = result.err.splitlines()[-1]
    assert re.fullmatch(
        r"5 findings in 3 files; checked 3 files with ruff \S+, shellcheck \S+, yamllint \S+, the rules of mx",
        summary,
    )


def test_json(mx: Any, bad: Path) -> None:
    result = mx("lint", "--format", "json", cwd=bad / "src")
    data = result.json
    assert result.code == 1
    assert data["version"] == 1
    assert data["checked"] == 1
    assert list(data["linters"]) == ["ruff"]
    assert (data["missing"], data["broken"], data["fixed"]) == ([], [], [])
    first = data["findings"][0]
    assert len(first.pop("fingerprint")) == 40
    assert first == {
        "path": "a.py", "line": 1, "column": 8, "rule": "ruff-check/F401", "severity": "error",
        "message": "`os` imported but unused", "url": "https://docs.astral.sh/ruff/rules/unused-import",
    }  # fmt: skip


def test_sarif(mx: Any, bad: Path) -> None:
    """The essentials of SARIF 2.1.0, and what GitHub's code scanning wants of it."""
    log = mx("lint", "--format", "sarif", "..", cwd=bad / "src").json
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert run["tool"]["driver"]["name"] == "mx lint"
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert all(rule["shortDescription"]["text"] for rule in rules)
    assert run["invocations"] == [
        {"executionSuccessful": True, "exitCode": 1, "toolExecutionNotifications": []}
    ]
    assert run["columnKind"] in ("unicodeCodePoints", "utf16CodeUnits")
    assert len(run["results"]) == 5
    for result in run["results"]:
        assert result["ruleId"] == rules[result["ruleIndex"]]["id"]
        assert result["level"] in ("error", "warning", "note", "none")
        assert result["message"]["text"]
        (place,) = result["locations"]
        artifact, region = place["physicalLocation"]["artifactLocation"], place["physicalLocation"]["region"]
        assert (bad / unquote(artifact["uri"])).is_file()  # relative to the top of the repository, and a URI
        assert re.fullmatch(r"[A-Za-z0-9._~/%-]+", artifact["uri"])
        assert region["startLine"] >= 1
        assert region["startColumn"] >= 1
        assert all(result["partialFingerprints"].values())


def test_gitlab(mx: Any, bad: Path) -> None:
    items = mx("lint", "--format", "gitlab", cwd=bad).json
    assert len(items) == 5
    assert len({item["fingerprint"] for item in items}) == 5
    for item in items:
        assert set(item) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert item["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert (bad / item["location"]["path"]).is_file()
        assert item["location"]["lines"]["begin"] >= 1


def test_fingerprints_stay_when_lines_move(mx: Any, bad: Path) -> None:
    def marks() -> dict[str, Any]:
        return {
            item["fingerprint"]: item["check_name"]
            for item in mx("lint", "--format", "gitlab", "src", cwd=bad).json
        }

    before = marks()
    source = bad / "src/a.py"
    source.write_text('"""Lines above."""\n\n' + source.read_text())
    moved = marks()
    assert moved == before
    source.write_text(source.read_text().replace("import sys", "import sys as s"))
    assert (
        len(set(marks()) & set(before)) == len(before) - 1
    )  # only the finding on the line that changed is another


def test_two_findings_on_equal_lines_have_two_fingerprints(
    mx: Any, need: Any, write: Any, tmp_path: Path
) -> None:
    need("shellcheck")
    write(tmp_path, {"a.sh": "#!/bin/sh\necho $1\necho $1\n"})
    assert len({item["fingerprint"] for item in mx("lint", "--format", "gitlab").json}) == 2


@pytest.mark.parametrize("form", ["json", "sarif", "gitlab"])
def test_nothing_found_is_valid_too(form: str, mx: Any, tmp_path: Path) -> None:
    result = mx("lint", "--format", form)
    assert result.code == 0
    found = {
        "json": lambda d: d["findings"],
        "sarif": lambda d: d["runs"][0]["results"],
        "gitlab": lambda d: d,
    }[form]
    assert found(result.json) == []


def test_control_characters_do_not_reach_the_terminal(mx: Any, write: Any, tmp_path: Path) -> None:
    write(tmp_path, {"a\x1b[31m.txt": "<<<<<<< \n>>>>>>> \n"})
    assert mx("lint").out.startswith("a\\x1b[31m.txt:1:1: ")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("columns", [60, 200])
def test_a_table_on_a_terminal(columns: int, bad: Path, write: Any) -> None:
    write(bad, {"[bold]x[/bold].txt": "<<<<<<< \n>>>>>>> \n"})
    screen = on_terminal(["lint"], bad, columns)
    assert (
        screen.index("[bold]x[/bold].txt")
        < screen.index("b ü.sh")
        < screen.index("c.yaml")
        < screen.index("src/a.py")
    )
    for part in (
        "src/a.py:1:8",
        "[bold]x[/bold].txt:1:1",
        "yamllint/key-duplicates" if columns > 100 else "yamllint",
        "error",
        "6 findings in 4 files",
    ):
        assert part in screen
    assert all(len(line) <= columns for line in screen.splitlines() if "findings in" not in line)
    # On a wide terminal a finding is one row; on a narrow one what is wrong stands below its place.
    place = next(line for line in screen.splitlines() if line.startswith("src/a.py:1:8"))
    assert (place.split() == ["src/a.py:1:8"]) == (columns == 60)
    # Asked for, the lines come there too.
    assert "src/a.py:1:8: ruff-check/F401 error " in on_terminal(["lint", "--format", "text"], bad, columns)


def on_terminal(arguments: list[str], cwd: Path, columns: int) -> str:
    """What `mx ARGUMENTS` shows on a terminal, without colours and links."""
    import pty
    import subprocess

    mine, its = pty.openpty()
    code = f"import sys; from mxdev import cli; sys.exit(cli.run({json.dumps(arguments)}))"
    env = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color"}
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=cwd, env=env, stdin=its, stdout=its, stderr=its
    ) as child:
        os.close(its)
        seen = b""
        while True:
            try:
                data = os.read(mine, 65536)
            except OSError:
                break
            if not data:
                break
            seen += data
        child.wait()
    os.close(mine)
    text = seen.decode().replace("\r\n", "\n")
    return re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", text)


def test_help_is_light() -> None:
    code = "import sys; from mxdev import cli; cli.run(['lint', '--help']); print(sorted(m for m in sys.modules if m.split('.')[0] in ('rich', 'yaml', 'jinja2', 'pluggy', 'concurrent', 'subprocess') or m.startswith('mxdev.lint')))"  # fmt: skip
    import subprocess

    subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True
    )  # the index of plugins is made
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "Check files and folders against the style guide." in out
    assert out.splitlines()[-1] == "['mxdev.lint', 'mxdev.lint.command']"
