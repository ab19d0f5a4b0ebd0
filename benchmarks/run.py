"""Times mx, Copier, Cookiecutter and Hygen on the same templates and prints ratios. See README.md beside this file."""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

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


def seconds(command: list[str], cwd: Path) -> float:
    """The wall time of a run of `command`. CalledProcessError if it fails."""
    started = time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, stdin=subprocess.DEVNULL, capture_output=True,
                   env={**os.environ, "HYGEN_TMPLS": str(cwd.parent / "hygen" / "_templates")})  # fmt: skip
    return time.perf_counter() - started


def median_of(
    commands: dict[str, Callable[[Path], list[str]]], rounds: int, prepare: Callable[[Path], None]
) -> dict[str, float]:
    """The median seconds of each command, run in turns, each time in a fresh folder; the first round is not counted."""
    times: dict[str, list[float]] = {name: [] for name in commands}
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
                took = seconds(command(base), folder)
                if turn:
                    times[name].append(took)
                if len(list(folder.rglob("file*.txt"))) not in (0, templates.FILES):
                    raise SystemExit(f"{name} did not render {templates.FILES} files")
                shutil.rmtree(folder)
    return {name: statistics.median(found) for name, found in times.items()}


def report(title: str, medians: dict[str, float], to: str) -> None:
    """Print a table of medians and of the ratios to one of them."""
    print(f"\n{title}")
    for name, value in medians.items():
        print(f"  {name:<28} {value:7.3f} s   {value / medians[to]:6.2f} x {to}")


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
    medians = median_of(commands, chosen.rounds, lambda folder: None)
    report(f"{templates.FILES} templates of {templates.LINES} lines into an empty folder", medians, "copier")
    if program:
        print(f"  mx is {medians['mx'] / medians['hygen']:.2f} x hygen")
    crowded = median_of(
        {"mx, 10,000 files beside": commands["mx"], "mx": commands["mx"]}, 3, lambda folder: None
    )
    several = median_of({"mx, 10,000 files beside": commands["mx"]}, 3, crowd)
    report("the same in a folder of 10,000 files", {**crowded, **several}, "mx")
    helps = {
        "mx --help": lambda base: [str(mine / "mx"), "--help"],
        "copier --help": lambda base: [str(others / "copier"), "--help"],
    }
    report("help", median_of(helps, chosen.rounds, lambda folder: None), "copier --help")
    if chosen.heavy:
        heavy = mx_environment("heavy", "mlflow", "torch", "copier")
        beside = {"mx --help": lambda base: [str(heavy / "mx"), "--help"],
                  "copier --help": lambda base: [str(heavy / "copier"), "--help"]}  # fmt: skip
        report(
            "help, beside MLflow and PyTorch",
            median_of(beside, chosen.rounds, lambda folder: None),
            "copier --help",
        )


if __name__ == "__main__":
    main()
