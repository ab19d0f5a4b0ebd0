"""Thirty plugins: `mx --help` stays fast, and none of them is imported; one that is broken is one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmark_code import benchmark
from sites import make_distribution

LIMIT = 1.5  # times what it costs without a plugin; see benchmarks/plugins.py for figures


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("thirty")
    benchmark("plugins").install(folder, 30)
    return folder


def start(site: Path, *arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-m", "mxdev", *arguments], cwd=site.parent, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(site)}, check=False,
    )  # fmt: skip


def test_help_costs_little_more_than_without() -> None:
    ratios = []
    for _ in range(3):  # the machine may be busy; a real loss is there every time
        none, many = benchmark("plugins").compare(30, 4, "--help")
        ratios.append(many / none)
        if ratios[-1] <= LIMIT:
            return
    pytest.fail(f"mx --help with 30 plugins costs {', '.join(f'{ratio:.2f}' for ratio in ratios)} times")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["generate"], ["generate", "Plugin", "--help"], ["plugins"]]
)
def test_no_plugin_is_imported(site: Path, arguments: list[str]) -> None:
    assert start(site, *arguments).returncode == 0  # makes the index
    done = start(site, *arguments, options=("-X", "importtime"))
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "mxdev.cli" in imported
    assert not {name for name in imported if name.startswith("many_")}
    assert "jinja2" not in imported
    if arguments != ["generate", "Plugin", "--help"]:
        assert "command-29" in done.stdout or "Model29" in done.stdout


def test_all_are_there(site: Path) -> None:
    listed = start(site, "generate")
    assert (listed.returncode, listed.stderr) == (0, "")
    names = {line.partition(" ")[0] for line in listed.stdout.splitlines()}
    assert {f"Model{number}" for number in range(30)} <= names


def test_a_broken_one_and_a_clash_are_a_line_each(site: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    make_distribution(more, "broken-one", modules={"broken_one.py": "import not_there\n"})
    make_distribution(more, "clash-one", modules={"clash_one.py": (
        "from mxdev import hookimpl, lazy\n@hookimpl\ndef mx_commands():\n"
        "    return [lazy('clash_one:x', name='command-3'), lazy('clash_one:y', name='free')]\n"
    )})  # fmt: skip
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(more)])}
    done = subprocess.run(
        [sys.executable, "-m", "mxdev", "--help"], cwd=tmp_path, capture_output=True, text=True, env=env, check=False
    )  # fmt: skip
    assert done.returncode == 0
    broken, clash = done.stderr.splitlines()
    assert "broken-one 1.0 is left out: ModuleNotFoundError: No module named 'not_there'" in broken
    assert "the command command-3 is left out: more than one plugin has it (clash-one, many-3)" in clash
    assert "command-4" in done.stdout
    assert "  free " in done.stdout
    assert "command-3 " not in done.stdout
