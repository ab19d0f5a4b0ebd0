"""Times mx, Copier, Cookiecutter and Hygen on the same templates and prints ratios. See README.md beside this file."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import templates

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
HYGEN = "hygen@6"


def cache() -> Path:
    """Where the environments are kept."""
    from mxdev.system.user_dirs import cache_folder

    return cache_folder() / "benchmarks"


def uv() -> list[str]:
    """The command that runs uv."""
    return [sys.executable, "-m", "uv"]


def environment(name: str, *requirements: str) -> Path:
    """The `bin` folder of an environment with these requirements; made once."""
    folder = cache() / name
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([*uv(), "venv", "--quiet", str(folder)], check=True)
        subprocess.run(
            [*uv(), "pip", "install", "--quiet", "--python", str(folder), *requirements], check=True
        )
        subprocess.run(
            [str(folder / "bin" / "python"), "-m", "compileall", "-q", str(folder / "lib")], check=False
        )
        (folder / "ready").touch()
    return folder / "bin"


def mx_environment(name: str, *more: str) -> Path:
    """An environment with this checkout's mx and the benchmark's plugin, installed anew."""
    binaries = environment(
        name, *more, "click", "filelock", "jinja2", "platformdirs", "pluggy", "pyyaml", "rich"
    )
    subprocess.run(
        [*uv(), "pip", "install", "--quiet", "--python", str(binaries.parent), "--reinstall-package", "mx-devtool",
         "--reinstall-package", "mx-bench", str(REPOSITORY), str(HERE / "plugin")],
        check=True,
    )  # fmt: skip
    site = next((binaries.parent / "lib").glob("python3*")) / "site-packages"
    templates.for_mx(site / "mx_bench" / "templates")
    for package in ("mxdev", "mxdev_generators", "mx_bench"):
        subprocess.run([str(binaries / "python"), "-m", "compileall", "-q", str(site / package)], check=True)
    return binaries


def hygen() -> str | None:
    """The path of Hygen's program; None where npm is missing."""
    folder = cache() / "hygen"
    program = folder / "node_modules" / ".bin" / "hygen"
    if not program.exists():
        if shutil.which("npm") is None:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), HYGEN],
            check=True,
        )
    return str(program)


class Cost(NamedTuple):
    """What a run took, in seconds: by the clock, and of the processors (user and system) for the command and its children."""

    wall: float
    cpu: float


def cost(command: list[str], cwd: Path) -> Cost:
    """What a run of `command` takes. CalledProcessError if it fails."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=cwd, check=True, stdin=subprocess.DEVNULL, capture_output=True,
                   env={**os.environ, "HYGEN_TMPLS": str(cwd.parent / "hygen" / "_templates")})  # fmt: skip
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def median_of(
    commands: dict[str, Callable[[Path], list[str]]], rounds: int, prepare: Callable[[Path], object]
) -> dict[str, Cost]:
    """The medians of each command, run in turns, each time in a fresh folder; the first round is not counted.

    The folders are deleted at the end: a disk that is still busy with deleting those of one tool would make the next one wait
    that syncs what it writes.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        templates.for_copier(base / "copier")
        templates.for_cookiecutter(base / "cookiecutter")
        templates.for_hygen(base / "hygen")
        for turn in range(rounds + 1):
            for name, command in commands.items():
                folder = base / f"{name.replace(' ', '-')}-{turn}"
                folder.mkdir()
                prepare(folder)
                took = cost(command(base), folder)
                if turn:
                    costs[name].append(took)
                if len(list(folder.rglob("file*.txt"))) not in (0, templates.FILES):
                    raise SystemExit(f"{name} did not render {templates.FILES} files")
    return {
        name: Cost(*(statistics.median(one[kind] for one in found) for kind in (0, 1)))
        for name, found in costs.items()
    }


def table(title: str, medians: dict[str, Cost], to: str) -> str:
    """A table of medians and of the ratios to one of them, in Markdown."""
    lines = [f"## {title}", "", f"| command | seconds | CPU seconds | x {to}, by CPU |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {one.wall:.3f} | {one.cpu:.3f} | {one.cpu / medians[to].cpu:.2f} |"
        for name, one in medians.items()
    ]
    return "\n".join(lines) + "\n"


def versions(mine: Path, others: Path, program: str | None) -> str:
    """What was measured, in one line."""
    found = [f"Python {platform.python_version()}"]
    for name, command in (
        ("mx", [str(mine / "mx"), "--version"]), ("Copier", [str(others / "copier"), "--version"]),
        ("Cookiecutter", [str(others / "cookiecutter"), "--version"]),
        *([("Node", ["node", "--version"])] if program else []),
    ):  # fmt: skip
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found.append(f"{name} {(re.search(r'[0-9]+[.][0-9.]+', said) or ['?'])[0]}")
    if program:
        about = json.loads((Path(program).resolve().parents[1] / "package.json").read_text())
        found.append(f"Hygen {about['version']}")
    return ", ".join(found)


