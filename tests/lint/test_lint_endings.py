"""A rule of a plugin that ends the process, or prints past Python: in a process of its own, which it could really end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence

import pytest
from sites import make_distribution

Lint = Callable[..., "subprocess.CompletedProcess[str]"]

RULES = """
import os, re, time
from mxdev import hookimpl
from mxdev.lint.rule import Finding, Rule

class Leaves(Rule):
    name, summary = "leaves", "Leaves mx without a word."
    def applies(self, files):
        return files
    def check(self, context):
        os._exit(0)

class Talks(Leaves):
    name, summary = "talks", "Writes to the file descriptor."
    def check(self, context):
        os.write(1, b"talk\\n")
        yield Finding(context.files[0], 1, 1, "", "warning", "said")

class Sleeps(Leaves):
    name, summary = "sleeps", "Waits for nothing."
    def check(self, context):
        yield Finding(context.files[0], 1, 1, "", "warning", "before")
        time.sleep(100)

class Strolls(Leaves):
    name, summary = "strolls", "Finds slowly, and says nothing else."
    def check(self, context):
        for line in range(1, 13):
            time.sleep(0.1)
            yield Finding(context.files[0], line, 1, "", "warning", "on the way")

class Turns(Leaves):
    name, summary = "turns", "Never comes to an end, and talks."
    def check(self, context):
        while True:
            print("turning")
            time.sleep(0.01)

class Chooses(Leaves):
    name, summary = "chooses", "Never knows which files."
    def applies(self, files):
        time.sleep(100)

class Floods(Leaves):
    name, summary = "floods", "Finds something without an end."
    def check(self, context):
        while True:
            yield Finding(context.files[0], 1, 1, "", "warning", "more")

class Holds(Leaves):
    name, summary = "holds", "Keeps the interpreter for itself."
    def check(self, context):
        re.match("(a+)+$", "a" * 60 + "b")
        return []

class Mends(Leaves):
    name, summary, can_fix = "mends", "Never has mended.", True
    def fix(self, context):
        time.sleep(100)
    def check(self, context):
        return []

@hookimpl
def mx_lint_rules():
    return [Leaves(), Talks(), Sleeps(), Strolls(), Turns(), Chooses(), Floods(), Holds(), Mends()]
"""


@pytest.fixture(scope="module")
def lint(tmp_path_factory: pytest.TempPathFactory) -> Lint:
    tmp_path = tmp_path_factory.mktemp("endings")
    site, here = tmp_path / "site", tmp_path / "here"
    make_distribution(site, "leaving-rules", modules={"leaving_rules.py": RULES})
    here.mkdir()
    (here / "a.txt").write_text("a\n")
    env = {**os.environ, "PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def run(*names: str, more: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        rules = [word for name in names for word in ("--rule", name)]
        return subprocess.run(
            [sys.executable, "-m", "mxdev", "lint", *rules, "--format", "json", *more, "."],
            cwd=here, env=env, capture_output=True, text=True, check=False, timeout=50,
        )  # fmt: skip

    return run


def test_it_is_named_and_the_report_is_whole(lint: Lint) -> None:
    done = lint("leaves", "talks")
    assert done.returncode == 4, done.stderr
    assert "leaves has no result" in done.stderr
    assert "talk\n" in done.stderr
    assert [finding["message"] for finding in json.loads(done.stdout)["findings"]] == ["said"]


def test_one_that_finds_without_an_end_is_named(lint: Lint) -> None:
    done = lint("floods", "talks")
    assert done.returncode == 4, done.stderr
    assert "it has more than 100000 findings; the first 100000 are shown." in done.stderr
    assert "`mx lint --skip floods`" in done.stderr
    assert "runner.py" not in done.stderr


def test_one_that_hangs_is_left_behind_and_named(lint: Lint) -> None:
    done = lint("sleeps", "strolls", "turns", "chooses", "talks", "mends", more=("--timeout", "0.2", "--fix"))
    assert done.returncode == 4, done.stderr
    answer = json.loads(done.stdout)
    assert {one["rule"] for one in answer["broken"]} == {"sleeps", "turns", "chooses", "mends"}
    assert [finding["line"] for finding in answer["findings"] if finding["rule"] == "strolls"] == [
        *range(1, 13)
    ]
    assert {"said", "before"} <= {finding["message"] for finding in answer["findings"]}
    said = "sleeps has no result: the rule of leaving-rules gave no sign of life for 0.2 seconds"
    assert said in done.stderr
    assert "mx lint --timeout SECONDS" in done.stderr
    assert "`applies` of the rule of leaving-rules gave no sign" in done.stderr
    assert "`fix` of the rule of leaving-rules gave no sign" in done.stderr


def test_one_that_keeps_python_for_itself_is_not_green(lint: Lint) -> None:
    done = lint("holds", more=("--timeout", "0.2"))
    assert done.returncode == 1, done.stderr
    assert "Timeout (" in done.stderr
    assert "leaving_rules.py" in done.stderr
