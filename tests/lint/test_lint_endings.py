"""A rule of a plugin that ends the process, or prints past Python: in a process of its own, which it could really end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from sites import make_distribution

RULES = """
import os
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

@hookimpl
def mx_lint_rules():
    return [Leaves(), Talks()]
"""


def test_it_is_named_and_the_report_is_whole(tmp_path: Path) -> None:
    site, here = tmp_path / "site", tmp_path / "here"
    make_distribution(site, "leaving-rules", modules={"leaving_rules.py": RULES})
    here.mkdir()
    (here / "a.txt").write_text("a\n")
    env = {**os.environ, "PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "mxdev", "lint", "--rule", "leaves", "--rule", "talks", "--format", "json", "."],
        cwd=here, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert "leaves has no result" in done.stderr
    assert "talk\n" in done.stderr
    assert [finding["message"] for finding in json.loads(done.stdout)["findings"]] == ["said"]