def page(tables: list[str], about: str, load: tuple[float, ...]) -> str:
    """The page of the documentation."""
    now = tuple(os.getloadavg())
    return "\n".join([
        "# Benchmarks", "",
        "Written by `make bench ARGUMENTS=--publish`; see `benchmarks/README.md`. Medians of runs side by side, in turns, with bytecode",
        "in place. mx shows its plan, writes a journal and syncs every file; the others just write. Compare the ratios, not the seconds.", "",
        f"{datetime.date.today()}, {platform.system()} {platform.machine()}, {os.cpu_count()} processors; {about}.",
        f"What else ran beside it: a load of {load[0]:.1f} when it began and of {now[0]:.1f} when it ended, its own of about 1 included.",
        "CPU seconds (user and system, children included) are what other programs disturb least, so the ratios are theirs.", "",
        "What an endpoint costs beside a bare FastAPI is [a page of its own](benchmarks-serving.md).", "",
        *tables,
    ])  # fmt: skip


def crowd(folder: Path) -> None:
    """Fill a folder with 10,000 files in a Git repository."""
    for part in range(100):
        place = folder / f"data{part}"
        place.mkdir()
        for number in range(100):
            (place / f"{number}.txt").touch()


def main() -> None:
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="counted runs of each command")
    parser.add_argument("--publish", action="store_true", help="write the tables to docs/benchmarks.md")
    parser.add_argument("--heavy", action="store_true", help="also measure --help beside MLflow and PyTorch")
    chosen = parser.parse_args()
    mine = mx_environment("mx")
    others = environment("others", "copier", "cookiecutter")
    generate = [str(mine / "mx"), "generate", "Bench", "demo", "--no-input"]
    commands: dict[str, Callable[[Path], list[str]]] = {
        "mx": lambda base: generate,
        "copier": lambda base: [
            str(others / "copier"),
            "copy",
            "--defaults",
            "--quiet",
            str(base / "copier"),
            "demo",
        ],
        "cookiecutter": lambda base: [str(others / "cookiecutter"), "--no-input", str(base / "cookiecutter")],
    }
    program = hygen()
    if program:
        commands["hygen"] = lambda base: [program, "bench", "new", "--name", "demo"]
    else:
        print("npm is missing, so Hygen is left out")
    nothing: Callable[[Path], object] = lambda folder: None  # noqa: E731
    load, tables = os.getloadavg(), []

    def show(title: str, medians: dict[str, Cost], to: str) -> None:
        tables.append(table(title, medians, to))
        print(tables[-1])

    title = f"{templates.FILES} templates of {templates.LINES} lines into an empty folder"
    medians = median_of(commands, chosen.rounds, nothing)
    show(title, medians, "copier")
    if program:
        print(f"mx is {medians['mx'].cpu / medians['hygen'].cpu:.2f} x hygen\n")
    crowded = median_of({"mx": commands["mx"]}, 3, nothing)
    several = median_of({"mx, 10,000 files beside": commands["mx"]}, 3, crowd)
    show("The same in a folder of 10,000 files", {**crowded, **several}, "mx")
    words = "import os; os.environ.update(_MX_COMPLETE='bash_complete', COMP_WORDS='mx generate ', COMP_CWORD='2'); "
    complete = [str(mine / "python"), "-c", f"{words}from mxdev.cli import main; main()"]
    helps = {
        "mx --help": lambda base: [str(mine / "mx"), "--help"],
        "completion of mx generate": lambda base: complete,
        "copier --help": lambda base: [str(others / "copier"), "--help"],
    }
    show("Help and completion", median_of(helps, chosen.rounds, nothing), "copier --help")
    made = median_of(
        {"mx --version": lambda base: [str(mine / "mx"), "--version"],
         "mx status": lambda base: ["sh", "-c", f"cd demo && exec {mine / 'mx'} status"]},
        chosen.rounds, lambda folder: _up_to_date(generate, mine, folder),
    )  # fmt: skip
    show("Status of an up-to-date project", made, "mx --version")
    if chosen.heavy:
        heavy = mx_environment("heavy", "mlflow", "torch", "copier")
        beside = {"mx --help": lambda base: [str(heavy / "mx"), "--help"],
                  "copier --help": lambda base: [str(heavy / "copier"), "--help"]}  # fmt: skip
        show("Help, beside MLflow and PyTorch", median_of(beside, chosen.rounds, nothing), "copier --help")
    if chosen.publish:
        text = page(tables, versions(mine, others, program), load)
        (REPOSITORY / "docs" / "benchmarks.md").write_text(text, encoding="utf-8")


def _up_to_date(generate: list[str], mine: Path, folder: Path) -> None:
    """Make a project, and look at it once: later looks remember what the first found."""
    subprocess.run(generate, cwd=folder, check=True, capture_output=True)
    subprocess.run([str(mine / "mx"), "status"], cwd=folder / "demo", check=True, capture_output=True)


if __name__ == "__main__":
    main()
