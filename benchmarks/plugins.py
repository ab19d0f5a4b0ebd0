"""Times `mx --help` with thirty plugins installed and with none, and prints the ratio.

    python benchmarks/plugins.py [--plugins N] [--rounds N]

Each plugin announces a generator, a command and a lint rule, with `lazy`, as `mx generate Plugin` renders it. Times
are CPU seconds of the process, the least of all rounds; the rounds of both alternate.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

MODULE = """
from mxdev import hookimpl, lazy
@hookimpl
def mx_generators():
    return [lazy("{module}_generators:Model{number}", "Generator number {number}.")]
@hookimpl
def mx_commands():
    return [lazy("{module}_generators:command", "Command number {number}.", name="command-{number}")]
@hookimpl
def mx_lint_rules():
    return [lazy("{module}_generators:Rule", "Rule number {number}.")]
"""
GENERATORS = "raise RuntimeError('a generator was imported')\n"


def install(site: Path, count: int) -> None:
    """Put `count` plugins into `site`, as pip would."""
    for number in range(count):
        module = f"many_{number}"
        (site / f"{module}.py").write_text(MODULE.format(module=module, number=number))
        (site / f"{module}_generators.py").write_text(GENERATORS)
        info = site / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: many-{number}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[mxdev.v1]\n{module} = {module}\n")


def cost(site: Path, cache: Path, *arguments: str) -> float:
    """CPU seconds of `mx ARGUMENTS` with the plugins in `site`."""
    env = {**os.environ, "PYTHONPATH": str(site), "MX_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "mxdev", *arguments], env=env, cwd=cache, capture_output=True, text=True, check=False
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode or done.stderr:
        raise SystemExit(f"mx {' '.join(arguments)}: {done.returncode}\n{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(count: int, rounds: int, *arguments: str) -> tuple[float, float]:
    """The least cost with no plugin and with `count`, in CPU seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        sites = [Path(scratch) / name for name in ("none", "many")]
        for site, number in zip(sites, (0, count), strict=True):
            site.mkdir()
            install(site, number)
            cost(site, site, "--help")  # makes the index
        costs = [[cost(site, site, *arguments) for site in sites] for _ in range(rounds)]
    return min(none for none, _ in costs), min(many for _, many in costs)


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plugins", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    for arguments in (["--help"], ["generate"], ["--version"]):
        none, many = compare(given.plugins, given.rounds, *arguments)
        print(
            f"mx {' '.join(arguments):<10} none {none * 1000:5.0f} ms   {given.plugins} plugins {many * 1000:5.0f} ms"
            f"   {many / none:.2f} x"
        )


if __name__ == "__main__":
    main()
